//! Journals: what was logged is there again, whatever happened to the file.
#![expect(
    clippy::unwrap_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

mod trial;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use colloquy_actors::{
    ids::{RoomId, SessionNo, Timestamp, TokenHash},
    journal::{
        Log,
        folder::{Folder, FolderError},
        format::RULES_HASH,
    },
    logged::LoggedRoom,
    protocol::limits::{POST_MORTEM_FILES_MAX, POST_MORTEM_SECS},
    room::{
        Room, RoomSettings,
        input::{Ending, Input},
    },
};
use trial::{
    BEGIN, Kind, ROOM, Trial, id_of,
    logged::{self, play},
    say,
};
use uuid::Uuid;

/// A folder that goes with the test.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("colloquy-{}", Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> Folder {
        Folder::open(&self.0, false).unwrap()
    }

    fn log(&self) -> PathBuf {
        self.0.join(ROOM.to_string()).with_extension("log")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A meeting with two who talk, as a log of inputs.
fn conversation() -> Trial {
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    trial.enter(Kind::Guest, "bob", 2);
    for content in ["hello", "hello yourself"] {
        trial.input(say(SessionNo(1), content));
        trial.input(say(SessionNo(2), content));
    }
    let (session, how) = (SessionNo(2), Ending::Lost);
    trial.input(Input::Ended { session, how });
    trial
}

fn empty() -> Room {
    Room::new(ROOM, RoomSettings::default())
}

/// A file log of the conversation, with the file's length after each input.
async fn logged_conversation(folder: &Folder, path: &Path) -> (Trial, Vec<usize>) {
    let trial = conversation();
    let mut room = LoggedRoom::create(empty(), folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    let length = || usize::try_from(fs::metadata(path).unwrap().len()).unwrap();
    let mut lengths = vec![length()];
    for stamped in &trial.inputs {
        play(&mut room, std::slice::from_ref(stamped)).await.unwrap();
        lengths.push(length());
    }
    assert_eq!(*room.room(), trial.room);
    assert_eq!(room.journal().bytes(), length());
    (trial, lengths)
}

fn open_bytes(bytes: &[u8]) -> LoggedRoom {
    LoggedRoom::open(Log::Memory(bytes.to_vec()), Arc::default()).unwrap()
}

#[tokio::test]
async fn a_file_gives_the_room_again() {
    for fsync in [false, true] {
        let temporary = Temporary::new();
        let folder = Folder::open(&temporary.0, fsync).unwrap();
        assert!(!folder.has(ROOM));
        let trial = conversation();
        let mut room = LoggedRoom::create(empty(), folder.log(ROOM).unwrap(), Arc::default()).unwrap();
        play(&mut room, &trial.inputs).await.unwrap();
        drop(room);
        assert!(folder.has(ROOM));
        let mut again = LoggedRoom::open(folder.log(ROOM).unwrap(), Arc::default()).unwrap();
        assert_eq!(*again.room(), trial.room);
        // It goes on where it was.
        let batch = again.stamp(vec![Input::Restarted], BEGIN, || 7);
        assert!(batch[0].at > trial.room.at(), "time never goes back");
        assert_eq!(play(&mut again, &batch).await.unwrap(), [true]);
        let once_more = LoggedRoom::open(folder.log(ROOM).unwrap(), Arc::default()).unwrap();
        assert_eq!(once_more.room(), again.room());
        logged::over(once_more.journal().delete()).await.unwrap();
        assert!(!folder.has(ROOM));
    }
}

#[tokio::test]
async fn a_tail_cut_at_any_byte_leaves_the_whole_inputs_before() {
    let temporary = Temporary::new();
    let folder = temporary.open();
    let (trial, lengths) = logged_conversation(&folder, &temporary.log()).await;
    let bytes = fs::read(temporary.log()).unwrap();
    for cut in 0..=bytes.len() {
        let log = Log::Memory(bytes[..cut].to_vec());
        if cut < lengths[0] {
            assert!(
                LoggedRoom::open(log, Arc::default()).is_err(),
                "{cut}: without a whole snapshot"
            );
            continue;
        }
        let opened = LoggedRoom::open(log, Arc::default()).unwrap();
        let whole = lengths.iter().rposition(|length| *length <= cut).unwrap();
        assert_eq!(opened.room().input_seq(), whole as u64, "cut at {cut}");
        if lengths.contains(&cut) {
            let mut room = empty();
            for stamped in &trial.inputs[..whole] {
                room.handle(&Arc::default(), stamped.clone());
            }
            assert_eq!(*opened.room(), room, "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn a_cut_file_is_written_on_from_its_last_whole_input() {
    let temporary = Temporary::new();
    let folder = temporary.open();
    let (_, lengths) = logged_conversation(&folder, &temporary.log()).await;
    let cut = lengths[lengths.len() - 2] + 5;
    let file = fs::OpenOptions::new().write(true).open(temporary.log()).unwrap();
    file.set_len(cut as u64).unwrap();
    let mut room = LoggedRoom::open(folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    assert_eq!(room.room().input_seq(), lengths.len() as u64 - 2);
    let batch = room.stamp(vec![Input::Restarted, say(SessionNo(1), "gone")], BEGIN, || 7);
    play(&mut room, &batch).await.unwrap();
    let again = LoggedRoom::open(folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    assert_eq!(again.room(), room.room());
}

#[tokio::test]
async fn a_flipped_byte_ends_the_log_there() {
    let temporary = Temporary::new();
    let folder = temporary.open();
    let (_, lengths) = logged_conversation(&folder, &temporary.log()).await;
    let bytes = fs::read(temporary.log()).unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        match LoggedRoom::open(Log::Memory(flipped), Arc::default()) {
            Ok(opened) if at >= lengths[0] => {
                let whole = lengths.iter().rposition(|length| *length <= at).unwrap();
                assert_eq!(opened.room().input_seq(), whole as u64, "flipped at {at}");
            }
            // In the line that names the rules: those of another build.
            Ok(opened) => {
                assert!(at < 128, "flipped at {at}: a broken snapshot was read");
                assert_eq!(opened.room().input_seq(), 0, "flipped at {at}");
            }
            Err(_) => assert!(at < lengths[0], "flipped at {at}: the snapshot is whole"),
        }
    }
}

#[tokio::test]
async fn other_rules_read_the_snapshot_only() {
    let temporary = Temporary::new();
    let folder = temporary.open();
    let mut trial = conversation();
    let mut room = LoggedRoom::create(empty(), folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    play(&mut room, &trial.inputs).await.unwrap();
    logged::snapshot(&mut room).await.unwrap();
    let begun = room.room().clone();
    trial.input(say(SessionNo(1), "only in the tail"));
    play(&mut room, &trial.inputs[trial.inputs.len() - 1..])
        .await
        .unwrap();
    drop(room);
    let text = String::from_utf8_lossy(&fs::read(temporary.log()).unwrap()).into_owned();
    assert!(text.contains(RULES_HASH) && text.contains("only in the tail"));
    let mut bytes = fs::read(temporary.log()).unwrap();
    let hash = text.find(RULES_HASH).unwrap();
    bytes[hash] = if bytes[hash] == b'0' { b'1' } else { b'0' };
    fs::write(temporary.log(), bytes).unwrap();
    let opened = LoggedRoom::open(folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    assert_eq!(*opened.room(), begun);
    // From now on it is a log of these rules.
    let text = String::from_utf8_lossy(&fs::read(temporary.log()).unwrap()).into_owned();
    assert!(text.contains(RULES_HASH) && !text.contains("only in the tail"));
}

#[tokio::test]
async fn what_is_logged_while_a_snapshot_is_written_follows_it() {
    let temporary = Temporary::new();
    let folder = temporary.open();
    for log in [Log::Memory(Vec::new()), folder.log(ROOM).unwrap()] {
        let mut trial = conversation();
        let mut room = LoggedRoom::create(empty(), log, Arc::default()).unwrap();
        play(&mut room, &trial.inputs).await.unwrap();
        let state = room.room().clone();
        let write_snapshot = room.journal_mut().stage(&state, None);
        trial.input(say(SessionNo(1), "meanwhile"));
        play(&mut room, &trial.inputs[trial.inputs.len() - 1..])
            .await
            .unwrap();
        let staged = write_snapshot();
        trial.input(say(SessionNo(1), "before it is adopted"));
        play(&mut room, &trial.inputs[trial.inputs.len() - 1..])
            .await
            .unwrap();
        let number = room.journal().last_snapshot();
        logged::adopt(&mut room, number, staged).await.unwrap();
        trial.input(say(SessionNo(1), "after"));
        play(&mut room, &trial.inputs[trial.inputs.len() - 1..])
            .await
            .unwrap();
        // All of it is read back, without the inputs that the snapshot replaced.
        assert_eq!(
            room.journal().rebuild(u64::MAX, &Arc::default())().unwrap(),
            trial.room
        );
        let read_back = room.journal().rebuild(0, &Arc::default())().unwrap();
        assert_eq!(read_back, state);
    }
    assert_eq!(names(&temporary.0), [format!("{ROOM}.log"), "lock".to_owned()]);
    let opened = LoggedRoom::open(folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    assert_eq!(opened.room().input_seq(), conversation().room.input_seq() + 3);
}

#[tokio::test]
async fn a_snapshot_that_failed_or_came_too_late_changes_nothing() {
    let temporary = Temporary::new();
    let folder = temporary.open();
    let trial = conversation();
    let mut room = LoggedRoom::create(empty(), folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    play(&mut room, &trial.inputs).await.unwrap();
    let state = room.room().clone();
    let failed = Err(std::io::Error::other("disk full").into());
    drop(room.journal_mut().stage(&state, None));
    let number = room.journal().last_snapshot();
    assert!(logged::adopt(&mut room, number, failed).await.is_err());
    // Nothing is being staged any more: what comes now is of no use.
    let late = {
        let write_snapshot = room.journal_mut().stage(&state, None);
        logged::snapshot(&mut room).await.unwrap();
        write_snapshot()
    };
    let number = room.journal().last_snapshot();
    logged::adopt(&mut room, number, late).await.unwrap();
    let opened = LoggedRoom::open(folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    assert_eq!(*opened.room(), state);
}

#[test]
fn only_young_journals_are_found_and_leftovers_go() {
    let temporary = Temporary::new();
    let folder = temporary.open();
    let (young, old) = (ROOM, RoomId(id_of("old")));
    for room in [young, old] {
        LoggedRoom::create(
            Room::new(room, RoomSettings::default()),
            folder.log(room).unwrap(),
            Arc::default(),
        )
        .unwrap();
    }
    let path = temporary.0.join(format!("{old}.log"));
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(601))
        .unwrap();
    fs::write(temporary.0.join(format!("{young}.staged-7")), "half of a snapsh").unwrap();
    fs::write(temporary.0.join("README"), "not ours").unwrap();
    assert_eq!(folder.index(Duration::from_mins(10)).unwrap(), [young]);
    assert_eq!(
        names(&temporary.0),
        [format!("{young}.log"), "README".to_owned(), "lock".to_owned()]
    );
}

#[tokio::test]
async fn only_the_newest_failed_journals_are_kept_and_none_is_revived() {
    let temporary = Temporary::new();
    let folder = temporary.open();
    let excess = 3;
    let minute = |number: i64| Timestamp::from_micros(BEGIN.as_micros() + number * 60_000_000);
    for number in 0..excess + i64::try_from(POST_MORTEM_FILES_MAX).unwrap() {
        let room = RoomId(id_of(&format!("room {number}")));
        let logged = LoggedRoom::create(
            Room::new(room, RoomSettings::default()),
            folder.log(room).unwrap(),
            Arc::default(),
        );
        let age = Duration::from_mins(100 - number.unsigned_abs());
        let path = temporary.0.join(format!("{room}.log"));
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        logged::over(logged.unwrap().journal().set_aside(minute(number)))
            .await
            .unwrap();
    }
    let kept = names(&temporary.0.join("post-mortem"));
    assert_eq!(kept.len(), POST_MORTEM_FILES_MAX);
    let oldest = format!("{}-{}.log", minute(excess).as_micros(), id_of("room 3"));
    assert_eq!(kept[0], oldest);
    assert_eq!(folder.index(Duration::MAX).unwrap(), []);
    // They hold what people wrote to each other: after a week they go, also when no other comes.
    let file = fs::File::options()
        .append(true)
        .open(temporary.0.join("post-mortem").join(oldest));
    let week = SystemTime::now() - Duration::from_secs(POST_MORTEM_SECS + 1);
    file.unwrap().set_modified(week).unwrap();
    folder.tidy().unwrap();
    assert_eq!(names(&temporary.0.join("post-mortem")), kept[1..]);
}

#[test]
fn a_folder_belongs_to_one_server() {
    let temporary = Temporary::new();
    let first = temporary.open();
    let second = Folder::open_within(&temporary.0, false, Duration::ZERO);
    assert!(matches!(second, Err(FolderError::Locked(path)) if path == temporary.0));
    drop(first);
    Folder::open_within(&temporary.0, false, Duration::ZERO).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn journals_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let temporary = Temporary::new();
    let path = temporary.0.join("rooms");
    let folder = Folder::open(&path, false).unwrap();
    let mut room = LoggedRoom::create(empty(), folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    logged::snapshot(&mut room).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join(format!("{ROOM}.log"))), 0o600);
}

#[test]
fn a_token_itself_is_never_written() {
    let mut trial = Trial::new(RoomSettings::default());
    let token = TokenHash::of("the token");
    trial.start(trial::start(Kind::Guest, "bob", token));
    let written = serde_json::to_string(&(&trial.room, &trial.inputs)).unwrap();
    assert!(!written.contains("the token"));
    assert!(written.contains(&serde_json::to_string(&token).unwrap()));
    assert_eq!(
        open_bytes(&colloquy_actors::journal::format::begin(&trial.room).unwrap()).room(),
        &trial.room
    );
}
