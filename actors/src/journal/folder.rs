//! The folder of all journals: what can be revived, and what is kept for post-mortem.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use uuid::Uuid;

use super::{
    Log,
    file::{FileLog, Stage},
    threads::Threads,
};
use crate::{
    ids::{RoomId, Timestamp},
    protocol::limits::{POST_MORTEM_FILES_MAX, POST_MORTEM_SECS},
};

const LOG: &str = "log";
const POST_MORTEM: &str = "post-mortem";
/// Wait for a server that is just ending.
pub const LOCK_WAIT: Duration = Duration::from_secs(15);
/// What is written to see whether the disk works again.
const PROBE_BYTES: usize = 4_096;
const LOCK_RETRY: Duration = Duration::from_millis(100);

/// The folder, locked by this server.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    fsync: bool,
    threads: Arc<Threads>,
    _lock: File,
}

/// Why the folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
    #[error("{0} is in use by another server")]
    Locked(PathBuf),
}

/// How the journals of the living rooms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journals {
    /// Each room that is to have one has one.
    Whole,
    /// They can be written again, and some rooms still live in memory.
    Lacking,
    Failing,
}

impl Folder {
    /// Opens the folder and locks it, waiting at most [`LOCK_WAIT`] for a server that is just ending.
    pub fn open(path: &Path, fsync: bool) -> Result<Self, FolderError> {
        Self::open_within(path, fsync, LOCK_WAIT)
    }

    /// [`Folder::open`] with another time to wait.
    pub fn open_within(path: &Path, fsync: bool, wait: Duration) -> Result<Self, FolderError> {
        let io = |error| FolderError::Io(path.to_owned(), error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io)?;
        let lock = File::create(path.join("lock")).map_err(io)?;
        let mut waited = Duration::ZERO;
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        path: path.to_owned(),
                        fsync,
                        threads: Arc::default(),
                        _lock: lock,
                    });
                }
                Err(fs::TryLockError::WouldBlock) if waited < wait => {
                    std::thread::sleep(LOCK_RETRY);
                    waited += LOCK_RETRY;
                }
                Err(fs::TryLockError::WouldBlock) => return Err(FolderError::Locked(path.to_owned())),
                Err(fs::TryLockError::Error(error)) => return Err(io(error)),
            }
        }
    }

    /// For work on what is in it.
    #[must_use]
    pub fn threads(&self) -> &Arc<Threads> {
        &self.threads
    }

    fn file(&self, room: RoomId) -> PathBuf {
        self.path.join(room.to_string()).with_extension(LOG)
    }

    /// The log of a room, made when there is none.
    pub fn log(&self, room: RoomId) -> io::Result<Log> {
        FileLog::open(&self.file(room), self.fsync, Arc::clone(&self.threads)).map(Log::File)
    }

    /// Where a room that lives in memory writes its next snapshot, to have a log again.
    #[must_use]
    pub fn stage(&self, room: RoomId) -> Stage {
        Stage::of(&self.file(room), self.fsync, Arc::clone(&self.threads))
    }

    /// Whether a log could be written at this moment.
    pub fn probe(&self) -> io::Result<()> {
        let path = self.path.join("probe");
        let written = fs::write(&path, [0; PROBE_BYTES]);
        let removed = fs::remove_file(path);
        written.and(removed)
    }

    #[must_use]
    pub fn has(&self, room: RoomId) -> bool {
        self.file(room).exists()
    }

    pub fn delete(&self, room: RoomId) -> io::Result<()> {
        match fs::remove_file(self.file(room)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Puts a journal that can't be read aside.
    pub fn set_aside(&self, room: RoomId, now: Timestamp) -> io::Result<()> {
        set_aside(&self.file(room), now)
    }

    /// Deletes what is too old, or too many, of the journals kept for post-mortem: they hold whole chats.
    pub fn tidy(&self) -> io::Result<()> {
        tidy(&self.path.join(POST_MORTEM))
    }

    /// Rooms with a journal no older than `age_max`. Older ones, and what was left half-written, are deleted.
    pub fn index(&self, age_max: Duration) -> io::Result<Vec<RoomId>> {
        self.tidy()?;
        let mut rooms = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let id = path
                .file_stem()
                .and_then(|name| name.to_str())
                .and_then(|name| Uuid::parse_str(name).ok());
            let (Some(id), Some(extension)) = (id, path.extension()) else {
                continue;
            };
            if extension == LOG && age(&path)? <= age_max {
                rooms.push(RoomId(id));
            } else {
                fs::remove_file(&path)?;
            }
        }
        Ok(rooms)
    }
}

fn age(path: &Path) -> io::Result<Duration> {
    let modified = fs::metadata(path)?.modified()?;
    // A time in the future (the clock was set back) counts as now.
    Ok(SystemTime::now().duration_since(modified).unwrap_or_default())
}

/// Moves a journal to the post-mortem folder, and tidies that.
pub(super) fn set_aside(journal: &Path, now: Timestamp) -> io::Result<()> {
    let folder = journal.with_file_name(POST_MORTEM);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let name = journal
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    fs::rename(journal, folder.join(format!("{}-{name}.{LOG}", now.as_micros())))?;
    tidy(&folder)
}

fn tidy(post_mortem: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(post_mortem) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut kept = Vec::new();
    for entry in entries {
        let path = entry?.path();
        kept.push((age(&path)?, path));
    }
    kept.sort();
    for (index, (age, path)) in kept.iter().enumerate() {
        if index >= POST_MORTEM_FILES_MAX || *age > Duration::from_secs(POST_MORTEM_SECS) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
