//! Drives many concurrent rooms against a running Colloquy and reports what it saw: how fast, and whether anything was
//! lost, doubled or reordered. It knows the wire only from its documentation and shares no types with the server.

mod api;
mod args;
mod client;
mod clock;
mod ledger;
mod meetings;
mod progress;
mod report;
mod scenario;
mod stamp;
mod wire;

use std::{process::ExitCode, sync::Arc};

use api::{Api, ApiError};
use args::Args;
use clap::Parser;
use meetings::Meetings;
use report::Report;
use scenario::ScenarioError;

/// The run finished, but something was lost, doubled, reordered or refused.
const EXIT_FAILED: u8 = 1;
/// The run could not be carried out.
const EXIT_UNUSABLE: u8 = 2;
/// What a shell reports after Ctrl-C.
const EXIT_INTERRUPTED: u8 = 130;

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("{0}")]
    Api(#[from] ApiError),
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    #[error("the report can't be written: {0}")]
    Report(#[from] std::io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Arc::new(Args::parse());
    // Two descriptors a participant at the most: its socket, and a connection of the HTTP pool while it starts.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        eprintln!("the limit of open files stays as it is: {error}");
    }
    match run(args).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(EXIT_UNUSABLE)
        }
    }
}

async fn run(args: Arc<Args>) -> Result<ExitCode, RunError> {
    let api = Arc::new(Api::discover(&args).await?);
    let meetings = Arc::new(Meetings::new(Arc::clone(&api)));
    let outcome = tokio::select! {
        report = scenario::run(Arc::clone(&args), api, Arc::clone(&meetings)) => Some(report),
        _ = tokio::signal::ctrl_c() => None,
    };
    if !args.keep {
        clean_up(&meetings, args.join_concurrency).await;
    }
    let Some(report) = outcome else {
        eprintln!("interrupted");
        return Ok(ExitCode::from(EXIT_INTERRUPTED));
    };
    publish(&report?, &args)
}

/// Deletes what the run created; a second Ctrl-C leaves the rest behind.
async fn clean_up(meetings: &Meetings, concurrency: usize) {
    tokio::select! {
        failures = meetings.delete_all(concurrency) => {
            for failure in failures {
                eprintln!("a room stays behind: {failure}");
            }
        }
        _ = tokio::signal::ctrl_c() => eprintln!("rooms stay behind"),
    }
}

fn publish(report: &Report, args: &Args) -> Result<ExitCode, RunError> {
    println!("{report}");
    if let Some(path) = &args.json {
        std::fs::write(path, report.to_json())?;
    }
    Ok(if report.passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_FAILED)
    })
}
