//! What nobody needs any more: found a piece at a time by the maintenance jobs, in the order of ids.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Db, StoreError, Tx, micros, rows::count};

/// Rows of one look, and of one transaction.
pub const ROWS_MAX: u32 = 500;

/// Where a look begins, and what counts as old.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Ids after this one; nil at first.
    pub after: Uuid,
    pub before: DateTime<Utc>,
}

async fn ids(db: &Db, select: &'static str, look: Look) -> Result<Vec<Uuid>, StoreError> {
    let before = micros(look.before);
    Ok(read!(db, c => sqlx::query_scalar(select)
        .bind(look.after)
        .bind(before)
        .bind(i64::from(ROWS_MAX))
        .fetch_all(c)
        .await)?)
}

/// The condition of an event whose last occurrence ended before `$2`. Events without times never end.
macro_rules! ended {
    () => {
        "((recurrence IS NULL AND ends_at < $2) OR (recurrence IS NOT NULL AND series_ends_at < $2))"
    };
}

/// The condition of an event for a meeting that began at once, made before `$2` and, where it has times, ended before.
macro_rules! adhoc_and_over {
    () => {
        "is_adhoc AND recurrence IS NULL AND created_at < $2 AND (ends_at IS NULL OR ends_at < $2)"
    };
}

/// The condition of an invite that lets nobody in any more since before `$2`.
macro_rules! dead {
    () => {
        "((NOT active AND updated_at < $2) OR expiration < $2)"
    };
}

/// The condition of a room without an event in which no meeting began since `$2`.
macro_rules! unused {
    () => {
        "COALESCE(used_at, created_at) < $2 AND NOT EXISTS (SELECT 1 FROM events v WHERE v.room_id = rooms.id)"
    };
}

/// The condition of a room without assets.
macro_rules! without_assets {
    () => {
        "NOT EXISTS (SELECT 1 FROM assets a WHERE a.room_id = rooms.id)"
    };
}

/// What is looked for, each with an id of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    EndedEvent,
    AdhocEvent,
    DeadInvite,
    UnusedRoom,
    /// The same, also with recordings and the like.
    UnusedRoomWithAssets,
    DisabledUser,
}

/// Some leftovers of a kind.
pub async fn find(db: &Db, kind: Leftover, look: Look) -> Result<Vec<Uuid>, StoreError> {
    const ENDED: &str = concat!(
        "SELECT id FROM events WHERE id > $1 AND ",
        ended!(),
        " ORDER BY id LIMIT $3"
    );
    const ADHOC: &str = concat!(
        "SELECT id FROM events WHERE id > $1 AND ",
        adhoc_and_over!(),
        " ORDER BY id LIMIT $3"
    );
    const DEAD: &str = concat!(
        "SELECT code FROM invites WHERE code > $1 AND ",
        dead!(),
        " ORDER BY code LIMIT $3"
    );
    const UNUSED: &str = concat!(
        "SELECT id FROM rooms WHERE id > $1 AND ",
        unused!(),
        " AND ",
        without_assets!(),
        " ORDER BY id LIMIT $3"
    );
    const WITH_ASSETS: &str = concat!(
        "SELECT id FROM rooms WHERE id > $1 AND ",
        unused!(),
        " ORDER BY id LIMIT $3"
    );
    const DISABLED: &str = "SELECT id FROM users WHERE id > $1 AND disabled_at < $2 ORDER BY id LIMIT $3";
    let select = match kind {
        Leftover::EndedEvent => ENDED,
        Leftover::AdhocEvent => ADHOC,
        Leftover::DeadInvite => DEAD,
        Leftover::UnusedRoom => UNUSED,
        Leftover::UnusedRoomWithAssets => WITH_ASSETS,
        Leftover::DisabledUser => DISABLED,
    };
    ids(db, select, look).await
}

/// Locks a leftover until the end of the transaction, if it still is one: it may have come to life since it was found.
pub async fn lock(tx: &mut Tx, kind: Leftover, id: Uuid, before: DateTime<Utc>) -> Result<bool, StoreError> {
    const ENDED: &str = concat!(
        "UPDATE events SET updated_at = updated_at WHERE id = $1 AND ",
        ended!()
    );
    const ADHOC: &str = concat!(
        "UPDATE events SET updated_at = updated_at WHERE id = $1 AND ",
        adhoc_and_over!()
    );
    const DEAD: &str = concat!("UPDATE invites SET active = active WHERE code = $1 AND ", dead!());
    const UNUSED: &str = concat!(
        "UPDATE rooms SET used_at = used_at WHERE id = $1 AND ",
        unused!(),
        " AND ",
        without_assets!()
    );
    const WITH_ASSETS: &str = concat!("UPDATE rooms SET used_at = used_at WHERE id = $1 AND ", unused!());
    const DISABLED: &str = "UPDATE users SET disabled_at = disabled_at WHERE id = $1 AND disabled_at < $2";
    let lock = match kind {
        Leftover::EndedEvent => ENDED,
        Leftover::AdhocEvent => ADHOC,
        Leftover::DeadInvite => DEAD,
        Leftover::UnusedRoom => UNUSED,
        Leftover::UnusedRoomWithAssets => WITH_ASSETS,
        Leftover::DisabledUser => DISABLED,
    };
    let locked = within!(tx, c => sqlx::query(lock)
        .bind(id)
        .bind(micros(before))
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(locked == 1)
}

/// Events that a user created.
pub async fn events_of(db: &Db, user: Uuid) -> Result<Vec<Uuid>, StoreError> {
    const SELECT: &str = "SELECT id FROM events WHERE created_by = $1 ORDER BY id";
    Ok(read!(db, c => sqlx::query_scalar(SELECT).bind(user).fetch_all(c).await)?)
}

/// Rooms that a user owns and that have no event.
pub async fn rooms_of(db: &Db, user: Uuid) -> Result<Vec<Uuid>, StoreError> {
    const SELECT: &str = "SELECT r.id FROM rooms r WHERE r.created_by = $1
        AND NOT EXISTS (SELECT 1 FROM events v WHERE v.room_id = r.id) ORDER BY r.id";
    Ok(read!(db, c => sqlx::query_scalar(SELECT).bind(user).fetch_all(c).await)?)
}

/// The room of an event.
pub async fn room_of(db: &Db, event: Uuid) -> Result<Option<Uuid>, StoreError> {
    const SELECT: &str = "SELECT room_id FROM events WHERE id = $1";
    Ok(read!(db, c => sqlx::query_scalar(SELECT).bind(event).fetch_optional(c).await)?)
}

/// Deletes these invites as far as they are still dead, and returns those.
pub async fn delete_dead_invites(
    db: &Db,
    invites: Vec<Uuid>,
    before: DateTime<Utc>,
) -> Result<Vec<Uuid>, StoreError> {
    const DELETE: &str = "DELETE FROM invites WHERE code = $1";
    db.transaction(move |tx| {
        Box::pin(async move {
            let mut deleted = Vec::with_capacity(invites.len());
            for invite in invites {
                if lock(tx, Leftover::DeadInvite, invite, before).await? {
                    within!(&mut *tx, c => sqlx::query(DELETE).bind(invite).execute(c).await.map(drop))?;
                    deleted.push(invite);
                }
            }
            Ok(deleted)
        })
    })
    .await
}

/// What in others' rooms and events names a user, and to whom it is handed over: the owner.
const NAMED: [&str; 7] = [
    "UPDATE invites SET created_by = (SELECT r.created_by FROM rooms r WHERE r.id = invites.room_id)
     WHERE code IN (SELECT code FROM invites WHERE created_by = $1 LIMIT $2)",
    "UPDATE invites SET updated_by = (SELECT r.created_by FROM rooms r WHERE r.id = invites.room_id)
     WHERE code IN (SELECT code FROM invites WHERE updated_by = $1 LIMIT $2)",
    "UPDATE events SET updated_by = created_by
     WHERE id IN (SELECT id FROM events WHERE updated_by = $1 AND created_by <> $1 LIMIT $2)",
    "UPDATE event_exceptions
     SET created_by = (SELECT v.created_by FROM events v WHERE v.id = event_exceptions.event_id)
     WHERE id IN (SELECT id FROM event_exceptions WHERE created_by = $1 LIMIT $2)",
    "UPDATE event_exceptions
     SET updated_by = (SELECT v.created_by FROM events v WHERE v.id = event_exceptions.event_id)
     WHERE id IN (SELECT id FROM event_exceptions WHERE updated_by = $1 LIMIT $2)",
    "UPDATE event_invites
     SET created_by = (SELECT v.created_by FROM events v WHERE v.id = event_invites.event_id)
     WHERE id IN (SELECT id FROM event_invites WHERE created_by = $1 LIMIT $2)",
    "DELETE FROM event_invites WHERE id IN (SELECT id FROM event_invites WHERE user_id = $1 LIMIT $2)",
];

/// Hands over what in others' rooms and events names a user who owns nothing any more, and withdraws its invitations.
pub async fn hand_over(db: &Db, user: Uuid) -> Result<(), StoreError> {
    for statement in NAMED {
        loop {
            let changed: u64 = db
                .transaction(move |tx| Box::pin(change(tx, statement, user)))
                .await?;
            if changed < u64::from(ROWS_MAX) {
                break;
            }
        }
    }
    Ok(())
}

async fn change(tx: &mut Tx, statement: &'static str, user: Uuid) -> Result<u64, StoreError> {
    Ok(within!(tx, c => sqlx::query(statement)
        .bind(user)
        .bind(i64::from(ROWS_MAX))
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?)
}

/// How many rows a statement counts that are older than a time, `$1`.
pub(super) async fn count_before(
    db: &Db,
    statement: &'static str,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let before = micros(before);
    Ok(count(
        read!(db, c => sqlx::query_scalar(statement).bind(before).fetch_one(c).await)?,
    ))
}

/// Deletes by a statement what is older than a time, `$1`, and at most `$2` rows. How many those were.
pub(super) async fn delete_before(
    db: &Db,
    statement: &'static str,
    before: DateTime<Utc>,
    limit: u32,
) -> Result<u64, StoreError> {
    let before = micros(before);
    db.transaction(move |tx| {
        Box::pin(async move {
            Ok(within!(tx, c => sqlx::query(statement)
                .bind(before)
                .bind(i64::from(limit))
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?)
        })
    })
    .await
}

/// Deletes a user who is still disabled since before a time and whom nothing names any more. Whether there was one.
pub async fn delete_user(db: &Db, user: Uuid, before: DateTime<Utc>) -> Result<bool, StoreError> {
    const DELETE: &str = "DELETE FROM users WHERE id = $1 AND disabled_at < $2";
    let before = micros(before);
    db.transaction(move |tx| {
        Box::pin(async move {
            let deleted = within!(tx, c => sqlx::query(DELETE)
                .bind(user)
                .bind(before)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(deleted == 1)
        })
    })
    .await
}
