//! Votes that are over, and their reports.

use std::{num::NonZeroU32, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        effects::Cx,
        module::Around,
        reports::{NoReport, filename},
        tasks::Pending,
    },
    active::{ActiveVote, Votes},
};
use crate::{
    ids::{LegalVoteId, ParticipantId, RoomId, Timestamp, UserId},
    protocol::{
        legal_vote::{
            LegalVoteError, LegalVoteEvent, VoteConfig, VoteStarted, VoteState, VoteSummary, VotingRecord,
        },
        limits::{LEGAL_VOTE_ENTRIES_KEPT_MAX, LEGAL_VOTES_KEPT_MAX},
        names::DisplayName,
        vote_parameters::{Issue, VoteSecs, ZoneName},
    },
    report::{
        MinutesOfVote, RecordedVote, Report, ReportContent, ReportZone, Vote, VoteCount, VoteEnd, VoteEntry,
        VoteEntryKind,
    },
    task::Outcome,
};

/// A vote that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct EndedVote {
    pub config: VoteConfig,
    state: VoteState,
    end_time: Timestamp,
    leader: DisplayName,
    /// Who began it; none of a vote that an earlier version has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initiator: Option<UserId>,
    ended: VoteEnd,
    /// Open votes in the order in which they were cast.
    votes: Vec<RecordedVote>,
    events: Vec<VoteEntry>,
    /// Of events that were too many.
    #[serde(default)]
    left_out: u32,
}

impl EndedVote {
    pub fn of(active: ActiveVote, state: VoteState, ended: VoteEnd, at: Timestamp) -> Self {
        let mut votes = Vec::new();
        match (active.votes, &state) {
            (Votes::Open { tokens, cast, .. }, _) => {
                let mut cast: Vec<_> = cast.into_iter().collect();
                cast.sort_by_key(|(_, vote)| vote.at);
                votes.extend(cast.into_iter().map(|(user, vote)| {
                    RecordedVote {
                        name: Some(vote.name),
                        token: tokens
                            .get(&user)
                            .map(|token| token.as_str().to_owned())
                            .unwrap_or_default(),
                        option: vote.option.name().to_owned(),
                        at: Some(vote.at),
                    }
                }));
            }
            (Votes::Secret { .. }, VoteState::Finished { results, .. }) => {
                if let VotingRecord::Tokens(record) = &results.voting_record {
                    votes.extend(record.iter().map(|(token, option)| RecordedVote {
                        name: None,
                        token: token.as_str().to_owned(),
                        option: option.name().to_owned(),
                        at: None,
                    }));
                }
            }
            (Votes::Secret { .. }, _) => {}
        }
        Self {
            config: active.config,
            state,
            end_time: at,
            initiator: Some(active.leader.0),
            leader: active.leader.1,
            ended,
            votes,
            events: active.events,
            left_out: active.left_out,
        }
    }

    pub fn id(&self) -> LegalVoteId {
        self.config.legal_vote_id
    }

    /// As `join_success` has it.
    pub fn summary(&self) -> VoteSummary<'_> {
        VoteSummary {
            parameters: VoteStarted {
                config: &self.config,
                token: None,
            },
            state: &self.state,
            end_time: Some(self.end_time),
        }
    }

    /// What it takes of [`LEGAL_VOTE_ENTRIES_KEPT_MAX`].
    pub fn entries(&self) -> usize {
        self.votes.len() + self.events.len()
    }

    /// Its report, as somebody asks for it.
    pub fn report(
        &self,
        around: &Around<'_>,
        at: Timestamp,
        asked_by: ParticipantId,
        zone: Option<ZoneName>,
    ) -> Report {
        let user = around.user(asked_by);
        let named = zone.map(|zone| ReportZone::Named(zone.as_str().to_owned()));
        Report {
            room: around.room,
            at,
            zone: named
                .or(user.map(ReportZone::User))
                .unwrap_or(ReportZone::EventCreator),
            content: ReportContent::Vote(Box::new(self.content())),
        }
    }

    /// What is written down of it.
    pub fn minutes(&self, room: RoomId) -> MinutesOfVote {
        MinutesOfVote {
            room,
            initiator: self.initiator,
            vote: self.content(),
        }
    }

    fn content(&self) -> Vote {
        let asked = &self.config.asked;
        let results = match &self.state {
            VoteState::Finished { results, .. } => Some(VoteCount {
                yes: results.tally.yes,
                no: results.tally.no,
                abstain: results.tally.abstain,
            }),
            _ => None,
        };
        Vote {
            id: self.id().0,
            title: asked.name.as_str().to_owned(),
            subtitle: asked.subtitle.as_ref().map(|text| text.as_str().to_owned()),
            topic: asked.topic.as_ref().map(|text| text.as_str().to_owned()),
            kind: asked.kind.name().to_owned(),
            leader: self.leader.clone(),
            begin: self.config.start_time,
            end: self.end_time,
            votes_max: self.config.max_votes,
            duration_secs: asked.duration.map(VoteSecs::get),
            abstention: asked.enable_abstain,
            auto_close: asked.auto_close,
            ended: self.ended.clone(),
            results,
            votes: self.votes.clone(),
            events: self.events.clone(),
            left_out: NonZeroU32::new(self.left_out),
        }
    }
}

/// The oldest votes go as far as there are too many; the last one stays.
pub(super) fn trim(ended: &mut Vec<Arc<EndedVote>>) {
    let mut entries: usize = ended.iter().map(|vote| vote.entries()).sum();
    while ended.len() > 1 && (ended.len() > LEGAL_VOTES_KEPT_MAX || entries > LEGAL_VOTE_ENTRIES_KEPT_MAX) {
        entries -= ended.remove(0).entries();
    }
}

/// What an issue looks like in the report.
pub(super) fn entry_of(issue: &Issue) -> VoteEntryKind {
    let (kind, description) = match issue {
        Issue::Technical { kind, description } => (Some(kind.name().to_owned()), description.as_ref()),
        Issue::Other { description } => (None, Some(description)),
    };
    VoteEntryKind::Issue {
        kind,
        description: description.map(|text| text.as_str().to_owned()),
    }
}

/// A report is written, or can't be: all sessions of who asked hear of it.
pub(super) fn tell(cx: &mut Cx, around: &mut Around<'_>, task: &Pending, report: &Report, outcome: &Outcome) {
    let (ReportContent::Vote(vote), Some(asked_by)) = (&report.content, task.asked_by) else {
        return;
    };
    let event = match filename(outcome) {
        Ok(filename) => LegalVoteEvent::PdfAsset {
            filename,
            legal_vote_id: LegalVoteId(vote.id),
            asset_id: task.id.into(),
        },
        Err(NoReport::StorageExceeded) => LegalVoteEvent::Error(LegalVoteError::StorageExceeded),
        Err(NoReport::NotMade | NoReport::NotStored) => LegalVoteEvent::Error(LegalVoteError::Internal),
    };
    let caller = around.access.get(asked_by).map(|holder| holder.caller);
    let own = caller
        .map(|caller| around.access.of_caller(caller))
        .unwrap_or_default();
    for id in own {
        cx.send_one(around.people.line_inside(id), &event);
    }
}
