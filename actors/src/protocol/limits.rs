//! Every size and count of the live core, units last. Those marked * are defaults that operators may change.

/// A message from a client before it joined; a larger one closes with 1009.
pub const MESSAGE_BEFORE_JOIN_BYTES_MAX: usize = 16 * 1024;
/// A message from a client that joined; a larger one closes with 1009.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// * Commands per second of a session in the long run.
pub const COMMANDS_PER_SECOND: u32 = 20;
/// * Commands of a session at once.
pub const COMMANDS_BURST: u32 = 256;
/// What exceeds the burst is read later, by at most that much: clients expect an answer to their heartbeat within 10 s.
pub const PACE_SECS_MAX: u64 = 8;
/// That many refusals within [`REFUSALS_SECS`] close a session with 1008.
pub const REFUSALS_MAX: u32 = 1_000;
pub const REFUSALS_SECS: u32 = 10;
/// * Bytes per second of a session in the long run; one second's worth (but at least one message) at once.
pub const COMMAND_BYTES_PER_SECOND: u32 = 256 * 1024;
/// An `echo` up to this size is not counted.
pub const ECHO_FREE_BYTES: usize = 1024;
/// That many `echo` per second are not counted.
pub const ECHO_FREE_PER_SECOND: u32 = 10;
/// What the sessions of one network send in one room together, `join` excepted: as much in the long run as so many that send all they may, and the bursts of
/// so many. The server's own machine is not counted while it is developed on.
pub const NETWORK_RATES: u32 = 10;
pub const NETWORK_BURSTS: u32 = 2;
/// A command counts once for so many sockets that may hear of it.
pub const NETWORK_COMMAND_SOCKETS: usize = 100;
/// What each participant sends that counts for nobody else: so many commands, and one more in so many seconds.
pub const PARTICIPANT_SHARE: u32 = 5;
pub const PARTICIPANT_SHARE_SECS: u32 = 5;
/// Joins of one participant in the long run, one in so many seconds, and at once.
pub const PARTICIPANT_JOIN_SECS: u32 = 3;
pub const PARTICIPANT_JOINS_BURST: u32 = 10;
/// Joins of one network in one room, of participants who have not come lately.
pub const NETWORK_JOINS_PER_SECOND: u32 = 20;
pub const NETWORK_JOINS_BURST: u32 = 1_000;
/// What the sessions of one participant send, however many it has one after the other: so many times what one session may.
pub const PARTICIPANT_RATES: u32 = 2;
/// Networks that a room counts for; above it those that say nothing are forgotten.
pub const NETWORKS_KEPT: usize = 1_000;
/// Commands of one session that its room has not yet handled.
pub const SESSION_UNHANDLED_COMMANDS_MAX: usize = 256;
/// And bytes of them; one always goes.
pub const SESSION_UNHANDLED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Frames waiting for one session's writer.
pub const SESSION_QUEUE_FRAMES_MAX: usize = 4_096;
/// Bytes of frames that one session has not taken; one of any size is accepted where none waits.
pub const SESSION_QUEUE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of frames that somebody has not taken, of all together; what many get counts once. Above it those sessions are cut that hold most
/// for longest, until an eighth is free.
pub const ALL_QUEUES_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Frames that a writer takes and flushes together.
pub const WRITER_BATCH_FRAMES: usize = 64;
/// Read buffer of a socket: clients say little at a time (the library's default is 128 KiB, per socket).
pub const SOCKET_READ_BYTES: usize = 1024;
/// What a socket collects before it writes.
pub const SOCKET_WRITE_BYTES: usize = 4 * 1024;
/// A frame as long as this is written at once: the buffer of a quiet socket stays small.
pub const SOCKET_LONG_FRAME_BYTES: usize = 2 * 1024;
/// Payload of the frames that the library gets and sends: it keeps room for the longest. Longer ones are cut into pieces; whole
/// masks of four bytes.
pub const SOCKET_FRAME_BYTES_MAX: usize = 8 * 1024;
/// Unsent bytes that a socket holds before writing fails.
pub const SOCKET_UNSENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The server pings a client that often.
pub const PING_INTERVAL_SECS: u64 = 15;
/// Without a pong for that long the socket is dropped.
pub const PONG_TIMEOUT_SECS: u64 = 20;
/// A client that takes nothing for that long is cut.
pub const WRITE_STALL_SECS: u64 = 10;
/// Wait for the other side's close frame.
pub const CLOSE_WAIT_SECS: u64 = 2;

/// A ticket can be redeemed for that long.
pub const TICKET_SECS: u64 = 30;
/// A resumption token stays good for that long after its session ended.
pub const RESUMPTION_SECS: u64 = 120;
/// Ids of one user in one room whose tickets nobody redeemed yet; of more, the oldest goes.
pub const UNREDEEMED_PER_USER_MAX: usize = 8;
/// The same for the guests of one network.
pub const UNREDEEMED_PER_NETWORK_MAX: usize = 256;
/// The same for a room as a whole: far more than all tickets of 30 s from any honest crowd.
pub const UNREDEEMED_PER_ROOM_MAX: usize = 20_000;
/// Tokens of removed participants that a room remembers as void.
pub const VOID_TOKENS_MAX: usize = 10_000;
/// A place under a participant limit is kept for that long for somebody who closed with a good token.
pub const SEAT_KEPT_SECS: u64 = 30;
/// Whoever was kicked is made to wait for that long, if it comes back as somebody new.
pub const TRACE_SECS: u64 = 600;
/// Traces of kicked participants that a meeting remembers.
pub const TRACES_MAX: usize = 1_000;
/// * Participants who wait in a meeting, of them with one invite code, and of these from one network.
pub const WAITING_MAX: usize = 1_000;
pub const WAITING_PER_CODE_MAX: usize = 500;
pub const WAITING_PER_NETWORK_MAX: usize = 300;
/// So many of one network wait whatever others with their code do: two full networks must not shut a link.
pub const WAITING_PER_NETWORK_KEPT: usize = 20;
/// * A socket must join, or be put to wait, within that time.
pub const JOIN_DEADLINE_SECS: u64 = 60;
/// A blocked client asks again, in a hidden tab every minute: it has that long after each `join`.
pub const JOIN_AGAIN_SECS: u64 = 180;
/// A message must be whole that long after its first byte.
pub const MESSAGE_SECS_MAX: u64 = 30;
/// Where the long messages of all clients that have come in part take more than this, each has no more time than that.
pub const UNFINISHED_BYTES_MAX: usize = 128 * 1024 * 1024;
pub const LONG_MESSAGE_SECS_MIN: u64 = 2;
/// Fragments of one message.
pub const MESSAGE_FRAGMENTS_MAX: usize = 1_024;
/// What was sent to a client so shortly before its connection was found broken may not have arrived: a ping and its pong
/// take that long together.
pub const UNHEARD_SECS: u64 = 40;
const _: () = assert!(UNHEARD_SECS > PING_INTERVAL_SECS + PONG_TIMEOUT_SECS);
/// The same of a client that closes by itself: it reads what comes, but for what is on the way at that moment.
pub const UNHEARD_AT_CLOSE_SECS: u64 = 3;
/// Private messages that are told again to somebody who missed them.
pub const MISSED_MESSAGES_MAX: usize = 100;
/// Tokens of one participant that are good at the same time: the joined one and its newest successors.
pub const TOKENS_PER_PARTICIPANT_MAX: usize = 4;
/// Living rooms of one owner in which nobody has joined yet.
pub const LIVING_EMPTY_ROOMS_MAX: usize = 10;
/// Inputs waiting for one room; above it `start` answers 503.
pub const ROOM_WAITING_INPUTS_MAX: usize = 8_192;
/// Inputs that a room handles in one turn.
pub const TURN_INPUTS_MAX: usize = 256;
/// Bytes of the commands among them: what is logged at once must not keep other rooms waiting. One of any size is taken.
pub const TURN_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of commands that wait for a room; over it commands get `rate_limit_exceeded`.
pub const ROOM_WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Networks of a participant that are remembered, for the traces of a kick.
pub const NETWORKS_PER_PARTICIPANT_MAX: usize = 8;
/// A deleted room's id is refused for that long.
pub const DELETED_ROOM_SECS: u64 = 120;
/// Callers whose inputs make a room's rules panic within [`PANIC_WINDOW_SECS`], or deaths of its actor, before the room begins anew.
pub const PANICS_MAX: usize = 3;
/// Panics of whomever within that time: each has the room rebuilt.
pub const PANICS_OF_ALL_MAX: usize = 100;
pub const PANIC_WINDOW_SECS: u64 = 60;
/// Journals put aside for post-mortem.
pub const POST_MORTEM_FILES_MAX: usize = 20;
pub const POST_MORTEM_SECS: u64 = 7 * 24 * 3600;
/// A journal's tail longer than this, and than the last snapshot, is replaced by a snapshot.
pub const JOURNAL_TAIL_BYTES: usize = 1024 * 1024;
/// One that is longer than this is replaced after [`JOURNAL_SNAPSHOT_AGE_SECS`] too.
pub const JOURNAL_AGED_TAIL_BYTES: usize = 64 * 1024;
pub const JOURNAL_SNAPSHOT_AGE_SECS: u64 = 5 * 60;
/// So long after a meeting began there is a snapshot that knows of it.
pub const JOURNAL_MEETING_AGE_SECS: u64 = 30;
/// A record of a journal; larger lengths are read as corruption.
pub const JOURNAL_RECORD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Events that a room keeps for clients that resume from a number, how many bytes of them, and for how long.
pub const RING_EVENTS_MAX: usize = 512;
pub const RING_BYTES_MAX: usize = 256 * 1024;
pub const RING_SECS: u64 = 120;
/// So many events and bytes while more people than this are inside.
pub const LARGE_RING_PEOPLE: u32 = 50;
pub const LARGE_RING_EVENTS_MAX: usize = 8_192;
pub const LARGE_RING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the rings of all rooms of a process take together. Above it the large ones let go of their older half, down to this.
pub const RINGS_BYTES_MAX: usize = 256 * 1024 * 1024;
pub const RING_BYTES_KEPT: usize = 64 * 1024;

/// * A participant stays listed for that long after its connection broke.
pub const RECONNECT_GRACE_SECS: u64 = 15;
/// A socket whose room broke is closed when it could not go on for so long.
pub const REATTACH_SECS: u64 = 10;
/// A frame between two nodes of a cluster; longer ones are nonsense.
pub const LINK_FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a room has waiting for the sockets of one other node; over it these look for their room anew.
pub const OUTLET_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a room writes to another node before others have their turn.
pub const OUTLET_TURN_BYTES: usize = 64 * 1024;
/// After a restart at least this, whatever the setting says.
pub const REVIVAL_GRACE_SECS: u64 = 15;
/// * A meeting's state is kept for that long after the last departure.
pub const MEETING_GRACE_SECS: u64 = 60;
/// Departed participants that a meeting remembers.
pub const DEPARTED_PARTICIPANTS_MAX: usize = 1_000;
/// So many more are remembered because kept messages name them. Whoever is forgotten takes its messages along, and all that
/// are older.
pub const DEPARTED_AUTHORS_MAX: usize = 1_000;
/// A display name, in Unicode scalar values.
pub const DISPLAY_NAME_CHARS_MAX: usize = 100;

/// Content of a chat message; the rest is cut at a character border, before anything else is done with it.
pub const CHAT_MESSAGE_BYTES_MAX: usize = 4_096;
/// * Messages kept per scope.
pub const CHAT_MESSAGES_PER_SCOPE_MAX: usize = 1_000;
/// All kept messages of a meeting, in all its rooms, as a snapshot writes them, and what is kept beside them to be
/// searched. The oldest message of the meeting goes first.
pub const CHAT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What the chat of a meeting may take at the least, however many rooms of its owner live: each further one gets that part
/// of [`CHAT_BYTES_MAX`] that it would get if all were alike.
pub const CHAT_BYTES_MIN: usize = 4 * 1024 * 1024;
/// What a kept message counts beside its texts.
pub const CHAT_MESSAGE_OVERHEAD_BYTES: usize = 256;
/// Messages in one chunk of history.
pub const CHAT_CHUNK_MESSAGES_MAX: usize = 100;
/// All histories in one `join_success`, encoded.
pub const JOIN_HISTORY_BYTES_MAX: usize = 512 * 1024;
/// The histories of all groups of a participant in one `join_success`: clients can't ask for more of them.
pub const JOIN_GROUPS_BYTES_MAX: usize = 128 * 1024;
/// A search term, in Unicode scalar values.
pub const SEARCH_TERM_CHARS_MIN: usize = 2;
pub const SEARCH_TERM_CHARS_MAX: usize = 255;
/// Searches per second of one session, and of all sessions of a room.
pub const SEARCHES_PER_SESSION_SECOND: u32 = 3;
pub const SEARCHES_PER_ROOM_SECOND: u32 = 50;
/// What the searches of one participant, and of all of a room, look through in a second. After a pause one may take more: a history that
/// is larger can be searched too, only less often.
pub const SEARCH_BYTES_PER_SESSION_SECOND: u64 = 2 * 1024 * 1024;
pub const SEARCH_BYTES_PER_ROOM_SECOND: u64 = 8 * 1024 * 1024;
/// What those of a room have at the least, however many rooms of its owner live: each further one gets that part of
/// [`SEARCH_BYTES_PER_ROOM_SECOND`] that it would get if all were alike.
pub const SEARCH_BYTES_PER_ROOM_SECOND_MIN: u64 = 512 * 1024;
/// Chunks of histories that a participant, and all of a meeting, get in a second: each may have [`JOIN_HISTORY_BYTES_MAX`]. A
/// client that reads all of a scope ([`CHAT_MESSAGES_PER_SCOPE_MAX`]) as fast as it can is not refused.
pub const CHUNKS_PER_SESSION_SECOND: u32 = 12;
pub const CHUNKS_PER_ROOM_SECOND: u32 = 64;
/// Groups of one user that count.
pub const GROUPS_PER_USER_MAX: usize = 100;
/// The name of a group, in Unicode scalar values.
pub const GROUP_NAME_CHARS_MAX: usize = 255;

/// Participants that one command names.
pub const COMMAND_PARTICIPANTS_MAX: usize = 1_000;

/// Breakout rooms of a meeting.
pub const BREAKOUT_ROOMS_MAX: usize = 100;
/// The name of a breakout room, in Unicode scalar values.
pub const BREAKOUT_NAME_CHARS_MAX: usize = 100;
/// Assignments of all breakout rooms together.
pub const BREAKOUT_ASSIGNMENTS_MAX: usize = 10_000;
/// A duration up to this, from a client that says minutes and means them, counts minutes.
pub const BREAKOUT_MINUTES_MAX: u64 = 59;
/// Whoever is still in a breakout room that long after its end is sent out.
pub const BREAKOUT_LEAVE_SECS: u64 = 300;

/// Title and style of a timer, and the reason of its end, in Unicode scalar values.
pub const TIMER_TITLE_CHARS_MAX: usize = 255;
pub const TIMER_STYLE_CHARS_MAX: usize = 64;

/// The topic of a poll, in Unicode scalar values.
pub const POLL_TOPIC_CHARS_MIN: usize = 2;
pub const POLL_TOPIC_CHARS_MAX: usize = 500;
/// Choices of a poll, and the characters of one.
pub const POLL_CHOICES_MIN: usize = 2;
pub const POLL_CHOICES_MAX: usize = 64;
pub const POLL_CHOICE_CHARS_MAX: usize = 255;
/// How long a poll runs.
pub const POLL_SECS_MIN: u64 = 2;
pub const POLL_SECS_MAX: u64 = 3_600;
/// Live results go out at most that often: ten times a second.
pub const POLL_LIVE_INTERVAL_MILLIS: i64 = 100;

/// The title, subtitle and topic of a formal vote, why it is cancelled, and what does not work for a voter, in Unicode scalar values.
pub const LEGAL_VOTE_NAME_CHARS_MAX: usize = 150;
pub const LEGAL_VOTE_SUBTITLE_CHARS_MAX: usize = 255;
pub const LEGAL_VOTE_TOPIC_CHARS_MAX: usize = 500;
pub const LEGAL_VOTE_CANCEL_CHARS_MAX: usize = 255;
pub const LEGAL_VOTE_ISSUE_CHARS_MAX: usize = 1_000;
/// How long a formal vote may run, where it has a limit: up to seven days.
pub const LEGAL_VOTE_SECS_MIN: u64 = 5;
pub const LEGAL_VOTE_SECS_MAX: u64 = 604_800;
/// Votes of a room, its breakout rooms included, that begin in the long run, one in that time, and so many at once.
pub const LEGAL_VOTE_START_INTERVAL_SECS: u64 = 10;
pub const LEGAL_VOTE_STARTS_BURST: u32 = 10;
/// Issues that a user reports of one vote; more are dropped.
pub const LEGAL_VOTE_ISSUES_MAX: u8 = 10;
/// Votes go out at most ten times a second, and less often where what goes out to all is larger than so many bytes in a millisecond.
pub const LEGAL_VOTE_INTERVAL_MILLIS: i64 = 100;
pub const LEGAL_VOTE_BYTES_PER_MILLI: u64 = 20_000;
/// Votes of one room of a meeting that are over and still shown, and the entries of their records; the last one is kept in any case.
pub const LEGAL_VOTES_KEPT_MAX: usize = 50;
pub const LEGAL_VOTE_ENTRIES_KEPT_MAX: usize = 5_000;
/// Comings and goings of voters while a vote ran, as its report tells them, of one of them at most so many; and issues. What comes then is left
/// out, and the report says how much that was.
pub const LEGAL_VOTE_EVENTS_MAX: usize = 4_000;
pub const LEGAL_VOTE_MOVES_PER_USER_MAX: u8 = 100;
pub const LEGAL_VOTE_ISSUES_TOLD_MAX: usize = 2_000;
/// Entries of a list of speakers: of those who remain, and of those who have spoken, whose oldest then go.
pub const AUTOMOD_LIST_MAX: usize = 10_000;
/// How long somebody speaks, where there is a limit.
pub const AUTOMOD_SPEECH_MILLIS_MIN: u32 = 100;
pub const AUTOMOD_SPEECH_MILLIS_MAX: u32 = 24 * 60 * 60 * 1_000;
/// Clients show for so long how somebody is chosen at random.
pub const AUTOMOD_ANIMATION_SECS: u64 = 8;
/// Entries of lists of speakers that everybody is told in a second, in the long run; each change is told with whole lists. After a
/// pause two seconds' worth, or any list, go at once. What changes faster is told together.
pub const AUTOMOD_ENTRIES_PER_SECOND: u32 = 5_000;
pub const AUTOMOD_ENTRIES_BURST_SECS: u64 = 2;

/// Targets that one command names: more than a room can have (100 of its owner, and its recording).
pub const STREAMING_TARGETS_NAMED_MAX: usize = 200;
/// Streaming targets of a room that a meeting knows.
pub const LIVESTREAMS_MAX: usize = 100;
/// What a recorder says is wrong, in Unicode scalar values; the rest is cut.
pub const STREAM_ERROR_CODE_CHARS_MAX: usize = 100;
pub const STREAM_ERROR_MESSAGE_CHARS_MAX: usize = 500;
/// A recorder must come that long after it was asked for, or after one has taken the work.
pub const RECORDER_COMES_SECS: u64 = 5;
/// What a recorder is to begin with runs that long after it has come, or was told to.
pub const RECORDER_BEGINS_SECS: u64 = 30;
/// How often in a row another recorder is asked for where one has gone in the middle. One that stays for
/// [`RECORDER_STAYS_SECS`] ends the row.
pub const RECORDERS_IN_A_ROW_MAX: u8 = 3;
pub const RECORDER_STAYS_SECS: u64 = 60;
/// Asking the database for the streaming targets of a room may take that long, and is tried again after that.
pub const LIVESTREAMS_READ_SECS: u64 = 10;

/// Whisper groups of a meeting, those that one participant talks in, and members of one.
pub const WHISPER_GROUPS_MAX: usize = 1_000;
pub const WHISPER_GROUPS_PER_PARTICIPANT_MAX: usize = 10;
pub const WHISPER_MEMBERS_MAX: usize = 100;

/// A LiveKit access token is good for that long.
pub const LIVEKIT_TOKEN_SECS: u64 = 32;
/// Popout windows of one participant: a further one takes the place of the first.
pub const POPOUTS_PER_PARTICIPANT_MAX: u32 = 4;
/// A popout window gets its token when its participant has been in the room for that long.
pub const POPOUT_AFTER_SECS: u64 = 10;
/// Popout windows of one participant that wait for that.
pub const POPOUTS_WAITING_MAX: u8 = 16;
/// What one look at a room of LiveKit tells of each kind; there is another look for what is left.
pub const LOOK_DIFFERENCES_MAX: usize = 128;
/// Whom LiveKit shows so long after a moderator has removed it has come back; before that it may not have gone.
pub const STRAY_LEAVES_SECS: u64 = 3;
/// A room of LiveKit that somebody is in is looked at that often, and that often where LiveKit tells us itself who comes.
pub const LOOK_EVERY_SECS: u64 = 60;
pub const LOOK_EVERY_SECS_WITH_WEBHOOKS: u64 = 300;
/// What LiveKit tells by itself of one room in a second; what is more is found by looking.
pub const SIGHTINGS_PER_SECOND_MAX: u32 = 20;
/// LiveKit's number of a connection, as far as it is remembered.
pub const LIVEKIT_SID_CHARS_MAX: usize = 64;
/// Those of one room whom LiveKit does not let go, as far as they are remembered.
pub const STRAYS_MAX: usize = 1_000;
/// Of those of them whom a moderator has removed, so many have the trace of somebody who was kicked after one look.
pub const STRAYS_REMEMBERED_AT_ONCE: usize = 16;
/// Whom LiveKit can't remove so often in a row, over so long, it does not reach itself; it is tried again that often.
pub const GHOST_AFTER_REFUSALS: u8 = 6;
pub const GHOST_AFTER_SECS: u64 = 180;
pub const GHOST_RETRY_SECS: u64 = 300;
/// Participants whom LiveKit is told of together, what they may publish.
pub const PERMITS_AT_ONCE: usize = 32;
/// Removals from one room of LiveKit under way; where there are more, a look finds who is left.
pub const REMOVALS_AT_ONCE: usize = 8;
/// What a room wants done outside, e.g. calls to LiveKit, and is not done yet; more is not asked for.
pub const TASKS_PER_ROOM_MAX: usize = 4_096;
/// What LiveKit is asked for may take that long, with all calls that it consists of.
pub const LIVEKIT_TASK_SECS: u64 = 60;
/// A look waits for its turn, too: there are ten in a second.
pub const LIVEKIT_LOOK_SECS: u64 = 300;
/// The minutes of a vote are kept within this time, or not at all.
pub const VOTE_MINUTES_SECS: u64 = 50;
/// Minutes of votes that are kept of one room; the oldest go.
pub const VOTE_MINUTES_PER_ROOM_MAX: u32 = 200;
/// A whiteboard is there so long after it was asked for, or not at all.
pub const WHITEBOARD_CREATE_SECS: u64 = 10;
/// Its deletion is tried for that long.
pub const WHITEBOARD_DELETE_SECS: u64 = 60;
/// Its PDF is made, fetched and stored within that time.
pub const WHITEBOARD_PDF_SECS: u64 = 90;
/// What Etherpad is asked for may take that long, with all requests that it consists of.
pub const NOTES_TASK_SECS: u64 = 60;
/// A PDF of a pad is made, fetched and stored within that time.
pub const NOTES_PDF_SECS: u64 = 90;
/// Sessions of a room at Etherpad that are made or ended at the same time.
pub const NOTES_TASKS_AT_ONCE: usize = 4;
/// What failed there is tried again so long after, and so often in a row; then that participant is left out.
pub const NOTES_RETRY_SECS: u64 = 5;
pub const NOTES_FAILURES_MAX: u8 = 4;
/// A session at Etherpad ends by itself after that time, and is made anew before.
pub const NOTES_SESSION_SECS: u64 = 2 * 3600;
pub const NOTES_RENEWAL_SECS: u64 = 110 * 60;
const _: () = assert!(NOTES_RENEWAL_SECS + NOTES_TASK_SECS < NOTES_SESSION_SECS);
/// Times that it is tried to end a session; then it ends by itself.
pub const NOTES_DISMISSAL_TRIES_MAX: u8 = 20;
/// Sessions that are still to be ended; of more the oldest end by themselves.
pub const NOTES_DISMISSALS_MAX: usize = 1_000;
/// A dropped meeting's room waits that long for its tasks.
pub const TASKS_AFTER_MEETING_SECS: u64 = 60;
/// A report may take that long, also for a room whose meeting was dropped.
pub const REPORT_TASK_SECS: u64 = 900;
/// Reports of one kind that a room wants made, besides the one that is being made; more is refused.
pub const REPORTS_WAITING_MAX: usize = 4;
/// Attendance reports that a room is asked for in the long run, one in that time, and so many at once; of reports of votes once more, PDFs of
/// pads and PDFs of whiteboards the same each.
pub const REPORT_INTERVAL_SECS: u64 = 10;
pub const REPORTS_BURST: u32 = 6;
/// Those who have left a room of the meeting and stand in its attendance report, of all its rooms together. Where there are more, an eighth of
/// them goes at once: guests and callers first, of these who stayed shortest.
pub const DEPARTED_ATTENDEES_MAX: usize = 10_000;
/// A delay until trainees are asked, and by how much more chance may prolong it.
pub const TRAINING_DELAY_SECS_MAX: u64 = 7 * 24 * 3600;
/// They are asked at most that often.
pub const CHECKPOINT_SECS_MIN: u64 = 1;
/// Checkpoints of one training report, and confirmations; with the next checkpoint another report begins.
pub const CHECKPOINTS_MAX: usize = 500;
pub const CONFIRMATIONS_MAX: usize = 50_000;
/// Trainees of one report. Where more come, those are left out who are gone and never said to be there, then newcomers.
pub const TRAINEES_MAX: usize = 10_000;
/// No trainee is left for that long after the last has closed: whoever moves to another room is back by then.
pub const TRAINEES_AWAY_SECS: u64 = 3;
