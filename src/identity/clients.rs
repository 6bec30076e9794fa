//! For which client a token was made, and whether tokens of that client count here.

use serde_json::Value;

use super::{TokenError, error::TokenRefusal, jwt::Claims};
use crate::config::{ANY_AUDIENCE, CLIENT_CHARS_MAX, Oidc};

/// Claims that name a token's client, in the order in which they count: OpenID Connect Core 1.0 (and Keycloak), RFC 9068, Okta,
/// Entra ID.
const CLIENT_CLAIMS: [&str; 4] = ["azp", "client_id", "cid", "appid"];

/// Whose tokens count.
#[derive(Debug, Clone)]
pub struct Clients {
    /// That of the web frontend; tokens that name nobody count for it.
    own: String,
    /// Further ones whose tokens speak for people.
    others: Vec<String>,
    audience: Audience,
    /// Those whose tokens speak for services; any when empty.
    services: Vec<String>,
    /// Realm roles whose bearers are services.
    service_roles: [String; 2],
}

/// What the access tokens of people are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// The clients: a token must be made for one of them.
    OfClients,
    /// Tokens must name this audience, whatever their client is.
    Named(String),
    /// Nothing: every client of the issuer counts.
    Any,
}

impl Audience {
    fn of(setting: Option<&str>) -> Self {
        match setting {
            None => Self::OfClients,
            Some(ANY_AUDIENCE) => Self::Any,
            Some(audience) => Self::Named(audience.to_owned()),
        }
    }
}

impl Clients {
    /// As configured.
    #[must_use]
    pub fn of_config(oidc: &Oidc) -> Self {
        Self {
            own: oidc.client_id.clone(),
            others: oidc.clients.clone(),
            audience: Audience::of(oidc.audience.as_deref()),
            services: oidc.service_clients.clone(),
            service_roles: [oidc.call_in_role.clone(), oidc.recorder_role.clone()],
        }
    }

    /// The same of an issuer that has its own audience.
    #[must_use]
    pub fn with_audience(self, audience: &str) -> Self {
        Self {
            audience: Audience::Named(audience.to_owned()),
            ..self
        }
    }

    /// The realm roles in a token that make its bearer a service; other roles mean nothing here, and there may be many.
    pub(super) fn service_roles(&self, claims: &Claims) -> Vec<String> {
        let roles = claims.get("realm_access").and_then(|access| access.get("roles"));
        let roles = roles
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let is_told = |role: &&String| roles.iter().any(|told| told.as_str() == Some(role.as_str()));
        self.service_roles.iter().filter(is_told).cloned().collect()
    }

    /// The client of an access token: whom it names, else the first of ours that it is for, else the frontend.
    pub(super) fn of_access_token(&self, claims: &Claims) -> Result<String, TokenError> {
        Ok(named(claims)?
            .or_else(|| self.first_in_audience(claims))
            .unwrap_or(&self.own)
            .to_owned())
    }

    /// The client of an ID token: whom it names, else the first of ours that it is for, else whom it is for first.
    pub(super) fn of_id_token(&self, claims: &Claims) -> Result<String, TokenError> {
        let first = match claims.get("aud") {
            Some(Value::Array(several)) => several.first().and_then(Value::as_str),
            one => one.and_then(Value::as_str),
        };
        named(claims)?
            .or_else(|| self.first_in_audience(claims))
            .or(first)
            .filter(|client| is_name(client))
            .map(str::to_owned)
            .ok_or(TokenError::Invalid("the audience is another one"))
    }

    /// Whether an access token of this client speaks for a person.
    pub(super) fn admit_person(
        &self,
        claims: &Claims,
        client: &str,
        roles: &[String],
    ) -> Result<(), TokenRefusal> {
        if !roles.is_empty() {
            return Err(TokenRefusal::Service);
        }
        match &self.audience {
            Audience::Any => Ok(()),
            Audience::Named(audience) if names_audience(claims, audience) => Ok(()),
            Audience::Named(_) => Err(TokenRefusal::Audience),
            // A token that names nobody and is for none of ours counts for the frontend only where an audience speaks for it.
            Audience::OfClients if self.has(client) && self.is_told(claims) => Ok(()),
            Audience::OfClients => Err(TokenRefusal::Client),
        }
    }

    /// Whether an ID token of this client logs a person in: it must be for one of our clients, and made for one.
    pub(super) fn admit_login(
        &self,
        claims: &Claims,
        client: &str,
        roles: &[String],
    ) -> Result<(), TokenRefusal> {
        if !roles.is_empty() {
            return Err(TokenRefusal::Service);
        }
        let is_ours = self.has(client) && self.first_in_audience(claims).is_some();
        if is_ours || self.audience == Audience::Any {
            Ok(())
        } else {
            Err(TokenRefusal::Client)
        }
    }

    /// Whether a service may come with a token of this client.
    pub(super) fn admit_service(&self, client: &str) -> Result<(), TokenRefusal> {
        if self.services.is_empty() || self.services.iter().any(|allowed| allowed == client) {
            Ok(())
        } else {
            Err(TokenRefusal::ServiceClient)
        }
    }

    fn has(&self, client: &str) -> bool {
        self.all().any(|ours| ours == client)
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.own).chain(&self.others).map(String::as_str)
    }

    fn first_in_audience(&self, claims: &Claims) -> Option<&str> {
        self.all().find(|client| names_audience(claims, client))
    }

    /// Whether the token itself says for which client it is.
    fn is_told(&self, claims: &Claims) -> bool {
        CLIENT_CLAIMS.iter().any(|name| claims.contains_key(*name))
            || self.first_in_audience(claims).is_some()
    }
}

/// The client that a token names. One that is named in a way that nobody understands must not count as not named.
fn named(claims: &Claims) -> Result<Option<&str>, TokenError> {
    let Some(value) = CLIENT_CLAIMS.iter().find_map(|name| claims.get(*name)) else {
        return Ok(None);
    };
    match value.as_str().filter(|client| is_name(client)) {
        Some(client) => Ok(Some(client)),
        None => Err(TokenError::Invalid(
            "the token does not name its client by a text",
        )),
    }
}

fn is_name(client: &str) -> bool {
    (1..=CLIENT_CHARS_MAX).contains(&client.chars().count()) && !client.contains(char::is_control)
}

fn names_audience(claims: &Claims, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn clients(audience: Option<&str>) -> Clients {
        Clients::of_config(&Oidc {
            clients: vec!["app".to_owned(), "add-in".to_owned()],
            audience: audience.map(str::to_owned),
            service_clients: vec!["gateway".to_owned()],
            ..Oidc::default()
        })
    }

    /// The client of an access token with these claims, if it speaks for a person.
    fn person(audience: Option<&str>, claims: Value) -> Result<String, TokenError> {
        let (clients, claims) = (clients(audience), object(claims));
        let client = clients.of_access_token(&claims)?;
        let admitted = clients.admit_person(&claims, &client, &[]);
        admitted.map(|()| client).map_err(TokenError::Refused)
    }

    fn login(audience: Option<&str>, claims: Value) -> Result<String, TokenError> {
        let (clients, claims) = (clients(audience), object(claims));
        let client = clients.of_id_token(&claims)?;
        let admitted = clients.admit_login(&claims, &client, &[]);
        admitted.map(|()| client).map_err(TokenError::Refused)
    }

    fn object(claims: Value) -> Claims {
        match claims {
            Value::Object(claims) => claims,
            other => panic!("{other}"),
        }
    }

    fn refused(refusal: TokenRefusal) -> Result<String, TokenError> {
        Err(TokenError::Refused(refusal))
    }

    #[test]
    fn without_an_audience_the_client_counts() {
        for (claims, expected) in [
            (json!({"azp": "Frontend", "aud": "account"}), Ok("Frontend")),
            (json!({"azp": "app"}), Ok("app")),
            (json!({"client_id": "add-in"}), Ok("add-in")),
            (json!({"cid": "app"}), Ok("app")),
            (json!({"appid": "app"}), Ok("app")),
            // The first that is there counts, whatever the others say.
            (
                json!({"azp": "grafana", "client_id": "Frontend", "aud": "Frontend"}),
                Err(TokenRefusal::Client),
            ),
            (
                json!({"client_id": "grafana", "appid": "Frontend"}),
                Err(TokenRefusal::Client),
            ),
            (json!({"azp": "frontend"}), Err(TokenRefusal::Client)),
            (json!({"aud": "app"}), Ok("app")),
            (json!({"aud": ["x", "add-in", "Frontend"]}), Ok("Frontend")),
            (json!({"aud": ["account"]}), Err(TokenRefusal::Client)),
            (json!({}), Err(TokenRefusal::Client)),
            (json!({"aud": "*"}), Err(TokenRefusal::Client)),
        ] {
            let expected = expected.map(str::to_owned).map_err(TokenError::Refused);
            assert_eq!(person(None, claims.clone()), expected, "{claims}");
        }
    }

    #[test]
    fn an_audience_speaks_for_every_client_and_nothing_else_does() {
        let api = Some("api");
        for (claims, client) in [
            (json!({"aud": "api"}), "Frontend"),
            (json!({"aud": ["api", "add-in"]}), "add-in"),
            (json!({"aud": ["api"], "azp": "grafana"}), "grafana"),
        ] {
            assert_eq!(person(api, claims.clone()), Ok(client.to_owned()), "{claims}");
        }
        for claims in [
            json!({"aud": "Frontend", "azp": "Frontend"}),
            json!({"azp": "Frontend"}),
            json!({"aud": {"api": true}}),
            json!({"aud": "API"}),
        ] {
            assert_eq!(
                person(api, claims.clone()),
                refused(TokenRefusal::Audience),
                "{claims}"
            );
        }
    }

    #[test]
    fn a_star_switches_the_check_off() {
        let any = Some("*");
        assert_eq!(person(any, json!({"azp": "grafana"})), Ok("grafana".to_owned()));
        assert_eq!(person(any, json!({})), Ok("Frontend".to_owned()));
        assert_eq!(login(any, json!({"aud": "grafana"})), Ok("grafana".to_owned()));
        assert!(login(any, json!({})).is_err());
    }

    #[test]
    fn logins_are_for_the_same_clients_whatever_the_audience_is() {
        for audience in [None, Some("api")] {
            for (claims, expected) in [
                (json!({"aud": "Frontend"}), Ok("Frontend")),
                (json!({"aud": "app", "azp": "app"}), Ok("app")),
                (
                    json!({"aud": ["other", "app"], "azp": "Frontend"}),
                    Ok("Frontend"),
                ),
                (json!({"aud": "grafana"}), Err(TokenRefusal::Client)),
                (
                    json!({"aud": "Frontend", "azp": "grafana"}),
                    Err(TokenRefusal::Client),
                ),
                (
                    json!({"aud": "grafana", "azp": "Frontend"}),
                    Err(TokenRefusal::Client),
                ),
                (json!({"aud": "api"}), Err(TokenRefusal::Client)),
            ] {
                let expected = expected.map(str::to_owned).map_err(TokenError::Refused);
                assert_eq!(login(audience, claims.clone()), expected, "{claims}");
            }
        }
    }

    #[test]
    fn a_client_that_is_no_text_is_not_taken_for_none() {
        for odd in [
            json!(1),
            json!(["Frontend"]),
            json!(null),
            json!(""),
            json!("a\nb"),
        ] {
            for audience in [None, Some("api"), Some("*")] {
                let claims = json!({"azp": odd, "aud": ["api", "Frontend"]});
                assert!(
                    matches!(person(audience, claims.clone()), Err(TokenError::Invalid(_))),
                    "{claims}"
                );
                assert!(login(audience, claims).is_err());
            }
        }
    }

    #[test]
    fn services_are_told_by_their_role_alone() {
        let mut many: Vec<_> = (0..3_000).map(|n| format!("role-{n}")).collect();
        many.push("opentalk-recorder".to_owned());
        for audience in [None, Some("api"), Some("*")] {
            let clients = clients(audience);
            for (roles, expected) in [
                (
                    json!(["offline_access", "opentalk-call-in"]),
                    Err(TokenRefusal::Service),
                ),
                (json!(many), Err(TokenRefusal::Service)),
                (json!(["opentalk", "OPENTALK-RECORDER"]), Ok(())),
                (json!("opentalk-call-in"), Ok(())),
                (json!(null), Ok(())),
            ] {
                let claims = object(json!({
                    "azp": "Frontend", "aud": ["api", "Frontend"], "realm_access": {"roles": roles},
                }));
                let roles = clients.service_roles(&claims);
                let admitted = clients.admit_person(&claims, "Frontend", &roles);
                assert_eq!(admitted, expected, "{roles:?}");
                assert_eq!(clients.admit_login(&claims, "Frontend", &roles), expected);
            }
            assert_eq!(clients.admit_service("gateway"), Ok(()));
            assert_eq!(
                clients.admit_service("Frontend"),
                Err(TokenRefusal::ServiceClient)
            );
        }
        assert_eq!(Clients::of_config(&Oidc::default()).admit_service("any"), Ok(()));
    }
}
