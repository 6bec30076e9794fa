//! Recurrence patterns that are almost right: the bytes choose the pattern, and what is wrong with it.
#![no_main]

#[path = "../../actors/tests/fuzz/dice.rs"]
mod dice;
#[allow(dead_code, reason = "right patterns alone are for the comparison")]
#[path = "../../calendar/tests/series/patterns.rs"]
mod patterns;
#[path = "../../calendar/tests/series/properties.rs"]
mod properties;

use std::slice;

use colloquy_calendar::recurrence;
use dice::Dice;
use libfuzzer_sys::fuzz_target;

/// Choices by the bytes of the fuzzer; zero when they are used up.
struct Bytes<'a>(slice::Iter<'a, u8>);

impl Dice for Bytes<'_> {
    fn roll(&mut self, end: u64) -> u64 {
        // As many bytes as the choice needs, so that one byte more changes one choice.
        let bytes = (u64::BITS - end.leading_zeros()).div_ceil(8);
        let number = (0..bytes).fold(0, |number: u64, _| {
            number << 8 | u64::from(self.0.next().copied().unwrap_or_default())
        });
        number % end
    }

    fn is_over(&self) -> bool {
        self.0.len() == 0
    }
}

fuzz_target!(|data: &[u8]| {
    let case = patterns::odd(&mut Bytes(data.iter()));
    if let Err(error) = properties::check(&case) {
        panic!("{error}: {case:?}");
    }
});
