//! Where choices come from: a seed, or the bytes that a fuzzer makes up.

/// A source of choices.
pub trait Dice {
    /// A number below `end`, which is not 0.
    fn roll(&mut self, end: u64) -> u64;

    /// Whether nothing more can be chosen.
    fn is_over(&self) -> bool {
        false
    }

    /// Below `end`; 0 when `end` is 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll(end.max(1) as u64)).unwrap_or_default()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }
}
