//! People whom the server has not seen before.

use std::time::Duration;

use colloquy::store::users::User;
use serde_json::json;

use super::Provided;
use crate::identity::issuer::Pace;

on_both_databases!(Provided:
    lightweight_tokens_are_people, a_user_made_without_userinfo_is_mended_by_its_next_answer,
    a_user_made_while_userinfo_failed_is_mended_too,
    userinfo_is_waited_for_by_who_is_new, a_tenant_of_userinfo_is_waited_for_where_there_are_several);

async fn lightweight_tokens_are_people(world: &Provided) {
    let bare = json!({"sub": null, "name": null, "email": null, "email_verified": null});
    let ada = world.person("ada", &bare);
    let answer = world.me(&ada).await;
    answer.refused(503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    world.api.clock.advance(5);
    world.issuer.answers().refuses = true;
    world.me(&ada).await.refused(401, "unauthorized");
    world.api.clock.advance(5);
    world.issuer.answers().refuses = false;
    world.userinfo(
        "ada",
        &json!({"name": "Ada", "email": "ada@example.org", "x_grp": ["staff"]}),
    );
    let me = world.me(&ada).await.expect(200);
    assert_eq!(
        (&me["display_name"], &me["email"]),
        (&json!("Ada"), &json!("ada@example.org"))
    );
    assert_eq!(world.groups_of("ada").await, ["staff"]);
    // Nothing more is asked while the answer is fresh.
    world.me(&ada).await.expect(200);
    assert_eq!(world.issuer.userinfo_fetches(), 3);
}

async fn a_user_made_without_userinfo_is_mended_by_its_next_answer(world: &Provided) {
    let bare = json!({"name": null, "email": null, "email_verified": null});
    let ada = world.person("ada", &bare);
    world.issuer.set_pace(Pace::Silent);
    let me = world.me(&ada).await.expect(200);
    assert_eq!((&me["display_name"], &me["email"]), (&json!("User"), &json!("")));
    let says = json!({"name": "Ada", "email": "ada@example.org", "email_verified": true});
    world.userinfo("ada", &says);
    world.issuer.set_pace(Pace::Prompt);
    let is_mended = |user: &User| {
        user.profile.display_name == "Ada" && user.invite_email.as_deref() == Some("ada@example.org")
    };
    // Either that question is answered yet, or it was given up and another one is asked.
    world.is_brought_to("ada", &bare, is_mended).await;
}

async fn a_user_made_while_userinfo_failed_is_mended_too(world: &Provided) {
    let exp = world.api.clock.seconds() + 3_600;
    let bare = json!({"name": null, "email": null, "email_verified": null, "exp": exp});
    let ada = world.person("ada", &bare);
    let me = world.me(&ada).await.expect(200);
    assert_eq!(me["display_name"], "User");
    world.userinfo("ada", &json!({"preferred_username": "ada.a"}));
    world.api.clock.advance(400);
    world.me(&ada).await.expect(200);
    world
        .becomes("ada", "mended", |user| user.profile.display_name == "ada.a")
        .await;
}

async fn userinfo_is_waited_for_by_who_is_new(world: &Provided) {
    world.userinfo("ada", &json!({"nickname": "Countess"}));
    world.issuer.set_pace(Pace::Slow(Duration::from_millis(30)));
    let ada = world.person("ada", &json!({}));
    let me = world.me(&ada).await.expect(200);
    assert_eq!(me["display_name"], "Countess");
    assert_eq!(world.issuer.userinfo_fetches(), 1);
}

async fn a_tenant_of_userinfo_is_waited_for_where_there_are_several(world: &Provided) {
    let zoe = world.person("zoe", &json!({"tenant_id": "zeta"}));
    world.me(&zoe).await.expect(200);
    let ada = world.person("ada", &json!({}));
    world.me(&ada).await.refused(503, "service_unavailable");
    assert!(world.stored("ada").await.is_none());
    world.api.clock.advance(5);
    world.userinfo("ada", &json!({"tenant_id": "zeta"}));
    world.me(&ada).await.expect(200);
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("zeta"));
    // Who may not be asked about belongs nowhere.
    let eve = world.person("eve", &json!({"scope": "email"}));
    let refusal = world.me(&eve).await;
    refusal.refused(403, "forbidden");
    assert!(world.stored("eve").await.is_none());
}
