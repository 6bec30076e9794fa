//! Namespace `polls`: one poll at a time per room of a meeting.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Room, RoomSettings,
    agenda::{Agenda, Due},
    effects::Cx,
    invariants::check_deadlines,
    missed::Missed,
    module::{Around, Module, PerSpace, State},
    refusal::Refusal,
    roster::Circle,
};
use crate::{
    ids::{ParticipantId, PollId, Space, Timestamp},
    protocol::{
        Namespace,
        limits::{
            POLL_CHOICES_MAX, POLL_CHOICES_MIN, POLL_LIVE_INTERVAL_MILLIS, POLL_SECS_MAX, POLL_SECS_MIN,
            POLL_TOPIC_CHARS_MIN,
        },
        meeting::Caller,
        polls::{
            Choice, Choices, Item, PollConfig, PollsCommand, PollsError, PollsEvent, PollsState, SentChoice,
            SentTopic,
        },
    },
};

/// Who has one vote: a registered user, however often it takes part, or the participation of somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Voter(Uuid);

impl Voter {
    pub fn of(participant: ParticipantId, caller: Option<Caller>) -> Self {
        match caller {
            Some(Caller::User(user)) => Self(user.0),
            _ => Self(participant.0),
        }
    }
}

/// A running poll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Poll {
    config: PollConfig,
    started: Timestamp,
    /// Stay when their voters go.
    votes: BTreeMap<Voter, BTreeSet<u32>>,
    /// Follows from the votes.
    results: Vec<Item>,
    /// When live results went out last.
    shown_at: Option<Timestamp>,
}

impl Poll {
    /// A poll without votes.
    fn begin(config: PollConfig, now: Timestamp) -> Self {
        let results = config.choices.iter().map(|choice| Item {
            id: choice.id,
            count: 0,
        });
        Self {
            results: results.collect(),
            config,
            started: now,
            votes: BTreeMap::new(),
            shown_at: None,
        }
    }

    fn ends_at(&self) -> Timestamp {
        self.started.plus_secs(self.config.duration)
    }

    /// What a joining participant gets.
    fn state(&self) -> PollsState<'_> {
        PollsState {
            config: &self.config,
            started: self.started,
            results: self.config.live.then_some(&self.results),
        }
    }

    fn vote(&mut self, who: Voter, choices: BTreeSet<u32>) {
        for id in self.votes.remove(&who).unwrap_or_default() {
            if let Some(item) = self.item(id) {
                item.count -= 1;
            }
        }
        for id in &choices {
            if let Some(item) = self.item(*id) {
                item.count += 1;
            }
        }
        if !choices.is_empty() {
            self.votes.insert(who, choices);
        }
    }

    /// Choices have the ids 0, 1, 2 …
    fn item(&mut self, id: u32) -> Option<&mut Item> {
        self.results.get_mut(usize::try_from(id).ok()?)
    }

    /// Describes what is wrong with the counts.
    fn check(&self) -> Result<(), String> {
        for item in &self.results {
            let votes = self.votes.values().filter(|choices| choices.contains(&item.id));
            if votes.count() != item.count as usize {
                return Err(format!("poll: choice {} counts {}", item.id, item.count));
            }
        }
        Ok(())
    }
}

/// The polls of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Polls(PerSpace<OfSpace>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OfSpace {
    running: Option<Poll>,
    /// How the last one that is over ended, and when, for those who were away.
    last: Option<(PollId, Vec<Item>, Timestamp)>,
}

impl OfSpace {
    /// The votes of a poll at its end. Of one that goes on they are nobody's business, and of older ones nothing is known.
    fn results(&self, id: PollId) -> &[Item] {
        let over = self.last.as_ref().filter(|(last, ..)| *last == id);
        over.map(|(_, results, _)| &results[..]).unwrap_or_default()
    }
}

/// When a poll ends, and when its live results go out.
const END: u8 = 0;
const LIVE_RESULTS: u8 = 1;

fn deadline(space: Space, tag: u8) -> (Namespace, Space, u8) {
    (Namespace::Polls, space, tag)
}

impl Module for Polls {
    type Command = PollsCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: PollsCommand,
    ) -> Result<(), Refusal> {
        let Some((modules, mut around)) = room.modules() else {
            return Ok(());
        };
        Ok(modules.polls.obey(cx, &mut around, who, command)?)
    }

    fn space_closed(&mut self, _cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        for tag in [END, LIVE_RESULTS] {
            around.forget(deadline(space, tag));
        }
        self.0.remove(space);
    }

    fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, tag: u8) {
        match tag {
            LIVE_RESULTS => self.show_results(cx, around, space),
            _ => self.end(cx, around, space),
        }
    }

    fn join_state(&mut self, _cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        let poll = self.running(around.people.space(who))?;
        Some(State::of(&poll.state()))
    }

    fn shown(&self, space: Space) -> Option<Uuid> {
        Some(self.running(space)?.config.id.0)
    }

    fn tell_missed(&self, cx: &mut Cx, around: &Around<'_>, who: ParticipantId, missed: &Missed) {
        let (Some(me), Missed::Since(away)) = (around.people.get(who), missed) else {
            return;
        };
        let mut ended = BTreeMap::new();
        for (space, id) in away.shown(Namespace::Polls) {
            ended.insert(PollId(id), space);
        }
        for space in away.spaces() {
            let last = self.0.get(space).and_then(|there| there.last.as_ref());
            if let Some((id, ..)) = last.filter(|(_, _, at)| *at > away.since()) {
                ended.insert(*id, space);
            }
        }
        let running = self.running(me.space).map(|poll| poll.config.id);
        for (id, space) in ended.into_iter().filter(|(id, _)| Some(*id) != running) {
            let results = self.0.get(space).map(|there| there.results(id));
            let results = results.unwrap_or_default();
            cx.send_one(Some(me.line), &PollsEvent::Done { id, results });
        }
    }

    fn check(&self, _settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
        for poll in self.0.values().filter_map(|of| of.running.as_ref()) {
            poll.check()?;
        }
        let running = self.0.iter();
        let planned = running.filter_map(|(space, of)| Some((space, of.running.as_ref()?.ends_at())));
        check_deadlines(agenda, (Namespace::Polls, END), planned)?;
        let shows = |due| matches!(due, Due::Module(Namespace::Polls, space, LIVE_RESULTS) if self.running(space).is_none());
        if agenda.all().any(shows) {
            return Err("live results of a poll that does not run".to_owned());
        }
        Ok(())
    }
}

impl Polls {
    /// As an earlier version kept them.
    pub(super) fn of_older(
        of: impl Iterator<Item = (Space, Option<Poll>, Option<(PollId, Vec<Item>, Timestamp)>)>,
    ) -> Self {
        Self(
            of.map(|(space, running, last)| (space, OfSpace { running, last }))
                .collect(),
        )
    }

    fn running(&self, space: Space) -> Option<&Poll> {
        self.0.get(space)?.running.as_ref()
    }

    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: PollsCommand,
    ) -> Result<(), PollsError> {
        let space = around.people.space(who);
        match command {
            PollsCommand::Vote { poll_id, choices } => {
                let voter = Voter::of(who, around.access.get(who).map(|holder| holder.caller));
                self.vote(cx, around, (space, voter), poll_id, choices)
            }
            _ if !around.people.is_moderator(who) => Err(PollsError::InsufficientPermissions),
            PollsCommand::Start {
                topic,
                live,
                multiple_choice,
                choices,
                duration,
            } => {
                let (topic, choices) = check(&topic, &choices, duration)?;
                if self.running(space).is_some() {
                    return Err(PollsError::StillRunning);
                }
                let choices = choices.into_iter().zip(0..);
                let config = PollConfig {
                    id: PollId(cx.new_id()),
                    topic,
                    live,
                    multiple_choice,
                    choices: choices.map(|(content, id)| Choice { id, content }).collect(),
                    duration,
                };
                let poll = Poll::begin(config, cx.at);
                around.remind(deadline(space, END), poll.ends_at());
                cx.send(around.people.around(who), &PollsEvent::Started(&poll.config));
                self.0.of(space).running = Some(poll);
                Ok(())
            }
            PollsCommand::Finish { id } => {
                let is_it = |poll: &Poll| poll.config.id == id;
                if !self.running(space).is_some_and(is_it) {
                    return Err(PollsError::InvalidPollId);
                }
                around.forget(deadline(space, END));
                self.end(cx, around, space);
                Ok(())
            }
        }
    }

    fn vote(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, voter): (Space, Voter),
        poll_id: PollId,
        choices: Choices,
    ) -> Result<(), PollsError> {
        let running = self.0.of(space).running.as_mut();
        let poll = running
            .filter(|poll| poll.config.id == poll_id)
            .ok_or(PollsError::InvalidPollId)?;
        let choices = match choices {
            Choices::Single { choice_id } => BTreeSet::from([choice_id]),
            Choices::Multiple { choice_ids } => choice_ids,
        };
        if choices.len() > 1 && !poll.config.multiple_choice {
            return Err(PollsError::MultipleChoicesNotAllowed);
        }
        if choices.iter().any(|id| poll.item(*id).is_none()) {
            return Err(PollsError::InvalidChoiceId);
        }
        if poll
            .votes
            .get(&voter)
            .map_or(choices.is_empty(), |before| *before == choices)
        {
            return Ok(());
        }
        poll.vote(voter, choices);
        let live_results = deadline(space, LIVE_RESULTS);
        if !poll.config.live || around.deadline(live_results).is_some() {
            return Ok(());
        }
        // The first change shows at once, those that follow within the interval show together.
        match poll.shown_at.map(|at| at.plus_millis(POLL_LIVE_INTERVAL_MILLIS)) {
            Some(next) if next > cx.at => around.remind(live_results, next),
            _ => self.show_results(cx, around, space),
        }
        Ok(())
    }

    fn show_results(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        let to = around.people.circle(Circle::In(space));
        if let Some(poll) = &mut self.0.of(space).running {
            poll.shown_at = Some(cx.at);
            let (id, results) = (poll.config.id, poll.results.as_slice());
            cx.send(to, &PollsEvent::LiveUpdate { id, results });
        }
    }

    fn end(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        around.forget(deadline(space, LIVE_RESULTS));
        let here = self.0.of(space);
        if let Some(poll) = here.running.take() {
            let (id, results) = (poll.config.id, poll.results.as_slice());
            cx.send(
                around.people.circle(Circle::In(space)),
                &PollsEvent::Done { id, results },
            );
            here.last = Some((id, poll.results, cx.at));
        }
    }
}

/// Topic and choices as they are shown.
fn check(
    topic: &SentTopic,
    choices: &[SentChoice],
    duration: u64,
) -> Result<(Arc<str>, Vec<Arc<str>>), PollsError> {
    let topic = topic
        .plain()
        .filter(|topic| topic.chars().nth(POLL_TOPIC_CHARS_MIN - 1).is_some())
        .ok_or(PollsError::InvalidTopicLength)?;
    if !(POLL_CHOICES_MIN..=POLL_CHOICES_MAX).contains(&choices.len()) {
        return Err(PollsError::InvalidChoiceCount);
    }
    let choices = choices
        .iter()
        .map(SentChoice::plain)
        .collect::<Option<_>>()
        .ok_or(PollsError::InvalidChoiceDescription)?;
    if !(POLL_SECS_MIN..=POLL_SECS_MAX).contains(&duration) {
        return Err(PollsError::InvalidDuration);
    }
    Ok((topic, choices))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_of_older_rules_is_read() {
        let voter = Uuid::from_u128(1);
        let kept = serde_json::json!({
            "config": {
                "id": Uuid::nil(), "topic": "Lunch?", "live": false, "multiple_choice": false,
                "choices": [{"id": 0, "content": "soup"}, {"id": 1, "content": "rice"}], "duration": 60,
            },
            "started": "2026-01-01T00:00:00Z", "votes": {voter.to_string(): [1]},
            "results": [{"id": 0, "count": 0}, {"id": 1, "count": 1}], "shown_at": null,
        });
        let poll: Poll = serde_json::from_value(kept).unwrap();
        poll.check().unwrap();
        assert!(poll.votes.contains_key(&Voter::of(ParticipantId(voter), None)));
    }
}
