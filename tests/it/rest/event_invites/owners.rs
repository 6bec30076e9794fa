//! Whose an address is: several users have it, or nobody says that it is the user's.

use colloquy::{config::EmailVerified, store::users::User};
use serde_json::{Value, json};

use super::{Scene, addresses::logged_in};
use crate::{
    databases::Kind,
    rest::api::Api,
    support::{log::Log, planted},
};

on_both_databases!(Api:
    of_several_owners_the_one_seen_last_is_invited, who_is_locked_out_does_not_stand_in_the_way,
    who_was_left_behind_is_not_found, an_address_that_nobody_vouches_for_is_invited_as_such,
    a_user_is_invited_by_id_whatever_is_said_of_the_address, addresses_of_invited_users_stand_for_them);

const HOUR: i64 = 3_600;

const DAY: i64 = 24 * HOUR;

/// Ids of those who are invited by an address, which is shown as it is where nobody is.
async fn invited(api: &Api, scene: &Scene, email: &str) -> Value {
    scene.post(api, json!({"email": email})).await.expect(201);
    let profile = scene.last(api).await;
    match profile["kind"].as_str() {
        Some("registered") => profile["id"].clone(),
        _ => profile["email"].clone(),
    }
}

/// Another event of alice's. Tokens are new, since the clock was moved.
async fn new_scene(api: &Api) -> Scene {
    let alice = api.person("alice").await;
    let event = api.event(&alice).await;
    let path = format!("/v1/events/{event}/invites");
    Scene {
        alice,
        bob: api.person("bob").await,
        event,
        path,
    }
}

async fn seen(api: &Api, subject: &str) -> User {
    api.clock.advance(2 * HOUR);
    let user = logged_in(api, subject, "Eve@Example.org", Some(true)).await;
    planted::seen(&api.database.db, user.profile.id, api.state.clock.now()).await;
    user
}

async fn of_several_owners_the_one_seen_last_is_invited(api: &Api) {
    let (old, new) = (seen(api, "old").await, seen(api, "new").await);
    for (subject, expected) in [("new", &new), ("old", &old), ("new", &new)] {
        seen(api, subject).await;
        let scene = new_scene(api).await;
        assert_eq!(
            invited(api, &scene, "eve@example.org").await,
            json!(expected.profile.id),
            "{subject}"
        );
    }
    // Somebody who only writes the address is not meant, however lately.
    api.clock.advance(DAY);
    logged_in(api, "mallory", "eve@example.org", Some(false)).await;
    logged_in(api, "marvin", "eve@example.org", None).await;
    let scene = new_scene(api).await;
    assert_eq!(
        invited(api, &scene, "EVE@example.org").await,
        json!(new.profile.id)
    );
}

async fn who_is_locked_out_does_not_stand_in_the_way(api: &Api) {
    let (old, new) = (seen(api, "old").await, seen(api, "new").await);
    let disable = "UPDATE users SET disabled_at = created_at WHERE subject = ";
    api.database.execute(&format!("{disable} 'new'")).await;
    let scene = new_scene(api).await;
    assert_eq!(
        invited(api, &scene, "eve@example.org").await,
        json!(old.profile.id)
    );
    api.database.execute(&format!("{disable} 'old'")).await;
    let scene = new_scene(api).await;
    assert_eq!(
        invited(api, &scene, "eve@example.org").await,
        json!(new.profile.id)
    );
}

/// Ids of those with the address whom bob finds: by a part of it, by all of it, and in the list.
async fn found(api: &Api) -> Vec<Value> {
    let bob = api.person("bob").await;
    let ids = async |path: &str| {
        let found = api.get(&bob, path).await.expect(200);
        let found = found.as_array().expect("a list").iter();
        // The list shows addresses of acquaintances only.
        let found = found
            .filter(|user| user["display_name"] != "Alice Adams" && user["display_name"] != "Bob Burton");
        found.map(|user| user["id"].clone()).collect::<Vec<_>>()
    };
    let mut by_part = ids("/v1/users/find?q=eve%40exam").await;
    let listed = ids("/v1/users").await;
    by_part.sort_by_key(Value::to_string);
    let mut sorted = listed.clone();
    sorted.sort_by_key(Value::to_string);
    assert_eq!(by_part, sorted);
    let whole = colloquy::store::users::with_address(
        &api.database.db,
        colloquy::store::tenants::DEFAULT_TENANT,
        "eve@example.org",
        20,
        api.state.clock.now(),
    );
    let whole = whole.await.expect("a query");
    let mut whole: Vec<_> = whole.iter().map(|profile| json!(profile.id)).collect();
    whole.sort_by_key(Value::to_string);
    assert_eq!(whole, sorted);
    listed
}

async fn who_was_left_behind_is_not_found(api: &Api) {
    for name in ["alice", "bob"] {
        let person = api.person(name).await;
        api.get(&person, "/v1/users/me").await.expect(200);
    }
    let old = json!(seen(api, "old").await.profile.id);
    api.clock.advance(31 * DAY);
    // Alone with its address, somebody who stays away is found.
    assert_eq!(found(api).await, std::slice::from_ref(&old));
    // Deleted and made anew at the provider, and not for long.
    let new = json!(seen(api, "new").await.profile.id);
    assert_eq!(
        found(api).await,
        std::slice::from_ref(&new),
        "away for 31 days before"
    );
    // Both come, as those do who share a mailbox.
    seen(api, "old").await;
    assert_eq!(found(api).await, [old.clone(), new.clone()]);
    api.clock.advance(31 * DAY);
    seen(api, "new").await;
    assert_eq!(
        found(api).await,
        [old.clone(), new.clone()],
        "was here since the newest came"
    );
    // A third comes: who was not here for a month is left behind, the others are not.
    let third = json!(seen(api, "third").await.profile.id);
    assert_eq!(found(api).await, [new.clone(), third.clone()]);
    // The hidden one is invited by its id all the same, and is there for those who know it.
    let scene = new_scene(api).await;
    scene.post(api, json!({"invitee": old})).await.expect(201);
    let path = format!("/v1/users/{}", old.as_str().expect("an id"));
    api.get(&scene.bob, &path).await.expect(200);
    // Nobody is left behind for the sake of who is locked out, or of who only writes the address.
    let disable = "UPDATE users SET disabled_at = created_at WHERE subject IN ('new', 'third')";
    api.database.execute(disable).await;
    assert_eq!(found(api).await, std::slice::from_ref(&old));
    let mallory = logged_in(api, "mallory", "eve@example.org", Some(false)).await;
    // Whose address it is not hides nobody, and is not found by it.
    let bob = api.person("bob").await;
    let shown = async |path: &str| {
        let shown = api.get(&bob, path).await.expect(200);
        let shown = shown.as_array().expect("a list").iter();
        shown.map(|user| user["id"].clone()).collect::<Vec<_>>()
    };
    let by_address = shown("/v1/users/find?q=eve%40exam").await;
    assert_eq!(by_address, std::slice::from_ref(&old));
    let listed = shown("/v1/users").await;
    assert!(listed.contains(&old) && listed.contains(&json!(mallory.profile.id)));
}

async fn an_address_that_nobody_vouches_for_is_invited_as_such(api: &Api) {
    let log = Log::start();
    for (subject, verified) in [("silent", None), ("denied", Some(false))] {
        let email = format!("{subject}@example.org");
        logged_in(api, subject, &email, verified).await;
        let scene = new_scene(api).await;
        assert_eq!(invited(api, &scene, &email).await, json!(email));
    }
    // Nobody's address is nothing to tell of.
    let scene = new_scene(api).await;
    assert_eq!(
        invited(api, &scene, "new@example.org").await,
        json!("new@example.org")
    );
    let lines = log.lines();
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("oidc.email_verified"))
        .collect();
    assert_eq!(told.len(), 1, "{lines:#?}");
    assert!(!told[0].contains("example.org"), "{told:?}");
}

async fn a_user_is_invited_by_id_whatever_is_said_of_the_address(api: &Api) {
    let scene = new_scene(api).await;
    for (subject, verified) in [
        ("silent", None),
        ("denied", Some(false)),
        ("verified", Some(true)),
    ] {
        let email = format!("{subject}@example.org");
        let user = logged_in(api, subject, &email, verified).await;
        scene
            .post(api, json!({"invitee": user.profile.id}))
            .await
            .expect(201);
        let profile = scene.last(api).await;
        assert_eq!(profile["id"], json!(user.profile.id), "{subject}");
    }
}

async fn addresses_of_invited_users_stand_for_them(api: &Api) {
    let scene = new_scene(api).await;
    let path = format!("{}/email", scene.path);
    for (subject, verified, status) in [
        ("silent", None, 204),
        ("verified", Some(true), 204),
        ("denied", Some(false), 404),
    ] {
        let email = format!("{subject}@example.org");
        let user = logged_in(api, subject, &email, verified).await;
        scene
            .post(api, json!({"invitee": user.profile.id}))
            .await
            .expect(201);
        for (method, body) in [
            ("PATCH", json!({"email": email, "role": "moderator"})),
            ("DELETE", json!({"email": email})),
        ] {
            let answer = api.call(&scene.alice, method, &path, body).await;
            assert_eq!(
                answer.status.as_u16(),
                status,
                "{method} {subject}: {}",
                answer.body
            );
        }
    }
}

/// Where the operator takes the word of whoever has an address while the provider says nothing.
async fn with_assumed_addresses(kind: Kind) {
    let mut api = Api::start(kind).await;
    api.reconfigure(|config| config.oidc.email_verified = EmailVerified::Assumed);
    let email = "eve@example.org";
    // Said to be somebody else's.
    logged_in(&api, "mallory", "mallory@example.org", Some(false)).await;
    let scene = new_scene(&api).await;
    let address = "mallory@example.org";
    assert_eq!(invited(&api, &scene, address).await, json!(address));
    let eve = logged_in(&api, "eve", email, None).await;
    let scene = new_scene(&api).await;
    assert_eq!(invited(&api, &scene, email).await, json!(eve.profile.id));
    // Of two it is not known which one is meant.
    logged_in(&api, "marvin", email, None).await;
    let mut unclaimed = new_scene(&api).await;
    assert_eq!(invited(&api, &unclaimed, email).await, json!(email));
    // Neither takes what waits for the address.
    for subject in ["eve", "marvin"] {
        logged_in(&api, subject, email, None).await;
        assert_eq!(unclaimed.list(&api, "").await[0]["profile"]["kind"], "email");
    }
    // The provider's word decides.
    api.clock.advance(2 * HOUR);
    unclaimed.alice = api.person("alice").await;
    let owner = logged_in(&api, "owner", email, Some(true)).await;
    let taken = unclaimed.list(&api, "").await;
    assert_eq!(taken[0]["profile"]["id"], json!(owner.profile.id), "{taken}");
    logged_in(&api, "marvin", email, None).await;
    let scene = new_scene(&api).await;
    assert_eq!(invited(&api, &scene, email).await, json!(owner.profile.id));
    api.finish().await;
}

#[tokio::test]
async fn an_address_may_be_assumed_to_be_the_users_on_sqlite() {
    with_assumed_addresses(Kind::Sqlite).await;
}

#[tokio::test]
async fn an_address_may_be_assumed_to_be_the_users_on_postgres() {
    with_assumed_addresses(Kind::Postgres).await;
}
