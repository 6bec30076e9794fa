//! Messages that are almost right, many of them: no rule and no parser panics, and what was parsed survives a journal.
//!
//! `FUZZ_INPUTS=…` says how many, `FUZZ_SEED=…` which. The same messages are made by `actors/fuzz` for `cargo fuzz`.
#![expect(
    clippy::unwrap_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

mod dice;
mod odd;
mod rooms;
#[path = "../trial/mod.rs"]
mod trial;

use std::panic::{AssertUnwindSafe, catch_unwind};

use dice::Dice;
use rooms::{MESSAGES_PER_ROOM, Rooms, Told};

/// Messages when nobody says how many.
const INPUTS: usize = 1_000_000;
/// Parts that run beside each other.
const PARTS: u64 = 2;

/// `SplitMix64` (Steele, Lea, Flood 2014).
struct Seeded(u64);

impl Dice for Seeded {
    fn roll(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn try_part(part: u64) {
    let inputs = given("FUZZ_INPUTS").map_or(INPUTS, |inputs| inputs.try_into().unwrap());
    let first = given("FUZZ_SEED").unwrap_or_default();
    let rooms = Rooms::new();
    let count = inputs.div_ceil(MESSAGES_PER_ROOM) as u64;
    let mut all = Told::default();
    for seed in (part..count).step_by(usize::try_from(PARTS).unwrap()) {
        let seed = first + seed;
        let mut last = String::new();
        let tried = catch_unwind(AssertUnwindSafe(|| {
            let said = |text: &str| text.clone_into(&mut last);
            rooms.try_one(&mut Seeded(seed), said)
        }));
        let Ok(tried) = tried else {
            panic!("FUZZ_SEED={seed}: a panic at {last:?}");
        };
        match tried {
            Ok(told) => {
                all.messages += told.messages;
                all.commands += told.commands;
            }
            Err(error) => panic!("FUZZ_SEED={seed}: after {last:?}: {error}"),
        }
    }
    // Neither all right nor all wrong: both would try little.
    println!("{all:?}");
    assert!(
        all.commands * 10 > all.messages && all.commands * 10 < all.messages * 9,
        "{all:?}"
    );
}

#[test]
fn odd_messages_do_no_harm() {
    try_part(0);
}

#[test]
fn other_odd_messages_do_no_harm() {
    try_part(1);
}
