//! How callers by telephone reach a room.

use uuid::Uuid;

use super::{StoreError, Tx};
use crate::secrets::Secret;

/// Digits of a SIP id and of its password.
const DIGITS: usize = 10;

/// Tries to find an id that is free; with a million rooms one in 10,000 is taken.
const ATTEMPTS_MAX: usize = 16;

/// Makes a SIP configuration with a generated id and password.
pub(super) async fn create(tx: &mut Tx, room: Uuid) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO sip_configs (room_id, sip_id, password, lobby) VALUES ($1, $2, $3, $4)
        ON CONFLICT (sip_id) DO NOTHING";
    let password = Secret::new(random_digits());
    for _ in 0..ATTEMPTS_MAX {
        let inserted = within!(&mut *tx, c => sqlx::query(INSERT)
            .bind(room)
            .bind(random_digits())
            .bind(password.reveal())
            .bind(false)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if inserted == 1 {
            return Ok(());
        }
    }
    Err(StoreError::NoFreeSipId)
}

/// Removes the SIP configuration of a room, if it has one.
pub(super) async fn delete(tx: &mut Tx, room: Uuid) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM sip_configs WHERE room_id = $1";
    within!(tx, c => sqlx::query(DELETE).bind(room).execute(c).await.map(drop))?;
    Ok(())
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
        assert!(
            one.len() == 10 && one.bytes().all(|b| b.is_ascii_digit()),
            "{one}"
        );
        assert_ne!(one, other);
    }
}
