//! A rule that panics is undone and skipped; nothing else is lost.
#![cfg(feature = "fault-injection")]
#![expect(
    clippy::unwrap_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

mod trial;

use std::sync::Arc;
use std::{fs, time::Duration};

use colloquy_actors::{
    ids::{SessionNo, Timestamp},
    journal::{Log, folder::Folder, format},
    logged::{LoggedRoom, RoomFailure},
    protocol::limits::PANIC_WINDOW_SECS,
    room::{
        Room, RoomSettings,
        input::{Input, Stamped},
    },
};
use trial::{
    Kind, ROOM, Trial,
    logged::{adopt, play},
    panic, say,
};
use uuid::Uuid;

fn logged(trial: &Trial, log: Log) -> LoggedRoom {
    LoggedRoom::create(trial.room.clone(), log, Arc::default()).unwrap()
}

fn meeting() -> Trial {
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    trial.enter(Kind::Guest, "bob", 2);
    trial
}

fn stamp(room: &LoggedRoom, inputs: Vec<Input>, now: Timestamp) -> Vec<Stamped> {
    let mut seed = 0;
    room.stamp(inputs, now, || {
        seed += 1;
        seed
    })
}

#[tokio::test]
async fn the_panicking_input_is_undone_and_the_others_of_its_batch_are_handled() {
    let path = std::env::temp_dir().join(format!("colloquy-{}", Uuid::new_v4()));
    let folder = Folder::open(&path, false).unwrap();
    let trial = meeting();
    let mut room = logged(&trial, folder.log(ROOM).unwrap());
    let (alice, bob) = (SessionNo(1), SessionNo(2));
    let inputs = vec![
        say(alice, "one"),
        panic(bob),
        say(bob, "two"),
        panic(alice),
        say(alice, "three"),
    ];
    let batch = stamp(&room, inputs, trial.now);
    let done = play(&mut room, &batch).await.unwrap();
    assert_eq!(done, [true, false, true, false, true]);
    room.room().check().unwrap();
    // The same as if the two had been skipped from the beginning.
    let mut skipping = trial.room.clone();
    for (stamped, done) in batch.iter().zip(&done) {
        if *done {
            skipping.handle(&Arc::default(), stamped.clone());
        } else {
            skipping.skip(stamped.seq, stamped.at);
        }
    }
    assert_eq!(*room.room(), skipping);
    // Also after the process has died.
    let reopened = LoggedRoom::open(folder.log(ROOM).unwrap(), Arc::default()).unwrap();
    assert_eq!(*reopened.room(), skipping);
    drop(folder);
    fs::remove_dir_all(path).unwrap();
}

#[tokio::test]
async fn a_process_that_died_of_the_panic_skips_the_input_when_it_is_back() {
    let trial = meeting();
    let inputs = vec![
        say(SessionNo(1), "one"),
        panic(SessionNo(2)),
        say(SessionNo(2), "two"),
    ];
    let batch = stamp(&logged(&trial, Log::Memory(Vec::new())), inputs, trial.now);
    let mut bytes = format::begin(&trial.room).unwrap();
    bytes.extend(format::encode_inputs(&batch).unwrap());
    let reopened = LoggedRoom::open(Log::Memory(bytes), Arc::default()).unwrap();
    let mut skipping: Room = trial.room;
    skipping.handle(&Arc::default(), batch[0].clone());
    skipping.skip(batch[1].seq, batch[1].at);
    skipping.handle(&Arc::default(), batch[2].clone());
    assert_eq!(*reopened.room(), skipping);
    // The next reader need not find out again.
    assert_eq!(
        reopened.journal().rebuild(0, &Arc::default())().unwrap(),
        skipping
    );
}

#[tokio::test]
async fn three_panics_in_a_minute_are_too_many() {
    let mut trial = meeting();
    trial.enter(Kind::User, "carol", 3);
    let mut room = logged(&trial, Log::Memory(Vec::new()));
    let second = |seconds: u64| trial.now.plus_secs(seconds);
    // Two, and a third when the first is long over.
    for at in [1, 2, 3 + PANIC_WINDOW_SECS] {
        let batch = stamp(&room, vec![panic(SessionNo(1))], second(at));
        assert_eq!(play(&mut room, &batch).await.unwrap(), [false]);
    }
    let late = second(3 + PANIC_WINDOW_SECS + Duration::from_secs(50).as_secs());
    let batch = stamp(&room, vec![panic(SessionNo(1))], late);
    assert_eq!(play(&mut room, &batch).await.unwrap(), [false]);
    let batch = stamp(&room, vec![panic(SessionNo(2))], late);
    assert_eq!(play(&mut room, &batch).await.unwrap(), [false]);
    let batch = stamp(&room, vec![panic(SessionNo(3))], late);
    let failure = play(&mut room, &batch).await.unwrap_err();
    assert!(matches!(failure, RoomFailure::TooManyPanics), "{failure}");
}

#[tokio::test]
async fn a_panic_while_a_snapshot_is_written_is_skipped_in_both_logs() {
    let trial = meeting();
    let mut room = logged(&trial, Log::Memory(Vec::new()));
    let state = room.room().clone();
    let write_snapshot = room.journal_mut().stage(&state, None);
    let batch = stamp(
        &room,
        vec![panic(SessionNo(1)), say(SessionNo(2), "on")],
        trial.now,
    );
    assert_eq!(play(&mut room, &batch).await.unwrap(), [false, true]);
    let number = room.journal().last_snapshot();
    adopt(&mut room, number, write_snapshot()).await.unwrap();
    assert_eq!(
        room.journal().rebuild(u64::MAX, &Arc::default())().unwrap(),
        *room.room()
    );
}
