//! Everyone joins, then everyone writes to the room's chat, then everything that was sent is looked for.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::{Instant, Interval, interval, timeout},
};

use super::{
    ScenarioError,
    attendee::{Attendance, Stage, attend},
    entry::{Entry, Seat},
    span,
    tally::{Phase, RoomTally, Tally},
};
use crate::{
    args::Args,
    flow::Latencies,
    ledger::{Audit, RoomLedger},
    meetings::Meeting,
    process::{Observer, ServerCost, Usage},
    progress::Progress,
    report::{Errors, Findings},
};

/// How often the conductor looks at the counters.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let args = Arc::clone(&entry.args);
    let stage = Stage {
        entry,
        tally: Tally::default(),
    };
    let (attendances, cost) = Conductor::seat_everyone(stage, rooms).conduct(observer).await?;
    Ok(evaluate(&args, &attendances, cost))
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
        let rooms: Vec<_> = meetings.iter().map(|_| Arc::new(RoomTally::new())).collect();
        let seats = Seat::all(meetings, stage.entry.args.participants());
        let mut attendees = JoinSet::new();
        for seat in seats {
            let room_tally = Arc::clone(&rooms[seat.room]);
            attendees.spawn(attend(Arc::clone(&stage), seat, room_tally, watched.clone()));
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

    async fn conduct(
        mut self,
        observer: Observer,
    ) -> Result<(Vec<Attendance>, Option<ServerCost>), ScenarioError> {
        self.await_joins().await?;
        let before: Option<Usage> = observer.look()?;
        self.phase.send_replace(Phase::Talking);
        self.await_deliveries().await?;
        let cost = observer.since(before)?;
        self.phase.send_replace(Phase::Settling);
        if timeout(self.stage.entry.args.timeout, self.await_goodbyes())
            .await
            .is_err()
        {
            self.phase.send_replace(Phase::Over);
        }
        self.await_goodbyes().await?;
        Ok((self.finished, cost))
    }

    async fn await_joins(&mut self) -> Result<(), JoinError> {
        let total = self.stage.entry.args.participants_total();
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
        let messages = u64::from(self.stage.entry.args.messages);
        let receivers = self.rooms.iter().map(|room| room.receivers());
        let progress = Progress::step("messages", receivers.map(|count| count * count * messages).sum());
        let mut delivered_before = 0;
        let mut deadline = Instant::now() + self.stage.entry.args.timeout;
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
                deadline = Instant::now() + self.stage.entry.args.timeout;
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

fn evaluate(args: &Args, attendances: &[Attendance], cost: Option<ServerCost>) -> Findings {
    let mut errors = Errors::default();
    let mut joins = Latencies::new();
    let mut deliveries = Latencies::new();
    let mut ledgers: Vec<RoomLedger> = (0..args.rooms()).map(|_| RoomLedger::default()).collect();
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
    let deliveries = deliveries.flow(delivering);
    Findings {
        joins_attempted: args.participants_total(),
        joins: joins.flow(joining),
        server: cost.map(|cost| cost.per_delivery(deliveries.count)),
        deliveries,
        audit,
        errors,
        ..Findings::default()
    }
}
