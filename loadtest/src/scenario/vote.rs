//! Everybody is a user and votes, spread over a time. Is each vote counted once, how long does it take until its voter knows, and how
//! often does everybody hear of the votes so far?

use std::{sync::Arc, time::Duration};

use futures_util::future::{join_all, try_join_all};
use tokio::time::{Instant, sleep_until, timeout_at};

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

/// Everybody hears of the votes so far this often in a second at the most.
const UPDATES_PER_SECOND_MAX: usize = 10;

/// One meeting's account.
#[derive(Default)]
struct Account {
    members: Vec<Member>,
    audit: Audit,
    errors: Errors,
    /// Times from a vote to its answer.
    latencies: Vec<Duration>,
    /// The most that somebody heard within a second.
    updates_per_second: usize,
    began: Option<Moment>,
    ended: Option<Moment>,
}

/// What one voter heard.
#[derive(Default)]
struct Heard {
    /// From its vote to the answer.
    latency: Option<Duration>,
    /// When it heard of the votes so far.
    updates: Vec<Moment>,
    /// Who voted for what at the end: all for `yes`.
    counted: u64,
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
        let voters: Vec<_> = self.members.iter().map(|member| member.id.clone()).collect();
        let start = commands::start_vote(&voters).map_err(ClientError::from)?;
        self.members[0].participant.send(start).await?;
        let (clock, spread) = (entry.clock, entry.args.spread);
        self.began = Some(clock.now());
        let begin = Instant::now();
        let count = u32::try_from(voters.len()).unwrap_or(u32::MAX);
        let voting = self.members.iter_mut().zip(0..).map(|(member, place)| {
            let at = begin + spread * place / count;
            vote(member, clock, (at, begin + spread))
        });
        for heard in join_all(voting).await {
            self.add(&heard?, voters.len() as u64);
        }
        Ok(())
    }

    fn add(&mut self, heard: &Heard, voters: u64) {
        self.audit.expected += 1;
        self.audit.received += u64::from(heard.latency.is_some());
        self.audit.lost += u64::from(heard.latency.is_none());
        if heard.counted != voters {
            self.errors.add("not every vote was counted once");
        }
        self.latencies.extend(heard.latency);
        self.updates_per_second = self.updates_per_second.max(most_in_a_second(&heard.updates));
        self.ended = self.ended.max(heard.ended);
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

/// Votes at its time, and listens until all have.
async fn vote(
    member: &mut Member,
    clock: Clock,
    (at, last): (Instant, Instant),
) -> Result<Heard, ClientError> {
    let mut heard = Heard::default();
    let mut ballot = None;
    let mut voted_at = None;
    let end = last + member.time_limit();
    loop {
        if let Some(text) = ballot.take_if(|_| Instant::now() >= at) {
            voted_at = Some(clock.now());
            member.participant.send(text).await?;
        }
        // Until it has voted it wakes up for that.
        let wake = if ballot.is_some() { at } else { end };
        let event = tokio::select! {
            event = timeout_at(end, member.participant.event()) => event.unwrap_or(Err(ClientError::Missing("the end of the vote")))?,
            () = sleep_until(wake), if ballot.is_some() => continue,
        };
        match event {
            Event::VoteStarted {
                id,
                token: Some(token),
            } => ballot = Some(commands::vote(&id, &token)?),
            Event::VoteStarted { token: None, .. } => {
                return Err(ClientError::Missing("a token for the vote"));
            }
            Event::Voted { counts: true } => {
                heard.latency = voted_at.map(|voted_at| clock.now().since(voted_at));
            }
            Event::Voted { counts: false } => {
                return Err(ClientError::Refused("legal_vote/failed".to_owned()));
            }
            Event::VoteUpdated => heard.updates.push(clock.now()),
            Event::VoteStopped { yes } => {
                heard.counted = yes;
                heard.ended = Some(clock.now());
                return Ok(heard);
            }
            Event::Error(name) => return Err(ClientError::Refused(name)),
            _ => {}
        }
    }
}

/// The most of these moments that lie within a second.
fn most_in_a_second(moments: &[Moment]) -> usize {
    let within = |begin: usize| {
        let later = moments[begin..].iter();
        later
            .take_while(|moment| moment.since(moments[begin]) < Duration::from_secs(1))
            .count()
    };
    (0..moments.len()).map(within).max().unwrap_or(0)
}

fn evaluate(args: &Args, accounts: Vec<Account>) -> Findings {
    let mut findings = Findings {
        joins_attempted: args.participants_total(),
        ..Findings::default()
    };
    let (mut joins, mut deliveries) = (Latencies::new(), Latencies::new());
    let (mut begins, mut ends, mut coming) = (Vec::new(), Vec::new(), Vec::new());
    let mut updates_per_second = 0;
    for account in accounts {
        findings.audit += account.audit;
        findings.errors.merge(account.errors);
        updates_per_second = updates_per_second.max(account.updates_per_second);
        deliveries.extend(account.latencies);
        begins.extend(account.began);
        ends.extend(account.ended);
        for mut member in account.members {
            findings.errors.merge(std::mem::take(&mut member.errors));
            coming.extend(member.joins);
        }
    }
    // One that is on its way may arrive together with the next.
    if updates_per_second > UPDATES_PER_SECOND_MAX + 1 {
        findings.errors.add("heard of the votes so far too often");
    }
    joins.extend(coming.iter().map(|(started, joined)| joined.since(*started)));
    let joining = span(coming.iter().map(|join| join.0), coming.iter().map(|join| join.1));
    findings.joins = joins.flow(joining);
    findings.deliveries = deliveries.flow(span(begins.into_iter(), ends.into_iter()));
    let updates = f64::from(u32::try_from(updates_per_second).unwrap_or(u32::MAX));
    findings.figures.insert("updates_per_second_max", updates);
    findings
}
