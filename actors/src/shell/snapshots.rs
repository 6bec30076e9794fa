//! Snapshots take the place of the log: between two turns, and as the last thing before the server stops.

use super::{Carrier, Phase, SessionLink as _, Shell, Snapshot, Stage};
use crate::journal::{
    Doing, JournalError,
    file::{self, Staged},
};

impl<C: Carrier> Shell<C> {
    /// The server stops: everybody out, and a last snapshot; what the sessions report after that is not a leave.
    pub fn stop(&mut self, carrier: &mut C) {
        if self.has_ended() {
            return carrier.stopped();
        }
        self.is_stop_asked_for = true;
        if !self.is_running() {
            return;
        }
        self.phase = Phase::Stopping;
        // Whoever waits for a ticket is told by the dropped asker.
        self.queue.clear();
        for link in self.links.drain() {
            link.node_stops();
        }
        // What is logged and not handled yet is undone by the snapshot: nobody has heard of it.
        if self.is_log_at_rest() {
            self.save(carrier);
        }
    }

    /// Begins the last snapshot.
    pub(super) fn save(&mut self, carrier: &mut C) {
        (self.phase, self.stage) = (Phase::Stopped, Stage::Saving);
        // What lives in memory gets its last chance to outlive the process.
        let write = Box::new(self.room.stage(self.stage_on_disk()));
        carrier.write_snapshot(self.room.journal().last_snapshot(), write);
    }

    /// The last snapshot is the log, or could not be made that.
    pub(super) fn saved(&mut self, carrier: &mut C, saved: Result<(), JournalError>) {
        if let Some(giving) = self.giving.take() {
            return self.give(carrier, saved, giving);
        }
        if let Err(error) = saved {
            tracing::error!(room.id = %self.id(), %error, "last snapshot failed; the journal stays as it is");
        }
        self.stage = Stage::Between;
        carrier.stopped();
    }

    /// The snapshot of this number was written beside the log.
    pub fn staged(&mut self, carrier: &mut C, number: u64, staged: Result<Staged, JournalError>) {
        if matches!(self.stage, Stage::Saving) {
            if number == self.room.journal().last_snapshot() {
                self.save_staged(carrier, number, staged);
            }
        } else if self.phase == Phase::Stopped {
            // It would bring back the log of a room that has ended.
        } else if self.is_between_turns() {
            self.adopt(carrier, (number, staged), true);
        } else {
            self.staged = Some((number, staged));
        }
    }

    fn save_staged(&mut self, carrier: &mut C, number: u64, staged: Result<Staged, JournalError>) {
        match self.room.adopt(number, staged) {
            Ok(Some(Doing::Over(written))) => self.written(carrier, written),
            Ok(Some(Doing::UnderWay(adopting))) => carrier.write(adopting),
            Ok(None) => self.saved(carrier, Ok(())),
            Err(error) => self.saved(carrier, Err(error)),
        }
    }

    /// Begins a snapshot, into a file where a room in memory is to get one, unless the log is being written to.
    pub fn begin_snapshot(&mut self, carrier: &mut C, file: Option<file::Stage>) {
        if self.is_running() && self.is_between_turns() {
            let write = Box::new(self.room.stage(file));
            carrier.write_snapshot(self.room.journal().last_snapshot(), write);
        }
    }

    /// Begins a snapshot where something has changed since the last.
    pub fn take_snapshot(&mut self, carrier: &mut C) {
        let journal = self.room.journal();
        if journal.has_tail() && !journal.is_staging() {
            self.begin_snapshot(carrier, None);
        }
    }

    /// Makes a snapshot the log, between two turns.
    pub(super) fn adopt(&mut self, carrier: &mut C, (number, staged): Snapshot, may_end: bool) {
        self.stage = Stage::Adopting { may_end };
        match self.room.adopt(number, staged) {
            Ok(Some(Doing::Over(written))) => self.written(carrier, written),
            Ok(Some(Doing::UnderWay(adopting))) => carrier.write(adopting),
            Ok(None) => self.adopted(carrier, Ok(()), may_end),
            Err(error) => self.adopted(carrier, Err(error), may_end),
        }
    }

    pub(super) fn adopted(&mut self, carrier: &mut C, adopted: Result<(), JournalError>, may_end: bool) {
        if let Err(error @ JournalError::Lost(_)) = adopted {
            return self.fail(carrier, &error.into());
        }
        if let Err(error) = adopted {
            tracing::warn!(room.id = %self.id(), %error, "snapshot failed; the longer journal stays");
        }
        carrier.show_disk(self.room.disk_failed());
        self.stage = Stage::Between;
        if self.phase == Phase::Stopping {
            self.save(carrier);
        } else {
            self.after_turn(carrier, may_end);
        }
    }

    /// Where a room that lives in memory because the disk failed gets a journal.
    pub(super) fn stage_on_disk(&self) -> Option<file::Stage> {
        let folder = self.folder.as_ref().filter(|_| self.room.disk_failed())?;
        Some(folder.stage(self.id()))
    }
}
