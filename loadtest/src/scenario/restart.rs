//! A company behind one address, in all its meetings, while the server restarts: everybody must be back soon, as the same
//! participant, by the token of the last session.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use super::{
    ScenarioError,
    entry::{Entry, Seat},
    persistent::{Account, Counts, Gathering, Setbacks, take_part},
    span,
};
use crate::{
    flow::Latencies,
    meetings::Meeting,
    progress::Progress,
    report::{Errors, Findings},
};

/// Time for everybody to come, in spite of the limits per address.
const GATHERING_TIME: Duration = Duration::from_mins(10);

/// Time until the first socket is closed: somebody may have to be told to restart the server.
const RESTART_TIME: Duration = Duration::from_mins(5);

/// Between two looks at the command that restarts the server.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

pub async fn run(entry: Entry, rooms: Vec<Meeting>) -> Result<Findings, ScenarioError> {
    let args = Arc::clone(&entry.args);
    let total = args.participants_total();
    let gathering = Arc::new(Gathering::with_restart(entry));
    let now = Instant::now();
    let mut tasks = JoinSet::new();
    for seat in Seat::all(rooms, args.participants()) {
        tasks.spawn(take_part(Arc::clone(&gathering), seat, now));
    }
    let mut counts = gathering.counts.subscribe();
    let mut errors = Errors::default();
    let mut all_back = None;
    if gathered(&mut counts, total).await {
        eprintln!("everybody is inside: the server may restart now");
        let is_over = Arc::new(AtomicBool::new(false));
        let failure = failure(args.restart_command.clone(), Arc::clone(&is_over));
        tokio::select! {
            back = returned(&mut counts, total, args.deadline, &mut errors) => all_back = back,
            reason = failure => errors.add(reason),
        }
        is_over.store(true, Relaxed);
    }
    gathering.end();
    let returning = all_back.unwrap_or(args.deadline);
    let mut findings = evaluate(&mut tasks, returning).await?;
    findings.joins_attempted = total;
    findings.errors.merge(errors);
    findings
        .figures
        .extend(all_back.map(|all_back| ("all_back_after_secs", all_back.as_secs_f64())));
    Ok(findings)
}

/// Whether everybody has come.
async fn gathered(counts: &mut watch::Receiver<Counts>, total: u64) -> bool {
    let _progress = Progress::step("joins", total);
    let decided = counts.wait_for(|counts| counts.inside + counts.gave_up == total);
    matches!(timeout(GATHERING_TIME, decided).await, Ok(Ok(counts)) if counts.inside == total)
}

/// Waits for the restart, and until everybody was lost and is back; the time from the first loss to then.
async fn returned(
    counts: &mut watch::Receiver<Counts>,
    total: u64,
    deadline: Duration,
    errors: &mut Errors,
) -> Option<Duration> {
    let lost = timeout(RESTART_TIME, counts.wait_for(|counts| counts.lost > 0)).await;
    let first_lost_at = lost.ok().and_then(|counts| counts.ok()?.first_lost_at);
    let Some(first_lost_at) = first_lost_at else {
        errors.add("no socket was closed: the server did not restart");
        return None;
    };
    let decided = counts.wait_for(|counts| is_back(counts, total) || counts.gave_up > 0);
    let in_time = match timeout_at(first_lost_at + deadline, decided).await {
        Ok(Ok(counts)) => is_back(&counts, total),
        _ => false,
    };
    let took = first_lost_at.elapsed();
    errors.add_many("a socket outlived the restart", total - counts.borrow().lost);
    in_time.then_some(took)
}

fn is_back(counts: &Counts, total: u64) -> bool {
    counts.lost == total && counts.inside == total
}

/// Runs the command that restarts the server, if there is one; answers only when it fails.
async fn failure(command: Option<String>, is_over: Arc<AtomicBool>) -> String {
    let Some(command) = command else {
        return std::future::pending().await;
    };
    let run = tokio::task::spawn_blocking(move || run_command(&command, &is_over));
    match run
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
    {
        Ok(true) => std::future::pending().await,
        Ok(false) => "the restart command failed".to_owned(),
        Err(error) => format!("the restart command can't be run: {error}"),
    }
}

/// Runs a command in a shell, its output goes to the standard error. Whether it ended well; one that still runs when all
/// is over is left alone: it may be the server.
fn run_command(command: &str, is_over: &AtomicBool) -> std::io::Result<bool> {
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", command]).stdin(Stdio::null());
    let mut child = shell.stdout(std::io::stderr()).spawn()?;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(status.success()),
            None if is_over.load(Relaxed) => return Ok(true),
            None => std::thread::sleep(LOOK_INTERVAL),
        }
    }
}

/// Sums up; `returning` is how long the coming back took.
async fn evaluate(tasks: &mut JoinSet<Account>, returning: Duration) -> Result<Findings, ScenarioError> {
    let mut findings = Findings::default();
    let (mut joins, mut returns, mut times) = (Latencies::new(), Latencies::new(), Vec::new());
    let (mut before_join, mut before_return) = (Setbacks::default(), Setbacks::default());
    while let Some(account) = tasks.join_next().await {
        let account = account?;
        findings.errors.merge(account.errors);
        before_join.merge(&account.before_join);
        before_return.merge(&account.before_return);
        returns.extend(account.returns);
        if let Some((started, joined)) = account.join {
            joins.add(joined.since(started));
            times.push((started, joined));
        }
    }
    let joining = span(times.iter().map(|time| time.0), times.iter().map(|time| time.1));
    findings.joins = joins.flow(joining);
    findings.flows = BTreeMap::from([("returns", returns.flow(returning))]);
    findings.figures.extend(before_return.figures());
    findings.figures.extend(before_join.figures_of_coming());
    Ok(findings)
}
