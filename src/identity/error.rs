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
    /// A JWT that does not count here; another one of the same login may.
    #[error("{0}")]
    Invalid(&'static str),
    /// A genuine token that is not for this, as is every other one of the same login: clients must not ask for a new one and
    /// come again.
    #[error("{}", .0.description())]
    Refused(TokenRefusal),
    /// The issuer's keys can't be had at this moment; the token may be good.
    #[error("the identity provider is not usable")]
    Unavailable,
    /// The token's key is not known, and may not be asked for yet: the token may be good.
    #[error("the identity provider was asked for its keys a moment ago")]
    TooSoon {
        /// Seconds until it may be asked.
        retry_after_secs: u64,
    },
}

/// What is wrong with a genuine token that a new one of the same login would have, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenRefusal {
    /// Made for a client that is not one of ours.
    Client,
    /// Made for another audience.
    Audience,
    /// Good for too long.
    Lifetime,
    /// Bound to a key of its bearer, which shows it otherwise (RFC 9449, section 7.2; RFC 8705, section 3).
    Bound,
    /// A service's, where people are asked for.
    Service,
    /// A service's client that is not one of those that are allowed.
    ServiceClient,
    /// Larger than any request may be.
    TooLarge,
    /// Signed by an algorithm that is not one of `oidc.algorithms`.
    Algorithm,
    /// It names no subject, and userinfo may not be asked for it.
    NoSubject,
}

impl TokenError {
    /// Text for `error_description` of a `WWW-Authenticate` header (RFC 6750, section 3): ASCII without quotes.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Malformed => "the token is no JSON Web Token",
            Self::Expired => "the token has expired",
            Self::Invalid(description) => description,
            Self::Refused(refusal) => refusal.description(),
            Self::Unavailable => "the identity provider is not usable",
            Self::TooSoon { .. } => "the identity provider was asked for its keys a moment ago",
        }
    }

    /// Whether the token may be good: nobody could tell at this moment.
    #[must_use]
    pub const fn is_undecided(self) -> bool {
        matches!(self, Self::Unavailable | Self::TooSoon { .. })
    }
}

impl TokenRefusal {
    /// For the client, in ASCII without quotes. It names the setting, for whoever is asked about it.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Client => "tokens of this client are not accepted here, see oidc.clients",
            Self::Audience => "the token is for another audience, see oidc.audience",
            Self::Lifetime => "the token is good for too long, see oidc.token_lifetime_max_secs",
            Self::Bound => "the token is bound to a key (cnf) and no bearer token",
            Self::Service => "a token with the role of a service is good below /v1/services only",
            Self::ServiceClient => {
                "tokens of this client are not accepted for services, see oidc.service_clients"
            }
            Self::TooLarge => "the token is too large",
            Self::Algorithm => "the signature algorithm is not allowed, see oidc.algorithms",
            Self::NoSubject => "the token names no subject, and its scope lacks openid to ask for it",
        }
    }

    /// For the log, after `a token of client … is refused`.
    #[must_use]
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Client => ", see oidc.clients",
            Self::Audience => ", see oidc.audience",
            Self::Lifetime => ": it is good for too long, see oidc.token_lifetime_max_secs",
            Self::Bound => ": it is bound to a key (cnf) and no bearer token",
            Self::Service => " outside /v1/services: it has the role of a service",
            Self::ServiceClient => ", see oidc.service_clients",
            Self::TooLarge => ": it is too large",
            Self::Algorithm => ": its signature algorithm is not one of oidc.algorithms",
            Self::NoSubject => {
                ": it names no subject, and userinfo may not be asked for it (scope openid, oidc.userinfo)"
            }
        }
    }
}
