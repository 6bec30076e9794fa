//! The moderator opens breakout rooms, everyone moves into theirs and talks there, and comes back when they close. What is
//! said in a room must stay there.

use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};

use super::{
    ScenarioError, each_meeting,
    entry::{EnterError, Entry, Seat},
    member::Member,
    span,
};
use crate::{
    args::Args,
    commands::{self, BreakoutPlan},
    flow::Latencies,
    ledger::{Audit, RoomLedger},
    meetings::Meeting,
    process::Observer,
    report::{Errors, Findings},
    wire::Event,
};

/// Fences of the two conversations.
const IN_BREAKOUT: u32 = 0;
const BACK_TOGETHER: u32 = 1;
/// Messages of each after the return: enough to see that everyone hears everyone again.
const MESSAGES_AFTERWARDS: u32 = 1;

/// One meeting's account.
#[derive(Default)]
struct Account {
    members: Vec<Member>,
    audit: Audit,
    errors: Errors,
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
        let groups = entry.args.breakout_rooms;
        self.open(groups).await?;
        let assignments = self.move_apart().await?;
        self.check_assignments(&assignments, groups);
        self.talk(entry.args.messages, groups, IN_BREAKOUT).await?;

        self.members[0]
            .participant
            .send(commands::STOP_BREAKOUT.to_owned())
            .await?;
        try_join_all(self.members.iter_mut().map(|member| async {
            let time_limit = member.time_limit();
            let is_stop = |event| (event == Event::BreakoutStopped).then_some(());
            member
                .participant
                .expect("the end of the breakout rooms", time_limit, is_stop)
                .await?;
            member.move_to(None).await
        }))
        .await?;
        self.talk(MESSAGES_AFTERWARDS, 1, BACK_TOGETHER).await
    }

    /// Asks for the breakout rooms; the `n`th participant is assigned to the room `n` modulo `groups`.
    async fn open(&mut self, groups: u32) -> Result<(), EnterError> {
        let plans: Vec<_> = (0..groups)
            .map(|group| BreakoutPlan {
                name: format!("Breakout {group}"),
                assignments: self
                    .members
                    .iter()
                    .filter(|member| member.seat.index % groups == group)
                    .map(|member| member.id.clone())
                    .collect(),
            })
            .collect();
        let command = commands::start_breakout(&plans).map_err(crate::client::ClientError::from)?;
        Ok(self.members[0].participant.send(command).await?)
    }

    /// Everyone goes where it was assigned to. Answers where each went.
    async fn move_apart(&mut self) -> Result<Vec<String>, EnterError> {
        try_join_all(self.members.iter_mut().map(|member| async {
            let time_limit = member.time_limit();
            let assignment = member
                .participant
                .expect("an assignment", time_limit, |event| match event {
                    Event::BreakoutStarted { assignment } => Some(assignment.unwrap_or_default()),
                    _ => None,
                })
                .await?;
            member.move_to(Some(&assignment)).await?;
            Ok(assignment)
        }))
        .await
    }

    /// Those who were put together must be in one room, and in another one than the rest.
    fn check_assignments(&mut self, assignments: &[String], groups: u32) {
        let groups = groups as usize;
        for (index, assignment) in assignments.iter().enumerate() {
            let first_of_the_room = assignments.iter().position(|other| other == assignment);
            if first_of_the_room != Some(index % groups) {
                self.errors.add("assigned to another breakout room");
            }
        }
    }

    /// Everyone talks in its room; the first of each room ends the conversation after everybody's messages in all rooms.
    async fn talk(&mut self, messages: u32, groups: u32, fence: u32) -> Result<(), EnterError> {
        try_join_all(self.members.iter_mut().map(|member| member.converse(messages))).await?;
        let settling = self.members.iter_mut().map(|member| {
            let leader = member.seat.index % groups;
            member.settle(leader, fence)
        });
        // Whoever misses the fence misses messages, too: the audit comes in any case.
        let outcomes = join_all(settling).await;
        for group in 0..groups {
            let mut ledger = RoomLedger::default();
            let of_group = |member: &&mut Member| member.seat.index % groups == group;
            for member in self.members.iter_mut().filter(of_group) {
                ledger.sent(member.seat.index, member.sent);
                ledger.received(std::mem::take(&mut member.received));
            }
            self.audit += ledger.audit();
        }
        for outcome in outcomes {
            outcome?;
        }
        Ok(())
    }

    async fn leave(mut self) -> Self {
        let goodbyes = self.members.iter_mut().map(|member| async {
            if let Err(error) = member.participant.say_goodbye().await {
                member.errors.add(error.kind());
            }
        });
        if self.errors == Errors::default() {
            join_all(goodbyes).await;
        }
        self
    }
}

fn evaluate(args: &Args, accounts: Vec<Account>) -> Findings {
    let mut findings = Findings {
        // Into the main room, into a breakout room, and back.
        joins_attempted: args.participants_total() * 3,
        ..Findings::default()
    };
    let (mut joins, mut moves, mut deliveries) = (Latencies::new(), Latencies::new(), Latencies::new());
    let mut members = Vec::new();
    for account in accounts {
        findings.audit += account.audit;
        findings.errors.merge(account.errors);
        members.extend(account.members);
    }
    for member in &mut members {
        findings.errors.merge(std::mem::take(&mut member.errors));
        joins.extend(
            member
                .joins
                .iter()
                .map(|(started, joined)| joined.since(*started)),
        );
        moves.extend(
            member
                .joins
                .iter()
                .skip(1)
                .map(|(started, joined)| joined.since(*started)),
        );
        deliveries.extend(member.latencies.iter().copied());
    }
    let times = || members.iter().flat_map(|member| &member.joins);
    let joining = span(times().map(|join| join.0), times().map(|join| join.1));
    let talking = span(
        members.iter().filter_map(|member| member.first_sent),
        members.iter().filter_map(|member| member.last_received),
    );
    findings.joins = joins.flow(joining);
    findings.flows.insert("moves", moves.flow(joining));
    findings.deliveries = deliveries.flow(talking);
    findings
}
