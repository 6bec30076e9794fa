//! Tariffs: what a user's rooms may use.

mod editing;

use std::collections::BTreeMap;

use sqlx::types::Json;
use uuid::{Uuid, uuid};

pub use editing::{Definition, Deletion, TariffOverview, create, delete, edit, list};

use super::{
    Db, StoreError, Tx,
    rows::{Columns, from_columns},
};
use crate::quotas::{Quota, Quotas};

/// Tariff of users whose tokens name none that is known; a row of the first migration.
pub const DEFAULT_TARIFF: Uuid = uuid!("7f1c5b1e-9d0a-4c55-8f7e-0a4f5c1d2e02");

/// A tariff as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    pub id: Uuid,
    pub name: String,
    /// Limits by name ([`Quota`]).
    pub quotas: BTreeMap<String, u64>,
    pub disabled_modules: Vec<String>,
    /// As `[<module>::]<feature>`; without a module `core` is meant.
    pub disabled_features: Vec<String>,
}

/// Columns of a tariff for a query that calls the table `t`.
macro_rules! tariff_columns {
    () => {
        "t.id AS tariff_id, t.name AS tariff_name, t.quotas AS tariff_quotas,
         t.disabled_modules AS tariff_disabled_modules, t.disabled_features AS tariff_disabled_features"
    };
}
pub(super) use tariff_columns;

impl Tariff {
    /// The most there may be of something under this tariff; `None`: any number.
    #[must_use]
    pub fn limit(&self, quota: Quota, settings: &Quotas) -> Option<u64> {
        quota.limit(&self.quotas, settings)
    }

    /// Everything that is limited under this tariff, by name. Names that this version does not know stay.
    #[must_use]
    pub fn limits(&self, settings: &Quotas) -> BTreeMap<String, u64> {
        let mut limits = self.quotas.clone();
        for quota in Quota::ALL {
            match self.limit(quota, settings) {
                Some(limit) => limits.insert(quota.name().to_owned(), limit),
                None => limits.remove(quota.name()),
            };
        }
        limits
    }

    pub(super) fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("tariff_id")?,
            name: row.col("tariff_name")?,
            quotas: row.col::<Json<_>>("tariff_quotas")?.0,
            disabled_modules: row.col::<Json<_>>("tariff_disabled_modules")?.0,
            disabled_features: row.col::<Json<_>>("tariff_disabled_features")?.0,
        })
    }
}
from_columns!(Tariff);

/// The tariff of a user.
pub async fn of_user(db: &Db, user: Uuid) -> Result<Option<Tariff>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        tariff_columns!(),
        " FROM users u JOIN tariffs t ON t.id = u.tariff_id WHERE u.id = $1"
    );
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(user).fetch_optional(c).await)?)
}

const BY_EXTERNAL_ID: &str = "SELECT tariff_id FROM tariff_external_ids WHERE external_id = $1";
const BY_NAME: &str = "SELECT id FROM tariffs WHERE name = $1";

/// A NUL can not be in a stored text, and PostgreSQL refuses the question.
fn storable(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.contains('\0'))
}

/// The tariff that a token names. `None` when it names none or one that is not known.
pub(super) async fn claimed(tx: &mut Tx, claim: Option<&str>) -> Result<Option<Uuid>, StoreError> {
    let Some(external_id) = claim.and_then(storable) else {
        return Ok(None);
    };
    Ok(within!(tx, c => sqlx::query_scalar(BY_EXTERNAL_ID).bind(external_id).fetch_optional(c).await)?)
}

/// The same outside of transactions.
pub(super) async fn find_claimed(db: &Db, claim: &str) -> Result<Option<Uuid>, StoreError> {
    let external_id = storable(claim);
    Ok(read!(db, c => sqlx::query_scalar(BY_EXTERNAL_ID).bind(external_id).fetch_optional(c).await)?)
}

/// The tariff of this name.
pub(super) async fn named(tx: &mut Tx, name: &str) -> Result<Option<Uuid>, StoreError> {
    Ok(within!(tx, c => sqlx::query_scalar(BY_NAME).bind(storable(name)).fetch_optional(c).await)?)
}

/// The same outside of transactions.
pub(super) async fn find_named(db: &Db, name: &str) -> Result<Option<Uuid>, StoreError> {
    let name = storable(name);
    Ok(read!(db, c => sqlx::query_scalar(BY_NAME).bind(name).fetch_optional(c).await)?)
}
