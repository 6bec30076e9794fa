//! `/v1/users`, `/v1/users/{id}`, `/v1/users/find` and `/v1/users/me/tariff`.

use colloquy::config::{Avatars, DevUser, UserSearch};
use serde_json::{Value, json};

use super::api::{Api, Person};
use crate::databases::Kind;

on_both_databases!(Crowd:
    users_are_listed_in_pages, a_user_is_shown_without_secrets, addresses_are_for_those_of_one_event_or_group,
    searches_match_names_and_addresses, wildcards_are_letters,
    searches_have_a_length, at_most_twenty_are_found, disabled_users_are_not_found, the_tariff_is_told_in_both_forms);

/// Alice, bob, and people with names worth looking for.
struct Crowd {
    api: Api,
    alice: Person,
}

impl Crowd {
    async fn start(kind: Kind) -> Self {
        let api = Api::with(kind, |config| {
            config.defaults.avatars = Avatars::Libravatar;
            for (name, given, family) in [("uli", "Ülrike", "Öz_Kan"), ("per", "Per", "100% Sure")] {
                config.dev_issuer.users.push(DevUser {
                    username: name.to_owned(),
                    password: name.to_owned(),
                    email: format!("{name}@Example.org"),
                    given_name: given.to_owned(),
                    family_name: family.to_owned(),
                    // Dora's.
                    groups: (name == "per").then(|| "chess".to_owned()).into_iter().collect(),
                    roles: Vec::new(),
                });
            }
        })
        .await;
        let alice = api.person("alice").await;
        for name in ["alice", "bob", "uli", "per"] {
            let person = api.person(name).await;
            api.get(&person, "/v1/users/me").await.expect(200);
            api.clock.advance(1);
        }
        Self { api, alice }
    }

    async fn finish(self) {
        self.api.finish().await;
    }

    /// First names of those who are found.
    async fn found(&self, q: &str) -> Vec<String> {
        let query = form_urlencoded(q);
        let found = self
            .api
            .get(&self.alice, &format!("/v1/users/find?q={query}"))
            .await;
        let found = found.expect(200);
        let names = found.as_array().expect("a list").iter().map(|user| {
            assert_eq!(user["kind"], "registered");
            user["firstname"].as_str().expect("a name").to_owned()
        });
        names.collect()
    }
}

fn form_urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn users_are_listed_in_pages(crowd: &Crowd) {
    let api = &crowd.api;
    let all = api.get(&crowd.alice, "/v1/users").await;
    assert!(!all.headers.contains_key("link"));
    let all = all.expect(200);
    let names: Vec<_> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|user| &user["firstname"])
        .collect();
    assert_eq!(names, ["Alice", "Bob", "Ülrike", "Per"]);
    let page = api.get(&crowd.alice, "/v1/users?per_page=3&page=2").await;
    assert_eq!(
        page.header("link"),
        "</v1/users?per_page=3&page=1>; rel=\"first\", </v1/users?per_page=3&page=1>; rel=\"prev\", \
         </v1/users?per_page=3&page=2>; rel=\"last\""
    );
    assert_eq!(page.expect(200), json!([all[3]]));
    api.needs_a_user("GET", "/v1/users").await;
}

async fn a_user_is_shown_without_secrets(crowd: &Crowd) {
    let api = &crowd.api;
    let bob = api.person("bob").await;
    let me = api.get(&bob, "/v1/users/me").await.expect(200);
    let path = format!("/v1/users/{}", me["id"].as_str().expect("an id"));
    let seen = api.get(&crowd.alice, &path).await.expect(200);
    let own = api.get(&bob, &path).await.expect(200);
    let fields = [
        "id",
        "email",
        "title",
        "firstname",
        "lastname",
        "display_name",
        "avatar_url",
    ];
    let expected: serde_json::Map<String, Value> = fields
        .iter()
        .map(|field| ((*field).to_owned(), me[*field].clone()))
        .collect();
    let mut expected = Value::Object(expected);
    assert_eq!(own, expected);
    // Nothing of the address, nor its hash.
    expected["email"] = json!("");
    expected["avatar_url"] = json!("");
    assert_eq!(seen, expected);
    let nobody = "/v1/users/00000000-0000-4000-8000-000000000000";
    api.get(&crowd.alice, nobody).await.refused(404, "not_found");
    api.get(&crowd.alice, "/v1/users/1")
        .await
        .refused(400, "bad_request");
    api.needs_a_user("GET", &path).await;
}

/// Of these people those whose address the reader sees in the list and of each; a search shows it of all.
async fn addresses_seen(api: &Api, reader: &Person) -> Vec<String> {
    let listed = api.get(reader, "/v1/users").await.expect(200);
    let found = api
        .get(reader, "/v1/users/find?q=%40example.org")
        .await
        .expect(200);
    let mut seen = Vec::new();
    for user in listed.as_array().expect("a list") {
        let id = &user["id"];
        let path = format!("/v1/users/{}", id.as_str().expect("an id"));
        assert_eq!(api.get(reader, &path).await.expect(200), *user);
        let mut found = found.as_array().expect("a list").iter();
        let found = found
            .find(|found| found["id"] == *id)
            .expect("everybody is found");
        assert!(found["email"] != "" && found["avatar_url"] != "", "{found}");
        let email = user["email"].as_str().expect("a text").to_lowercase();
        assert_eq!(email.is_empty(), user["avatar_url"] == "");
        seen.extend((!email.is_empty()).then(|| email.replace("@example.org", "")));
    }
    seen.sort();
    seen
}

async fn addresses_are_for_those_of_one_event_or_group(crowd: &Crowd) {
    let (api, alice) = (&crowd.api, &crowd.alice);
    let (per, dora) = (api.person("per").await, api.person("dora").await);
    api.get(&dora, "/v1/users/me").await.expect(200);
    assert_eq!(addresses_seen(api, alice).await, ["alice"]);
    assert_eq!(addresses_seen(api, &per).await, ["dora", "per"], "one group");
    assert_eq!(addresses_seen(api, &dora).await, ["dora", "per"]);

    let room = api.room(alice, json!({})).await;
    let event = api.event_in(&room, false).await;
    let bob = api.invited(event, "bob", "user").await;
    assert_eq!(addresses_seen(api, alice).await, ["alice", "bob"], "an own event");
    assert_eq!(
        addresses_seen(api, &bob).await,
        ["alice", "bob"],
        "an event of the other"
    );
    let other = api.room(&per, json!({})).await;
    let other = api.event_in(&other, false).await;
    api.invited(other, "bob", "user").await;
    let uli = api.invited(event, "uli", "moderator").await;
    assert_eq!(
        addresses_seen(api, &uli).await,
        ["alice", "bob", "uli"],
        "invited together"
    );
    assert_eq!(addresses_seen(api, &per).await, ["bob", "dora", "per"]);
    crate::support::planted::withdraw(&api.database.db, event, "bob@example.org").await;
    assert_eq!(addresses_seen(api, &uli).await, ["alice", "uli"]);
}

async fn searches_match_names_and_addresses(crowd: &Crowd) {
    for (q, names) in [
        ("ali", &["Alice"][..]),
        ("ALICE AD", &["Alice"]),
        ("adams alice", &["Alice"]),
        ("  bob  ", &["Bob"]),
        ("üLRI", &["Ülrike"]),
        ("öz_kan", &["Ülrike"]),
        ("bob@example", &["Bob"]),
        ("@example.org", &["Alice", "Bob", "Per", "Ülrike"]),
        ("alice burton", &[]),
        ("zzz", &[]),
    ] {
        assert_eq!(crowd.found(q).await, names, "{q}");
    }
    crowd.api.needs_a_user("GET", "/v1/users/find?q=alice").await;
}

async fn wildcards_are_letters(crowd: &Crowd) {
    for (q, names) in [
        ("100% s", &["Per"][..]),
        ("a%s", &[]),
        ("___", &[]),
        ("%%%", &[]),
        ("z_k", &["Ülrike"]),
        (r"\\\", &[]),
        ("'--", &[]),
    ] {
        assert_eq!(crowd.found(q).await, names, "{q}");
    }
}

async fn searches_have_a_length(crowd: &Crowd) {
    let long = "x".repeat(256);
    for (query, code) in [
        ("?q=ab", "query_too_short"),
        ("?q=", "query_too_short"),
        ("?q=%20%20a%20", "query_too_short"),
        ("?q=%C3%BC%C3%BC", "query_too_short"),
        ("", "query_too_short"),
        ("?q=abc&q=abc", "bad_request"),
        ("?q=abc%00", "bad_request"),
        (&format!("?q={long}"), "bad_request"),
    ] {
        let path = format!("/v1/users/find{query}");
        crowd.api.get(&crowd.alice, &path).await.refused(400, code);
    }
}

async fn at_most_twenty_are_found(crowd: &Crowd) {
    let api = &crowd.api;
    let bob = api.person("bob").await;
    let token = api.state.verifier.verify_access_token(&bob.access_token).await;
    let token = token.expect("a good token");
    for number in 0..25 {
        let mut token = (*token).clone();
        token.subject = format!("twin-{number:02}");
        token.profile.name = Some(format!("Twin {number:02}"));
        token.profile.given_name = Some(format!("{number:02}"));
        let (defaults, now) = (api.state.new_user_defaults(), api.state.clock.now());
        colloquy::store::users::upsert_from_claims(&api.state.db, &token, &defaults, now)
            .await
            .expect("a user");
    }
    let expected: Vec<_> = (0..20).map(|number| format!("{number:02}")).collect();
    assert_eq!(crowd.found("twin").await, expected);
}

async fn disabled_users_are_not_found(crowd: &Crowd) {
    let api = &crowd.api;
    let disable = "UPDATE users SET disabled_at = created_at WHERE firstname = 'Bob'";
    api.database.execute(disable).await;
    assert!(crowd.found("bob").await.is_empty());
    let listed = api.get(&crowd.alice, "/v1/users").await.expect(200);
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
}

async fn the_tariff_is_told_in_both_forms(crowd: &Crowd) {
    let api = &crowd.api;
    api.database
        .execute(
            r#"UPDATE tariffs SET
             quotas = '{"max_storage": 5000000000, "events_max": 7, "invites_per_room_max": 0}',
             disabled_modules = '["polls"]', disabled_features = '["call_in"]'"#,
        )
        .await;
    let tariff = api.get(&crowd.alice, "/v1/users/me/tariff").await.expect(200);
    assert_eq!(tariff["name"], "Default");
    // The tariff's own, and those of the settings that it does not name.
    let quotas = &tariff["quotas"];
    assert_eq!(quotas["max_storage"], 5_000_000_000_u64);
    assert_eq!(
        (&quotas["rooms_max"], &quotas["events_max"]),
        (&json!(1_000), &json!(7))
    );
    assert_eq!(quotas.get("invites_per_room_max"), None, "no limit");
    assert_eq!(quotas.get("room_participant_limit"), None);
    assert_eq!(tariff["disabled_features"], json!(["core::call_in"]));
    let modules = tariff["modules"].as_object().expect("a map");
    let features = modules["core"]["features"].as_array().expect("a list");
    assert!(features.contains(&json!("guests_allowed")) && !features.contains(&json!("call_in")));
    assert!(modules.contains_key("chat") && !modules.contains_key("polls"));
    let names: Vec<_> = modules.keys().map(|name| json!(name)).collect();
    assert_eq!(tariff["enabled_modules"], json!(names));
    api.needs_a_user("GET", "/v1/users/me/tariff").await;
}

/// Where the operator does not want users to look for others.
mod closed {
    use colloquy::config::UserSearch;

    use crate::{databases::Kind, rest::api::Api};

    on_both_databases!(Closed: a_search_that_is_off_is_not_there);

    struct Closed(Api);

    impl Closed {
        async fn start(kind: Kind) -> Self {
            Self(Api::with(kind, |config| config.defaults.user_search = UserSearch::Off).await)
        }

        async fn finish(self) {
            self.0.finish().await;
        }
    }

    async fn a_search_that_is_off_is_not_there(closed: &Closed) {
        let alice = closed.0.person("alice").await;
        for query in ["?q=alice", "?q=a", "?q="] {
            let path = format!("/v1/users/find{query}");
            closed.0.get(&alice, &path).await.refused(404, "not_found");
        }
        closed.0.get(&alice, "/v1/users").await.refused(404, "not_found");
    }
}

/// Where only those are found whose address one knows.
async fn with_exact_search(kind: Kind) {
    let mut crowd = Crowd::start(kind).await;
    crowd
        .api
        .reconfigure(|config| config.defaults.user_search = UserSearch::Exact);
    let api = &crowd.api;
    api.get(&crowd.alice, "/v1/users").await.refused(404, "not_found");
    for q in [
        "bob",
        "bob@example",
        "ob@example.org",
        "@example.org",
        "%@example.org",
        "b_b@example.org",
    ] {
        assert!(crowd.found(q).await.is_empty(), "{q}");
    }
    assert_eq!(crowd.found(" BOB@example.ORG ").await, ["Bob"]);
    assert_eq!(crowd.found("uli@example.org").await, ["Ülrike"]);
    // More than the address is no address.
    assert!(crowd.found("Burton\nbob@example.org").await.is_empty());
    let found = api.get(&crowd.alice, "/v1/users/find?q=bob%40example.org").await;
    // Known to whoever asks.
    assert_eq!(found.expect(200)[0]["email"], "bob@example.org");
    let short = api.get(&crowd.alice, "/v1/users/find?q=bo").await;
    short.refused(400, "query_too_short");
    crowd.finish().await;
}

#[tokio::test]
async fn a_search_may_want_whole_addresses_on_sqlite() {
    with_exact_search(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_search_may_want_whole_addresses_on_postgres() {
    with_exact_search(Kind::Postgres).await;
}
