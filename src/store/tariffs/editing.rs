//! What operators do with tariffs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, types::Json};
use uuid::Uuid;

use super::{DEFAULT_TARIFF, Tariff, tariff_columns};
use crate::store::{
    Db, StoreError, Tx, micros,
    rows::{Columns, count, from_columns},
};

/// Everything of a tariff that operators choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    pub name: String,
    pub quotas: BTreeMap<String, u64>,
    pub disabled_modules: BTreeSet<String>,
    /// As `<module>::<feature>`.
    pub disabled_features: BTreeSet<String>,
    /// What tokens call it.
    pub external_ids: BTreeSet<String>,
}

/// A tariff and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffOverview {
    pub tariff: Tariff,
    pub external_ids: BTreeSet<String>,
    pub users: u64,
}

/// What became of the wish to delete a tariff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    Done,
    Unknown,
    /// Everybody without a tariff of their own has it.
    IsDefault,
    /// So many users have it.
    InUse(u64),
}

struct Counted {
    tariff: Tariff,
    users: u64,
}

struct ExternalId {
    tariff: Uuid,
    name: String,
}

impl Counted {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            tariff: Tariff::read(row)?,
            users: count(row.col("users")?),
        })
    }
}

impl ExternalId {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            tariff: row.col("tariff_id")?,
            name: row.col("external_id")?,
        })
    }
}
from_columns!(Counted, ExternalId);

/// All tariffs, by name.
pub async fn list(db: &Db) -> Result<Vec<TariffOverview>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        tariff_columns!(),
        ", (SELECT count(*) FROM users u WHERE u.tariff_id = t.id) AS users FROM tariffs t ORDER BY t.name"
    );
    const EXTERNAL_IDS: &str = "SELECT tariff_id, external_id FROM tariff_external_ids";
    let tariffs: Vec<Counted> = read!(db, c => sqlx::query_as(SELECT).fetch_all(c).await)?;
    let names: Vec<ExternalId> = read!(db, c => sqlx::query_as(EXTERNAL_IDS).fetch_all(c).await)?;
    let overview = |counted: Counted| {
        let own = names.iter().filter(|name| name.tariff == counted.tariff.id);
        TariffOverview {
            external_ids: own.map(|own| own.name.clone()).collect(),
            users: counted.users,
            tariff: counted.tariff,
        }
    };
    Ok(tariffs.into_iter().map(overview).collect())
}

/// Creates a tariff; its id. A name or an external id that is taken is a [`StoreError::Duplicate`].
pub async fn create(db: &Db, new: Definition, now: DateTime<Utc>) -> Result<Uuid, StoreError> {
    const INSERT: &str = "INSERT INTO tariffs
        (id, name, quotas, disabled_modules, disabled_features, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)";
    let id = Uuid::new_v4();
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(&mut *tx, c => sqlx::query(INSERT)
                .bind(id)
                .bind(&new.name)
                .bind(Json(&new.quotas))
                .bind(Json(&new.disabled_modules))
                .bind(Json(&new.disabled_features))
                .bind(micros(now))
                .execute(c)
                .await
                .map(drop))?;
            replace_external_ids(tx, id, &new.external_ids).await?;
            Ok(id)
        })
    })
    .await
}

/// Changes the tariff of this name; whether there is one. An error of `change` leaves everything as it was.
pub async fn edit<E, F>(db: &Db, name: String, now: DateTime<Utc>, change: F) -> Result<bool, E>
where
    E: From<StoreError> + std::error::Error + Send + 'static,
    F: FnOnce(&mut Definition) -> Result<(), E> + Clone + Send + 'static,
{
    const UPDATE: &str =
        "UPDATE tariffs SET name = $2, quotas = $3, disabled_modules = $4, disabled_features = $5
        WHERE id = $1";
    db.transaction(move |tx| {
        Box::pin(async move {
            let Some((id, mut definition)) = locked(tx, &name, now).await? else {
                return Ok(false);
            };
            change(&mut definition)?;
            within!(&mut *tx, c => sqlx::query(UPDATE)
                .bind(id)
                .bind(&definition.name)
                .bind(Json(&definition.quotas))
                .bind(Json(&definition.disabled_modules))
                .bind(Json(&definition.disabled_features))
                .execute(c)
                .await
                .map(drop))
            .map_err(StoreError::from)?;
            replace_external_ids(tx, id, &definition.external_ids).await?;
            Ok(true)
        })
    })
    .await
}

/// Deletes the tariff of this name, unless somebody has it.
pub async fn delete(db: &Db, name: String, now: DateTime<Utc>) -> Result<Deletion, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM users WHERE tariff_id = $1";
    const DELETE: &str = "DELETE FROM tariffs WHERE id = $1";
    db.transaction(move |tx| {
        Box::pin(async move {
            let Some((id, _)) = locked(tx, &name, now).await? else {
                return Ok(Deletion::Unknown);
            };
            if id == DEFAULT_TARIFF {
                return Ok(Deletion::IsDefault);
            }
            let users = within!(&mut *tx, c => sqlx::query_scalar(COUNT).bind(id).fetch_one(c).await)?;
            if users != 0 {
                return Ok(Deletion::InUse(count(users)));
            }
            within!(tx, c => sqlx::query(DELETE).bind(id).execute(c).await.map(drop))?;
            Ok(Deletion::Done)
        })
    })
    .await
}

/// The tariff of this name, locked until the end of the transaction.
async fn locked(
    tx: &mut Tx,
    name: &str,
    now: DateTime<Utc>,
) -> Result<Option<(Uuid, Definition)>, StoreError> {
    const LOCK: &str = "UPDATE tariffs SET updated_at = $2 WHERE name = $1 RETURNING id";
    const SELECT: &str = concat!("SELECT ", tariff_columns!(), " FROM tariffs t WHERE t.id = $1");
    const EXTERNAL_IDS: &str = "SELECT external_id FROM tariff_external_ids WHERE tariff_id = $1";
    let id: Option<Uuid> = within!(&mut *tx, c => sqlx::query_scalar(LOCK)
        .bind(name)
        .bind(micros(now))
        .fetch_optional(c)
        .await)?;
    let Some(id) = id else { return Ok(None) };
    let tariff: Tariff = within!(&mut *tx, c => sqlx::query_as(SELECT).bind(id).fetch_one(c).await)?;
    let external_ids: Vec<String> =
        within!(tx, c => sqlx::query_scalar(EXTERNAL_IDS).bind(id).fetch_all(c).await)?;
    let definition = Definition {
        name: tariff.name,
        quotas: tariff.quotas,
        disabled_modules: tariff.disabled_modules.into_iter().collect(),
        disabled_features: tariff.disabled_features.into_iter().collect(),
        external_ids: external_ids.into_iter().collect(),
    };
    Ok(Some((id, definition)))
}

async fn replace_external_ids(
    tx: &mut Tx,
    tariff: Uuid,
    external_ids: &BTreeSet<String>,
) -> Result<(), StoreError> {
    const CLEAR: &str = "DELETE FROM tariff_external_ids WHERE tariff_id = $1";
    within!(&mut *tx, c => sqlx::query(CLEAR).bind(tariff).execute(c).await.map(drop))?;
    if external_ids.is_empty() {
        return Ok(());
    }
    within!(tx, c => QueryBuilder::new("INSERT INTO tariff_external_ids (external_id, tariff_id) ")
        .push_values(external_ids, |mut row, name| {
            row.push_bind(name).push_bind(tariff);
        })
        .build()
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}
