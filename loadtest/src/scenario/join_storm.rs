//! Everyone starts, connects and joins within the same second, as after a restart of the server; and everyone must learn of
//! everyone.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    ScenarioError,
    entry::{EnterError, Entered, Entry, Seat},
    span,
    tally::RoomTally,
};
use crate::{
    api::Way,
    client::{ClientError, Participant, ReadBuffer},
    clock::Moment,
    figures::ratio,
    flow::{Latencies, float},
    meetings::Meeting,
    process::Observer,
    progress::Progress,
    report::{Errors, Findings},
    wire::Event,
};

/// What all participants of the storm share.
struct Storm {
    entry: Entry,
    rooms: Vec<RoomTally>,
    /// Those who have joined or failed to.
    attempts: AtomicU64,
    /// Whether everybody has joined or failed to.
    over: watch::Sender<bool>,
    total: u64,
}

/// A participant's begin and end of the join, if it succeeded, and what went wrong.
type Account = (Option<(Moment, Moment)>, Errors);

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let args = Arc::clone(&entry.args);
    let total = args.participants_total();
    let storm = Arc::new(Storm {
        entry,
        rooms: rooms.iter().map(|_| RoomTally::new()).collect(),
        attempts: AtomicU64::new(0),
        over: watch::Sender::new(false),
        total,
    });
    let before = observer.look()?;
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for (seat, n) in Seat::all(rooms, args.participants()).into_iter().zip(0_u64..) {
        let due = begin + args.spread.mul_f64(float(n) / float(total));
        tasks.spawn(take_part(Arc::clone(&storm), seat, due));
    }
    let progress = Progress::step("joins", total);
    let (mut joins, mut times, mut errors) = (Latencies::new(), Vec::new(), Errors::default());
    while let Some(account) = tasks.join_next().await {
        let (join, failures) = account?;
        errors.merge(failures);
        if let Some((started, joined)) = join {
            joins.add(joined.since(started));
            times.push((started, joined));
        }
        progress.reached(times.len() as u64);
    }
    let joining = span(times.iter().map(|time| time.0), times.iter().map(|time| time.1));
    let cost = observer.since(before)?;
    let cpu_per_join = cost.and_then(|cost| ratio(cost.cpu_seconds * 1000.0, float(times.len() as u64)));
    Ok(Findings {
        joins_attempted: total,
        joins: joins.flow(joining),
        figures: cpu_per_join
            .map(|seconds| ("server_cpu_seconds_per_1000_joins", seconds))
            .into_iter()
            .collect(),
        server: cost.map(|cost| cost.per_participant(total)),
        errors,
        ..Findings::default()
    })
}

async fn take_part(storm: Arc<Storm>, seat: Seat, due: Instant) -> Account {
    sleep_until(due).await;
    let mut errors = Errors::default();
    let entered = storm.entry.enter(&seat, Way::default(), ReadBuffer::Normal).await;
    if entered.is_ok() {
        storm.rooms[seat.room].joined(seat.index);
    }
    if storm.attempts.fetch_add(1, Relaxed) + 1 == storm.total {
        storm.over.send_replace(true);
    }
    let join = match entered {
        Ok(entered) => {
            let join = (entered.started, entered.joined);
            if let Err(error) = see_everyone(&storm, &seat, entered).await {
                errors.add(error.kind());
            }
            Some(join)
        }
        Err(error) => {
            errors.add(error.kind());
            None
        }
    };
    (join, errors)
}

/// Reads until everybody of the room was listed or announced, then leaves.
async fn see_everyone(storm: &Storm, seat: &Seat, entered: Entered) -> Result<(), EnterError> {
    let mut participant = entered.participant;
    let mut seen = entered.others as u64;
    let mut over = storm.over.subscribe();
    while !*over.borrow_and_update() {
        tokio::select! {
            event = participant.event() => seen += u64::from(event? == Event::Joined),
            // The sender lives in `storm`.
            _ = over.changed() => {}
        }
    }
    let others = storm.rooms[seat.room].receivers() - 1;
    let time_limit = storm.entry.args.timeout;
    timeout(time_limit, read_joins(&mut participant, &mut seen, others))
        .await
        .unwrap_or(Err(ClientError::Missing("the announcement of somebody's join")))?;
    if seen > others {
        return Err(ClientError::Refused("somebody's join was announced twice".to_owned()).into());
    }
    Ok(participant.close().await?)
}

async fn read_joins(participant: &mut Participant, seen: &mut u64, others: u64) -> Result<(), ClientError> {
    while *seen < others {
        *seen += u64::from(participant.event().await? == Event::Joined);
    }
    Ok(())
}
