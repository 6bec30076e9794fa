//! Series: what the rules say against another implementation, and what must hold for whatever pattern.
//!
//! `FUZZ_INPUTS=…` says how many odd patterns, `FUZZ_SEED=…` which. The same are made by `fuzz` for `cargo fuzz`.
#![expect(
    clippy::unwrap_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

mod crate_iterator;
mod dateutil;
#[path = "../../../actors/tests/fuzz/dice.rs"]
mod dice;
mod patterns;
mod properties;
mod readers;
mod zones;

use std::panic::{AssertUnwindSafe, catch_unwind};

use colloquy_calendar::recurrence;
use dice::Dice;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Odd patterns when nobody says how many.
const INPUTS: u64 = 1_000;

struct Seeded(StdRng);

impl Seeded {
    fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }
}

impl Dice for Seeded {
    fn roll(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }
}

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn odd_patterns_do_no_harm() {
    let inputs = given("FUZZ_INPUTS").unwrap_or(INPUTS);
    let first = given("FUZZ_SEED").unwrap_or_default();
    let mut accepted = 0;
    for seed in first..first + inputs {
        let case = patterns::odd(&mut Seeded::new(seed));
        let tried = catch_unwind(AssertUnwindSafe(|| properties::check(&case)));
        let Ok(tried) = tried else {
            panic!("FUZZ_SEED={seed}: a panic at {case:?}");
        };
        accepted += u64::from(tried.unwrap_or_else(|error| panic!("FUZZ_SEED={seed}: {error}: {case:?}")));
    }
    // Neither all right nor all wrong: both would try little.
    assert!(
        accepted * 10 > inputs && accepted * 10 < inputs * 9,
        "{accepted} of {inputs}"
    );
}
