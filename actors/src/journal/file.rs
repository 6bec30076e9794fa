//! A room's log as an append-only file, private to the server's user.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use super::{Doing, threads::Threads};
use crate::ids::Timestamp;

/// An open log file. In plain mode a write survives the death of the process, with `fsync` the loss of power too.
#[derive(Debug)]
pub struct FileLog {
    file: Arc<File>,
    path: PathBuf,
    fsync: bool,
    threads: Arc<Threads>,
}

/// Where a snapshot is written while the old log is still in use.
#[derive(Debug)]
pub struct Stage {
    /// The log that it will be.
    log: PathBuf,
    fsync: bool,
    threads: Arc<Threads>,
}

/// A written snapshot, not yet the log.
#[derive(Debug)]
pub enum Staged {
    File(StagedFile),
    Memory(Vec<u8>),
}

/// A file that is removed when nobody makes it the log: the room may have ended, or failed, while it was written.
#[derive(Debug)]
pub struct StagedFile {
    file: Arc<File>,
    path: PathBuf,
    log: PathBuf,
    fsync: bool,
    threads: Arc<Threads>,
    bytes: usize,
}

/// Numbers the snapshots of this process: one that is still being written and the next of the same room, or of the same
/// room's next life, never write into one file.
static STAGED: AtomicU64 = AtomicU64::new(0);

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).mode(0o600);
    options
}

/// Writes to the file of a log.
fn write(mut file: &File, log: &Path, bytes: &[u8]) -> io::Result<()> {
    #[cfg(feature = "fault-injection")]
    super::slow::wait(log);
    #[cfg(not(feature = "fault-injection"))]
    let _ = log;
    file.write_all(bytes)
}

impl FileLog {
    /// Opens or makes the file; its content stays.
    pub fn open(path: &Path, fsync: bool, threads: Arc<Threads>) -> io::Result<Self> {
        let file = private().append(true).create(true).open(path)?;
        Ok(Self {
            file: Arc::new(file),
            path: path.to_owned(),
            fsync,
            threads,
        })
    }

    pub(super) fn reset(&mut self, bytes: &[u8]) -> io::Result<()> {
        let staged = self.stage().write_file(bytes)?;
        let log = staged.log();
        staged.take_place(&[])?;
        *self = log;
        Ok(())
    }

    /// A write of a batch costs a few microseconds, a hop to another thread more: only what waits for the disk does that, and what
    /// comes while the disk is slow.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Doing {
        if !self.fsync && self.threads.is_quick() {
            let write = || write(&self.file, &self.path, bytes);
            return Doing::Over(self.threads.in_place(write));
        }
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        let (bytes, fsync) = (bytes.to_vec(), self.fsync);
        self.threads.write_elsewhere(move || {
            write(&file, &path, &bytes)?;
            if fsync { file.sync_data() } else { Ok(()) }
        })
    }

    pub(super) fn reader(&self) -> impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static {
        let file = Arc::clone(&self.file);
        move || {
            let mut bytes = Vec::new();
            let mut file = &*file;
            file.seek(SeekFrom::Start(0))?;
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        }
    }

    pub(super) fn cut(&mut self, bytes: usize) -> io::Result<()> {
        self.file.set_len(bytes as u64)
    }

    pub(super) fn stage(&self) -> Stage {
        Stage::of(&self.path, self.fsync, Arc::clone(&self.threads))
    }

    pub(super) fn touch(&self) -> Doing {
        let file = Arc::clone(&self.file);
        self.threads
            .write(false, move || file.set_modified(SystemTime::now()))
    }

    pub(super) fn delete(&self) -> Doing {
        let path = self.path.clone();
        self.threads.write(self.fsync, move || fs::remove_file(path))
    }

    pub(super) fn set_aside(&self, now: Timestamp) -> Doing {
        let path = self.path.clone();
        self.threads
            .write_elsewhere(move || super::folder::set_aside(&path, now))
    }
}

impl Stage {
    /// The next snapshot of this log, which need not exist.
    pub(super) fn of(log: &Path, fsync: bool, threads: Arc<Threads>) -> Self {
        Self {
            log: log.to_owned(),
            fsync,
            threads,
        }
    }

    pub(super) fn write(self, bytes: &[u8]) -> io::Result<Staged> {
        self.write_file(bytes).map(Staged::File)
    }

    fn write_file(self, bytes: &[u8]) -> io::Result<StagedFile> {
        let number = STAGED.fetch_add(1, Ordering::Relaxed);
        let path = self.log.with_extension(format!("staged-{number}"));
        // An earlier process may have left one of this number half-written.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = private().append(true).create_new(true).open(&path)?;
        let staged = StagedFile {
            file: Arc::new(file),
            path,
            log: self.log,
            fsync: self.fsync,
            threads: self.threads,
            bytes: bytes.len(),
        };
        (&*staged.file).write_all(bytes)?;
        if staged.fsync {
            staged.file.sync_data()?;
        }
        Ok(staged)
    }
}

impl Staged {
    pub(super) fn memory(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes)
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::File(staged) => staged.bytes,
            Self::Memory(bytes) => bytes.len(),
        }
    }
}

impl StagedFile {
    /// What the log is once this has taken its place.
    fn log(&self) -> FileLog {
        FileLog {
            file: Arc::clone(&self.file),
            path: self.log.clone(),
            fsync: self.fsync,
            threads: Arc::clone(&self.threads),
        }
    }

    /// Takes the place of the log, with what came since, and says what the log is then.
    pub(super) fn become_log(self, tail: Vec<u8>) -> (FileLog, Doing) {
        let (log, threads) = (self.log(), Arc::clone(&self.threads));
        let doing = threads.write(self.fsync, move || self.take_place(&tail));
        (log, doing)
    }

    fn take_place(self, tail: &[u8]) -> io::Result<()> {
        write(&self.file, &self.log, tail)?;
        if self.fsync {
            self.file.sync_data()?;
        }
        let folder = self.log.parent().filter(|_| self.fsync);
        rename(&self.path, &self.log, folder, |path| File::open(path))
    }
}

/// Gives a file the name of another, and waits for the folder to keep that. What may fail comes before: once it has the name it is the
/// log, and what the other one would take is lost.
fn rename(
    from: &Path,
    to: &Path,
    folder: Option<&Path>,
    open: impl FnOnce(&Path) -> io::Result<File>,
) -> io::Result<()> {
    let folder = folder.map(open).transpose()?;
    fs::rename(from, to)?;
    if let Some(Err(error)) = folder.map(|folder| folder.sync_all()) {
        tracing::warn!(%error, "the folder of journals can't be synced: a loss of power may bring back an older snapshot");
    }
    Ok(())
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // Once it is the log, its own name is gone. What can't be removed is removed at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        ids::{RoomId, TaskId},
        journal::{Doing, Log},
        logged::{Handled, LoggedRoom},
        room::{
            Room, RoomSettings,
            input::{Input, Stamped},
        },
        task::Outcome,
    };

    #[test]
    fn a_file_has_the_name_of_another_only_where_the_folder_can_keep_that() {
        let folder = tempfile::tempdir().unwrap();
        let (new, log) = (folder.path().join("new"), folder.path().join("log"));
        fs::write(&new, "new").unwrap();
        fs::write(&log, "old").unwrap();
        let refused = rename(&new, &log, Some(folder.path()), |_| {
            Err(io::Error::other("too many files"))
        });
        assert!(refused.is_err());
        assert_eq!(fs::read_to_string(&log).unwrap(), "old");
        // One that can't be synced.
        rename(&new, &log, Some(folder.path()), |_| File::open("/proc/self/stat")).unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "new");
    }

    /// A file that can be read, but takes nothing more, as on a full disk.
    fn full(path: &Path) -> FileLog {
        FileLog {
            file: Arc::new(File::open(path).unwrap()),
            path: path.to_owned(),
            fsync: false,
            threads: Arc::default(),
        }
    }

    /// What is being done, on a disk that may be slow.
    fn over(doing: Doing) -> io::Result<()> {
        match doing {
            Doing::Over(written) => written,
            Doing::UnderWay(doing) => {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime?.block_on(doing)
            }
        }
    }

    /// Logs a batch.
    fn log_batch(room: &mut LoggedRoom, batch: &[Stamped]) {
        let written = over(room.log(batch).unwrap());
        if let Some(leaving) = room.logged(written).unwrap() {
            over(leaving).unwrap();
        }
    }

    #[test]
    fn a_room_whose_disk_fails_goes_on_in_memory_and_its_file_is_deleted() {
        let path = std::env::temp_dir().join(format!("colloquy-{}.log", Uuid::new_v4()));
        let room = Room::new(RoomId(Uuid::nil()), RoomSettings::default());
        let log = Log::File(FileLog::open(&path, false, Arc::default()).unwrap());
        LoggedRoom::create(room, log, Arc::default()).unwrap();
        let mut room = LoggedRoom::open(Log::File(full(&path)), Arc::default()).unwrap();
        assert!(room.journal().is_file());
        let state = room.room().clone();
        let write_snapshot = room.journal_mut().stage(&state, None);
        let batch = room.stamp(
            vec![Input::Tick, Input::Restarted],
            Timestamp::from_micros(1),
            || 1,
        );
        log_batch(&mut room, &batch);
        assert!(room.disk_failed() && !room.journal().is_file());
        assert!(!path.exists());
        for stamped in batch {
            assert!(matches!(room.handle(stamped), Handled::Done(_)));
        }
        assert_eq!(room.room().input_seq(), 2);
        assert_eq!(
            room.journal().rebuild(u64::MAX, &Arc::default())().unwrap(),
            *room.room()
        );
        // A snapshot of the file that was on its way is of no use any more.
        assert!(room.journal_mut().adopt(1, write_snapshot()).unwrap().is_none());
        assert_eq!(
            room.journal().rebuild(u64::MAX, &Arc::default())().unwrap(),
            *room.room()
        );
        assert_eq!(files_of(&path), 0);
        // The disk works again, and the server stops before anybody looked.
        let staged = room.stage(Some(Stage::of(&path, false, Arc::default())))();
        let number = room.journal().last_snapshot();
        let adopting = room.adopt(number, staged).unwrap().unwrap();
        room.adopted(over(adopting)).unwrap();
        assert!(!room.disk_failed());
        let log = Log::File(FileLog::open(&path, false, Arc::default()).unwrap());
        assert_eq!(
            *LoggedRoom::open(log, Arc::default()).unwrap().room(),
            *room.room()
        );
        over(room.delete_log()).unwrap();
        assert_eq!(files_of(&path), 0);
    }

    #[test]
    fn a_room_that_is_revived_on_a_full_disk_keeps_its_file_until_somebody_comes() {
        let folder = std::env::temp_dir().join(format!("colloquy-{}", Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("room.log");
        let room = Room::new(RoomId(Uuid::nil()), RoomSettings::default());
        let log = || Log::File(FileLog::open(&path, false, Arc::default()).unwrap());
        LoggedRoom::create(room, log(), Arc::default()).unwrap();
        // No snapshot can be written: something else has its name.
        for number in 0..1_000 {
            fs::create_dir(path.with_extension(format!("staged-{number}"))).unwrap();
        }
        let at = Timestamp::from_micros(1);
        let mut room = LoggedRoom::revive(log(), Arc::default(), at, 1).unwrap().room;
        assert!(room.disk_failed() && path.exists());
        for (input, is_kept) in [
            (Input::Tick, true),
            (
                Input::TaskDone {
                    task: TaskId(Uuid::nil()),
                    outcome: Outcome::Done,
                },
                false,
            ),
        ] {
            let batch = room.stamp(vec![input], at, || 1);
            log_batch(&mut room, &batch);
            assert_eq!(path.exists(), is_kept);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    /// How many files begin with the name of a log: it, and what is staged for it.
    fn files_of(log: &Path) -> usize {
        let name = log.file_stem().unwrap().to_str().unwrap();
        let files = fs::read_dir(log.parent().unwrap()).unwrap();
        let names = files.map(|file| file.unwrap().file_name());
        names
            .filter(|file| file.to_str().unwrap().starts_with(name))
            .count()
    }

    #[test]
    fn snapshots_that_are_written_at_once_do_not_meet() {
        let path = std::env::temp_dir().join(format!("colloquy-{}.log", Uuid::new_v4()));
        let mut log = FileLog::open(&path, false, Arc::default()).unwrap();
        log.reset(b"old").unwrap();
        // One that nobody waits for any more ends after the last one was written, and before it becomes the log.
        let late = log.stage().write_file(b"half").unwrap();
        let last = log.stage().write_file(b"last").unwrap();
        drop(late);
        let (log, becoming) = last.become_log(b", tail".to_vec());
        over(becoming).unwrap();
        assert_eq!(log.reader()().unwrap(), b"last, tail");
        assert_eq!(files_of(&path), 1);
        // The room is deleted while a snapshot is being written.
        let late = log.stage().write_file(b"late").unwrap();
        over(log.delete()).unwrap();
        drop(late);
        assert_eq!(files_of(&path), 0);
    }
}
