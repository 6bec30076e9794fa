//! Tenants: closed circles of users.

use chrono::{DateTime, Utc};
use uuid::{Uuid, uuid};

use super::{StoreError, Tx, micros, text::cleaned};

/// Tenant of users whose tokens name none; a row of the first migration.
pub const DEFAULT_TENANT: Uuid = uuid!("7f1c5b1e-9d0a-4c55-8f7e-0a4f5c1d2e01");

const EXTERNAL_ID_CHARS_MAX: usize = 255;

/// The tenant that a token names, made when it is new: the issuer vouches for it.
pub(super) async fn claimed(
    tx: &mut Tx,
    claim: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, StoreError> {
    const INSERT: &str = "INSERT INTO tenants (id, external_id, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (external_id) DO NOTHING";
    const SELECT: &str = "SELECT id FROM tenants WHERE external_id = $1";
    let Some(external_id) = cleaned(claim, EXTERNAL_ID_CHARS_MAX) else {
        return Ok(None);
    };
    within!(&mut *tx, c => sqlx::query(INSERT)
        .bind(Uuid::new_v4())
        .bind(&external_id)
        .bind(micros(now))
        .execute(c)
        .await
        .map(drop))?;
    let id = within!(tx, c => sqlx::query_scalar(SELECT).bind(&external_id).fetch_one(c).await)?;
    Ok(Some(id))
}
