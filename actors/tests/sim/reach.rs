//! What the fixed seeds must reach: a simulator that nothing happens in proves nothing.

use std::collections::BTreeMap;

/// How often each kind of thing happened: events by their names, and what was done to the world.
pub type Reached = BTreeMap<String, usize>;

/// Each of these happens at least [`TIMES_MIN`] times in each half of the fixed seeds.
const THINGS: [&str; 82] = [
    "actor died",
    "breakout/error",
    "breakout/expired",
    "breakout/joined",
    "breakout/left",
    "breakout/started",
    "breakout/stopped",
    "chat/chat_disabled",
    "chat/chat_enabled",
    "chat/error",
    "chat/group_chat_history_chunk",
    "chat/history_cleared",
    "chat/message_sent",
    "chat/private_chat_history_chunk",
    "chat/room_chat_history_chunk",
    "chat/search_results",
    "clock set",
    "control/error",
    "control/hand_lowered",
    "control/hand_raised",
    "control/join_blocked",
    "control/join_success",
    "control/joined",
    "control/left",
    "control/moderator_role_granted",
    "control/moderator_role_revoked",
    "control/not_resumed",
    "control/resumed",
    "control/role_updated",
    "control/room_deleted",
    "control/time_limit_quota_elapsed",
    "control/update",
    "crash, lost: Flipped",
    "crash, lost: Nothing",
    "crash, lost: Tail",
    "database away",
    "command sent again",
    "goes on",
    "goes on, having missed something",
    "journal put aside",
    "no room to go on in",
    "livekit/credentials",
    "livekit/error",
    "livekit/force_muted",
    "livekit/microphone_restrictions_disabled",
    "livekit/microphone_restrictions_enabled",
    "media compared",
    "moderation/accepted",
    "moderation/banned",
    "moderation/debriefing_started",
    "moderation/display_name_changed",
    "moderation/in_waiting_room",
    "moderation/joined_waiting_room",
    "moderation/kicked",
    "moderation/left_waiting_room",
    "moderation/raised_hand_reset_by_moderator",
    "moderation/sent_to_waiting_room",
    "moderation/session_ended",
    "moderation/waiting_room_enabled",
    "panic: task done",
    "panic: command",
    "panic: ended",
    "panic: seat taken",
    "panic: start",
    "panic: tick",
    "polls/done",
    "polls/live_update",
    "registry broken",
    "revived in memory",
    "room failed",
    "room over",
    "room revived",
    "socket cut",
    "stop",
    "ticket outlives actor",
    "token of before",
    "timer/stopped",
    "timer/updated_ready_status",
    "view compared",
    "whiteboard/error",
    "whiteboard/pdf_asset",
    "whiteboard/space_url",
];

const TIMES_MIN: usize = 3;

pub fn assert_everything_is_reached(reached: &Reached) {
    let count = |thing: &&&str| reached.get(**thing).copied().unwrap_or_default();
    let rare: Vec<_> = THINGS.iter().filter(|thing| count(thing) < TIMES_MIN).collect();
    assert!(
        rare.is_empty(),
        "{rare:?} happen less than {TIMES_MIN} times in {reached:#?}"
    );
}
