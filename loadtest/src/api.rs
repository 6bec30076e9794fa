//! The REST side: tokens, rooms, invites, tickets.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;
use uuid::Uuid;

use crate::args::{Args, Credentials};

/// A token is renewed this long before it expires, as the web client does.
const TOKEN_RENEWED_BEFORE_SECS: u64 = 60;

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server answered, but not with success. `code` is the error body's, empty without one.
    #[error("{operation}: {status} {code}")]
    Refused {
        operation: &'static str,
        status: StatusCode,
        code: String,
    },
    #[error("{operation}: {source}")]
    Transport {
        operation: &'static str,
        source: reqwest::Error,
    },
    #[error("{operation}: the answer is not what was expected: {source}")]
    Body {
        operation: &'static str,
        source: serde_json::Error,
    },
    #[error("{0} can't be the base of a path")]
    Url(Url),
}

impl ApiError {
    /// A short name for counting; the same for the same kind of failure.
    pub fn kind(&self) -> String {
        match self {
            Self::Refused { .. } => self.to_string(),
            Self::Transport { operation, source } if source.is_timeout() => format!("{operation}: timeout"),
            Self::Transport { operation, source } if source.is_connect() => {
                format!("{operation}: no connection")
            }
            Self::Transport { operation, .. } => format!("{operation}: connection broke"),
            Self::Body { operation, .. } => format!("{operation}: unexpected answer"),
            Self::Url(_) => "bad URL".to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct LoginInfo {
    oidc: OidcInfo,
}

#[derive(Deserialize)]
struct OidcInfo {
    url: Url,
}

#[derive(Deserialize)]
struct Discovery {
    token_endpoint: Url,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Created {
    id: Uuid,
}

#[derive(Deserialize)]
struct Invite {
    invite_code: String,
}

/// What a `start` answers.
#[derive(Deserialize)]
pub struct Ticket {
    pub ticket: String,
    /// Brings the same participant back.
    pub resumption: String,
}

/// Where a participant comes from, and where it goes.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Way<'a> {
    /// Token of an earlier session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumption: Option<&'a str>,
    /// None: the main room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakout_room: Option<&'a str>,
}

#[derive(Serialize)]
struct InvitedWay<'a> {
    invite_code: &'a str,
    #[serde(flatten)]
    way: Way<'a>,
}

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    code: String,
}

struct Token {
    bearer: String,
    renew_at: Instant,
}

/// A user that owns rooms. Its token is fetched when first needed and renewed in time, by one request at a time.
struct Account {
    credentials: Credentials,
    token: Mutex<Option<Token>>,
}

/// Index of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(usize);

pub struct Api {
    http: reqwest::Client,
    base: Url,
    token_endpoint: Url,
    client_id: String,
    accounts: Vec<Account>,
}

impl Api {
    /// Asks the server for its issuer, and the issuer for its token endpoint.
    pub async fn discover(args: &Args) -> Result<Self, ApiError> {
        let http = reqwest::Client::builder()
            .timeout(args.timeout)
            .tcp_nodelay(true)
            .build()
            .map_err(|source| ApiError::Transport {
                operation: "HTTP client",
                source,
            })?;
        let login: LoginInfo = fetch(
            "GET auth/login",
            http.get(join(&args.url, &["v1", "auth", "login"])?),
        )
        .await?;
        let discovery = join(&login.oidc.url, &[".well-known", "openid-configuration"])?;
        let discovery: Discovery = fetch("GET openid-configuration", http.get(discovery)).await?;
        let account = |credentials: &Credentials| Account {
            credentials: credentials.clone(),
            token: Mutex::new(None),
        };
        Ok(Self {
            http,
            base: args.url.clone(),
            token_endpoint: discovery.token_endpoint,
            client_id: args.client_id.clone(),
            accounts: args.accounts.iter().map(account).collect(),
        })
    }

    /// The owner of the `n`th room: accounts take turns.
    pub fn owner(&self, n: usize) -> Owner {
        Owner(n % self.accounts.len())
    }

    /// Where the WebSocket is.
    pub fn signaling_url(&self) -> Result<Url, ApiError> {
        let mut url = join(&self.base, &["signaling"])?;
        url.set_scheme("ws")
            .map_err(|()| ApiError::Url(self.base.clone()))?;
        Ok(url)
    }

    pub async fn create_room(&self, owner: Owner) -> Result<Uuid, ApiError> {
        let request = self.request(Method::POST, &["rooms"])?.json(&json!({}));
        let room: Created = fetch("POST rooms", self.authorize(request, owner).await?).await?;
        Ok(room.id)
    }

    pub async fn create_invite(&self, owner: Owner, room: Uuid) -> Result<String, ApiError> {
        let request = self
            .request(Method::POST, &["rooms", &room.to_string(), "invites"])?
            .json(&json!({}));
        let invite: Invite = fetch("POST invites", self.authorize(request, owner).await?).await?;
        Ok(invite.invite_code)
    }

    pub async fn start(&self, owner: Owner, room: Uuid, way: Way<'_>) -> Result<Ticket, ApiError> {
        let request = self
            .request(Method::POST, &["rooms", &room.to_string(), "start"])?
            .json(&way);
        fetch("POST start", self.authorize(request, owner).await?).await
    }

    pub async fn start_invited(
        &self,
        room: Uuid,
        invite_code: &str,
        way: Way<'_>,
    ) -> Result<Ticket, ApiError> {
        let request = self
            .request(Method::POST, &["rooms", &room.to_string(), "start_invited"])?
            .json(&InvitedWay { invite_code, way });
        fetch("POST start_invited", request).await
    }

    pub async fn delete_room(&self, owner: Owner, room: Uuid) -> Result<(), ApiError> {
        let request = self.request(Method::DELETE, &["rooms", &room.to_string()])?;
        send("DELETE room", self.authorize(request, owner).await?).await?;
        Ok(())
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, ApiError> {
        Ok(self
            .http
            .request(method, join(&self.base, &[&["v1"], path].concat())?))
    }

    async fn authorize(&self, request: RequestBuilder, owner: Owner) -> Result<RequestBuilder, ApiError> {
        Ok(request.bearer_auth(self.bearer(&self.accounts[owner.0]).await?))
    }

    /// A valid access token of an account.
    pub async fn token(&self, owner: Owner) -> Result<String, ApiError> {
        self.bearer(&self.accounts[owner.0]).await
    }

    async fn bearer(&self, account: &Account) -> Result<String, ApiError> {
        let mut held = account.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| Instant::now() < token.renew_at) {
            return Ok(token.bearer.clone());
        }
        let form = [
            ("grant_type", "password"),
            ("client_id", &self.client_id),
            ("username", &account.credentials.username),
            ("password", &account.credentials.password),
            ("scope", "openid profile email"),
        ];
        let asked_at = Instant::now();
        let answer: TokenAnswer = fetch(
            "POST token",
            self.http.post(self.token_endpoint.clone()).form(&form),
        )
        .await?;
        let lifetime_secs = answer.expires_in.unwrap_or(2 * TOKEN_RENEWED_BEFORE_SECS);
        let token = held.insert(Token {
            bearer: answer.access_token,
            renew_at: asked_at + Duration::from_secs(lifetime_secs.saturating_sub(TOKEN_RENEWED_BEFORE_SECS)),
        });
        Ok(token.bearer.clone())
    }
}

fn join(base: &Url, path: &[&str]) -> Result<Url, ApiError> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| ApiError::Url(base.clone()))?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

async fn fetch<T: DeserializeOwned>(operation: &'static str, request: RequestBuilder) -> Result<T, ApiError> {
    let body = send(operation, request).await?;
    serde_json::from_slice(&body).map_err(|source| ApiError::Body { operation, source })
}

/// The body of a successful answer.
async fn send(operation: &'static str, request: RequestBuilder) -> Result<Vec<u8>, ApiError> {
    let transport = |source| ApiError::Transport { operation, source };
    let answer = request.send().await.map_err(transport)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(transport)?;
    if status.is_success() {
        return Ok(body.to_vec());
    }
    let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
    Err(ApiError::Refused {
        operation,
        status,
        code: problem.code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_after_the_base() {
        for (base, expected) in [
            ("http://h:1", "http://h:1/v1/rooms"),
            ("http://h:1/", "http://h:1/v1/rooms"),
            ("http://h/api", "http://h/api/v1/rooms"),
            ("http://h/api/", "http://h/api/v1/rooms"),
        ] {
            let url = join(&Url::parse(base).unwrap(), &["v1", "rooms"]).unwrap();
            assert_eq!(url.as_str(), expected);
        }
    }
}
