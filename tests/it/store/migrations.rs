//! What migrations make of rows that were there before.

use std::collections::BTreeSet;

use colloquy::store::{Db, events, invites};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::databases::{Kind, TestDatabase};

/// The last one before patterns of series had one text.
const BEFORE_ONE_TEXT: i64 = 15;

/// The last one before invited addresses got codes.
const BEFORE_CODES: i64 = 8;

/// The last one before texts were rewritten.
const BEFORE_FORMS: i64 = 20;

#[tokio::test]
async fn addresses_that_were_invited_before_have_codes_on_sqlite() {
    addresses_that_were_invited_before_have_codes(Kind::Sqlite).await;
}

#[tokio::test]
async fn addresses_that_were_invited_before_have_codes_on_postgres() {
    addresses_that_were_invited_before_have_codes(Kind::Postgres).await;
}

async fn addresses_that_were_invited_before_have_codes(kind: Kind) {
    let database = TestDatabase::unmigrated(kind).await;
    migrate_to(&database.db, BEFORE_CODES).await;
    let [user, room, event] = [(); 3].map(|()| Uuid::new_v4());
    plant(&database, user, room, event).await;
    database.db.migrate().await.expect("migrations");
    let codes = codes(&database.db).await;
    assert_eq!(codes.len(), 2, "one for each address, none for the user");
    for code in codes {
        assert_eq!(code.get_version_num(), 4, "{code}");
        let invite = invites::for_start(&database.db, code).await.expect("a query");
        let invite = invite.expect("an invite");
        assert_eq!(
            (invite.room_id, invite.active, invite.expiration),
            (room, true, None)
        );
    }
    database.finish().await;
}

#[tokio::test]
async fn patterns_that_were_stored_before_have_one_text_on_sqlite() {
    patterns_that_were_stored_before_have_one_text(Kind::Sqlite).await;
}

#[tokio::test]
async fn patterns_that_were_stored_before_have_one_text_on_postgres() {
    patterns_that_were_stored_before_have_one_text(Kind::Postgres).await;
}

/// More than a step of the migration.
const SERIES: usize = 501;

async fn patterns_that_were_stored_before_have_one_text(kind: Kind) {
    const FORM: &str = "SELECT count(*) FROM events WHERE recurrence_form = 1";
    let database = TestDatabase::unmigrated(kind).await;
    migrate_to(&database.db, BEFORE_ONE_TEXT).await;
    let user = Uuid::new_v4();
    plant_user(&database, user).await;
    let weekly = r#"[" rrule:freq=weekly;byday=mo, we;count=4","exdate:20270111t100000, 20270113T100000"]"#;
    let positions = r#"["RRULE:FREQ=WEEKLY;BYDAY=MO,WE;BYSETPOS=2;COUNT=2"]"#;
    let [first, other] = [(); 2].map(|()| Uuid::new_v4());
    plant_series(&database, user, first, weekly).await;
    plant_series(&database, user, other, positions).await;
    for _ in 2..SERIES {
        plant_series(&database, user, Uuid::new_v4(), weekly).await;
    }
    database.db.migrate().await.expect("migrations");
    let all = i64::try_from(SERIES).expect("a number");
    assert_eq!(database.number(FORM).await, all);
    let series = async |id| {
        let seen = events::visible_to(&database.db, user, id).await.expect("a query");
        seen.expect("an event").event
    };
    let text = [
        "RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO,WE",
        "EXDATE:20270111T100000,20270113T100000",
    ];
    assert_eq!(series(first).await.recurrence.lines(), text);
    // From Wednesday on, which is the second of its week: it ends a week earlier than it was read before.
    let end = series(other).await.series_ends_at.map(|end| end.to_rfc3339());
    assert_eq!(end.as_deref(), Some("2027-01-13T10:00:00+00:00"));
    // What was left when it was interrupted is done by the next start.
    let id = database.literal(first);
    let undone = format!(
        "UPDATE events SET recurrence = '[\"freq=daily;COUNT=2\"]', recurrence_form = 0 WHERE id = {id}"
    );
    database.execute(&undone).await;
    database.db.migrate().await.expect("migrations");
    assert_eq!(
        series(first).await.recurrence.lines(),
        ["RRULE:FREQ=DAILY;COUNT=2"]
    );
    assert_eq!(database.number(FORM).await, all);
    database.finish().await;
}

/// A series from a Wednesday on.
async fn plant_series(database: &TestDatabase, user: Uuid, event: Uuid, pattern: &str) {
    let (user, room, event) = (
        database.literal(user),
        database.literal(Uuid::new_v4()),
        database.literal(event),
    );
    let (tenant, at) = ("(SELECT id FROM tenants)", "'2026-01-01T00:00:00+00:00'");
    for sql in [
        format!(
            "INSERT INTO rooms (id, tenant_id, created_by, created_at, waiting_room, e2e_encryption)
             VALUES ({room}, {tenant}, {user}, {at}, FALSE, FALSE)"
        ),
        format!(
            "INSERT INTO events (id, tenant_id, room_id, created_by, created_at, updated_by, updated_at, title,
             description, is_adhoc, show_meeting_details, is_all_day, starts_at, starts_at_tz, ends_at, ends_at_tz,
             recurrence, series_ends_at)
             VALUES ({event}, {tenant}, {room}, {user}, {at}, {user}, {at}, '', '', FALSE, FALSE, FALSE,
             '2027-01-06T09:00:00+00:00', 'Europe/Berlin', '2027-01-06T10:00:00+00:00', 'Europe/Berlin',
             '{pattern}', '2027-01-20T10:00:00+00:00')"
        ),
    ] {
        database.execute(&sql).await;
    }
}

async fn migrate_to(db: &Db, version: i64) {
    match db {
        Db::Sqlite { write, .. } => db.migrations().run_to(version, &**write).await,
        Db::Postgres(pool) => db.migrations().run_to(version, &**pool).await,
    }
    .expect("migrations");
}

async fn plant_user(database: &TestDatabase, user: Uuid) {
    let (tenant, at) = ("(SELECT id FROM tenants)", "'2026-01-01T00:00:00+00:00'");
    let user = database.literal(user);
    let sql = format!(
        "INSERT INTO users (id, issuer, subject, tenant_id, tariff_id, tariff_status, email, title, firstname,
         lastname, display_name, display_name_chosen, language, language_chosen, dashboard_theme, conference_theme,
         used_storage, search_text, created_at, updated_at)
         VALUES ({user}, 'i', 's', {tenant}, (SELECT id FROM tariffs), 'default', '', '', '', '', '', FALSE, '',
         FALSE, '', '', 0, '', {at}, {at})"
    );
    database.execute(&sql).await;
}

/// An event with two invited addresses and an invited user.
async fn plant(database: &TestDatabase, user: Uuid, room: Uuid, event: Uuid) {
    plant_user(database, user).await;
    let (tenant, at) = ("(SELECT id FROM tenants)", "'2026-01-01T00:00:00+00:00'");
    let id = |id| database.literal(id);
    let (user, room, event) = (id(user), id(room), id(event));
    let invite = |who: &str| {
        format!(
            "INSERT INTO event_invites (id, event_id, user_id, email, role, status, created_by, created_at, updated_at)
             VALUES ({}, {event}, {who}, 'user', 'pending', {user}, {at}, {at})",
            id(Uuid::new_v4())
        )
    };
    for sql in [
        format!(
            "INSERT INTO rooms (id, tenant_id, created_by, created_at, waiting_room, e2e_encryption)
             VALUES ({room}, {tenant}, {user}, {at}, FALSE, FALSE)"
        ),
        format!(
            "INSERT INTO events (id, tenant_id, room_id, created_by, created_at, updated_by, updated_at, title,
             description, is_adhoc, show_meeting_details)
             VALUES ({event}, {tenant}, {room}, {user}, {at}, {user}, {at}, '', '', FALSE, FALSE)"
        ),
        invite("NULL, 'one@example.org'"),
        invite("NULL, 'two@example.org'"),
        invite(&format!("{user}, NULL")),
    ] {
        database.execute(&sql).await;
    }
}

async fn codes(db: &Db) -> BTreeSet<Uuid> {
    let sql = AssertSqlSafe("SELECT invite_code FROM event_invites WHERE invite_code IS NOT NULL".to_owned());
    let codes: Result<Vec<Uuid>, _> = match db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(sql).fetch_all(&**read).await,
        Db::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(&**pool).await,
    };
    codes.expect("a query").into_iter().collect()
}

#[tokio::test]
async fn texts_of_former_versions_are_rewritten_on_sqlite() {
    texts_of_former_versions_are_rewritten(Kind::Sqlite).await;
}

#[tokio::test]
async fn texts_of_former_versions_are_rewritten_on_postgres() {
    texts_of_former_versions_are_rewritten(Kind::Postgres).await;
}

/// More people than one step takes; each is found afterwards, and the rewriting is done once.
async fn texts_of_former_versions_are_rewritten(kind: Kind) {
    const USERS: i64 = 1_201;
    let database = TestDatabase::unmigrated(kind).await;
    migrate_to(&database.db, BEFORE_FORMS).await;
    let [user, room, event] = [(); 3].map(|()| Uuid::new_v4());
    plant(&database, user, room, event).await;
    for number in 0..USERS {
        plant_former_user(&database, number).await;
    }
    for (email, expected) in [("idn@bücher.example", "a"), ("Ä@bücher.example", "b")] {
        let (id, event) = (database.literal(Uuid::new_v4()), database.literal(event));
        let user = database.literal(user);
        let at = "'2026-01-01T00:00:00+00:00'";
        database
            .execute(&format!(
                "INSERT INTO event_invites (id, event_id, email, role, status, created_by, created_at, updated_at,
                 firstname) VALUES ({id}, {event}, '{email}', 'guest', 'pending', {user}, {at}, {at}, '{expected}')"
            ))
            .await;
    }
    database.db.migrate().await.expect("migrations");
    for (condition, rows) in [
        ("users WHERE display_name = 'Bj\u{f6}rn'", USERS),
        ("users WHERE search_text LIKE 'bjorn%'", USERS),
        ("users WHERE email_fold LIKE '%@xn--bcher-kva.example'", USERS),
        ("users WHERE invite_email LIKE '%@xn--bcher-kva.example'", USERS),
        (
            "event_invites WHERE email = 'idn@xn--bcher-kva.example' AND firstname = 'a'",
            1,
        ),
        (
            "event_invites WHERE email = 'Ä@xn--bcher-kva.example' AND firstname = 'b'",
            1,
        ),
        ("rewrites", 1),
    ] {
        let count = database
            .number(&format!("SELECT count(*) FROM {condition}"))
            .await;
        assert_eq!(count, rows, "{condition}");
    }
    // What comes to stand there otherwise by hand stays: it is looked at once.
    database.execute("UPDATE users SET search_text = 'by hand'").await;
    database.db.migrate().await.expect("migrations");
    let kept = "SELECT count(*) FROM users WHERE search_text = 'by hand'";
    assert_eq!(database.number(kept).await, USERS + 1);
    database.finish().await;
}

/// Somebody as a former version has stored it.
async fn plant_former_user(database: &TestDatabase, number: i64) {
    let id = database.literal(Uuid::new_v4());
    let email = format!("Bjorn{number}@bücher.example");
    database
        .execute(&format!(
            "INSERT INTO users (id, issuer, subject, tenant_id, tariff_id, tariff_status, email, invite_email, title,
             firstname, lastname, display_name, display_name_chosen, language, language_chosen, dashboard_theme,
             conference_theme, search_text, used_storage, created_at, updated_at)
             SELECT {id}, issuer, 'subject{number}', tenant_id, tariff_id, tariff_status, '{email}', '{email}', title,
             firstname, lastname, 'Bjo\u{308}rn', display_name_chosen, language, language_chosen, dashboard_theme,
             conference_theme, 'bjo\u{308}rn', 0, created_at, updated_at FROM users WHERE subject NOT LIKE 'subject%'"
        ))
        .await;
}
