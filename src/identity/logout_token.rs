//! What a log-out token must say (OpenID Connect Back-Channel Logout 1.0, section 2.6). Pure: the clock's reading is an argument.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    TokenError,
    jwt::{Claims, Header},
    limits::{LEEWAY, SUBJECT_CHARS_MAX},
};
use crate::store::void_sessions::Ended;

/// The event by which an issuer says that a login has ended.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A notice that was made longer ago is none.
const AGE_MAX: TimeDelta = TimeDelta::minutes(2);

/// Clients of one notice.
const CLIENTS_MAX: usize = 16;

/// An issuer's word that a login has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutToken {
    pub issuer: String,
    /// Whose tokens are void: one at least.
    pub clients: Vec<String>,
    pub ended: Ended,
    /// Tokens that were made later, in Unix seconds, are good.
    pub iat: i64,
}

/// Claims of a log-out token whose signature is right. One of its audiences must be a client that this server listens to.
pub(super) fn logout_token(
    header: &Header,
    claims: &Claims,
    issuer: &str,
    is_ours: impl Fn(&str) -> bool,
    now: DateTime<Utc>,
) -> Result<LogoutToken, TokenError> {
    if !matches!(header.media_type().as_deref(), None | Some("logout+jwt")) {
        return Err(TokenError::Invalid("the token is no log-out token"));
    }
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(TokenError::Invalid("the issuer is another one"));
    }
    let clients = audiences(claims).ok_or(TokenError::Invalid("the audience can't be read"))?;
    if !clients.iter().any(|client| is_ours(client)) {
        return Err(TokenError::Invalid("the audience is another one"));
    }
    let tells = claims.get("events").and_then(|events| events.get(EVENT));
    if !tells.is_some_and(Value::is_object) {
        return Err(TokenError::Invalid("the token tells of no log-out"));
    }
    // What an issuer answers to a log-in has one; it must not pass for this.
    if claims.contains_key("nonce") {
        return Err(TokenError::Invalid("a log-out token has no nonce"));
    }
    Ok(LogoutToken {
        issuer: issuer.to_owned(),
        clients,
        ended: ended(claims)?,
        iat: made_at(claims, now)?,
    })
}

fn audiences(claims: &Claims) -> Option<Vec<String>> {
    let mut all = match claims.get("aud")? {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) if several.len() <= CLIENTS_MAX => several
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    all.sort_unstable();
    all.dedup();
    all.iter().all(|client| is_name(client)).then_some(all)
}

/// The login; without one all of the subject.
fn ended(claims: &Claims) -> Result<Ended, TokenError> {
    let name = |claim: &str| match claims.get(claim) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) if is_name(name) => Ok(Some(name.clone())),
        Some(_) => Err(TokenError::Invalid("sid or sub is no short plain text")),
    };
    match (name("sid")?, name("sub")?) {
        (Some(session), _) => Ok(Ended::Session(session)),
        (None, Some(subject)) => Ok(Ended::Subject(subject)),
        (None, None) => Err(TokenError::Invalid("the token names neither sid nor sub")),
    }
}

/// Stored and compared as it is: a text that would have to be changed is refused instead.
fn is_name(text: &str) -> bool {
    (1..=SUBJECT_CHARS_MAX).contains(&text.chars().count()) && !text.contains(char::is_control)
}

fn made_at(claims: &Claims, now: DateTime<Utc>) -> Result<i64, TokenError> {
    let iat =
        seconds(claims, "iat")?.ok_or(TokenError::Invalid("the token does not say when it was made"))?;
    if iat < (now - AGE_MAX).timestamp() {
        return Err(TokenError::Expired);
    }
    if iat > (now + LEEWAY).timestamp() {
        return Err(TokenError::Invalid("the token is not valid yet"));
    }
    match seconds(claims, "exp")? {
        Some(exp) if exp <= (now - LEEWAY).timestamp() => Err(TokenError::Expired),
        _ => Ok(iat),
    }
}

/// A NumericDate; a fraction does not count.
fn seconds(claims: &Claims, name: &str) -> Result<Option<i64>, TokenError> {
    // The last second of the year 2999.
    const SECONDS_MAX: f64 = 32_503_679_999.0;
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value
        .as_f64()
        .filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds))
        .ok_or(TokenError::Invalid("a time in the token is no number in range"))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "in range, and a fraction does not count"
    )]
    Ok(Some(seconds as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn check(typ: Option<&str>, claims: &Value) -> Result<LogoutToken, TokenError> {
        let header = Header {
            alg: "ES256".to_owned(),
            typ: typ.map(str::to_owned),
            kid: None,
            crit: None,
        };
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        let claims = claims.as_object().unwrap();
        let is_ours = |client: &str| ["Frontend", "desktop"].contains(&client);
        logout_token(&header, claims, "https://issuer", is_ours, now)
    }

    fn good() -> Value {
        json!({
            "iss": "https://issuer", "aud": "Frontend", "iat": NOW, "exp": NOW + 120, "jti": "1", "sub": "ada",
            "sid": "s", "events": {EVENT: {}},
        })
    }

    /// The good claims with some of them changed; null takes one away.
    fn with(changes: &Value) -> Value {
        let mut claims = good();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    #[test]
    fn a_log_out_names_a_login_or_a_subject() {
        for typ in [None, Some("logout+jwt"), Some("application/Logout+JWT")] {
            let token = check(typ, &good()).unwrap();
            assert_eq!(token.ended, Ended::Session("s".to_owned()));
            assert_eq!((token.clients, token.iat), (vec!["Frontend".to_owned()], NOW));
        }
        let of_subject = check(None, &with(&json!({"sid": null, "exp": null}))).unwrap();
        assert_eq!(of_subject.ended, Ended::Subject("ada".to_owned()));
        let of_login = check(None, &with(&json!({"sub": null}))).unwrap();
        assert_eq!(of_login.ended, Ended::Session("s".to_owned()));
        let several = check(None, &with(&json!({"aud": ["other", "desktop", "other"]}))).unwrap();
        assert_eq!(several.clients, ["desktop", "other"]);
    }

    #[test]
    fn it_is_fresh() {
        for (iat, exp, is_good) in [
            (NOW - 120, NOW + 60, true),
            (NOW - 121, NOW + 60, false),
            (NOW + 30, NOW + 60, true),
            (NOW + 31, NOW + 60, false),
            (NOW, NOW - 29, true),
            (NOW, NOW - 30, false),
        ] {
            let token = check(None, &with(&json!({"iat": iat, "exp": exp})));
            assert_eq!(token.is_ok(), is_good, "{iat} {exp}");
        }
    }

    #[test]
    fn everything_else_is_none() {
        for typ in ["JWT", "at+jwt", "dpop+jwt", ""] {
            assert!(check(Some(typ), &good()).is_err(), "{typ}");
        }
        let other = "http://schemas.openid.net/event/other";
        for change in [
            json!({"iss": "https://issuer/"}),
            json!({"aud": "other"}),
            json!({"aud": null}),
            json!({"aud": ["Frontend", 1]}),
            json!({"aud": vec!["Frontend"; 17]}),
            json!({"aud": ["Frontend", "x".repeat(256)]}),
            json!({"events": null}),
            json!({"events": {other: {}}}),
            json!({"events": {EVENT: true}}),
            json!({"events": [EVENT]}),
            json!({"nonce": "n"}),
            json!({"sid": null, "sub": null}),
            json!({"sid": ""}),
            json!({"sid": 1}),
            json!({"sid": "a\u{0}b"}),
            json!({"sid": null, "sub": "x".repeat(256)}),
            json!({"iat": null}),
            json!({"iat": "now"}),
            json!({"exp": "never"}),
        ] {
            assert!(check(None, &with(&change)).is_err(), "{change}");
        }
    }
}
