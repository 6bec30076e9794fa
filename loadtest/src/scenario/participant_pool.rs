//! Rooms full of people, of whom a few flood the others with messages.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::{sync::watch, task::JoinSet};
use url::Url;

use super::{
    ScenarioError,
    entry::{Entry, Seat},
    listener::{Listener, Load, Part, Role, Share},
    span,
};
use crate::{
    args::Args,
    client::{Participant, ReadBuffer},
    clock::Clock,
    flow::{Flow, Latencies},
    ledger::{Audit, track},
    meetings::Meeting,
    process::{Observer, ServerCost},
    progress::Progress,
    report::Errors,
};

/// Goodbyes at the same time.
const GOODBYES_MAX: usize = 64;

/// Whether some stop reading during a flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stalling {
    Nobody,
    Some,
}

/// Everyone who got in.
pub struct ParticipantPool {
    listeners: Vec<Listener>,
    /// Their ids, owners first.
    pub ids: Vec<String>,
    /// Fences so far.
    fences: u32,
    pub joins: Flow,
    pub errors: Errors,
}

/// What a flood brought.
pub struct Flood {
    /// Deliveries to those who never stall.
    pub flow: Flow,
    pub audit: Audit,
    /// What the flood alone cost.
    pub cost: Option<ServerCost>,
}

impl Load {
    pub fn of(args: &Args) -> Self {
        Self {
            senders: args.senders(),
            bytes: args.size,
            interval: args.interval(),
            duration: args.duration(),
            time_limit: args.timeout,
        }
    }

    /// Of the large room beside small ones.
    pub fn of_large_room(args: &Args) -> Self {
        Self {
            senders: args.senders().min(args.large_room),
            interval: Some(Duration::from_secs_f64(args.large_rate.recip())),
            ..Self::of(args)
        }
    }
}

impl ParticipantPool {
    /// Everyone joins; the last `stalled` of each room with little room for what they do not read.
    pub async fn enter(
        entry: Entry,
        meetings: Vec<Meeting>,
        participants: u32,
        stalled: u32,
    ) -> Result<Self, ScenarioError> {
        let total = meetings.len() as u64 * u64::from(participants);
        let progress = Progress::step("joins", total);
        let entry = Arc::new(entry);
        let mut tasks = JoinSet::new();
        for seat in Seat::all(meetings, participants) {
            let entry = Arc::clone(&entry);
            let stalls = seat.index >= participants - stalled;
            tasks.spawn(async move {
                let read_buffer = if stalls {
                    ReadBuffer::Narrow
                } else {
                    ReadBuffer::Wide
                };
                let entered = entry.enter_in_turn(&seat, read_buffer).await;
                (seat, stalls, entered)
            });
        }
        let mut pool = Self::empty();
        let (mut latencies, mut times) = (Latencies::new(), Vec::new());
        while let Some(joined) = tasks.join_next().await {
            let (seat, stalls, entered) = joined?;
            match entered {
                Ok(entered) => {
                    latencies.add(entered.joined.since(entered.started));
                    times.push((entered.started, entered.joined));
                    if seat.index == 0 {
                        pool.ids.insert(0, entered.id);
                    } else {
                        pool.ids.push(entered.id);
                    }
                    let clock = entry.clock;
                    let mut listener = Listener::new(entered.participant, clock, seat.room, seat.index);
                    if stalls {
                        listener.role = Role::Stalls;
                    }
                    pool.listeners.push(listener);
                    progress.reached(times.len() as u64);
                }
                Err(error) => pool.errors.add(error.kind()),
            }
        }
        let joining = span(times.iter().map(|time| time.0), times.iter().map(|time| time.1));
        pool.joins = latencies.flow(joining);
        Ok(pool)
    }

    /// As many sockets at a server that knows no joins; `url` gives each room's.
    pub async fn enter_bare(
        args: &Args,
        mut url: impl FnMut(u32) -> std::io::Result<Url>,
    ) -> Result<Self, ScenarioError> {
        let clock = Clock::start();
        let mut pool = Self::empty();
        for room in 0..args.rooms() {
            let url = url(room).map_err(ScenarioError::Baseline)?;
            for index in 0..args.participants() {
                let participant = Participant::connect_bare(&url, ReadBuffer::Wide, args.timeout).await?;
                let listener = Listener::new(participant, clock, room as usize, index);
                pool.listeners.push(listener);
            }
        }
        Ok(pool)
    }

    fn empty() -> Self {
        Self {
            listeners: Vec::new(),
            ids: Vec::new(),
            fences: 0,
            joins: Flow::default(),
            errors: Errors::default(),
        }
    }

    /// The senders send, everyone receives.
    pub async fn flood(
        &mut self,
        load: Load,
        stalling: Stalling,
        observer: Observer,
    ) -> Result<Flood, ScenarioError> {
        self.cast(&load);
        self.play(Part::Opening, load, Stalling::Nobody).await?;
        let before = self.sent();
        for listener in &mut self.listeners {
            listener.begin(&before[&listener.room]);
        }
        let cost_before = observer.look()?;
        self.play(Part::Talking, load, stalling).await?;
        let cost = observer.since(cost_before)?;
        Ok(self.evaluate(&before, stalling, cost))
    }

    /// Gives each room its senders: the first ones that are there.
    fn cast(&mut self, load: &Load) {
        self.listeners
            .sort_by_key(|listener| (listener.room, listener.index));
        let mut present: BTreeMap<usize, u32> = BTreeMap::new();
        for listener in &mut self.listeners {
            let before = present.entry(listener.room).or_default();
            if *before < load.senders && listener.role == Role::Listens {
                listener.role = Role::Speaks;
            }
            *before += 1;
        }
    }

    async fn play(&mut self, part: Part, load: Load, stalling: Stalling) -> Result<(), ScenarioError> {
        let fence = Listener::fence(self.fences);
        self.fences += 1;
        let mut senders: BTreeMap<usize, u32> = BTreeMap::new();
        for listener in &mut self.listeners {
            let before = senders.entry(listener.room).or_default();
            if listener.sends() {
                listener.role = if *before == 0 { Role::Leads } else { Role::Speaks };
                *before += 1;
            }
        }
        let shares: BTreeMap<usize, Share> = senders
            .into_iter()
            .map(|(room, senders)| {
                let talking = Arc::new(watch::Sender::new(senders));
                let share = Share {
                    part,
                    load,
                    fence,
                    talking,
                };
                (room, share)
            })
            .collect();
        let mut tasks = JoinSet::new();
        let (asleep, awake) = std::mem::take(&mut self.listeners)
            .into_iter()
            .partition::<Vec<_>, _>(|listener| listener.role == Role::Stalls && stalling == Stalling::Some);
        self.listeners = asleep;
        for listener in awake {
            let share = shares[&listener.room].clone();
            tasks.spawn(listener.take_part(share));
        }
        while let Some(listener) = tasks.join_next().await {
            self.listeners.push(listener?);
        }
        self.listeners
            .sort_by_key(|listener| (listener.room, listener.index));
        Ok(())
    }

    /// How many messages each sender has sent so far, by room.
    fn sent(&self) -> BTreeMap<usize, Vec<u32>> {
        let mut sent: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for listener in &self.listeners {
            let of_room = sent.entry(listener.room).or_default();
            // An index that did not get in has sent nothing.
            of_room.resize(listener.index as usize, 0);
            of_room.push(listener.sent);
        }
        sent
    }

    fn evaluate(
        &self,
        before: &BTreeMap<usize, Vec<u32>>,
        stalling: Stalling,
        cost: Option<ServerCost>,
    ) -> Flood {
        let mut audit = Audit::default();
        for (room, sent) in self.sent() {
            let tracks = self
                .listeners
                .iter()
                .filter(|listener| {
                    listener.room == room && (stalling == Stalling::Nobody || listener.role != Role::Stalls)
                })
                .map(|listener| &listener.track);
            audit += track::audit(tracks, &before[&room], &sent);
        }
        let mut latencies = Latencies::new();
        for listener in self
            .listeners
            .iter()
            .filter(|listener| listener.role != Role::Stalls)
        {
            for micros in &listener.latencies_micros {
                latencies.add_micros(u64::from(*micros));
            }
        }
        let sending = self.listeners.iter().filter_map(|listener| listener.first_sent);
        let receiving = self
            .listeners
            .iter()
            .filter_map(|listener| listener.last_received);
        Flood {
            flow: latencies.flow(span(sending, receiving)),
            cost: cost.map(|cost| cost.per_delivery(audit.received + audit.duplicated)),
            audit,
        }
    }

    /// Everyone leaves, those who stall without a word; answers all that went wrong.
    pub async fn leave(self) -> Errors {
        let mut errors = self.errors;
        let (stalled, others) = self
            .listeners
            .into_iter()
            .partition::<Vec<_>, _>(|listener| listener.role == Role::Stalls);
        let failures = stream::iter(others)
            .map(Listener::leave)
            .buffer_unordered(GOODBYES_MAX)
            .collect::<Vec<_>>()
            .await;
        let stalled = stalled.into_iter().map(|listener| listener.errors);
        for failure in failures.into_iter().chain(stalled) {
            errors.merge(failure);
        }
        errors
    }
}
