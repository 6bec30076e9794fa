//! What mails tell of an event, stored once for all receivers of the same: it may be long, and they may be many.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use colloquy_actors::encoding;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{INSERT_ROWS_MAX, OutgoingMail, Queued};
use crate::store::{Db, StoreError, Tx, leftovers, micros};

/// Octets of a hash that are an id.
const ID_BYTES: usize = 16;

/// The entries of mails that are being queued.
pub(super) struct Stored(HashMap<usize, Uuid>);

impl Stored {
    /// The row of a mail's entry.
    pub(super) fn id<E>(&self, entry: &Arc<E>) -> Option<Uuid> {
        self.0.get(&address(entry)).copied()
    }
}

/// Tells shared entries apart while somebody holds them.
fn address<E>(entry: &Arc<E>) -> usize {
    Arc::as_ptr(entry).addr()
}

/// Stores the entries of mails. Nobody deletes them before the mails are committed: the statement holds the rows.
pub(super) async fn insert<M: OutgoingMail>(
    tx: &mut Tx,
    mails: &[Queued<M>],
    now: DateTime<Utc>,
) -> Result<Stored, StoreError> {
    const INSERT: &str = "INSERT INTO outbox_entries (id, queued_at, entry) VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET queued_at = excluded.queued_at";
    let mut stored = HashMap::new();
    for Queued { mail, .. } in mails {
        let entry = mail.entry();
        if stored.contains_key(&address(entry)) {
            continue;
        }
        let text = encoding::encode(&**entry);
        let text = text.map_err(|error| StoreError::Failed(sqlx::Error::Encode(error.into())))?;
        let id = id_of(&text);
        stored.insert(address(entry), id);
        let text: Box<serde_json::value::RawValue> = serde_json::value::RawValue::from_string(text)
            .map_err(|error| StoreError::Failed(sqlx::Error::Encode(error.into())))?;
        within!(&mut *tx, c => sqlx::query(INSERT)
            .bind(id)
            .bind(micros(now))
            .bind(sqlx::types::Json(text))
            .execute(c)
            .await
            .map(drop))?;
    }
    Ok(Stored(stored))
}

/// An id that is the same for the same text, and no other text's.
fn id_of(text: &str) -> Uuid {
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut id = [0; ID_BYTES];
    id.copy_from_slice(&hash[..ID_BYTES]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

/// Deletes those of these entries that no mail has any more.
pub(super) async fn delete_unused(tx: &mut Tx, entries: &[Uuid]) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM outbox_entries WHERE
        NOT EXISTS (SELECT 1 FROM outbox WHERE entry_id = outbox_entries.id) AND id IN (";
    for chunk in entries.chunks(INSERT_ROWS_MAX) {
        within!(&mut *tx, c => among!(sqlx::QueryBuilder::new(DELETE), chunk, c))?;
    }
    Ok(())
}

/// Deletes at most `limit` entries that no mail has any more and none was queued with since a time. How many those were.
pub async fn delete_left(db: &Db, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    // The time stands twice: of a row that gets a mail meanwhile, only the row itself is looked at again.
    const DELETE: &str = "DELETE FROM outbox_entries WHERE queued_at < $1 AND id IN
        (SELECT id FROM outbox_entries e WHERE queued_at < $1
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE entry_id = e.id) LIMIT $2)";
    leftovers::delete_before(db, DELETE, before, limit).await
}
