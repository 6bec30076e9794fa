//! One issuer per folder: two would overwrite each other's sessions.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
    time::{Duration, Instant},
};

use super::{error::DevIssuerError, limits::FOLDER_LOCK_WAIT};

/// Time between two tries.
const RETRY: Duration = Duration::from_millis(100);

/// A locked folder; free again when this is dropped, or the process ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Locks `folder`, waiting at most [`FOLDER_LOCK_WAIT`] for an issuer that is just ending.
    pub fn take(folder: &Path) -> Result<Self, DevIssuerError> {
        Self::take_within(folder, FOLDER_LOCK_WAIT)
    }

    fn take_within(folder: &Path, wait: Duration) -> Result<Self, DevIssuerError> {
        let path = folder.join("lock");
        let file = open(&path).map_err(|error| DevIssuerError::io(&path, error))?;
        let deadline = Instant::now() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => return Err(DevIssuerError::InUse(folder.to_owned())),
                Err(TryLockError::Error(error)) => return Err(DevIssuerError::io(&path, error)),
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_issuer() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take_within(folder.path(), Duration::ZERO).unwrap();
        let refused = FolderLock::take_within(folder.path(), Duration::ZERO);
        assert!(matches!(refused, Err(DevIssuerError::InUse(path)) if path == folder.path()));
        drop(lock);
        FolderLock::take_within(folder.path(), Duration::ZERO).unwrap();
    }
}
