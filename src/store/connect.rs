//! Opening a database.

use std::{fs, io, path::Path, str::FromStr, time::Duration};

use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Db, StoreError};
use crate::config;

/// File in the data folder when no URL is configured.
const SQLITE_FILE: &str = "colloquy.sqlite";

/// Readers of SQLite; more do not read faster on few cores.
const SQLITE_READERS: u32 = 4;

/// How long a request waits for a connection before it is told to come again.
const ACQUIRE_WAIT: Duration = Duration::from_secs(5);

/// How long SQLite waits for a lock of another process, such as a backup.
const SQLITE_BUSY_WAIT: Duration = Duration::from_secs(5);

impl Db {
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
    create_private(options.get_filename()).map_err(StoreError::Folder)?;
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was answered survives the loss of power.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY_WAIT)
        .optimize_on_close(true, None);
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(ACQUIRE_WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let write = pool().max_connections(1).connect_with(options.clone()).await?;
    let read = pool()
        .max_connections(SQLITE_READERS)
        .connect_with(options.optimize_on_close(false, None).pragma("query_only", "ON"))
        .await?;
    Ok(Db::Sqlite { write, read })
}

async fn connect_postgres(url: &str, connections_max: u32) -> Result<Db, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(StoreError::UrlSyntax)?
        .application_name("colloquy");
    let pool = PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_WAIT)
        .connect_with(options)
        .await?;
    Ok(Db::Postgres(pool))
}

/// Makes an empty file that only its owner may read; SQLite gives its companions (`-wal`, `-shm`) the same mode.
fn create_private(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}
