//! Namespace `polls`: one poll at a time per room of a meeting.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Meeting,
    agenda::{Agenda, Due},
    effects::Cx,
    roster::Circle,
};
use crate::{
    ids::{ParticipantId, PollId, Space, Timestamp},
    protocol::{
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
    /// What a joining participant gets.
    #[must_use]
    pub fn state(&self) -> PollsState<'_> {
        PollsState {
            config: &self.config,
            started: self.started,
            results: self.config.live.then_some(&self.results),
        }
    }

    pub(super) fn id(&self) -> PollId {
        self.config.id
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
    pub(super) fn check(&self) -> Result<(), String> {
        for item in &self.results {
            let votes = self.votes.values().filter(|choices| choices.contains(&item.id));
            if votes.count() != item.count as usize {
                return Err(format!("poll: choice {} counts {}", item.id, item.count));
            }
        }
        Ok(())
    }
}

impl Meeting {
    pub(super) fn polls(
        &mut self,
        cx: &mut Cx,
        agenda: &mut Agenda,
        who: ParticipantId,
        voter: Voter,
        command: PollsCommand,
    ) -> Result<(), PollsError> {
        let space = self.people.space(who);
        match command {
            PollsCommand::Vote { poll_id, choices } => self.vote(cx, agenda, space, voter, poll_id, choices),
            _ if !self.people.is_moderator(who) => Err(PollsError::InsufficientPermissions),
            PollsCommand::Start {
                topic,
                live,
                multiple_choice,
                choices,
                duration,
            } => {
                let (topic, choices) = check(&topic, &choices, duration)?;
                if self.space(space).poll.is_some() {
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
                agenda.set(Due::Poll(space), cx.at.plus_secs(duration));
                cx.send(self.people.around(who), &PollsEvent::Started(&config));
                let results = config.choices.iter().map(|choice| Item {
                    id: choice.id,
                    count: 0,
                });
                self.space(space).poll = Some(Poll {
                    results: results.collect(),
                    config,
                    started: cx.at,
                    votes: BTreeMap::new(),
                    shown_at: None,
                });
                Ok(())
            }
            PollsCommand::Finish { id } => {
                if self
                    .space(space)
                    .poll
                    .as_ref()
                    .is_none_or(|poll| poll.config.id != id)
                {
                    return Err(PollsError::InvalidPollId);
                }
                agenda.clear(Due::Poll(space));
                self.end_poll(cx, agenda, space);
                Ok(())
            }
        }
    }

    fn vote(
        &mut self,
        cx: &mut Cx,
        agenda: &mut Agenda,
        space: Space,
        voter: Voter,
        poll_id: PollId,
        choices: Choices,
    ) -> Result<(), PollsError> {
        let running = self.space(space).poll.as_mut();
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
        if !poll.config.live || agenda.get(Due::LiveResults(space)).is_some() {
            return Ok(());
        }
        // The first change shows at once, those that follow within the interval show together.
        match poll.shown_at.map(|at| at.plus_millis(POLL_LIVE_INTERVAL_MILLIS)) {
            Some(next) if next > cx.at => agenda.set(Due::LiveResults(space), next),
            _ => self.show_results(cx, space),
        }
        Ok(())
    }

    pub(super) fn show_results(&mut self, cx: &mut Cx, space: Space) {
        let to = self.people.circle(Circle::In(space));
        if let Some(poll) = &mut self.space(space).poll {
            poll.shown_at = Some(cx.at);
            let (id, results) = (poll.config.id, poll.results.as_slice());
            cx.send(to, &PollsEvent::LiveUpdate { id, results });
        }
    }

    pub(super) fn end_poll(&mut self, cx: &mut Cx, agenda: &mut Agenda, space: Space) {
        agenda.clear(Due::LiveResults(space));
        if let Some(poll) = self.space(space).poll.take() {
            let (id, results) = (poll.config.id, poll.results.as_slice());
            cx.send(
                self.people.circle(Circle::In(space)),
                &PollsEvent::Done { id, results },
            );
            self.space(space).last_poll = Some((id, poll.results, cx.at));
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
