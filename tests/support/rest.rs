//! REST as a client sees it: status, headers, raw JSON.

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

/// Somebody who talks to the REST API: anonymous, or with an `Authorization` header.
#[derive(Debug, Clone)]
pub struct Rest {
    http: reqwest::Client,
    base: String,
    authorization: Option<String>,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    /// Method and path, for messages.
    request: String,
    pub status: u16,
    pub headers: HeaderMap,
    /// The body; `Null` when there is none or when it is no JSON.
    pub json: Value,
    pub text: String,
}

impl Rest {
    /// Without authorisation, at `http://host:port`.
    pub fn anonymous(base: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.to_owned(),
            authorization: None,
        }
    }

    /// The same server with this `Authorization` header.
    pub fn with_authorization(&self, authorization: &str) -> Self {
        Self {
            authorization: Some(authorization.to_owned()),
            ..self.clone()
        }
    }

    /// The same somebody at another node, `http://host:port`.
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// Logs in at the development issuer by its password grant; the password is the name.
    pub async fn log_in(&self, name: &str) -> Self {
        let login = self.get("/v1/auth/login").await.expect(200);
        let issuer = login["oidc"]["url"].as_str().expect("an issuer URL");
        let discovery = self.absolute(Method::GET, &format!("{issuer}/.well-known/openid-configuration"));
        let discovery = receive(discovery, "GET discovery".to_owned()).await.expect(200);
        let form = [
            ("grant_type", "password"),
            ("client_id", "Frontend"),
            ("username", name),
            ("password", name),
            ("scope", "openid profile email"),
        ];
        let endpoint = discovery["token_endpoint"].as_str().expect("a token endpoint");
        let request = self.absolute(Method::POST, endpoint).form(&form);
        let tokens = receive(request, format!("POST token of {name}"))
            .await
            .expect(200);
        let token = tokens["access_token"].as_str().expect("an access token");
        self.with_authorization(&format!("Bearer {token}"))
    }

    /// The `Authorization` header.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// For what the methods above do not offer: other headers, bodies that are no JSON.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.absolute(method, &format!("{}{path}", self.base))
    }

    /// An upgrade to a WebSocket as a browser asks for it, but for the protocols.
    pub fn upgrade(&self, path: &str) -> reqwest::RequestBuilder {
        self.request(Method::GET, path)
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let name = format!("{method} {path}");
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        receive(request, name).await
    }

    fn absolute(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url);
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }
}

impl Answer {
    /// The body, when the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        let Answer { request, text, .. } = &self;
        assert_eq!(self.status, status, "{request}: {text}");
        self.json
    }

    /// Checks status and code of an error body.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) {
        let request = self.request.clone();
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{request}: {body}");
        assert!(body["message"].is_string(), "{request}: {body}");
    }
}

/// Sends a request and reads the whole answer.
pub async fn receive(request: reqwest::RequestBuilder, name: String) -> Answer {
    let broken = |error: reqwest::Error| panic!("{name}: {error}");
    let response = request.send().await.unwrap_or_else(broken);
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response
        .text()
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    Answer {
        status,
        headers,
        json: serde_json::from_str(&text).unwrap_or_default(),
        text,
        request: name,
    }
}
