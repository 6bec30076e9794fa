//! What a meeting keeps of its chat, and what it looks at of that, is bounded.
#![expect(
    clippy::unwrap_used,
    reason = "somebody who can't come in ends the test, also outside of its own function"
)]

mod trial;

use colloquy_actors::{
    ids::{ParticipantId, SessionNo, Timestamp, TokenHash},
    protocol::limits::{
        CHAT_BYTES_MAX, CHAT_MESSAGE_BYTES_MAX, CHAT_MESSAGE_OVERHEAD_BYTES, DEPARTED_PARTICIPANTS_MAX,
        LARGE_RING_BYTES_MAX, SEARCH_BYTES_PER_SESSION_SECOND,
    },
    room::{
        Room, RoomSettings,
        cost::Cost,
        effects::{Effect, Effects},
        input::{Ending, Input, Start},
    },
};
use serde_json::{Value, json};
use trial::{Kind, Trial, command, issued, join, say, start};

const ALICE: SessionNo = SessionNo(1);

/// The payload of the first event that the input brought.
fn payload(effects: &Effects) -> Value {
    let frames = effects.list.iter().filter_map(|effect| match effect {
        Effect::Send { frame, .. } => serde_json::from_str::<Value>(frame).ok(),
        _ => None,
    });
    frames
        .map(|envelope| envelope["payload"].clone())
        .next()
        .unwrap_or_default()
}

/// Handles an input without keeping it for a replay of everything.
fn tell(trial: &mut Trial, input: Input) -> Effects {
    let stamped = trial.stamp(input);
    trial.now = stamped.at;
    trial.room.handle(&trial.livekit, stamped)
}

fn search(term: &str) -> Input {
    let command = json!({"action": "search_history", "scope": "global", "term": term});
    trial::command(
        ALICE,
        &json!({"namespace": "chat", "payload": command}).to_string(),
    )
}

#[test]
fn a_search_looks_at_all_once_and_only_within_its_budget() {
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    for _ in 0..1_000 {
        trial.input(say(ALICE, &"a".repeat(CHAT_MESSAGE_BYTES_MAX)));
    }
    trial.now = Timestamp::from_micros((trial.now.as_secs() + 1) * 1_000_000);
    let all = 1_000 * (CHAT_MESSAGE_BYTES_MAX + CHAT_MESSAGE_OVERHEAD_BYTES) as u64;
    // A term for which looking at each place anew takes longest.
    let term = format!("{}b", "a".repeat(254));
    // After a pause one may look at more than a second has.
    for _ in 0..(SEARCH_BYTES_PER_SESSION_SECOND / all).max(1) {
        let effects = trial.input(search(&term));
        assert_eq!(payload(&effects)["matches"]["messages"], json!([]));
        assert_eq!(
            effects.cost,
            Cost {
                bytes: all,
                entries: 0
            }
        );
    }
    let effects = trial.input(search(&term));
    assert_eq!(payload(&effects)["message"], "rate_limit_exceeded");
    assert_eq!(effects.cost, Cost::default(), "nothing is looked at");
    trial.now = trial.now.plus_secs(all / SEARCH_BYTES_PER_SESSION_SECOND + 1);
    assert_eq!(payload(&trial.input(search(&term)))["message"], "search_results");
    trial.replay().unwrap();
}

/// Opens so many breakout rooms, with one guest in each.
fn fill_breakout_rooms(trial: &mut Trial, count: u64) {
    let rooms: Vec<_> = (0..count)
        .map(|_| json!({"name": "room", "assignments": []}))
        .collect();
    let open = json!({"namespace": "breakout", "payload": {"action": "start", "rooms": rooms}});
    let opened = payload(&tell(trial, command(ALICE, &open.to_string())));
    for (room, session) in opened["rooms"].as_array().unwrap().iter().zip(2..) {
        let breakout_room = serde_json::from_value(room["id"].clone()).unwrap();
        let token = TokenHash::of(&format!("guest {session}"));
        let asked = Start {
            breakout_room: Some(breakout_room),
            ..start(Kind::Guest, "guest", token)
        };
        let participant = issued(&tell(trial, Input::Start(Box::new(asked)))).unwrap();
        let session = SessionNo(session);
        tell(
            trial,
            trial::seat_in(participant, token, session, Some(breakout_room)),
        );
        tell(trial, join(session, "Guest"));
    }
}

#[test]
fn all_rooms_of_a_meeting_keep_so_much_together() {
    const ROOMS: u64 = 100;
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    tell(&mut trial, say(ALICE, "the very first"));
    fill_breakout_rooms(&mut trial, ROOMS);
    // As JSON writes them, quotes are twice as long; control characters would be six times as long, and are dropped.
    let content = format!("{}\u{1}\u{2}", "\"".repeat(CHAT_MESSAGE_BYTES_MAX));
    let each = 2 * CHAT_MESSAGE_BYTES_MAX + CHAT_MESSAGE_OVERHEAD_BYTES;
    let message = json!({"action": "send_message", "scope": "global", "content": content});
    let message = json!({"namespace": "chat", "payload": message}).to_string();
    let rounds = CHAT_BYTES_MAX / each / usize::try_from(ROOMS).unwrap() + 2;
    for _ in 0..rounds {
        for session in 2..2 + ROOMS {
            let told = tell(&mut trial, command(SessionNo(session), &message));
            assert_eq!(
                payload(&told)["content"].as_str().map(str::len),
                Some(CHAT_MESSAGE_BYTES_MAX)
            );
        }
    }
    trial.room.check().unwrap();
    let snapshot = serde_json::to_string(&trial.room).unwrap();
    assert!(
        snapshot.len() < CHAT_BYTES_MAX + LARGE_RING_BYTES_MAX + 1024 * 1024,
        "{} bytes",
        snapshot.len()
    );
    assert!(
        snapshot.len() > CHAT_BYTES_MAX - 4 * 1024 * 1024,
        "{} bytes",
        snapshot.len()
    );
    assert!(
        !snapshot.contains("the very first"),
        "the oldest goes first, in whatever room"
    );
    assert_eq!(serde_json::from_str::<Room>(&snapshot).unwrap(), trial.room);
}

/// Joins, says something, and leaves.
fn visit(trial: &mut Trial, number: u64, word: Option<&str>) -> ParticipantId {
    let (session, token) = (SessionNo(number), TokenHash::of(&number.to_string()));
    let asked = Input::Start(Box::new(start(Kind::Guest, "guest", token)));
    let participant = issued(&tell(trial, asked)).unwrap();
    let seat = trial::seat_taken(participant, token, session);
    tell(trial, seat);
    tell(trial, join(session, "Guest"));
    if let Some(word) = word {
        tell(trial, say(session, word));
    }
    tell(
        trial,
        Input::Ended {
            session,
            how: Ending::Quit,
        },
    );
    participant
}

#[test]
fn authors_of_kept_messages_are_remembered() {
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    let author = visit(&mut trial, 2, Some("hello"));
    let silent = visit(&mut trial, 3, None);
    for number in 0..=DEPARTED_PARTICIPANTS_MAX as u64 {
        visit(&mut trial, 4 + number, None);
    }
    trial.room.check().unwrap();
    let token = TokenHash::of("newcomer");
    let newcomer = trial.start(start(Kind::Guest, "newcomer", token)).unwrap();
    trial.input(trial::seat_taken(newcomer, token, SessionNo(9_999)));
    let told = payload(&trial.input(join(SessionNo(9_999), "Newcomer")));
    let listed = |id: ParticipantId| {
        let list = told["participants"].as_array().unwrap();
        list.iter().any(|entry| entry["id"] == json!(id))
    };
    assert_eq!(
        told["chat"]["room_history"]["messages"][0]["source"],
        json!(author)
    );
    assert!(listed(author) && !listed(silent));
}

#[test]
fn whoever_is_forgotten_takes_its_messages_along() {
    let settings = RoomSettings {
        // More authors than are remembered.
        chat_messages_per_scope_max: 3 * DEPARTED_PARTICIPANTS_MAX,
        ..RoomSettings::default()
    };
    let mut trial = Trial::new(settings);
    trial.enter(Kind::Owner, "alice", 1);
    for number in 0..2 * DEPARTED_PARTICIPANTS_MAX as u64 + 2 {
        visit(&mut trial, 2 + number, Some(&format!("word {number}.")));
    }
    trial.room.check().unwrap();
    let snapshot = serde_json::to_string(&trial.room).unwrap();
    assert!(!snapshot.contains("word 1.") && snapshot.contains("word 2."));
}

/// A session that does not know whether its room has handled a command sends it again.
#[test]
fn a_command_is_done_once() {
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    let numbered = |number| match say(ALICE, "once") {
        Input::Command { session, command, .. } => Input::Command {
            session,
            number,
            command,
        },
        other => other,
    };
    for (number, is_done) in [
        (1, true),
        (1, false),
        (3, true),
        (2, false),
        (3, false),
        (4, true),
    ] {
        let said = payload(&trial.input(numbered(number)))["content"] == "once";
        assert_eq!(said, is_done, "{number}");
    }
}
