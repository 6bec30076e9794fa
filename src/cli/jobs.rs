//! `colloquy jobs`: maintenance by hand.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use clap::Subcommand;
use colloquy_actors::live::JournalMode;
use colloquy_cluster::RedisError;
use serde_json::json;

use super::{explain, logging, logging::LoggingError, say};
use crate::{
    app::open_database,
    assets::{Assets, Objects, OpenError},
    clock::Clock,
    config::{Config, DataFolderError, prepare_data_folder},
    deletion::{Deleter, Journals, Meetings},
    jobs::{self, Job, ParametersError, Report, RunError, Tools},
    meetings::live_settings,
    nodes,
    shared_folders::SharedFolders,
    store::StoreError,
};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum JobsCommand {
    /// Name the jobs, what they do, and their parameters with their defaults
    List,
    /// Run a job once, also while servers work with the database
    Run {
        /// Name of the job, see `list`
        job: String,
        /// Say what would be deleted, and delete nothing
        #[arg(long)]
        dry_run: bool,
        /// Parameters as a JSON object; absent ones have their defaults
        #[arg(long, value_name = "JSON", default_value = "{}")]
        parameters: String,
    },
}

/// Why a job did not run.
#[derive(Debug, thiserror::Error)]
enum JobsError {
    #[error("there is no job `{0}`; see `colloquy jobs list`")]
    Unknown(String),
    #[error("parameters: {0}")]
    Parameters(#[from] ParametersError),
    #[error("cannot start logging: {0}")]
    Logging(#[from] LoggingError),
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Assets(#[from] OpenError),
    #[error("cannot prepare requests to other services: {0}")]
    HttpClient(#[from] reqwest::Error),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Redis(#[from] RedisError),
}

pub(super) fn run(config: &Config, command: &JobsCommand) -> ExitCode {
    let done = match command {
        JobsCommand::List => {
            // A closed stdout is the reader's choice.
            let _ = list(&mut io::stdout().lock());
            return ExitCode::SUCCESS;
        }
        JobsCommand::Run {
            job,
            dry_run,
            parameters,
        } => start(config, job, *dry_run, parameters),
    };
    match done {
        Ok(report) => {
            say(&json!(report).to_string());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("colloquy: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

fn list(out: &mut impl Write) -> io::Result<()> {
    for job in Job::ALL {
        writeln!(
            out,
            "{} {}\n    {}",
            job.name(),
            json!(job.defaults()),
            job.about()
        )?;
    }
    Ok(())
}

fn start(config: &Config, name: &str, dry_run: bool, parameters: &str) -> Result<Report, JobsError> {
    let job = Job::parse(name).ok_or_else(|| JobsError::Unknown(name.to_owned()))?;
    let parameters = job.parameters(parameters)?;
    logging::start(&config.log)?;
    let runtime = tokio::runtime::Runtime::new().map_err(JobsError::Runtime)?;
    runtime.block_on(async {
        let folder = prepare_data_folder(config).await?;
        let db = open_database(config, &folder).await?;
        let objects = Objects::open_beside(&config.outgoing, &config.assets, &folder)?;
        let assets = Assets::new(db.clone(), objects, &config.assets);
        let deleter = Deleter {
            db: db.clone(),
            clock: Clock::system(),
            meetings: meetings(config, &folder)?,
            assets: assets.clone(),
            shared_folders: SharedFolders::new(&config.outgoing, &config.shared_folder)?,
        };
        let tools = Tools {
            db: db.clone(),
            assets,
            clock: Clock::system(),
            deleter,
            ended_logins_kept: config.oidc.ended_logins_kept(),
        };
        let done = jobs::run(&tools, job, parameters, dry_run).await;
        db.close().await;
        Ok(done?)
    })
}

/// The meetings of a server beside this command, whose journals tell what rooms are alive.
fn meetings(config: &Config, data_folder: &Path) -> Result<Meetings, RedisError> {
    if let Some((_, store)) = nodes::settings(&config.cluster)? {
        return Ok(Meetings::OfNodes(store));
    }
    Ok(match live_settings(config, data_folder).journal {
        JournalMode::Files { folder, age_max, .. } => Meetings::Beside(Journals { folder, age_max }),
        JournalMode::Memory | JournalMode::Cluster(_) => Meetings::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_listed_with_its_parameters() {
        let mut out = Vec::new();
        list(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for job in Job::ALL {
            assert!(text.contains(&format!("{} {{", job.name())), "{text}");
        }
    }
}
