//! A class behind one address: everybody follows the same invite link at about the same time, and all must be inside soon,
//! however often the limits per address send them away for a moment.

use std::sync::Arc;

use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    ScenarioError,
    entry::{Entry, Seat},
    persistent::{Account, Gathering, Setbacks, take_part},
    span,
};
use crate::{
    flow::{Latencies, float},
    meetings::Meeting,
    process::Observer,
    progress::Progress,
    report::Findings,
};

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let args = Arc::clone(&entry.args);
    let total = args.participants_total();
    let gathering = Arc::new(Gathering::new(entry));
    let before = observer.look()?;
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for seat in Seat::all(rooms, args.participants()) {
        let due = begin + args.spread.mul_f64(float(seat.number) / float(total));
        tasks.spawn(take_part(Arc::clone(&gathering), seat, due));
    }
    let all_in = {
        let _progress = Progress::step("joins", total);
        let mut counts = gathering.counts.subscribe();
        let decided = counts.wait_for(|counts| counts.inside + counts.gave_up == total);
        match timeout_at(begin + args.deadline, decided).await {
            Ok(Ok(counts)) if counts.inside == total => Some(begin.elapsed()),
            _ => None,
        }
    };
    let cost = observer.since(before)?;
    gathering.end();
    let mut findings = evaluate(&mut tasks).await?;
    findings.joins_attempted = total;
    findings.server = cost.map(|cost| cost.per_participant(total));
    findings
        .figures
        .extend(all_in.map(|all_in| ("all_in_after_secs", all_in.as_secs_f64())));
    Ok(findings)
}

async fn evaluate(tasks: &mut JoinSet<Account>) -> Result<Findings, ScenarioError> {
    let mut findings = Findings::default();
    let (mut joins, mut times, mut setbacks) = (Latencies::new(), Vec::new(), Setbacks::default());
    while let Some(account) = tasks.join_next().await {
        let account = account?;
        findings.errors.merge(account.errors);
        setbacks.merge(&account.before_join);
        setbacks.merge(&account.before_return);
        if let Some((started, joined)) = account.join {
            joins.add(joined.since(started));
            times.push((started, joined));
        }
    }
    let joining = span(times.iter().map(|time| time.0), times.iter().map(|time| time.1));
    findings.joins = joins.flow(joining);
    findings.figures.extend(setbacks.figures());
    Ok(findings)
}
