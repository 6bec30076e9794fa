//! Keycloak's admin API of a realm, as far as it finds people. This server logs in there as a client of the realm (OAuth 2.0,
//! client credentials: RFC 6749, section 4.4).

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{
    Client, RequestBuilder, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

use super::{Found, QUESTION_SECS_MAX, Question, person::UserRepresentation};
use crate::{
    clock::Clock,
    config::{Oidc, Outgoing},
    identity::{
        IssuerUrls, discovery,
        fetch::{self, FetchError},
    },
    outgoing::{self, Waits},
    secrets::Secret,
};

/// People that one answer has. Of other tenants may be some, who are left out afterwards.
const PEOPLE_MAX: usize = 100;

/// Largest answer that is read: ten KiB for each.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A token is not used in its last seconds: it must still be good when it arrives.
const TOKEN_MARGIN: TimeDelta = TimeDelta::seconds(10);

/// For how long a token is good that does not say it, in seconds.
const TOKEN_SECS: i64 = 60;

/// For how long a token is used at the most, in seconds.
const TOKEN_SECS_MAX: i64 = 3_600;

#[derive(Debug)]
pub(super) struct AdminApi {
    place: IssuerUrls,
    /// For discovery and token endpoint.
    issuer: Client,
    /// For the API itself, which may be elsewhere.
    directory: Client,
    users: Url,
    client_id: String,
    client_secret: Secret,
    tenant_attribute: String,
    clock: Clock,
    /// Whoever finds none, or an old one, gets a new one while the others wait.
    access: Mutex<Option<Arc<Access>>>,
}

/// Why the directory did not answer. Goes to the log only.
#[derive(Debug, Error)]
pub(super) enum AskError {
    #[error("this server can't log in at the identity provider (oidc.user_search.client_id)")]
    LogIn(#[from] FetchError),
    #[error("the request failed")]
    Unreachable(#[source] reqwest::Error),
    #[error("the answer is {0} (has the service account the role view-users?)")]
    Refused(StatusCode),
    #[error("the answer is larger than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the answer is no list of users")]
    Nonsense,
}

impl AskError {
    /// Whether the next question will fare no better: not so where this one alone was too much.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Refused(status) => {
                !status.is_client_error()
                    || [
                        StatusCode::UNAUTHORIZED,
                        StatusCode::FORBIDDEN,
                        StatusCode::TOO_MANY_REQUESTS,
                    ]
                    .contains(status)
            }
            Self::TooLarge => false,
            Self::LogIn(_) | Self::Unreachable(_) | Self::Nonsense => true,
        }
    }
}

/// What opens the API.
#[derive(Debug)]
struct Access {
    token: Secret,
    /// What the issuer calls itself in tokens of people.
    issuer: String,
    good_until: DateTime<Utc>,
}

/// A token endpoint's answer (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Grant {
    access_token: Secret,
    expires_in: Option<i64>,
}

impl AdminApi {
    /// `None` where no directory is configured.
    pub fn new(oidc: &Oidc, outgoing: &Outgoing, clock: Clock) -> Result<Option<Self>, reqwest::Error> {
        let search = &oidc.user_search;
        let (Some(authority), Some(api_url)) = (&oidc.authority, &search.api_url) else {
            return Ok(None);
        };
        let waits = Waits {
            connect: Duration::from_secs(QUESTION_SECS_MAX),
            // The whole of a question is limited.
            read: None,
        };
        let place = IssuerUrls::new(authority.clone(), oidc.service_authority.clone());
        let mut users = api_url.clone();
        let base = users.path().trim_end_matches('/').to_owned();
        users.set_path(&format!("{base}/users"));
        let attribute = [&search.tenant_attribute, &oidc.claims.tenant_id];
        let attribute = attribute.into_iter().find(|name| !name.is_empty());
        Ok(Some(Self {
            issuer: outgoing::client(outgoing, place.asked(), waits)?,
            place,
            directory: outgoing::client(outgoing, api_url, waits)?,
            users,
            client_id: search.client_id.clone(),
            client_secret: search.client_secret.clone().unwrap_or_default(),
            tenant_attribute: attribute.cloned().unwrap_or_default(),
            clock,
            access: Mutex::default(),
        }))
    }

    /// Name of the attribute with a person's tenant; empty where everybody is in the default one.
    pub fn tenant_attribute(&self) -> &str {
        &self.tenant_attribute
    }

    /// Asks; the caller limits the time.
    pub async fn ask(&self, question: &Question) -> Result<Found, AskError> {
        let access = self.access(None).await?;
        let answer = self.ask_with(&access, question).await;
        if !matches!(answer, Err(AskError::Refused(StatusCode::UNAUTHORIZED))) {
            return answer;
        }
        // The session behind the token has ended, or the realm has new keys.
        let fresh = self.access(Some(&access)).await?;
        self.ask_with(&fresh, question).await
    }

    async fn ask_with(&self, access: &Access, question: &Question) -> Result<Found, AskError> {
        let request = self
            .directory
            .get(self.url_of(question))
            .bearer_auth(access.token.reveal())
            .header(ACCEPT, "application/json");
        let body = body(request).await?;
        // The parser's own words would repeat what is known of people.
        let users: Vec<UserRepresentation> = serde_json::from_slice(&body).map_err(|_| AskError::Nonsense)?;
        let people = users.into_iter().take(PEOPLE_MAX);
        let people = people.filter_map(|user| user.person(&self.tenant_attribute));
        Ok(Found {
            issuer: access.issuer.clone(),
            people: people.filter(|person| question.is_about(person)).collect(),
        })
    }

    fn url_of(&self, question: &Question) -> Url {
        let mut url = self.users.clone();
        let mut query = url.query_pairs_mut();
        match question {
            Question::Words(words) => query.append_pair("search", &format!("*{words}*")),
            Question::Address(email) => query.append_pair("email", email).append_pair("exact", "true"),
        };
        query
            .append_pair("enabled", "true")
            .append_pair("first", "0")
            .append_pair("max", &PEOPLE_MAX.to_string())
            // A brief one has no attributes.
            .append_pair("briefRepresentation", "false");
        drop(query);
        url
    }

    /// A token that is good; a new one when `refused` is all there is.
    async fn access(&self, refused: Option<&Arc<Access>>) -> Result<Arc<Access>, FetchError> {
        let mut kept = self.access.lock().await;
        let is_refused = |access: &Arc<Access>| refused.is_some_and(|refused| Arc::ptr_eq(refused, access));
        if let Some(access) = &*kept
            && self.clock.now() < access.good_until
            && !is_refused(access)
        {
            return Ok(Arc::clone(access));
        }
        *kept = None;
        let access = Arc::new(self.log_in().await?);
        *kept = Some(Arc::clone(&access));
        Ok(access)
    }

    async fn log_in(&self) -> Result<Access, FetchError> {
        let metadata = discovery::discover(&self.issuer, &self.place).await?;
        let endpoint = metadata
            .token_endpoint
            .ok_or(FetchError::Unfit("the issuer names no token endpoint"))?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.reveal())
            .finish();
        let request = self
            .issuer
            .post(endpoint)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(form);
        let now = self.clock.now();
        let answer = fetch::body(request).await?;
        // What stands there is a secret, also where it is not what it should be.
        let grant: Grant = serde_json::from_slice(&answer)
            .map_err(|_| FetchError::Unfit("the token endpoint answers nonsense"))?;
        Ok(Access {
            token: grant.access_token,
            issuer: metadata.issuer,
            good_until: now + lifetime(grant.expires_in),
        })
    }
}

/// For how long a token is used. One that ends within the margin serves the question at hand.
fn lifetime(expires_in: Option<i64>) -> TimeDelta {
    let secs = expires_in.unwrap_or(TOKEN_SECS).clamp(0, TOKEN_SECS_MAX);
    (TimeDelta::seconds(secs) - TOKEN_MARGIN).max(TimeDelta::zero())
}

/// The body of a successful answer of the API. Errors are told without the URL: names and addresses stand in it.
async fn body(request: RequestBuilder) -> Result<Vec<u8>, AskError> {
    let unreachable = |error: reqwest::Error| AskError::Unreachable(error.without_url());
    let mut response = request.send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(AskError::Refused(response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(AskError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::install_crypto;

    fn api(change: impl FnOnce(&mut Oidc)) -> AdminApi {
        install_crypto();
        let mut oidc = Oidc {
            authority: Url::parse("https://id.example.org/realms/a").ok(),
            ..Oidc::default()
        };
        oidc.user_search.api_url = Url::parse("https://id.example.org/admin/realms/a/").ok();
        change(&mut oidc);
        let api = AdminApi::new(&oidc, &Outgoing::default(), Clock::system());
        api.unwrap().unwrap()
    }

    #[test]
    fn questions_are_put_as_the_admin_api_understands_them() {
        let api = api(|_| {});
        let rest = "&enabled=true&first=0&max=100&briefRepresentation=false";
        for (question, expected) in [
            (
                Question::Words("ada l&x=ü".to_owned()),
                "search=*ada+l%26x%3D%C3%BC*",
            ),
            (
                Question::Address("ada+x@example.org".to_owned()),
                "email=ada%2Bx%40example.org&exact=true",
            ),
        ] {
            assert_eq!(
                api.url_of(&question).as_str(),
                format!("https://id.example.org/admin/realms/a/users?{expected}{rest}")
            );
        }
    }

    #[test]
    fn what_one_question_brings_about_does_not_stop_others() {
        for (error, expected) in [
            (AskError::Refused(StatusCode::BAD_REQUEST), false),
            (AskError::Refused(StatusCode::NOT_FOUND), false),
            (AskError::Refused(StatusCode::UNAUTHORIZED), true),
            (AskError::Refused(StatusCode::FORBIDDEN), true),
            (AskError::Refused(StatusCode::TOO_MANY_REQUESTS), true),
            (AskError::Refused(StatusCode::FOUND), true),
            (AskError::Refused(StatusCode::BAD_GATEWAY), true),
            (AskError::TooLarge, false),
            (AskError::Nonsense, true),
            (AskError::LogIn(FetchError::Unfit("x")), true),
        ] {
            assert_eq!(error.is_lasting(), expected, "{error}");
        }
    }

    #[test]
    fn the_attribute_is_named_as_the_claim_unless_it_is_named() {
        assert_eq!(api(|_| {}).tenant_attribute(), "tenant_id");
        let named = api(|oidc| oidc.user_search.tenant_attribute = "company".to_owned());
        assert_eq!(named.tenant_attribute(), "company");
        let off = api(|oidc| oidc.claims.tenant_id = String::new());
        assert_eq!(off.tenant_attribute(), "");
    }

    #[test]
    fn tokens_are_used_while_they_are_good() {
        for (expires_in, expected) in [
            (Some(300), 290),
            (None, 50),
            (Some(10), 0),
            (Some(-1), 0),
            (Some(i64::MAX), 3_590),
        ] {
            assert_eq!(
                lifetime(expires_in),
                TimeDelta::seconds(expected),
                "{expires_in:?}"
            );
        }
    }
}
