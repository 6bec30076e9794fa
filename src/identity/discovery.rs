//! An issuer's self-description (OpenID Connect Discovery 1.0).

use serde::Deserialize;
use url::Url;

use super::fetch::{self, FetchError};

/// The part of an issuer's self-description that verification needs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    /// Exactly what tokens carry as `iss`.
    pub issuer: String,
    pub jwks_uri: Url,
    #[serde(default)]
    pub userinfo_endpoint: Option<Url>,
}

/// Asks `authority` for its self-description.
pub(super) async fn discover(http: &reqwest::Client, authority: &Url) -> Result<Metadata, FetchError> {
    let base = authority.as_str().trim_end_matches('/');
    let url = format!("{base}/.well-known/openid-configuration");
    let metadata: Metadata = serde_json::from_slice(&fetch::body(http.get(url)).await?)?;
    check(&metadata, authority)?;
    Ok(metadata)
}

fn check(metadata: &Metadata, authority: &Url) -> Result<(), FetchError> {
    // The document must describe who was asked (section 4.3). A URL without a path is written with and without a slash.
    if metadata.issuer.trim_end_matches('/') != authority.as_str().trim_end_matches('/') {
        return Err(FetchError::Unfit("the document describes another issuer"));
    }
    let plain = |url: &Url| url.scheme() != "https";
    let downgraded = plain(&metadata.jwks_uri) || metadata.userinfo_endpoint.as_ref().is_some_and(plain);
    if authority.scheme() == "https" && downgraded {
        return Err(FetchError::Unfit("an https issuer names endpoints without TLS"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(issuer: &str, keys: &str) -> Metadata {
        serde_json::from_value(serde_json::json!({"issuer": issuer, "jwks_uri": keys})).expect("metadata")
    }

    fn accepted(authority: &str, issuer: &str, keys: &str) -> bool {
        check(&metadata(issuer, keys), &Url::parse(authority).expect("URL")).is_ok()
    }

    #[test]
    fn the_document_describes_who_was_asked() {
        assert!(accepted(
            "https://a.example",
            "https://a.example",
            "https://a.example/keys"
        ));
        assert!(accepted(
            "https://a.example/r",
            "https://a.example/r/",
            "https://keys.example/"
        ));
        assert!(!accepted(
            "https://a.example/r",
            "https://a.example/s",
            "https://a.example/keys"
        ));
    }

    #[test]
    fn keys_of_an_https_issuer_come_over_https() {
        assert!(!accepted(
            "https://a.example",
            "https://a.example",
            "http://a.example/keys"
        ));
        assert!(accepted(
            "http://127.0.0.1:1",
            "http://127.0.0.1:1",
            "http://127.0.0.1:1/keys"
        ));
    }
}
