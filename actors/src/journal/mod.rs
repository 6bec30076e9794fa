//! The log of a room: its truth. Nothing that a room did leaves it before the input is in here.

mod error;
pub mod file;
pub mod folder;
pub mod format;
#[cfg(feature = "fault-injection")]
pub mod slow;
pub mod storage;
pub mod threads;

use std::{
    collections::BTreeSet,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

pub use self::error::{JournalError, LogLost};
use self::{
    file::{FileLog, Stage, Staged},
    format::Parsed,
    storage::Storage,
};
use crate::{
    ids::Timestamp,
    livekit::Livekit,
    ports::BoxFuture,
    protocol::limits::{
        JOURNAL_AGED_TAIL_BYTES, JOURNAL_MEETING_AGE_SECS, JOURNAL_SNAPSHOT_AGE_SECS, JOURNAL_TAIL_BYTES,
    },
    room::Room,
};

/// Where the bytes of a log lie.
#[derive(Debug)]
pub enum Log {
    File(FileLog),
    /// For operators who want no files, and for a room whose disk failed: survives a panicking rule, not the process.
    Memory(Vec<u8>),
    Port(Box<dyn Storage>),
}

/// Something that is done with a log: over at once, or later. Nothing else is done with the log meanwhile.
pub enum Doing {
    Over(io::Result<()>),
    UnderWay(BoxFuture<'static, io::Result<()>>),
}

impl fmt::Debug for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over(written) => f.debug_tuple("Over").field(written).finish(),
            Self::UnderWay(_) => f.write_str("UnderWay"),
        }
    }
}

impl Doing {
    /// What is to be done although it may fail: a failure is only told.
    #[must_use]
    pub fn or_tell(self, tell: impl FnOnce(&io::Error) + Send + 'static) -> Self {
        let told = move |written: io::Result<()>| {
            if let Err(error) = &written {
                tell(error);
            }
            Ok(())
        };
        match self {
            Self::Over(written) => Self::Over(told(written)),
            Self::UnderWay(doing) => Self::UnderWay(Box::pin(async move { told(doing.await) })),
        }
    }
}

/// Work that reads a room from its log.
pub type Rebuild = Box<dyn FnOnce() -> Result<Room, JournalError> + Send>;

/// A log with its snapshot and the inputs since.
#[derive(Debug)]
pub struct Journal {
    log: Log,
    snapshot_bytes: usize,
    tail_bytes: usize,
    /// The snapshot that is being written now: its number, and what was appended since it began.
    staging: Option<(u64, Vec<u8>)>,
    /// The number of the last snapshot.
    snapshots: u64,
    /// When it was begun, in the room's time, and whether there was a meeting.
    snapshot_at: Timestamp,
    knows_meeting: bool,
    /// Since when there is one that the last snapshot does not know.
    meeting_since: Option<Timestamp>,
    /// The tail is not replaced before it is longer than this: the last snapshot failed.
    retry_above: usize,
    /// What the log is once the snapshot has taken its place.
    adopting: Option<Adopting>,
}

/// A snapshot that is taking the place of the log.
#[derive(Debug)]
struct Adopting {
    /// Where the log lies then; none where it stays where it is.
    log: Option<Log>,
    snapshot_bytes: usize,
    tail_bytes: usize,
}

/// A room as its journal tells it.
#[derive(Debug)]
pub struct Replayed {
    pub room: Room,
    /// Inputs that were handled again.
    pub inputs: usize,
    /// Bytes of a broken tail that were cut off.
    pub cut_bytes: usize,
    /// The tail was written by other rules and dropped.
    pub other_rules: bool,
    /// Inputs panicked that are not marked as skipped.
    pub panicked: bool,
}

impl Journal {
    /// Begins a log with a snapshot.
    pub fn create(mut log: Log, room: &Room) -> Result<Self, JournalError> {
        let bytes = format::begin(room)?;
        log.reset(&bytes)?;
        Ok(Self {
            log,
            snapshot_bytes: bytes.len(),
            tail_bytes: 0,
            staging: None,
            snapshots: 0,
            snapshot_at: room.at(),
            knows_meeting: room.has_meeting(),
            meeting_since: None,
            retry_above: 0,
            adopting: None,
        })
    }

    /// Replaces the log by a snapshot, on a blocking thread, before a room is carried.
    pub fn begin_anew(&mut self, room: &Room) -> Result<(), JournalError> {
        let bytes = format::begin(room)?;
        self.log.reset(&bytes)?;
        (self.snapshot_bytes, self.tail_bytes) = (bytes.len(), 0);
        (self.snapshot_at, self.knows_meeting) = (room.at(), room.has_meeting());
        Ok(())
    }

    /// Begins a log in the place of another that failed: a snapshot that is still being written for that one is of no use.
    pub fn succeed(&self, log: Log, room: &Room) -> Result<Self, JournalError> {
        Ok(Self {
            snapshots: self.snapshots,
            ..Self::create(log, room)?
        })
    }

    /// Opens a log that was written before; a broken tail is cut off.
    pub fn open(mut log: Log, livekit: &Arc<Livekit>) -> Result<(Self, Replayed), JournalError> {
        let bytes = log.read()?;
        let parsed = format::parse(&bytes)?;
        if parsed.whole_bytes < bytes.len() {
            log.cut(parsed.whole_bytes)?;
        }
        let mut skipped = parsed.skipped();
        let replayed = loop {
            match replay(&parsed, bytes.len(), u64::MAX, &skipped, livekit) {
                // The process died between the panic and its `Skipped`.
                Err(JournalError::Panicked(seq)) if skipped.insert(seq) => {}
                other => break other?,
            }
        };
        let panicked = skipped.len() > parsed.skipped().len();
        let this = Self {
            log,
            snapshot_bytes: parsed.snapshot_bytes,
            tail_bytes: parsed.whole_bytes - parsed.snapshot_bytes,
            staging: None,
            snapshots: 0,
            // Its age is not known: the room takes a new one soon.
            snapshot_at: Timestamp::from_micros(0),
            knows_meeting: false,
            meeting_since: None,
            retry_above: 0,
            adopting: None,
        };
        Ok((this, Replayed { panicked, ..replayed }))
    }

    /// Begins to append records. They are in the log when it is over without an error; then comes [`Journal::appended`].
    pub fn append(&mut self, records: &[u8]) -> Doing {
        match &mut self.log {
            Log::File(file) => file.append(records),
            Log::Memory(_) => {
                self.remember(records);
                Doing::Over(Ok(()))
            }
            Log::Port(port) => port.append(records),
        }
    }

    /// Appends records to a log in memory.
    pub(crate) fn remember(&mut self, records: &[u8]) {
        if let Log::Memory(bytes) = &mut self.log {
            bytes.extend_from_slice(records);
        }
    }

    /// These records are in the log.
    pub fn appended(&mut self, records: &[u8]) {
        self.tail_bytes += records.len();
        if let Some((_, staging)) = &mut self.staging {
            staging.extend_from_slice(records);
        }
    }

    /// Work that reads the room as it was before the input `before`, on a blocking thread.
    #[must_use]
    pub fn rebuild(&self, before: u64, livekit: &Arc<Livekit>) -> Rebuild {
        let (read, livekit) = (self.log.reader(), Arc::clone(livekit));
        Box::new(move || {
            let bytes = read()?;
            let parsed = format::parse(&bytes)?;
            Ok(replay(&parsed, bytes.len(), before, &parsed.skipped(), &livekit)?.room)
        })
    }

    /// Whether the tail is to be replaced by a snapshot: it is long; or the last one is old; or a meeting has begun since, of which
    /// other rules would know nothing.
    #[must_use]
    pub fn wants_snapshot(&mut self, room: &Room) -> bool {
        let now = room.at();
        if room.has_meeting() && !self.knows_meeting {
            self.meeting_since.get_or_insert(now);
        } else {
            self.meeting_since = None;
        }
        if self.is_staging() || self.tail_bytes <= self.retry_above {
            return false;
        }
        let is_long = self.tail_bytes > JOURNAL_TAIL_BYTES.max(self.snapshot_bytes);
        let is_old = self.tail_bytes > JOURNAL_AGED_TAIL_BYTES
            && self.snapshot_at.plus_secs(JOURNAL_SNAPSHOT_AGE_SECS) <= now;
        let lacks_meeting = self
            .meeting_since
            .is_some_and(|since| since.plus_secs(JOURNAL_MEETING_AGE_SECS) <= now);
        is_long || is_old || lacks_meeting
    }

    #[must_use]
    pub fn is_staging(&self) -> bool {
        self.staging.is_some()
    }

    /// The number of the snapshot that was begun last.
    #[must_use]
    pub fn last_snapshot(&self) -> u64 {
        self.snapshots
    }

    /// Begins a snapshot: the returned work encodes and writes it, on a blocking thread. A log in memory goes into the file
    /// that is given, if one is.
    pub fn stage(
        &mut self,
        room: &Room,
        file: Option<Stage>,
    ) -> impl FnOnce() -> Result<Staged, JournalError> + Send + 'static {
        self.snapshots += 1;
        (self.snapshot_at, self.knows_meeting) = (room.at(), room.has_meeting());
        self.staging = Some((self.snapshots, Vec::new()));
        let room = room.clone();
        let target = match &self.log {
            Log::File(file) => Some(file.stage()),
            Log::Memory(_) => file,
            Log::Port(_) => None,
        };
        let write = move || {
            let bytes = format::begin(&room)?;
            Ok(match target {
                Some(target) => target.write(&bytes)?,
                None => Staged::memory(bytes),
            })
        };
        // One that panics must not keep others from being written.
        move || {
            catch_unwind(AssertUnwindSafe(write))
                .unwrap_or_else(|_| Err(JournalError::Corrupt("the snapshot can't be encoded".to_owned())))
        }
    }

    /// Begins to replace the log by the staged snapshot of this number and what came since; [`Journal::adopted`] hears what came of it.
    /// Nothing where it is of no use: the disk may have failed meanwhile, so that another log is used now.
    pub fn adopt(
        &mut self,
        number: u64,
        staged: Result<Staged, JournalError>,
    ) -> Result<Option<Doing>, JournalError> {
        let Some((_, tail)) = self.staging.take_if(|(staging, _)| *staging == number) else {
            return Ok(None);
        };
        let tail_bytes = tail.len();
        let staged = staged.inspect_err(|_| self.failed_to_adopt())?;
        let snapshot_bytes = staged.bytes();
        let (log, doing) = match (&mut self.log, staged) {
            (Log::File(_) | Log::Memory(_), Staged::File(file)) => {
                let (log, doing) = file.become_log(tail);
                (Some(Log::File(log)), doing)
            }
            (Log::Memory(_), Staged::Memory(mut bytes)) => {
                bytes.extend_from_slice(&tail);
                (Some(Log::Memory(bytes)), Doing::Over(Ok(())))
            }
            (Log::Port(port), Staged::Memory(mut bytes)) => {
                bytes.extend_from_slice(&tail);
                (None, port.replace(bytes))
            }
            (Log::File(_), Staged::Memory(_)) | (Log::Port(_), Staged::File(_)) => {
                return Err(JournalError::Corrupt(
                    "a snapshot of another kind of log".to_owned(),
                ));
            }
        };
        self.adopting = Some(Adopting {
            log,
            snapshot_bytes,
            tail_bytes,
        });
        Ok(Some(doing))
    }

    /// The snapshot has taken the place of the log. After a failure the old log stays.
    pub fn adopted(&mut self, written: io::Result<()>) -> Result<(), JournalError> {
        let Some(adopting) = self.adopting.take() else {
            return Ok(());
        };
        written.inspect_err(|_| self.failed_to_adopt())?;
        if let Some(log) = adopting.log {
            self.log = log;
        }
        (self.snapshot_bytes, self.tail_bytes) = (adopting.snapshot_bytes, adopting.tail_bytes);
        self.retry_above = 0;
        Ok(())
    }

    fn failed_to_adopt(&mut self) {
        self.retry_above = self.tail_bytes.saturating_mul(2);
    }

    /// Bytes of the snapshot and of the inputs since.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.snapshot_bytes + self.tail_bytes
    }

    /// Whether something was appended since the last snapshot.
    #[must_use]
    pub fn has_tail(&self) -> bool {
        self.tail_bytes > 0
    }

    /// Whether several nodes have it in common.
    #[must_use]
    pub fn is_in_common(&self) -> bool {
        matches!(&self.log, Log::Port(port) if port.is_in_common())
    }

    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self.log, Log::File(_))
    }

    /// The room lives: a quiet one must not look old when the process dies.
    #[must_use]
    pub fn touch(&self) -> Doing {
        match &self.log {
            Log::File(file) => file.touch(),
            Log::Memory(_) => Doing::Over(Ok(())),
            Log::Port(port) => port.touch(),
        }
    }

    /// The room is over: its log goes.
    #[must_use]
    pub fn delete(&self) -> Doing {
        match &self.log {
            Log::File(file) => file.delete(),
            Log::Memory(_) => Doing::Over(Ok(())),
            Log::Port(port) => port.delete(),
        }
    }

    /// The room failed: its log is kept for post-mortem, and never revived.
    #[must_use]
    pub fn set_aside(&self, now: Timestamp) -> Doing {
        match &self.log {
            Log::File(file) => file.set_aside(now),
            Log::Memory(_) => Doing::Over(Ok(())),
            Log::Port(port) => port.set_aside(),
        }
    }
}

impl Log {
    fn reset(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.reset(bytes),
            Self::Memory(log) => {
                bytes.clone_into(log);
                Ok(())
            }
            Self::Port(port) => port.reset(bytes),
        }
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        self.reader()()
    }

    /// What reads it, on whatever thread.
    fn reader(&self) -> Box<dyn FnOnce() -> io::Result<Vec<u8>> + Send> {
        match self {
            Self::File(file) => Box::new(file.reader()),
            Self::Memory(log) => {
                let bytes = log.clone();
                Box::new(move || Ok(bytes))
            }
            Self::Port(port) => {
                let bytes = port.read();
                Box::new(move || bytes)
            }
        }
    }

    fn cut(&mut self, bytes: usize) -> io::Result<()> {
        match self {
            Self::File(file) => file.cut(bytes),
            Self::Memory(log) => {
                log.truncate(bytes);
                Ok(())
            }
            Self::Port(port) => port.cut(bytes),
        }
    }
}

/// Handles the inputs of a log again, up to the one before `before`. What they send goes to nobody; the room keeps it for those who
/// come back.
fn replay(
    parsed: &Parsed<'_>,
    bytes: usize,
    before: u64,
    skipped: &BTreeSet<u64>,
    livekit: &Arc<Livekit>,
) -> Result<Replayed, JournalError> {
    let mut room: Room =
        serde_json::from_slice(parsed.snapshot).map_err(|error| JournalError::Corrupt(error.to_string()))?;
    let mut inputs = 0;
    for stamped in parsed.inputs().take_while(|stamped| stamped.seq < before) {
        if stamped.seq != room.input_seq() + 1 {
            return Err(JournalError::Corrupt(format!(
                "input {} follows {}",
                stamped.seq,
                room.input_seq()
            )));
        }
        if skipped.contains(&stamped.seq) {
            room.skip(stamped.seq, stamped.at);
        } else {
            catch_unwind(AssertUnwindSafe(|| room.replay(livekit, stamped.clone())))
                .map_err(|_| JournalError::Panicked(stamped.seq))?;
            inputs += 1;
        }
    }
    let cut_bytes = bytes - parsed.whole_bytes;
    Ok(Replayed {
        room,
        inputs,
        cut_bytes,
        other_rules: parsed.other_rules,
        panicked: false,
    })
}
