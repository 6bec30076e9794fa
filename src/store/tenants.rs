//! Tenants: closed circles of users.

use chrono::{DateTime, Utc};
use uuid::{Uuid, uuid};

use super::{
    Db, StoreError, Tx, micros,
    rows::{Columns, count, from_columns},
    text::cleaned,
};

/// Tenant of users whose tokens name none; a row of the first migration.
pub const DEFAULT_TENANT: Uuid = uuid!("7f1c5b1e-9d0a-4c55-8f7e-0a4f5c1d2e01");

/// Characters of what tokens call a tenant.
pub const EXTERNAL_ID_CHARS_MAX: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub id: Uuid,
    /// What tokens call it.
    pub external_id: Option<String>,
    /// How many users it has.
    pub users: u64,
}

impl Tenant {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            external_id: row.col("external_id")?,
            users: count(row.col("users")?),
        })
    }
}
from_columns!(Tenant);

const BY_EXTERNAL_ID: &str = "SELECT id FROM tenants WHERE external_id = $1";

/// All tenants, oldest first.
pub async fn list(db: &Db) -> Result<Vec<Tenant>, StoreError> {
    const SELECT: &str =
        "SELECT t.id, t.external_id, (SELECT count(*) FROM users u WHERE u.tenant_id = t.id) AS users
        FROM tenants t ORDER BY t.created_at, t.id";
    Ok(read!(db, c => sqlx::query_as(SELECT).fetch_all(c).await)?)
}

/// Sets what tokens call a tenant; whether there is such a tenant. An id of another one is a
/// [`StoreError::Duplicate`].
pub async fn set_external_id(db: &Db, tenant: Uuid, external_id: String) -> Result<bool, StoreError> {
    const UPDATE: &str = "UPDATE tenants SET external_id = $2 WHERE id = $1";
    db.transaction(move |tx| {
        Box::pin(async move {
            let updated = within!(tx, c => sqlx::query(UPDATE)
                .bind(tenant)
                .bind(&external_id)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(updated == 1)
        })
    })
    .await
}

/// The tenant that a token names, if there is one already.
pub(super) async fn find_claimed(db: &Db, claim: &str) -> Result<Option<Uuid>, StoreError> {
    let external_id = external_id(claim);
    Ok(read!(db, c => sqlx::query_scalar(BY_EXTERNAL_ID).bind(external_id).fetch_optional(c).await)?)
}

/// Whether there is more than one tenant.
pub async fn are_several(db: &Db) -> Result<bool, StoreError> {
    const SELECT: &str = "SELECT count(*) FROM (SELECT id FROM tenants LIMIT 2) AS first_ones";
    let first_ones: i64 = read!(db, c => sqlx::query_scalar(SELECT).fetch_one(c).await)?;
    Ok(first_ones > 1)
}

/// A tenant among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// What tokens call it.
    pub external_id: Option<String>,
    /// How many tenants there are, this one included.
    pub tenants: u64,
}

impl Outline {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            external_id: row.col("external_id")?,
            tenants: count(row.col("tenants")?),
        })
    }
}
from_columns!(Outline);

/// What is to be known of a tenant to tell its people from others. `None` when there is no such tenant.
pub async fn outline(db: &Db, tenant: Uuid) -> Result<Option<Outline>, StoreError> {
    const SELECT: &str =
        "SELECT t.external_id, (SELECT count(*) FROM tenants) AS tenants FROM tenants t WHERE t.id = $1";
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(tenant).fetch_optional(c).await)?)
}

/// What a claim, or an attribute, calls a tenant, as it is stored; nothing is left of a blank one.
#[must_use]
pub fn external_id(claim: &str) -> Option<String> {
    cleaned(Some(claim), EXTERNAL_ID_CHARS_MAX)
}

/// The tenant that a token names, made when it is new: the issuer vouches for it.
pub(super) async fn claimed(
    tx: &mut Tx,
    claim: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, StoreError> {
    const INSERT: &str = "INSERT INTO tenants (id, external_id, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (external_id) DO NOTHING";
    let Some(external_id) = claim.and_then(external_id) else {
        return Ok(None);
    };
    within!(&mut *tx, c => sqlx::query(INSERT)
        .bind(Uuid::new_v4())
        .bind(&external_id)
        .bind(micros(now))
        .execute(c)
        .await
        .map(drop))?;
    let id = within!(tx, c => sqlx::query_scalar(BY_EXTERNAL_ID).bind(&external_id).fetch_one(c).await)?;
    Ok(Some(id))
}
