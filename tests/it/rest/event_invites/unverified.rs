//! An address that the identity provider calls unverified is nobody's.

use colloquy::store::users;
use serde_json::{Value, json};

use super::{Scene, addresses::logged_in, mails::WithMail};

on_both_databases!(WithMail: it_finds_nobody_and_is_not_shown, it_gets_no_mail);

const VICTIM: &str = "victim@bank.example";

/// The hash of no address.
const NO_ADDRESS_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

async fn it_finds_nobody_and_is_not_shown(api: &WithMail) {
    let alice = api.person("alice").await;
    let denied = logged_in(api, "mallory", VICTIM, Some(false)).await;
    logged_in(api, "silent", "silent@example.net", None).await;
    let find = async |q: &str| {
        let path = format!("/v1/users/find?q={q}");
        api.get(&alice, &path).await.expect(200)
    };
    for q in [
        "victim%40bank.example",
        "victim%40",
        "bank.example",
        "victim+bank",
    ] {
        assert_eq!(find(q).await, json!([]), "{q}");
    }
    // By the name, which is not the provider's word on an address.
    let found = find("victim").await;
    let found = &found[0];
    assert_eq!(
        (&found["id"], &found["email"]),
        (&json!(denied.profile.id), &json!(""))
    );
    let avatar = found["avatar_url"].as_str().expect("a text");
    assert!(avatar.ends_with(NO_ADDRESS_MD5), "{avatar}");
    // Where the provider says nothing, all is as ever.
    for q in ["silent%40example.net", "example.net"] {
        assert_eq!(find(q).await[0]["email"], "silent@example.net", "{q}");
    }
    let (db, now) = (&api.database.db, api.state.clock.now());
    for (email, number) in [(VICTIM, 0), ("silent@example.net", 1)] {
        let exact = users::with_address(db, denied.tenant_id, email, 20, now).await;
        assert_eq!(exact.expect("a query").len(), number, "{email}");
    }
    let listed = api.get(&alice, "/v1/users").await.expect(200);
    assert!(!listed.to_string().contains(VICTIM), "{listed}");
    logged_in(api, "mallory", VICTIM, Some(true)).await;
    assert_eq!(find("bank.example").await[0]["email"], VICTIM);
}

async fn it_gets_no_mail(api: &WithMail) {
    let scene = Scene::set(api).await;
    let denied = logged_in(api, "mallory", VICTIM, Some(false)).await;
    api.mails().await;
    let body = json!({"invitee": denied.profile.id});
    scene.post(api, body).await.expect(201);
    assert_eq!(api.mails().await, Vec::<Value>::new());
    let invitee = scene.last(api).await;
    assert_eq!(
        (&invitee["id"], &invitee["email"]),
        (&json!(denied.profile.id), &json!(""))
    );
    let event = format!("/v1/events/{}", scene.event);
    let told = async |title: &str| {
        let change = json!({"title": title});
        api.call(&scene.alice, "PATCH", &event, change).await.expect(200);
        let mails = api.mails().await;
        mails.iter().any(|mail| mail["receiver"]["email"] == VICTIM)
    };
    assert!(!told("Go").await);
    logged_in(api, "mallory", VICTIM, Some(true)).await;
    assert!(told("Mill").await);
}
