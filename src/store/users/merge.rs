//! Two rows of one person become one: the older lives on with its id and what its owner chose, and gets profile, rooms, events
//! and invitations of the newer.
//!
//! Both rows are taken with their keys until the end of the transaction, so that nothing new refers to either of them
//! meanwhile. Where one transaction would be too much, what refers to the row that goes is moved in steps before it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{BY_ID, User, write::search_text};
use crate::store::{
    Db, StoreError, Tx,
    leftovers::ROWS_MAX,
    merged_users, micros,
    rows::{Columns, from_columns},
};

/// Rows that are to become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// The row that lives on.
    pub kept: Uuid,
    /// The row that goes.
    pub gone: Uuid,
    pub identity: Identity,
}

/// What the issuer calls the person from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// As the row says that lives on.
    OfKept,
    /// As the row says that goes.
    OfGone,
}

/// Every column that refers to a user by a constraint, as `table.column`. The statements below see to each of them, and to what
/// is counted for quotas.
pub const REFERENCES: [&str; 12] = [
    "calendar_feeds.user_id",
    "event_exceptions.created_by",
    "event_exceptions.updated_by",
    "event_favorites.user_id",
    "event_invites.created_by",
    "event_invites.user_id",
    "events.created_by",
    "events.updated_by",
    "invites.created_by",
    "invites.updated_by",
    "rooms.created_by",
    "user_groups.user_id",
];

/// What refers to a user moves from `$2` to `$1`, at most `$3` rows at a time. Whoever is invited to an event of its own is so no
/// more; of two invitations to one event one stays, with the higher role and an answer.
const MOVES: [&str; 16] = [
    "UPDATE outbox SET caused_by = $1 WHERE id IN (SELECT id FROM outbox WHERE caused_by = $2 LIMIT $3)",
    "UPDATE rooms SET created_by = $1
     WHERE id IN (SELECT id FROM rooms WHERE created_by = $2 LIMIT $3)",
    "UPDATE invites SET created_by = $1
     WHERE code IN (SELECT code FROM invites WHERE created_by = $2 LIMIT $3)",
    "UPDATE invites SET updated_by = $1
     WHERE code IN (SELECT code FROM invites WHERE updated_by = $2 LIMIT $3)",
    "UPDATE events SET created_by = $1
     WHERE id IN (SELECT id FROM events WHERE created_by = $2 LIMIT $3)",
    "UPDATE events SET updated_by = $1
     WHERE id IN (SELECT id FROM events WHERE updated_by = $2 LIMIT $3)",
    "UPDATE event_exceptions SET created_by = $1
     WHERE id IN (SELECT id FROM event_exceptions WHERE created_by = $2 LIMIT $3)",
    "UPDATE event_exceptions SET updated_by = $1
     WHERE id IN (SELECT id FROM event_exceptions WHERE updated_by = $2 LIMIT $3)",
    "UPDATE event_invites SET created_by = $1
     WHERE id IN (SELECT id FROM event_invites WHERE created_by = $2 LIMIT $3)",
    "DELETE FROM event_invites WHERE id IN (
         SELECT i.id FROM event_invites i JOIN events v ON v.id = i.event_id
         WHERE i.user_id IN ($1, $2) AND v.created_by = $1 LIMIT $3)",
    "UPDATE event_invites SET role = 'moderator'
     WHERE id IN (
         SELECT mine.id FROM event_invites mine
         JOIN event_invites theirs ON theirs.event_id = mine.event_id AND theirs.user_id = $2
         WHERE mine.user_id = $1 AND mine.role <> 'moderator' AND theirs.role = 'moderator' LIMIT $3)",
    "UPDATE event_invites SET status = (
         SELECT theirs.status FROM event_invites theirs
         WHERE theirs.event_id = event_invites.event_id AND theirs.user_id = $2)
     WHERE id IN (
         SELECT mine.id FROM event_invites mine
         JOIN event_invites theirs ON theirs.event_id = mine.event_id AND theirs.user_id = $2
         WHERE mine.user_id = $1 AND mine.status = 'pending' AND theirs.status <> 'pending' LIMIT $3)",
    "DELETE FROM event_invites WHERE id IN (
         SELECT theirs.id FROM event_invites theirs
         JOIN event_invites mine ON mine.event_id = theirs.event_id AND mine.user_id = $1
         WHERE theirs.user_id = $2 LIMIT $3)",
    "UPDATE event_invites SET user_id = $1
     WHERE id IN (
         SELECT theirs.id FROM event_invites theirs WHERE theirs.user_id = $2 AND NOT EXISTS (
             SELECT 1 FROM event_invites mine WHERE mine.event_id = theirs.event_id AND mine.user_id = $1)
         LIMIT $3)",
    "UPDATE event_favorites SET user_id = $1
     WHERE user_id = $2 AND event_id IN (
         SELECT theirs.event_id FROM event_favorites theirs WHERE theirs.user_id = $2 AND NOT EXISTS (
             SELECT 1 FROM event_favorites mine WHERE mine.event_id = theirs.event_id AND mine.user_id = $1)
         LIMIT $3)",
    "DELETE FROM event_favorites WHERE user_id = $2 AND event_id IN (
         SELECT theirs.event_id FROM event_favorites theirs
         JOIN event_favorites mine ON mine.event_id = theirs.event_id AND mine.user_id = $1
         WHERE theirs.user_id = $2 LIMIT $3)",
];

/// What is of one row each, or little, from `$2` to `$1`. Groups are those of the newer profile; of two calendar feeds the older
/// row's stays.
const LAST_MOVES: [&str; 3] = [
    "UPDATE calendar_feeds SET user_id = $1
     WHERE user_id = $2 AND NOT EXISTS (SELECT 1 FROM calendar_feeds mine WHERE mine.user_id = $1)",
    "DELETE FROM user_groups WHERE user_id = $1 AND $1 <> $2",
    "UPDATE user_groups SET user_id = $1 WHERE user_id = $2",
];

/// The same of what is counted for quotas per day or hour.
const COUNTERS: [&str; 2] = [
    "INSERT INTO usage_counters (subject, name, period_start, value)
     SELECT $1, name, period_start, value FROM usage_counters WHERE subject = $2
     ON CONFLICT (subject, name, period_start) DO UPDATE SET value = usage_counters.value + excluded.value",
    "DELETE FROM usage_counters WHERE subject = $2 AND $1 <> $2",
];

/// Profile and state. What the older row's owner chose stays; nobody comes free who was locked out.
const PROFILE: &str = "UPDATE users SET
    issuer = $3, subject = $4, updated_at = $5,
    tenant_id = n.tenant_id, tariff_id = n.tariff_id, tariff_status = n.tariff_status,
    email = n.email, email_fold = n.email_fold, email_verified = n.email_verified, invite_email = n.invite_email,
    firstname = n.firstname, lastname = n.lastname, phone = n.phone, phone_tail = n.phone_tail, picture = n.picture,
    claims_at = n.claims_at,
    display_name = CASE WHEN users.display_name_chosen THEN users.display_name ELSE n.display_name END,
    display_name_chosen = (users.display_name_chosen OR n.display_name_chosen),
    language = CASE WHEN users.language_chosen THEN users.language ELSE n.language END,
    language_chosen = (users.language_chosen OR n.language_chosen),
    title = CASE WHEN users.title <> '' THEN users.title ELSE n.title END,
    dashboard_theme =
        CASE WHEN users.dashboard_theme <> 'system' THEN users.dashboard_theme ELSE n.dashboard_theme END,
    conference_theme =
        CASE WHEN users.conference_theme <> 'system' THEN users.conference_theme ELSE n.conference_theme END,
    seen_at = CASE WHEN n.seen_at > users.seen_at THEN n.seen_at ELSE users.seen_at END,
    disabled_at = CASE WHEN users.disabled_at IS NULL OR n.disabled_at < users.disabled_at
        THEN n.disabled_at ELSE users.disabled_at END,
    used_storage = (SELECT CAST(COALESCE(SUM(a.size), 0) AS bigint)
        FROM assets a JOIN rooms r ON r.id = a.room_id WHERE r.created_by = $1)
    FROM users AS n WHERE users.id = $1 AND n.id = $2";

/// Why a transaction did not merge.
#[derive(Debug, thiserror::Error)]
enum MergeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More refers to the row that goes than one transaction moves.
    #[error("too much for one transaction")]
    TooMuch,
}

impl From<sqlx::Error> for MergeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What an issuer calls somebody.
struct Named {
    issuer: String,
    subject: String,
}

impl Named {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            issuer: row.col("issuer")?,
            subject: row.col("subject")?,
        })
    }
}
from_columns!(Named);

/// Merges two rows. The one that lives on, as it is then; `None` when one of them is not there. Done anew after it broke off,
/// it goes on.
pub async fn merge(db: &Db, merge: Merge, now: DateTime<Utc>) -> Result<Option<User>, StoreError> {
    let now = micros(now);
    loop {
        let merged: Result<_, MergeError> = db
            .transaction(move |tx| Box::pin(merge_at_once(tx, merge, now)))
            .await;
        match merged {
            Ok(user) => return Ok(user),
            Err(MergeError::Store(error)) => return Err(error),
            // Each time fewer are left than before.
            Err(MergeError::TooMuch) => move_in_steps(db, merge).await?,
        }
    }
}

async fn move_in_steps(db: &Db, merge: Merge) -> Result<(), StoreError> {
    for statement in MOVES {
        loop {
            let moved: Result<u64, StoreError> = db
                .transaction(move |tx| Box::pin(async move { Ok(step(tx, statement, merge).await?) }))
                .await;
            if moved? < u64::from(ROWS_MAX) {
                break;
            }
        }
    }
    Ok(())
}

async fn merge_at_once(tx: &mut Tx, merge: Merge, now: DateTime<Utc>) -> Result<Option<User>, MergeError> {
    let Some(named) = take(tx, merge, now).await? else {
        return Ok(None);
    };
    for statement in MOVES {
        if step(tx, statement, merge).await? >= u64::from(ROWS_MAX) {
            return Err(MergeError::TooMuch);
        }
    }
    for statement in LAST_MOVES {
        within!(&mut *tx, c => sqlx::query(statement)
            .bind(merge.kept)
            .bind(merge.gone)
            .execute(c)
            .await
            .map(drop))?;
    }
    for statement in COUNTERS {
        within!(&mut *tx, c => sqlx::query(statement)
            .bind(merge.kept.as_bytes().as_slice())
            .bind(merge.gone.as_bytes().as_slice())
            .execute(c)
            .await
            .map(drop))?;
    }
    let user = unite(tx, merge, &named, now).await?;
    Ok(Some(user))
}

async fn step(tx: &mut Tx, statement: &'static str, merge: Merge) -> sqlx::Result<u64> {
    within!(tx, c => sqlx::query(statement)
        .bind(merge.kept)
        .bind(merge.gone)
        .bind(i64::from(ROWS_MAX))
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}

/// Takes both rows with their keys, in the order of ids as any two merges do: on PostgreSQL whatever would refer to them
/// waits. What the issuer calls the person from now on; `None` when one of them is not there.
async fn take(tx: &mut Tx, merge: Merge, now: DateTime<Utc>) -> Result<Option<Named>, StoreError> {
    const LOCK: &str = "UPDATE users SET updated_at = $2 WHERE id = $1 RETURNING issuer, subject";
    // An issuer's name is never empty: nobody else is called so. A change of the key is what keeps references away.
    const TAKE_KEY: &str = "UPDATE users SET issuer = '', subject = $2 WHERE id = $1";
    let mut ids = [merge.kept, merge.gone];
    ids.sort_unstable();
    let wanted = match merge.identity {
        Identity::OfKept => merge.kept,
        Identity::OfGone => merge.gone,
    };
    if merge.kept == merge.gone {
        return Ok(None);
    }
    let mut named = None;
    for id in ids {
        let found: Option<Named> = within!(&mut *tx, c => sqlx::query_as(LOCK)
            .bind(id)
            .bind(now)
            .fetch_optional(c)
            .await)?;
        let Some(found) = found else { return Ok(None) };
        if id == wanted {
            named = Some(found);
        }
    }
    for id in ids {
        within!(&mut *tx, c => sqlx::query(TAKE_KEY)
            .bind(id)
            .bind(id.to_string())
            .execute(c)
            .await
            .map(drop))?;
    }
    Ok(named)
}

/// Gives the row that lives on what the other one says, and deletes that.
async fn unite(tx: &mut Tx, merge: Merge, named: &Named, now: DateTime<Utc>) -> Result<User, StoreError> {
    const SEARCH: &str = "UPDATE users SET search_text = $2 WHERE id = $1";
    const DELETE: &str = "DELETE FROM users WHERE id = $1";
    within!(&mut *tx, c => sqlx::query(PROFILE)
        .bind(merge.kept)
        .bind(merge.gone)
        .bind(&named.issuer)
        .bind(&named.subject)
        .bind(now)
        .execute(c)
        .await
        .map(drop))?;
    let user: User = within!(&mut *tx, c => sqlx::query_as(BY_ID).bind(merge.kept).fetch_one(c).await)?;
    within!(&mut *tx, c => sqlx::query(SEARCH)
        .bind(merge.kept)
        .bind(search_text(&user))
        .execute(c)
        .await
        .map(drop))?;
    within!(&mut *tx, c => sqlx::query(DELETE).bind(merge.gone).execute(c).await.map(drop))?;
    merged_users::note(tx, merge.gone, merge.kept, now).await?;
    Ok(user)
}
