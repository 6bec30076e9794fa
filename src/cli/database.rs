//! What commands that work on the database alone have in common: they need no running server, and disturb none.

use std::{fmt, future::Future, io, process::ExitCode};

use super::{explain, logging, logging::LoggingError, say};
use crate::{
    app::open_database,
    config::{Config, DataFolderError, prepare_data_folder},
    store::{Db, StoreError},
};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("cannot start logging: {0}")]
    Logging(#[from] LoggingError),
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the operator asked for is not possible.
    #[error("{0}")]
    Refused(String),
}

impl CommandError {
    pub(super) fn refused(reason: impl fmt::Display) -> Self {
        Self::Refused(reason.to_string())
    }
}

/// Runs `work` on the database, which is brought up to date first, and prints what it returns.
pub(super) fn run<F, W>(config: &Config, work: W) -> ExitCode
where
    W: FnOnce(Db) -> F,
    F: Future<Output = Result<String, CommandError>>,
{
    match start(config, work) {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("colloquy: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

fn start<F, W>(config: &Config, work: W) -> Result<String, CommandError>
where
    W: FnOnce(Db) -> F,
    F: Future<Output = Result<String, CommandError>>,
{
    logging::start(&config.log)?;
    let runtime = tokio::runtime::Runtime::new().map_err(CommandError::Runtime)?;
    runtime.block_on(async {
        let folder = prepare_data_folder(config).await?;
        let db = open_database(config, &folder).await?;
        let result = work(db.clone()).await;
        db.close().await;
        result
    })
}
