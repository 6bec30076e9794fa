//! A participant of a meeting that goes through its steps together with the others: moves between rooms and talks there.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{
    HEARTBEAT_INTERVAL,
    entry::{EnterError, Entered, Entry, Seat},
};
use crate::{
    api::Way,
    client::{ClientError, Participant, ReadBuffer},
    clock::Moment,
    ledger::MessageId,
    report::Errors,
    stamp::{self, FENCES_FROM},
    wire::Event,
};

pub struct Member {
    entry: Arc<Entry>,
    pub seat: Seat,
    pub id: String,
    pub participant: Participant,
    resumption: String,
    /// Begin and end of each coming in.
    pub joins: Vec<(Moment, Moment)>,
    /// Messages of this conversation.
    pub sent: u32,
    pub received: Vec<MessageId>,
    /// Times from sending to arrival, of all conversations.
    pub latencies: Vec<Duration>,
    pub first_sent: Option<Moment>,
    pub last_received: Option<Moment>,
    pub errors: Errors,
    fence: Option<MessageId>,
}

impl Member {
    /// Joins the main room.
    pub async fn arrive(entry: Arc<Entry>, seat: Seat) -> Result<Self, EnterError> {
        let Entered {
            participant,
            id,
            resumption,
            started,
            joined,
            ..
        } = entry.enter_in_turn(&seat, ReadBuffer::Normal).await?;
        Ok(Self {
            entry,
            seat,
            id,
            participant,
            resumption,
            joins: vec![(started, joined)],
            sent: 0,
            received: Vec::new(),
            latencies: Vec::new(),
            first_sent: None,
            last_received: None,
            errors: Errors::default(),
            fence: None,
        })
    }

    pub fn time_limit(&self) -> Duration {
        self.entry.args.timeout
    }

    /// Leaves, and comes in again at a breakout room or at the main room, as the same participant.
    pub async fn move_to(&mut self, breakout_room: Option<&str>) -> Result<(), EnterError> {
        self.participant.say_goodbye().await?;
        let way = Way {
            resumption: Some(&self.resumption),
            breakout_room,
        };
        let entered = self.entry.enter(&self.seat, way, ReadBuffer::Normal).await?;
        if entered.id != self.id {
            self.errors.add("moved under another id");
        }
        if entered.breakout_room.as_deref() != breakout_room {
            self.errors.add("moved to another room");
        }
        self.id = entered.id;
        self.participant = entered.participant;
        self.resumption = entered.resumption;
        self.joins.push((entered.started, entered.joined));
        Ok(())
    }

    /// Begins a conversation of this many messages each, and reads until all of its own have come back.
    pub async fn converse(&mut self, messages: u32) -> Result<(), ClientError> {
        self.sent = 0;
        self.received.clear();
        self.fence = None;
        // A conversation always has a rate.
        let mut ticks = interval(self.entry.args.interval().unwrap_or(HEARTBEAT_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.sent < messages {
            tokio::select! {
                event = self.participant.event() => self.take(event?),
                _ = ticks.tick() => {
                    self.first_sent.get_or_insert(self.entry.clock.now());
                    self.say(self.sent).await?;
                    self.sent += 1;
                }
            }
        }
        // What does not come back is lost; the audit tells.
        let time_limit = self.time_limit();
        timeout(time_limit, self.read_own()).await.unwrap_or(Ok(()))
    }

    async fn read_own(&mut self) -> Result<(), ClientError> {
        let last = MessageId {
            sender: self.seat.index,
            counter: self.sent.saturating_sub(1),
        };
        while self.sent > 0 && !self.received.contains(&last) {
            let event = self.participant.event().await?;
            self.take(event);
        }
        Ok(())
    }

    /// Ends a conversation: `leader` sends the `n`th fence, everyone reads up to it.
    pub async fn settle(&mut self, leader: u32, n: u32) -> Result<(), ClientError> {
        let fence = MessageId {
            sender: leader,
            counter: FENCES_FROM + n,
        };
        if leader == self.seat.index {
            self.say(fence.counter).await?;
        }
        let time_limit = self.time_limit();
        let read = async {
            while self.fence != Some(fence) {
                let event = self.participant.event().await?;
                self.take(event);
            }
            Ok(())
        };
        timeout(time_limit, read)
            .await
            .unwrap_or(Err(ClientError::Missing("the fence")))?;
        Ok(())
    }

    async fn say(&mut self, counter: u32) -> Result<(), ClientError> {
        let sender = self.seat.index;
        let (now, bytes) = (self.entry.clock.now(), self.entry.args.size);
        let content = stamp::write(MessageId { sender, counter }, now, bytes);
        self.participant.say(&content).await
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Message { source, content } => self.receive(&source, &content),
            Event::Error(name) => self.errors.add(format!("error event {name}")),
            _ => {}
        }
    }

    fn receive(&mut self, source: &str, content: &str) {
        let Some((id, sent_at)) = stamp::read(content) else {
            return self.errors.add("mutilated message");
        };
        if (id.sender == self.seat.index) != (source == self.id) {
            self.errors.add("message under a wrong name");
        }
        if id.counter >= FENCES_FROM && self.fence.is_none() {
            self.fence = Some(id);
            return;
        }
        let now = self.entry.clock.now();
        self.last_received = Some(now);
        self.latencies.push(now.since(sent_at));
        self.received.push(id);
    }
}
