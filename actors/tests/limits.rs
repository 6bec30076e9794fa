//! What a room keeps is bounded.
#![expect(
    clippy::unwrap_used,
    reason = "a visit that fails ends the test, also outside of its own function"
)]

mod trial;

use colloquy_actors::{
    ids::{OriginHash, ParticipantId, SessionNo, TokenHash},
    protocol::{
        codes::CloseCode,
        limits::{DEPARTED_PARTICIPANTS_MAX, RESUMPTION_SECS, TICKET_SECS, UNREDEEMED_PER_NETWORK_MAX},
        meeting::ModuleFeatures,
    },
    report::ReportContent,
    room::{
        RoomSettings,
        access::Origin,
        effects::Effect,
        input::{Ending, Input, Start},
    },
    task::Work,
};
use trial::{Kind, Trial, issued, join, start};

/// A guest behind one of many networks.
fn guest(number: usize, network: u8) -> Start {
    let origin = Origin {
        network: OriginHash::new([network; 32]),
        counted: true,
    };
    Start {
        origin: Some(origin),
        ..start(Kind::Guest, "guest", TokenHash::of(&number.to_string()))
    }
}

#[test]
fn who_redeems_no_tickets_shuts_nobody_out() {
    let mut trial = Trial::new(RoomSettings::default());
    let attacked = (0..10 * UNREDEEMED_PER_NETWORK_MAX).map(|number| trial.start(guest(number, 1)));
    let ids: Vec<_> = attacked.collect::<Option<_>>().unwrap();
    let mut take = |id: ParticipantId, number: usize| {
        let (token, session) = (TokenHash::of(&number.to_string()), SessionNo(number as u64 + 1));
        let effects = trial.input(trial::seat_taken(id, token, session));
        !effects.list.contains(&Effect::Close(session, CloseCode::Restart))
    };
    assert!(!take(ids[0], 0), "the oldest of the network was forgotten");
    assert!(take(ids[ids.len() - 1], ids.len() - 1));
    // Others do not notice.
    let others = [
        guest(900_001, 2),
        start(Kind::User, "bob", TokenHash::of("bob")),
        start(Kind::Owner, "alice", TokenHash::of("alice")),
    ];
    for other in others {
        assert!(trial.start(other).is_some());
    }
    // An id that no socket took dies with its ticket, and is not held for as long as a token lives.
    trial.now = trial.now.plus_secs(TICKET_SECS);
    trial.input(Input::Tick);
    trial.room.check().unwrap();
    assert_eq!(trial.room.access().iter().count(), 1);
    trial.input(Input::Ended {
        session: SessionNo(ids.len() as u64),
        how: Ending::Quit,
    });
    trial.now = trial.now.plus_secs(RESUMPTION_SECS);
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

#[test]
fn an_attendance_report_has_also_those_whom_the_list_has_lost() {
    let mut facts = trial::facts();
    facts
        .tariff
        .modules
        .insert("meeting_report".to_owned(), ModuleFeatures::default());
    let (token, session) = (TokenHash::of("alice"), SessionNo(1));
    let mut trial = Trial::new(RoomSettings::default());
    let alice = Start {
        facts: Some(Box::new(facts)),
        ..start(Kind::Owner, "alice", token)
    };
    let alice = trial.start(alice).unwrap();
    trial.input(trial::seat_taken(alice, token, session));
    trial.input(join(session, "Alice"));
    let guests = DEPARTED_PARTICIPANTS_MAX + 50;
    for number in 0..guests {
        visit(&mut trial, number);
    }
    let ask = r#"{"namespace":"meeting_report","payload":{"action":"generate_attendance_report","include_email_addresses":false}}"#;
    let effects = trial.input(trial::command(session, ask));
    trial.room.check().unwrap();
    let Some(Effect::Task(task)) = effects.list.first() else {
        panic!("no report: {effects:?}");
    };
    let Work::Report(report) = &task.work else {
        panic!("no report: {task:?}");
    };
    let ReportContent::Attendance(attendance) = &report.content else {
        panic!("another report: {report:?}");
    };
    assert_eq!(attendance.participants.len(), guests + 1);
    let gone = attendance.participants.iter().filter(|one| one.left.is_some());
    assert_eq!(gone.count(), guests);
}

/// Joins and leaves, without a trace in the trial: the frames of a thousand joins are large.
fn visit(trial: &mut Trial, number: usize) -> ParticipantId {
    let (session, token) = (SessionNo(number as u64 + 2), TokenHash::of(&number.to_string()));
    let asked = trial.stamp(Input::Start(Box::new(guest(number, 1))));
    let participant = issued(&trial.room.handle(&trial.livekit, asked)).unwrap();
    let how = Ending::Quit;
    let seat = trial::seat_taken(participant, token, session);
    for input in [seat, join(session, "Guest"), Input::Ended { session, how }] {
        let stamped = trial.stamp(input);
        trial.room.handle(&trial.livekit, stamped);
    }
    participant
}
