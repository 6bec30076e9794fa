//! Users see people of their own tenant only.

use colloquy::config::Config;
use serde_json::json;

use super::{Realm, shown};
use crate::{databases::Kind, support::log::Log};

on_both_databases!(Realm:
    only_people_of_the_callers_tenant_are_found, with_one_tenant_nobody_need_have_the_attribute,
    of_several_tenants_nobody_is_found_while_none_is_told);

/// The claim that names tenants.
const CLAIM: &str = "tenant_id";

async fn only_people_of_the_callers_tenant_are_found(realm: &Realm) {
    let (api, directory) = (&realm.api, &realm.directory);
    // Of the tenant "other".
    api.move_to_another_tenant(&realm.bob).await;
    directory.add("twin-0", "Twin", "Nowhere");
    directory.add_of("twin-1", CLAIM, &["other", "acme"]);
    directory.add_of("twin-2", CLAIM, &["acme", "other"]);
    directory.add_of("twin-3", CLAIM, &[]);
    directory.add_of("twin-4", "company", &["other"]);
    directory.add_of("twin-5", CLAIM, &["Other"]);
    assert_eq!(
        realm.found("twin-").await,
        [
            "unregistered twin-0@example.org",
            "unregistered twin-3@example.org",
            "unregistered twin-4@example.org"
        ]
    );
    let found = realm.find(&realm.bob, "twin-").await;
    assert_eq!(shown(&found), ["unregistered twin-1@example.org"]);
    // One question for both.
    assert_eq!(directory.questions().len(), 1);
}

async fn with_one_tenant_nobody_need_have_the_attribute(realm: &Realm) {
    realm.directory.add("zora", "Zora", "Lovelace");
    realm.directory.add_of("zorab", CLAIM, &["acme"]);
    assert_eq!(realm.found("zora").await, [ZORA]);
}

async fn of_several_tenants_nobody_is_found_while_none_is_told(realm: &Realm) {
    let log = Log::start();
    let (api, directory) = (&realm.api, &realm.directory);
    api.move_to_another_tenant(&realm.bob).await;
    directory.add("ada", "Ada", "Lovelace");
    for person in [&realm.alice, &realm.bob] {
        assert!(realm.find(person, "lovelace").await.is_empty());
        assert!(realm.find(person, "ada love").await.is_empty());
    }
    let told = || {
        let lines = log.lines().into_iter();
        lines
            .filter(|line| line.contains("oidc.user_search.tenant_attribute"))
            .count()
    };
    assert_eq!(told(), 1, "{}", log.text());
    // Somebody has it: it is there, and who lacks it is of the default tenant.
    directory.add_of("zoe", CLAIM, &["other"]);
    realm.find(&realm.alice, "zoe").await;
    assert_eq!(realm.found("lovelace").await, ["unregistered ada@example.org"]);
    assert!(realm.find(&realm.bob, "lovelace").await.is_empty());
    assert_eq!(
        shown(&realm.find(&realm.bob, "zoe").await),
        ["unregistered zoe@example.org"]
    );
    assert_eq!(told(), 1);
}

async fn with_settings(kind: Kind, configure: impl FnOnce(&mut Config), expected: [&[&str]; 2]) {
    let realm = Realm::with(kind, configure).await;
    realm.api.move_to_another_tenant(&realm.bob).await;
    realm.directory.add_as(json!({
        "id": "1", "email": "zora@example.org", "firstName": "Zora", "enabled": true,
        "attributes": {CLAIM: ["other"], "company": ["acme"]},
    }));
    realm.directory.add_of("zorab", "company", &["other"]);
    let [of_alice, of_bob] = expected;
    assert_eq!(realm.found("zora").await, of_alice);
    assert_eq!(shown(&realm.find(&realm.bob, "zora").await), of_bob);
    realm.finish().await;
}

const ZORA: &str = "unregistered zora@example.org";
const ZORAB: &str = "unregistered zorab@example.org";

#[tokio::test]
async fn the_attribute_may_have_a_name_of_its_own() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let named = |config: &mut Config| config.oidc.user_search.tenant_attribute = "company".to_owned();
        with_settings(kind, named, [&[], &[ZORAB]]).await;
        with_settings(kind, |_| {}, [&[ZORAB], &[ZORA]]).await;
    }
}

#[tokio::test]
async fn without_a_claim_everybody_is_of_the_default_tenant() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let off = |config: &mut Config| config.oidc.claims.tenant_id = String::new();
        with_settings(kind, off, [&[ZORA, ZORAB], &[]]).await;
    }
}
