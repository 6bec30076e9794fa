//! Users by telephone number.

use colloquy::store::users;

use super::{Store, token};

on_both_databases!(Store: numbers_are_found_by_their_last_digits, many_with_one_number_are_nobody);

/// Makes a user who has this number by its issuer.
async fn user(store: &Store, subject: &str, tenant: Option<&str>, phone: Option<&str>) {
    let mut token = token(subject);
    token.profile.tenant_id = tenant.map(str::to_owned);
    token.profile.phone_number = phone.map(str::to_owned);
    store.log_in(&token).await;
}

/// Who may have this number, as `name number`.
async fn found(store: &Store, room: uuid::Uuid, number: &str) -> Option<Vec<String>> {
    let found = users::with_phone_like(&store.db, room, number)
        .await
        .expect("a query");
    let mut names: Vec<_> = found?
        .into_iter()
        .map(|(profile, phone)| format!("{} {phone}", profile.display_name))
        .collect();
    names.sort();
    Some(names)
}

async fn numbers_are_found_by_their_last_digits(store: &Store) {
    for (subject, tenant, phone) in [
        ("ada", None, Some("030 / 123 45 67")),
        ("bea", None, Some("+41 44 123 45 67")),
        ("cid", None, Some("030 1234568")),
        ("dan", Some("abroad"), Some("030 1234567")),
        ("eve", None, Some("none")),
        ("fay", None, None),
    ] {
        user(store, subject, tenant, phone).await;
    }
    let owner = store.user("gus").await;
    let event = store.event(&owner, |_| {}).await;
    let expected = ["ada 030 / 123 45 67", "bea +41 44 123 45 67"];
    assert_eq!(
        found(store, event.room_id, "+49301234567").await.expect("few"),
        expected
    );
    // A new number replaces the old one, and a disabled user is not there.
    user(store, "ada", None, Some("030 9999999")).await;
    let expected = ["bea +41 44 123 45 67"];
    assert_eq!(
        found(store, event.room_id, "+49301234567").await.expect("few"),
        expected
    );
    store
        .execute("UPDATE users SET disabled_at = created_at WHERE subject = 'bea'")
        .await;
    assert_eq!(
        found(store, event.room_id, "+49301234567").await,
        Some(Vec::new())
    );
    assert_eq!(found(store, event.room_id, "12").await, Some(Vec::new()));
    assert_eq!(
        found(store, uuid::Uuid::new_v4(), "+49309999999").await,
        Some(Vec::new())
    );
}

async fn many_with_one_number_are_nobody(store: &Store) {
    let owner = store.user("gus").await;
    let event = store.event(&owner, |_| {}).await;
    for index in 0..50 {
        user(store, &format!("user {index}"), None, Some("030 1234567")).await;
    }
    assert_eq!(
        found(store, event.room_id, "030 1234567")
            .await
            .expect("few")
            .len(),
        50
    );
    user(store, "one more", None, Some("030 1234567")).await;
    assert_eq!(found(store, event.room_id, "030 1234567").await, None);
}
