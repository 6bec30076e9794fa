//! Everyone joins and stays, doing no more than the clients' heartbeat: what a participant costs who does nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};

use super::{
    HEARTBEAT_INTERVAL, ScenarioError,
    entry::{Entry, Seat},
    span,
};
use crate::{
    client::{ClientError, Participant, ReadBuffer},
    clock::Moment,
    flow::Latencies,
    meetings::Meeting,
    process::Observer,
    progress::Progress,
    report::{Errors, Findings},
    wire::Event,
};

/// How often the joined ones are counted.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Where the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Staying,
    Leaving,
}

/// A participant's account of the run.
#[derive(Default)]
struct Stay {
    join: Option<(Moment, Moment)>,
    heartbeats: Vec<Duration>,
    errors: Errors,
}

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let args = Arc::clone(&entry.args);
    let total = args.participants_total();
    let before = observer.look()?;
    let entry = Arc::new(entry);
    let (phase, watched) = watch::channel(Phase::Staying);
    let (attempted, mut attempts) = watch::channel(0_u64);
    let attempted = Arc::new(attempted);
    let mut tasks = JoinSet::new();
    for seat in Seat::all(rooms, args.participants()) {
        let (entry, attempted, watched) = (Arc::clone(&entry), Arc::clone(&attempted), watched.clone());
        tasks.spawn(async move {
            let (mut stay, participant) = come(&entry, &seat).await;
            attempted.send_modify(|attempts| *attempts += 1);
            if let Some(participant) = participant
                && let Err(error) = stay.beat(participant, watched, entry.args.timeout).await
            {
                stay.errors.add(error.kind());
            }
            stay
        });
    }
    await_joins(&mut attempts, total).await;
    let hold_before = observer.look()?;
    sleep(args.duration()).await;
    let hold = observer.since(hold_before)?;
    let cost = observer.since(before)?;
    phase.send_replace(Phase::Leaving);
    let mut stays = Vec::new();
    while let Some(stay) = tasks.join_next().await {
        stays.push(stay?);
    }
    let mut findings = evaluate(stays, args.duration());
    findings.joins_attempted = total;
    findings.server = cost.map(|cost| cost.per_participant(findings.joins.count));
    findings
        .figures
        .extend(hold.map(|hold| ("server_cpu_seconds_while_idle", hold.cpu_seconds)));
    Ok(findings)
}

async fn await_joins(attempts: &mut watch::Receiver<u64>, total: u64) {
    let progress = Progress::step("joins", total);
    let mut look = interval(LOOK_INTERVAL);
    while *attempts.borrow_and_update() < total {
        look.tick().await;
        progress.reached(*attempts.borrow());
    }
}

async fn come(entry: &Entry, seat: &Seat) -> (Stay, Option<Participant>) {
    let mut stay = Stay::default();
    match entry.enter_in_turn(seat, ReadBuffer::Normal).await {
        Ok(entered) => {
            stay.join = Some((entered.started, entered.joined));
            (stay, Some(entered.participant))
        }
        Err(error) => {
            stay.errors.add(error.kind());
            (stay, None)
        }
    }
}

impl Stay {
    /// Keeps the heart beating, from the beginning to the end of the stay.
    async fn beat(
        &mut self,
        mut participant: Participant,
        mut phase: watch::Receiver<Phase>,
        time_limit: Duration,
    ) -> Result<(), ClientError> {
        let mut heartbeat = interval(HEARTBEAT_INTERVAL);
        let mut sent_at = None;
        while *phase.borrow_and_update() == Phase::Staying {
            tokio::select! {
                event = participant.event() => self.take(event?, &mut sent_at),
                _ = heartbeat.tick() => {
                    if sent_at.replace(Instant::now()).is_some() {
                        self.errors.add("heartbeat not answered");
                    }
                    participant.heartbeat().await?;
                }
                // The sender lives until all have left.
                _ = phase.changed() => {}
            }
        }
        let last_answer = async {
            while sent_at.is_some() {
                self.take(participant.event().await?, &mut sent_at);
            }
            Ok(())
        };
        timeout(time_limit, last_answer)
            .await
            .unwrap_or(Err(ClientError::Missing("the answer to the last heartbeat")))?;
        participant.close().await
    }

    fn take(&mut self, event: Event, sent_at: &mut Option<Instant>) {
        match event {
            Event::Echo => match sent_at.take() {
                Some(sent_at) => self.heartbeats.push(sent_at.elapsed()),
                None => self.errors.add("heartbeat answered twice"),
            },
            Event::Error(name) => self.errors.add(format!("error event {name}")),
            _ => {}
        }
    }
}

fn evaluate(stays: Vec<Stay>, hold: Duration) -> Findings {
    let (mut joins, mut heartbeats, mut errors) = (Latencies::new(), Latencies::new(), Errors::default());
    let mut times = Vec::new();
    for stay in stays {
        errors.merge(stay.errors);
        heartbeats.extend(stay.heartbeats);
        if let Some((started, joined)) = stay.join {
            joins.add(joined.since(started));
            times.push((started, joined));
        }
    }
    let joining = span(times.iter().map(|time| time.0), times.iter().map(|time| time.1));
    Findings {
        joins: joins.flow(joining),
        flows: BTreeMap::from([("heartbeats", heartbeats.flow(hold))]),
        errors,
        ..Findings::default()
    }
}
