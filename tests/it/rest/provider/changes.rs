//! What changes of people whom the server knows.

use std::time::{Duration, Instant};

use colloquy::store::{
    tariffs::{self, Definition},
    users::{TariffStatus, User},
};
use serde_json::{Value, json};

use super::Provided;
use crate::{identity::issuer::Pace, support::planted};

on_both_databases!(Provided:
    a_token_moves_its_user_without_a_login, a_changed_tenant_voids_what_brings_back,
    claims_that_vanish_are_gone_when_userinfo_lacks_them_too, mappers_for_the_access_token_only_keep_everything,
    id_tokens_set_what_they_hold, tokens_of_one_answer_are_of_one_moment, nothing_older_moves_anybody_back, a_state_has_the_tariff_for_it,
    known_people_do_not_wait_for_a_provider_that_hangs);

async fn a_token_moves_its_user_without_a_login(world: &Provided) {
    let ada = world.person("ada", &json!({"tenant_id": "acme", "x_grp": ["staff"]}));
    world.me(&ada).await.expect(200);
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("acme"));
    world.api.clock.advance(1);
    let ada = world.person("ada", &json!({"tenant_id": "zeta", "x_grp": ["board"]}));
    world.me(&ada).await.expect(200);
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("zeta"));
    assert_eq!(world.groups_of("ada").await, ["board"]);
}

async fn a_changed_tenant_voids_what_brings_back(world: &Provided) {
    let acme = json!({"tenant_id": "acme"});
    let (ann, bob) = (world.person("ann", &acme), world.person("bob", &acme));
    for person in [&ann, &bob] {
        world.me(person).await.expect(200);
    }
    let room = world.api.room(&ann, json!({})).await;
    let event = world.api.event_in(&room, true).await;
    planted::invitation(&world.api.state.db, event, "bob@example.org", "user", "accepted").await;
    let start = format!("/v1/rooms/{room}/start");
    let started = world.api.call(&bob, "POST", &start, json!({})).await.expect(200);
    let back = json!({"resumption": started["resumption"]});
    world
        .api
        .call(&bob, "POST", &start, back.clone())
        .await
        .expect(200);
    world.api.clock.advance(1);
    let bob = world.person("bob", &json!({"tenant_id": "zeta"}));
    world.me(&bob).await.expect(200);
    let refusal = world.api.call(&bob, "POST", &start, back).await;
    refusal.refused(404, "not_found");
}

/// Everything that may be assigned, as claims.
fn everything() -> Value {
    json!({"tenant_id": "acme", "x_grp": ["staff"], "tariff_id": "small", "tariff_status": "paid"})
}

async fn small_tariff(world: &Provided) {
    let small = Definition {
        name: "Small".to_owned(),
        external_ids: ["small".to_owned()].into(),
        ..Definition::default()
    };
    let created = tariffs::create(&world.api.database.db, small, world.api.state.clock.now()).await;
    created.expect("a tariff");
}

/// Tenant, groups, tariff and its state.
async fn assigned(world: &Provided, subject: &str) -> (Option<String>, Vec<String>, String, TariffStatus) {
    let user = world.stored(subject).await.expect("a user");
    let tariff = tariffs::of_user(&world.api.database.db, user.profile.id).await;
    let tariff = tariff.expect("a query").expect("a tariff");
    (
        world.tenant_of(subject).await,
        world.groups_of(subject).await,
        tariff.name,
        user.tariff_status,
    )
}

fn all() -> (Option<String>, Vec<String>, String, TariffStatus) {
    (
        Some("acme".to_owned()),
        vec!["staff".to_owned()],
        "Small".to_owned(),
        TariffStatus::Paid,
    )
}

async fn claims_that_vanish_are_gone_when_userinfo_lacks_them_too(world: &Provided) {
    small_tariff(world).await;
    world.userinfo("ada", &everything());
    let ada = world.person("ada", &json!({"exp": world.api.clock.seconds() + 3_600}));
    world.me(&ada).await.expect(200);
    assert_eq!(assigned(world, "ada").await, all());
    // While userinfo fails nothing is taken away.
    world.issuer.answers().people.clear();
    world.api.clock.advance(400);
    world.me(&ada).await.expect(200);
    world.issuer.asked(2).await;
    let next = world.person("ada", &json!({"jti": "next"}));
    world.me(&next).await.expect(200);
    assert_eq!(assigned(world, "ada").await, all());
    world.userinfo("ada", &json!({}));
    let is_bare = |user: &User| user.tariff_status == TariffStatus::Default;
    world.is_brought_to("ada", &json!({}), is_bare).await;
    let (tenant, groups, tariff, _) = assigned(world, "ada").await;
    assert_eq!((tenant, groups.len()), (None, 0));
    assert_ne!(tariff, "Small");
}

async fn mappers_for_the_access_token_only_keep_everything(world: &Provided) {
    small_tariff(world).await;
    world.userinfo("ada", &json!({"name": "Ada", "email": "ada@example.org"}));
    for round in 0..11 {
        let mut more = everything();
        more["jti"] = json!(format!("token {round}"));
        let ada = world.person("ada", &more);
        if round % 5 == 0 {
            // A log-in: neither ID token nor userinfo knows anything of it.
            world.log_in(&world.id_token("ada", &json!({}))).await.expect(200);
        }
        world.me(&ada).await.expect(200);
        world
            .becomes("ada", "known", |user| user.profile.display_name == "Ada")
            .await;
        assert_eq!(assigned(world, "ada").await, all(), "round {round}");
        world.api.clock.advance(60);
    }
    // It was asked meanwhile.
    assert!((2..=3).contains(&world.issuer.userinfo_fetches()));
}

async fn id_tokens_set_what_they_hold(world: &Provided) {
    small_tariff(world).await;
    let login = world.id_token("ada", &everything());
    world.log_in(&login).await.expect(200);
    assert_eq!(assigned(world, "ada").await, all());
    world.api.clock.advance(1);
    let login = world.id_token("ada", &json!({"tariff_status": "downgraded"}));
    world.log_in(&login).await.expect(200);
    let (tenant, groups, tariff, status) = all();
    assert_ne!(status, TariffStatus::Downgraded);
    let expected = (tenant, groups, tariff, TariffStatus::Downgraded);
    assert_eq!(assigned(world, "ada").await, expected);
}

/// Keycloak stamps the ID token after the access token; when a second begins between them, that of the access token is the older one.
async fn tokens_of_one_answer_are_of_one_moment(world: &Provided) {
    let ada = world.person("ada", &json!({"tenant_id": "acme"}));
    world.api.clock.advance(1);
    let login = world.id_token("ada", &json!({}));
    world.log_in(&login).await.expect(200);
    world.me(&ada).await.expect(200);
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("acme"));
}

async fn nothing_older_moves_anybody_back(world: &Provided) {
    let old = world.person("ada", &json!({"tenant_id": "acme", "name": "Before"}));
    let old_login = world.id_token("ada", &json!({"tenant_id": "acme", "name": "Before"}));
    world.api.clock.advance(1);
    let new = world.person("ada", &json!({"tenant_id": "zeta", "name": "Now"}));
    world.me(&new).await.expect(200);
    let me = world.me(&old).await.expect(200);
    world.log_in(&old_login).await.expect(200);
    assert_eq!(me["display_name"], "Now");
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("zeta"));
    // Of userinfo it is the word of now, whichever token asks.
    world.userinfo("ada", &json!({"tenant_id": "omega"}));
    world.api.clock.advance(400);
    let long_ago = world.issuer.clock.seconds() - 3_600;
    let asks = world.person("ada", &json!({"iat": long_ago, "tenant_id": "acme"}));
    world.me(&asks).await.expect(200);
    let deadline = Instant::now() + Duration::from_secs(30);
    while world.tenant_of("ada").await.as_deref() != Some("omega") {
        assert!(Instant::now() < deadline, "userinfo did not count");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn a_state_has_the_tariff_for_it(world: &Provided) {
    small_tariff(world).await;
    let ada = world.person("ada", &everything());
    world.me(&ada).await.expect(200);
    for (state, tariff, told) in [
        ("gold", "small", "default"),
        ("downgraded", "small", "downgraded"),
        ("paid", "unheard of", "paid"),
    ] {
        world.api.clock.advance(1);
        let claims = json!({"tariff_status": state, "tariff_id": tariff, "tenant_id": "acme"});
        let ada = world.person("ada", &claims);
        let me = world.me(&ada).await.expect(200);
        assert_eq!(me["tariff_status"], told, "{state}");
        let named = world.api.get(&ada, "/v1/users/me/tariff").await.expect(200);
        assert_eq!(named["name"], "Small", "{state}");
    }
}

async fn known_people_do_not_wait_for_a_provider_that_hangs(world: &Provided) {
    let names: Vec<String> = (0..30).map(|number| format!("person {number}")).collect();
    for name in &names {
        world.me(&world.person(name, &json!({}))).await.expect(200);
    }
    let answered = world.issuer.userinfo_fetches();
    world.issuer.set_pace(Pace::Silent);
    let began = Instant::now();
    for name in &names {
        // Another login, of which nothing is known.
        let person = world.person(name, &json!({"sid": format!("new login of {name}")}));
        world.me(&person).await.expect(200);
    }
    // Had each of them waited for a second, or all for places, it would have been thirty.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!(world.issuer.userinfo_fetches(), answered, "nothing was answered");
    assert!(world.issuer.userinfo_open_max() > 0);
}
