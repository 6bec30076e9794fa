//! An authorization request, checked before anybody is asked for a password.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{DevIssuer, limits::ECHO_BYTES_MAX};

/// Parameters as they came, of the query or of the login form.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Parameters {
    pub client_id: Option<String>,
    pub redirect_uri: Option<String>,
    pub response_type: Option<String>,
    pub response_mode: Option<String>,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
    pub scope: Option<String>,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub prompt: Option<String>,
    pub login_hint: Option<String>,
    pub request: Option<String>,
    pub request_uri: Option<String>,
}

/// A request that a login may answer.
#[derive(Debug)]
pub(super) struct AuthorizationRequest {
    pub redirect: Redirect,
    /// Exactly as sent: the token request must repeat it.
    pub redirect_uri: String,
    pub challenge: String,
    pub nonce: Option<String>,
    pub scope: String,
}

/// Where the browser goes next, whatever the outcome.
#[derive(Debug)]
pub(super) struct Redirect {
    pub to: Url,
    state: Option<String>,
}

#[derive(Debug)]
pub(super) enum AuthorizeRefusal {
    /// The client can't be trusted with an answer: the user is told.
    Page(&'static str),
    /// The client is told (RFC 6749, section 4.1.2.1).
    Redirect {
        redirect: Box<Redirect>,
        error: &'static str,
        description: &'static str,
    },
}

impl Redirect {
    /// The redirect URI with `answers` added, and with the issuer's name (RFC 9207).
    pub fn with(&self, issuer: &str, answers: &[(&str, &str)]) -> Url {
        let mut url = self.to.clone();
        let mut query = url.query_pairs_mut();
        query.extend_pairs(answers);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", issuer);
        drop(query);
        url
    }
}

impl DevIssuer {
    pub(super) fn check_request(
        &self,
        parameters: &Parameters,
    ) -> Result<AuthorizationRequest, AuthorizeRefusal> {
        if parameters.client_id.as_deref() != Some(self.client_id.as_str()) {
            return Err(AuthorizeRefusal::Page(
                "The application is unknown here (client_id).",
            ));
        }
        let redirect_uri = parameters.redirect_uri.as_deref().unwrap_or_default();
        let to = self
            .redirects
            .after_login(redirect_uri)
            .ok_or(AuthorizeRefusal::Page(
                "The application may not be answered at this address (redirect_uri).",
            ))?;
        let redirect = Redirect {
            to,
            state: parameters
                .state
                .clone()
                .filter(|state| state.len() <= ECHO_BYTES_MAX),
        };
        match check_rest(parameters) {
            Ok((challenge, scope)) => Ok(AuthorizationRequest {
                redirect,
                redirect_uri: redirect_uri.to_owned(),
                challenge: challenge.to_owned(),
                nonce: parameters.nonce.clone(),
                scope,
            }),
            Err((error, description)) => Err(AuthorizeRefusal::Redirect {
                redirect: Box::new(redirect),
                error,
                description,
            }),
        }
    }
}

/// Everything whose refusal the client may hear of: the PKCE challenge and the scope, or an error and its description.
fn check_rest(parameters: &Parameters) -> Result<(&str, String), (&'static str, &'static str)> {
    let invalid = |text| Err(("invalid_request", text));
    let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > ECHO_BYTES_MAX);
    if parameters.request.is_some() || parameters.request_uri.is_some() {
        return Err(("request_not_supported", "request objects are not supported"));
    }
    match parameters.response_type.as_deref() {
        Some("code") => {}
        None => return invalid("response_type is missing"),
        Some(_) => return Err(("unsupported_response_type", "response_type must be code")),
    }
    if !matches!(parameters.response_mode.as_deref(), None | Some("query")) {
        return invalid("response_mode must be query");
    }
    if long(&parameters.state) || long(&parameters.nonce) {
        return invalid("state or nonce is too long");
    }
    if parameters.code_challenge_method.as_deref() != Some("S256") {
        return invalid("code_challenge_method must be S256");
    }
    let challenge = parameters.code_challenge.as_deref().unwrap_or_default();
    if !is_challenge(challenge) {
        return invalid("code_challenge must be the base64url of a SHA-256");
    }
    if parameters.prompt.as_deref() == Some("none") {
        return Err(("login_required", "nobody stays logged in here"));
    }
    let scope = scope(parameters.scope.as_deref());
    let scope = scope.ok_or(("invalid_scope", "known scopes are openid, profile and email"))?;
    Ok((challenge, scope))
}

/// 43 characters of base64url (RFC 7636, section 4.2).
fn is_challenge(text: &str) -> bool {
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == 43 && text.bytes().all(of_alphabet)
}

/// The scopes that are granted: the known ones of those that were asked for, all when none was named. `None` when nothing
/// known was asked for.
pub(super) fn scope(asked: Option<&str>) -> Option<String> {
    const KNOWN: [&str; 3] = ["openid", "profile", "email"];
    let asked = asked.unwrap_or_default();
    if asked.trim().is_empty() {
        return Some(KNOWN.join(" "));
    }
    let granted = KNOWN.map(|known| asked.split(' ').any(|scope| scope == known).then_some(known));
    let granted: Vec<_> = granted.into_iter().flatten().collect();
    (!granted.is_empty()).then(|| granted.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_scopes_are_granted() {
        assert_eq!(scope(None).as_deref(), Some("openid profile email"));
        assert_eq!(
            scope(Some("email offline_access openid")).as_deref(),
            Some("openid email")
        );
        assert_eq!(scope(Some("other")), None);
    }

    #[test]
    fn an_answer_keeps_the_query_of_the_redirect_uri() {
        let redirect = Redirect {
            to: Url::parse("http://localhost:3000/cb?tab=1").expect("URL"),
            state: Some("a b&c".to_owned()),
        };
        let answer = redirect.with("http://issuer", &[("code", "x")]);
        assert_eq!(
            answer.as_str(),
            "http://localhost:3000/cb?tab=1&code=x&state=a+b%26c&iss=http%3A%2F%2Fissuer"
        );
    }
}
