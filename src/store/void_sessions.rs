//! Logins that have ended before their tokens: what running servers read every few seconds.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::{
    Db, StoreError, leftovers, micros,
    rows::{Columns, from_columns},
};

/// Rows of one query.
const PAGE_ROWS: usize = 1_000;

/// Whose tokens are void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Those of one login (`sid`).
    Session(String),
    /// All of a subject (`sub`).
    Subject(String),
}

/// Tokens of a client that are void if they were not made later than `iat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidSession {
    pub issuer: String,
    pub client: String,
    pub ended: Ended,
    /// Unix seconds.
    pub iat: i64,
    /// When it was stored.
    pub at: DateTime<Utc>,
}

/// A row and its place among the others.
struct Row {
    id: Uuid,
    void: VoidSession,
}

impl Row {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let session: Option<String> = row.col("session")?;
        let ended = match session {
            Some(session) => Ended::Session(session),
            // One of the two is always there.
            None => Ended::Subject(row.col::<Option<String>>("subject")?.unwrap_or_default()),
        };
        Ok(Self {
            id: row.col("id")?,
            void: VoidSession {
                issuer: row.col("issuer")?,
                client: row.col("client")?,
                ended,
                iat: row.col("iat")?,
                at: row.col("at")?,
            },
        })
    }
}
from_columns!(Row);

impl VoidSession {
    /// The same notice has the same id, so that one that is repeated is one row.
    fn id(&self) -> Uuid {
        let (kind, name) = match &self.ended {
            Ended::Session(name) => (b"session", name),
            Ended::Subject(name) => (b"subject", name),
        };
        let mut hash = Sha256::new();
        for part in [
            self.issuer.as_bytes(),
            self.client.as_bytes(),
            kind.as_slice(),
            name.as_bytes(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(self.iat.to_be_bytes());
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// Stores what has ended; what is stored already stays as it is.
pub async fn insert(db: &Db, voids: Vec<VoidSession>) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO void_sessions (id, issuer, client, session, subject, iat, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
    db.transaction(move |tx| {
        Box::pin(async move {
            for void in voids {
                let (session, subject) = match &void.ended {
                    Ended::Session(name) => (Some(name), None),
                    Ended::Subject(name) => (None, Some(name)),
                };
                within!(&mut *tx, c => sqlx::query(INSERT)
                    .bind(void.id())
                    .bind(&void.issuer)
                    .bind(&void.client)
                    .bind(session)
                    .bind(subject)
                    .bind(void.iat)
                    .bind(micros(void.at))
                    .execute(c)
                    .await
                    .map(drop))?;
            }
            Ok(())
        })
    })
    .await
}

/// All that was stored since a time, in that order, read in pages.
pub async fn since(db: &Db, from: DateTime<Utc>) -> Result<Vec<VoidSession>, StoreError> {
    const SELECT: &str = "SELECT id, issuer, client, session, subject, iat, at FROM void_sessions
        WHERE (at, id) > ($1, $2) ORDER BY at, id LIMIT $3";
    let limit = i64::try_from(PAGE_ROWS).unwrap_or(i64::MAX);
    let (mut all, mut after) = (Vec::new(), (micros(from), Uuid::nil()));
    loop {
        let page: Vec<Row> = read!(db, c => sqlx::query_as(SELECT)
            .bind(after.0)
            .bind(after.1)
            .bind(limit)
            .fetch_all(c)
            .await)?;
        let is_last = page.len() < PAGE_ROWS;
        if let Some(last) = page.last() {
            after = (last.void.at, last.id);
        }
        all.extend(page.into_iter().map(|row| row.void));
        if is_last {
            return Ok(all);
        }
    }
}

/// Rows that were stored before a time.
pub async fn count_old(db: &Db, before: DateTime<Utc>) -> Result<u64, StoreError> {
    const SELECT: &str = "SELECT count(*) FROM void_sessions WHERE at < $1";
    leftovers::count_before(db, SELECT, before).await
}

/// Deletes some of them, at most `limit`; how many.
pub async fn delete_old(db: &Db, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    const DELETE: &str = "DELETE FROM void_sessions WHERE id IN
        (SELECT id FROM void_sessions WHERE at < $1 LIMIT $2)";
    leftovers::delete_before(db, DELETE, before, limit).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn void(issuer: &str, client: &str, ended: Ended, iat: i64) -> VoidSession {
        VoidSession {
            issuer: issuer.to_owned(),
            client: client.to_owned(),
            ended,
            iat,
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_same_notice_has_the_same_id_and_no_other_has() {
        let session = |name: &str| Ended::Session(name.to_owned());
        let one = void("i", "c", session("s"), 1);
        let later = VoidSession {
            at: Utc::now(),
            ..one.clone()
        };
        assert_eq!(one.id(), later.id());
        for other in [
            void("i", "c", session("s"), 2),
            void("i", "c", session("t"), 1),
            void("i", "c", Ended::Subject("s".to_owned()), 1),
            void("i", "cs", session(""), 1),
            void("ic", "", session("s"), 1),
        ] {
            assert_ne!(one.id(), other.id(), "{other:?}");
        }
    }
}
