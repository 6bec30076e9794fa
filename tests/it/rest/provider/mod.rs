//! Users of a real identity provider: what it says of them, in tokens and in userinfo, and when that counts.

mod changes;
mod newcomers;
mod profile;
mod tenants_named;
mod tenants_required;

use std::time::{Duration, Instant};

use colloquy::{
    config::Oidc,
    store::{
        groups, tenants,
        users::{self, User},
    },
};
use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::{Api, Person},
};
use crate::{databases::Kind, identity::issuer::FakeIssuer};

/// The API in this process, and a provider of whose people it knows.
pub struct Provided {
    api: Api,
    issuer: FakeIssuer,
}

impl Provided {
    pub async fn start(kind: Kind) -> Self {
        Self::with(kind, |_| {}).await
    }

    pub async fn with(kind: Kind, configure: impl FnOnce(&mut Oidc)) -> Self {
        let (mut api, mut issuer) = (Api::start(kind).await, FakeIssuer::start().await);
        api.trust(&mut issuer, configure);
        Self { api, issuer }
    }

    pub async fn finish(self) {
        self.api.finish().await;
    }

    /// A token of the web client for `subject`, with these claims besides.
    fn person(&self, subject: &str, more: &Value) -> Person {
        let claims = self.claims(subject, more);
        let token = self.issuer.token(&claims);
        let mut id_claims = claims.clone();
        id_claims["aud"] = json!("Frontend");
        Person {
            access_token: token,
            id_token: self.issuer.token(&id_claims),
        }
    }

    /// An ID token alone may say other things.
    fn id_token(&self, subject: &str, more: &Value) -> String {
        let mut claims = self.claims(subject, more);
        (claims["aud"], claims["scope"]) = (json!("Frontend"), Value::Null);
        self.issuer.token(&claims)
    }

    fn claims(&self, subject: &str, more: &Value) -> Value {
        let mut claims = self.issuer.claims();
        let base = json!({
            "sub": subject, "sid": format!("login of {subject}"), "azp": "Frontend", "scope": "openid",
            "name": format!("Somebody {subject}"), "email": format!("{subject}@example.org"), "email_verified": true,
        });
        for fields in [&base, more] {
            let fields = fields.as_object().expect("claims").clone();
            claims.as_object_mut().expect("claims").extend(fields);
        }
        // Null takes a claim away.
        claims
            .as_object_mut()
            .expect("claims")
            .retain(|_, value| !value.is_null());
        claims
    }

    /// From now on userinfo says this about `subject`.
    fn userinfo(&self, subject: &str, says: &Value) {
        let mut answer = json!({"sub": subject});
        let says = says.as_object().expect("claims").clone();
        answer.as_object_mut().expect("claims").extend(says);
        let people = &mut self.issuer.answers().people;
        people.insert(format!("login of {subject}"), answer);
    }

    async fn me(&self, person: &Person) -> Answer {
        self.api.get(person, "/v1/users/me").await
    }

    async fn log_in(&self, id_token: &str) -> Answer {
        let body = json!({"id_token": id_token});
        self.api.call_anonymously("POST", "/v1/auth/login", body).await
    }

    async fn stored(&self, subject: &str) -> Option<User> {
        let found = users::by_identity(&self.api.database.db, &self.issuer.url, subject).await;
        found.expect("a query")
    }

    /// What tokens call the tenant of a user.
    async fn tenant_of(&self, subject: &str) -> Option<String> {
        let user = self.stored(subject).await.expect("a user");
        let list = tenants::list(&self.api.database.db).await.expect("a query");
        let tenant = list.into_iter().find(|tenant| tenant.id == user.tenant_id);
        tenant.expect("a tenant").external_id
    }

    async fn groups_of(&self, subject: &str) -> Vec<String> {
        let user = self.stored(subject).await.expect("a user");
        let groups = groups::of_user(&self.api.database.db, user.profile.id).await;
        groups
            .expect("a query")
            .into_iter()
            .map(|group| group.name)
            .collect()
    }

    /// Userinfo is asked in its time, beside requests of a user, until the user is stored as it should be.
    async fn is_brought_to(&self, subject: &str, more: &Value, is_so: impl Fn(&User) -> bool) {
        for _ in 0..8 {
            if self.has_become(subject, Duration::from_secs(5), &is_so).await {
                return;
            }
            self.api.clock.advance(400);
            self.me(&self.person(subject, more)).await.expect(200);
        }
        panic!("in vain: {:?}", self.stored(subject).await);
    }

    /// Waits until a user is stored as it should be.
    async fn becomes(&self, subject: &str, what: &str, is_so: impl Fn(&User) -> bool) {
        let has_become = self.has_become(subject, Duration::from_secs(30), is_so).await;
        assert!(has_become, "{what}: {:?}", self.stored(subject).await);
    }

    /// Whether a user is stored as it should be before the time is over.
    async fn has_become(&self, subject: &str, time: Duration, is_so: impl Fn(&User) -> bool) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let user = self.stored(subject).await;
            if user.as_ref().is_some_and(&is_so) {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
