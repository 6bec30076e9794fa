//! Two floods in the same rooms, the second while some do not read: are the others held up?

use std::collections::BTreeMap;

use super::{
    ScenarioError,
    entry::Entry,
    listener::Load,
    participant_pool::{ParticipantPool, Stalling},
};
use crate::{figures::ratio, flow::Flow, meetings::Meeting, process::Observer, report::Findings};

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let load = Load::of(&entry.args);
    let joins_attempted = entry.args.participants_total();
    let participants = entry.args.participants();
    let stalled = entry.args.stalled();
    let mut pool = ParticipantPool::enter(entry, rooms, participants, stalled).await?;
    let before = pool.flood(load, Stalling::Nobody, observer).await?;
    let during = pool.flood(load, Stalling::Some, observer).await?;
    let p99_ratio = ratio(during.flow.p99_ms, before.flow.p99_ms);
    let mut audit = before.audit;
    audit += during.audit;
    let flows = [
        ("others_without_stalled", before.flow),
        ("others_with_stalled", during.flow.clone()),
    ];
    Ok(Findings {
        joins_attempted,
        joins: pool.joins.clone(),
        // Both floods; the times are the second one's.
        deliveries: Flow {
            count: audit.received,
            ..during.flow
        },
        audit,
        flows: BTreeMap::from(flows),
        figures: p99_ratio.map(|ratio| ("p99_ratio", ratio)).into_iter().collect(),
        server: during.cost,
        errors: pool.leave().await,
        ..Findings::default()
    })
}
