//! One participant of the chat scenario, from its ticket to its goodbye.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval, interval_at},
};

use super::{
    HEARTBEAT_INTERVAL,
    entry::{Entry, Seat},
    tally::{Phase, RoomTally, Tally},
};
use crate::{
    client::{ClientError, Participant, ReadBuffer},
    clock::Moment,
    ledger::MessageId,
    report::Errors,
    stamp,
    wire::Event,
};

/// What all participants of a run share.
pub struct Stage {
    pub entry: Entry,
    pub tally: Tally,
}

/// A participant's own account of the run.
#[derive(Default)]
pub struct Attendance {
    pub room: usize,
    pub index: u32,
    /// Begin and end of the join, if it succeeded.
    pub join: Option<(Moment, Moment)>,
    pub sent: u32,
    pub first_sent: Option<Moment>,
    pub last_received: Option<Moment>,
    pub received: Vec<(MessageId, Duration)>,
    pub errors: Errors,
}

/// Takes part until the run is over.
pub async fn attend(
    stage: Arc<Stage>,
    seat: Seat,
    room_tally: Arc<RoomTally>,
    phase: watch::Receiver<Phase>,
) -> Attendance {
    let mut attendance = Attendance {
        room: seat.room,
        index: seat.index,
        ..Attendance::default()
    };
    match stage.entry.enter_in_turn(&seat, ReadBuffer::Normal).await {
        Ok(entered) => {
            attendance.join = Some((entered.started, entered.joined));
            room_tally.joined(seat.index);
            stage.tally.joined.fetch_add(1, Relaxed);
            stage.tally.join_attempts.fetch_add(1, Relaxed);
            let mut attendee = Attendee::new(&stage, &seat, &room_tally, entered.id, &mut attendance);
            attendee.take_part(entered.participant, phase).await;
        }
        Err(error) => {
            stage.tally.join_attempts.fetch_add(1, Relaxed);
            attendance.errors.add(error.kind());
        }
    }
    attendance
}

/// A joined participant.
struct Attendee<'a> {
    stage: &'a Stage,
    seat: &'a Seat,
    room_tally: &'a RoomTally,
    id: String,
    attendance: &'a mut Attendance,
    phase: Phase,
    silent: bool,
    /// An event behind all messages of the room has come.
    barrier_seen: bool,
    heartbeat_pending: bool,
}

impl<'a> Attendee<'a> {
    fn new(
        stage: &'a Stage,
        seat: &'a Seat,
        room_tally: &'a RoomTally,
        id: String,
        attendance: &'a mut Attendance,
    ) -> Self {
        Self {
            stage,
            seat,
            room_tally,
            id,
            attendance,
            phase: Phase::Joining,
            silent: false,
            barrier_seen: false,
            heartbeat_pending: false,
        }
    }

    async fn take_part(&mut self, mut participant: Participant, phase: watch::Receiver<Phase>) {
        let outcome = self.converse(&mut participant, phase).await;
        self.fall_silent();
        let errors = &mut self.attendance.errors;
        errors.add_many("event number did not rise", participant.seq_regressions);
        let outcome = match outcome {
            Ok(()) => participant.close().await,
            broken => broken,
        };
        if let Err(error) = outcome {
            errors.add(error.kind());
        }
    }

    /// Reads, sends and keeps the heart beating until the room's barrier has passed.
    async fn converse(
        &mut self,
        participant: &mut Participant,
        mut phase: watch::Receiver<Phase>,
    ) -> Result<(), ClientError> {
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL);
        // A chat always has a rate.
        let mut sending = interval(self.stage.entry.args.interval().unwrap_or(HEARTBEAT_INTERVAL));
        while !self.is_done() {
            let sends = self.phase == Phase::Talking && !self.has_sent_all();
            tokio::select! {
                event = participant.event() => self.take(event?),
                _ = heartbeat.tick() => self.beat(participant).await?,
                _ = sending.tick(), if sends => self.say(participant).await?,
                _ = phase.changed() => {
                    let now = *phase.borrow_and_update();
                    self.enter_phase(now, participant, &mut sending).await?;
                }
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.phase == Phase::Over || (self.phase == Phase::Settling && self.barrier_seen)
    }

    fn has_sent_all(&self) -> bool {
        self.attendance.sent == self.stage.entry.args.messages
    }

    async fn enter_phase(
        &mut self,
        phase: Phase,
        participant: &mut Participant,
        sending: &mut Interval,
    ) -> Result<(), ClientError> {
        self.phase = phase;
        match phase {
            Phase::Talking => {
                // Spread over one interval: people do not type in step.
                let period = sending.period();
                let offset = period * self.seat.index / self.stage.entry.args.participants();
                *sending = interval_at(Instant::now() + offset, period);
                // Never faster than the rate, also after a stall.
                sending.set_missed_tick_behavior(MissedTickBehavior::Delay);
                if self.has_sent_all() {
                    self.fall_silent();
                }
            }
            Phase::Settling if self.room_tally.is_first(self.seat.index) => {
                participant.raise_hand().await?;
            }
            Phase::Over if !self.barrier_seen => self.attendance.errors.add("room did not settle"),
            Phase::Joining | Phase::Settling | Phase::Over => {}
        }
        Ok(())
    }

    async fn say(&mut self, participant: &mut Participant) -> Result<(), ClientError> {
        let id = MessageId {
            sender: self.seat.index,
            counter: self.attendance.sent,
        };
        let now = self.stage.entry.clock.now();
        self.attendance.first_sent.get_or_insert(now);
        participant
            .say(&stamp::write(id, now, self.stage.entry.args.size))
            .await?;
        self.attendance.sent += 1;
        let tally = &self.stage.tally;
        tally.expected.fetch_add(self.room_tally.receivers(), Relaxed);
        if self.has_sent_all() {
            self.fall_silent();
        }
        Ok(())
    }

    /// Tells the conductor, once, that no more messages come from here.
    fn fall_silent(&mut self) {
        if !self.silent {
            self.silent = true;
            self.stage.tally.silent.fetch_add(1, Relaxed);
        }
    }

    async fn beat(&mut self, participant: &mut Participant) -> Result<(), ClientError> {
        if self.heartbeat_pending {
            self.attendance.errors.add("heartbeat not answered");
        }
        self.heartbeat_pending = true;
        participant.heartbeat().await
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Message { source, content } => self.receive(&source, &content),
            Event::HandRaised | Event::Update => self.barrier_seen = true,
            Event::Echo => self.heartbeat_pending = false,
            Event::Error(name) => self.attendance.errors.add(format!("error event {name}")),
            Event::Waiting => self.attendance.errors.add("sent to the waiting room"),
            Event::JoinSuccess(_) => self.attendance.errors.add("joined twice"),
            _ => {}
        }
    }

    fn receive(&mut self, source: &str, content: &str) {
        let now = self.stage.entry.clock.now();
        let Some((id, sent_at)) = stamp::read(content) else {
            return self.attendance.errors.add("mutilated message");
        };
        if (id.sender == self.seat.index) != (source == self.id) {
            self.attendance.errors.add("message under a wrong name");
        }
        self.attendance.last_received = Some(now);
        self.attendance.received.push((id, now.since(sent_at)));
        self.stage.tally.delivered.fetch_add(1, Relaxed);
    }
}
