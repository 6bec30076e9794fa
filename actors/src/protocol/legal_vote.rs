//! Namespace `legal_vote`: formal votes of registered users, open or secret.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Event, Namespace,
    ballot::Ballot,
    limits::LEGAL_VOTE_CANCEL_CHARS_MAX,
    names::Text,
    vote_parameters::{Issue, VoteParameters, ZoneName},
    vote_token::VoteToken,
};
use crate::ids::{AssetId, LegalVoteId, ParticipantId, Timestamp, UserId};

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
        asset_id: AssetId,
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{Command, limits::COMMAND_PARTICIPANTS_MAX},
        *,
    };

    fn start() -> Value {
        json!({
            "action": "start", "kind": "roll_call", "name": "Budget", "allowed_participants": [uuid::Uuid::nil()],
            "enable_abstain": false, "auto_close": false, "create_pdf": false,
        })
    }

    fn parses(payload: &Value) -> bool {
        let payload = serde_json::value::to_raw_value(payload).unwrap();
        Command::parse(Namespace::LegalVote, &payload).is_some()
    }

    #[test]
    fn what_is_no_vote_does_not_parse() {
        let with = |field: &str, value: Value| {
            let mut start = start();
            start[field] = value;
            start
        };
        assert!(parses(&start()));
        let many: Vec<_> = (0..=COMMAND_PARTICIPANTS_MAX as u128)
            .map(uuid::Uuid::from_u128)
            .collect();
        for (field, good) in [
            ("name", json!("ä".repeat(150))),
            ("subtitle", json!("")),
            ("topic", json!("ä".repeat(500))),
            ("duration", json!(5)),
            ("duration", json!(604_800)),
            ("duration", Value::Null),
            ("timezone", json!("Europe/Berlin")),
            ("timezone", Value::Null),
            ("whatever", json!("is ignored")),
        ] {
            assert!(parses(&with(field, good)), "{field}");
        }
        for (field, bad) in [
            ("name", json!("ä".repeat(151))),
            ("name", Value::Null),
            ("subtitle", json!("x".repeat(256))),
            ("topic", json!("x".repeat(501))),
            ("allowed_participants", json!([])),
            ("allowed_participants", json!(many)),
            ("allowed_participants", json!(["alice"])),
            ("duration", json!(4)),
            ("duration", json!(604_801)),
            ("duration", json!(5.5)),
            ("duration", json!(-5)),
            ("timezone", json!("Europe/Atlantis")),
            ("timezone", json!("europe/berlin")),
            ("kind", json!("secret")),
            ("auto_close", json!("yes")),
        ] {
            assert!(!parses(&with(field, bad.clone())), "{field}: {bad}");
        }
        let id = uuid::Uuid::nil();
        for bad in [
            json!({"action": "vote", "legal_vote_id": id, "option": "maybe", "token": "1"}),
            json!({"action": "vote", "legal_vote_id": id, "option": "yes", "token": "0OIl"}),
            json!({"action": "vote", "legal_vote_id": id, "option": "yes", "token": 7}),
            json!({"action": "cancel", "legal_vote_id": id, "reason": "x".repeat(256)}),
            json!({"action": "report_issue", "legal_vote_id": id, "kind": "smell"}),
            json!({"action": "report_issue", "legal_vote_id": id, "description": "x".repeat(1_001)}),
            json!({"action": "report_issue", "legal_vote_id": id}),
            // What the server makes of votes, nobody else does.
            json!({"action": "ballot", "legal_vote_id": id, "verdict": "unknown_token"}),
            json!({"action": "ballot", "legal_vote_id": id, "verdict": {"valid": {"user": id, "sealed": "x".repeat(86)}}}),
        ] {
            assert!(!parses(&bad), "{bad}");
        }
    }

    #[test]
    fn nothing_tells_an_option_by_being_printed() {
        let vote = CastVote {
            legal_vote_id: LegalVoteId(uuid::Uuid::nil()),
            option: VoteOption::Abstain,
            token: VoteToken::of(7),
        };
        let printed = format!("{:?}", LegalVoteCommand::Vote(vote));
        assert!(
            !printed.contains("Abstain") && !printed.contains(VoteToken::of(7).as_str()),
            "{printed}"
        );
    }
}
