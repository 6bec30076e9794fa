//! Users among each other: lists and search within one tenant.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Profile, profile_columns};
use crate::{
    email_address::compared,
    store::{
        Db, Listed, StoreError, Window, micros,
        rows::{count, from_columns},
        text::like_pattern,
    },
    text::fold,
};

/// A row with nothing but a profile, of a query that calls the table `u`.
struct Found(Profile);

impl Found {
    fn read(row: &impl crate::store::rows::Columns) -> sqlx::Result<Self> {
        Profile::read(row, "u").map(Self)
    }
}
from_columns!(Found);

/// Different words of a search that count.
const WORDS_MAX: usize = 8;

/// For how long somebody whose address others have, too, may stay away and still be found.
const AWAY: TimeDelta = TimeDelta::days(30);

/// Conditions on a user `u` who can be found: not locked out, and not left behind. The identity provider vouches for this
/// address of several users when one of them was deleted there and made again; who came before the newest of them and never
/// since, nor within [`AWAY`], is such a remnant. What follows is the time before which that was,
/// then `not_left_behind`.
macro_rules! findable {
    () => {
        "u.disabled_at IS NULL AND NOT (u.email_verified IS TRUE AND u.seen_at < "
    };
}

/// The second half of `findable`. `OFFSET 0` makes PostgreSQL look for each user by itself; `IS TRUE` leaves both databases nothing but the
/// index of addresses to look by: without statistics SQLite would go through the whole tenant for each user.
macro_rules! not_left_behind {
    () => {
        " AND EXISTS (SELECT 1 FROM users n WHERE n.email_fold = u.email_fold AND (n.tenant_id = u.tenant_id) IS TRUE
              AND n.id <> u.id AND n.email_verified IS TRUE AND n.disabled_at IS NULL AND n.created_at > u.seen_at
              LIMIT 1 OFFSET 0))"
    };
}

/// The users of a tenant in the order of their coming, without disabled ones and those who were left behind.
pub async fn list(
    db: &Db,
    tenant: Uuid,
    window: Window,
    now: DateTime<Utc>,
) -> Result<Listed<Profile>, StoreError> {
    const COUNT: &str = concat!(
        "SELECT count(*) FROM users u WHERE u.tenant_id = $1 AND ",
        findable!(),
        "$2",
        not_left_behind!()
    );
    const SELECT: &str = concat!(
        "SELECT ",
        profile_columns!("u"),
        " FROM users u WHERE u.tenant_id = $1 AND ",
        findable!(),
        "$2",
        not_left_behind!(),
        " ORDER BY u.created_at, u.id LIMIT $3 OFFSET $4"
    );
    let away_since = micros(now - AWAY);
    let total = read!(db, c => sqlx::query_scalar(COUNT)
        .bind(tenant)
        .bind(away_since)
        .fetch_one(c)
        .await)?;
    let rows: Vec<Found> = read!(db, c => sqlx::query_as(SELECT)
        .bind(tenant)
        .bind(away_since)
        .bind(window.limit())
        .bind(window.offset())
        .fetch_all(c)
        .await)?;
    Ok(Listed {
        rows: rows.into_iter().map(|found| found.0).collect(),
        total: count(total),
    })
}

/// Users of a tenant in whose names and address all words of `text` stand, whatever their case and marks; at most
/// `limit`, by name. An address that is not its user's finds nobody. Who is disabled, or was left behind, is not found.
pub async fn find(
    db: &Db,
    tenant: Uuid,
    text: &str,
    limit: u32,
    now: DateTime<Utc>,
) -> Result<Vec<Profile>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        profile_columns!("u"),
        " FROM users u WHERE ",
        findable!()
    );
    let folded = fold(text);
    let rows: Vec<Found> = read!(db, c => {
        let mut select = QueryBuilder::new(SELECT);
        select
            .push_bind(micros(now - AWAY))
            .push(not_left_behind!())
            .push(" AND u.tenant_id = ")
            .push_bind(tenant);
        // Each word is looked for in every user.
        let words: BTreeSet<_> = folded.split_whitespace().collect();
        for word in words.into_iter().take(WORDS_MAX) {
            let anywhere = like_pattern(word);
            // The address is the last line.
            let before_address = format!("{anywhere}\n%");
            select
                .push(" AND u.search_text LIKE ")
                .push_bind(anywhere)
                .push(" ESCAPE '\\' AND (u.email_verified IS NOT FALSE OR u.search_text LIKE ")
                .push_bind(before_address)
                .push(" ESCAPE '\\')");
        }
        select.push(" ORDER BY u.search_text, u.id LIMIT ").push_bind(i64::from(limit));
        select.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(|found| found.0).collect())
}

/// Users of a tenant whose e-mail address is this one, whatever its case; at most `limit`. Who is disabled, or was left
/// behind, is not found, nor is somebody of whom the issuer says that the address is another's.
pub async fn with_address(
    db: &Db,
    tenant: Uuid,
    email: &str,
    limit: u32,
    now: DateTime<Utc>,
) -> Result<Vec<Profile>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        profile_columns!("u"),
        " FROM users u WHERE ",
        findable!(),
        "$1",
        not_left_behind!(),
        " AND u.tenant_id = $2 AND u.email_fold = $3 AND u.email_verified IS NOT FALSE
         ORDER BY u.search_text, u.id LIMIT $4"
    );
    let rows: Vec<Found> = read!(db, c => sqlx::query_as(SELECT)
        .bind(micros(now - AWAY))
        .bind(tenant)
        .bind(compared(email))
        .bind(i64::from(limit))
        .fetch_all(c)
        .await)?;
    Ok(rows.into_iter().map(|found| found.0).collect())
}
