//! Why a token is refused.

use thiserror::Error;

/// Why a token is refused. Texts never repeat what the token holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not a JWT at all, e.g. an invite code.
    #[error("the token is no JSON Web Token")]
    Malformed,
    /// Its time is over: the client renews it.
    #[error("the token has expired")]
    Expired,
    /// A JWT that does not count here.
    #[error("{0}")]
    Invalid(&'static str),
    /// The issuer's keys can't be had at this moment; the token may be good.
    #[error("the identity provider can not be reached")]
    Unavailable,
}

impl TokenError {
    /// Text for `error_description` of a `WWW-Authenticate` header (RFC 6750, section 3): ASCII without quotes.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Malformed => "the token is no JSON Web Token",
            Self::Expired => "the token has expired",
            Self::Invalid(description) => description,
            Self::Unavailable => "the identity provider can not be reached",
        }
    }
}
