//! A server behind a proxy, which says whose requests it brings, with users of an issuer of their own: clients come from
//! anywhere, and none is exempt from limits.

use std::marker::PhantomData;

use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    databases::Kind,
    identity::issuer::FakeIssuer,
    support::{
        quiet::Settings,
        rest::{Answer, Rest, receive},
        server::Server,
    },
};

/// A world for `on_both_databases!`.
pub struct Proxied<S> {
    pub server: Server,
    issuer: FakeIssuer,
    settings: PhantomData<S>,
}

impl<S: Settings> Proxied<S> {
    pub async fn start(kind: Kind) -> Self {
        let issuer = FakeIssuer::start().await;
        let mut environment = vec![
            ("COLLOQUY_OIDC__AUTHORITY", issuer.url.as_str()),
            ("COLLOQUY_HTTP__TRUSTED_PROXIES", "[\"127.0.0.0/8\"]"),
        ];
        environment.extend(S::ENVIRONMENT);
        Self {
            server: Server::start_with(kind, &environment).await,
            issuer,
            settings: PhantomData,
        }
    }

    pub async fn finish(self) {
        self.server.finish().await;
    }

    /// Somebody with an access token that has these claims besides.
    pub fn person(&self, name: &str, more: &Value) -> Rest {
        let now = Utc::now().timestamp();
        let mut claims = self.issuer.claims();
        let own = json!({
            "sub": name, "email": format!("{name}@example.org"), "azp": "Frontend", "iat": now, "exp": now + 3_600,
        });
        for fields in [&own, more] {
            let fields = fields.as_object().expect("claims").clone();
            claims.as_object_mut().expect("claims").extend(fields);
        }
        let token = self.issuer.token(&claims);
        self.server
            .anonymous()
            .with_authorization(&format!("Bearer {token}"))
    }

    /// A new room of ann's with these settings, and an invite to it.
    pub async fn room(&self, settings: Value) -> Room {
        let owner = self.person("ann", &json!({}));
        let room = owner.post("/v1/rooms", settings).await.expect(201);
        let id = room["id"].as_str().expect("an id").to_owned();
        let path = format!("/v1/rooms/{id}/invites");
        let invite = owner.post(&path, json!({})).await.expect(201);
        Room {
            anyone: self.server.anonymous(),
            id,
            code: invite["invite_code"].as_str().expect("a code").to_owned(),
        }
    }
}

/// A room to which everybody has an invite.
#[derive(Clone)]
pub struct Room {
    pub anyone: Rest,
    pub id: String,
    pub code: String,
}

impl Room {
    /// `start_invited` of a client with this address, with these fields beside the code.
    pub async fn start(&self, address: &str, more: Value) -> Answer {
        let mut body = json!({"invite_code": self.code});
        let fields = body.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("fields").clone());
        let path = format!("/v1/rooms/{}/start_invited", self.id);
        post_from(address, &self.anyone, &path, body).await
    }

    /// `start_invited` with this password.
    pub async fn guess(&self, address: &str, password: &str) -> Answer {
        self.start(address, json!({"password": password})).await
    }
}

/// A request of a client with this address.
pub async fn post_from(address: &str, who: &Rest, path: &str, body: Value) -> Answer {
    let request = who.request(Method::POST, path).header("x-forwarded-for", address);
    receive(request.json(&body), format!("POST {path} from {address}")).await
}

/// Seconds after which a refused client may come again.
#[track_caller]
pub fn retry_after(answer: &Answer) -> u64 {
    let value = answer.headers["retry-after"].to_str().expect("text");
    value.parse().expect("seconds")
}
