//! Everyone joins, then everyone writes to the room's chat, then everything that was sent is looked for.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    task::{JoinError, JoinSet},
    time::{Instant, Interval, interval, timeout},
};

use super::{
    ScenarioError,
    attendee::{Attendance, Seat, Stage, attend},
    tally::{Phase, RoomTally, Tally},
};
use crate::{
    api::Api,
    args::Args,
    clock::{Clock, Moment},
    ledger::{Audit, RoomLedger},
    meetings::{Meeting, Meetings},
    progress::Progress,
    report::{Errors, Latencies, Report},
};

/// How often the conductor looks at the counters.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

pub async fn run(args: Arc<Args>, api: Arc<Api>, meetings: &Meetings) -> Result<Report, ScenarioError> {
    let rooms = {
        let _progress = Progress::step("rooms", u64::from(args.rooms));
        meetings.create(args.rooms, args.join_concurrency).await?
    };
    let stage = Stage {
        signaling: api.signaling_url()?,
        api,
        clock: Clock::start(),
        joins: Semaphore::new(args.join_concurrency),
        tally: Tally::default(),
        args: Arc::clone(&args),
    };
    let attendances = Conductor::seat_everyone(stage, rooms).conduct().await?;
    Ok(evaluate(&args, &attendances))
}

/// Leads all participants through the phases.
struct Conductor {
    stage: Arc<Stage>,
    rooms: Vec<Arc<RoomTally>>,
    phase: watch::Sender<Phase>,
    attendees: JoinSet<Attendance>,
    /// Accounts of those that are done.
    finished: Vec<Attendance>,
    look: Interval,
}

impl Conductor {
    /// Begins all joins: every room's first participant before the second ones.
    fn seat_everyone(stage: Stage, meetings: Vec<Meeting>) -> Self {
        let stage = Arc::new(stage);
        let (phase, watched) = watch::channel(Phase::Joining);
        let meetings: Vec<_> = meetings.into_iter().map(Arc::new).collect();
        let rooms: Vec<_> = meetings.iter().map(|_| Arc::new(RoomTally::new())).collect();
        let mut attendees = JoinSet::new();
        for index in 0..stage.args.participants {
            for (room, (meeting, room_tally)) in meetings.iter().zip(&rooms).enumerate() {
                let seat = Seat {
                    meeting: Arc::clone(meeting),
                    room_tally: Arc::clone(room_tally),
                    room,
                    index,
                };
                attendees.spawn(attend(Arc::clone(&stage), seat, watched.clone()));
            }
        }
        Self {
            stage,
            rooms,
            phase,
            attendees,
            finished: Vec::new(),
            look: interval(LOOK_INTERVAL),
        }
    }

    async fn conduct(mut self) -> Result<Vec<Attendance>, JoinError> {
        self.await_joins().await?;
        self.phase.send_replace(Phase::Talking);
        self.await_deliveries().await?;
        self.phase.send_replace(Phase::Settling);
        if timeout(self.stage.args.timeout, self.await_goodbyes())
            .await
            .is_err()
        {
            self.phase.send_replace(Phase::Over);
        }
        self.await_goodbyes().await?;
        Ok(self.finished)
    }

    async fn await_joins(&mut self) -> Result<(), JoinError> {
        let total = self.stage.args.participants_total();
        let progress = Progress::step("joins", total);
        loop {
            let attempts = self.stage.tally.join_attempts.load(Relaxed);
            progress.reached(attempts);
            if attempts == total {
                return Ok(());
            }
            self.pause().await?;
        }
    }

    /// Waits until everything has been sent and received, or nothing more comes.
    async fn await_deliveries(&mut self) -> Result<(), JoinError> {
        let messages = u64::from(self.stage.args.messages);
        let receivers = self.rooms.iter().map(|room| room.receivers());
        let progress = Progress::step("messages", receivers.map(|count| count * count * messages).sum());
        let mut delivered_before = 0;
        let mut deadline = Instant::now() + self.stage.args.timeout;
        loop {
            let tally = &self.stage.tally;
            let delivered = tally.delivered.load(Relaxed);
            let all_sent = tally.silent.load(Relaxed) >= tally.joined.load(Relaxed);
            progress.reached(delivered);
            if all_sent && delivered >= tally.expected.load(Relaxed) {
                return Ok(());
            }
            if !all_sent || delivered != delivered_before {
                delivered_before = delivered;
                deadline = Instant::now() + self.stage.args.timeout;
            } else if Instant::now() > deadline {
                return Ok(());
            }
            self.pause().await?;
        }
    }

    async fn await_goodbyes(&mut self) -> Result<(), JoinError> {
        while let Some(attendance) = self.attendees.join_next().await {
            self.finished.push(attendance?);
        }
        Ok(())
    }

    /// Until the next look; a participant's task that panicked ends the run.
    async fn pause(&mut self) -> Result<(), JoinError> {
        self.look.tick().await;
        while let Some(attendance) = self.attendees.try_join_next() {
            self.finished.push(attendance?);
        }
        Ok(())
    }
}

fn evaluate(args: &Args, attendances: &[Attendance]) -> Report {
    let mut errors = Errors::default();
    let mut joins = Latencies::new();
    let mut deliveries = Latencies::new();
    let mut ledgers: Vec<RoomLedger> = (0..args.rooms).map(|_| RoomLedger::default()).collect();
    for attendance in attendances {
        errors.merge(attendance.errors.clone());
        let Some((started, joined)) = attendance.join else {
            continue;
        };
        joins.add(joined.since(started));
        for (_, latency) in &attendance.received {
            deliveries.add(*latency);
        }
        let ledger = &mut ledgers[attendance.room];
        ledger.sent(attendance.index, attendance.sent);
        ledger.received(attendance.received.iter().map(|(id, _)| *id).collect());
    }
    let mut audit = Audit::default();
    for ledger in ledgers {
        audit += ledger.audit();
    }
    let join_times = attendances.iter().filter_map(|attendance| attendance.join);
    let joining = span(
        join_times.clone().map(|join| join.0),
        join_times.map(|join| join.1),
    );
    let delivering = span(
        attendances.iter().filter_map(|attendance| attendance.first_sent),
        attendances
            .iter()
            .filter_map(|attendance| attendance.last_received),
    );
    Report::new(
        args,
        joins.flow(joining),
        deliveries.flow(delivering),
        audit,
        errors,
    )
}

/// Time from the first beginning to the last end; zero without any.
fn span(begins: impl Iterator<Item = Moment>, ends: impl Iterator<Item = Moment>) -> Duration {
    match (begins.min(), ends.max()) {
        (Some(begin), Some(end)) => end.since(begin),
        _ => Duration::ZERO,
    }
}
