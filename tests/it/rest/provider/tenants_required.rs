//! The operator wants a tenant of everybody.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Provided;
use crate::databases::Kind;

on_both_databases!(Required:
    whoever_has_no_tenant_is_refused, a_tenant_that_lacks_later_refuses_and_moves_nobody);

struct Required;

impl Required {
    async fn start(kind: Kind) -> Provided {
        Provided::with(kind, |oidc| oidc.tenant_required = true).await
    }
}

async fn whoever_has_no_tenant_is_refused(world: &Provided) {
    world.userinfo("ada", &json!({}));
    let ada = world.person("ada", &json!({}));
    for _ in 0..2 {
        let refusal = world.me(&ada).await;
        refusal.refused(403, "forbidden");
        let message = refusal.body["message"].as_str().expect("a text");
        assert!(message.contains("`tenant_id`"), "{message}");
    }
    world.log_in(&world.id_token("ada", &json!({}))).await.expect(200);
    assert!(world.stored("ada").await.is_none());
    let bob = world.person("bob", &json!({"tenant_id": "acme"}));
    world.me(&bob).await.expect(200);
}

async fn a_tenant_that_lacks_later_refuses_and_moves_nobody(world: &Provided) {
    world.userinfo("ada", &json!({"tenant_id": "acme"}));
    let more = json!({"exp": world.api.clock.seconds() + 3_600});
    let ada = world.person("ada", &more);
    world.me(&ada).await.expect(200);
    let room = world.api.room(&ada, json!({})).await;
    world.userinfo("ada", &json!({}));
    world.api.clock.advance(400);
    // Userinfo is asked beside: it has not told the difference yet.
    world.me(&ada).await.expect(200);
    world.issuer.asked(2).await;
    let mut answer = world.me(&ada).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while answer.status.is_success() && Instant::now() < deadline {
        answer = world.me(&ada).await;
    }
    answer.refused(403, "forbidden");
    let start = format!("/v1/rooms/{room}/start");
    for body in [json!({}), json!({"resumption": "x"})] {
        let refusal = world.api.call(&ada, "POST", &start, body).await;
        refusal.refused(403, "forbidden");
    }
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("acme"));
}
