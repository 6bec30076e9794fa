//! The operator's own settings name the claim of tenants: who has none in the token may have one in userinfo.

use serde_json::json;

use super::Provided;
use crate::databases::Kind;

on_both_databases!(Named:
    nobody_is_in_the_default_tenant_because_userinfo_is_away, an_id_token_without_a_tenant_makes_nobody,
    who_has_no_tenant_anywhere_is_in_the_default_one, another_client_says_nothing_of_tenants,
    a_tenant_that_is_no_text_is_nobodys);

struct Named;

impl Named {
    async fn start(kind: Kind) -> Provided {
        Provided::with(kind, |oidc| {
            oidc.claims.tenant_id_is_named = true;
            oidc.clients = vec!["app".to_owned()];
        })
        .await
    }
}

async fn nobody_is_in_the_default_tenant_because_userinfo_is_away(world: &Provided) {
    let ada = world.person("ada", &json!({}));
    let answer = world.me(&ada).await;
    answer.refused(503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    assert!(world.stored("ada").await.is_none());
    world.api.clock.advance(5);
    world.userinfo("ada", &json!({"tenant_id": "acme"}));
    world.me(&ada).await.expect(200);
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("acme"));
    // Who is known goes on while userinfo is away, by another login too.
    world.issuer.answers().people.clear();
    let next = world.person("ada", &json!({"sid": "next"}));
    world.me(&next).await.expect(200);
    world.issuer.asked(3).await;
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("acme"));
}

async fn an_id_token_without_a_tenant_makes_nobody(world: &Provided) {
    let ada = world.person("ada", &json!({"tenant_id": "acme"}));
    world.log_in(&world.id_token("ada", &json!({}))).await.expect(200);
    assert!(world.stored("ada").await.is_none());
    world.me(&ada).await.expect(200);
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("acme"));
    // One with a tenant makes her who comes by it.
    let bob = world.id_token("bob", &json!({"tenant_id": "acme"}));
    world.log_in(&bob).await.expect(200);
    assert_eq!(world.tenant_of("bob").await.as_deref(), Some("acme"));
}

async fn who_has_no_tenant_anywhere_is_in_the_default_one(world: &Provided) {
    world.userinfo("ada", &json!({}));
    world.me(&world.person("ada", &json!({}))).await.expect(200);
    assert_eq!(world.tenant_of("ada").await, None);
}

async fn another_client_says_nothing_of_tenants(world: &Provided) {
    // The mapper of tenants is one of the web client's, and userinfo answers by the client of the token.
    world.userinfo("ada", &json!({"name": "Ada"}));
    let by_app = world.person("ada", &json!({"azp": "app"}));
    world.me(&by_app).await.refused(403, "forbidden");
    assert!(world.stored("ada").await.is_none());
    let by_web = world.person("ada", &json!({"tenant_id": "acme"}));
    world.me(&by_web).await.expect(200);
    world.me(&by_app).await.expect(200);
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("acme"));
}

/// As a mapper of Keycloak makes that is switched to several values.
async fn a_tenant_that_is_no_text_is_nobodys(world: &Provided) {
    for tenant in [json!(["acme"]), json!(5), json!({"id": "acme"})] {
        let ada = world.person("ada", &json!({"tenant_id": tenant}));
        world.me(&ada).await.refused(403, "forbidden");
    }
    assert!(world.stored("ada").await.is_none());
    // Whoever was here stays where it is.
    let bob = world.person("bob", &json!({"tenant_id": "acme"}));
    world.me(&bob).await.expect(200);
    let bob = world.person("bob", &json!({"tenant_id": ["acme"]}));
    world.me(&bob).await.refused(403, "forbidden");
    assert_eq!(world.tenant_of("bob").await.as_deref(), Some("acme"));
}
