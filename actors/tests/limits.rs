//! What a room keeps is bounded.
#![expect(
    clippy::unwrap_used,
    reason = "a visit that fails ends the test, also outside of its own function"
)]

mod trial;

use colloquy_actors::{
    ids::{ParticipantId, SessionNo, TokenHash},
    protocol::limits::{DEPARTED_PARTICIPANTS_MAX, RESUMPTION_SECS, TICKET_SECS, UNREDEEMED_TICKETS_MAX},
    room::{
        RoomSettings,
        effects::{Effect, Effects},
        input::{Ending, Input, Start, StartOutcome},
    },
};
use trial::{Kind, Trial, issued, join, start};

fn outcome(effects: &Effects) -> Option<StartOutcome> {
    effects.list.iter().find_map(|effect| match effect {
        Effect::Answer(outcome) => Some(*outcome),
        _ => None,
    })
}

fn guest(number: usize) -> Start {
    start(Kind::Guest, "guest", TokenHash::of(&number.to_string()))
}

#[test]
fn tickets_that_nobody_redeems_are_bounded_and_go() {
    let mut trial = Trial::new(RoomSettings::default());
    for number in 0..UNREDEEMED_TICKETS_MAX {
        assert!(trial.start(guest(number)).is_some(), "ticket {number}");
    }
    let one_more = Input::Start(Box::new(guest(UNREDEEMED_TICKETS_MAX)));
    assert_eq!(outcome(&trial.input(one_more.clone())), Some(StartOutcome::Busy));
    // Whoever has a token is not refused.
    let mut again = guest(UNREDEEMED_TICKETS_MAX + 1);
    again.resumption = Some(TokenHash::of("0"));
    let first = trial.start(again).unwrap();
    // A redeemed ticket makes room for another.
    trial.input(trial::seat_taken(first, TokenHash::of("0"), SessionNo(1)));
    assert!(issued(&trial.input(one_more)).is_some());
    trial.input(Input::Ended {
        session: SessionNo(1),
        how: Ending::Quit,
    });
    trial.now = trial.now.plus_secs(TICKET_SECS + RESUMPTION_SECS);
    trial.input(Input::Tick);
    trial.room.check().unwrap();
    assert!(trial.room.is_over());
}

#[test]
fn the_newest_departed_participants_are_remembered() {
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    let mut guests = Vec::new();
    for number in 0..DEPARTED_PARTICIPANTS_MAX + 2 {
        guests.push(visit(&mut trial, number));
    }
    let token = TokenHash::of("bob");
    let participant = trial.start(start(Kind::User, "bob", token)).unwrap();
    let session = SessionNo(9_999);
    trial.input(trial::seat_taken(participant, token, session));
    let effects = trial.input(join(session, "Bob"));
    trial.room.check().unwrap();
    let Some(Effect::Send { frame, .. }) = effects.list.iter().find(|e| matches!(e, Effect::Send { .. }))
    else {
        panic!("no answer: {effects:?}");
    };
    let is_told = |guest: &ParticipantId| frame.contains(&guest.to_string());
    assert!(!guests[..2].iter().any(is_told), "the oldest are forgotten");
    assert!(guests[2..].iter().all(is_told), "the others are listed");
}

/// Joins and leaves, without a trace in the trial: the frames of a thousand joins are large.
fn visit(trial: &mut Trial, number: usize) -> ParticipantId {
    let (session, token) = (SessionNo(number as u64 + 2), TokenHash::of(&number.to_string()));
    let asked = trial.stamp(Input::Start(Box::new(guest(number))));
    let participant = issued(&trial.room.handle(&trial.livekit, asked)).unwrap();
    let how = Ending::Quit;
    let seat = trial::seat_taken(participant, token, session);
    for input in [seat, join(session, "Guest"), Input::Ended { session, how }] {
        let stamped = trial.stamp(input);
        trial.room.handle(&trial.livekit, stamped);
    }
    participant
}
