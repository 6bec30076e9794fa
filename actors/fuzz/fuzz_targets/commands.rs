//! Messages that are almost right, told to a room: the bytes choose what is told, and what is wrong with it.
#![no_main]

#[path = "../../tests/fuzz/dice.rs"]
mod dice;
#[path = "../../tests/fuzz/odd.rs"]
mod odd;
#[path = "../../tests/fuzz/rooms.rs"]
mod rooms;
#[path = "../../tests/trial/mod.rs"]
mod trial;

use std::{cell::LazyCell, slice};

use dice::Dice;
use libfuzzer_sys::fuzz_target;
use rooms::Rooms;

thread_local! {
    static ROOMS: LazyCell<Rooms> = LazyCell::new(Rooms::new);
}

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
    ROOMS.with(|rooms| {
        if let Err(error) = rooms.try_one(&mut Bytes(data.iter()), |_| {}) {
            panic!("{error}");
        }
    });
});
