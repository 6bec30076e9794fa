//! `colloquy migrate`: the database alone, for operators who want to see it happen before they start the server.

use std::{io, process::ExitCode};

use super::{explain, logging, logging::LoggingError};
use crate::{
    app::open_database,
    config::{Config, DataFolderError, prepare_data_folder},
    store::StoreError,
};

/// Why the database is not up to date.
#[derive(Debug, thiserror::Error)]
enum MigrateError {
    #[error("cannot start logging: {0}")]
    Logging(#[from] LoggingError),
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn run(config: &Config) -> ExitCode {
    match start(config) {
        Ok(()) => {
            println!("The database is up to date.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("colloquy: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

fn start(config: &Config) -> Result<(), MigrateError> {
    logging::start(&config.log)?;
    let runtime = tokio::runtime::Runtime::new().map_err(MigrateError::Runtime)?;
    runtime.block_on(migrate(config))
}

async fn migrate(config: &Config) -> Result<(), MigrateError> {
    let folder = prepare_data_folder(config).await?;
    let db = open_database(config, &folder).await?;
    db.close().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_can_be_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: Some(folder.path().join("data")),
            ..Config::default()
        };
        for _ in 0..2 {
            migrate(&config).await.unwrap();
        }
        assert!(folder.path().join("data").read_dir().unwrap().next().is_some());
    }
}
