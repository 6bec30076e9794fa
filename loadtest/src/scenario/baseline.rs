//! The same flood by turns at a bare broadcast server and at the server: what do rules, journal and envelope cost?

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ScenarioError,
    entry::Entry,
    listener::Load,
    participant_pool::{Flood, ParticipantPool, Stalling},
    prepare,
};
use crate::{
    api::Api,
    args::Args,
    baseline::child::BaselineServer,
    figures::{median, ratio},
    meetings::Meetings,
    process::{Observer, ServerCost},
    report::{Findings, Pair},
};

pub async fn run(
    args: &Arc<Args>,
    api: &Arc<Api>,
    meetings: &Meetings,
    observer: Observer,
) -> Result<Findings, ScenarioError> {
    let baseline = BaselineServer::start().map_err(ScenarioError::Baseline)?;
    let baseline_observer = Observer::new(Some(baseline.pid()))?;
    let load = Load::of(args);
    let mut findings = Findings::default();
    let mut costs = Vec::new();
    for part in 0..args.pairs {
        let mut pool = ParticipantPool::enter_bare(args, |room| baseline.url(part, room)).await?;
        let bare = pool.flood(load, Stalling::Nobody, baseline_observer).await?;
        findings.audit += bare.audit;
        findings.errors.merge(pool.leave().await);

        // New rooms: those who left the old ones would be listed.
        let rooms = prepare(args, meetings).await?;
        let entry = Entry::new(Arc::clone(args), Arc::clone(api))?;
        let participants = args.participants();
        let mut pool = ParticipantPool::enter(entry, rooms, participants, 0).await?;
        let ours = pool.flood(load, Stalling::Nobody, observer).await?;
        findings.audit += ours.audit;
        findings.pairs.extend(pair(&bare, &ours));
        costs.push([bare.cost, ours.cost]);
        findings.joins_attempted += args.participants_total();
        // The last pair's times stand for all; the number of joins is everybody's.
        let joined_before = findings.joins.count;
        findings.joins = pool.joins.clone();
        findings.joins.count += joined_before;
        findings.flows.insert("baseline_deliveries", bare.flow);
        findings.deliveries = ours.flow;
        findings.server = ours.cost;
        findings.errors.merge(pool.leave().await);
    }
    findings.deliveries.count = findings.audit.received;
    findings.figures = medians(&findings.pairs);
    findings.figures.extend(micros(&costs));
    if findings.pairs.len() < args.pairs as usize {
        findings.errors.add("a flood too short to be measured");
    }
    Ok(findings)
}

fn pair(bare: &Flood, ours: &Flood) -> Option<Pair> {
    let baseline = bare.cost?.deliveries_per_cpu_second?;
    let server = ours.cost?.deliveries_per_cpu_second?;
    let ratio = ratio(server, baseline)?;
    Some(Pair {
        baseline,
        server,
        ratio,
    })
}

fn medians(pairs: &[Pair]) -> BTreeMap<&'static str, f64> {
    let of = |figure: fn(&Pair) -> f64| median(pairs.iter().map(figure));
    [
        (
            "median_baseline_deliveries_per_cpu_second",
            of(|pair| pair.baseline),
        ),
        ("median_server_deliveries_per_cpu_second", of(|pair| pair.server)),
        ("median_ratio", of(|pair| pair.ratio)),
    ]
    .into_iter()
    .filter_map(|(name, figure)| Some((name, figure?)))
    .collect()
}

/// Microseconds of user and system time per delivery, of the baseline and of the server: medians.
fn micros(costs: &[[Option<ServerCost>; 2]]) -> BTreeMap<&'static str, f64> {
    let of = |side: usize, figure: fn(ServerCost) -> Option<f64>| {
        median(costs.iter().filter_map(|costs| figure(costs[side]?)))
    };
    let user = |cost: ServerCost| cost.user_micros_per_delivery;
    let system = |cost: ServerCost| cost.system_micros_per_delivery;
    [
        ("median_baseline_user_micros", of(0, user)),
        ("median_baseline_system_micros", of(0, system)),
        ("median_server_user_micros", of(1, user)),
        ("median_server_system_micros", of(1, system)),
    ]
    .into_iter()
    .filter_map(|(name, figure)| Some((name, figure?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ratio_is_of_the_pairs_not_of_the_medians() {
        let pair = |baseline, server| Pair {
            baseline,
            server,
            ratio: server / baseline,
        };
        let medians = medians(&[pair(100.0, 90.0), pair(200.0, 100.0), pair(400.0, 120.0)]);
        for (name, figure) in [
            ("median_baseline_deliveries_per_cpu_second", 200.0),
            ("median_ratio", 0.5),
            ("median_server_deliveries_per_cpu_second", 100.0),
        ] {
            assert_eq!(medians.get(name), Some(&figure), "{name}");
        }
    }

    #[test]
    fn without_pairs_there_are_no_medians() {
        assert!(medians(&[]).is_empty());
    }
}
