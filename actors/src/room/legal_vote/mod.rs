//! Namespace `legal_vote`: formal votes of registered users, one at a time per room of a meeting.
//!
//! Open votes are counted here. Of secret ones the room knows who has voted, and holds sealed ballots; it has them counted at the end by
//! whoever has the key ([`crate::ballots`]).

mod active;
mod ended;
mod ending;
mod voting;

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use self::{
    active::{ActiveVote, Votes},
    ended::EndedVote,
    ending::Ending,
};
use super::{
    Room, RoomSettings,
    agenda::{Agenda, Due},
    effects::{Cx, Effect},
    invariants::check_deadlines,
    module::{Around, Module, PerSpace, State},
    rations::Rationed,
    refusal::Refusal,
    reports::WaitingReports,
    roster::Circle,
    tasks::Pending,
};
use crate::{
    ids::{LegalVoteId, ParticipantId, Space, UserId},
    protocol::{
        Namespace,
        control::LeaveReason,
        legal_vote::{
            CancelReason, LegalVoteCommand, LegalVoteError, LegalVoteEvent, LegalVoteState, VoteStarted,
            VoteState, VoteSummary,
        },
        limits::{LEGAL_VOTE_ENTRIES_KEPT_MAX, LEGAL_VOTES_KEPT_MAX},
        meeting::ParticipationKind,
        vote_parameters::{Issue, VoteParameters, ZoneName},
    },
    report::{VoteEntry, VoteEntryKind},
    task::{BallotWork, Outcome, Work},
};

/// The formal votes of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LegalVotes {
    spaces: PerSpace<OfSpace>,
    reports: WaitingReports,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OfSpace {
    /// In the order of their starts.
    #[serde(default)]
    ended: Vec<Arc<EndedVote>>,
    #[serde(default)]
    active: Option<Box<ActiveVote>>,
}

/// When a vote ends, when its votes so far go out, and when it is asked whether its key is still there.
const END: u8 = 0;
const UPDATE: u8 = 1;
const LOOK: u8 = 2;

fn deadline(space: Space, tag: u8) -> (Namespace, Space, u8) {
    (Namespace::LegalVote, space, tag)
}

fn forget_deadlines(around: &mut Around<'_>, space: Space) {
    for tag in [END, UPDATE, LOOK] {
        around.forget(deadline(space, tag));
    }
}

/// A registered user who is in a room.
fn registered(around: &Around<'_>, space: Space, id: ParticipantId) -> Option<UserId> {
    let person = around.people.get(id).filter(|person| person.is_inside(space))?;
    around.user(id).filter(|_| person.kind == ParticipationKind::User)
}

impl Module for LegalVotes {
    type Command = LegalVoteCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: LegalVoteCommand,
    ) -> Result<(), Refusal> {
        let Some((modules, mut around)) = room.modules() else {
            return Ok(());
        };
        modules.legal_vote.obey(cx, &mut around, who, command)
    }

    fn joined(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        self.note(cx, around, (who, around.people.space(who)), VoteEntryKind::Joined);
    }

    fn left(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        space: Space,
        _reason: LeaveReason,
    ) {
        self.note(cx, around, (who, space), VoteEntryKind::Left);
        if self
            .running(space)
            .is_some_and(|active| active.config.initiator_id == who)
        {
            self.cancel(cx, around, space, CancelReason::InitiatorLeft, None);
        }
    }

    fn space_closed(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        self.cancel(cx, around, space, CancelReason::RoomDestroyed, None);
        self.spaces.remove(space);
    }

    fn meeting_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, _spaces: &[Space]) {
        let spaces: Vec<_> = self.spaces.iter().map(|(space, _)| space).collect();
        for space in spaces {
            self.cancel(cx, around, space, CancelReason::RoomDestroyed, None);
        }
        self.reports.begin_all(cx, around.tasks);
    }

    fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, tag: u8) {
        match tag {
            UPDATE => self.update(cx, around, space),
            LOOK => self.look(cx, around, space),
            _ => self.end(cx, around, space, Ending::Expired),
        }
    }

    fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
        match &task.work {
            Work::Ballots(BallotWork::Look { vote }) if *outcome == Outcome::Unavailable => {
                self.lost(cx, around, *vote);
            }
            Work::Ballots(BallotWork::Count { vote, .. }) => match outcome {
                Outcome::Counted(results) => self.counted(cx, around, *vote, results.as_ref()),
                _ => self.lost(cx, around, *vote),
            },
            Work::Report(report) => {
                ended::tell(cx, around, &task, report, outcome);
                self.reports.go_on(cx, around.tasks);
            }
            _ => {}
        }
    }

    fn restarted(&mut self, cx: &mut Cx, around: &mut Around<'_>, _spaces: &[Space]) {
        for (space, here) in self.spaces.iter() {
            let active = here.active.as_ref();
            if active.is_some_and(|active| active.is_secret() && !active.is_being_counted()) {
                around.remind(deadline(space, LOOK), cx.at);
            }
        }
    }

    fn join_state(&mut self, cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        let space = around.people.space(who);
        if !around.has(Namespace::LegalVote) || registered(around, space, who).is_none() {
            return None;
        }
        let nothing = OfSpace::default();
        let here = self.spaces.get(space).unwrap_or(&nothing);
        let mut votes: Vec<_> = here.ended.iter().map(|vote| vote.summary()).collect();
        let active = here.active.as_ref();
        let (token, secret) = active.and_then(|active| active.token_of(cx, who)).unzip();
        votes.extend(active.map(|active| VoteSummary {
            parameters: VoteStarted {
                config: &active.config,
                token: token.as_deref(),
            },
            state: &VoteState::Started,
            end_time: None,
        }));
        Some(State {
            secrets: secret.flatten().into_iter().collect(),
            ..State::of(&LegalVoteState { votes })
        })
    }

    fn beside_join_state(&self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        // Clients take the token from this event alone.
        if let Some(active) = self.active(around.people.space(who)) {
            active.tell_started(cx, around, who);
        }
    }

    fn check(&self, _settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
        for here in self.spaces.values() {
            if let Some(active) = &here.active {
                active.check()?;
            }
            let entries: usize = here.ended.iter().map(|vote| vote.entries()).sum();
            if here.ended.len() > LEGAL_VOTES_KEPT_MAX
                || here.ended.len() > 1 && entries > LEGAL_VOTE_ENTRIES_KEPT_MAX
            {
                return Err(format!("{} votes with {entries} entries", here.ended.len()));
            }
        }
        let running = self.spaces.iter();
        let planned = running.filter_map(|(space, of)| Some((space, of.active.as_ref()?.ends_at()?)));
        check_deadlines(agenda, (Namespace::LegalVote, END), planned)?;
        let is_stray = |due| matches!(due, Due::Module(Namespace::LegalVote, space, UPDATE | LOOK) if self.running(space).is_none());
        if agenda.all().any(is_stray) {
            return Err("deadline of a vote that does not run".to_owned());
        }
        Ok(())
    }
}

impl LegalVotes {
    fn active(&self, space: Space) -> Option<&ActiveVote> {
        self.spaces.get(space)?.active.as_deref()
    }

    /// The vote that runs in a room, and is not being counted.
    fn running(&self, space: Space) -> Option<&ActiveVote> {
        self.active(space).filter(|active| !active.is_being_counted())
    }

    /// The vote of a room, if it has this id and votes are taken.
    fn taking_votes(&mut self, space: Space, id: LegalVoteId) -> Option<&mut ActiveVote> {
        let active = self.spaces.get_mut(space)?.active.as_deref_mut();
        active.filter(|active| active.id() == id && !active.is_being_counted())
    }

    /// The room of the vote that runs and has this id.
    fn space_of(&self, vote: LegalVoteId) -> Option<Space> {
        let mut running = self
            .spaces
            .iter()
            .filter_map(|(space, here)| Some((space, here.active.as_ref()?)));
        running
            .find(|(_, active)| active.id() == vote)
            .map(|(space, _)| space)
    }

    /// Whether everybody may see who votes for what in a vote that runs.
    pub fn is_open(&self, vote: LegalVoteId) -> bool {
        let active = self.space_of(vote).and_then(|space| self.active(space));
        active.is_some_and(|active| !active.is_secret())
    }

    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: LegalVoteCommand,
    ) -> Result<(), Refusal> {
        let space = around.people.space(who);
        match command {
            LegalVoteCommand::Vote(vote) => {
                self.vote(cx, around, (who, space), vote);
                Ok(())
            }
            LegalVoteCommand::Ballot(ballot) => {
                self.ballot(cx, around, (who, space), &ballot);
                Ok(())
            }
            LegalVoteCommand::ReportIssue { legal_vote_id, issue } => {
                Ok(self.report_issue(cx, around, who, legal_vote_id, &issue)?)
            }
            _ if !around.people.is_moderator(who) => Err(LegalVoteError::InsufficientPermissions.into()),
            LegalVoteCommand::Start(asked) => self.start(cx, around, who, *asked),
            LegalVoteCommand::Stop { legal_vote_id } => {
                self.may_end(space, legal_vote_id)?;
                let user = registered(around, space, who).ok_or(LegalVoteError::InsufficientPermissions)?;
                self.end(cx, around, space, Ending::By(who, user));
                Ok(())
            }
            LegalVoteCommand::Cancel {
                legal_vote_id,
                reason,
            } => {
                self.may_end(space, legal_vote_id)?;
                let reason = CancelReason::Custom(reason.trimmed().shared());
                self.cancel(cx, around, space, reason, Some(who));
                Ok(())
            }
            LegalVoteCommand::GeneratePdf {
                legal_vote_id,
                timezone,
            } => Ok(self.generate_pdf(cx, around, (who, space), legal_vote_id, timezone)?),
        }
    }

    /// The vote that a moderator wants to end runs, and is not being counted.
    fn may_end(&self, space: Space, id: LegalVoteId) -> Result<(), LegalVoteError> {
        match self.running(space) {
            None => Err(LegalVoteError::NoVoteActive),
            Some(active) if active.id() != id => Err(LegalVoteError::InvalidVoteId),
            Some(_) => Ok(()),
        }
    }

    fn start(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        asked: VoteParameters,
    ) -> Result<(), Refusal> {
        let space = around.people.space(who);
        let leader = registered(around, space, who).ok_or(LegalVoteError::InsufficientPermissions)?;
        let (mut voters, mut guests) = (Vec::new(), Vec::new());
        for id in asked.allowed_participants.iter() {
            match registered(around, space, id) {
                Some(user) => voters.push((id, user)),
                None => guests.push(id),
            }
        }
        if !guests.is_empty() {
            return Err(LegalVoteError::AllowlistContainsGuests { guests }.into());
        }
        let here = self.spaces.of(space);
        if here.active.is_some() {
            return Err(LegalVoteError::VoteAlreadyActive.into());
        }
        if !around.rations.take(Rationed::Vote, cx.at) {
            return Err(Refusal::TooMuch);
        }
        let name = around.people.get(who).map(|me| me.display_name.clone());
        let name = name.unwrap_or_else(|| ParticipationKind::User.nameless());
        let active = ActiveVote::begin(cx, (who, leader, name), &voters, asked);
        if let Votes::Secret { .. } = active.votes {
            cx.push(Effect::OpenVote(Box::new(active.secret())));
        }
        if let Some(at) = active.ends_at() {
            around.remind(deadline(space, END), at);
        }
        let listed: BTreeSet<_> = voters
            .iter()
            .filter_map(|(id, _)| around.people.line_inside(*id))
            .collect();
        let others = around.people.circle(Circle::Users(space));
        let others: Vec<_> = others.iter().filter(|line| !listed.contains(line)).collect();
        let started = VoteStarted {
            config: &active.config,
            token: None,
        };
        cx.send(others.into(), &LegalVoteEvent::Started(started));
        for (id, _) in &voters {
            active.tell_started(cx, around, *id);
        }
        here.active = Some(Box::new(active));
        Ok(())
    }

    /// Tells who began the vote.
    fn report_issue(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        id: LegalVoteId,
        issue: &Issue,
    ) -> Result<(), LegalVoteError> {
        let space = around.people.space(who);
        let active = self
            .taking_votes(space, id)
            .ok_or(LegalVoteError::InvalidVoteId)?;
        let user = registered(around, space, who).filter(|user| active.may_vote(*user));
        let user = user.ok_or(LegalVoteError::InsufficientPermissions)?;
        if !active.takes_issue(user) {
            return Ok(());
        }
        let event = LegalVoteEvent::ReportedIssue {
            legal_vote_id: id,
            participant_id: (!active.is_secret()).then_some(who),
            issue,
        };
        cx.send_one(around.people.line_inside(active.config.initiator_id), &event);
        let name = around.people.get(who).map(|me| me.display_name.clone());
        let name = name.filter(|_| !active.is_secret());
        let (at, what) = (cx.at, ended::entry_of(issue));
        active.note_issue(VoteEntry { name, at, what });
        Ok(())
    }

    /// Somebody who may vote comes or goes.
    fn note(
        &mut self,
        cx: &Cx,
        around: &Around<'_>,
        (who, space): (ParticipantId, Space),
        what: VoteEntryKind,
    ) {
        let Some(active) = self.spaces.get_mut(space).and_then(|here| here.active.as_mut()) else {
            return;
        };
        if let Some(user) = around.user(who).filter(|user| active.may_vote(*user)) {
            let name = around.people.get(who).map(|person| person.display_name.clone());
            let at = cx.at;
            active.note_move(user, VoteEntry { name, at, what });
        }
    }

    fn generate_pdf(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (who, space): (ParticipantId, Space),
        id: LegalVoteId,
        zone: Option<ZoneName>,
    ) -> Result<(), LegalVoteError> {
        let ended = self
            .spaces
            .get(space)
            .map(|here| &here.ended[..])
            .unwrap_or_default();
        let vote = ended.iter().find(|vote| vote.id() == id);
        let vote = vote.ok_or(LegalVoteError::InvalidVoteId)?;
        let report = vote.report(around, cx.at, who, zone);
        let is_asked = !self.reports.is_full()
            && around.rations.take(Rationed::VoteReport, cx.at)
            && self.reports.ask(cx, around.tasks, report, Some(who));
        is_asked.then_some(()).ok_or(LegalVoteError::Internal)
    }
}

impl Room {
    /// Whether everybody may see who votes for what in a vote that runs: what is sent to it is logged as it is.
    #[must_use]
    pub fn votes_openly(&self, vote: LegalVoteId) -> bool {
        let meeting = self.meeting.as_ref();
        meeting.is_some_and(|meeting| meeting.modules.legal_vote.is_open(vote))
    }
}
