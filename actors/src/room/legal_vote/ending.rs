//! A vote ends.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        effects::{Cx, Effect},
        module::Around,
        roster::Circle,
    },
    LegalVotes, UPDATE,
    active::{ActiveVote, Votes},
    deadline,
    ended::{EndedVote, trim},
    forget_deadlines,
};
use crate::{
    ids::{LegalVoteId, ParticipantId, Space, UserId},
    protocol::legal_vote::{
        CancelReason, FinalResults, Invalid, LegalVoteError, LegalVoteEvent, StateStopKind, Tally,
        VoteResults, VoteState, VoteStopKind, VotingRecord,
    },
    report::VoteEnd,
    task::{BallotWork, Work},
};

/// What clients read of a secret vote whose key is gone.
const RESTARTED: &str = "The server was restarted; please vote again";

/// Why a vote counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    By(ParticipantId, UserId),
    /// All have voted.
    Auto,
    Expired,
}

impl LegalVotes {
    /// The vote of a room is over, and counts.
    pub(super) fn end(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, ending: Ending) {
        let is_unsent = around.deadline(deadline(space, UPDATE)).is_some() || ending == Ending::Auto;
        forget_deadlines(around, space);
        let Some(active) = self.spaces.get_mut(space).and_then(|here| here.active.as_mut()) else {
            return;
        };
        let vote = active.id();
        match &active.votes {
            Votes::Open { .. } => {
                if is_unsent {
                    self.update(cx, around, space);
                }
                let results = self.active(space).and_then(ActiveVote::results);
                self.finish(cx, around, (space, ending), results);
            }
            Votes::Secret { cast, .. } if cast.is_empty() => {
                let results = VoteResults {
                    tally: Tally::begin(active.config.asked.enable_abstain),
                    voting_record: VotingRecord::of_tokens(BTreeMap::new()),
                };
                self.finish(cx, around, (space, ending), Some(results));
            }
            Votes::Secret { cast, .. } => {
                let ballots = cast.iter().map(|(user, sealed)| (*user, *sealed)).collect();
                active.ending = Some(ending);
                let count = Work::Ballots(BallotWork::Count { vote, ballots });
                if !around.tasks.ask(cx, count, None) {
                    self.lost(cx, around, vote);
                }
            }
        }
    }

    /// The ballots of a secret vote are counted.
    pub(super) fn counted(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        vote: LegalVoteId,
        results: Option<&VoteResults>,
    ) {
        let Some(space) = self.space_of(vote) else { return };
        if let Some(ending) = self.active(space).and_then(|active| active.ending) {
            self.finish(cx, around, (space, ending), results.cloned());
        }
    }

    /// Asks whether the key of a secret vote is still there.
    pub(super) fn look(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        let Some(vote) = self.active(space).map(ActiveVote::id) else {
            return;
        };
        around
            .tasks
            .ask(cx, Work::Ballots(BallotWork::Look { vote }), None);
    }

    /// The key of a secret vote is gone with its process.
    pub(super) fn lost(&mut self, cx: &mut Cx, around: &mut Around<'_>, vote: LegalVoteId) {
        if let Some(space) = self.space_of(vote) {
            let reason = CancelReason::Custom(RESTARTED.into());
            self.cancel(cx, around, space, reason, None);
        }
    }

    /// Results are there, or can't be.
    fn finish(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, ending): (Space, Ending),
        results: Option<VoteResults>,
    ) {
        let Some(active) = self.spaces.get_mut(space).and_then(|here| here.active.take()) else {
            return;
        };
        close(cx, &active);
        let results = results.ok_or(Invalid::ProtocolInconsistent);
        let (kind, stop_kind, by, ended) = match ending {
            Ending::By(who, stopped_by) => {
                let name = around.people.get(who).map(|person| person.display_name.clone());
                let ended = name.map_or(VoteEnd::Expired, VoteEnd::By);
                let stop_kind = StateStopKind::ByUser { stopped_by };
                (VoteStopKind::ByParticipant(who), stop_kind, Some(who), ended)
            }
            Ending::Auto => (VoteStopKind::Auto, StateStopKind::Auto, None, VoteEnd::AllVoted),
            Ending::Expired => (
                VoteStopKind::Expired,
                StateStopKind::Expired,
                None,
                VoteEnd::Expired,
            ),
        };
        let event = LegalVoteEvent::Stopped {
            legal_vote_id: active.id(),
            results: match &results {
                Ok(results) => FinalResults::Valid(results),
                Err(invalid) => FinalResults::Invalid(*invalid),
            },
            kind,
            end_time: cx.at,
        };
        cx.send(around.people.circle(Circle::Users(space)), &event);
        let state = match results {
            Ok(results) => VoteState::Finished { stop_kind, results },
            Err(invalid) => VoteState::Invalid(invalid),
        };
        self.keep(
            cx,
            around,
            (space, by),
            EndedVote::of(*active, state, ended, cx.at),
        );
    }

    /// The vote of a room is over, and does not count; `by`: the moderator who says so.
    pub(super) fn cancel(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        space: Space,
        reason: CancelReason,
        by: Option<ParticipantId>,
    ) {
        forget_deadlines(around, space);
        let Some(active) = self.spaces.get_mut(space).and_then(|here| here.active.take()) else {
            return;
        };
        close(cx, &active);
        let vote = active.id();
        let is_obsolete = |work: &Work| matches!(work, Work::Ballots(BallotWork::Look { vote: of } | BallotWork::Count { vote: of, .. }) if *of == vote);
        around.tasks.cancel(cx, is_obsolete);
        let event = LegalVoteEvent::Canceled {
            legal_vote_id: vote,
            reason: &reason,
            end_time: cx.at,
        };
        cx.send(around.people.circle(Circle::Users(space)), &event);
        let issuer = by.and_then(|by| around.user(by)).unwrap_or(active.leader.0);
        let ended = match &reason {
            CancelReason::RoomDestroyed => VoteEnd::RoomClosed,
            CancelReason::InitiatorLeft => VoteEnd::InitiatorLeft,
            CancelReason::Custom(words) => VoteEnd::Cancelled(words.to_string()),
        };
        let state = VoteState::Canceled { issuer, reason };
        self.keep(
            cx,
            around,
            (space, by),
            EndedVote::of(*active, state, ended, cx.at),
        );
    }

    /// A vote that is over is shown to who joins, and written down where that was asked for; `by`: who ended it, and hears of the report.
    fn keep(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, by): (Space, Option<ParticipantId>),
        vote: EndedVote,
    ) {
        // Where too much is under way, the report has to do.
        let minutes = Work::Minutes(Box::new(vote.minutes(around.room)));
        let _ = around.tasks.ask(cx, minutes, None);
        if vote.config.asked.create_pdf {
            let by = by.unwrap_or(vote.config.initiator_id);
            let zone = vote.config.asked.timezone.clone();
            let report = vote.report(around, cx.at, by, zone);
            if !self.reports.ask(cx, around.tasks, report, Some(by)) {
                let event = LegalVoteEvent::Error(LegalVoteError::Internal);
                cx.send_one(around.people.line_inside(by), &event);
            }
        }
        let ended = &mut self.spaces.of(space).ended;
        ended.push(Arc::new(vote));
        trim(ended);
    }
}

/// Nobody needs the key of a secret vote any more.
fn close(cx: &mut Cx, active: &ActiveVote) {
    if active.is_secret() {
        cx.push(Effect::ForgetVote(active.id()));
    }
}
