//! What belongs to issuers under former names of the same realm: found and made the present one's, a step at a time.

use uuid::Uuid;

use super::{
    Db, StoreError,
    leftovers::ROWS_MAX,
    rows::{Columns, from_columns},
    users::{Identity, Merge},
};

/// An issuer under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    /// As rows of before have it.
    pub former: String,
    /// As tokens have it now.
    pub present: String,
}

/// Which of two rows of a person lives on.
struct Pair {
    former: Uuid,
    present: Uuid,
    former_is_older: bool,
}

impl Pair {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            former: row.col("former")?,
            present: row.col("present")?,
            former_is_older: row.col("former_is_older")?,
        })
    }

    fn merge(self) -> Merge {
        if self.former_is_older {
            Merge {
                kept: self.former,
                gone: self.present,
                identity: Identity::OfGone,
            }
        } else {
            Merge {
                kept: self.present,
                gone: self.former,
                identity: Identity::OfKept,
            }
        }
    }
}
from_columns!(Pair);

/// Makes users of the former name whom the present one does not know the present one's, at most [`ROWS_MAX`]; how many.
pub async fn move_users(db: &Db, renaming: &Renaming) -> Result<u64, StoreError> {
    const UPDATE: &str = "UPDATE users SET issuer = $1 WHERE id IN (
        SELECT f.id FROM users f WHERE f.issuer = $2 AND NOT EXISTS (
            SELECT 1 FROM users p WHERE p.issuer = $1 AND p.subject = f.subject) LIMIT $3)";
    step(db, renaming, &[UPDATE]).await
}

/// People who have a row under each name, at most [`ROWS_MAX`], with what is to be done about them.
pub async fn people_twice(db: &Db, renaming: &Renaming) -> Result<Vec<Merge>, StoreError> {
    const SELECT: &str =
        "SELECT f.id AS former, p.id AS present, f.created_at <= p.created_at AS former_is_older
        FROM users f JOIN users p ON p.issuer = $1 AND p.subject = f.subject
        WHERE f.issuer = $2 ORDER BY f.id LIMIT $3";
    let pairs: Vec<Pair> = read!(db, c => sqlx::query_as(SELECT)
        .bind(&renaming.present)
        .bind(&renaming.former)
        .bind(i64::from(ROWS_MAX))
        .fetch_all(c)
        .await)?;
    Ok(pairs.into_iter().map(Pair::merge).collect())
}

/// The same of services that are locked out.
pub async fn move_disabled_subjects(db: &Db, renaming: &Renaming) -> Result<u64, StoreError> {
    const COPY: &str = "INSERT INTO disabled_subjects (issuer, subject, at)
        SELECT $1, f.subject, f.at FROM disabled_subjects f WHERE f.issuer = $2 ORDER BY f.subject LIMIT $3
        ON CONFLICT (issuer, subject) DO NOTHING";
    const DELETE: &str = "DELETE FROM disabled_subjects WHERE issuer = $2 AND issuer <> $1 AND subject IN (
        SELECT f.subject FROM disabled_subjects f WHERE f.issuer = $2 ORDER BY f.subject LIMIT $3)";
    // The issuer of these has no slash at its end, however it calls itself.
    let trimmed = |issuer: &str| issuer.trim_end_matches('/').to_owned();
    let renaming = Renaming {
        former: trimmed(&renaming.former),
        present: trimmed(&renaming.present),
    };
    if renaming.former == renaming.present {
        return Ok(0);
    }
    step(db, &renaming, &[COPY, DELETE]).await
}

/// The same of logins that have ended.
pub async fn move_void_sessions(db: &Db, renaming: &Renaming) -> Result<u64, StoreError> {
    const UPDATE: &str = "UPDATE void_sessions SET issuer = $1 WHERE id IN (
        SELECT f.id FROM void_sessions f WHERE f.issuer = $2 LIMIT $3)";
    step(db, renaming, &[UPDATE]).await
}

/// Runs statements in one transaction; how many rows the last one changed.
async fn step(db: &Db, renaming: &Renaming, statements: &'static [&'static str]) -> Result<u64, StoreError> {
    let renaming = renaming.clone();
    db.transaction(move |tx| {
        Box::pin(async move {
            let mut changed = 0;
            for statement in statements {
                changed = within!(&mut *tx, c => sqlx::query(*statement)
                    .bind(&renaming.present)
                    .bind(&renaming.former)
                    .bind(i64::from(ROWS_MAX))
                    .execute(c)
                    .await
                    .map(|done| done.rows_affected()))?;
            }
            Ok(changed)
        })
    })
    .await
}
