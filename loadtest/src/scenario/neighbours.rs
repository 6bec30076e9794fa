//! Small rooms that talk, first alone, then beside a large room that is flooded: does one room slow down others?

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ScenarioError,
    entry::Entry,
    listener::Load,
    participant_pool::{ParticipantPool, Stalling},
    prepare,
};
use crate::{api::Api, args::Args, figures::ratio, meetings::Meetings, process::Observer, report::Findings};

pub async fn run(
    args: &Arc<Args>,
    api: &Arc<Api>,
    meetings: &Meetings,
    observer: Observer,
) -> Result<Findings, ScenarioError> {
    let entry = || Entry::new(Arc::clone(args), Arc::clone(api));
    let large = meetings.create(1, args.join_concurrency, None).await?;
    let mut large = ParticipantPool::enter(entry()?, large, args.large_room, 0).await?;
    let rooms = prepare(args, meetings).await?;
    let mut small = ParticipantPool::enter(entry()?, rooms, args.participants(), 0).await?;
    let (load, flood) = (Load::of(args), Load::of_large_room(args));
    let alone = small.flood(load, Stalling::Nobody, observer).await?;
    let (beside, flooded) = tokio::join!(
        small.flood(load, Stalling::Nobody, observer),
        large.flood(flood, Stalling::Nobody, Observer::nobody()),
    );
    let (beside, flooded) = (beside?, flooded?);
    let p99_ratio = ratio(beside.flow.p99_ms, alone.flow.p99_ms);
    let mut audit = alone.audit;
    audit += beside.audit;
    audit += flooded.audit;
    let mut joins = small.joins.clone();
    joins.count += large.joins.count;
    let mut errors = small.leave().await;
    errors.merge(large.leave().await);
    Ok(Findings {
        joins_attempted: args.participants_total() + u64::from(args.large_room),
        joins,
        // All floods'; the times are those of the small rooms beside the large one.
        deliveries: crate::flow::Flow {
            count: audit.received,
            ..beside.flow.clone()
        },
        audit,
        flows: BTreeMap::from([
            ("small_rooms_alone", alone.flow),
            ("small_rooms_beside_the_large_one", beside.flow),
            ("large_room", flooded.flow),
        ]),
        figures: p99_ratio.map(|ratio| ("p99_ratio", ratio)).into_iter().collect(),
        server: beside.cost,
        errors,
        ..Findings::default()
    })
}
