//! What an operator wants to know of the issuer: whether it answers, and what it says of itself.

use std::{error::Error, fmt, sync::Arc};

use url::Url;

use super::{IssuerUrls, jwks::RemoteIssuer};
use crate::{clock::Clock, config::Outgoing};

/// What became of the last question to an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reachability {
    /// Whether it did not answer, or not usably. False also before it was ever asked.
    pub is_away: bool,
    /// What its tokens carry as `iss`, once it has said so.
    pub issuer: Option<String>,
}

/// What an issuer says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerReport {
    /// What its tokens carry as `iss`.
    pub issuer: String,
    /// The algorithms of each of its keys that can be used.
    pub keys: Vec<String>,
    /// Where this server asks for profiles.
    pub userinfo: Option<Url>,
}

/// Why nothing is known of an issuer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("cannot prepare requests")]
    Client(#[from] reqwest::Error),
    #[error("asked {asked}")]
    Answer {
        asked: String,
        #[source]
        error: Box<dyn Error + Send + Sync>,
    },
}

/// Asks an issuer once for its self-description and its keys; 10 s at most.
pub async fn ask_issuer(place: IssuerUrls, outgoing: &Outgoing) -> Result<IssuerReport, AskError> {
    let asked = place.discovery();
    let issuer = Arc::new(RemoteIssuer::new(place, outgoing, Clock::system())?);
    match issuer.fetch().await {
        Ok(keys) => Ok(keys.report()),
        Err(error) => Err(AskError::Answer {
            asked,
            error: Box::new(error),
        }),
    }
}

impl IssuerReport {
    /// The one line that tells that an issuer was found, or has come back.
    pub(super) fn log(&self, is_back: bool) {
        let userinfo = self.userinfo.as_ref().map_or("none", Url::as_str);
        let keys = self.keys.join(", ");
        let message = if is_back {
            "the identity provider is usable again"
        } else {
            "the identity provider is usable"
        };
        tracing::info!(
            oidc.issuer = self.issuer,
            oidc.keys = keys,
            oidc.userinfo = userinfo,
            "{message}"
        );
    }
}

impl fmt::Display for IssuerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let userinfo = self.userinfo.as_ref().map_or("none", Url::as_str);
        write!(
            f,
            "{}, keys: {}, userinfo: {userinfo}",
            self.issuer,
            self.keys.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_line() {
        let report = IssuerReport {
            issuer: "https://id.example.org".to_owned(),
            keys: vec!["RS256".to_owned(), "ES256".to_owned()],
            userinfo: None,
        };
        assert_eq!(
            report.to_string(),
            "https://id.example.org, keys: RS256, ES256, userinfo: none"
        );
    }
}
