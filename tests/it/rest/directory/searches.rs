//! Who is found, and how the directory is asked.

use colloquy::config::UserSearch;
use serde_json::json;

use super::{Realm, shown};
use crate::databases::Kind;

on_both_databases!(Realm:
    people_of_the_directory_follow_those_of_the_database, what_means_something_to_the_directory_is_taken_out,
    whoever_has_a_row_is_never_unregistered, addresses_are_shown_once, at_most_twenty_are_found,
    who_can_not_be_invited_is_not_found, an_answer_is_good_for_half_a_minute, so_many_searches_a_second_are_passed_on,
    a_log_in_is_used_until_it_ends);

async fn people_of_the_directory_follow_those_of_the_database(realm: &Realm) {
    let directory = &realm.directory;
    directory.add("aaron", "Aaron", "Adams");
    directory.add("carla", "Car\u{202e}la", "  Adams ");
    directory.add("zoe", "Zoe", "Zander");
    let found = realm.find(&realm.alice, "Adams").await;
    assert_eq!(
        shown(&found),
        [
            "registered alice@example.org",
            "unregistered aaron@example.org",
            "unregistered carla@example.org"
        ]
    );
    let expected = json!({
        "kind": "unregistered", "email": "carla@example.org", "firstname": "Carla", "lastname": "Adams",
        // md5 of the address.
        "avatar_url": "https://seccdn.libravatar.org/avatar/1a35666d4e98b1f2aae921bccac0a020",
    });
    assert_eq!(found[2], expected);
    // A part of an address, and of two names.
    assert_eq!(realm.found("zoe@exam").await, ["unregistered zoe@example.org"]);
    assert_eq!(realm.found("aaron ada").await, ["unregistered aaron@example.org"]);
    assert!(realm.found("nobody").await.is_empty());
}

async fn what_means_something_to_the_directory_is_taken_out(realm: &Realm) {
    let directory = &realm.directory;
    directory.add("ada", "Ada", "Lovelace");
    let rest = "&enabled=true&first=0&max=100&briefRepresentation=false";
    for (q, search) in [
        ("\"ada\"", "*ada*"),
        ("*Ada* love", "*ada+love*"),
        ("a*d\"a &x=1", "*ada+%26x%3D1*"),
    ] {
        realm.found(q).await;
        let asked = directory.questions().pop().expect("a question");
        assert_eq!(asked, format!("search={search}{rest}"), "{q}");
        realm.api.clock.advance(30);
    }
    let before = directory.questions().len();
    realm.api.clock.advance(1);
    // Would find everybody.
    for q in ["***", "\"\"\"", "*a*", "a\"b*"] {
        assert!(realm.found(q).await.is_empty(), "{q}");
    }
    assert_eq!(directory.questions().len(), before);
}

async fn whoever_has_a_row_is_never_unregistered(realm: &Realm) {
    let directory = &realm.directory;
    for name in ["here", "gone", "else", "past", "free"] {
        directory.add(name, "Twin", name);
    }
    realm.user("id-here", "here@example.org", |_| {}).await;
    realm.user("id-gone", "gone@example.org", |_| {}).await;
    let disable = "UPDATE users SET disabled_at = created_at WHERE subject = 'id-gone'";
    realm.api.database.execute(disable).await;
    let tenant =
        |profile: &mut colloquy::identity::ProfileClaims| profile.tenant_id = Some("acme".to_owned());
    realm.user("id-else", "else@example.org", tenant).await;
    // Had another address when it was here.
    realm.user("id-past", "former@example.org", |_| {}).await;
    // The directory must tell tenants, now that there are two.
    directory.add_of("acme", "tenant_id", &["acme"]);
    assert_eq!(
        realm.found("example.org").await,
        [
            "registered alice@example.org",
            "registered bob@example.org",
            "registered former@example.org",
            "registered here@example.org",
            "unregistered free@example.org"
        ]
    );
    assert_eq!(realm.found("twin").await, ["unregistered free@example.org"]);
}

async fn addresses_are_shown_once(realm: &Realm) {
    let directory = &realm.directory;
    let account = |id: &str, email: &str| json!({"id": id, "username": id, "email": email, "firstName": "Twin", "lastName": id, "enabled": true});
    // Bob is a user of another issuer, with the same address.
    for (id, email) in [
        ("1", "BOB@example.org"),
        ("2", "twin@example.org"),
        ("3", "Twin@Example.org"),
    ] {
        directory.add_as(account(id, email));
    }
    // Also where his name here is not what was looked for.
    assert_eq!(realm.found("twin").await, ["unregistered twin@example.org"]);
    assert_eq!(realm.found("bob@ex").await, ["registered bob@example.org"]);
}

async fn at_most_twenty_are_found(realm: &Realm) {
    for number in 0..19 {
        realm.directory.add(&format!("peer{number:02}"), "Peer", "X");
    }
    for number in 0..4 {
        let email = format!("peer-{number}@example.org");
        let name = |profile: &mut colloquy::identity::ProfileClaims| profile.name = Some("A Peer".to_owned());
        realm.user(&format!("s{number}"), &email, name).await;
    }
    let found = realm.found("peer").await;
    assert_eq!(found.len(), 20);
    let registered = found.iter().filter(|one| one.starts_with("registered"));
    assert_eq!(registered.count(), 4, "{found:?}");
    assert_eq!(found[4], "unregistered peer00@example.org");
    for number in 4..20 {
        let email = format!("peer-{number}@example.org");
        realm.user(&format!("s{number}"), &email, |_| {}).await;
    }
    let before = realm.directory.questions().len();
    let found = realm.found("peer-").await;
    assert!(found.iter().all(|one| one.starts_with("registered")) && found.len() == 20);
    assert_eq!(
        realm.directory.questions().len(),
        before,
        "there is no place left"
    );
}

async fn who_can_not_be_invited_is_not_found(realm: &Realm) {
    let directory = &realm.directory;
    directory.add("ada", "Twin", "A");
    for (field, value) in [
        ("enabled", json!(false)),
        ("email", json!(null)),
        ("email", json!("no address")),
    ] {
        let mut account = json!({
            "id": format!("odd-{value}"), "username": "odd", "email": "odd@example.org", "firstName": "Twin",
            "enabled": true,
        });
        account[field] = value;
        directory.add_as(account);
    }
    assert_eq!(realm.found("twin").await, ["unregistered ada@example.org"]);
}

async fn an_answer_is_good_for_half_a_minute(realm: &Realm) {
    let directory = &realm.directory;
    directory.add("ada", "Ada", "Lovelace");
    for q in ["Lovelace", " LOVELACE ", "love*lace"] {
        assert_eq!(realm.found(q).await.len(), 1, "{q}");
    }
    assert_eq!(shown(&realm.find(&realm.bob, "lovelace").await).len(), 1);
    assert_eq!(directory.questions().len(), 1);
    directory.realm().people.clear();
    realm.api.clock.advance(29);
    assert_eq!(realm.found("lovelace").await.len(), 1);
    // What changes here is seen at once.
    realm.user("id-ada", "ada@example.org", |_| {}).await;
    assert_eq!(realm.found("lovelace").await, Vec::<String>::new());
    realm.api.clock.advance(1);
    assert!(realm.found("lovelace").await.is_empty());
    assert_eq!(directory.questions().len(), 2);
}

async fn so_many_searches_a_second_are_passed_on(realm: &Realm) {
    realm.directory.add("ada", "Ada", "Lovelace");
    for number in 0..8 {
        let found = realm.found(&"lovelace ada"[..number + 4]).await;
        assert_eq!(found.len(), usize::from(number < 5), "{number}: {found:?}");
    }
    assert_eq!(realm.found("alice").await, ["registered alice@example.org"]);
    assert_eq!(realm.directory.questions().len(), 5);
    // Others have searches of their own.
    let found = realm.find(&realm.bob, "ada lovelace").await;
    assert_eq!(shown(&found), ["unregistered ada@example.org"]);
    realm.api.clock.advance(1);
    assert_eq!(realm.found("ada lovel").await, ["unregistered ada@example.org"]);
}

async fn a_log_in_is_used_until_it_ends(realm: &Realm) {
    let directory = &realm.directory;
    directory.add("ada", "Ada", "Lovelace");
    let look = async || {
        // The last answer is good no more.
        realm.api.clock.advance(30);
        assert_eq!(realm.found("lovelace").await, ["unregistered ada@example.org"]);
        directory.logins()
    };
    assert_eq!(look().await, 1);
    assert_eq!(look().await, 1);
    // What the provider does not know any more is replaced.
    directory.realm().token_secs = Some(40);
    directory.revoke_tokens();
    assert_eq!(look().await, 2);
    assert_eq!(look().await, 3, "ten seconds before it ends");
    directory.realm().token_secs = None;
    assert_eq!(look().await, 4);
    assert_eq!(look().await, 4);
    assert_eq!(look().await, 5, "a minute, where it does not say");
}

/// Where only those are found whose address one knows.
async fn with_exact_search(kind: Kind) {
    let realm = Realm::with(kind, |config| config.defaults.user_search = UserSearch::Exact).await;
    let directory = &realm.directory;
    directory.add("ada", "Ada", "Lovelace");
    directory.add("ada.l", "Ada", "Lovelace");
    assert_eq!(
        realm.found(" ADA@example.org ").await,
        ["unregistered ada@example.org"]
    );
    let asked = directory.questions();
    assert_eq!(
        asked,
        ["email=ada%40example.org&exact=true&enabled=true&first=0&max=100&briefRepresentation=false"]
    );
    assert_eq!(
        realm.found("bob@example.org").await,
        ["registered bob@example.org"]
    );
    realm.api.clock.advance(1);
    for q in ["ada", "ada@exam", "lovelace", "*@example.org"] {
        assert!(realm.found(q).await.is_empty(), "{q}");
    }
    realm.finish().await;
}

#[tokio::test]
async fn whole_addresses_are_asked_for_on_sqlite() {
    with_exact_search(Kind::Sqlite).await;
}

#[tokio::test]
async fn whole_addresses_are_asked_for_on_postgres() {
    with_exact_search(Kind::Postgres).await;
}
