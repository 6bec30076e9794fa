//! A few write as much as they may, everyone in the room receives: what a delivery costs the server.

use super::{
    ScenarioError,
    entry::Entry,
    listener::Load,
    participant_pool::{ParticipantPool, Stalling},
};
use crate::{meetings::Meeting, process::Observer, report::Findings};

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let load = Load::of(&entry.args);
    let joins_attempted = entry.args.participants_total();
    let participants = entry.args.participants();
    let mut pool = ParticipantPool::enter(entry, rooms, participants, 0).await?;
    let flood = pool.flood(load, Stalling::Nobody, observer).await?;
    Ok(Findings {
        joins_attempted,
        joins: pool.joins.clone(),
        deliveries: flood.flow,
        audit: flood.audit,
        server: flood.cost,
        errors: pool.leave().await,
        ..Findings::default()
    })
}
