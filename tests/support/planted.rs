//! Events and invitations written straight into the database, for tests that are not about how they come there.

use chrono::{DateTime, TimeDelta, Utc};
use colloquy::store::Db;
use sqlx::types::Json;
use uuid::Uuid;

/// Runs one statement on either database; `$connection` is what executes it.
macro_rules! write {
    ($db:expr, $connection:ident => $query:expr) => {
        match $db {
            Db::Sqlite { write, .. } => {
                let $connection = &**write;
                $query.map(|done| done.rows_affected())
            }
            Db::Postgres(pool) => {
                let $connection = &**pool;
                $query.map(|done| done.rows_affected())
            }
        }
    };
}

/// A time-independent event in this room, of the room's owner.
pub async fn event(db: &Db, room: Uuid) -> Uuid {
    const INSERT: &str = "INSERT INTO events
        (id, tenant_id, room_id, created_by, created_at, updated_by, updated_at, title, description, is_adhoc,
         show_meeting_details)
        SELECT $1, tenant_id, id, created_by, created_at, created_by, created_at, 'Planted', '', $3, $3
        FROM rooms WHERE id = $2";
    let id = Uuid::new_v4();
    let rows = write!(db, c => sqlx::query(INSERT).bind(id).bind(room).bind(false).execute(c).await);
    assert_eq!(rows.expect("a statement"), 1, "no such room");
    id
}

/// Makes an event a weekly series from this time on, an hour each.
pub async fn make_weekly(db: &Db, event: Uuid, starts_at: DateTime<Utc>) {
    const UPDATE: &str = "UPDATE events SET is_all_day = $2, starts_at = $3, starts_at_tz = $4, ends_at = $5,
        ends_at_tz = $4, recurrence = $6 WHERE id = $1";
    let rows = write!(db, c => sqlx::query(UPDATE)
        .bind(event)
        .bind(false)
        .bind(starts_at)
        .bind("UTC")
        .bind(starts_at + TimeDelta::hours(1))
        .bind(Json(["RRULE:FREQ=WEEKLY"]))
        .execute(c)
        .await);
    assert_eq!(rows.expect("a statement"), 1, "no such event");
}

/// Invites the user with this address, who has called already.
pub async fn invitation(db: &Db, event: Uuid, email: &str, role: &str, status: &str) {
    const INSERT: &str = "INSERT INTO event_invites
        (id, event_id, user_id, role, status, created_by, created_at, updated_at)
        SELECT $1, e.id, u.id, $4, $5, e.created_by, e.created_at, e.created_at
        FROM events e, users u WHERE e.id = $2 AND lower(u.email) = $3";
    let rows = write!(db, c => sqlx::query(INSERT)
        .bind(Uuid::new_v4())
        .bind(event)
        .bind(email)
        .bind(role)
        .bind(status)
        .execute(c)
        .await);
    assert_eq!(rows.expect("a statement"), 1, "no such event or user");
}

/// Takes the invitation of this user away.
pub async fn withdraw(db: &Db, event: Uuid, email: &str) {
    const DELETE: &str = "DELETE FROM event_invites WHERE event_id = $1
        AND user_id = (SELECT id FROM users WHERE lower(email) = $2)";
    let rows = write!(db, c => sqlx::query(DELETE).bind(event).bind(email).execute(c).await);
    assert_eq!(rows.expect("a statement"), 1, "no such invitation");
}

/// Notes that a user is here at this time.
pub async fn seen(db: &Db, user: Uuid, at: DateTime<Utc>) {
    const UPDATE: &str = "UPDATE users SET seen_at = $2 WHERE id = $1";
    let rows = write!(db, c => sqlx::query(UPDATE).bind(user).bind(at).execute(c).await);
    assert_eq!(rows.expect("a statement"), 1, "no such user");
}
