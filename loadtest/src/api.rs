//! The REST side: tokens, rooms, invites, tickets.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;
use uuid::Uuid;

use crate::{
    args::{Args, Credentials},
    forwarded::{self, ForwardedFor},
};

/// A token is renewed this long before it expires, as the web client does.
const TOKEN_RENEWED_BEFORE_SECS: u64 = 60;

/// The server takes this header's value over from whom it believes the address of a client, too.
const REQUEST_ID: &str = "x-request-id";

/// How long a refused request waits before it is tried again, and how often.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const BRAKES_MAX: usize = 120;

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
    #[error(
        "the server does not believe what this machine says about its clients' addresses: name it in \
         http.trusted_proxies (which needs oidc.authority: see `colloquy dev-issuer`), or use --forwarded-for none"
    )]
    Untrusted,
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
            Self::Untrusted => "not a trusted proxy".to_owned(),
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
struct Event {
    id: Uuid,
    room: Created,
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

/// A room, and the event that it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub room: Uuid,
    event: Option<Uuid>,
}

/// Index of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(usize);

pub struct Api {
    forwarded_for: ForwardedFor,
    http: reqwest::Client,
    base: Url,
    token_endpoint: Url,
    client_id: String,
    accounts: Vec<Account>,
}

impl Api {
    /// Asks the server for its issuer, unless the command line names one, and the issuer for its token endpoint.
    pub async fn discover(args: &Args) -> Result<Self, ApiError> {
        let http = reqwest::Client::builder()
            .timeout(args.timeout)
            .tcp_nodelay(true)
            .build()
            .map_err(|source| ApiError::Transport {
                operation: "HTTP client",
                source,
            })?;
        let login = http.get(join(&args.url, &["v1", "auth", "login"])?);
        let issuer = issuer(login, args.forwarded_for()).await?;
        let issuer = args.issuer.as_ref().unwrap_or(&issuer);
        let discovery = join(issuer, &[".well-known", "openid-configuration"])?;
        let discovery: Discovery = fetch("GET openid-configuration", http.get(discovery)).await?;
        let account = |credentials: &Credentials| Account {
            credentials: credentials.clone(),
            token: Mutex::new(None),
        };
        Ok(Self {
            forwarded_for: args.forwarded_for(),
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

    /// An account so many places behind another one.
    pub fn after(&self, owner: Owner, places: u32) -> Owner {
        self.owner(owner.0 + places as usize)
    }

    /// Where the WebSocket is.
    pub fn signaling_url(&self) -> Result<Url, ApiError> {
        let mut url = join(&self.base, &["signaling"])?;
        url.set_scheme("ws")
            .map_err(|()| ApiError::Url(self.base.clone()))?;
        Ok(url)
    }

    pub async fn create_room(&self, owner: Owner) -> Result<Place, ApiError> {
        let request = self
            .request(Method::POST, &["rooms"], self.address(owner))?
            .json(&json!({}));
        let request = self.authorize(request, owner).await?;
        let room: Created = parse("POST rooms", &patiently("POST rooms", request).await?)?;
        Ok(Place {
            room: room.id,
            event: None,
        })
    }

    /// The room of an event, to which the accounts behind the owner's are invited, as many as are needed for so many participants.
    pub async fn create_room_for_users(&self, owner: Owner, participants: u32) -> Result<Place, ApiError> {
        let request = self
            .request(Method::POST, &["events"], self.address(owner))?
            .json(&json!({"title": "Load test", "description": "", "is_time_independent": true}));
        let request = self.authorize(request, owner).await?;
        let event: Event = parse("POST events", &patiently("POST events", request).await?)?;
        for place in 1..participants {
            let user = self.after(owner, place);
            let request = self.request(Method::GET, &["users", "me"], self.address(user))?;
            let request = self.authorize(request, user).await?;
            let me: Created = parse("GET me", &patiently("GET me", request).await?)?;
            let path = ["events", &event.id.to_string(), "invites"];
            let request = self
                .request(Method::POST, &path, self.address(owner))?
                .json(&json!({"invitee": me.id}));
            patiently("POST event invites", self.authorize(request, owner).await?).await?;
        }
        Ok(Place {
            room: event.room.id,
            event: Some(event.id),
        })
    }

    pub async fn create_invite(&self, owner: Owner, room: Uuid) -> Result<String, ApiError> {
        let request = self
            .request(
                Method::POST,
                &["rooms", &room.to_string(), "invites"],
                self.address(owner),
            )?
            .json(&json!({}));
        let request = self.authorize(request, owner).await?;
        let invite: Invite = parse("POST invites", &patiently("POST invites", request).await?)?;
        Ok(invite.invite_code)
    }

    pub async fn start(
        &self,
        owner: Owner,
        room: Uuid,
        way: Way<'_>,
        from: Option<IpAddr>,
    ) -> Result<Ticket, ApiError> {
        let request = self
            .request(Method::POST, &["rooms", &room.to_string(), "start"], from)?
            .json(&way);
        fetch("POST start", self.authorize(request, owner).await?).await
    }

    pub async fn start_invited(
        &self,
        room: Uuid,
        invite_code: &str,
        way: Way<'_>,
        from: Option<IpAddr>,
    ) -> Result<Ticket, ApiError> {
        let request = self
            .request(Method::POST, &["rooms", &room.to_string(), "start_invited"], from)?
            .json(&InvitedWay { invite_code, way });
        fetch("POST start_invited", request).await
    }

    /// A room goes with its event.
    pub async fn delete(&self, owner: Owner, place: Place) -> Result<(), ApiError> {
        let (what, id) = match place.event {
            Some(event) => ("events", event),
            None => ("rooms", place.room),
        };
        let request = self.request(Method::DELETE, &[what, &id.to_string()], self.address(owner))?;
        patiently("DELETE room", self.authorize(request, owner).await?).await?;
        Ok(())
    }

    /// Where an account seems to be when it does not take part in a meeting.
    fn address(&self, owner: Owner) -> Option<IpAddr> {
        self.forwarded_for.address(owner.0 as u64)
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        from: Option<IpAddr>,
    ) -> Result<RequestBuilder, ApiError> {
        let url = join(&self.base, &[&["v1"], path].concat())?;
        Ok(seem_from(self.http.request(method, url), from))
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

/// Adds the header of a proxy.
pub fn seem_from(request: RequestBuilder, from: Option<IpAddr>) -> RequestBuilder {
    match from {
        Some(from) => request.header(forwarded::HEADER, from.to_string()),
        None => request,
    }
}

/// The issuer that the server names. On the way, whether the server believes our addresses, where there are any: without that
/// nothing would be counted as meant.
async fn issuer(login: RequestBuilder, forwarded_for: ForwardedFor) -> Result<Url, ApiError> {
    const OPERATION: &str = "GET auth/login";
    let from = forwarded_for.address(0);
    let id = Uuid::new_v4().to_string();
    let request = seem_from(login, from).header(REQUEST_ID, &id);
    let answer = answer(OPERATION, request).await?;
    if from.is_some() && answer.request_id.as_deref() != Some(id.as_str()) {
        return Err(ApiError::Untrusted);
    }
    let login: LoginInfo = parse(OPERATION, &answer.body)?;
    Ok(login.oidc.url)
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
    parse(operation, &send(operation, request).await?)
}

fn parse<T: DeserializeOwned>(operation: &'static str, body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|source| ApiError::Body { operation, source })
}

/// A successful answer.
struct Answer {
    request_id: Option<String>,
    body: Vec<u8>,
}

/// The body of a successful answer.
async fn send(operation: &'static str, request: RequestBuilder) -> Result<Vec<u8>, ApiError> {
    Ok(answer(operation, request).await?.body)
}

/// [`send`] for what prepares a run or clears up after it, and is not measured: where the server limits it, it waits.
async fn patiently(operation: &'static str, request: RequestBuilder) -> Result<Vec<u8>, ApiError> {
    for _ in 0..BRAKES_MAX {
        let Some(again) = request.try_clone() else { break };
        match send(operation, again).await {
            Err(ApiError::Refused {
                status: StatusCode::TOO_MANY_REQUESTS,
                ..
            }) => tokio::time::sleep(RETRY_PAUSE).await,
            other => return other,
        }
    }
    send(operation, request).await
}

async fn answer(operation: &'static str, request: RequestBuilder) -> Result<Answer, ApiError> {
    let transport = |source| ApiError::Transport { operation, source };
    let answer = request.send().await.map_err(transport)?;
    let status = answer.status();
    let request_id = answer.headers().get(REQUEST_ID);
    let request_id = request_id.and_then(|id| Some(id.to_str().ok()?.to_owned()));
    let body = answer.bytes().await.map_err(transport)?;
    if status.is_success() {
        return Ok(Answer {
            request_id,
            body: body.to_vec(),
        });
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
