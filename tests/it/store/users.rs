//! Users, with their tenants, tariffs and groups.

use colloquy::{
    config::Oidc,
    identity::VerifiedToken,
    store::{
        groups,
        tariffs::{self, DEFAULT_TARIFF, Definition},
        tenants::DEFAULT_TENANT,
        users::{self, ClaimRules, NewUserDefaults, ProfileChange, TariffStatus},
    },
};
use uuid::Uuid;

use super::{Store, at, defaults, token};

on_both_databases!(Store:
    a_new_user_has_the_defaults, claims_update_the_profile,
    twenty_logins_at_once_make_one_user, issuers_have_their_own_subjects, tenants_come_from_claims,
    tariffs_come_from_known_external_ids, groups_are_those_of_the_last_token_that_names_them, groups_belong_to_a_tenant,
    what_is_taken_away_at_the_issuer_is_taken_away, switched_off_claims_are_not_looked_at,
    whoever_is_downgraded_gets_the_tariff_for_that, what_says_nothing_new_is_not_written, visits_are_noted_by_the_hour,
    users_change_their_profile, choices_survive_a_login, what_can_not_be_seen_is_no_choice, search_text_is_folded, eight_words_are_searched_for, odd_texts_are_stored);

#[expect(clippy::unnecessary_wraps, reason = "shortens the tables of claims")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn group_names(store: &Store, user: Uuid) -> Vec<String> {
    let groups = groups::of_user(&store.db, user).await.expect("groups");
    groups.into_iter().map(|group| group.name).collect()
}

async fn a_new_user_has_the_defaults(store: &Store) {
    let user = store.user("ada").await;
    assert_eq!((user.tenant_id, user.tariff_id), (DEFAULT_TENANT, DEFAULT_TARIFF));
    assert_eq!(
        (user.language.as_str(), user.used_storage, user.disabled_at),
        ("en", 0, None)
    );
    let stored = users::by_id(&store.db, user.profile.id).await.expect("a query");
    assert_eq!(stored.as_ref(), Some(&user));
    let found = users::by_identity(&store.db, &user.issuer, &user.subject)
        .await
        .expect("a query");
    assert_eq!(found, Some(user));
    assert_eq!(
        users::by_id(&store.db, Uuid::new_v4()).await.expect("a query"),
        None
    );
}

async fn claims_update_the_profile(store: &Store) {
    let first = store.user("ada").await;
    let mut token = token("ada");
    token.profile.email = some("new@example.org");
    token.profile.family_name = some("Byron");
    token.profile.phone_number = some("+49301234567");
    token.profile.tariff_status = some("paid");
    let second = store.log_in(&token).await;
    assert_eq!(second.profile.id, first.profile.id);
    assert_eq!(
        (second.profile.email.as_str(), second.profile.lastname.as_str()),
        ("new@example.org", "Byron")
    );
    assert_eq!(
        (second.phone.as_deref(), second.tariff_status),
        (Some("+49301234567"), TariffStatus::Paid)
    );
    assert_eq!(
        users::by_id(&store.db, first.profile.id).await.expect("a query"),
        Some(second)
    );
}

async fn twenty_logins_at_once_make_one_user(store: &Store) {
    let mut token = token("ada");
    token.profile.groups = Some(vec!["staff".to_owned(), "chess".to_owned()]);
    token.profile.tenant_id = some("acme");
    let logins = (0..20).map(|_| {
        let (db, token) = (store.db.clone(), token.clone());
        tokio::spawn(async move { users::upsert_from_claims(&db, &token, &defaults(), at(0)).await })
    });
    let mut ids = Vec::new();
    for login in logins.collect::<Vec<_>>() {
        ids.push(login.await.expect("a task").expect("a user").profile.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(store.number("SELECT count(*) FROM users").await, 1);
    assert_eq!(store.number("SELECT count(*) FROM tenants").await, 2);
    assert_eq!(group_names(store, ids[0]).await, ["chess", "staff"]);
}

async fn issuers_have_their_own_subjects(store: &Store) {
    let one = store.user("ada").await;
    let token = VerifiedToken {
        issuer: "https://other.example".to_owned(),
        ..token("ada")
    };
    let other = store.log_in(&token).await;
    assert_ne!(one.profile.id, other.profile.id);
}

async fn tenants_come_from_claims(store: &Store) {
    let with_tenant = |subject: &str| {
        let mut token = token(subject);
        token.profile.tenant_id = some("acme");
        token
    };
    let ada = store.log_in(&with_tenant("ada")).await;
    let bob = store.log_in(&with_tenant("bob")).await;
    assert_ne!(ada.tenant_id, DEFAULT_TENANT);
    assert_eq!(ada.tenant_id, bob.tenant_id);
    // Without the claim the token says nothing.
    assert_eq!(store.user("ada").await.tenant_id, ada.tenant_id);
}

async fn tariffs_come_from_known_external_ids(store: &Store) {
    let uuid = "'11111111-1111-4111-8111-111111111111'";
    let id = if store.settings.url.is_some() {
        uuid.to_owned()
    } else {
        format!("X{}", uuid.replace('-', ""))
    };
    store
        .execute(&format!(
            "INSERT INTO tariffs (id, name, quotas, disabled_modules, disabled_features, created_at, updated_at)
             VALUES ({id}, 'Small', '{{\"max_storage\": 5000000000}}', '[\"polls\"]', '[\"recording::record\"]',
                     '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')"
        ))
        .await;
    store
        .execute(&format!(
            "INSERT INTO tariff_external_ids (external_id, tariff_id) VALUES ('small', {id})"
        ))
        .await;
    let mut token = token("ada");
    token.profile.tariff_id = some("small");
    let ada = store.log_in(&token).await;
    let tariff = tariffs::of_user(&store.db, ada.profile.id)
        .await
        .expect("a query")
        .expect("a tariff");
    assert_eq!(
        (tariff.name.as_str(), tariff.quotas.get("max_storage")),
        ("Small", Some(&5_000_000_000))
    );
    assert_eq!(
        (tariff.disabled_modules, tariff.disabled_features),
        (vec!["polls".to_owned()], vec!["recording::record".to_owned()])
    );
    for unknown in ["gold", "nul\0"] {
        let mut token = super::token(unknown.trim_end_matches('\0'));
        token.profile.tariff_id = some(unknown);
        assert_eq!(store.log_in(&token).await.tariff_id, DEFAULT_TARIFF);
    }
}

async fn groups_are_those_of_the_last_token_that_names_them(store: &Store) {
    let mut token = token("ada");
    let mut named = |names: &[&str]| {
        token.profile.groups = Some(names.iter().copied().map(str::to_owned).collect());
        token.clone()
    };
    let many: Vec<String> = (100..250).map(|number| format!("group {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let user = store
        .log_in(&named(&["b", "Ä", "a", "b", " ", "Z"]))
        .await
        .profile
        .id;
    // Order is binary on both databases.
    assert_eq!(group_names(store, user).await, ["Z", "a", "b", "Ä"]);
    store.log_in(&named(&["c", "a"])).await;
    assert_eq!(group_names(store, user).await, ["a", "c"]);
    store.log_in(&named(&many)).await;
    assert_eq!(group_names(store, user).await.len(), 100);
    // A token that names no groups says nothing about them; together with userinfo it says that there are none.
    store.user("ada").await;
    assert_eq!(group_names(store, user).await.len(), 100);
    store.log_in(&complete(super::token("ada"))).await;
    assert!(group_names(store, user).await.is_empty());
}

/// The same after userinfo has answered.
fn complete(mut token: VerifiedToken) -> VerifiedToken {
    token.profile.userinfo_at = Some(1);
    token
}

/// A token with tenant, tariff, state and a group.
fn rich() -> VerifiedToken {
    let mut token = token("ada");
    token.profile.tenant_id = some("acme");
    token.profile.tariff_id = some("small");
    token.profile.tariff_status = some("paid");
    token.profile.groups = Some(vec!["staff".to_owned()]);
    token
}

async fn tariff(store: &Store, name: &str, external_id: Option<&str>) -> Uuid {
    let definition = Definition {
        name: name.to_owned(),
        external_ids: external_id.into_iter().map(str::to_owned).collect(),
        ..Definition::default()
    };
    tariffs::create(&store.db, definition, at(0))
        .await
        .expect("a tariff")
}

async fn what_is_taken_away_at_the_issuer_is_taken_away(store: &Store) {
    let small = tariff(store, "Small", Some("small")).await;
    let ada = store.log_in(&rich()).await;
    assert_ne!(ada.tenant_id, DEFAULT_TENANT);
    assert_eq!((ada.tariff_id, ada.tariff_status), (small, TariffStatus::Paid));
    // A token alone that lacks says nothing.
    assert_eq!(store.user("ada").await, ada);
    let bare = store.log_in(&complete(token("ada"))).await;
    assert_eq!(
        (bare.tenant_id, bare.tariff_id, bare.tariff_status),
        (DEFAULT_TENANT, DEFAULT_TARIFF, TariffStatus::Default)
    );
    assert!(group_names(store, ada.profile.id).await.is_empty());
    // Nothing older changes anything any more, not even by another client.
    let device = VerifiedToken {
        client: "device".to_owned(),
        ..complete(rich())
    };
    for old in [rich(), device] {
        assert_eq!(store.log_in(&old).await, bare);
        assert!(group_names(store, ada.profile.id).await.is_empty());
    }
}

async fn switched_off_claims_are_not_looked_at(store: &Store) {
    tariff(store, "Small", Some("small")).await;
    let ada = store.log_in(&rich()).await;
    let mut oidc = Oidc::default();
    for name in [
        &mut oidc.claims.tenant_id,
        &mut oidc.claims.tariff_id,
        &mut oidc.claims.tariff_status,
        &mut oidc.claims.groups,
    ] {
        name.clear();
    }
    let off = NewUserDefaults {
        claims: ClaimRules::new(&oidc),
        ..defaults()
    };
    let user = users::upsert_from_claims(&store.db, &rich(), &off, at(1)).await;
    let user = user.expect("a user");
    assert_eq!(
        (user.tenant_id, user.tariff_id, user.tariff_status),
        (DEFAULT_TENANT, DEFAULT_TARIFF, TariffStatus::Default)
    );
    assert!(group_names(store, ada.profile.id).await.is_empty());
}

async fn whoever_is_downgraded_gets_the_tariff_for_that(store: &Store) {
    let (small, late) = (
        tariff(store, "Small", Some("small")).await,
        tariff(store, "Late", None).await,
    );
    let mut oidc = Oidc::default();
    "Late".clone_into(&mut oidc.claims.downgraded_tariff);
    oidc.claims.downgraded_states = vec!["overdue".to_owned()];
    let defaults = NewUserDefaults {
        claims: ClaimRules::new(&oidc),
        ..defaults()
    };
    for (state, tariff, status) in [
        ("paid", small, TariffStatus::Paid),
        ("overdue", late, TariffStatus::Downgraded),
        ("unheard of", small, TariffStatus::Default),
    ] {
        let mut token = rich();
        token.profile.tariff_status = some(state);
        let before = users::by_identity(&store.db, &token.issuer, &token.subject).await;
        if let Some(before) = before.expect("a query") {
            let differs = users::differs(&store.db, &before, &token, &defaults.claims).await;
            assert!(differs.expect("a query"), "{state}");
        }
        let user = users::upsert_from_claims(&store.db, &token, &defaults, at(1)).await;
        let user = user.expect("a user");
        assert_eq!((user.tariff_id, user.tariff_status), (tariff, status), "{state}");
    }
}

async fn what_says_nothing_new_is_not_written(store: &Store) {
    tariff(store, "Small", Some("small")).await;
    let rules = ClaimRules::default();
    let ada = store.log_in(&rich()).await;
    let differs = async |change: &dyn Fn(&mut VerifiedToken)| {
        let mut token = rich();
        change(&mut token);
        let differs = users::differs(&store.db, &ada, &token, &rules).await;
        differs.expect("a query")
    };
    let same: [&dyn Fn(&mut VerifiedToken); 6] = [
        &|_| {},
        &|token| token.profile.userinfo_at = Some(5),
        &|token| token.profile.groups = None,
        &|token| token.profile.tenant_id = None,
        &|token| token.profile.tariff_id = some("gold"),
        &|token| (token.client, token.profile.name) = ("device".to_owned(), some("Other")),
    ];
    for (number, change) in same.into_iter().enumerate() {
        assert!(!differs(change).await, "{number}");
    }
    let other: [&dyn Fn(&mut VerifiedToken); 7] = [
        &|token| token.profile.name = some("Other"),
        &|token| token.profile.email_verified = Some(true),
        &|token| token.profile.tenant_id = some("zeta"),
        &|token| token.profile.groups = Some(Vec::new()),
        &|token| token.profile.tariff_status = some("downgraded"),
        &|token| {
            token.profile.tenant_id = None;
            token.profile.userinfo_at = Some(5);
        },
        &|token| {
            "device".clone_into(&mut token.client);
            token.profile.phone_number = some("+49 1");
        },
    ];
    for (number, change) in other.into_iter().enumerate() {
        assert!(differs(change).await, "{number}");
    }
}

async fn visits_are_noted_by_the_hour(store: &Store) {
    let ada = store.user("ada").await;
    assert_eq!(ada.seen_at, at(0));
    for (now, seen) in [(3_599, 0), (3_600, 3_600), (7_199, 3_600)] {
        users::note_seen(&store.db, &ada, at(now)).await.expect("noted");
        let stored = users::by_id(&store.db, ada.profile.id).await.expect("a query");
        assert_eq!(stored.expect("a user").seen_at, at(seen), "{now}");
    }
}

async fn groups_belong_to_a_tenant(store: &Store) {
    let mut ids = Vec::new();
    for (subject, tenant) in [("ada", None), ("bob", some("acme")), ("carol", some("acme"))] {
        let mut token = token(subject);
        token.profile.groups = Some(vec!["staff".to_owned()]);
        token.profile.tenant_id = tenant;
        let user = store.log_in(&token).await;
        let groups = groups::of_user(&store.db, user.profile.id).await.expect("groups");
        ids.push(groups.first().expect("a group").id);
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[1], ids[2]);
}

async fn users_change_their_profile(store: &Store) {
    let user = store.user("ada").await;
    let change = ProfileChange {
        title: some("Dr."),
        display_name: some("  Ada L.  "),
        language: some("de"),
        dashboard_theme: some("dark"),
        conference_theme: some("light"),
    };
    let changed = users::update_profile(&store.db, user.profile.id, change, None, at(1)).await;
    let changed = changed.expect("a query").expect("a user");
    assert_eq!(
        (
            changed.profile.title.as_str(),
            changed.profile.display_name.as_str()
        ),
        ("Dr.", "Ada L.")
    );
    assert_eq!(
        (
            changed.dashboard_theme.as_str(),
            changed.conference_theme.as_str()
        ),
        ("dark", "light")
    );
    assert_eq!(
        users::by_id(&store.db, user.profile.id).await.expect("a query"),
        Some(changed)
    );
    let nobody =
        users::update_profile(&store.db, Uuid::new_v4(), ProfileChange::default(), None, at(1)).await;
    assert_eq!(nobody.expect("a query"), None);
}

async fn choices_survive_a_login(store: &Store) {
    let user = store.user("ada").await;
    let name = |name: &str| ProfileChange {
        display_name: some(name),
        ..ProfileChange::default()
    };
    users::update_profile(&store.db, user.profile.id, name("Me"), None, at(1))
        .await
        .expect("a user");
    assert_eq!(store.user("ada").await.profile.display_name, "Me");
    // An empty name gives the choice back.
    let reset = users::update_profile(&store.db, user.profile.id, name(" "), None, at(2)).await;
    assert_eq!(
        reset.expect("a query").expect("a user").profile.display_name,
        "ada"
    );
    let mut token = token("ada");
    token.profile.name = some("Countess");
    assert_eq!(store.log_in(&token).await.profile.display_name, "Countess");
}

async fn what_can_not_be_seen_is_no_choice(store: &Store) {
    let mut token = token("ada");
    token.profile.given_name = some("Ada");
    let user = store.log_in(&token).await;
    for blank in ["", " \t", "\u{200b}", "\u{202e} \u{2069}"] {
        for (claimed, expected) in [(some("Countess"), "Countess"), (None, "Ada")] {
            let named = async |name: &str| {
                let change = ProfileChange {
                    display_name: some(name),
                    ..ProfileChange::default()
                };
                let changed =
                    users::update_profile(&store.db, user.profile.id, change, claimed.clone(), at(1)).await;
                changed.expect("a query").expect("a user").profile.display_name
            };
            assert_eq!(named("\u{202e} M\u{200b}e ").await, "Me");
            assert_eq!(named(blank).await, expected, "{blank:?}");
        }
    }
}

async fn search_text_is_folded(store: &Store) {
    let mut token = token("ada");
    token.profile.name = some("ÄDA");
    token.profile.email = some("Ada@Example.org");
    store.log_in(&token).await;
    let found = "SELECT count(*) FROM users WHERE search_text LIKE '%ada\n%' AND search_text LIKE '%ada@example.org%'";
    assert_eq!(store.number(found).await, 1);
}

/// Each is looked for in every user.
async fn eight_words_are_searched_for(store: &Store) {
    let ada = store.user("ada").await;
    let number = async |words: &str| {
        let found = users::find(&store.db, ada.tenant_id, words, 10, at(0)).await;
        found.expect("a query").len()
    };
    assert_eq!(number("a ad ada d da @ . zzz").await, 0);
    assert_eq!(number("a ad ada d da @ . e zzz").await, 1, "the ninth");
}

async fn odd_texts_are_stored(store: &Store) {
    let mut token = token("'; DROP TABLE users; --");
    token.profile.name = some("a\0b 🦀 \u{202e}");
    token.profile.groups = Some(vec!["\0".to_owned(), "100 % _".to_owned()]);
    let user = store.log_in(&token).await;
    assert_eq!(user.profile.display_name, "ab 🦀");
    assert_eq!(group_names(store, user.profile.id).await, ["100 % _"]);
}
