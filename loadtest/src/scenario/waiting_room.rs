//! The moderator turns the waiting room on, the others come and wait, are accepted and enter. Nobody may be inside before.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    HEARTBEAT_INTERVAL, ScenarioError, each_meeting,
    entry::{EnterError, Entered, Entry, Seat, Visitor},
    span,
};
use crate::{
    api::Way,
    client::{Admission, ClientError, Participant, ReadBuffer},
    clock::Moment,
    commands,
    flow::Latencies,
    meetings::Meeting,
    process::Observer,
    report::{Errors, Findings},
    wire::Event,
};

/// One meeting's account.
#[derive(Default)]
struct Account {
    /// From the start to the room; a guest's includes the wait.
    joins: Vec<(Moment, Moment)>,
    /// From the start to the waiting room.
    arrivals: Vec<Duration>,
    /// From the acceptance to the room.
    entrances: Vec<Duration>,
    errors: Errors,
}

/// A guest that has come in.
struct Guest {
    participant: Participant,
    id: String,
    started: Moment,
    waited_from: Moment,
    entered: Moment,
}

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let total = entry.args.participants_total();
    let before = observer.look()?;
    let accounts = each_meeting::hold(entry, rooms, Account::of).await?;
    let mut findings = evaluate(accounts);
    findings.joins_attempted = total;
    findings.server = observer.since(before)?;
    Ok(findings)
}

impl Account {
    async fn of(entry: Arc<Entry>, seats: Vec<Seat>) -> Self {
        let mut account = Self::default();
        if let Err(error) = account.meet(&entry, &seats).await {
            account.errors.add(error.kind());
        }
        account
    }

    async fn meet(&mut self, entry: &Entry, seats: &[Seat]) -> Result<(), EnterError> {
        let time_limit = entry.args.timeout;
        let mut owner = entry.enter_in_turn(&seats[0], ReadBuffer::Normal).await?;
        self.joins.push((owner.started, owner.joined));
        owner
            .participant
            .send(commands::ENABLE_WAITING_ROOM.to_owned())
            .await?;
        let is_on = |event| (event == Event::WaitingRoomEnabled).then_some(());
        owner
            .participant
            .expect("the waiting room", time_limit, is_on)
            .await?;
        let guests = &seats[1..];
        let visits = try_join_all(guests.iter().map(|seat| wait(entry, seat)));
        let ids = arrivals(&mut owner.participant, guests.len(), time_limit);
        let (visitors, ids) = tokio::try_join!(visits, async { Ok(ids.await?) })?;
        let entering = try_join_all(visitors.into_iter().map(|visitor| enter(entry, visitor)));
        let accepting = accept(entry, &mut owner, ids, guests.len());
        let (guests, accepted) = tokio::try_join!(entering, async { Ok(accepting.await?) })?;
        for guest in &guests {
            self.joins.push((guest.started, guest.entered));
            self.arrivals.push(guest.waited_from.since(guest.started));
            match accepted.get(&guest.id) {
                Some(at) => self.entrances.push(guest.entered.since(*at)),
                None => self.errors.add("entered under another id"),
            }
        }
        for guest in guests {
            guest.participant.close().await?;
        }
        Ok(owner.participant.close().await?)
    }
}

/// Comes as far as the waiting room.
async fn wait(entry: &Entry, seat: &Seat) -> Result<(Visitor, Moment), EnterError> {
    // The semaphore is never closed.
    let _turn = entry.turns.acquire().await;
    let mut visitor = entry.visit(seat, Way::default(), ReadBuffer::Normal).await?;
    let time_limit = entry.args.timeout;
    match visitor.participant.knock(&seat.name(), time_limit).await? {
        Admission::Waiting => Ok((visitor, entry.clock.now())),
        Admission::Inside(_) => Err(ClientError::Join("let in without acceptance".to_owned()).into()),
    }
}

/// Enters as soon as it is accepted.
async fn enter(entry: &Entry, (mut visitor, waited_from): (Visitor, Moment)) -> Result<Guest, EnterError> {
    let participants = entry.args.participants();
    let interval = entry.args.interval().unwrap_or(HEARTBEAT_INTERVAL);
    // The others are accepted one after the other.
    let time_limit = entry.args.timeout + interval * participants;
    let is_accepted = |event| (event == Event::Accepted).then_some(());
    visitor
        .participant
        .expect("the acceptance", time_limit, is_accepted)
        .await?;
    let entrance = visitor.participant.enter_room(entry.args.timeout).await?;
    Ok(Guest {
        participant: visitor.participant,
        id: entrance.id,
        started: visitor.started,
        waited_from,
        entered: entry.clock.now(),
    })
}

/// The ids of those who wait.
async fn arrivals(
    owner: &mut Participant,
    guests: usize,
    time_limit: Duration,
) -> Result<Vec<String>, ClientError> {
    let mut ids = Vec::with_capacity(guests);
    while ids.len() < guests {
        let arrived = |event| match event {
            Event::Arrived { id } => Some(id),
            _ => None,
        };
        ids.push(
            owner
                .expect("a guest in the waiting room", time_limit, arrived)
                .await?,
        );
    }
    Ok(ids)
}

/// Accepts all, one after the other, and sees them come in. Answers when each was accepted.
async fn accept(
    entry: &Entry,
    owner: &mut Entered,
    ids: Vec<String>,
    guests: usize,
) -> Result<BTreeMap<String, Moment>, ClientError> {
    // Accepting always has a rate.
    let mut ticks = interval(entry.args.interval().unwrap_or(HEARTBEAT_INTERVAL));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut accepted = BTreeMap::new();
    let mut entered = 0;
    for id in ids {
        loop {
            tokio::select! {
                _ = ticks.tick() => break,
                event = owner.participant.event() => entered += entrances(event?)?,
            }
        }
        accepted.insert(id.clone(), entry.clock.now());
        owner.participant.send(commands::accept(&id)?).await?;
    }
    while entered < guests {
        let came_in = |event| (event == Event::Joined).then_some(());
        owner
            .participant
            .expect("a guest in the room", entry.args.timeout, came_in)
            .await?;
        entered += 1;
    }
    Ok(accepted)
}

fn entrances(event: Event) -> Result<usize, ClientError> {
    match event {
        Event::Joined => Ok(1),
        Event::Error(name) => Err(ClientError::Refused(name)),
        _ => Ok(0),
    }
}

fn evaluate(accounts: Vec<Account>) -> Findings {
    let mut findings = Findings::default();
    let (mut joins, mut arrivals, mut entrances) = (Latencies::new(), Latencies::new(), Latencies::new());
    let mut times = Vec::new();
    for account in accounts {
        joins.extend(
            account
                .joins
                .iter()
                .map(|(started, joined)| joined.since(*started)),
        );
        arrivals.extend(account.arrivals);
        entrances.extend(account.entrances);
        findings.errors.merge(account.errors);
        times.extend(account.joins);
    }
    let whole = span(times.iter().map(|time| time.0), times.iter().map(|time| time.1));
    findings.joins = joins.flow(whole);
    findings.flows = BTreeMap::from([
        ("arrivals_in_waiting_room", arrivals.flow(whole)),
        ("entrances_after_acceptance", entrances.flow(whole)),
    ]);
    findings
}
