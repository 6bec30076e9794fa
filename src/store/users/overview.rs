//! Users as operators see them: across all tenants, disabled ones too.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{User, profile_columns, user_columns};
use crate::{
    email_address::compared,
    store::{
        Db, Listed, StoreError, Window,
        rows::{Columns, count, from_columns},
        text::like_pattern,
    },
    text::fold,
};

/// Which users an operator asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only those who are locked out.
    pub disabled: bool,
    /// What stands in a name or the address, in any case; empty: anything.
    pub text: String,
}

/// The condition of a [`UserFilter`], whose fields are `$1` and `$2`.
macro_rules! meant {
    () => {
        "($1 = FALSE OR u.disabled_at IS NOT NULL) AND u.search_text LIKE $2 ESCAPE '\\'"
    };
}

/// A user with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct UserOverview {
    pub user: User,
    pub created_at: DateTime<Utc>,
    /// What tokens call the tenant.
    pub tenant: Option<String>,
    /// Name of the tariff.
    pub tariff: String,
    /// How many rooms the user owns, those of events included.
    pub rooms: u64,
    /// How many events the user has created.
    pub events: u64,
}

impl UserOverview {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            user: User::read(row)?,
            created_at: row.col("created_at")?,
            tenant: row.col("tenant")?,
            tariff: row.col("tariff")?,
            rooms: count(row.col("rooms")?),
            events: count(row.col("events")?),
        })
    }
}
from_columns!(UserOverview);

/// Users of all tenants in the order of their coming.
pub async fn list_all(db: &Db, filter: &UserFilter, window: Window) -> Result<Listed<User>, StoreError> {
    const COUNT: &str = concat!("SELECT count(*) FROM users u WHERE ", meant!());
    const SELECT: &str = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE ",
        meant!(),
        " ORDER BY u.created_at, u.id LIMIT $3 OFFSET $4"
    );
    let text = like_pattern(&fold(&filter.text));
    let total = read!(db, c => sqlx::query_scalar(COUNT)
        .bind(filter.disabled)
        .bind(&text)
        .fetch_one(c)
        .await)?;
    let rows = read!(db, c => sqlx::query_as(SELECT)
        .bind(filter.disabled)
        .bind(&text)
        .bind(window.limit())
        .bind(window.offset())
        .fetch_all(c)
        .await)?;
    Ok(Listed {
        rows,
        total: count(total),
    })
}

/// Whom an operator may mean by an id, an e-mail address in any case, or a subject of an issuer: at most `limit`. An id
/// that is somebody's means nobody else.
pub async fn named(db: &Db, name: &str, limit: u32) -> Result<Vec<User>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.id = $1 OR u.subject = $2 OR u.email_fold = $3
         ORDER BY u.created_at, u.id LIMIT $4"
    );
    let id = name.parse::<Uuid>().unwrap_or_default();
    if let Some(user) = super::by_id(db, id).await? {
        return Ok(vec![user]);
    }
    Ok(read!(db, c => sqlx::query_as(SELECT)
        .bind(id)
        .bind(name)
        .bind(compared(name))
        .bind(i64::from(limit))
        .fetch_all(c)
        .await)?)
}

/// Everything about one user.
pub async fn overview(db: &Db, id: Uuid) -> Result<Option<UserOverview>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        user_columns!(),
        ", u.created_at, n.external_id AS tenant, t.name AS tariff,
         (SELECT count(*) FROM rooms r WHERE r.created_by = u.id) AS rooms,
         (SELECT count(*) FROM events e WHERE e.created_by = u.id) AS events
         FROM users u JOIN tenants n ON n.id = u.tenant_id JOIN tariffs t ON t.id = u.tariff_id WHERE u.id = $1"
    );
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c).await)?)
}
