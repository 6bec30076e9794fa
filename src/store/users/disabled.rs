//! Users whom an operator has locked out.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{BY_ID, User};
use crate::store::{
    Db, StoreError, micros, outbox,
    rows::{Columns, from_columns},
};

/// Rows of one query.
const PAGE_ROWS: usize = 1_000;

/// Who may not do anything any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledUser {
    pub id: Uuid,
    pub issuer: String,
    pub subject: String,
}

/// What came of disabling or enabling somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Switched {
    /// The user as it is now.
    pub user: User,
    /// False where the user was so already.
    pub changed: bool,
}

impl DisabledUser {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            issuer: row.col("issuer")?,
            subject: row.col("subject")?,
        })
    }
}
from_columns!(DisabledUser);

/// All who are disabled, read in pages, by the ids too that they had before they were merged: meetings that run know them by these.
/// Whoever is disabled meanwhile is found now or by the next look.
pub async fn all_disabled(db: &Db) -> Result<Vec<DisabledUser>, StoreError> {
    const SELECT: &str = "SELECT id, issuer, subject FROM users WHERE disabled_at IS NOT NULL AND id > $1
        UNION ALL SELECT m.id, u.issuer, u.subject FROM merged_users m JOIN users u ON u.id = m.into_id
        WHERE u.disabled_at IS NOT NULL AND m.id > $1
        ORDER BY id LIMIT $2";
    let limit = i64::try_from(PAGE_ROWS).unwrap_or(i64::MAX);
    let (mut all, mut after) = (Vec::new(), Uuid::nil());
    loop {
        let page: Vec<DisabledUser> = read!(db, c => sqlx::query_as(SELECT)
            .bind(after)
            .bind(limit)
            .fetch_all(c)
            .await)?;
        let is_last = page.len() < PAGE_ROWS;
        all.extend(page);
        match all.last() {
            Some(last) if !is_last => after = last.id,
            _ => return Ok(all),
        }
    }
}

/// Locks a user out from now on; the time of an earlier lock-out stays. Mails that the user has brought about and that wait are given
/// up, but for those that tell of an end. `None`: no such user.
pub async fn disable(db: &Db, id: Uuid, now: DateTime<Utc>) -> Result<Option<Switched>, StoreError> {
    switch(db, id, Some(micros(now))).await
}

/// Lets a user in again. `None`: no such user.
pub async fn enable(db: &Db, id: Uuid) -> Result<Option<Switched>, StoreError> {
    switch(db, id, None).await
}

async fn switch(
    db: &Db,
    id: Uuid,
    disabled_at: Option<DateTime<Utc>>,
) -> Result<Option<Switched>, StoreError> {
    const UPDATE: &str = "UPDATE users SET disabled_at = $2 WHERE id = $1 AND (disabled_at IS NULL) = $3";
    db.transaction(move |tx| {
        Box::pin(async move {
            let updated = within!(&mut *tx, c => sqlx::query(UPDATE)
                .bind(id)
                .bind(disabled_at)
                .bind(disabled_at.is_some())
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            if let Some(at) = disabled_at {
                outbox::give_up_of(tx, id, at).await?;
            }
            let user: Option<User> =
                within!(tx, c => sqlx::query_as(BY_ID).bind(id).fetch_optional(c).await)?;
            Ok(user.map(|user| Switched {
                user,
                changed: updated == 1,
            }))
        })
    })
    .await
}
