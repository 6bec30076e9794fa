//! The development issuer on a real port, and a browser that talks to it.

use std::{
    net::Ipv4Addr,
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{Extension, Router};
use colloquy::{
    client_address::ClientAddress,
    config::{self, Oidc, Outgoing},
    identity::{DevIssuer, Verifier, VerifierSettings},
};
use reqwest::{Client, Response, StatusCode, redirect::Policy};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, task::AbortHandle};
use url::{Url, form_urlencoded};

use super::{clock::TestClock, forge::encode};

pub const CALLBACK: &str = "http://localhost:3000/auth/callback";
pub const LISTED: &str = "https://app.example/callback";
/// PKCE verifier of all logins: the same challenge may come again.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A browser, and the scripts of its pages, at an issuer.
pub struct Browser {
    /// Where the issuer is reached.
    base: Url,
    pub http: Client,
}

/// The issuer, its folder and its clients. Server and folder go with it.
pub struct DevWorld {
    pub clock: TestClock,
    /// The issuer's name.
    pub url: Url,
    browser: Browser,
    /// None while it restarts.
    issuer: Option<Arc<DevIssuer>>,
    folder: Folder,
    server: AbortHandle,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Drop for DevWorld {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl DevWorld {
    pub async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("colloquy-dev-issuer-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let url = Url::parse(&format!("http://{address}/dev/oidc")).expect("URL");
        let clock = TestClock::new();
        let issuer = open(&url, &folder, &clock).await;
        Self {
            server: serve(listener, &issuer),
            browser: Browser::new(url.clone()),
            folder: Folder(folder),
            clock,
            url,
            issuer: Some(issuer),
        }
    }

    /// Stops the issuer and opens it again from its folder, under the same name. Tokens keep naming the first port,
    /// requests go to the new one.
    pub async fn restart(&mut self) {
        self.server.abort();
        self.issuer = None;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let issuer = open(&self.url, self.folder(), &self.clock).await;
        self.server = serve(listener, &issuer);
        self.issuer = Some(issuer);
        self.browser.base.set_port(Some(port)).expect("a port");
    }

    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// A verifier in the same process.
    pub fn verifier(&self) -> Verifier {
        let issuer = self.issuer.clone().expect("an issuer");
        let settings = VerifierSettings::local(&Oidc::default(), issuer);
        Verifier::new(settings, &Outgoing::default(), self.clock.clock()).expect("a client")
    }
}

impl Deref for DevWorld {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

impl Browser {
    /// Nobody has logged in here yet.
    pub fn new(base: Url) -> Self {
        let http = Client::builder()
            .redirect(Policy::none())
            // The issuer lives as long as its last connection, and its folder has one issuer.
            .pool_max_idle_per_host(0)
            .build();
        Self {
            base,
            http: http.expect("a client"),
        }
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    pub async fn get(&self, url: &str) -> Response {
        self.http.get(url).send().await.expect("an answer")
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .http
            .post(self.at(path))
            .header("content-type", "application/x-www-form-urlencoded");
        request.body(body).send().await.expect("an answer")
    }

    /// The login page for a request with `changes` to a good one; an empty value takes a parameter away.
    pub async fn open_login(&self, changes: &[(&str, &str)]) -> Response {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(authorization_request(changes))
            .finish();
        self.get(&format!("{}?{query}", self.at("authorize"))).await
    }

    /// Fills in the login page's form, hidden fields as the page has them.
    pub async fn log_in(&self, changes: &[(&str, &str)], username: &str, password: &str) -> Response {
        let page = self.open_login(changes).await;
        assert_eq!(page.status(), StatusCode::OK, "the login page");
        let html = page.text().await.expect("HTML");
        let mut fields = hidden_fields(&html);
        fields.push(("username".to_owned(), username.to_owned()));
        fields.push(("password".to_owned(), password.to_owned()));
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.post("authorize", &fields).await
    }

    /// A code for alice.
    pub async fn code(&self, changes: &[(&str, &str)]) -> String {
        answer(&self.log_in(changes, "alice", "alice").await, "code").expect("a code")
    }

    pub async fn exchange(&self, changes: &[(&str, &str)]) -> (StatusCode, Value) {
        let good = [
            ("grant_type", "authorization_code"),
            ("client_id", "Frontend"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        json(self.post("token", &changed(&good, changes)).await).await
    }

    pub async fn refresh(&self, refresh_token: &str) -> (StatusCode, Value) {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "Frontend"),
            ("refresh_token", refresh_token),
        ];
        json(self.post("token", &form).await).await
    }

    /// Tokens of the password grant.
    pub async fn tokens(&self, username: &str) -> Value {
        let (status, tokens) = self.password(username, username).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    }

    pub async fn password(&self, username: &str, password: &str) -> (StatusCode, Value) {
        let form = [
            ("grant_type", "password"),
            ("client_id", "Frontend"),
            ("username", username),
            ("password", password),
        ];
        json(self.post("token", &form).await).await
    }

    pub async fn userinfo(&self, access_token: &str) -> (StatusCode, Value) {
        let request = self.http.get(self.at("userinfo")).bearer_auth(access_token);
        json(request.send().await.expect("an answer")).await
    }
}

async fn open(url: &Url, folder: &Path, clock: &TestClock) -> Arc<DevIssuer> {
    let settings = config::DevIssuerSettings {
        redirect_uris: vec![Url::parse(LISTED).expect("URL")],
        ..config::DevIssuerSettings::default()
    };
    let (url, folder, clock) = (url.clone(), folder.to_owned(), clock.clock());
    let open = move || DevIssuer::open(&settings, "Frontend", &url, &folder, clock);
    let opened = tokio::task::spawn_blocking(open).await.expect("a thread");
    Arc::new(opened.expect("the issuer"))
}

fn serve(listener: TcpListener, issuer: &Arc<DevIssuer>) -> AbortHandle {
    let app = Router::new().nest("/dev/oidc", Arc::clone(issuer).router());
    // What the server's listener adds to each request.
    let app = app.layer(Extension(ClientAddress(Ipv4Addr::LOCALHOST.into())));
    tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle()
}

/// `good` with `changes`; an empty value takes a field away.
pub fn changed<'a>(good: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = good
        .iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let set = changes.iter().filter(|(_, value)| !value.is_empty());
    kept.chain(set).copied().collect()
}

fn authorization_request(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let challenge = encode(&Sha256::digest(VERIFIER));
    let good = [
        ("client_id", "Frontend"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid profile email"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let pairs = changed(&good, changes);
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn hidden_fields(html: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\"")).expect("the attribute");
        let value = rest.split('"').next().expect("a value");
        value
            .replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#38;", "&")
    };
    let tags = html
        .split("<input ")
        .skip(1)
        .filter(|tag| tag.starts_with("type=\"hidden\""));
    tags.map(|tag| (attribute(tag, "name"), attribute(tag, "value")))
        .collect()
}

/// A parameter of the address to which a response redirects.
pub fn answer(response: &Response, name: &str) -> Option<String> {
    let location = location(response)?;
    let found = location
        .query_pairs()
        .find(|(key, _)| key == name)?
        .1
        .into_owned();
    Some(found)
}

pub fn location(response: &Response) -> Option<Url> {
    Url::parse(response.headers().get("location")?.to_str().ok()?).ok()
}

pub async fn json(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The text of a field, which must be there.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
}
