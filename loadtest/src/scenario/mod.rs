//! One file per scenario, and what several of them need.

mod attendee;
mod automod;
mod baseline;
mod breakout;
mod chat;
mod churn;
mod class;
mod each_meeting;
mod entry;
mod fanout;
mod idle;
mod join_storm;
mod listener;
mod member;
mod moderation;
mod neighbours;
mod participant_pool;
mod persistent;
mod restart;
mod stall;
mod tally;
mod vote;
mod waiting_room;

use std::{sync::Arc, time::Duration};

use entry::Entry;

use crate::{
    api::{Api, ApiError},
    args::{Args, ScenarioName},
    clock::Moment,
    meetings::{Meeting, Meetings},
    process::{Observer, ProcessError},
    progress::Progress,
    report::Report,
};

/// The web client's heartbeat.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(12);

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("the rooms can't be prepared: {0}")]
    Api(#[from] ApiError),
    #[error("a participant's task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("{0}")]
    Process(#[from] ProcessError),
    #[error("the baseline server can't be started: {0}")]
    Baseline(std::io::Error),
    #[error("LiveKit can't be played: {0}")]
    Livekit(std::io::Error),
    #[error("nobody got to the baseline server: {0}")]
    BaselineClient(#[from] crate::client::ClientError),
}

pub async fn run(args: Arc<Args>, api: Arc<Api>, meetings: Arc<Meetings>) -> Result<Report, ScenarioError> {
    let observer = Observer::new(args.server_pid)?;
    if args.scenario == ScenarioName::Baseline {
        let findings = baseline::run(&args, &api, &meetings, observer).await?;
        return Ok(Report::new(&args, findings));
    }
    if args.scenario == ScenarioName::Neighbours {
        let findings = neighbours::run(&args, &api, &meetings, observer).await?;
        return Ok(Report::new(&args, findings));
    }
    if args.scenario == ScenarioName::Moderation {
        let findings = moderation::run(&args, &api, &meetings, observer).await?;
        return Ok(Report::new(&args, findings));
    }
    let rooms = prepare(&args, &meetings).await?;
    let entry = Entry::new(Arc::clone(&args), api)?;
    let findings = match args.scenario {
        ScenarioName::Chat => chat::run(entry, rooms, observer).await?,
        ScenarioName::JoinStorm => join_storm::run(entry, rooms, observer).await?,
        ScenarioName::Idle => idle::run(entry, rooms, observer).await?,
        ScenarioName::Churn => churn::run(entry, rooms, observer).await?,
        ScenarioName::Breakout => breakout::run(entry, rooms, observer).await?,
        ScenarioName::WaitingRoom => waiting_room::run(entry, rooms, observer).await?,
        ScenarioName::Automod => automod::run(entry, rooms, observer).await?,
        ScenarioName::Vote => vote::run(entry, rooms, observer).await?,
        ScenarioName::Class => class::run(entry, rooms, observer).await?,
        ScenarioName::Restart => restart::run(entry, rooms).await?,
        ScenarioName::Stall => stall::run(entry, rooms, observer).await?,
        ScenarioName::Fanout
        | ScenarioName::Baseline
        | ScenarioName::Neighbours
        | ScenarioName::Moderation => fanout::run(entry, rooms, observer).await?,
    };
    Ok(Report::new(&args, findings))
}

/// The rooms of a run, or of one part of it.
async fn prepare(args: &Args, meetings: &Meetings) -> Result<Vec<Meeting>, ApiError> {
    let _progress = Progress::step("rooms", u64::from(args.rooms()));
    let users = (args.scenario == ScenarioName::Vote).then(|| args.participants());
    meetings.create(args.rooms(), args.join_concurrency, users).await
}

/// Time from the first beginning to the last end; zero without any.
fn span(begins: impl Iterator<Item = Moment>, ends: impl Iterator<Item = Moment>) -> Duration {
    match (begins.min(), ends.max()) {
        (Some(begin), Some(end)) => end.since(begin),
        _ => Duration::ZERO,
    }
}
