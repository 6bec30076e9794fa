//! An event is encoded once, however many receive it.

mod trial;

use colloquy_actors::{
    ids::{SessionNo, TokenHash},
    room::{
        RoomSettings,
        effects::{Effect, Effects},
        input::{Input, Notice},
    },
};
use trial::{Kind, Trial, command, join, say, start};

fn meeting(size: u64) -> Trial {
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    for session in 2..=size {
        trial.enter(Kind::Guest, "guest", session);
    }
    assert_eq!(trial.room.occupancy().0 as u64, size);
    trial
}

/// Encodings, and how often their frames are delivered.
fn counts(effects: &Effects) -> (usize, usize) {
    let delivered = effects.list.iter().map(|effect| match effect {
        Effect::Send { to, .. } => to.iter().count(),
        _ => 0,
    });
    (effects.encodings, delivered.sum())
}

#[test]
fn a_chat_message_is_encoded_once_for_any_number_of_receivers() {
    for size in [1, 2, 10, 500] {
        let mut trial = meeting(size);
        let effects = trial.input(say(SessionNo(1), "hello"));
        assert_eq!(counts(&effects), (1, usize::try_from(size).unwrap()));
    }
}

#[test]
fn a_join_is_two_encodings_in_any_room() {
    for size in [2, 10, 500] {
        let mut trial = meeting(size);
        let token = TokenHash::of("the last one");
        let participant = trial.start(start(Kind::User, "carol", token)).unwrap();
        let session = SessionNo(size + 1);
        trial.input(trial::seat_taken(participant, token, session));
        let effects = trial.input(join(session, "Carol"));
        // `join_success` for the newcomer, `joined` for everybody else.
        assert_eq!(counts(&effects), (2, 1 + usize::try_from(size).unwrap()));
    }
}

#[test]
fn the_end_of_a_room_is_one_event() {
    let mut trial = meeting(500);
    let hands = r#"{"namespace":"control","payload":{"action":"raise_hand"}}"#;
    let effects = trial.input(command(SessionNo(7), hands));
    assert_eq!(
        counts(&effects),
        (2, 500),
        "the answer, and an update to the others"
    );
    let effects = trial.input(Input::Notice(Notice::RoomDeleted));
    assert_eq!(counts(&effects), (1, 500));
}
