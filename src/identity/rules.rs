//! What the claims of a token must say. Pure: the clock's reading is an argument.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    TokenError, TokenRefusal, VerifiedToken,
    claims::{profile, text},
    clients::Clients,
    jwt::{Claims, Header},
    limits::{LEEWAY, SERVICE_LEEWAY, SUBJECT_CHARS_MAX},
};
use crate::config::ClaimNames;

type Checked<T = ()> = Result<T, TokenError>;

/// Nobody knows whom the token speaks for.
pub(super) const NO_SUBJECT: TokenError = TokenError::Invalid("the token names no subject");

/// What tokens are compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    /// Whose tokens count.
    pub clients: &'a Clients,
    /// How far from now a token may expire.
    pub lifetime_max: TimeDelta,
    pub names: &'a ClaimNames,
}

/// A genuine access token.
#[derive(Debug, PartialEq)]
pub(super) struct AccessToken {
    pub verified: VerifiedToken,
    /// Why it does not speak for a person; a service's may be fine all the same.
    pub not_of_person: Option<TokenRefusal>,
}

/// Claims of an access token. What is wrong with its client alone is told beside it, as that does not count for services. The
/// subject is empty where the token names none: userinfo may know it.
pub(super) fn access_token(
    header: &Header,
    claims: &Claims,
    expected: Expected<'_>,
    now: DateTime<Utc>,
) -> Checked<AccessToken> {
    // `typ` is optional in a JWT (RFC 7519, section 5.1) and several issuers leave it out, so absence is no reason to
    // refuse; a value of another kind (`logout+jwt`, `dpop+jwt`, …) says that the token was made for something else.
    if !matches!(header.media_type().as_deref(), None | Some("jwt" | "at+jwt")) {
        return Err(TokenError::Invalid("the token is of another type"));
    }
    // `nonce` says nothing: some issuers put it into access tokens too.
    if claims.contains_key("at_hash") || claims.contains_key("c_hash") {
        return Err(TokenError::Invalid("an ID token is no access token"));
    }
    refuse_events(claims)?;
    // Whoever shows a bound token must show its key, too, which nobody looks at here.
    if claims.contains_key("cnf") {
        return Err(TokenError::Refused(TokenRefusal::Bound));
    }
    match claims.get("typ").map(Value::as_str) {
        None | Some(Some("Bearer")) => {}
        Some(Some("ID")) => return Err(TokenError::Invalid("an ID token is no access token")),
        Some(Some("Refresh" | "Offline")) => {
            return Err(TokenError::Invalid("a refresh token is no access token"));
        }
        Some(_) => return Err(TokenError::Invalid("the token is of another type")),
    }
    let client = expected.clients.of_access_token(claims)?;
    let verified = verified(claims, expected, client, now)?;
    check_lifetime(&verified, expected, now)?;
    let admitted = expected
        .clients
        .admit_person(claims, &verified.client, &verified.roles);
    Ok(AccessToken {
        verified,
        not_of_person: admitted.err(),
    })
}

/// From now, and from when it was made: what is void is not remembered for longer.
fn check_lifetime(verified: &VerifiedToken, expected: Expected<'_>, now: DateTime<Utc>) -> Checked {
    let made_at = DateTime::from_timestamp(verified.issued_at, 0).filter(|_| verified.issued_at > 0);
    let begin = made_at.unwrap_or(now).min(now);
    if verified.expires_at > begin + expected.lifetime_max + LEEWAY {
        return Err(TokenError::Refused(TokenRefusal::Lifetime));
    }
    Ok(())
}

/// What tells of events (RFC 8417), such as a log-out, lets nobody in.
fn refuse_events(claims: &Claims) -> Checked {
    if claims.contains_key("events") {
        return Err(TokenError::Invalid("the token is of another type"));
    }
    Ok(())
}

/// Claims of an ID token (OpenID Connect Core 1.0, section 3.1.3.7).
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
    refuse_events(claims)?;
    let client = expected.clients.of_id_token(claims)?;
    let verified = verified(claims, expected, client, now)?;
    if verified.subject.is_empty() {
        return Err(NO_SUBJECT);
    }
    check_lifetime(&verified, expected, now)?;
    expected
        .clients
        .admit_login(claims, &verified.client, &verified.roles)
        .map_err(TokenError::Refused)?;
    Ok(verified)
}

fn verified(
    claims: &Claims,
    expected: Expected<'_>,
    client: String,
    now: DateTime<Utc>,
) -> Checked<VerifiedToken> {
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(TokenError::Invalid("the issuer is another one"));
    }
    let roles = expected.clients.service_roles(claims);
    let leeway = if roles.is_empty() { LEEWAY } else { SERVICE_LEEWAY };
    let expires_at = time(claims, "exp")?.ok_or(TokenError::Invalid("the token never expires"))?;
    if now >= expires_at + leeway {
        return Err(TokenError::Expired);
    }
    if time(claims, "nbf")?.is_some_and(|begin| begin > now + leeway) {
        return Err(TokenError::Invalid("the token is not valid yet"));
    }
    Ok(VerifiedToken {
        issuer: expected.issuer.to_owned(),
        subject: subject(claims)?.unwrap_or_default(),
        client,
        session: claims.get("sid").and_then(text),
        issued_at: issued_at(claims, now),
        expires_at,
        roles,
        profile: profile(claims, expected.names),
    })
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

/// The subject, stored as it is: a text that would have to be changed is refused instead. `None`: it is not named at all.
pub(super) fn subject(claims: &Claims) -> Checked<Option<String>> {
    let Some(named) = claims.get("sub") else {
        return Ok(None);
    };
    let subject = named.as_str().unwrap_or_default();
    let fits = (1..=SUBJECT_CHARS_MAX).contains(&subject.chars().count());
    if !fits || subject.contains(char::is_control) {
        return Err(NO_SUBJECT);
    }
    Ok(Some(subject.to_owned()))
}

/// When a token was made: a time ahead of now counts as now.
fn issued_at(claims: &Claims, now: DateTime<Utc>) -> i64 {
    let made = claims.get("iat").and_then(Value::as_f64).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "a fraction does not count")]
    (made as i64).clamp(0, now.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Oidc;
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
        let clients = Clients::of_config(&Oidc::default()).with_audience("api");
        let expected = Expected {
            issuer: "https://issuer",
            clients: &clients,
            lifetime_max: TimeDelta::hours(24),
            names: &names,
        };
        let now = DateTime::from_timestamp(NOW, 0).expect("a time");
        let token = access_token(&header, claims.as_object().expect("claims"), expected, now)?;
        match token.not_of_person {
            None | Some(TokenRefusal::Service) => Ok(token.verified),
            Some(refusal) => Err(TokenError::Refused(refusal)),
        }
    }

    fn service(name: &str, value: i64) -> Value {
        let mut claims = with(name, json!(value));
        claims["realm_access"] = json!({"roles": ["opentalk-call-in"]});
        claims
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
    fn the_leeway_of_services_is_a_minute() {
        for (claim, value, accepted) in [
            ("exp", NOW - 59, true),
            ("exp", NOW - 60, false),
            ("nbf", NOW + 60, true),
            ("nbf", NOW + 61, false),
        ] {
            assert_eq!(check(&service(claim, value)).is_ok(), accepted, "{claim} {value}");
        }
    }

    #[test]
    fn nobody_comes_with_a_token_for_ever() {
        const DAY: i64 = 24 * 3_600;
        let too_long = Err(TokenError::Refused(TokenRefusal::Lifetime));
        for (expires_at, refused) in [
            (NOW + DAY, false),
            (NOW + DAY + 30, false),
            (NOW + DAY + 31, true),
            (32_503_679_990, true),
        ] {
            for claims in [with("exp", json!(expires_at)), service("exp", expires_at)] {
                let checked = check(&claims);
                assert_eq!(checked.is_err(), refused, "{claims}");
                assert!(!refused || checked == too_long, "{claims}");
            }
        }
    }

    #[test]
    fn nobody_logs_in_with_a_token_for_ever() {
        const DAY: i64 = 24 * 3_600;
        let oidc = Oidc::default();
        let (clients, names) = (Clients::of_config(&oidc), ClaimNames::default());
        let expected = Expected {
            issuer: "https://issuer",
            clients: &clients,
            lifetime_max: TimeDelta::hours(24),
            names: &names,
        };
        let header = Header {
            alg: "ES256".to_owned(),
            typ: None,
            kid: None,
            crit: None,
        };
        let now = DateTime::from_timestamp(NOW, 0).expect("a time");
        let too_long = Err(TokenError::Refused(TokenRefusal::Lifetime));
        for (expires_at, made_at, refused) in [
            (NOW + DAY, NOW, false),
            (NOW + DAY + 30, NOW, false),
            (NOW + DAY + 31, NOW, true),
            (NOW + DAY, NOW - 31, true),
            (32_503_679_990, NOW, true),
        ] {
            let mut claims = with("aud", json!(oidc.client_id));
            (claims["exp"], claims["iat"]) = (json!(expires_at), json!(made_at));
            let checked = id_token(&header, claims.as_object().expect("claims"), expected, now);
            assert_eq!(checked.is_err(), refused, "{claims}");
            assert!(!refused || checked == too_long, "{claims}");
        }
    }

    #[test]
    fn nobody_was_made_later_than_now() {
        for (iat, expected) in [
            (json!(NOW - 10), NOW - 10),
            (json!(NOW + 3_600), NOW),
            (json!(1e300), NOW),
            (json!(-5), 0),
            (json!("1800000000"), 0),
            (json!(null), 0),
        ] {
            let made = check(&with("iat", iat.clone())).expect("good").issued_at;
            assert_eq!(made, expected, "{iat}");
        }
        assert_eq!(check(&good()).expect("good").issued_at, 0);
    }

    #[test]
    fn a_bearer_token_says_nothing_else_of_itself() {
        for typ in [
            json!("Logout"),
            json!("DPoP"),
            json!("bearer"),
            json!(""),
            json!(null),
            json!(["Bearer"]),
        ] {
            assert!(
                matches!(check(&with("typ", typ.clone())), Err(TokenError::Invalid(_))),
                "{typ}"
            );
        }
        for cnf in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!(null)] {
            assert_eq!(
                check(&with("cnf", cnf.clone())),
                Err(TokenError::Refused(TokenRefusal::Bound)),
                "{cnf}"
            );
        }
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
        for odd in [
            json!(""),
            json!(null),
            json!(5),
            json!("a\0b"),
            json!("x".repeat(256)),
        ] {
            assert!(check(&with("sub", odd.clone())).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_token_may_leave_it_to_userinfo_whom_it_speaks_for() {
        let mut claims = good();
        claims.as_object_mut().expect("claims").remove("sub");
        assert_eq!(check(&claims).expect("good").subject, "");
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
    fn claims_with_empty_names_and_groups_of_everybody_are_not_looked_at() {
        let claims = json!({
            "": "x", "x_grp": ["staff", "default-roles-realm", "offline_access", "uma_authorization", "offline_access2"],
            "avatar": "https://a.example/1.png", "tenant_id": "t",
        });
        let claims = claims.as_object().expect("claims");
        let said = profile(claims, &ClaimNames::default());
        let kept = ["staff", "offline_access2"].map(str::to_owned).to_vec();
        assert_eq!((said.groups, said.picture), (Some(kept), None));
        let names = ClaimNames {
            groups: String::new(),
            tenant_id: String::new(),
            picture: "avatar".to_owned(),
            ..ClaimNames::default()
        };
        let said = profile(claims, &names);
        assert_eq!((said.groups, said.tenant_id), (None, None));
        assert_eq!(said.picture.as_deref(), Some("https://a.example/1.png"));
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
        let roles = json!({"roles": ["offline_access", "opentalk-recorder", 7, "opentalk-call-in"]});
        let roles = check(&with("realm_access", roles)).expect("good").roles;
        assert_eq!(
            roles,
            ["opentalk-call-in", "opentalk-recorder"],
            "those that mean something"
        );
        for odd in [json!("opentalk-recorder"), json!({"roles": "opentalk-recorder"})] {
            assert!(check(&with("realm_access", odd)).expect("good").roles.is_empty());
        }
        let of_client = json!({"Frontend": {"roles": ["opentalk-recorder"]}});
        let roles = check(&with("resource_access", of_client)).expect("good").roles;
        assert!(roles.is_empty(), "those of a client are others");
    }
}
