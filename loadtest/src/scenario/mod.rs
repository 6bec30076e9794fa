//! One file per scenario.

mod attendee;
mod chat;
mod tally;

use std::sync::Arc;

use crate::{
    api::{Api, ApiError},
    args::{Args, ScenarioName},
    meetings::Meetings,
    report::Report,
};

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("the rooms can't be prepared: {0}")]
    Api(#[from] ApiError),
    #[error("a participant's task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

pub async fn run(args: Arc<Args>, api: Arc<Api>, meetings: Arc<Meetings>) -> Result<Report, ScenarioError> {
    match args.scenario {
        ScenarioName::Chat => chat::run(args, api, &meetings).await,
    }
}
