//! What the claims of a token must say. Pure: the clock's reading is an argument.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    TokenError, VerifiedToken,
    claims::ProfileClaims,
    jwt::{Claims, Header},
    limits::{LEEWAY, LIST_ENTRIES_MAX, PROFILE_TEXT_CHARS_MAX, SUBJECT_CHARS_MAX},
};
use crate::config::ClaimNames;

type Checked<T = ()> = Result<T, TokenError>;

/// What tokens are compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    /// One of the audiences must be this one; not checked when absent.
    pub audience: Option<&'a str>,
    pub names: &'a ClaimNames,
}

/// Claims of an access token.
pub(super) fn access_token(
    header: &Header,
    claims: &Claims,
    expected: Expected<'_>,
    now: DateTime<Utc>,
) -> Checked<VerifiedToken> {
    // `typ` is optional in a JWT (RFC 7519, section 5.1) and several issuers leave it out, so absence is no reason to
    // refuse; a value of another kind (`logout+jwt`, `dpop+jwt`, …) says that the token was made for something else.
    if !matches!(header.media_type().as_deref(), None | Some("jwt" | "at+jwt")) {
        return Err(TokenError::Invalid("the token is of another type"));
    }
    // `nonce` says nothing: some issuers put it into access tokens too.
    if claims.contains_key("at_hash") || claims.contains_key("c_hash") {
        return Err(TokenError::Invalid("an ID token is no access token"));
    }
    match claims.get("typ").and_then(Value::as_str) {
        Some("ID") => return Err(TokenError::Invalid("an ID token is no access token")),
        Some("Refresh" | "Offline") => {
            return Err(TokenError::Invalid("a refresh token is no access token"));
        }
        _ => {}
    }
    verified(claims, expected, now)
}

/// Claims of an ID token (OpenID Connect Core 1.0, section 3.1.3.7); `expected.audience` is the client id.
pub(super) fn id_token(
    header: &Header,
    claims: &Claims,
    expected: Expected<'_>,
    now: DateTime<Utc>,
) -> Checked<VerifiedToken> {
    if !matches!(header.media_type().as_deref(), None | Some("jwt")) {
        return Err(TokenError::Invalid("the token is no ID token"));
    }
    if !matches!(claims.get("typ").map(Value::as_str), None | Some(Some("ID"))) {
        return Err(TokenError::Invalid("the token is no ID token"));
    }
    let foreign_party = claims
        .get("azp")
        .is_some_and(|party| party.as_str() != expected.audience);
    if foreign_party {
        return Err(TokenError::Invalid("the token was made for another client"));
    }
    verified(claims, expected, now)
}

fn verified(claims: &Claims, expected: Expected<'_>, now: DateTime<Utc>) -> Checked<VerifiedToken> {
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(TokenError::Invalid("the issuer is another one"));
    }
    if let Some(audience) = expected.audience
        && !names_audience(claims, audience)
    {
        return Err(TokenError::Invalid("the audience is another one"));
    }
    let expires_at = time(claims, "exp")?.ok_or(TokenError::Invalid("the token never expires"))?;
    if now >= expires_at + LEEWAY {
        return Err(TokenError::Expired);
    }
    if time(claims, "nbf")?.is_some_and(|begin| begin > now + LEEWAY) {
        return Err(TokenError::Invalid("the token is not valid yet"));
    }
    Ok(VerifiedToken {
        issuer: expected.issuer.to_owned(),
        subject: subject(claims)?,
        expires_at,
        roles: roles(claims),
        profile: profile(claims, expected.names),
    })
}

fn names_audience(claims: &Claims, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    }
}

/// A NumericDate (RFC 7519, section 2): a number, with or without a fraction. A number in a text is none.
fn time(claims: &Claims, name: &str) -> Checked<Option<DateTime<Utc>>> {
    // The last second of the year 2999, beyond which no time can be stored.
    const SECONDS_MAX: f64 = 32_503_679_999.0;
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value
        .as_f64()
        .filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "in range, and a fraction does not count"
    )]
    seconds
        .and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0))
        .map(Some)
        .ok_or(TokenError::Invalid("a time in the token is no number in range"))
}

/// The subject, stored as it is: a text that would have to be changed is refused instead.
fn subject(claims: &Claims) -> Checked<String> {
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    let fits = (1..=SUBJECT_CHARS_MAX).contains(&subject.chars().count());
    if !fits || subject.contains(char::is_control) {
        return Err(TokenError::Invalid("the token names no subject"));
    }
    Ok(subject.to_owned())
}

fn roles(claims: &Claims) -> Vec<String> {
    let roles = claims.get("realm_access").and_then(|access| access.get("roles"));
    roles.and_then(texts).unwrap_or_default()
}

/// Profile claims of a token or of a userinfo answer.
pub(super) fn profile(claims: &Claims, names: &ClaimNames) -> ProfileClaims {
    let claim = |name: &str| claims.get(name).and_then(text);
    ProfileClaims {
        email: claim("email"),
        email_verified: claims.get("email_verified").and_then(truth),
        given_name: claim("given_name"),
        family_name: claim("family_name"),
        name: claim("name"),
        nickname: claim("nickname"),
        locale: claim("locale"),
        phone_number: claim("phone_number"),
        groups: claims.get(&names.groups).and_then(texts),
        tenant_id: claim(&names.tenant_id),
        tariff_id: claim(&names.tariff_id),
        tariff_status: claim(&names.tariff_status),
    }
}

/// A text fit to be stored and shown: no control characters, not empty, not endless.
fn text(value: &Value) -> Option<String> {
    let clean: String = (value.as_str()?.chars())
        .filter(|c| !c.is_control())
        .take(PROFILE_TEXT_CHARS_MAX)
        .collect();
    let trimmed = clean.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// Some issuers write the word instead of the value.
fn truth(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let list = value.as_array()?;
    Some(list.iter().take(LIST_ENTRIES_MAX).filter_map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    fn check(claims: &Value) -> Checked<VerifiedToken> {
        let header = Header {
            alg: "ES256".to_owned(),
            typ: None,
            kid: None,
            crit: None,
        };
        let names = ClaimNames::default();
        let expected = Expected {
            issuer: "https://issuer",
            audience: Some("api"),
            names: &names,
        };
        let now = DateTime::from_timestamp(NOW, 0).expect("a time");
        access_token(&header, claims.as_object().expect("claims"), expected, now)
    }

    fn good() -> Value {
        json!({"iss": "https://issuer", "aud": ["other", "api"], "sub": "s", "exp": NOW + 60})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims[name] = value;
        claims
    }

    #[test]
    fn the_leeway_is_thirty_seconds() {
        for (claim, value, accepted) in [
            ("exp", NOW - 29, true),
            ("exp", NOW - 30, false),
            ("nbf", NOW + 30, true),
            ("nbf", NOW + 31, false),
        ] {
            assert_eq!(
                check(&with(claim, json!(value))).is_ok(),
                accepted,
                "{claim} {value}"
            );
        }
        assert_eq!(check(&with("exp", json!(NOW - 30))), Err(TokenError::Expired));
    }

    #[test]
    fn times_are_numbers() {
        assert!(check(&with("exp", json!(1_800_000_060.75))).is_ok());
        for odd in [
            json!("1800000060"),
            json!(null),
            json!(true),
            json!(-1),
            json!(1e300),
            json!([1]),
        ] {
            assert!(check(&with("exp", odd.clone())).is_err(), "exp {odd}");
            assert!(check(&with("nbf", odd.clone())).is_err(), "nbf {odd}");
        }
    }

    #[test]
    fn the_issuer_is_one_text() {
        for odd in [json!(["https://issuer"]), json!("https://issuer/"), json!(null)] {
            assert!(check(&with("iss", odd.clone())).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_subject_is_a_short_plain_text() {
        for odd in [json!(""), json!(5), json!("a\0b"), json!("x".repeat(256))] {
            assert!(check(&with("sub", odd.clone())).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_nonce_does_not_make_an_id_token() {
        assert!(check(&with("nonce", json!("n"))).is_ok());
        assert!(check(&with("at_hash", json!("h"))).is_err());
        assert!(check(&with("c_hash", json!("h"))).is_err());
        assert!(check(&with("typ", json!("ID"))).is_err());
        assert!(check(&with("typ", json!("Bearer"))).is_ok());
    }

    #[test]
    fn profile_texts_are_cleaned() {
        let claims = json!({
            "name": "  A\u{0}da\n ", "email": "", "nickname": 7, "given_name": "é".repeat(300),
            "x_grp": ["one", 2, "", "two"], "tenant_id": "t",
        });
        let profile = profile(claims.as_object().expect("claims"), &ClaimNames::default());
        assert_eq!(profile.name.as_deref(), Some("Ada"));
        assert_eq!(profile.email, None);
        assert_eq!(profile.nickname, None);
        assert_eq!(profile.given_name.map(|name| name.chars().count()), Some(255));
        assert_eq!(profile.groups, Some(vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(profile.tenant_id.as_deref(), Some("t"));
    }

    #[test]
    fn issuers_say_in_two_ways_whether_they_know_an_address() {
        let verified = |value: serde_json::Value| {
            let claims = json!({"email_verified": value});
            profile(claims.as_object().expect("claims"), &ClaimNames::default()).email_verified
        };
        assert_eq!(verified(json!(true)), Some(true));
        assert_eq!(verified(json!("false")), Some(false));
        assert_eq!(verified(json!(1)), None);
        assert_eq!(verified(json!(null)), None);
    }

    #[test]
    fn roles_come_from_the_realm() {
        let roles = check(&with("realm_access", json!({"roles": ["a", "b"]})))
            .expect("good")
            .roles;
        assert_eq!(roles, ["a", "b"]);
        assert!(
            check(&with("realm_access", json!("a")))
                .expect("good")
                .roles
                .is_empty()
        );
    }
}
