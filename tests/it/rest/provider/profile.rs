//! Names, pictures, addresses and visits.

use serde_json::json;

use super::Provided;
use crate::{
    databases::Kind,
    rest::{
        calendar_feed::{read, subscribe},
        events::{event, weekly},
    },
};

on_both_databases!(Pictured:
    names_are_those_of_the_issuer_in_their_order, a_picture_of_the_issuer_is_shown, other_clients_fill_and_change_nothing,
    visits_are_noted, an_address_that_is_verified_later_is_verified, an_unverified_address_stands_nowhere);

struct Pictured;

impl Pictured {
    async fn start(kind: Kind) -> Provided {
        Provided::with(kind, |oidc| {
            "picture".clone_into(&mut oidc.claims.picture);
            oidc.clients = vec!["device".to_owned()];
        })
        .await
    }
}

async fn names_are_those_of_the_issuer_in_their_order(world: &Provided) {
    for (subject, claims, name) in [
        ("nora", json!({"nickname": "Nicky", "name": "Nora Nick"}), "Nicky"),
        (
            "olaf",
            json!({"name": null, "preferred_username": "olaf.o"}),
            "olaf.o",
        ),
        ("pia", json!({"name": null, "given_name": "P\u{202e}ia"}), "Pia"),
        ("quin", json!({"name": null}), "quin"),
    ] {
        let person = world.person(subject, &claims);
        let me = world.me(&person).await.expect(200);
        assert_eq!(me["display_name"], name, "{subject}");
        // A choice stays, and what can't be seen gives it back.
        for (chosen, expected) in [("Me", "Me"), ("\u{200b}", name)] {
            let change = json!({"display_name": chosen});
            let changed = world.api.call(&person, "PATCH", "/v1/users/me", change).await;
            assert_eq!(changed.expect(200)["display_name"], expected, "{subject}");
        }
    }
}

async fn a_picture_of_the_issuer_is_shown(world: &Provided) {
    let generated = world.me(&world.person("bob", &json!({}))).await.expect(200)["avatar_url"].clone();
    let url = "https://pictures.example/ada.png";
    let ada = world.person("ada", &json!({"picture": url}));
    let me = world.me(&ada).await.expect(200);
    assert_eq!(me["avatar_url"], url);
    let room = world.api.room(&ada, json!({})).await;
    let room = world
        .api
        .get(&ada, &format!("/v1/rooms/{room}"))
        .await
        .expect(200);
    assert_eq!(room["created_by"]["avatar_url"], url);
    let with_query = json!({"picture": "https://pictures.example/bob.png?who=looks", "jti": "other"});
    let bob = world.me(&world.person("bob", &with_query)).await.expect(200);
    assert_eq!(bob["avatar_url"], generated);
}

async fn other_clients_fill_and_change_nothing(world: &Provided) {
    let of_device = |subject: &str, name: &str, email: &str| {
        let more = json!({"azp": "device", "name": name, "email": email, "tenant_id": "acme", "jti": name});
        world.person(subject, &more)
    };
    let me = world
        .me(&of_device("ada", "Ada", "ada@device.example"))
        .await
        .expect(200);
    assert_eq!(me["display_name"], "Ada");
    assert_eq!(world.tenant_of("ada").await.as_deref(), Some("acme"));
    let me = world
        .me(&of_device("ada", "Eve", "eve@device.example"))
        .await
        .expect(200);
    assert_eq!(
        (&me["display_name"], &me["email"]),
        (&json!("Ada"), &json!("ada@device.example"))
    );
    let web = world.person("ada", &json!({"name": "Countess", "email": "ada@web.example"}));
    let me = world.me(&web).await.expect(200);
    assert_eq!(
        (&me["display_name"], &me["email"]),
        (&json!("Countess"), &json!("ada@web.example"))
    );
    world
        .me(&of_device("ada", "Eva", "eve@device.example"))
        .await
        .expect(200);
    let stored = world.stored("ada").await.expect("a user");
    assert_eq!(stored.profile.email, "ada@web.example");
}

async fn visits_are_noted(world: &Provided) {
    let ada = world.person("ada", &json!({"exp": world.api.clock.seconds() + 9_000}));
    world.me(&ada).await.expect(200);
    let first = world.stored("ada").await.expect("a user").seen_at;
    world.api.clock.advance(3_599);
    world.me(&ada).await.expect(200);
    world.api.clock.advance(1);
    let now = world.api.state.clock.now();
    world.me(&ada).await.expect(200);
    world.becomes("ada", "seen", |user| user.seen_at == now).await;
    assert_ne!(first, now);
}

async fn an_address_that_is_verified_later_is_verified(world: &Provided) {
    let ada = world.person("ada", &json!({"email_verified": false}));
    world.me(&ada).await.expect(200);
    let stored = world.stored("ada").await.expect("a user");
    assert_eq!(
        (stored.profile.email_verified, stored.invite_email.as_deref()),
        (Some(false), None)
    );
    world.api.clock.advance(1);
    world.me(&world.person("ada", &json!({}))).await.expect(200);
    let stored = world.stored("ada").await.expect("a user");
    assert_eq!(stored.invite_email.as_deref(), Some("ada@example.org"));
}

/// But before its user. Calendars have no organizer then, as one has an address there.
async fn an_unverified_address_stands_nowhere(world: &Provided) {
    for (claims, email) in [
        (json!({"email_verified": false}), ""),
        (json!({"jti": "later"}), "ada@example.org"),
    ] {
        let ada = world.person("ada", &claims);
        let me = world.me(&ada).await.expect(200);
        assert_eq!(me["email"], "ada@example.org");
        let created = event(&world.api, &ada, weekly()).await;
        assert_eq!(created["created_by"]["email"], email, "{claims}");
        let feed = subscribe(&world.api, &ada).await;
        let calendar = read(&world.api, &feed).await.expect(200);
        let calendar = calendar.as_str().expect("a calendar");
        assert!(calendar.contains("BEGIN:VEVENT"), "{calendar}");
        let has_organizer = calendar.contains("ORGANIZER");
        assert_eq!(has_organizer, !email.is_empty(), "{calendar}");
        assert_eq!(calendar.contains("ada@example.org"), has_organizer, "{calendar}");
        world.api.clock.advance(1);
    }
}
