//! A room and its journal: inputs are logged, then handled; a rule that panics is undone and skipped.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    ids::{SessionNo, Timestamp},
    journal::{
        Doing, Journal, JournalError, Log, LogLost, Rebuild,
        file::{Stage, Staged},
        format,
    },
    livekit::Livekit,
    protocol::{
        limits::{PANIC_WINDOW_SECS, PANICS_MAX, PANICS_OF_ALL_MAX},
        meeting::Caller,
    },
    room::{
        Room,
        effects::Effects,
        input::{Input, Stamped},
    },
};

/// A room whose every input is in its journal before it is handled.
#[derive(Debug)]
pub struct LoggedRoom {
    room: Room,
    journal: Journal,
    /// What is being appended.
    records: Vec<u8>,
    /// Signs for LiveKit; no part of the log.
    livekit: Arc<Livekit>,
    /// The last panics, each with who caused it.
    panics: VecDeque<(Timestamp, Option<(SessionNo, Caller)>)>,
    /// The disk failed, and the room went on in memory.
    disk_failed: bool,
    /// The file that the room was revived from on a disk that took nothing new: it is right until somebody does something.
    outlived: Option<Journal>,
    /// By how many microseconds the room's time is ahead of the clock.
    ahead: i64,
}

/// A room that has just heard of its restart.
#[derive(Debug)]
pub struct Revived {
    pub room: LoggedRoom,
    pub restarted: Stamped,
    /// What the restart brought, not released yet.
    pub effects: Effects,
}

/// What became of one input.
#[derive(Debug)]
pub enum Handled {
    Done(Effects),
    /// The rule panicked: nothing may be done with the room before it is as it was, see [`LoggedRoom::skip`].
    Panicked(Panicked),
}

/// An input that made a rule panic.
#[derive(Debug, Clone, Copy)]
pub struct Panicked {
    seq: u64,
    at: Timestamp,
    culprit: Option<(SessionNo, Caller)>,
}

/// The room can't go on.
#[derive(Debug, thiserror::Error)]
pub enum RoomFailure {
    #[error("panics of {PANICS_MAX} callers within {PANIC_WINDOW_SECS} s")]
    TooManyPanics,
    #[error("rebuilding after a panic failed: {0}")]
    Rebuild(#[from] JournalError),
}

impl RoomFailure {
    /// Whether the log is the room's no more.
    #[must_use]
    pub fn log_lost(&self) -> Option<LogLost> {
        match self {
            Self::Rebuild(JournalError::Lost(lost)) => Some(*lost),
            _ => None,
        }
    }
}

impl LoggedRoom {
    pub fn create(room: Room, log: Log, livekit: Arc<Livekit>) -> Result<Self, JournalError> {
        let journal = Journal::create(log, &room)?;
        Ok(Self {
            room,
            journal,
            records: Vec::new(),
            livekit,
            panics: VecDeque::new(),
            disk_failed: false,
            outlived: None,
            ahead: 0,
        })
    }

    /// [`LoggedRoom::create`], in memory where the log fails.
    pub fn begin(
        room: &Room,
        log: Result<Log, JournalError>,
        livekit: &Arc<Livekit>,
    ) -> Result<Self, JournalError> {
        let create = |log| Self::create(room.clone(), log, Arc::clone(livekit));
        log.and_then(create).or_else(|error| {
            tracing::error!(room.id = %room.id(), %error, "no journal; the room lives in memory");
            let mut this = create(Log::Memory(Vec::new()))?;
            this.disk_failed = true;
            Ok(this)
        })
    }

    /// The room as its log tells it, up to the last whole record.
    pub fn open(log: Log, livekit: Arc<Livekit>) -> Result<Self, JournalError> {
        let (mut this, is_whole) = Self::read(log, livekit)?;
        if !is_whole {
            this.snapshot_now()?;
        }
        Ok(this)
    }

    /// Reads a log; false where a tail was dropped, or numbers in it were lost, so that the log must begin with what is known now.
    fn read(log: Log, livekit: Arc<Livekit>) -> Result<(Self, bool), JournalError> {
        let (journal, replayed) = Journal::open(log, &livekit)?;
        let room = replayed.room;
        tracing::info!(
            room.id = %room.id(),
            inputs = replayed.inputs,
            cut_bytes = replayed.cut_bytes,
            other_rules = replayed.other_rules,
            "journal read"
        );
        if replayed.cut_bytes > 0 {
            tracing::warn!(room.id = %room.id(), cut_bytes = replayed.cut_bytes, "broken tail of a journal was cut off");
        }
        let this = Self {
            room,
            journal,
            records: Vec::new(),
            livekit,
            panics: VecDeque::new(),
            disk_failed: false,
            outlived: None,
            ahead: 0,
        };
        let is_whole = !replayed.other_rules && !replayed.panicked && replayed.cut_bytes == 0;
        Ok((this, is_whole))
    }

    /// Brings a room back to life after its process has gone: the first that it hears is that everybody was lost.
    ///
    /// Its journal begins anew with a snapshot of that, which no later damage of a tail can undo: the numbers of events that are
    /// given out in this life would else be given out once more in the next.
    pub fn revive(
        log: Log,
        livekit: Arc<Livekit>,
        now: Timestamp,
        seed: u64,
    ) -> Result<Revived, JournalError> {
        let (mut this, _) = Self::read(log, livekit)?;
        this.ahead = (this.room.at().as_micros() - now.as_micros()).max(0);
        let mut batch = this.stamp(vec![Input::Restarted], now, || seed);
        let restarted = batch.remove(0);
        let (room, livekit) = (&mut this.room, &this.livekit);
        let effects = catch_unwind(AssertUnwindSafe(|| room.handle(livekit, restarted.clone())))
            .map_err(|_| JournalError::Panicked(restarted.seq))?;
        if let Err(error) = this.snapshot_now() {
            this.outlived = Some(this.go_on_in_memory(&error)?);
        }
        Ok(Revived {
            room: this,
            restarted,
            effects,
        })
    }

    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Signs for LiveKit.
    #[must_use]
    pub fn livekit(&self) -> &Livekit {
        &self.livekit
    }

    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    pub fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// Whether the disk failed and the room lives in memory only.
    #[must_use]
    pub fn disk_failed(&self) -> bool {
        self.disk_failed
    }

    /// The room's time: ahead of a clock that was set back while the room slept, so that what ends in ten seconds ends in ten
    /// seconds.
    #[must_use]
    pub const fn time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_micros(now.as_micros().saturating_add(self.ahead))
    }

    /// Gives inputs their numbers, times and seeds.
    pub fn stamp(&self, inputs: Vec<Input>, now: Timestamp, mut seed: impl FnMut() -> u64) -> Vec<Stamped> {
        let now = self.time(now);
        let (mut seq, mut at) = (self.room.input_seq(), self.room.at());
        let stamp = |input| {
            seq += 1;
            at = now.max(at.next());
            Stamped {
                seq,
                at,
                seed: seed(),
                input,
            }
        };
        inputs.into_iter().map(stamp).collect()
    }

    /// Begins to append a batch; [`LoggedRoom::logged`] hears what came of it, before anything else is done with the room.
    pub fn log(&mut self, batch: &[Stamped]) -> Result<Doing, JournalError> {
        let appending = self.append(format::encode_inputs(batch)?);
        if batch.iter().all(|stamped| stamped.input.is_of_time()) {
            return Ok(appending);
        }
        // What the room was revived from is not true any more. Its log lies in memory, which has the batch already.
        Ok(self.delete_outlived().unwrap_or(appending))
    }

    fn append(&mut self, records: Vec<u8>) -> Doing {
        self.records = records;
        self.journal.append(&self.records)
    }

    /// The append of a batch is over. A failing disk does not stop the room: it goes on in memory, as soon as what is begun here is over:
    /// its file is deleted.
    pub fn logged(&mut self, written: io::Result<()>) -> Result<Option<Doing>, JournalError> {
        let records = std::mem::take(&mut self.records);
        let failed = match written.map_err(JournalError::from) {
            Ok(()) => None,
            Err(error @ JournalError::Lost(_)) => return Err(error),
            Err(error) => Some(self.go_on_in_memory(&error)?),
        };
        if failed.is_some() {
            self.journal.remember(&records);
        }
        self.journal.appended(&records);
        Ok(failed.map(|failed| self.delete(&failed)))
    }

    /// What was being appended is of no use any more: the next snapshot takes its place.
    pub fn log_in_vain(&mut self) {
        self.records = Vec::new();
    }

    /// Gives the journal that failed.
    fn go_on_in_memory(&mut self, error: &JournalError) -> Result<Journal, JournalError> {
        tracing::error!(room.id = %self.room.id(), %error, "journal failed; the room goes on in memory");
        self.disk_failed = true;
        let memory = self.journal.succeed(Log::Memory(Vec::new()), &self.room)?;
        Ok(std::mem::replace(&mut self.journal, memory))
    }

    /// It must not be revived once more.
    fn delete_outlived(&mut self) -> Option<Doing> {
        let outlived = self.outlived.take()?;
        Some(self.delete(&outlived))
    }

    fn delete(&self, failed: &Journal) -> Doing {
        let id = self.room.id();
        failed.delete().or_tell(move |error| {
            tracing::error!(room.id = %id, %error, "failed journal could not be deleted");
        })
    }

    /// The room is over: its log goes.
    #[must_use]
    pub fn delete_log(&mut self) -> Doing {
        let id = self.room.id();
        let log = self.outlived.take();
        let log = log.as_ref().unwrap_or(&self.journal);
        log.delete().or_tell(move |error| {
            tracing::error!(room.id = %id, %error, "journal could not be deleted");
        })
    }

    /// The room failed: its log is kept for post-mortem, and never revived.
    #[must_use]
    pub fn set_log_aside(&mut self, now: Timestamp) -> Doing {
        let id = self.room.id();
        let log = self.outlived.take();
        let log = log.as_ref().unwrap_or(&self.journal);
        log.set_aside(now).or_tell(move |error| {
            tracing::error!(room.id = %id, %error, "journal could not be put aside");
        })
    }

    /// Handles an input that is in the log.
    pub fn handle(&mut self, stamped: Stamped) -> Handled {
        let (seq, at) = (stamped.seq, stamped.at);
        let culprit = self.culprit(&stamped.input);
        let (room, livekit) = (&mut self.room, &self.livekit);
        if let Ok(effects) = catch_unwind(AssertUnwindSafe(|| room.handle(livekit, stamped))) {
            return Handled::Done(effects);
        }
        tracing::error!(room.id = %self.room.id(), input.seq = seq, "a rule panicked; the room is rebuilt");
        Handled::Panicked(Panicked { seq, at, culprit })
    }

    /// Begins to log that an input is skipped; [`LoggedRoom::skip_logged`] hears what came of it. Then comes [`LoggedRoom::rebuild`].
    pub fn skip(&mut self, panicked: &Panicked) -> Result<Doing, JournalError> {
        Ok(self.append(format::encode_skipped(panicked.seq)?))
    }

    /// What the panic left of the room can't go on in memory: an error is the end.
    pub fn skip_logged(&mut self, written: io::Result<()>) -> Result<(), JournalError> {
        let records = std::mem::take(&mut self.records);
        written?;
        self.journal.appended(&records);
        Ok(())
    }

    /// Work that gives the room as it was before the input, on a blocking thread, for [`LoggedRoom::rebuilt`].
    #[must_use]
    pub fn rebuild(&self, panicked: &Panicked) -> Rebuild {
        self.journal.rebuild(panicked.seq, &self.livekit)
    }

    /// The room is as it was, and goes on behind the input. A session whose command panicked again within a minute is to be cut.
    pub fn rebuilt(&mut self, panicked: Panicked, room: Room) -> Result<Option<SessionNo>, RoomFailure> {
        self.room = room;
        self.room.skip(panicked.seq, panicked.at);
        self.count_panic(panicked)
    }

    /// Whose command an input is.
    fn culprit(&self, input: &Input) -> Option<(SessionNo, Caller)> {
        let Input::Command { session, .. } = input else {
            return None;
        };
        let access = self.room.access();
        let (id, _) = access.of_session(*session)?;
        Some((*session, access.get(id)?.caller))
    }

    /// Panics end a room when they come from all sides: what one caller does again and again cuts that caller's sessions,
    /// and counts once.
    fn count_panic(&mut self, panicked: Panicked) -> Result<Option<SessionNo>, RoomFailure> {
        let Panicked { at, culprit, .. } = panicked;
        while self
            .panics
            .pop_front_if(|(first, _)| first.plus_secs(PANIC_WINDOW_SECS) < at)
            .is_some()
        {}
        let again = |(session, _): (SessionNo, _)| {
            let known = self.panics.iter().filter_map(|(_, culprit)| *culprit);
            known.map(|(session, _)| session).any(|known| known == session)
        };
        let cut = culprit
            .filter(|culprit| again(*culprit))
            .map(|(session, _)| session);
        self.panics.push_back((at, culprit));
        let callers: BTreeSet<_> = self
            .panics
            .iter()
            .filter_map(|(_, culprit)| Some(culprit.as_ref()?.1))
            .collect();
        let nobody = self
            .panics
            .iter()
            .filter(|(_, culprit)| culprit.is_none())
            .count();
        // Caller and gateway stand for many people: their panics are told apart by nothing, and count once as well.
        if callers.len() + nobody >= PANICS_MAX || self.panics.len() >= PANICS_OF_ALL_MAX {
            Err(RoomFailure::TooManyPanics)
        } else {
            Ok(cut)
        }
    }

    /// Whether it is time for a snapshot.
    pub fn wants_snapshot(&mut self) -> bool {
        self.journal.wants_snapshot(&self.room)
    }

    /// Begins a snapshot: the returned work encodes and writes it, on a blocking thread, for [`LoggedRoom::adopt`]. With a file, a room in
    /// memory gets its log there again.
    pub fn stage(
        &mut self,
        file: Option<Stage>,
    ) -> impl FnOnce() -> Result<Staged, JournalError> + Send + 'static {
        self.journal.stage(&self.room, file)
    }

    /// A snapshot was written: begins to make it the log, unless it is of no use; [`LoggedRoom::adopted`] hears what came of it.
    pub fn adopt(
        &mut self,
        number: u64,
        staged: Result<Staged, JournalError>,
    ) -> Result<Option<Doing>, JournalError> {
        self.journal.adopt(number, staged)
    }

    /// The snapshot is the log, or could not be made that.
    pub fn adopted(&mut self, written: io::Result<()>) -> Result<(), JournalError> {
        self.journal.adopted(written)?;
        if self.journal.is_file() && std::mem::take(&mut self.disk_failed) {
            // The new one has taken its place.
            self.outlived = None;
            tracing::info!(room.id = %self.room.id(), "the room has a journal again");
        }
        Ok(())
    }

    /// Writes a snapshot at once, on a blocking thread: when a process begins.
    fn snapshot_now(&mut self) -> Result<(), JournalError> {
        self.journal.begin_anew(&self.room)
    }
}
