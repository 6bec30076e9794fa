//! The outbox: mails that wait, were sent, or were given up.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::address_hash::AddressHash;
use super::{
    Db, StoreError, Tx, leftovers, micros,
    rows::{Columns, from_columns},
};

/// Rows per statement, well below the databases' limits of parameters.
const INSERT_ROWS_MAX: usize = 100;

/// Locks that all addresses share.
const ADDRESS_LOCKS: u8 = 32;

/// Tells these locks from others of the database.
const ADDRESS_LOCK_CLASS: i32 = 0x6d61_696c;

/// Characters that are kept of an error.
const ERROR_CHARS_MAX: usize = 500;

/// The field of a mail that is stored apart.
const ENTRY: &str = "event";

/// What a mail is for, as far as limits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Invite,
    /// Of the event, or of one occurrence; the latter's end is one too.
    Change,
    /// Of the event, or of the invitation.
    End,
}

impl Purpose {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Change => "change",
            Self::End => "end",
        }
    }

    /// `None` for what this version does not know.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Invite, Self::Change, Self::End];
        all.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// What a mail holds, and what of it the outbox must know.
pub trait OutgoingMail: Serialize {
    /// What many mails say alike.
    type Entry: Serialize + Send + Sync;

    /// The field `event` of a mail, which it does not serialise itself. Mails that share it are stored with one.
    fn entry(&self) -> &Arc<Self::Entry>;
    fn event(&self) -> Uuid;
    fn purpose(&self) -> Purpose;
    /// The occurrence, of a mail about one.
    fn instance(&self) -> Option<DateTime<Utc>>;
    fn has_lost_times(&self) -> bool;
    fn receiver(&self) -> AddressHash;
    /// The invitation of the receiver, where it goes on.
    fn invite(&self) -> Option<Uuid>;
}

/// A mail that somebody has taken to send it.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    /// When it was to go at first.
    pub slot_at: DateTime<Utc>,
    /// A [`OutgoingMail`], if this version of the server can read it.
    pub mail: Value,
    /// Attempts with this one.
    pub attempts: u32,
    /// Until then nobody else takes it; it tells this attempt from later ones.
    pub leased_until: DateTime<Utc>,
}

impl Taken {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let Json(mut mail) = row.col::<Json<Value>>("mail")?;
        let entry = row.col::<Option<Json<Value>>>("entry")?;
        if let (Some(fields), Some(Json(entry))) = (mail.as_object_mut(), entry) {
            fields.insert(ENTRY.to_owned(), entry);
        }
        Ok(Self {
            id: row.col("id")?,
            created_at: row.col("created_at")?,
            slot_at: row.col("slot_at")?,
            mail,
            attempts: u32::try_from(row.col::<i32>("attempts")?).unwrap_or_default(),
            leased_until: row.col("due_at")?,
        })
    }
}
from_columns!(Taken);

/// Expands a statement that begins in `$begin` and ends with a list of ids.
macro_rules! among {
    ($begin:expr, $ids:expr, $executor:expr) => {{
        let mut statement = $begin;
        push_ids!(statement, $ids);
        statement.push(")").build().execute($executor).await.map(drop)
    }};
}

mod entries;

pub use entries::delete_left as delete_left_entries;

/// A mail that waits, and nobody has succeeded to send yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub id: Uuid,
    pub receiver: AddressHash,
    pub purpose: Purpose,
    /// The occurrence, of a mail about one.
    pub instance: Option<DateTime<Utc>>,
    pub has_lost_times: bool,
    /// Whether somebody has taken it: it may have gone out, or be on its way.
    pub is_tried: bool,
    pub slot_at: DateTime<Utc>,
}

impl Waiting {
    fn read(row: &impl Columns) -> sqlx::Result<Option<Self>> {
        let purpose = Purpose::parse(&row.col::<String>("purpose")?);
        let receiver = AddressHash::from_bytes(&row.col::<Vec<u8>>("address_hash")?);
        let Some((purpose, receiver)) = purpose.zip(receiver) else {
            return Ok(None);
        };
        Ok(Some(Self {
            id: row.col("id")?,
            receiver,
            purpose,
            instance: row.col("instance_at")?,
            has_lost_times: row.col("has_lost_times")?,
            is_tried: row.col::<i32>("attempts")? > 0,
            slot_at: row.col("slot_at")?,
        }))
    }
}

/// What of [`Waiting`] this version of the server understands.
struct WaitingRow(Option<Waiting>);

impl WaitingRow {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Waiting::read(row).map(Self)
    }
}
from_columns!(WaitingRow);

/// A mail, and when it may go.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued<M> {
    pub mail: M,
    pub slot_at: DateTime<Utc>,
}

/// Queues mails that `by` has brought about.
pub async fn insert<M: OutgoingMail + Sync>(
    tx: &mut Tx,
    mails: &[Queued<M>],
    by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const INSERT: &str =
        "INSERT INTO outbox (id, created_at, mail, due_at, slot_at, event_id, purpose, instance_at,
        has_lost_times, address_hash, entry_id, caused_by, invite_id) ";
    let entries = entries::insert(tx, mails, now).await?;
    let now = micros(now);
    for chunk in mails.chunks(INSERT_ROWS_MAX) {
        within!(&mut *tx, c => {
            let mut insert = sqlx::QueryBuilder::new(INSERT);
            insert.push_values(chunk, |mut row, Queued { mail, slot_at }| {
                row.push_bind(Uuid::new_v4())
                    .push_bind(now)
                    .push_bind(Json(mail))
                    .push_bind(micros(*slot_at))
                    .push_bind(micros(*slot_at))
                    .push_bind(mail.event())
                    .push_bind(mail.purpose().as_str())
                    .push_bind(mail.instance())
                    .push_bind(mail.has_lost_times())
                    .push_bind(mail.receiver().as_bytes().to_vec())
                    .push_bind(entries.id(mail.entry()))
                    .push_bind(by)
                    .push_bind(mail.invite());
            });
            insert.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Invitations to an event and news of its changes that wait. The event's row must be locked by this transaction.
pub async fn waiting(tx: &mut Tx, event: Uuid) -> Result<Vec<Waiting>, StoreError> {
    const SELECT: &str =
        "SELECT id, address_hash, purpose, instance_at, has_lost_times, attempts, slot_at FROM outbox
        WHERE event_id = $1 AND purpose IN ('invite', 'change') AND sent_at IS NULL AND failed_at IS NULL
        ORDER BY slot_at, id";
    let rows: Vec<WaitingRow> = within!(tx, c => sqlx::query_as(SELECT).bind(event).fetch_all(c).await)?;
    Ok(rows.into_iter().filter_map(|row| row.0).collect())
}

/// Takes mails back, as newer ones say more. One that was tried is kept as given up: if it is on its way just now, it still
/// counts for the limits.
pub async fn withdraw(tx: &mut Tx, mails: &[Uuid], now: DateTime<Utc>) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM outbox WHERE attempts = 0 AND id IN (";
    let mut entries: Vec<Uuid> = Vec::new();
    for chunk in mails.chunks(INSERT_ROWS_MAX) {
        let deleted: Vec<Option<Uuid>> = within!(&mut *tx, c => {
            let mut delete = sqlx::QueryBuilder::new(DELETE);
            push_ids!(delete, chunk);
            delete.push(") RETURNING entry_id").build_query_scalar().fetch_all(c).await
        })?;
        entries.extend(deleted.into_iter().flatten());
        within!(&mut *tx, c => {
            let mut update = sqlx::QueryBuilder::new("UPDATE outbox SET failed_at = ");
            update.push_bind(micros(now));
            update.push(", last_error = 'a newer mail took its place' WHERE sent_at IS NULL AND failed_at IS NULL AND id IN (");
            among!(update, chunk, c)
        })?;
    }
    entries.sort_unstable();
    entries.dedup();
    entries::delete_unused(tx, &entries).await
}

/// Gives up what waits of this user's invitations and news, who is locked out.
pub async fn give_up_of(tx: &mut Tx, by: Uuid, at: DateTime<Utc>) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE outbox SET failed_at = $2, last_error = 'the sender is locked out'
        WHERE sent_at IS NULL AND failed_at IS NULL AND caused_by = $1 AND purpose IN ('invite', 'change')";
    Ok(within!(tx, c => sqlx::query(UPDATE).bind(by).bind(micros(at)).execute(c).await.map(drop))?)
}

/// When changes of an event were or will be told of since a time, one time for each change.
pub async fn rounds(
    tx: &mut Tx,
    event: Uuid,
    since: DateTime<Utc>,
) -> Result<Vec<DateTime<Utc>>, StoreError> {
    const SELECT: &str =
        "SELECT min(slot_at) FROM outbox WHERE event_id = $1 AND purpose = 'change' AND slot_at > $2
        GROUP BY created_at";
    let since = micros(since);
    Ok(within!(tx, c => sqlx::query_scalar(SELECT).bind(event).bind(since).fetch_all(c).await)?)
}

/// When a mail went or will go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub at: DateTime<Utc>,
    /// Whoever brought it about, where that is known.
    pub by: Option<Uuid>,
}

/// When mails went or will go to each of these addresses since a time, without those that tell of an end. Nobody else may
/// queue mails to them until the end of the transaction: see [`lock_addresses`].
pub async fn slots(
    tx: &mut Tx,
    addresses: &[AddressHash],
    since: DateTime<Utc>,
) -> Result<HashMap<AddressHash, Vec<Slot>>, StoreError> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for chunk in addresses.chunks(INSERT_ROWS_MAX) {
        let rows: Vec<(Vec<u8>, DateTime<Utc>, Option<Uuid>)> = within!(&mut *tx, c => {
            let mut select = sqlx::QueryBuilder::new("SELECT address_hash, slot_at, caused_by FROM outbox WHERE slot_at > ");
            select.push_bind(micros(since)).push(" AND purpose IN ('invite', 'change') AND address_hash IN (");
            let mut list = select.separated(", ");
            for address in chunk {
                list.push_bind(address.as_bytes().to_vec());
            }
            select.push(")").build_query_as().fetch_all(c).await
        })?;
        for (address, at, by) in rows {
            if let Some(address) = AddressHash::from_bytes(&address) {
                found.entry(address).or_default().push(Slot { at, by });
            }
        }
    }
    Ok(found)
}

/// Makes those who queue mails to the same addresses take turns until the end of their transactions. Some addresses share a
/// lock: one per address would need more locks than PostgreSQL has. It is the last lock that a transaction takes, and all
/// take theirs in the same order. SQLite has one writer anyway.
pub async fn lock_addresses(tx: &mut Tx, addresses: &[AddressHash]) -> Result<(), StoreError> {
    const LOCK: &str = "SELECT pg_advisory_xact_lock($1, $2)";
    if let Tx::Postgres(transaction) = tx {
        let shares = addresses.iter().filter_map(|address| address.as_bytes().first());
        let shares: BTreeSet<_> = shares.map(|first| i32::from(first % ADDRESS_LOCKS)).collect();
        for share in shares {
            sqlx::query(LOCK)
                .bind(ADDRESS_LOCK_CLASS)
                .bind(share)
                .execute(&mut **transaction)
                .await?;
        }
    }
    Ok(())
}

/// Takes at most `limit` mails that are due, the longest waiting first, and keeps them from others for `lease`.
pub async fn take(
    db: &Db,
    limit: u32,
    now: DateTime<Utc>,
    lease: Duration,
) -> Result<Vec<Taken>, StoreError> {
    // The condition stands twice: of two servers that choose the same row, the second finds it moved on.
    const TAKE: &str = "UPDATE outbox SET due_at = $2, attempts = attempts + 1
        WHERE due_at <= $1 AND id IN (SELECT id FROM outbox
            WHERE sent_at IS NULL AND failed_at IS NULL AND due_at <= $1 ORDER BY due_at LIMIT $3)
        RETURNING id, created_at, COALESCE(slot_at, created_at) AS slot_at, mail, attempts, due_at,
            (SELECT entry FROM outbox_entries WHERE outbox_entries.id = outbox.entry_id) AS entry";
    let (now, until) = (micros(now), micros(now + lease));
    db.transaction(move |tx| {
        Box::pin(async move {
            Ok(within!(tx, c => sqlx::query_as(TAKE)
                .bind(now)
                .bind(until)
                .bind(i64::from(limit))
                .fetch_all(c)
                .await)?)
        })
    })
    .await
}

/// When the next mail is due that is not taken; `None` when nothing waits.
pub async fn next_due(db: &Db) -> Result<Option<DateTime<Utc>>, StoreError> {
    const SELECT: &str = "SELECT min(due_at) FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL";
    Ok(read!(db, c => sqlx::query_scalar(SELECT).fetch_one(c).await)?)
}

/// Notes that a mail server has taken over a mail, and so that its receiver knows of the event.
pub async fn sent(db: &Db, mail: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
    // Invitations are taken before mails, as by everybody.
    const TELL: &str = "UPDATE event_invites SET told = TRUE WHERE NOT told AND id = (SELECT invite_id FROM outbox WHERE id = $1)";
    const UPDATE: &str = "UPDATE outbox SET sent_at = $2, failed_at = NULL, last_error = NULL WHERE id = $1 AND sent_at IS NULL";
    let now = micros(now);
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(&mut *tx, c => sqlx::query(TELL).bind(mail).execute(c).await.map(drop))?;
            within!(tx, c => sqlx::query(UPDATE).bind(mail).bind(now).execute(c).await.map(drop))?;
            Ok(())
        })
    })
    .await
}

/// What becomes of a mail that could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOutcome {
    /// It is tried again, not before this time.
    Again(DateTime<Utc>),
    /// Nobody tries again.
    GivenUp(DateTime<Utc>),
}

/// Notes why a mail could not be sent, unless somebody else has taken it meanwhile.
pub async fn failed(db: &Db, taken: &Taken, outcome: RetryOutcome, error: &str) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE outbox SET due_at = $3, failed_at = $4, last_error = $5
        WHERE id = $1 AND due_at = $2 AND sent_at IS NULL AND failed_at IS NULL";
    let (id, leased_until) = (taken.id, taken.leased_until);
    let (due_at, failed_at) = match outcome {
        RetryOutcome::Again(at) => (micros(at), None),
        RetryOutcome::GivenUp(at) => (leased_until, Some(micros(at))),
    };
    let error: String = error
        .chars()
        .filter(|&letter| letter != '\0')
        .take(ERROR_CHARS_MAX)
        .collect();
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(UPDATE)
                .bind(id)
                .bind(leased_until)
                .bind(due_at)
                .bind(failed_at)
                .bind(error)
                .execute(c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}

/// Mails that were sent or given up before a time.
pub async fn count_done(db: &Db, before: DateTime<Utc>) -> Result<u64, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM outbox WHERE sent_at < $1 OR failed_at < $1";
    leftovers::count_before(db, COUNT, before).await
}

/// Deletes at most `limit` mails that were sent or given up before a time. How many those were.
pub async fn delete_done(db: &Db, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    const DELETE: &str = "DELETE FROM outbox WHERE id IN
        (SELECT id FROM outbox WHERE sent_at < $1 OR failed_at < $1 LIMIT $2)";
    leftovers::delete_before(db, DELETE, before, limit).await
}
