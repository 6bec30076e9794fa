//! Everybody is in the playlist of a talking stick, and hands it on as soon as it comes. Does everybody hear of every speaker, in the
//! order of the list, and how long does it take from one to the next?

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{join_all, try_join_all};
use tokio::time::timeout;

use super::{
    ScenarioError, each_meeting,
    entry::{EnterError, Entry, Seat},
    member::Member,
    span,
};
use crate::{
    args::Args,
    client::ClientError,
    clock::{Clock, Moment},
    commands,
    flow::Latencies,
    ledger::Audit,
    meetings::Meeting,
    process::Observer,
    report::{Errors, Findings},
    wire::Event,
};

/// When the stick was handed to each of the list.
type Handed = Mutex<Vec<Moment>>;

/// One meeting's account.
#[derive(Default)]
struct Account {
    members: Vec<Member>,
    audit: Audit,
    errors: Errors,
    /// Times from handing on to hearing of it, and when the last was heard.
    latencies: Vec<Duration>,
    began: Option<Moment>,
    ended: Option<Moment>,
}

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let args = Arc::clone(&entry.args);
    let before = observer.look()?;
    let accounts = each_meeting::hold(entry, rooms, Account::of).await?;
    let cost = observer.since(before)?;
    let mut findings = evaluate(&args, accounts);
    findings.server = cost.map(|cost| cost.per_delivery(findings.deliveries.count));
    Ok(findings)
}

impl Account {
    async fn of(entry: Arc<Entry>, seats: Vec<Seat>) -> Self {
        let mut account = Self::default();
        if let Err(error) = account.meet(&entry, seats).await {
            account.errors.add(error.kind());
        }
        account.leave().await
    }

    async fn meet(&mut self, entry: &Arc<Entry>, seats: Vec<Seat>) -> Result<(), EnterError> {
        let arrivals = seats
            .into_iter()
            .map(|seat| Member::arrive(Arc::clone(entry), seat));
        self.members = try_join_all(arrivals).await?;
        let list: Vec<_> = self.members.iter().map(|member| member.id.clone()).collect();
        let (clock, handed) = (entry.clock, Handed::default());
        let owner = &mut self.members[0].participant;
        let start = commands::start_stick(&list).map_err(ClientError::from)?;
        owner.send(start).await?;
        hand_on(&handed, clock);
        self.began = Some(clock.now());
        owner.send(commands::NEXT_SPEAKER.to_owned()).await?;
        let rounds = self
            .members
            .iter_mut()
            .map(|member| listen(member, &list, &handed, clock));
        for heard in join_all(rounds).await {
            let heard = heard?;
            self.audit.expected += list.len() as u64;
            self.audit.received += heard.speakers.len() as u64;
            self.audit.lost += list.len().saturating_sub(heard.speakers.len()) as u64;
            if heard.speakers.iter().ne(list.iter()) {
                self.errors.add("did not hear of all speakers in their order");
            }
            self.latencies.extend(heard.latencies);
        }
        self.ended = Some(clock.now());
        Ok(())
    }

    async fn leave(mut self) -> Self {
        let goodbyes = self.members.iter_mut().map(|member| async {
            if let Err(error) = member.participant.say_goodbye().await {
                member.errors.add(error.kind());
            }
        });
        join_all(goodbyes).await;
        self
    }
}

/// What somebody heard.
#[derive(Default)]
struct Heard {
    speakers: Vec<String>,
    latencies: Vec<Duration>,
}

fn hand_on(handed: &Handed, clock: Clock) {
    let mut handed = handed.lock().unwrap_or_else(PoisonError::into_inner);
    handed.push(clock.now());
}

/// Hears of all speakers until the stick has gone round; hands it on when it comes.
async fn listen(
    member: &mut Member,
    list: &[String],
    handed: &Handed,
    clock: Clock,
) -> Result<Heard, ClientError> {
    let (time_limit, mut heard) = (member.time_limit(), Heard::default());
    loop {
        let event = timeout(time_limit, member.participant.event()).await;
        match event.unwrap_or(Err(ClientError::Missing("the end of the round")))? {
            Event::Speaker { id } => {
                let place = list.iter().position(|listed| *listed == id);
                let handed_at = place.and_then(|place| {
                    let handed = handed.lock().unwrap_or_else(PoisonError::into_inner);
                    handed.get(place).copied()
                });
                heard
                    .latencies
                    .extend(handed_at.map(|handed_at| clock.now().since(handed_at)));
                if id == member.id {
                    hand_on(handed, clock);
                    member.participant.send(commands::YIELD.to_owned()).await?;
                }
                heard.speakers.push(id);
            }
            Event::StickStopped => return Ok(heard),
            Event::Error(name) => return Err(ClientError::Refused(name)),
            _ => {}
        }
    }
}

fn evaluate(args: &Args, accounts: Vec<Account>) -> Findings {
    let mut findings = Findings {
        joins_attempted: args.participants_total(),
        ..Findings::default()
    };
    let (mut joins, mut deliveries) = (Latencies::new(), Latencies::new());
    let (mut begins, mut ends, mut coming) = (Vec::new(), Vec::new(), Vec::new());
    for account in accounts {
        findings.audit += account.audit;
        findings.errors.merge(account.errors);
        deliveries.extend(account.latencies);
        begins.extend(account.began);
        ends.extend(account.ended);
        for mut member in account.members {
            findings.errors.merge(std::mem::take(&mut member.errors));
            coming.extend(member.joins);
        }
    }
    joins.extend(coming.iter().map(|(started, joined)| joined.since(*started)));
    let joining = span(coming.iter().map(|join| join.0), coming.iter().map(|join| join.1));
    findings.joins = joins.flow(joining);
    findings.deliveries = deliveries.flow(span(begins.into_iter(), ends.into_iter()));
    findings
}
