//! Guests leave and come back all the time, by every way there is; the owners stay. Who shows the token of its last session
//! must come back as the same participant, who does not as a new one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    HEARTBEAT_INTERVAL, ScenarioError,
    entry::{EnterError, Entered, Entry, Seat},
    span,
};
use crate::{
    api::Way,
    client::{ClientError, Participant, ReadBuffer},
    clock::Moment,
    flow::{Latencies, float},
    meetings::Meeting,
    process::Observer,
    report::{Errors, Findings},
    wire::Event,
};

/// How a participant goes, and whether it shows its token when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    says_goodbye: bool,
    shows_token: bool,
}

/// A participant's account of the run.
#[derive(Default)]
struct Account {
    attempts: u64,
    joins: Vec<(Moment, Moment)>,
    /// Times of coming back, by name.
    turns: BTreeMap<&'static str, Vec<Duration>>,
    errors: Errors,
}

impl Turn {
    /// All four ways in turn, neighbours by different ones.
    fn of(n: u32) -> Self {
        Self {
            says_goodbye: n.is_multiple_of(2),
            shows_token: (n / 2).is_multiple_of(2),
        }
    }

    fn name(self) -> &'static str {
        match (self.says_goodbye, self.shows_token) {
            (true, true) => "closed_and_resumed",
            (true, false) => "closed_and_joined_anew",
            (false, true) => "vanished_and_resumed",
            (false, false) => "vanished_and_joined_anew",
        }
    }
}

pub async fn run(entry: Entry, rooms: Vec<Meeting>, observer: Observer) -> Result<Findings, ScenarioError> {
    let participants = entry.args.participants();
    let entry = Arc::new(entry);
    let before = observer.look()?;
    let end = Instant::now() + entry.args.duration();
    let mut tasks = JoinSet::new();
    for seat in Seat::all(rooms, participants) {
        let entry = Arc::clone(&entry);
        tasks.spawn(async move {
            let mut account = Account::default();
            if let Err(error) = account.take_part(&entry, &seat, end).await {
                account.errors.add(error.kind());
            }
            account
        });
    }
    let mut total = Account::default();
    while let Some(account) = tasks.join_next().await {
        total.add(account?);
    }
    let mut findings = total.evaluate();
    findings.server = observer.since(before)?;
    Ok(findings)
}

impl Account {
    async fn take_part(&mut self, entry: &Entry, seat: &Seat, end: Instant) -> Result<(), EnterError> {
        self.attempts += 1;
        let mut present = entry.enter_in_turn(seat, ReadBuffer::Normal).await?;
        self.joins.push((present.started, present.joined));
        if seat.index == 0 {
            self.stay(&mut present.participant, end).await?;
            return Ok(present.participant.close().await?);
        }
        // A churn always has a rate.
        let interval = entry.args.interval().unwrap_or(HEARTBEAT_INTERVAL);
        // Spread over one interval, so that somebody goes at any time.
        let mut due = Instant::now() + interval * seat.index / entry.args.participants();
        let mut n = seat.index;
        while due < end {
            self.stay(&mut present.participant, due).await?;
            present = self.go_and_return(entry, seat, present, Turn::of(n)).await?;
            n = n.wrapping_add(1);
            due = Instant::now() + interval;
        }
        Ok(present.participant.close().await?)
    }

    async fn go_and_return(
        &mut self,
        entry: &Entry,
        seat: &Seat,
        present: Entered,
        turn: Turn,
    ) -> Result<Entered, EnterError> {
        if turn.says_goodbye {
            present.participant.close().await?;
        } else {
            drop(present.participant);
        }
        self.attempts += 1;
        let way = Way {
            resumption: turn.shows_token.then_some(&present.resumption),
            breakout_room: None,
        };
        let returned = entry.enter(seat, way, ReadBuffer::Normal).await?;
        self.joins.push((returned.started, returned.joined));
        let took = returned.joined.since(returned.started);
        self.turns.entry(turn.name()).or_default().push(took);
        match (turn.shows_token, returned.id == present.id) {
            (true, false) => self.errors.add("resumed under another id"),
            (false, true) => self.errors.add("joined anew under the old id"),
            (true, true) | (false, false) => {}
        }
        Ok(returned)
    }

    /// Reads until this moment.
    async fn stay(&mut self, participant: &mut Participant, end: Instant) -> Result<(), ClientError> {
        while let Ok(event) = timeout_at(end, participant.event()).await {
            if let Event::Error(name) = event? {
                self.errors.add(format!("error event {name}"));
            }
        }
        Ok(())
    }

    fn add(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.joins.extend(other.joins);
        for (name, times) in other.turns {
            self.turns.entry(name).or_default().extend(times);
        }
        self.errors.merge(other.errors);
    }

    fn evaluate(self) -> Findings {
        let span = span(
            self.joins.iter().map(|join| join.0),
            self.joins.iter().map(|join| join.1),
        );
        let flow = |times: &mut dyn Iterator<Item = Duration>| {
            let mut latencies = Latencies::new();
            latencies.extend(times);
            latencies.flow(span)
        };
        let returns: usize = self.turns.values().map(Vec::len).sum();
        Findings {
            joins_attempted: self.attempts,
            joins: flow(&mut self.joins.iter().map(|(started, joined)| joined.since(*started))),
            figures: BTreeMap::from([("returns", float(returns as u64))]),
            flows: self
                .turns
                .iter()
                .map(|(name, times)| (*name, flow(&mut times.iter().copied())))
                .collect(),
            errors: self.errors,
            ..Findings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_its_turn() {
        let names: std::collections::BTreeSet<_> = (7..11).map(|n| Turn::of(n).name()).collect();
        assert_eq!(names.len(), 4);
    }
}
