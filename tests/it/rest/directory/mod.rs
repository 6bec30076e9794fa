//! `/v1/users/find` where the identity provider has a directory of people.

mod failures;
mod searches;
mod tenants;

use colloquy::{
    config::Config,
    identity::{ProfileClaims, VerifiedToken},
    store::users::{User, upsert_from_claims},
};
use serde_json::Value;

use super::api::{Api, Person};
use crate::{databases::Kind, support::directory::FakeDirectory};

/// A server that asks a directory. Alice and bob are users of it.
struct Realm {
    api: Api,
    directory: FakeDirectory,
    alice: Person,
    bob: Person,
}

impl Realm {
    async fn start(kind: Kind) -> Self {
        Self::with(kind, |_| {}).await
    }

    async fn with(kind: Kind, configure: impl FnOnce(&mut Config)) -> Self {
        let directory = FakeDirectory::start().await;
        let api = Api::with(kind, |config| {
            directory.configure(config);
            configure(config);
        })
        .await;
        let (alice, bob) = (api.person("alice").await, api.person("bob").await);
        for person in [&alice, &bob] {
            api.get(person, "/v1/users/me").await.expect(200);
        }
        Self {
            api,
            directory,
            alice,
            bob,
        }
    }

    async fn finish(self) {
        self.api.finish().await;
    }

    async fn find(&self, by: &Person, q: &str) -> Vec<Value> {
        let query: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
        let found = self.api.get(by, &format!("/v1/users/find?q={query}")).await;
        let found = found.expect(200);
        found.as_array().expect("a list").clone()
    }

    /// Whom alice finds, each as `<kind> <address>`.
    async fn found(&self, q: &str) -> Vec<String> {
        shown(&self.find(&self.alice, q).await)
    }

    /// Somebody whom the directory knows, and who was here.
    async fn user(&self, subject: &str, email: &str, change: impl FnOnce(&mut ProfileClaims)) -> User {
        let mut profile = ProfileClaims {
            email: Some(email.to_owned()),
            email_verified: Some(true),
            ..ProfileClaims::default()
        };
        change(&mut profile);
        let token = VerifiedToken {
            issuer: self.directory.issuer(),
            subject: subject.to_owned(),
            client: "Frontend".to_owned(),
            session: None,
            issued_at: self.api.clock.seconds(),
            expires_at: chrono::DateTime::UNIX_EPOCH,
            roles: Vec::new(),
            profile,
        };
        let (defaults, now) = (self.api.state.new_user_defaults(), self.api.state.clock.now());
        let user = upsert_from_claims(&self.api.database.db, &token, &defaults, now).await;
        user.expect("a user")
    }
}

/// Those who were found, each as `<kind> <address>`.
fn shown(found: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let shown = found
        .iter()
        .map(|one| format!("{} {}", text(&one["kind"]), text(&one["email"])));
    shown.collect()
}
