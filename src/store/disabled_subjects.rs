//! Subjects that are locked out and have no row as users: services.

use chrono::{DateTime, Utc};

use super::{
    Db, StoreError, micros,
    rows::{Columns, from_columns},
};

/// Rows of one query.
const PAGE_ROWS: usize = 1_000;

/// Who may not do anything any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledSubject {
    /// Without a slash at its end.
    pub issuer: String,
    pub subject: String,
    pub at: DateTime<Utc>,
}

impl DisabledSubject {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            issuer: row.col("issuer")?,
            subject: row.col("subject")?,
            at: row.col("at")?,
        })
    }
}
from_columns!(DisabledSubject);

/// All of them, read in pages. Whoever is locked out meanwhile is found now or by the next look.
pub async fn all(db: &Db) -> Result<Vec<DisabledSubject>, StoreError> {
    const SELECT: &str =
        "SELECT issuer, subject, at FROM disabled_subjects WHERE (issuer, subject) > ($1, $2)
        ORDER BY issuer, subject LIMIT $3";
    let limit = i64::try_from(PAGE_ROWS).unwrap_or(i64::MAX);
    let (mut all, mut after) = (Vec::<DisabledSubject>::new(), (String::new(), String::new()));
    loop {
        let page: Vec<DisabledSubject> = read!(db, c => sqlx::query_as(SELECT)
            .bind(&after.0)
            .bind(&after.1)
            .bind(limit)
            .fetch_all(c)
            .await)?;
        let is_last = page.len() < PAGE_ROWS;
        all.extend(page);
        match all.last() {
            Some(last) if !is_last => after = (last.issuer.clone(), last.subject.clone()),
            _ => return Ok(all),
        }
    }
}

/// Locks a subject out from now on; the time of an earlier lock-out stays. Answers since when, and whether that is new.
pub async fn disable(
    db: &Db,
    issuer: &str,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, bool), StoreError> {
    const INSERT: &str = "INSERT INTO disabled_subjects (issuer, subject, at) VALUES ($1, $2, $3)
        ON CONFLICT (issuer, subject) DO NOTHING";
    const SELECT: &str =
        "SELECT issuer, subject, at FROM disabled_subjects WHERE issuer = $1 AND subject = $2";
    let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
    db.transaction(move |tx| {
        Box::pin(async move {
            let inserted = within!(&mut *tx, c => sqlx::query(INSERT)
                .bind(&issuer)
                .bind(&subject)
                .bind(micros(now))
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            let row: DisabledSubject = within!(tx, c => sqlx::query_as(SELECT)
                .bind(&issuer)
                .bind(&subject)
                .fetch_one(c)
                .await)?;
            Ok((row.at, inserted == 1))
        })
    })
    .await
}

/// Lets a subject in again; whether it was locked out.
pub async fn enable(db: &Db, issuer: &str, subject: &str) -> Result<bool, StoreError> {
    const DELETE: &str = "DELETE FROM disabled_subjects WHERE issuer = $1 AND subject = $2";
    let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
    db.transaction(move |tx| {
        Box::pin(async move {
            let deleted = within!(tx, c => sqlx::query(DELETE)
                .bind(&issuer)
                .bind(&subject)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(deleted > 0)
        })
    })
    .await
}
