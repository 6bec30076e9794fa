//! Opening a database.

use std::{
    fs::{self, File},
    io,
    path::Path,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection,
    pool::PoolConnectionMetadata,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use tokio::time::{Instant, timeout};

use super::{Db, StoreError, TIME_LIMIT, connections::Connections, lease::too_slow};
use crate::config;

/// File in the data folder when no URL is configured.
const SQLITE_FILE: &str = "colloquy.sqlite";

/// Readers of SQLite: more than one caller has reads at the same time (`http/caller_limits.rs`), so that slow ones of few callers leave
/// connections to the others.
const SQLITE_READERS: u32 = 32;

/// How long SQLite waits for a lock of another process, such as a backup. Below [`TIME_LIMIT`], so that the answer is
/// SQLite's and the connection stays.
const SQLITE_BUSY_WAIT: Duration = Duration::from_secs(3);

/// A connection that rested longer than this is asked for a sign of life before it is used.
const REST_MAX: Duration = Duration::from_secs(1);

/// How long that sign may take.
const SIGN_OF_LIFE_WAIT: Duration = Duration::from_secs(1);

/// What PostgreSQL ends by itself, in milliseconds: statements whose caller has given up, and transactions whose caller
/// was lost together with the connection.
const STATEMENT_MS_MAX: u32 = 5_000;
const IDLE_IN_TRANSACTION_MS_MAX: u32 = 10_000;

impl Db {
    /// Whether a database may be there without one being made: a file of SQLite exists, others have to be asked.
    #[must_use]
    pub fn is_there(database: &config::Database, data_dir: &Path) -> bool {
        match database.url.as_deref() {
            None => data_dir.join(SQLITE_FILE).exists(),
            Some(url) if url.starts_with("sqlite:") => {
                SqliteConnectOptions::from_str(url).is_ok_and(|options| options.get_filename().is_file())
            }
            Some(_) => true,
        }
    }

    /// Opens the configured database, SQLite in `data_dir` when there is no URL. Migrates nothing.
    pub async fn connect(database: &config::Database, data_dir: &Path) -> Result<Self, StoreError> {
        match database.url.as_deref() {
            None => connect_sqlite(SqliteConnectOptions::new().filename(data_dir.join(SQLITE_FILE))).await,
            Some(url) if url.starts_with("sqlite:") => {
                let options = SqliteConnectOptions::from_str(url).map_err(StoreError::UrlSyntax)?;
                if url.contains(":memory:")
                    || url.contains("mode=memory")
                    || options.get_filename() == Path::new("")
                {
                    return Err(StoreError::Url(
                        "SQLite in memory would be another database for each connection",
                    ));
                }
                connect_sqlite(options).await
            }
            Some(url) if url.starts_with("postgres:") || url.starts_with("postgresql:") => {
                connect_postgres(url, database.connections_max).await
            }
            Some(_) => Err(StoreError::Url("must begin with `postgres://` or `sqlite://`")),
        }
    }
}

async fn connect_sqlite(options: SqliteConnectOptions) -> Result<Db, StoreError> {
    let file = options.get_filename();
    open_private(file).map_err(|error| StoreError::File(file.to_owned(), error))?;
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was answered survives the loss of power.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY_WAIT)
        .optimize_on_close(true, None);
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(TIME_LIMIT)
            // Nothing lies between us and a file that could have broken meanwhile.
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let write = pool().max_connections(1).connect_with(options.clone()).await?;
    let read = pool()
        .max_connections(SQLITE_READERS)
        .connect_with(options.optimize_on_close(false, None).pragma("query_only", "ON"))
        .await?;
    Ok(Db::Sqlite {
        write: Connections::new(write),
        read: Connections::new(read),
    })
}

async fn connect_postgres(url: &str, connections_max: u32) -> Result<Db, StoreError> {
    let mut options = PgConnectOptions::from_str(url).map_err(StoreError::UrlSyntax)?;
    if options.get_application_name().is_none() {
        options = options.application_name("colloquy");
    }
    let doubt = Arc::new(Doubt::default());
    let pool = PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(TIME_LIMIT)
        .test_before_acquire(false)
        .before_acquire(move |connection, rest| {
            let doubt = Arc::clone(&doubt);
            Box::pin(async move { doubt.is_usable(connection, rest).await })
        })
        .after_connect(|connection, _| {
            Box::pin(async move {
                // What is compiled for one execution takes longer to compile than to run: the planner takes sums of many short looks by an
                // index for long ones.
                let limits = format!(
                    "SET statement_timeout = {STATEMENT_MS_MAX};
                     SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS_MAX};
                     SET jit = off"
                );
                sqlx::raw_sql(AssertSqlSafe(limits)).execute(connection).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    Ok(Db::Postgres(Connections::new(pool)))
}

/// When the database was last found not to answer: connections that have rested since before then are not even asked,
/// or each of them would cost its caller a second.
#[derive(Debug, Default)]
struct Doubt(Mutex<Option<Instant>>);

impl Doubt {
    /// Whether a connection may be used that comes from its rest.
    async fn is_usable(
        &self,
        connection: &mut PgConnection,
        rest: PoolConnectionMetadata,
    ) -> sqlx::Result<bool> {
        if rest.idle_for < REST_MAX {
            return Ok(true);
        }
        let since = Instant::now().checked_sub(rest.idle_for);
        let doubted_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if doubted_at.is_some() && since <= doubted_at {
            return Ok(false);
        }
        if let Ok(alive) = timeout(SIGN_OF_LIFE_WAIT, connection.ping()).await {
            return alive.map(|()| true);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Err(too_slow())
    }
}

/// Opens a file that only its owner may read, made empty where there is none; SQLite gives its companions (`-wal`, `-shm`) the
/// same mode.
pub(super) fn open_private(file: &Path) -> io::Result<File> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}
