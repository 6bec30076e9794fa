//! REST operations under load: how many a second, how long each takes, what they cost the server, and how `GET /users/me`
//! compares with a bare handler that does the same query.

pub mod baseline;
mod drive;
pub mod operation;
pub mod report;

use std::{collections::BTreeSet, io, process::Command, sync::Arc, time::Duration};

use clap::Args as Options;
use reqwest::Method;
use url::Url;

use self::{
    baseline::Identity,
    drive::{Driven, Request, drive},
    operation::Operation,
    report::{Comparison, RestReport},
};
use crate::{
    api::{Api, ApiError},
    args::Args,
    baseline::child::BaselineServer,
    forwarded::ForwardedFor,
    meetings::Meetings,
    process::{Observer, ProcessError},
};

/// What is measured.
#[derive(Debug, Options)]
pub struct RestArgs {
    /// Operations, one after the other.
    #[arg(long = "operation", value_enum, default_values = ["me", "rooms", "start"])]
    operations: Vec<Operation>,
    /// Requests under way at the same time, each on a connection of its own.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Rooms, of all accounts by turns; the first account's are asked for in turn. A room keeps 2,000 tickets that nobody has
    /// redeemed, each for 30 s.
    #[arg(long = "rest-rooms", default_value_t = 192, value_parser = clap::value_parser!(u32).range(1..=30_000))]
    rooms: u32,
    /// Seconds of asking, for each operation and each half of a pair.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// The server's database: compares `GET /users/me` with a bare handler that does the same query there.
    #[arg(long, value_name = "URL", env = baseline::DATABASE, hide_env_values = true)]
    database: Option<String>,
    /// How often the bare handler and the server take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
}

impl RestArgs {
    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Descriptors that the connections need, while those of the step before are closing.
    pub fn files_needed(&self) -> u64 {
        u64::from(self.connections) * 2
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RestError {
    #[error("{0}")]
    Api(#[from] ApiError),
    #[error("{0}")]
    Process(#[from] ProcessError),
    #[error("the bare handler can't be started: {0}")]
    Baseline(io::Error),
    #[error("a task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Asks everything there is to ask.
pub async fn run(
    args: &Args,
    rest: &RestArgs,
    api: &Arc<Api>,
    meetings: &Meetings,
) -> Result<RestReport, RestError> {
    let observer = Observer::new(args.server_pid)?;
    let mut meetings = meetings.create(rest.rooms, args.join_concurrency, None).await?;
    meetings.retain(|meeting| meeting.owner == api.owner(0));
    let mut report = RestReport::new(rest.connections, rest.seconds);
    for operation in &rest.operations {
        let paths = meetings.iter().map(|meeting| operation.path(meeting.room));
        // Those that are not about a room have one path.
        let paths: BTreeSet<_> = paths.collect();
        let request = request(args, api, operation.method(), paths).await?;
        let driven = measured(rest, observer, request).await?;
        report.add(operation.name(), driven);
    }
    if let Some(database) = &rest.database {
        report.comparison = Some(compare(args, rest, api, observer, database).await?);
    }
    Ok(report)
}

/// As the first account.
async fn request(
    args: &Args,
    api: &Api,
    method: Method,
    paths: impl IntoIterator<Item = String>,
) -> Result<Request, RestError> {
    let url = |path: String| args.url.join(&path).map_err(|_| ApiError::Url(args.url.clone()));
    Ok(Request {
        bearer: Some(api.token(api.owner(0)).await?),
        method,
        urls: paths.into_iter().map(url).collect::<Result<_, _>>()?,
        timeout: args.timeout,
        forwarded_for: args.forwarded_for(),
    })
}

async fn measured(rest: &RestArgs, observer: Observer, request: Request) -> Result<Driven, RestError> {
    drive(request, rest.connections, rest.duration(), observer).await
}

/// By turns, so that what else the machine does weighs on both.
async fn compare(
    args: &Args,
    rest: &RestArgs,
    api: &Api,
    observer: Observer,
    database: &str,
) -> Result<Comparison, RestError> {
    let path = Operation::Me.path(uuid::Uuid::nil());
    let identity = Identity::of(&api.token(api.owner(0)).await?).map_err(RestError::Baseline)?;
    let mut command = BaselineServer::command().map_err(RestError::Baseline)?;
    pass(&mut command, &identity, database);
    let baseline = BaselineServer::spawn(&mut command).map_err(RestError::Baseline)?;
    let baseline_observer = Observer::new(Some(baseline.pid()))?;
    let baseline_url = Url::parse(&format!("http://127.0.0.1:{}/users/me", baseline.port()))
        .map_err(|error| RestError::Baseline(io::Error::other(error)))?;
    let mut comparison = Comparison::default();
    for _ in 0..rest.pairs {
        let bare = Request {
            bearer: None,
            method: Method::GET,
            urls: vec![baseline_url.clone()],
            timeout: args.timeout,
            forwarded_for: ForwardedFor::Nobody,
        };
        let bare = measured(rest, baseline_observer, bare).await?;
        let ours = request(args, api, Method::GET, [path.clone()]).await?;
        let ours = measured(rest, observer, ours).await?;
        comparison.add(&bare, &ours);
    }
    Ok(comparison)
}

/// The URL may hold a password, and command lines can be read by anybody.
fn pass(command: &mut Command, identity: &Identity, database: &str) {
    command
        .arg("rest-baseline")
        .args(["--iss", &identity.issuer, "--sub", &identity.subject])
        .env(baseline::DATABASE, database);
}
