//! The machine's clocks: one that somebody sets now and then, and one that only goes on.

use colloquy_actors::{ids::Timestamp, ports::Steady};

use super::trial::BEGIN;

#[derive(Debug, Default)]
pub struct Clock {
    /// Microseconds since the beginning.
    elapsed: i64,
    /// By how much the wall clock is wrong.
    wrong_by: i64,
    steady: Steady,
}

impl Clock {
    /// The time as a process tells it.
    pub fn now(&self) -> Timestamp {
        let wall = BEGIN.as_micros() + self.elapsed + self.wrong_by;
        self.steady.now(Timestamp::from_micros(wall), self.elapsed)
    }

    /// The same, and what the wall clock says.
    pub fn times(&self) -> (Timestamp, Timestamp) {
        let wall = BEGIN.as_micros() + self.elapsed + self.wrong_by;
        (self.now(), Timestamp::from_micros(wall))
    }

    pub fn pass(&mut self, micros: u64) {
        self.elapsed += micros.cast_signed();
    }

    /// Somebody sets the wall clock.
    pub fn set(&mut self, wrong_by_secs: i64) {
        self.wrong_by = wrong_by_secs * 1_000_000;
    }

    /// A new process knows nothing of what the clock said to the last one.
    pub fn restart(&mut self) {
        self.steady = Steady::default();
    }
}
