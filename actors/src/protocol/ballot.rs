//! Votes of secret votes as the log has them: nothing says who voted for what.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::ids::{LegalVoteId, UserId};

/// Bytes of a [`SealedVote`], whatever is in it.
pub const SEALED_BYTES: usize = 64;

/// Somebody has voted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    pub legal_vote_id: LegalVoteId,
    pub verdict: Verdict,
}

/// What whoever has the key found when it looked at a vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The token is this user's.
    Valid {
        user: UserId,
        sealed: SealedVote,
    },
    /// There is no such secret vote, or nobody has its key any more.
    UnknownVote,
    UnknownToken,
    NoAbstention,
}

/// What somebody voted for and with which token, for nobody but who has the key of the vote.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealedVote(pub [u8; SEALED_BYTES]);

impl fmt::Debug for SealedVote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedVote")
    }
}

impl Serialize for SealedVote {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for SealedVote {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD_NO_PAD.decode(text).map_err(D::Error::custom)?;
        let bytes = bytes
            .try_into()
            .map_err(|_| D::Error::custom("a sealed ballot has 64 bytes"))?;
        Ok(Self(bytes))
    }
}
