//! Sessions that survive a restart: a small private file, replaced as a whole.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};

use super::{
    private_file,
    sessions::{Session, SessionRefusal, Sessions},
};

/// The sessions and their file.
pub(super) struct SessionFile {
    path: PathBuf,
    state: Mutex<State>,
    /// Which change the file holds; its lock is held while writing.
    written: Mutex<u64>,
}

struct State {
    sessions: Sessions,
    /// Counts changes.
    changes: u64,
}

impl SessionFile {
    /// Reads the file at `path`. A file that can't be read costs logins, not the start.
    pub fn open(path: PathBuf, now: DateTime<Utc>) -> Self {
        let mut sessions = read(&path).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "could not read sessions; everybody has to log in again");
            Sessions::default()
        });
        sessions.forget_expired(now);
        Self {
            path,
            state: Mutex::new(State { sessions, changes: 0 }),
            written: Mutex::new(0),
        }
    }

    /// Adds a session; returns when it is on disk.
    pub async fn begin(
        self: &Arc<Self>,
        id: &str,
        session: Session,
        now: DateTime<Utc>,
    ) -> Result<(), SessionRefusal> {
        self.change(|sessions| sessions.begin(id, session, now)).await
    }

    /// See [`Sessions::rotate`]; returns when it is on disk.
    pub async fn rotate(
        self: &Arc<Self>,
        id: &str,
        presented: &str,
        next: String,
        now: DateTime<Utc>,
    ) -> Result<Session, SessionRefusal> {
        self.change(|sessions| sessions.rotate(id, presented, next, now))
            .await
    }

    /// Ends a session; returns when that is on disk.
    pub async fn void(self: &Arc<Self>, id: &str, now: DateTime<Utc>) {
        self.change(|sessions| sessions.void(id, now)).await;
    }

    pub fn is_voided(&self, id: &str) -> bool {
        self.state().sessions.is_voided(id)
    }

    async fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut Sessions) -> T) -> T {
        let (result, number) = {
            let mut state = self.state();
            state.changes += 1;
            (change(&mut state.sessions), state.changes)
        };
        let file = Arc::clone(self);
        // The write goes on when the caller goes away.
        let written = tokio::task::spawn_blocking(move || file.write(number)).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            // The sessions live on in memory: better than refusing logins on a full disk.
            tracing::error!(path = %self.path.display(), %error, "could not write sessions; they end with the process");
        }
        result
    }

    /// Writes everything up to change `number` at least. Whoever waited finds its change already written by another.
    fn write(&self, number: u64) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written >= number {
            return Ok(());
        }
        let (json, changes) = {
            let state = self.state();
            (serde_json::to_vec(&state.sessions)?, state.changes)
        };
        private_file::replace(&self.path, &json)?;
        *written = changes;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &PathBuf) -> io::Result<Sessions> {
    match fs::read(path) {
        Ok(json) => Ok(serde_json::from_slice(&json)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Sessions::default()),
        Err(error) => Err(error),
    }
}
