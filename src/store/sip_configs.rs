//! How callers by telephone reach a room.

use uuid::Uuid;

use super::{
    Db, StoreError, Tx,
    rows::{Columns, from_columns},
};
use crate::secrets::Secret;

/// Digits of a SIP id and of its password.
pub const DIGITS: usize = 10;

/// Tries to find an id that is free; with a million rooms one in 10,000 is taken.
const ATTEMPTS_MAX: usize = 16;

/// Id and password that callers type, and whether they wait in the lobby.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipConfig {
    pub room_id: Uuid,
    pub sip_id: String,
    pub password: Secret,
    /// Callers wait although the waiting room is off for others.
    pub lobby: bool,
}

/// What is set of a SIP configuration; `None` keeps, or takes the default of a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SipChange {
    /// Exactly [`DIGITS`] digits.
    pub password: Option<Secret>,
    pub lobby: Option<bool>,
}

/// What [`put`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    Created(SipConfig),
    Changed(SipConfig),
}

impl SipConfig {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            room_id: row.col("room_id")?,
            sip_id: row.col("sip_id")?,
            password: Secret::new(row.col::<String>("password")?),
            lobby: row.col("lobby")?,
        })
    }
}
from_columns!(SipConfig);

/// Whether a text could be a SIP id or a password.
#[must_use]
pub fn is_numeric_id(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The SIP configuration of a room, also where it is of no use because media are encrypted end to end.
pub async fn get(db: &Db, room: Uuid) -> Result<Option<SipConfig>, StoreError> {
    const SELECT: &str = "SELECT room_id, sip_id, password, lobby FROM sip_configs WHERE room_id = $1";
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(room).fetch_optional(c).await)?)
}

/// The SIP configuration behind the id that a caller types.
pub async fn by_sip_id(db: &Db, sip_id: &str) -> Result<Option<SipConfig>, StoreError> {
    const SELECT: &str = "SELECT room_id, sip_id, password, lobby FROM sip_configs WHERE sip_id = $1";
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(sip_id).fetch_optional(c).await)?)
}

/// Changes the SIP configuration of a room, or makes one. `None` when the room is gone.
pub async fn put(db: &Db, room: Uuid, change: SipChange) -> Result<Option<Put>, StoreError> {
    let put = db.transaction(move |tx| {
        Box::pin(async move {
            if let Some(config) = update(tx, room, &change).await? {
                return Ok(Put::Changed(config));
            }
            if let Some(config) = insert(tx, room, &change).await? {
                return Ok(Put::Created(config));
            }
            // Somebody else was faster.
            let changed = update(tx, room, &change).await?;
            changed.map(Put::Changed).ok_or(StoreError::NoFreeSipId)
        })
    });
    match put.await {
        Err(StoreError::Referenced(_)) => Ok(None),
        put => put.map(Some),
    }
}

/// Removes the SIP configuration of a room. Whether there was one.
pub async fn delete(db: &Db, room: Uuid) -> Result<bool, StoreError> {
    const DELETE: &str = "DELETE FROM sip_configs WHERE room_id = $1";
    db.transaction(move |tx| {
        Box::pin(async move {
            let deleted = within!(tx, c => sqlx::query(DELETE)
                .bind(room)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(deleted == 1)
        })
    })
    .await
}

/// Makes the SIP configuration of a new room, with a generated id and password.
pub(super) async fn create(tx: &mut Tx, room: Uuid) -> Result<(), StoreError> {
    let created = insert(tx, room, &SipChange::default()).await?;
    created.map(drop).ok_or(StoreError::NoFreeSipId)
}

/// `None` when there is one already.
async fn insert(tx: &mut Tx, room: Uuid, change: &SipChange) -> Result<Option<SipConfig>, StoreError> {
    const INSERT: &str = "INSERT INTO sip_configs (room_id, sip_id, password, lobby) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING RETURNING room_id, sip_id, password, lobby";
    let password = change
        .password
        .clone()
        .unwrap_or_else(|| Secret::new(random_digits()));
    for _ in 0..ATTEMPTS_MAX {
        let inserted = within!(&mut *tx, c => sqlx::query_as(INSERT)
            .bind(room)
            .bind(random_digits())
            .bind(password.reveal())
            .bind(change.lobby.unwrap_or_default())
            .fetch_optional(c)
            .await)?;
        if inserted.is_some() {
            return Ok(inserted);
        }
    }
    Ok(None)
}

/// `None` when there is none yet.
async fn update(tx: &mut Tx, room: Uuid, change: &SipChange) -> Result<Option<SipConfig>, StoreError> {
    const UPDATE: &str =
        "UPDATE sip_configs SET password = COALESCE($2, password), lobby = COALESCE($3, lobby)
        WHERE room_id = $1 RETURNING room_id, sip_id, password, lobby";
    Ok(within!(tx, c => sqlx::query_as(UPDATE)
        .bind(room)
        .bind(change.password.as_ref().map(Secret::reveal))
        .bind(change.lobby)
        .fetch_optional(c)
        .await)?)
}

fn random_digits() -> String {
    (0..DIGITS)
        .map(|_| char::from(rand::random_range(b'0'..=b'9')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ten_digits_and_differ() {
        let (one, other) = (random_digits(), random_digits());
        assert!(is_numeric_id(&one), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn only_ten_ascii_digits_are_an_id() {
        for wrong in [
            "",
            "123456789",
            "12345678901",
            "123456789a",
            "١٢٣٤٥",
            "-123456789",
        ] {
            assert!(!is_numeric_id(wrong), "{wrong:?}");
        }
        assert!(is_numeric_id("0000000000"));
    }
}
