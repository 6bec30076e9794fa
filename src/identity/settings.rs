//! What a verifier needs to know, checked once at start.

use std::sync::Arc;

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use thiserror::Error;
use url::Url;

use super::{
    clients::Clients,
    dev_issuer::{ACCESS_AUDIENCE, DevIssuer, limits::ACCESS_LIFETIME},
    issuer_urls::IssuerUrls,
};
use crate::config::{ClaimNames, Oidc};

/// Where keys and userinfo come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// An issuer that is asked over HTTP.
    Remote(IssuerUrls),
    /// Our own development issuer, asked in this process.
    Local(Arc<DevIssuer>),
}

/// Settings of a [`super::Verifier`].
#[derive(Debug, Clone)]
pub struct VerifierSettings {
    pub source: KeySource,
    /// Whose tokens count.
    pub clients: Clients,
    /// How far from now a token may expire.
    pub lifetime_max: TimeDelta,
    /// Accepted signature algorithms, asymmetric only.
    pub algorithms: Vec<Algorithm>,
    pub claims: ClaimNames,
    /// Whether userinfo is asked.
    pub userinfo: bool,
    /// Seconds between two questions about one login.
    pub userinfo_secs: u64,
    /// Whether somebody without a tenant may be more than that says.
    pub wants_tenants: bool,
}

/// A configuration that can not verify tokens safely.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    #[error("oidc.algorithms: `{0}` is unknown")]
    UnknownAlgorithm(String),
    #[error("oidc.algorithms: `{0}` needs a shared secret; only asymmetric algorithms are accepted")]
    SymmetricAlgorithm(String),
    #[error("oidc.algorithms is empty")]
    NoAlgorithm,
    #[error("oidc.authority: `{0}` is no http or https URL")]
    Authority(Url),
    #[error("there is neither oidc.authority nor the development issuer")]
    NoIssuer,
}

impl VerifierSettings {
    /// Settings for the configured authority, or for `development` when none is configured.
    pub fn from_config(oidc: &Oidc, development: Option<Arc<DevIssuer>>) -> Result<Self, SettingsError> {
        match (&oidc.authority, development) {
            (Some(authority), _) => Self::remote(oidc, authority.clone()),
            (None, Some(issuer)) => Ok(Self::local(oidc, issuer)),
            (None, None) => Err(SettingsError::NoIssuer),
        }
    }

    /// Tokens of an issuer that is asked over HTTP.
    pub fn remote(oidc: &Oidc, authority: Url) -> Result<Self, SettingsError> {
        if !matches!(authority.scheme(), "http" | "https") {
            return Err(SettingsError::Authority(authority));
        }
        Ok(Self {
            source: KeySource::Remote(IssuerUrls::new(authority, oidc.service_authority.clone())),
            clients: Clients::of_config(oidc),
            lifetime_max: seconds(oidc.token_lifetime_max_secs),
            algorithms: parse_algorithms(&oidc.algorithms)?,
            claims: oidc.claims.clone(),
            userinfo: oidc.userinfo,
            userinfo_secs: oidc.userinfo_secs,
            wants_tenants: oidc.wants_tenants(),
        })
    }

    /// Tokens of our own issuer. Its algorithm and audience are known; the configured ones are those of a real issuer.
    #[must_use]
    pub fn local(oidc: &Oidc, issuer: Arc<DevIssuer>) -> Self {
        Self {
            source: KeySource::Local(issuer),
            clients: Clients::of_config(oidc).with_audience(ACCESS_AUDIENCE),
            lifetime_max: ACCESS_LIFETIME,
            algorithms: vec![Algorithm::ES256],
            claims: ClaimNames::default(),
            userinfo: oidc.userinfo,
            userinfo_secs: oidc.userinfo_secs,
            wants_tenants: oidc.wants_tenants(),
        }
    }
}

/// A span of a year at the most, as the configuration has it.
fn seconds(secs: u64) -> TimeDelta {
    let year = TimeDelta::days(365);
    let secs = i64::try_from(secs).ok().and_then(TimeDelta::try_seconds);
    secs.unwrap_or(year).min(year)
}

/// Parses names of signature algorithms; symmetric ones are refused.
pub fn parse_algorithms(names: &[String]) -> Result<Vec<Algorithm>, SettingsError> {
    if names.is_empty() {
        return Err(SettingsError::NoAlgorithm);
    }
    names.iter().map(|name| parse_algorithm(name)).collect()
}

fn parse_algorithm(name: &str) -> Result<Algorithm, SettingsError> {
    match name.parse::<Algorithm>() {
        Ok(algorithm) if algorithm.family() == AlgorithmFamily::Hmac => {
            Err(SettingsError::SymmetricAlgorithm(name.to_owned()))
        }
        Ok(algorithm) => Ok(algorithm),
        Err(_) => Err(SettingsError::UnknownAlgorithm(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().copied().map(str::to_owned).collect()
    }

    #[test]
    fn the_default_algorithms_are_fine() {
        assert_eq!(
            parse_algorithms(&Oidc::default().algorithms)
                .expect("default")
                .len(),
            4
        );
    }

    #[test]
    fn symmetric_and_unknown_algorithms_are_refused() {
        let refused = |list: &[&str]| parse_algorithms(&names(list)).expect_err("refused");
        assert_eq!(
            refused(&["ES256", "HS256"]),
            SettingsError::SymmetricAlgorithm("HS256".to_owned())
        );
        assert_eq!(
            refused(&["none"]),
            SettingsError::UnknownAlgorithm("none".to_owned())
        );
        assert_eq!(refused(&[]), SettingsError::NoAlgorithm);
    }

    #[test]
    fn an_authority_must_be_http() {
        let authority = Url::parse("file:///etc/issuer").expect("URL");
        assert!(matches!(
            VerifierSettings::remote(&Oidc::default(), authority),
            Err(SettingsError::Authority(_))
        ));
        assert!(matches!(
            VerifierSettings::from_config(&Oidc::default(), None),
            Err(SettingsError::NoIssuer)
        ));
    }
}
