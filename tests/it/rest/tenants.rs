//! Users of two tenants, told apart by a claim of a real issuer's tokens: neither sees anything of the other.

use serde_json::{Value, json};

use crate::{
    databases::Kind,
    identity::issuer::FakeIssuer,
    support::{rest::Rest, server::Server},
};

on_both_databases!(Issued:
    tenants_do_not_see_each_other, a_changed_claim_counts_from_the_next_login, a_claim_chooses_the_tariff);

/// A server whose users come from an issuer that names their tenants.
struct Issued {
    server: Server,
    issuer: FakeIssuer,
}

impl Issued {
    async fn start(kind: Kind) -> Self {
        let issuer = FakeIssuer::start().await;
        let environment = [("COLLOQUY_OIDC__AUTHORITY", issuer.url.as_str())];
        let server = Server::start_with(kind, &environment).await;
        Self { server, issuer }
    }

    async fn finish(self) {
        self.server.finish().await;
    }

    /// Somebody with a token that has these claims besides.
    async fn log_in(&self, name: &str, claims: Value) -> Rest {
        let mut all = self.issuer.claims();
        // The server's clock is the machine's, and takes no token that is good for more than a day.
        let now = chrono::Utc::now().timestamp();
        let base = json!({
            "iat": now, "exp": now + 300, "sub": name, "name": format!("Somebody {name}"), "email": format!("{name}@example.org"), "aud": "Frontend",
        });
        for more in [base, claims] {
            all.as_object_mut()
                .expect("claims")
                .extend(more.as_object().expect("claims").clone());
        }
        let token = self.issuer.token(&all);
        let user = self
            .server
            .anonymous()
            .with_authorization(&format!("Bearer {token}"));
        user.post("/v1/auth/login", json!({"id_token": token}))
            .await
            .expect(200);
        user
    }
}

fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list").iter();
    list.map(|entry| entry["id"].as_str().expect("an id")).collect()
}

async fn tenants_do_not_see_each_other(world: &Issued) {
    let mut people = Vec::new();
    for (name, tenant) in [("ann", "acme"), ("art", "acme"), ("zoe", "zeta"), ("zac", "zeta")] {
        let user = world
            .log_in(name, json!({"tenant_id": tenant, "x_grp": ["staff"]}))
            .await;
        let me = user.get("/v1/users/me").await.expect(200);
        people.push((user, me["id"].as_str().expect("an id").to_owned()));
    }
    for (own, other) in [([0, 1], [2, 3]), ([2, 3], [0, 1])] {
        let caller = &people[own[0]].0;
        let own_ids = own.map(|who| people[who].1.as_str());
        assert_eq!(ids(&caller.get("/v1/users").await.expect(200)), own_ids);
        let found = caller.get("/v1/users/find?q=somebody").await.expect(200);
        assert_eq!(found.as_array().map(Vec::len), Some(2));
        assert!(ids(&found).iter().all(|id| own_ids.contains(id)));
        caller
            .get(&format!("/v1/users/{}", people[own[1]].1))
            .await
            .expect(200);
        for who in other {
            let path = format!("/v1/users/{}", people[who].1);
            caller.get(&path).await.expect_error(404, "not_found");
        }
        let room = caller.post("/v1/rooms", json!({})).await.expect(201);
        let path = format!("/v1/rooms/{}", room["id"].as_str().expect("an id"));
        people[other[0]].0.get(&path).await.expect_error(404, "not_found");
    }
}

async fn a_changed_claim_counts_from_the_next_login(world: &Issued) {
    let ann = world.log_in("ann", json!({"tenant_id": "acme"})).await;
    let bob = world.log_in("bob", json!({"tenant_id": "acme"})).await;
    let id = ann.get("/v1/users/me").await.expect(200)["id"].clone();
    let path = format!("/v1/users/{}", id.as_str().expect("an id"));
    bob.get(&path).await.expect(200);
    let ann = world.log_in("ann", json!({"tenant_id": "zeta"})).await;
    assert_eq!(ann.get("/v1/users/me").await.expect(200)["id"], id);
    bob.get(&path).await.expect_error(404, "not_found");
}

async fn a_claim_chooses_the_tariff(world: &Issued) {
    let create = [
        "tariffs",
        "create",
        "Small",
        "--external-id=small",
        "--quota=room_participant_limit=1",
    ];
    world.server.operate(&create);
    let ann = world
        .log_in("ann", json!({"tariff_id": "small", "tariff_status": "paid"}))
        .await;
    let tariff = ann.get("/v1/users/me/tariff").await.expect(200);
    assert_eq!(
        (&tariff["name"], &tariff["quotas"]["room_participant_limit"]),
        (&json!("Small"), &json!(1))
    );
    assert_eq!(ann.get("/v1/users/me").await.expect(200)["tariff_status"], "paid");
}
