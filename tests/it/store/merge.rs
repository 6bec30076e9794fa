//! Two rows of one person become one.

use std::collections::BTreeSet;

use chrono::Utc;
use colloquy::{
    identity::{ProfileClaims, VerifiedToken},
    quotas::Quota,
    store::{
        Db,
        events::{Event, InviteRole, InviteStatus},
        groups, merged_users,
        usage::{self, Counter},
        users::{self, Identity, Merge, ProfileChange, REFERENCES, User},
    },
};
use uuid::Uuid;

use super::{Store, at, token};
use crate::jobs;

on_both_databases!(Store:
    every_reference_is_known, everything_goes_to_the_older_row, two_invitations_to_one_event_become_one,
    the_profile_is_the_newer_one_and_choices_the_older_ones, nobody_comes_free_who_was_locked_out,
    the_kept_row_may_keep_its_name, more_than_a_transaction_is_moved_in_steps, who_is_not_there_is_not_merged);

fn of(old: &User, new: &User) -> Merge {
    Merge {
        kept: old.profile.id,
        gone: new.profile.id,
        identity: Identity::OfGone,
    }
}

async fn merged(store: &Store, old: &User, new: &User) -> User {
    let merged = users::merge(&store.db, of(old, new), at(10))
        .await
        .expect("a merge");
    merged.expect("both rows")
}

/// Columns that refer to users by a constraint, and those that are called as if they did.
async fn references(db: &Db) -> BTreeSet<String> {
    const SQLITE: &str =
        "SELECT m.name || '.' || f.\"from\" FROM sqlite_master m, pragma_foreign_key_list(m.name) f
        WHERE m.type = 'table' AND f.\"table\" = 'users'
        UNION SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table' AND c.name IN ('user_id', 'created_by', 'updated_by', 'owner_id')";
    const POSTGRES: &str = "SELECT t.relname || '.' || a.attname FROM pg_constraint c
        JOIN pg_class t ON t.oid = c.conrelid
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
        WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass
        UNION SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = current_schema()
            AND column_name IN ('user_id', 'created_by', 'updated_by', 'owner_id')";
    let found: Result<Vec<String>, _> = match db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(SQLITE).fetch_all(&**read).await,
        Db::Postgres(pool) => sqlx::query_scalar(POSTGRES).fetch_all(&**pool).await,
    };
    found.expect("a query").into_iter().collect()
}

async fn every_reference_is_known(store: &Store) {
    let known: BTreeSet<_> = REFERENCES.into_iter().map(str::to_owned).collect();
    assert_eq!(
        references(&store.db).await,
        known,
        "src/store/users/merge.rs must see to each column that refers to a user"
    );
}

/// How many rows name a user, by column.
async fn named(store: &Store, user: Uuid) -> Vec<(&'static str, i64)> {
    let mut counts = Vec::new();
    for reference in REFERENCES {
        let (table, column) = reference.split_once('.').expect("table.column");
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE {column} = {}",
            store.literal(user)
        );
        counts.push((reference, store.number(&sql).await));
    }
    counts
}

/// Lets a user be named at every place where one can be: two events of its own, one of them with an exception, one of
/// somebody else, a room with an invite and an asset.
async fn fill(store: &Store, user: &User, others: &Event) {
    let (id, me) = (|| store.literal(Uuid::new_v4()), store.literal(user.profile.id));
    let at = "'2027-01-15T08:00:00+00:00'";
    let event = store.event(user, |_| {}).await;
    store
        .invite(others, user, InviteRole::User, InviteStatus::Accepted)
        .await;
    store.favorite(others, user).await;
    let room = jobs::room(store, user, super::at(0)).await;
    jobs::invite(store, room, user, None).await;
    let (event, room) = (store.literal(event.id), store.literal(room));
    for sql in [
        format!(
            "INSERT INTO event_exceptions (id, event_id, original_starts_at, created_by, created_at, updated_by,
             updated_at, status) VALUES ({}, {event}, {at}, {me}, {at}, {me}, {at}, 'cancelled')",
            id()
        ),
        format!(
            "INSERT INTO event_invites (id, event_id, email, invite_code, role, status, created_by, created_at, updated_at)
             VALUES ({}, {event}, 'x@example.org', {}, 'user', 'pending', {me}, {at}, {at})",
            id(),
            id()
        ),
        format!(
            "INSERT INTO calendar_feeds (user_id, token_hash, created_at) VALUES ({me}, {}, {at})",
            match store.settings.url {
                Some(_) => format!("decode(md5('{}'), 'hex')", user.subject),
                None => format!("X'{}'", hex::encode(&user.subject)),
            }
        ),
        format!(
            "INSERT INTO assets (id, room_id, created_at, namespace, kind, filename, size)
             VALUES ({}, {room}, {at}, 'recording', 'video', 'a', 100)",
            id()
        ),
        format!("UPDATE users SET used_storage = used_storage + 100 WHERE id = {me}"),
    ] {
        store.execute(&sql).await;
    }
}

async fn count_mails(store: &Store, user: &User, by: u64) {
    let counter = Counter::of_id(user.profile.id, Quota::ExternalInviteesPerDay);
    let raised = store.db.transaction(move |tx| {
        Box::pin(async move { usage::raise(tx, &counter, by, None, at(0)).await.map(drop) })
    });
    raised.await.expect("a counter");
}

async fn everything_goes_to_the_older_row(store: &Store) {
    let (old, new, other) = (
        store.user("old").await,
        store.user("new").await,
        store.user("other").await,
    );
    let others = [
        store.event(&other, |_| {}).await,
        store.event(&other, |_| {}).await,
    ];
    fill(store, &new, &others[0]).await;
    let mut grouped = token("new");
    grouped.profile.groups = Some(vec!["staff".to_owned()]);
    store.log_in(&grouped).await;
    count_mails(store, &old, 1).await;
    count_mails(store, &new, 2).await;
    let before = named(store, new.profile.id).await;
    assert!(
        before.iter().all(|(_, count)| *count > 0),
        "all are tried: {before:?}"
    );

    let merged = merged(store, &old, &new).await;
    assert_eq!(merged.profile.id, old.profile.id);
    assert_eq!((merged.subject.as_str(), merged.used_storage), ("new", 100));
    assert_eq!(
        named(store, old.profile.id).await,
        before,
        "all is the older row's"
    );
    assert!(
        named(store, new.profile.id)
            .await
            .iter()
            .all(|(_, count)| *count == 0)
    );
    let gone = users::by_id(&store.db, new.profile.id).await.expect("a query");
    assert_eq!(gone, None);
    let by_name = users::by_identity(&store.db, &old.issuer, "old")
        .await
        .expect("a query");
    assert_eq!(by_name, None, "nobody is called so any more");
    let found = users::find(&store.db, old.tenant_id, "new@example.org", 10, Utc::now()).await;
    assert_eq!(found.expect("a search").len(), 1);
    let counter = Counter::of_id(old.profile.id, Quota::ExternalInviteesPerDay);
    let number = usage::used(&store.db, &counter, at(0)).await.expect("a counter");
    assert_eq!(number, 3);
    let notes = merged_users::since(&store.db, at(10)).await.expect("notes");
    assert_eq!(notes, [(new.profile.id, at(10))]);
    // Both had one of these: the older row keeps its own.
    let again = store.user("again").await;
    fill(store, &again, &others[1]).await;
    users::merge(&store.db, of(&old, &again), at(11))
        .await
        .expect("a merge");
    let feeds = store.number("SELECT count(*) FROM calendar_feeds").await;
    assert_eq!(feeds, 1);
}

/// Role and answer of the only invitation of a user to an event.
async fn invitation(store: &Store, event: &Event, user: &User) -> Option<(i64, i64)> {
    let (event, user) = (store.literal(event.id), store.literal(user.profile.id));
    let whose = format!("FROM event_invites WHERE event_id = {event} AND user_id = {user}");
    let count = store.number(&format!("SELECT count(*) {whose}")).await;
    assert!(count < 2);
    let number = async |what: &str| {
        let sql = format!("SELECT count(*) {whose} AND {what}");
        store.number(&sql).await
    };
    match count {
        0 => None,
        _ => Some((
            number("role = 'moderator'").await,
            number("status = 'accepted'").await,
        )),
    }
}

async fn two_invitations_to_one_event_become_one(store: &Store) {
    let (old, new, other) = (
        store.user("old").await,
        store.user("new").await,
        store.user("other").await,
    );
    let both = store.event(&other, |_| {}).await;
    store
        .invite(&both, &old, InviteRole::User, InviteStatus::Pending)
        .await;
    store
        .invite(&both, &new, InviteRole::Moderator, InviteStatus::Accepted)
        .await;
    store.favorite(&both, &old).await;
    store.favorite(&both, &new).await;
    let answered = store.event(&other, |_| {}).await;
    store
        .invite(&answered, &old, InviteRole::Moderator, InviteStatus::Accepted)
        .await;
    store
        .invite(&answered, &new, InviteRole::User, InviteStatus::Declined)
        .await;
    // Invited by one row to what the other has made.
    let of_new = store.event(&new, |_| {}).await;
    store
        .invite(&of_new, &old, InviteRole::User, InviteStatus::Accepted)
        .await;
    let of_old = store.event(&old, |_| {}).await;
    store
        .invite(&of_old, &new, InviteRole::User, InviteStatus::Accepted)
        .await;

    merged(store, &old, &new).await;
    assert_eq!(invitation(store, &both, &old).await, Some((1, 1)));
    assert_eq!(
        invitation(store, &answered, &old).await,
        Some((1, 1)),
        "its own answer"
    );
    assert_eq!(invitation(store, &of_new, &old).await, None);
    assert_eq!(invitation(store, &of_old, &old).await, None);
    assert_eq!(store.number("SELECT count(*) FROM event_favorites").await, 1);
}

fn claims(name: &str, tenant: &str) -> ProfileClaims {
    ProfileClaims {
        name: Some(name.to_owned()),
        email: Some(format!("{name}@Example.org")),
        email_verified: Some(true),
        locale: Some("fr".to_owned()),
        phone_number: Some("+49 30 123456".to_owned()),
        tenant_id: Some(tenant.to_owned()),
        groups: Some(vec![name.to_owned()]),
        ..ProfileClaims::default()
    }
}

async fn choose(store: &Store, user: &User, change: ProfileChange) {
    let changed = users::update_profile(&store.db, user.profile.id, change, None, at(1)).await;
    changed.expect("a change").expect("the user");
}

async fn the_profile_is_the_newer_one_and_choices_the_older_ones(store: &Store) {
    let log_in = async |subject: &str, name: &str, tenant: &str| {
        let token = VerifiedToken {
            profile: claims(name, tenant),
            ..token(subject)
        };
        store.log_in(&token).await
    };
    let old = log_in("1", "Ada", "acme").await;
    let new = log_in("2", "Ada-Byron", "zeta").await;
    let chosen = ProfileChange {
        display_name: Some("Countess".to_owned()),
        conference_theme: Some("dark".to_owned()),
        ..ProfileChange::default()
    };
    choose(store, &old, chosen).await;
    let others = ProfileChange {
        display_name: Some("Somebody".to_owned()),
        language: Some("it".to_owned()),
        title: Some("Dr".to_owned()),
        dashboard_theme: Some("light".to_owned()),
        conference_theme: Some("light".to_owned()),
    };
    choose(store, &new, others).await;
    let merged = merged(store, &old, &new).await;
    let profile = &merged.profile;
    assert_eq!(
        (profile.email.as_str(), profile.title.as_str()),
        ("Ada-Byron@Example.org", "Dr")
    );
    assert_eq!(merged.invite_email.as_deref(), Some("ada-byron@example.org"));
    assert_eq!(merged.tenant_id, new.tenant_id);
    assert_eq!(
        (profile.display_name.as_str(), merged.display_name_chosen),
        ("Countess", true)
    );
    assert_eq!(
        (merged.language.as_str(), merged.language_chosen),
        ("it", true),
        "chosen once"
    );
    assert_eq!(
        (merged.conference_theme.as_str(), merged.dashboard_theme.as_str()),
        ("dark", "light")
    );
    let groups = groups::of_user(&store.db, profile.id).await.expect("groups");
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["Ada-Byron"]);
    for text in ["countess", "ada-byron@example.org"] {
        let found = users::find(&store.db, merged.tenant_id, text, 10, Utc::now())
            .await
            .expect("a search");
        assert_eq!(found.len(), 1, "{text}");
    }
}

async fn nobody_comes_free_who_was_locked_out(store: &Store) {
    for (old_at, new_at, expected) in [
        (None, None, None),
        (Some(5), None, Some(5)),
        (None, Some(6), Some(6)),
        (Some(5), Some(6), Some(5)),
        (Some(6), Some(5), Some(5)),
    ] {
        let name = |part: &str| format!("{part} {old_at:?} {new_at:?}");
        let (old, new) = (store.user(&name("old")).await, store.user(&name("new")).await);
        for (user, seconds) in [(&old, old_at), (&new, new_at)] {
            if let Some(seconds) = seconds {
                let disabled = users::disable(&store.db, user.profile.id, at(seconds)).await;
                disabled.expect("a statement").expect("the user");
            }
        }
        let merged = merged(store, &old, &new).await;
        assert_eq!(merged.disabled_at, expected.map(at), "{old_at:?} {new_at:?}");
    }
}

async fn the_kept_row_may_keep_its_name(store: &Store) {
    let (old, new) = (store.user("old").await, store.user("new").await);
    let merge = Merge {
        identity: Identity::OfKept,
        ..of(&old, &new)
    };
    let merged = users::merge(&store.db, merge, at(10)).await.expect("a merge");
    let merged = merged.expect("both rows");
    assert_eq!(
        (merged.profile.id, merged.subject.as_str()),
        (old.profile.id, "old")
    );
    assert_eq!(merged.profile.email, "new@example.org");
}

async fn more_than_a_transaction_is_moved_in_steps(store: &Store) {
    const MANY: i64 = 1_700;
    let (old, new) = (store.user("old").await, store.user("new").await);
    let id = match store.settings.url {
        Some(_) => "gen_random_uuid()",
        None => "randomblob(16)",
    };
    let owner = store.literal(new.profile.id);
    store
        .execute(&format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
             INSERT INTO rooms (id, tenant_id, created_by, created_at, waiting_room, e2e_encryption)
             SELECT {id}, u.tenant_id, u.id, u.created_at, FALSE, FALSE FROM users u, numbers WHERE u.id = {owner}"
        ))
        .await;
    merged(store, &old, &new).await;
    let kept = store.literal(old.profile.id);
    let rooms = store
        .number(&format!("SELECT count(*) FROM rooms WHERE created_by = {kept}"))
        .await;
    assert_eq!(rooms, MANY);
    assert_eq!(store.number("SELECT count(*) FROM users").await, 1);
}

async fn who_is_not_there_is_not_merged(store: &Store) {
    let ada = store.user("ada").await;
    let nobody = Uuid::new_v4();
    for (kept, gone) in [
        (ada.profile.id, nobody),
        (nobody, ada.profile.id),
        (ada.profile.id, ada.profile.id),
    ] {
        let merge = Merge {
            kept,
            gone,
            identity: Identity::OfGone,
        };
        assert_eq!(
            users::merge(&store.db, merge, at(10)).await.expect("a query"),
            None
        );
    }
    let still = users::by_identity(&store.db, &ada.issuer, "ada")
        .await
        .expect("a query");
    assert_eq!(still.map(|user| user.profile), Some(ada.profile));
    let notes = store.number("SELECT count(*) FROM merged_users").await;
    assert_eq!(notes, 0);
}
