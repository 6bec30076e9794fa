//! One participant of a flood: receives, and sends if it is one of the few who do.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout},
};

use crate::{
    client::{ClientError, Participant},
    clock::{Clock, Moment},
    frame_kind::{self, FrameKind},
    ledger::{MessageId, track::Track},
    report::Errors,
    stamp::{self, FENCES_FROM},
    wire::{self, Event},
};

/// Messages of one sender that are on their way at the same time when it sends as fast as possible; well below the 32
/// unhandled commands that the server takes from a session.
const WINDOW_MESSAGES: u32 = 8;

/// What the senders of a flood do.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub senders: u32,
    pub bytes: u16,
    /// `None`: as fast as what was sent comes back.
    pub interval: Option<Duration>,
    pub duration: Duration,
    /// How long what is missing is waited for.
    pub time_limit: Duration,
}

/// A part of a flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// One sends a fence and everyone waits for it: whatever the joins caused is over.
    Opening,
    /// The senders send, then one sends a fence.
    Talking,
}

/// What the participants of one room share during a part.
#[derive(Debug, Clone)]
pub struct Share {
    pub part: Part,
    pub load: Load,
    /// Number of the fence that ends the part.
    pub fence: u32,
    /// Senders that have not finished.
    pub talking: Arc<watch::Sender<u32>>,
}

/// What somebody does besides listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Listens,
    Speaks,
    /// Speaks, and sends the fences of its room.
    Leads,
    /// Stops reading when told to.
    Stalls,
}

pub struct Listener {
    pub participant: Participant,
    pub clock: Clock,
    pub room: usize,
    pub index: u32,
    pub role: Role,
    /// Messages sent so far.
    pub sent: u32,
    pub track: Track,
    /// Microseconds from sending to arrival.
    pub latencies_micros: Vec<u32>,
    pub first_sent: Option<Moment>,
    pub last_received: Option<Moment>,
    pub errors: Errors,
    newest_fence: u32,
    broken: bool,
}

/// Tells the room that a sender has finished, however that came.
struct Finished(Arc<watch::Sender<u32>>);

impl Drop for Finished {
    fn drop(&mut self) {
        self.0.send_modify(|talking| *talking -= 1);
    }
}

impl Listener {
    pub fn new(participant: Participant, clock: Clock, room: usize, index: u32) -> Self {
        Self {
            participant,
            clock,
            room,
            index,
            role: Role::Listens,
            sent: 0,
            track: Track::starting_at(&[]),
            latencies_micros: Vec::new(),
            first_sent: None,
            last_received: None,
            errors: Errors::default(),
            newest_fence: 0,
            broken: false,
        }
    }

    /// The number of the `n`th fence of a room.
    pub fn fence(n: u32) -> u32 {
        FENCES_FROM + n
    }

    pub fn sends(&self) -> bool {
        matches!(self.role, Role::Speaks | Role::Leads) && !self.broken
    }

    /// Forgets what was received, from numbers on that all senders of the room have reached.
    pub fn begin(&mut self, sent: &[u32]) {
        self.track = Track::starting_at(sent);
        self.latencies_micros.clear();
        self.first_sent = None;
        self.last_received = None;
    }

    /// Takes part until the fence has come. A socket that broke takes part in nothing more.
    pub async fn take_part(mut self, share: Share) -> Self {
        if self.broken {
            return self;
        }
        let outcome = match share.part {
            Part::Opening => self.wait_for_fence(&share).await,
            Part::Talking if self.sends() => self.talk(&share).await,
            Part::Talking => self.listen(&share).await,
        };
        if let Err(error) = outcome {
            self.broken = true;
            self.errors.add(error.kind());
        }
        self
    }

    /// Says goodbye.
    pub async fn leave(self) -> Errors {
        let mut errors = self.errors;
        if !self.broken
            && let Err(error) = self.participant.close().await
        {
            errors.add(error.kind());
        }
        errors
    }

    async fn wait_for_fence(&mut self, share: &Share) -> Result<(), ClientError> {
        if self.role == Role::Leads {
            self.say(share.fence, &share.load).await?;
        }
        let time_limit = share.load.time_limit;
        timeout(time_limit, self.read_to_fence(share))
            .await
            .unwrap_or(Err(ClientError::Missing("the fence")))
    }

    async fn listen(&mut self, share: &Share) -> Result<(), ClientError> {
        // The senders may have to wait for the last of their own messages.
        let time_limit = share.load.duration + 3 * share.load.time_limit;
        timeout(time_limit, self.read_to_fence(share))
            .await
            .unwrap_or(Err(ClientError::Missing("the fence")))
    }

    async fn talk(&mut self, share: &Share) -> Result<(), ClientError> {
        let finished = Finished(Arc::clone(&share.talking));
        let load = &share.load;
        match load.interval {
            Some(interval) => self.say_regularly(load, interval).await?,
            None => self.say_quickly(load).await?,
        }
        // What does not come back is lost; the audit tells.
        let _ = timeout(load.time_limit, self.read_own(load)).await;
        drop(finished);
        if self.role == Role::Leads {
            self.await_silence(share).await?;
            self.say(share.fence, load).await?;
        }
        self.listen(share).await
    }

    async fn say_regularly(&mut self, load: &Load, interval: Duration) -> Result<(), ClientError> {
        let begin = Instant::now();
        // Spread over one interval: people do not type in step.
        let mut ticks = interval_at(begin + interval * self.index / load.senders, interval);
        // Never faster than the rate, also after a stall.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = ticks.tick() => {
                    if begin.elapsed() >= load.duration {
                        return Ok(());
                    }
                    self.say_next(load).await?;
                }
                frame = self.participant.text() => self.take(&frame?, load.bytes),
            }
        }
    }

    async fn say_quickly(&mut self, load: &Load) -> Result<(), ClientError> {
        let end = Instant::now() + load.duration;
        while Instant::now() < end {
            while self.sent - self.track.next_of(self.index) < WINDOW_MESSAGES {
                self.say_next(load).await?;
            }
            tokio::select! {
                biased;
                frame = self.participant.text() => self.take(&frame?, load.bytes),
                () = sleep_until(end) => {}
            }
        }
        Ok(())
    }

    async fn read_own(&mut self, load: &Load) -> Result<(), ClientError> {
        while self.track.next_of(self.index) < self.sent {
            let frame = self.participant.text().await?;
            self.take(&frame, load.bytes);
        }
        Ok(())
    }

    /// Reads until all senders of the room have finished.
    async fn await_silence(&mut self, share: &Share) -> Result<(), ClientError> {
        let mut talking = share.talking.subscribe();
        loop {
            tokio::select! {
                biased;
                // The sender of the value lives in `share`.
                _ = talking.wait_for(|talking| *talking == 0) => return Ok(()),
                frame = self.participant.text() => self.take(&frame?, share.load.bytes),
            }
        }
    }

    async fn read_to_fence(&mut self, share: &Share) -> Result<(), ClientError> {
        while self.newest_fence < share.fence {
            let frame = self.participant.text().await?;
            self.take(&frame, share.load.bytes);
        }
        Ok(())
    }

    async fn say_next(&mut self, load: &Load) -> Result<(), ClientError> {
        self.first_sent.get_or_insert(self.clock.now());
        self.say(self.sent, load).await?;
        self.sent += 1;
        Ok(())
    }

    async fn say(&mut self, counter: u32, load: &Load) -> Result<(), ClientError> {
        let sender = self.index;
        let content = stamp::write(MessageId { sender, counter }, self.clock.now(), load.bytes);
        self.participant.say(&content).await
    }

    fn take(&mut self, frame: &str, bytes: u16) {
        match frame_kind::look(frame, bytes) {
            FrameKind::Message(id, _) if id.counter >= FENCES_FROM => self.newest_fence = id.counter,
            FrameKind::Message(id, sent_at) => {
                let now = self.clock.now();
                self.last_received = Some(now);
                self.track.note(id);
                let micros = now.since(sent_at).as_micros();
                self.latencies_micros
                    .push(u32::try_from(micros).unwrap_or(u32::MAX));
            }
            FrameKind::Mutilated => self.errors.add("mutilated message"),
            FrameKind::Other => match wire::read(frame).map(|frame| frame.event) {
                Ok(Event::Error(name)) => self.errors.add(format!("error event {name}")),
                Ok(_) => {}
                Err(_) => self.errors.add("unreadable frame"),
            },
        }
    }
}
