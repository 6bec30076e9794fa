//! A vote that runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        effects::{Cx, Receivers, Secret, SecretOf},
        module::Around,
    },
    ending::Ending,
};
use crate::{
    ballots::SecretVote,
    ids::{LegalVoteId, ParticipantId, Timestamp, UserId},
    protocol::{
        ballot::SealedVote,
        legal_vote::{LegalVoteEvent, Tally, VoteConfig, VoteOption, VoteResults, VoteStarted, VotingRecord},
        limits::{
            LEGAL_VOTE_EVENTS_MAX, LEGAL_VOTE_ISSUES_MAX, LEGAL_VOTE_ISSUES_TOLD_MAX,
            LEGAL_VOTE_MOVES_PER_USER_MAX,
        },
        names::DisplayName,
        vote_parameters::VoteParameters,
        vote_token::VoteToken,
    },
    report::VoteEntry,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ActiveVote {
    pub config: VoteConfig,
    /// Who began it.
    pub leader: (UserId, DisplayName),
    /// The participants who were named, and their users.
    pub voters: BTreeMap<ParticipantId, UserId>,
    pub votes: Votes,
    /// For the report.
    #[serde(default)]
    pub events: Vec<VoteEntry>,
    /// How many issues a user has reported, and how often it has come or gone, as far as that counts.
    #[serde(default)]
    issues: BTreeMap<UserId, u8>,
    #[serde(default)]
    moves: BTreeMap<UserId, u8>,
    /// What would stand among the events and was too much.
    #[serde(default)]
    pub left_out: u32,
    /// When its votes so far went out last.
    #[serde(default)]
    pub shown_at: Option<Timestamp>,
    /// How it ended: its ballots are being counted.
    #[serde(default)]
    pub ending: Option<Ending>,
}

/// Who has voted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Votes {
    /// Everybody sees for what. Tokens protect nothing here: the record names people.
    Open {
        tokens: BTreeMap<UserId, VoteToken>,
        cast: BTreeMap<UserId, OpenVote>,
        /// Follows from what was cast.
        tally: Tally,
    },
    /// In the order of the users, which says nothing.
    Secret {
        voters: BTreeSet<UserId>,
        cast: BTreeMap<UserId, SealedVote>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenVote {
    pub issuer: ParticipantId,
    pub name: DisplayName,
    pub option: VoteOption,
    pub at: Timestamp,
}

impl ActiveVote {
    pub fn begin(
        cx: &mut Cx,
        (who, leader, name): (ParticipantId, UserId, DisplayName),
        voters: &[(ParticipantId, UserId)],
        asked: VoteParameters,
    ) -> Self {
        let users: BTreeSet<_> = voters.iter().map(|(_, user)| *user).collect();
        let asked = VoteParameters {
            name: asked.name.plain(),
            subtitle: asked.subtitle.map(|subtitle| subtitle.plain()),
            topic: asked.topic.map(|topic| topic.trimmed()),
            ..asked
        };
        let config = VoteConfig {
            initiator_id: who,
            legal_vote_id: LegalVoteId(cx.new_id()),
            start_time: cx.at,
            max_votes: u32::try_from(users.len()).unwrap_or(u32::MAX),
            allowed_users: Some(voters.iter().map(|(_, user)| *user).collect()),
            asked,
        };
        let cast = if config.asked.kind.is_secret() {
            Votes::Secret {
                voters: users,
                cast: BTreeMap::new(),
            }
        } else {
            let tokens = users.into_iter().map(|user| (user, VoteToken::of(cx.nonce())));
            Votes::Open {
                tokens: tokens.collect(),
                cast: BTreeMap::new(),
                tally: Tally::begin(config.asked.enable_abstain),
            }
        };
        Self {
            config,
            leader: (leader, name),
            voters: voters.iter().copied().collect(),
            votes: cast,
            events: Vec::new(),
            issues: BTreeMap::new(),
            moves: BTreeMap::new(),
            left_out: 0,
            shown_at: None,
            ending: None,
        }
    }

    pub fn id(&self) -> LegalVoteId {
        self.config.legal_vote_id
    }

    pub fn is_secret(&self) -> bool {
        matches!(self.votes, Votes::Secret { .. })
    }

    /// Whether it is over, and waits for its results.
    pub fn is_being_counted(&self) -> bool {
        self.ending.is_some()
    }

    /// When it ends by itself.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let secs = self.config.asked.duration.filter(|_| !self.is_being_counted())?;
        Some(self.config.start_time.plus_secs(secs.get()))
    }

    /// What whoever gives out its tokens is told.
    pub fn secret(&self) -> SecretVote {
        let voters = match &self.votes {
            Votes::Secret { voters, .. } => voters.iter().copied().collect(),
            Votes::Open { .. } => Vec::new(),
        };
        SecretVote {
            id: self.id(),
            enable_abstain: self.config.asked.enable_abstain,
            voters,
        }
    }

    pub fn may_vote(&self, user: UserId) -> bool {
        match &self.votes {
            Votes::Open { tokens, .. } => tokens.contains_key(&user),
            Votes::Secret { voters, .. } => voters.contains(&user),
        }
    }

    fn has_voted(&self, user: UserId) -> bool {
        match &self.votes {
            Votes::Open { cast, .. } => cast.contains_key(&user),
            Votes::Secret { cast, .. } => cast.contains_key(&user),
        }
    }

    /// How many have voted.
    pub fn count(&self) -> usize {
        match &self.votes {
            Votes::Open { cast, .. } => cast.len(),
            Votes::Secret { cast, .. } => cast.len(),
        }
    }

    /// Whether nobody is left who may vote.
    pub fn have_all_voted(&self) -> bool {
        self.count() >= self.config.max_votes as usize
    }

    /// The token of a participant who may vote and has not: itself, or what stands for it and what it is.
    pub fn token_of(&self, cx: &Cx, who: ParticipantId) -> Option<(String, Option<Secret>)> {
        let user = *self.voters.get(&who)?;
        if self.has_voted(user) || self.is_being_counted() {
            return None;
        }
        Some(match &self.votes {
            Votes::Open { tokens, .. } => (tokens.get(&user)?.as_str().to_owned(), None),
            Votes::Secret { .. } => {
                let vote = self.id();
                let (secret, mark) = cx.secret(SecretOf::VoteToken { vote, user });
                (mark, Some(secret))
            }
        })
    }

    /// Tells a participant who may vote and has not that it runs.
    pub fn tell_started(&self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        let Some(line) = around.people.line_inside(who) else {
            return;
        };
        let Some((token, secret)) = self.token_of(cx, who) else {
            return;
        };
        let event = LegalVoteEvent::Started(VoteStarted {
            config: &self.config,
            token: Some(&token),
        });
        let seq = match secret {
            Some(secret) => cx.send_secret(Receivers::One(line), &event, vec![secret]),
            None => cx.send_long(line, &event),
        };
        around.people.set_whole_since(who, seq);
    }

    /// Whether a user may report one more issue.
    pub fn takes_issue(&mut self, user: UserId) -> bool {
        let takes = one_more(&mut self.issues, user, LEGAL_VOTE_ISSUES_MAX);
        if !takes {
            self.leave_out();
        }
        takes
    }

    /// Notes an issue, for the report.
    pub fn note_issue(&mut self, entry: VoteEntry) {
        self.note(entry, LEGAL_VOTE_ISSUES_TOLD_MAX);
    }

    /// Notes that a user has come or gone. Nobody takes the place of others by doing so again and again.
    pub fn note_move(&mut self, user: UserId, entry: VoteEntry) {
        if one_more(&mut self.moves, user, LEGAL_VOTE_MOVES_PER_USER_MAX) {
            self.note(entry, LEGAL_VOTE_EVENTS_MAX);
        } else {
            self.leave_out();
        }
    }

    /// Notes what happened, unless there are so many issues, or so many comings and goings.
    fn note(&mut self, entry: VoteEntry, max: usize) {
        let is_issue = entry.what.is_issue();
        let known = self.events.iter();
        if known.filter(|known| known.what.is_issue() == is_issue).count() < max {
            self.events.push(entry);
        } else {
            self.leave_out();
        }
    }

    fn leave_out(&mut self) {
        self.left_out = self.left_out.saturating_add(1);
    }

    /// The votes so far; none of a secret vote.
    pub fn results(&self) -> Option<VoteResults> {
        let Votes::Open { cast, tally, .. } = &self.votes else {
            return None;
        };
        let record = cast.values().map(|vote| (vote.issuer, vote.option));
        Some(VoteResults {
            tally: *tally,
            voting_record: VotingRecord::Users(record.collect()),
        })
    }

    /// Describes what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if let Votes::Open { tokens, cast, tally } = &self.votes {
            if tally.sum() != cast.len() as u64 || cast.keys().any(|user| !tokens.contains_key(user)) {
                return Err(format!("vote {}: {tally:?} of {}", self.id(), cast.len()));
            }
            if self.is_being_counted() {
                return Err(format!("open vote {} is being counted", self.id()));
            }
        }
        if self.have_all_voted() && self.config.asked.auto_close && !self.is_being_counted() {
            return Err(format!("vote {} should be over", self.id()));
        }
        Ok(())
    }
}

/// Counts one more of a user, unless that would be more than this.
fn one_more(counts: &mut BTreeMap<UserId, u8>, user: UserId, max: u8) -> bool {
    let count = counts.entry(user).or_default();
    let takes = *count < max;
    *count += u8::from(takes);
    takes
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::report::VoteEntryKind;

    fn vote() -> ActiveVote {
        let asked = r#"{"kind":"roll_call","name":"Budget","allowed_participants":["00000000-0000-0000-0000-000000000001"],"enable_abstain":false,"auto_close":false,"create_pdf":false}"#;
        ActiveVote {
            config: VoteConfig {
                initiator_id: ParticipantId(Uuid::from_u128(1)),
                legal_vote_id: LegalVoteId(Uuid::from_u128(2)),
                start_time: Timestamp::from_micros(0),
                max_votes: 1,
                allowed_users: None,
                asked: serde_json::from_str(asked).unwrap(),
            },
            leader: (user(1), DisplayName::of_a_guest()),
            voters: BTreeMap::new(),
            votes: Votes::Secret {
                voters: BTreeSet::new(),
                cast: BTreeMap::new(),
            },
            events: Vec::new(),
            issues: BTreeMap::new(),
            moves: BTreeMap::new(),
            left_out: 0,
            shown_at: None,
            ending: None,
        }
    }

    fn user(number: usize) -> UserId {
        UserId(Uuid::from_u128(number as u128))
    }

    fn entry(what: VoteEntryKind) -> VoteEntry {
        let at = Timestamp::from_micros(0);
        VoteEntry { name: None, at, what }
    }

    fn issue() -> VoteEntry {
        let (kind, description) = (None, None);
        entry(VoteEntryKind::Issue { kind, description })
    }

    #[test]
    fn whoever_comes_and_goes_all_the_time_takes_no_place_of_others() {
        let mut vote = vote();
        for _ in 0..2_100 {
            vote.note_move(user(1), entry(VoteEntryKind::Left));
            vote.note_move(user(1), entry(VoteEntryKind::Joined));
        }
        let kept = usize::from(LEGAL_VOTE_MOVES_PER_USER_MAX);
        assert_eq!((vote.events.len(), vote.left_out), (kept, 4_100));
        vote.note_move(user(2), entry(VoteEntryKind::Left));
        vote.note_issue(issue());
        assert_eq!((vote.events.len(), vote.left_out), (kept + 2, 4_100));
    }

    #[test]
    fn issues_and_moves_have_bounds_of_their_own() {
        let mut vote = vote();
        for number in 0..=LEGAL_VOTE_EVENTS_MAX {
            vote.note_move(user(number), entry(VoteEntryKind::Left));
        }
        assert_eq!((vote.events.len(), vote.left_out), (LEGAL_VOTE_EVENTS_MAX, 1));
        for _ in 0..=LEGAL_VOTE_ISSUES_TOLD_MAX {
            vote.note_issue(issue());
        }
        let all = LEGAL_VOTE_EVENTS_MAX + LEGAL_VOTE_ISSUES_TOLD_MAX;
        assert_eq!((vote.events.len(), vote.left_out), (all, 2));
    }

    #[test]
    fn issues_that_are_dropped_are_counted() {
        let mut vote = vote();
        let taken = (0..12).filter(|_| vote.takes_issue(user(1))).count();
        assert_eq!((taken, vote.left_out), (usize::from(LEGAL_VOTE_ISSUES_MAX), 2));
        assert!(vote.takes_issue(user(2)));
    }
}
