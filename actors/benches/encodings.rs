//! What a chat message and a join cost in rooms of different sizes, and that encodings do not grow with the receivers.

#[path = "../tests/trial/mod.rs"]
mod trial;

use colloquy_actors::{
    ids::{SessionNo, TokenHash},
    room::RoomSettings,
};
use divan::{Bencher, counter::ItemsCount};
use trial::{Kind, Trial, join, say, start};

const SIZES: [u64; 4] = [1, 10, 100, 500];

fn main() {
    for size in SIZES {
        let encodings = meeting(size).input(say(SessionNo(1), "hello")).encodings;
        println!("chat message to {size}: encodings {encodings}");
        assert_eq!(encodings, 1, "an event is encoded once");
    }
    divan::main();
}

fn meeting(size: u64) -> Trial {
    let mut trial = Trial::new(RoomSettings::default());
    trial.enter(Kind::Owner, "alice", 1);
    for session in 2..=size {
        trial.enter(Kind::Guest, "guest", session);
    }
    trial
}

/// One message to everybody; items are deliveries.
#[divan::bench(args = SIZES)]
fn chat_message(bencher: Bencher<'_, '_>, size: u64) {
    let mut trial = meeting(size);
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        let message = trial.stamp(say(SessionNo(1), "The quick brown fox jumps over the lazy dog."));
        trial.room.handle(&trial.livekit, message)
    });
}

/// One newcomer into a room of this size.
#[divan::bench(args = [10, 100, 500])]
fn join_into(bencher: Bencher<'_, '_>, size: u64) {
    let mut trial = meeting(size);
    let token = TokenHash::of("newcomer");
    let session = SessionNo(size + 1);
    let participant = trial
        .start(start(Kind::Guest, "newcomer", token))
        .unwrap_or_else(|| unreachable!());
    trial.input(trial::seat_taken(participant, token, session));
    let arrival = trial.stamp(join(session, "Newcomer"));
    bencher
        .with_inputs(|| (trial.room.clone(), arrival.clone()))
        .bench_local_values(|(mut room, arrival)| (room.handle(&trial.livekit, arrival), room));
}
