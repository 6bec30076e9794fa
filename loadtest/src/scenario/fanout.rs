//! A few write as much as they may, everyone in the room receives: what a delivery costs the server.

use super::{
    ScenarioError,
    entry::Entry,
    hall::{Hall, Stalling},
    listener::Load,
};
use crate::{meetings::Meeting, process::Observer, report::Findings};

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let load = Load::of(&entry.args);
    let joins_attempted = entry.args.participants_total();
    let mut hall = Hall::enter(entry, rooms, 0).await?;
    let flood = hall.flood(load, Stalling::Nobody, observer).await?;
    Ok(Findings {
        joins_attempted,
        joins: hall.joins.clone(),
        deliveries: flood.flow,
        audit: flood.audit,
        server: flood.cost,
        errors: hall.leave().await,
        ..Findings::default()
    })
}
