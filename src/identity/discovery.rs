//! An issuer's self-description (OpenID Connect Discovery 1.0).

use serde::Deserialize;
use url::Url;

use super::{
    IssuerUrls,
    fetch::{self, FetchError},
};
use colloquy_calendar::one_line::one_line;

/// Characters of a foreign issuer's name that are shown.
const NAME_CHARS_SHOWN: usize = 200;

/// The part of an issuer's self-description that verification needs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    /// Exactly what tokens carry as `iss`.
    pub issuer: String,
    /// As this server reaches it, once it was checked; the other endpoint too.
    pub jwks_uri: Url,
    #[serde(default)]
    pub userinfo_endpoint: Option<Url>,
    /// Where this server itself logs in, to ask the directory of people.
    #[serde(default)]
    pub token_endpoint: Option<Url>,
}

/// Asks an issuer for its self-description. Its endpoints are those that this server asks.
pub(super) async fn discover(http: &reqwest::Client, place: &IssuerUrls) -> Result<Metadata, FetchError> {
    let metadata: Metadata = serde_json::from_slice(&fetch::body(http.get(place.discovery())).await?)?;
    checked(metadata, place)
}

fn checked(mut metadata: Metadata, place: &IssuerUrls) -> Result<Metadata, FetchError> {
    // The document must describe who was asked (section 4.3).
    if !place.is_called(&metadata.issuer) {
        return Err(FetchError::OtherIssuer {
            authority: place.authority().to_string(),
            says: one_line(&metadata.issuer)
                .chars()
                .take(NAME_CHARS_SHOWN)
                .collect(),
        });
    }
    metadata.jwks_uri = place.reached(metadata.jwks_uri);
    metadata.userinfo_endpoint = metadata.userinfo_endpoint.map(|url| place.reached(url));
    metadata.token_endpoint = metadata.token_endpoint.map(|url| place.reached(url));
    let others = [&metadata.userinfo_endpoint, &metadata.token_endpoint];
    if !place.may_ask(&metadata.jwks_uri) || !others.into_iter().flatten().all(|url| place.may_ask(url)) {
        return Err(FetchError::Unfit("an https issuer names endpoints without TLS"));
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(issuer: &str, keys: &str) -> Metadata {
        serde_json::from_value(serde_json::json!({"issuer": issuer, "jwks_uri": keys})).expect("metadata")
    }

    fn place(authority: &str) -> IssuerUrls {
        IssuerUrls::new(Url::parse(authority).expect("URL"), None)
    }

    fn accepted(authority: &str, issuer: &str, keys: &str) -> bool {
        checked(metadata(issuer, keys), &place(authority)).is_ok()
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
    fn another_issuer_is_named() {
        let asked = place("http://127.0.0.1:8080/r");
        let refused = checked(
            metadata("http://localhost:8080/r\n", "http://localhost/k"),
            &asked,
        );
        let told = refused.expect_err("another issuer").to_string();
        assert!(
            told.contains("http://localhost:8080/r,") && told.contains("http://127.0.0.1:8080/r;"),
            "{told}"
        );
        let long = checked(metadata(&"x".repeat(10_000), "http://localhost/k"), &asked);
        assert!(long.expect_err("another issuer").to_string().len() < 500);
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

    #[test]
    fn endpoints_are_those_that_this_server_reaches() {
        let inside = IssuerUrls::new(
            Url::parse("https://a.example/r").expect("URL"),
            Url::parse("http://keycloak:8080/r").ok(),
        );
        let reached = checked(
            metadata("https://a.example/r", "https://a.example/r/keys"),
            &inside,
        );
        assert_eq!(
            reached.expect("metadata").jwks_uri.as_str(),
            "http://keycloak:8080/r/keys"
        );
        assert!(
            checked(
                metadata("http://keycloak:8080/r", "https://a.example/r/keys"),
                &inside
            )
            .is_err()
        );
    }
}
