//! What the issuer says about the bearer of a token when it is asked.
//!
//! Each login is asked about now and then, beside the requests; only who can't go on without the answer waits for it.

mod login;
mod merge;
mod queue;

use reqwest::{StatusCode, header::ACCEPT};
use url::Url;

pub(super) use self::{
    login::{Answer, Login, Logins, Over, Start, Under},
    merge::merged,
    queue::{Queue, Turn, Urgency},
};
use super::{
    ProfileClaims, VerifiedToken,
    fetch::{self, FetchError},
    jwt::Claims,
    limits::USERINFO_TIME_MAX,
};

/// What came of a question.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The issuer knows the bearer.
    Answered(Claims),
    /// The token is good for nothing at the issuer: 401.
    Refused,
    /// Says nothing about the token.
    Failed(FetchError),
}

/// Whether the issuer can be asked about the bearer of a token with these claims: it must be of scope `openid`. Where it names
/// no scopes, asking is worth it when something lacks.
pub(super) fn may_be_asked(claims: &Claims, verified: &VerifiedToken, wants_tenants: bool) -> bool {
    let scopes = ["scope", "scp"].map(|name| claims.get(name));
    if scopes == [None, None] {
        let lacks_tenant = wants_tenants && verified.profile.tenant_id.is_none();
        return lacks_tenant || verified.subject.is_empty() || is_lacking(&verified.profile);
    }
    scopes.into_iter().flatten().any(|scope| match scope {
        serde_json::Value::String(scopes) => scopes.split_whitespace().any(|scope| scope == "openid"),
        serde_json::Value::Array(scopes) => scopes.iter().any(|scope| scope == "openid"),
        _ => false,
    })
}

/// Whether a profile can't be filled from the token alone.
fn is_lacking(profile: &ProfileClaims) -> bool {
    let names = [
        &profile.name,
        &profile.given_name,
        &profile.family_name,
        &profile.nickname,
    ];
    profile.email.is_none() || names.into_iter().all(Option::is_none)
}

/// Asks the userinfo endpoint about the bearer of `token`.
pub(super) async fn ask(http: &reqwest::Client, endpoint: Url, token: &str) -> Outcome {
    let request = http
        .get(endpoint)
        .bearer_auth(token)
        .header(ACCEPT, "application/json");
    let body = match fetch::body_within(request, USERINFO_TIME_MAX).await {
        Ok(body) => body,
        Err(FetchError::Status(StatusCode::UNAUTHORIZED)) => return Outcome::Refused,
        Err(error) => return Outcome::Failed(error),
    };
    match serde_json::from_slice(&body) {
        Ok(claims) => Outcome::Answered(claims),
        Err(error) => Outcome::Failed(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_for_openid_are_asked_about_and_lacking_ones_that_name_no_scope() {
        let token = |subject: &str, email: Option<&str>| VerifiedToken {
            issuer: "i".to_owned(),
            subject: subject.to_owned(),
            client: "Frontend".to_owned(),
            session: None,
            issued_at: 0,
            expires_at: DateTime::UNIX_EPOCH,
            roles: Vec::new(),
            profile: ProfileClaims {
                email: email.map(str::to_owned),
                name: Some("Ada".to_owned()),
                ..ProfileClaims::default()
            },
        };
        let (whole, nameless) = (
            token("s", Some("a@example.org")),
            token("", Some("a@example.org")),
        );
        for (claims, verified, expected) in [
            (json!({"scope": "email openid"}), &whole, true),
            (json!({"scp": ["email", "openid"]}), &whole, true),
            (json!({"scp": "openid"}), &whole, true),
            (json!({"scope": "email openid2"}), &nameless, false),
            (json!({"scope": 5}), &nameless, false),
            (json!({"scope": ""}), &nameless, false),
            (json!({}), &whole, false),
            (json!({}), &nameless, true),
            (json!({}), &token("s", None), true),
        ] {
            let asked = may_be_asked(claims.as_object().expect("claims"), verified, false);
            assert_eq!(asked, expected, "{claims}");
        }
        let lacks_tenant =
            |claims: serde_json::Value| may_be_asked(claims.as_object().expect("claims"), &whole, true);
        assert!(lacks_tenant(json!({})) && !lacks_tenant(json!({"scope": "email"})));
    }
}
