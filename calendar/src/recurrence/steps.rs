//! How much work a call may do.

/// Counts steps (a day looked at, or a time considered) against [`STEPS_MAX`](super::STEPS_MAX).
#[derive(Debug, Clone, Default)]
pub(super) struct Steps(u32);

impl Steps {
    pub fn take(&mut self, steps: usize) {
        self.0 = self.0.saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
    }

    pub fn taken(&self) -> u32 {
        self.0
    }

    pub fn are_used_up(&self) -> bool {
        self.0 >= super::STEPS_MAX
    }
}
