//! Somebody votes.

use super::{
    super::{
        effects::{Cx, Receivers, Secret, SecretOf},
        module::Around,
        roster::Circle,
    },
    LegalVotes, UPDATE,
    active::{OpenVote, Votes},
    deadline,
    ending::Ending,
    registered,
};
use crate::{
    ids::{LegalVoteId, ParticipantId, SessionNo, Space, UserId},
    protocol::{
        ballot::{Ballot, SealedVote, Verdict},
        legal_vote::{CastVote, LegalVoteEvent, VoteFailure, VoteResponse},
        limits::{LEGAL_VOTE_BYTES_PER_MILLI, LEGAL_VOTE_INTERVAL_MILLIS},
        meeting::Caller,
    },
};

/// An entry of the record, written.
const ENTRY_BYTES: u64 = 48;

impl LegalVotes {
    /// A vote of an open vote.
    pub(super) fn vote(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (who, space): (ParticipantId, Space),
        vote: CastVote,
    ) {
        let id = vote.legal_vote_id;
        let user = match self.count(cx, around, (who, space), vote) {
            Ok(user) => user,
            Err(failure) => return fail(cx, around, who, id, failure),
        };
        let event = LegalVoteEvent::Voted {
            legal_vote_id: id,
            response: VoteResponse::Success {
                vote_option: vote.option.name(),
                issuer: who,
                consumed_token: vote.token.as_str(),
            },
        };
        for (id, line) in sessions_of(around, space, user) {
            let seq = cx.send_long(line, &event);
            around.people.set_whole_since(id, seq);
        }
        self.after_vote(cx, around, space);
    }

    /// Counts a vote; whose it is.
    fn count(
        &mut self,
        cx: &Cx,
        around: &Around<'_>,
        (who, space): (ParticipantId, Space),
        vote: CastVote,
    ) -> Result<UserId, VoteFailure> {
        let active = self
            .taking_votes(space, vote.legal_vote_id)
            .ok_or(VoteFailure::InvalidVoteId)?;
        let user = registered(around, space, who);
        let name = around.people.get(who).map(|me| me.display_name.clone());
        let Votes::Open { tokens, cast, tally } = &mut active.votes else {
            return Err(VoteFailure::InvalidVoteId);
        };
        let mut counted = *tally;
        if !counted.count(vote.option) {
            return Err(VoteFailure::InvalidOption);
        }
        let user = user.filter(|user| tokens.get(user) == Some(&vote.token) && !cast.contains_key(user));
        let (user, name) = user.zip(name).ok_or(VoteFailure::Ineligible)?;
        *tally = counted;
        let (option, at) = (vote.option, cx.at);
        let open = OpenVote {
            issuer: who,
            name,
            option,
            at,
        };
        cast.insert(user, open);
        Ok(user)
    }

    /// A vote of a secret vote, or of none that is known.
    pub(super) fn ballot(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (who, space): (ParticipantId, Space),
        ballot: &Ballot,
    ) {
        let vote = ballot.legal_vote_id;
        let taken = self.take(around, (who, space), ballot);
        let (user, sealed) = match taken {
            Ok(taken) => taken,
            Err(failure) => return fail(cx, around, who, vote, failure),
        };
        for (id, line) in sessions_of(around, space, user) {
            let (secret, mark) = cx.secret(SecretOf::Receipt { vote, user, sealed });
            let event = LegalVoteEvent::Voted {
                legal_vote_id: vote,
                response: VoteResponse::Success {
                    vote_option: &Secret::mark_of_option(&mark),
                    issuer: who,
                    consumed_token: &mark,
                },
            };
            let seq = cx.send_secret(Receivers::One(line), &event, vec![secret]);
            around.people.set_whole_since(id, seq);
        }
        self.after_vote(cx, around, space);
    }

    /// Takes a ballot; whose it is.
    fn take(
        &mut self,
        around: &Around<'_>,
        (who, space): (ParticipantId, Space),
        ballot: &Ballot,
    ) -> Result<(UserId, SealedVote), VoteFailure> {
        let active = self
            .taking_votes(space, ballot.legal_vote_id)
            .ok_or(VoteFailure::InvalidVoteId)?;
        let Votes::Secret { cast, .. } = &mut active.votes else {
            return Err(VoteFailure::InvalidVoteId);
        };
        let (user, sealed) = match &ballot.verdict {
            Verdict::UnknownVote => return Err(VoteFailure::InvalidVoteId),
            Verdict::NoAbstention => return Err(VoteFailure::InvalidOption),
            Verdict::UnknownToken => return Err(VoteFailure::Ineligible),
            Verdict::Valid { user, sealed } => (*user, *sealed),
        };
        if registered(around, space, who) != Some(user) || cast.contains_key(&user) {
            return Err(VoteFailure::Ineligible);
        }
        cast.insert(user, sealed);
        Ok((user, sealed))
    }

    fn after_vote(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        let Some(active) = self.active(space) else { return };
        if active.have_all_voted() && active.config.asked.auto_close {
            return self.end(cx, around, space, Ending::Auto);
        }
        let update = deadline(space, UPDATE);
        if active.is_secret() || around.deadline(update).is_some() {
            return;
        }
        // The first vote shows at once, those that follow within the interval show together.
        let receivers = u64::from(around.people.circle(Circle::Users(space)).count());
        let millis = active.count() as u64 * ENTRY_BYTES * receivers / LEGAL_VOTE_BYTES_PER_MILLI;
        let millis = LEGAL_VOTE_INTERVAL_MILLIS.max(i64::try_from(millis).unwrap_or(i64::MAX));
        match active.shown_at.map(|at| at.plus_millis(millis)) {
            Some(next) if next > cx.at => around.remind(update, next),
            _ => self.update(cx, around, space),
        }
    }

    /// Everybody sees the votes so far.
    pub(super) fn update(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        let Some(active) = self.spaces.get_mut(space).and_then(|here| here.active.as_mut()) else {
            return;
        };
        let Some(results) = active.results() else { return };
        active.shown_at = Some(cx.at);
        let event = LegalVoteEvent::Updated {
            legal_vote_id: active.id(),
            results: &results,
        };
        cx.send(around.people.circle(Circle::Users(space)), &event);
    }
}

/// Where a user is in a room: all its participations.
fn sessions_of(around: &Around<'_>, space: Space, user: UserId) -> Vec<(ParticipantId, SessionNo)> {
    let own = around.access.of_caller(Caller::User(user)).into_iter();
    own.filter(|id| registered(around, space, *id).is_some())
        .filter_map(|id| Some((id, around.people.line_inside(id)?)))
        .collect()
}

fn fail(
    cx: &mut Cx,
    around: &Around<'_>,
    who: ParticipantId,
    legal_vote_id: LegalVoteId,
    failure: VoteFailure,
) {
    let event = LegalVoteEvent::Voted {
        legal_vote_id,
        response: VoteResponse::Failed(failure),
    };
    cx.send_one(around.people.line_inside(who), &event);
}
