//! Keeps a second server out of a database: both would answer for the same rooms. On PostgreSQL by an advisory lock, with
//! SQLite by a file beside its own. Nodes of a cluster share the lock.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use super::{Db, StoreError, connect::open_private};

/// Key of the advisory lock: the bytes of `colloquy`.
const KEY: i64 = i64::from_be_bytes(*b"colloquy");

/// How long to wait for a server that is just ending.
const WAIT: Duration = Duration::from_secs(15);

/// Time between two tries.
const RETRY: Duration = Duration::from_millis(200);

/// How long the connection that holds the lock may take for a sign of life.
const SIGN_OF_LIFE_WAIT: Duration = Duration::from_secs(1);

/// Time for one of our sessions to end when it is told to, and how often it is looked whether it has.
const END_WAIT: Duration = Duration::from_millis(100);
const END_TRIES: u32 = 10;

/// Ending of the file that is locked beside one of SQLite.
const FILE_ENDING: &str = "-lock";

/// Who else may work with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody.
    Alone,
    /// Other nodes of the same cluster (PostgreSQL only).
    Nodes,
}

/// The right to be the server of a database, held by a connection, or a file, of its own.
#[derive(Debug)]
pub struct ServerLock {
    db: Db,
    sharing: Sharing,
    held: Option<Held>,
    file: Option<File>,
    /// Sessions of ours that held the lock, or asked for it, and that we can't reach any more: each may still hold it.
    lost: Vec<Backend>,
}

#[derive(Debug)]
struct Held {
    connection: PgConnection,
    backend: Backend,
}

/// A session of ours at the database. Its number alone may come again.
#[derive(Debug, Clone, Copy)]
struct Backend {
    pid: i32,
    started_at: DateTime<Utc>,
}

impl Db {
    /// Locks other servers out, or all but nodes, waiting at most 15 s for one that is just ending.
    pub async fn lock_server(&self, sharing: Sharing) -> Result<ServerLock, StoreError> {
        let deadline = Instant::now() + WAIT;
        loop {
            if let Some(lock) = self.try_lock(sharing).await? {
                return Ok(lock);
            }
            if Instant::now() >= deadline {
                return Err(StoreError::InUse);
            }
            sleep(RETRY).await;
        }
    }

    /// The same without waiting; none where a server works with the database.
    pub async fn try_lock_server(&self) -> Result<Option<ServerLock>, StoreError> {
        self.try_lock(Sharing::Alone).await
    }

    async fn try_lock(&self, sharing: Sharing) -> Result<Option<ServerLock>, StoreError> {
        let mut lock = ServerLock {
            db: self.clone(),
            sharing,
            held: None,
            file: None,
            lost: Vec::new(),
        };
        Ok(lock.hold().await?.then_some(lock))
    }
}

impl ServerLock {
    /// The database that is locked.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.db.ping().await
    }

    /// Whether the lock is held; a lost connection is replaced. False when another server holds it.
    pub async fn hold(&mut self) -> Result<bool, StoreError> {
        let pool = match &self.db {
            Db::Postgres(pool) => pool,
            Db::Sqlite { write, .. } => {
                if self.file.is_none() {
                    let options = write.connect_options();
                    let mut name = options.get_filename().as_os_str().to_owned();
                    name.push(FILE_ENDING);
                    let file = PathBuf::from(name);
                    self.file = lock_file(&file).map_err(|error| StoreError::File(file, error))?;
                }
                return Ok(self.file.is_some());
            }
        };
        // Taken out: a caller that gives up must not leave a connection behind that waits for half an answer.
        if let Some(mut held) = self.held.take() {
            self.lost.push(held.backend);
            if let Ok(Ok(())) = timeout(SIGN_OF_LIFE_WAIT, held.connection.ping()).await {
                self.lost.pop();
                self.held = Some(held);
                return Ok(true);
            }
        }
        let connection = pool.acquire().await?.detach();
        let had_lost = !self.lost.is_empty();
        self.held = lock(connection, self.sharing, &mut self.lost).await?;
        if self.held.is_some() && had_lost {
            tracing::info!("the lock of the database is held again");
        }
        Ok(self.held.is_some())
    }
}

/// Locks a file, unless another server has. It is left there: a lock on a file that was removed is none.
fn lock_file(file: &Path) -> io::Result<Option<File>> {
    let file = open_private(file)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Takes the lock with this connection, unless another server has it. Our own sessions that were lost, of which the
/// database has not heard yet, are ended first; while one of them is there nobody knows whose the lock is, which is an error.
async fn lock(
    mut connection: PgConnection,
    sharing: Sharing,
    lost: &mut Vec<Backend>,
) -> sqlx::Result<Option<Held>> {
    const WHO: &str = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    end_lost(&mut connection, lost).await?;
    let (pid, started_at) = sqlx::query_as(WHO).fetch_one(&mut connection).await?;
    let backend = Backend { pid, started_at };
    // Before it asks: who gives up waiting for the answer has a session that may hold the lock.
    lost.push(backend);
    let locked: bool = sqlx::query_scalar(match sharing {
        Sharing::Alone => "SELECT pg_try_advisory_lock($1)",
        Sharing::Nodes => "SELECT pg_try_advisory_lock_shared($1)",
    })
    .bind(KEY)
    .fetch_one(&mut connection)
    .await?;
    lost.pop();
    Ok(locked.then_some(Held { connection, backend }))
}

/// Ends sessions of ours and waits until they are gone.
async fn end_lost(connection: &mut PgConnection, lost: &mut Vec<Backend>) -> sqlx::Result<()> {
    const END: &str =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2";
    for tries_left in (0..END_TRIES).rev() {
        while let Some(session) = lost.last() {
            let end = sqlx::query(END).bind(session.pid).bind(session.started_at);
            if end.execute(&mut *connection).await?.rows_affected() > 0 {
                break;
            }
            lost.pop();
        }
        if lost.is_empty() {
            return Ok(());
        }
        if tries_left > 0 {
            sleep(END_WAIT).await;
        }
    }
    Err(sqlx::Error::Io(io::Error::new(
        io::ErrorKind::TimedOut,
        "a lost session of this server's lock does not end",
    )))
}
