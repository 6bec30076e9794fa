//! Users among each other: lists and search within one tenant.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Profile, profile_columns};
use crate::store::{
    Db, Listed, StoreError, Window, fold,
    rows::{count, from_columns},
    text::{like_pattern, like_pattern_at_end},
};

/// A row with nothing but a profile, of a query that calls the table `u`.
struct Found(Profile);

impl Found {
    fn read(row: &impl crate::store::rows::Columns) -> sqlx::Result<Self> {
        Profile::read(row, "u").map(Self)
    }
}
from_columns!(Found);

/// The users of a tenant in the order of their coming, without disabled ones.
pub async fn list(db: &Db, tenant: Uuid, window: Window) -> Result<Listed<Profile>, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM users WHERE tenant_id = $1 AND disabled_at IS NULL";
    const SELECT: &str = concat!(
        "SELECT ",
        profile_columns!("u"),
        " FROM users u WHERE u.tenant_id = $1 AND u.disabled_at IS NULL
         ORDER BY u.created_at, u.id LIMIT $2 OFFSET $3"
    );
    let total = read!(db, c => sqlx::query_scalar(COUNT).bind(tenant).fetch_one(c).await)?;
    let rows: Vec<Found> = read!(db, c => sqlx::query_as(SELECT)
        .bind(tenant)
        .bind(window.limit())
        .bind(window.offset())
        .fetch_all(c)
        .await)?;
    Ok(Listed {
        rows: rows.into_iter().map(|found| found.0).collect(),
        total: count(total),
    })
}

/// Users of a tenant in whose names and address all words of `text` stand, whatever their case; at most `limit`, by
/// name. Disabled users are not found.
pub async fn find(db: &Db, tenant: Uuid, text: &str, limit: u32) -> Result<Vec<Profile>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        profile_columns!("u"),
        " FROM users u WHERE u.disabled_at IS NULL AND u.tenant_id = "
    );
    let folded = fold(text);
    let rows: Vec<Found> = read!(db, c => {
        let mut select = QueryBuilder::new(SELECT);
        select.push_bind(tenant);
        for word in folded.split_whitespace() {
            select.push(" AND u.search_text LIKE ").push_bind(like_pattern(word)).push(" ESCAPE '\\'");
        }
        select.push(" ORDER BY u.search_text, u.id LIMIT ").push_bind(i64::from(limit));
        select.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(|found| found.0).collect())
}

/// Users of a tenant whose e-mail address is this one, whatever its case; at most `limit`. Disabled users are not found.
pub async fn with_address(
    db: &Db,
    tenant: Uuid,
    email: &str,
    limit: u32,
) -> Result<Vec<Profile>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        profile_columns!("u"),
        " FROM users u WHERE u.disabled_at IS NULL AND u.tenant_id = $1 AND u.search_text LIKE $2 ESCAPE '\\'
         ORDER BY u.search_text, u.id LIMIT $3"
    );
    let folded = fold(email);
    // The address is the last line of what is searched.
    let line = like_pattern_at_end(&format!("\n{folded}"));
    let rows: Vec<Found> = read!(db, c => sqlx::query_as(SELECT)
        .bind(tenant)
        .bind(line)
        .bind(i64::from(limit))
        .fetch_all(c)
        .await)?;
    let profiles = rows.into_iter().map(|found| found.0);
    // What was asked for may have lines of its own.
    Ok(profiles
        .filter(|profile| fold(&profile.email) == folded)
        .collect())
}
