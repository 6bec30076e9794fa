//! The room goes to another node while people are in it: a last snapshot, then the claim is given away, then its sessions look for it there.

use std::{fmt, io};

use super::{Carrier, Phase, Shell, Stage};
use crate::{
    journal::{JournalError, LogLost},
    ports::BoxFuture,
};

/// What gives the room's log to another node.
pub struct Giving(pub BoxFuture<'static, io::Result<()>>);

impl fmt::Debug for Giving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Giving(..)")
    }
}

impl<C: Carrier> Shell<C> {
    /// Nothing is handled any more; what sessions send meanwhile they send once more to the next owner.
    pub fn hand_over(&mut self, carrier: &mut C, giving: Giving) {
        if !self.is_running() {
            return;
        }
        self.phase = Phase::Stopping;
        self.giving = Some(giving);
        self.queue.clear();
        if self.is_log_at_rest() {
            self.save(carrier);
        }
    }

    /// The last snapshot is written, or could not be: then the room is taken up from what was there before.
    pub(super) fn give(&mut self, carrier: &mut C, saved: Result<(), JournalError>, giving: Giving) {
        match saved {
            Ok(()) => {
                self.stage = Stage::Giving;
                carrier.write(giving.0);
            }
            Err(error) => {
                tracing::warn!(room.id = %self.id(), %error, "a room could not be handed over");
                self.let_go(carrier, LogLost::HandedOver);
            }
        }
    }

    /// It belongs to another node, or still to this one: whoever has it takes it up.
    pub(super) fn given(&mut self, carrier: &mut C, given: io::Result<()>) {
        if let Err(error) = given {
            tracing::warn!(room.id = %self.id(), %error, "a room could not be handed over");
        }
        self.let_go(carrier, LogLost::HandedOver);
    }
}
