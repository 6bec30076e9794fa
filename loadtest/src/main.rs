//! Drives many concurrent rooms against a running Colloquy and reports what it saw: how fast, and whether anything was
//! lost, doubled or reordered. It knows the wire only from its documentation and shares no types with the server.

mod api;
mod args;
mod baseline;
mod client;
mod clock;
mod commands;
mod figures;
mod flow;
mod forwarded;
mod frame_kind;
mod identity;
mod ledger;
mod livekit;
mod meetings;
mod process;
mod progress;
mod report;
mod rest;
mod scenario;
mod stamp;
mod wire;

use std::{fmt::Display, process::ExitCode, sync::Arc};

use api::{Api, ApiError};
use args::{Args, Command};
use clap::{CommandFactory, Parser, error::ErrorKind};
use identity::{IdentityArgs, IdentityError};
use meetings::Meetings;
use mimalloc::MiMalloc;
use rest::{RestArgs, RestError};
use scenario::ScenarioError;

/// The server's, so that the baseline differs from it by its work only.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
    #[error("{0}")]
    Rest(#[from] RestError),
    #[error("{0}")]
    Identity(#[from] IdentityError),
    #[error("the report can't be written: {0}")]
    Report(std::io::Error),
    #[error("the baseline server ended: {0}")]
    Baseline(std::io::Error),
    #[error(
        "this run needs {needed} open files, {allowed} are allowed: run `ulimit -n {needed}` first, as root if it is refused"
    )]
    Files { needed: u64, allowed: u64 },
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Arc::new(Args::parse());
    if let Err(contradiction) = args.check() {
        Args::command()
            .error(ErrorKind::ArgumentConflict, contradiction)
            .exit();
    }
    let outcome = match &args.command {
        Some(Command::BaselineServer) => serve_baseline().await,
        Some(Command::RestBaseline(identity)) => serve_rest_baseline(identity.clone()).await,
        Some(Command::Rest(rest)) => measure_rest(&args, rest).await,
        Some(Command::Identity(identity)) => measure_identity(&args, identity).await,
        None => run(args).await,
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(EXIT_UNUSABLE)
        }
    }
}

async fn serve_baseline() -> Result<ExitCode, RunError> {
    baseline::server::serve().await.map_err(RunError::Baseline)?;
    Ok(ExitCode::SUCCESS)
}

async fn serve_rest_baseline(identity: rest::baseline::Identity) -> Result<ExitCode, RunError> {
    let served = rest::baseline::serve(identity).await;
    served.map_err(RunError::Baseline)?;
    Ok(ExitCode::SUCCESS)
}

async fn measure_rest(args: &Args, rest: &RestArgs) -> Result<ExitCode, RunError> {
    allow_files(rest.files_needed())?;
    let api = Arc::new(Api::discover(args).await?);
    let meetings = Meetings::new(Arc::clone(&api));
    let outcome = tokio::select! {
        report = rest::run(args, rest, &api, &meetings) => Some(report),
        _ = tokio::signal::ctrl_c() => None,
    };
    clean_up(&meetings, args.join_concurrency).await;
    let Some(report) = outcome else {
        eprintln!("interrupted");
        return Ok(ExitCode::from(EXIT_INTERRUPTED));
    };
    let report = report?.finished();
    publish(&report, &json_of(report.to_json())?, report.passed, args).map_err(RunError::Report)
}

async fn measure_identity(args: &Args, identity: &IdentityArgs) -> Result<ExitCode, RunError> {
    allow_files(identity.files_needed())?;
    let report = tokio::select! {
        report = identity::run(args, identity) => report?,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("interrupted");
            return Ok(ExitCode::from(EXIT_INTERRUPTED));
        }
    };
    publish(&report, &json_of(report.to_json())?, report.passed, args).map_err(RunError::Report)
}

async fn run(args: Arc<Args>) -> Result<ExitCode, RunError> {
    allow_files(args.files_needed())?;
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
    let report = report?;
    publish(&report, &json_of(report.to_json())?, report.passed, &args).map_err(RunError::Report)
}

/// Raises the limit of open files as far as it may be raised, and tells beforehand when that is not enough.
fn allow_files(needed: u64) -> Result<(), RunError> {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(allowed) if allowed < needed => Err(RunError::Files { needed, allowed }),
        Ok(_) => Ok(()),
        Err(error) => {
            eprintln!("the limit of open files stays as it is: {error}");
            Ok(())
        }
    }
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

fn json_of(report: serde_json::Result<String>) -> Result<String, RunError> {
    report.map_err(|error| RunError::Report(error.into()))
}

fn publish(report: &impl Display, as_json: &str, passed: bool, args: &Args) -> std::io::Result<ExitCode> {
    match &args.json {
        Some(path) if path.as_os_str() == "-" => {
            eprintln!("{report}");
            println!("{as_json}");
        }
        Some(path) => {
            println!("{report}");
            std::fs::write(path, as_json)?;
        }
        None => println!("{report}"),
    }
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_FAILED)
    })
}
