//! Logs of earlier versions: what this version wrote stays readable, and what an older one did not write is made up for.
//!
//! `UPDATE=1` writes `golden/meeting.log` anew, where the state of rooms has got fields; the others stay as they are.
#![expect(clippy::unwrap_used, reason = "what can't be read ends the test")]

mod trial;

use std::{fs, path::PathBuf, sync::Arc};

use colloquy_actors::{
    ids::{SessionNo, TokenHash},
    journal::{
        Log,
        format::{self, RULES_HASH},
    },
    logged::LoggedRoom,
    room::{
        Room, RoomSettings,
        effects::Effect,
        input::{Ending, Input, Start},
    },
};
use trial::{Kind, ROOM, Trial, command, logged, say};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn read(name: &str) -> Vec<u8> {
    fs::read(golden(name)).unwrap()
}

/// A log as if these rules had written it.
fn by_these_rules(log: &[u8]) -> Vec<u8> {
    let end = log.iter().position(|byte| *byte == b'\n').unwrap();
    let line = std::str::from_utf8(&log[..end]).unwrap();
    let (format, _) = line.rsplit_once(' ').unwrap();
    let mut bytes = format!("{format} {RULES_HASH}").into_bytes();
    bytes.extend_from_slice(&log[end..]);
    bytes
}

fn does(trial: &mut Trial, session: u64, text: &str) {
    trial.input(command(SessionNo(session), text));
}

/// A meeting in which everything is under way that a room keeps.
fn meeting() -> Trial {
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    let bob = trial.enter(Kind::User, "bob", 2);
    trial.enter(Kind::Guest, "carol", 3);
    trial.enter(Kind::Sip, "+49 30 123", 4);
    trial.input(say(SessionNo(1), "hello"));
    for text in [
        r#"{"namespace":"control","payload":{"action":"raise_hand"}}"#,
        r#"{"namespace":"chat","payload":{"action":"set_last_seen_timestamp","scope":"global","timestamp":"2026-01-01T00:00:00Z"}}"#,
    ] {
        does(&mut trial, 2, text);
    }
    let private = format!(
        r#"{{"namespace":"chat","payload":{{"action":"send_message","scope":"private","target":"{bob}","content":"between us"}}}}"#
    );
    let breakout = format!(
        r#"{{"namespace":"breakout","payload":{{"action":"start","duration":600,"rooms":[{{"name":"one","assignments":["{bob}"]}},{{"name":"two","assignments":[]}}]}}}}"#
    );
    for text in [
        &*private,
        r#"{"namespace":"polls","payload":{"action":"start","topic":"lunch","live":true,"choices":["soup","rice"],"duration":60}}"#,
        r#"{"namespace":"timer","payload":{"action":"start","kind":"countdown","duration":120,"title":"break","enable_ready_check":true}}"#,
        r#"{"namespace":"moderation","payload":{"action":"disable_raise_hands"}}"#,
        r#"{"namespace":"moderation","payload":{"action":"enable_waiting_room"}}"#,
        &*breakout,
    ] {
        does(&mut trial, 1, text);
    }
    trial.enter(Kind::Guest, "dan", 5);
    trial.start(Start {
        ticket: Some(TokenHash::of("ticket")),
        ..trial::start(Kind::Guest, "erin", TokenHash::of("erin"))
    });
    let (session, how) = (SessionNo(3), Ending::Lost);
    trial.input(Input::Ended { session, how });
    trial
}

#[tokio::test]
async fn a_meeting_reads_as_it_was_written() {
    let trial = meeting();
    let half = trial.inputs.len() / 2;
    let mut room = LoggedRoom::create(
        Room::new(ROOM, RoomSettings::default()),
        Log::Memory(Vec::new()),
        Arc::default(),
    )
    .unwrap();
    logged::play(&mut room, &trial.inputs[..half]).await.unwrap();
    let mut bytes = format::begin(room.room()).unwrap();
    bytes.extend(format::encode_inputs(&trial.inputs[half..]).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(golden("meeting.log"), &bytes).unwrap();
    }
    assert!(
        bytes == by_these_rules(&read("meeting.log")),
        "rooms are written otherwise: what becomes of logs that lie on disks? Then UPDATE=1"
    );
    let opened = LoggedRoom::open(Log::Memory(bytes), Arc::default()).unwrap();
    assert_eq!(*opened.room(), trial.room);
}

/// A version whose modules had no state of their own left the same meeting.
#[test]
fn a_meeting_of_before_there_were_modules_goes_on() {
    let bytes = by_these_rules(&read("before_modules.log"));
    let opened = LoggedRoom::open(Log::Memory(bytes), Arc::default()).unwrap();
    assert_eq!(as_of_then(opened.room()), as_of_then(&meeting().room));
    assert_eq!(opened.room().ring(), meeting().room.ring());
}

fn in_namespace(namespace: &str, payload: &str) -> String {
    format!(r#"{{"namespace":"{namespace}","payload":{payload}}}"#)
}

/// An id in the first event of the last input.
fn told(trial: &Trial, field: &str) -> String {
    let text = trial
        .effects
        .last()
        .unwrap()
        .iter()
        .find_map(|effect| match effect {
            Effect::Send { frame, .. } => Some(frame.to_string()),
            _ => None,
        });
    let event: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
    event["payload"][field].as_str().unwrap().to_owned()
}

/// One poll that is over, and one with live results that are to go out in a moment.
fn hold_polls(trial: &mut Trial) {
    let start = r#"{"action":"start","topic":"lunch","live":true,"choices":["soup","rice"],"duration":60}"#;
    does(trial, 1, &in_namespace("polls", start));
    let finish = format!(r#"{{"action":"finish","id":"{}"}}"#, told(trial, "id"));
    does(trial, 1, &in_namespace("polls", &finish));
    does(trial, 1, &in_namespace("polls", start));
    let poll = told(trial, "id");
    for (session, choice) in [(2, 0), (1, 1)] {
        let vote = format!(r#"{{"action":"vote","poll_id":"{poll}","choice_id":{choice}}}"#);
        does(trial, session, &in_namespace("polls", &vote));
    }
}

/// One timer that is over, and one for which somebody is ready.
fn run_timers(trial: &mut Trial) {
    let stopwatch = r#"{"action":"start","kind":"stopwatch"}"#;
    does(trial, 1, &in_namespace("timer", stopwatch));
    let stop = format!(r#"{{"action":"stop","timer_id":"{}"}}"#, told(trial, "timer_id"));
    does(trial, 1, &in_namespace("timer", &stop));
    let countdown = r#"{"action":"start","kind":"countdown","duration":120,"enable_ready_check":true}"#;
    does(trial, 1, &in_namespace("timer", countdown));
    let timer = told(trial, "timer_id");
    let ready = format!(r#"{{"action":"update_ready_status","timer_id":"{timer}","status":true}}"#);
    does(trial, 2, &in_namespace("timer", &ready));
}

/// A meeting with LiveKit in which everything is under way that a room keeps, or has just ended.
fn full_meeting() -> Trial {
    let mut trial = Trial::new(RoomSettings::default());
    let token = TokenHash::of("alice 1");
    let mut start = trial::start(Kind::Owner, "alice", token);
    let tariff = &mut start.facts.as_mut().unwrap().tariff;
    let module = tariff.modules.values().next().unwrap().clone();
    tariff.modules.insert("livekit".into(), module);
    tariff.enabled_modules.insert("livekit".into());
    let alice = trial.start(start).unwrap();
    trial.input(trial::seat_taken(alice, token, SessionNo(1)));
    trial.input(trial::join(SessionNo(1), "alice"));
    let bob = trial.enter(Kind::User, "bob", 2);
    let carol = trial.enter(Kind::Guest, "carol", 3);
    trial.input(say(SessionNo(2), "hello"));
    hold_polls(&mut trial);
    run_timers(&mut trial);
    let restrict =
        format!(r#"{{"action":"enable_microphone_restrictions","unrestricted_participants":["{bob}"]}}"#);
    let grant = format!(r#"{{"action":"grant_screen_share_permission","participants":["{carol}"]}}"#);
    for (namespace, payload) in [
        ("livekit", &*restrict),
        ("livekit", &grant),
        ("chat", r#"{"action":"disable_chat"}"#),
    ] {
        does(&mut trial, 1, &in_namespace(namespace, payload));
    }
    let seen = r#"{"action":"set_last_seen_timestamp","scope":"global","timestamp":"2026-01-01T00:00:00Z"}"#;
    does(&mut trial, 2, &in_namespace("chat", seen));
    let search = r#"{"action":"search_history","term":"hello","scope":"global"}"#;
    does(&mut trial, 2, &in_namespace("chat", search));
    let (session, how) = (SessionNo(3), Ending::Lost);
    trial.input(Input::Ended { session, how });
    does(
        &mut trial,
        2,
        &in_namespace("control", r#"{"action":"raise_hand"}"#),
    );
    let breakout = r#"{"action":"start","duration":600,"rooms":[{"name":"one","assignments":[]}]}"#;
    does(&mut trial, 1, &in_namespace("breakout", breakout));
    trial
}

/// A room as far as that version knew it: it did not look at LiveKit, its calls had numbers, and the moderator heard what became of each.
fn as_of_then(room: &Room) -> serde_json::Value {
    let mut room = serde_json::to_value(room).unwrap();
    let is_of_then = |due: &serde_json::Value| due[0]["module"][0] != "livekit";
    room["agenda"].as_array_mut().unwrap().retain(is_of_then);
    room["meeting"].as_object_mut().unwrap().remove("began");
    // Its text depends on what lies in one place; rings are compared as such.
    room.as_object_mut().unwrap().remove("ring").unwrap();
    for space in room["meeting"]["modules"]["livekit"].as_array_mut().unwrap() {
        for field in ["looks", "to_permit"] {
            space[1].as_object_mut().unwrap().remove(field);
        }
    }
    let tasks = room["tasks"]["pending"].as_array_mut().unwrap();
    tasks.retain(|task| task["work"]["livekit"].get("look").is_none());
    for task in tasks {
        let task = task.as_object_mut().unwrap();
        task.remove("id").unwrap();
        task.remove("asked_by");
        for call in task["work"]["livekit"].as_object_mut().unwrap().values_mut() {
            call["room"].as_object_mut().unwrap().remove("began");
        }
    }
    room
}

/// Everything of that version is read: deadlines, calls to LiveKit, what clients show that are away. Calls had numbers then.
#[test]
fn all_of_a_meeting_of_before_there_were_modules_goes_on() {
    let bytes = by_these_rules(&read("before_modules_full.log"));
    let opened = LoggedRoom::open(Log::Memory(bytes), Arc::default()).unwrap();
    assert!(opened.room().pending_tasks().next().is_some());
    assert_eq!(as_of_then(opened.room()), as_of_then(&full_meeting().room));
    assert_eq!(opened.room().ring(), full_meeting().room.ring());
    opened.room().check().unwrap();
}

/// Fields that came since are what they were for everybody then.
#[test]
fn what_an_older_version_wrote_is_read() {
    let bytes = by_these_rules(&read("older.log"));
    let inputs = format::parse(&bytes).unwrap().inputs().count();
    let opened = LoggedRoom::open(Log::Memory(bytes), Arc::default()).unwrap();
    let room = opened.room();
    assert!(inputs > 0);
    assert_eq!(room.occupancy(), (4, 1));
    assert_eq!(room.check(), Ok(()));
}
