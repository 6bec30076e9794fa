//! Who is disabled, as a running server knows it.

use colloquy::{
    disabled_users::DisabledUsers,
    store::{
        disabled_subjects,
        users::{self, Identity, Merge, User},
    },
};

use super::{Store, at};

on_both_databases!(Store: a_look_finds_who_has_changed, whoever_was_merged_is_disabled_by_both_ids, services_are_looked_for_too, what_was_known_holds_without_a_database, many_are_read_in_pages);

async fn disable(store: &Store, user: &User) {
    let switched = users::disable(&store.db, user.profile.id, at(1)).await;
    assert!(switched.expect("a statement").expect("a user").changed);
}

fn knows(disabled: &DisabledUsers, user: &User) -> bool {
    let by_id = disabled.has(user.profile.id);
    assert_eq!(disabled.has_subject(&user.issuer, &user.subject), by_id);
    by_id
}

async fn a_look_finds_who_has_changed(store: &Store) {
    let (ada, bob) = (store.user("ada").await, store.user("bob").await);
    disable(store, &ada).await;
    let disabled = DisabledUsers::load(&store.db, &[]).await.expect("a look");
    assert_eq!((knows(&disabled, &ada), knows(&disabled, &bob)), (true, false));
    assert!(disabled.look(&store.db).await.expect("a look").is_empty());
    disable(store, &bob).await;
    let enabled = users::enable(&store.db, ada.profile.id).await;
    assert!(enabled.expect("a statement").expect("a user").changed);
    assert_eq!(disabled.look(&store.db).await.expect("a look"), [bob.profile.id]);
    assert_eq!((knows(&disabled, &ada), knows(&disabled, &bob)), (false, true));
    store.execute("DELETE FROM users").await;
    assert!(disabled.look(&store.db).await.expect("a look").is_empty());
    assert!(!knows(&disabled, &bob));
}

async fn whoever_was_merged_is_disabled_by_both_ids(store: &Store) {
    let people = [
        store.user("first").await,
        store.user("second").await,
        store.user("third").await,
    ];
    let ids = people.each_ref().map(|user| user.profile.id);
    // The second goes into the first, which goes into the third.
    for (kept, gone) in [(ids[0], ids[1]), (ids[2], ids[0])] {
        let identity = Identity::OfKept;
        let merged = users::merge(&store.db, Merge { kept, gone, identity }, at(1)).await;
        merged.expect("a merge").expect("a user");
    }
    disable(store, &people[2]).await;
    let disabled = DisabledUsers::load(&store.db, &[]).await.expect("a look");
    // Sessions of meetings that run have the ids of before.
    assert_eq!(ids.map(|id| disabled.has(id)), [true; 3]);
}

async fn services_are_looked_for_too(store: &Store) {
    const MANY: usize = 2_500;
    let issuer = "https://issuer.example";
    let (since, is_new) = disabled_subjects::disable(&store.db, issuer, "gateway", at(1))
        .await
        .expect("a statement");
    assert_eq!((since, is_new), (at(1), true));
    let again = disabled_subjects::disable(&store.db, issuer, "gateway", at(2)).await;
    assert_eq!(
        again.expect("a statement"),
        (at(1), false),
        "the first time counts"
    );
    store
        .execute(&format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
             INSERT INTO disabled_subjects (issuer, subject, at)
             SELECT issuer, 'many-' || n, at FROM disabled_subjects, numbers"
        ))
        .await;
    let disabled = DisabledUsers::default();
    assert!(
        disabled.look(&store.db).await.expect("a look").is_empty(),
        "no users"
    );
    for subject in ["gateway", "many-1", "many-999", "many-2500"] {
        assert!(disabled.has_subject(issuer, subject), "{subject}");
        assert!(
            disabled.has_subject("https://issuer.example/", subject),
            "{subject}"
        );
    }
    assert!(!disabled.has_subject(issuer, "many-2501"));
    assert!(
        disabled_subjects::enable(&store.db, issuer, "gateway")
            .await
            .expect("a statement")
    );
    assert!(
        !disabled_subjects::enable(&store.db, issuer, "gateway")
            .await
            .expect("a statement")
    );
    disabled.look(&store.db).await.expect("a look");
    assert!(!disabled.has_subject(issuer, "gateway"));
}

async fn what_was_known_holds_without_a_database(store: &Store) {
    let ada = store.user("ada").await;
    disable(store, &ada).await;
    let db = store.again().await;
    let disabled = DisabledUsers::load(&db, &[]).await.expect("a look");
    db.close().await;
    disabled.look(&db).await.expect_err("no database");
    assert!(knows(&disabled, &ada));
    assert!(DisabledUsers::load(&db, &[]).await.is_err());
}

async fn many_are_read_in_pages(store: &Store) {
    const MANY: usize = 2_500;
    let ada = store.user("ada").await;
    disable(store, &ada).await;
    let id = match store.settings.url {
        Some(_) => "gen_random_uuid()",
        None => "randomblob(16)",
    };
    store
        .execute(&format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
             INSERT INTO users (id, issuer, subject, tenant_id, tariff_id, tariff_status, email, title, firstname,
                 lastname, display_name, display_name_chosen, language, language_chosen, dashboard_theme,
                 conference_theme, used_storage, disabled_at, search_text, created_at, updated_at)
             SELECT {id}, issuer, 'many-' || n, tenant_id, tariff_id, tariff_status, email, title, firstname,
                 lastname, display_name, display_name_chosen, language, language_chosen, dashboard_theme,
                 conference_theme, used_storage, disabled_at, search_text, created_at, updated_at
             FROM users, numbers"
        ))
        .await;
    let disabled = DisabledUsers::default();
    let new = disabled.look(&store.db).await.expect("a look");
    assert_eq!(new.len(), MANY + 1);
    for n in [1, 1_000, 1_001, MANY] {
        assert!(disabled.has_subject(&ada.issuer, &format!("many-{n}")), "{n}");
    }
    assert!(!disabled.has_subject(&ada.issuer, "many-2501"));
}
