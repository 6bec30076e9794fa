//! Occurrences of a series that differ from it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ZonedTime;
use crate::store::{
    Db, StoreError, Tx,
    invites::Editor,
    micros,
    rows::{Columns, count, from_columns},
    users::{Profile, profile_columns},
};

/// One occurrence; what is `None` is as in the series.
#[derive(Debug, Clone, PartialEq)]
pub struct Exception {
    pub id: Uuid,
    pub event_id: Uuid,
    /// When the occurrence would begin by the series' rule; names it.
    pub original_starts_at: DateTime<Utc>,
    pub created_by: Profile,
    pub created_at: DateTime<Utc>,
    pub updated_by: Profile,
    pub updated_at: DateTime<Utc>,
    pub status: Status,
    pub title: Option<String>,
    pub description: Option<String>,
    pub is_all_day: Option<bool>,
    pub starts_at: Option<ZonedTime>,
    pub ends_at: Option<ZonedTime>,
}

/// Whether an occurrence takes place.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    #[default]
    Ok,
    Cancelled,
}

/// What is kept of an occurrence; `None`: as in the series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    pub status: Status,
    pub title: Option<String>,
    pub description: Option<String>,
    pub is_all_day: Option<bool>,
    pub starts_at: Option<ZonedTime>,
    pub ends_at: Option<ZonedTime>,
}

impl Status {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Exception {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let status: String = row.col("status")?;
        Ok(Self {
            id: row.col("id")?,
            event_id: row.col("event_id")?,
            original_starts_at: row.col("original_starts_at")?,
            created_by: Profile::read(row, "c")?,
            created_at: row.col("created_at")?,
            updated_by: Profile::read(row, "e")?,
            updated_at: row.col("updated_at")?,
            status: if status == Status::Cancelled.as_str() {
                Status::Cancelled
            } else {
                Status::Ok
            },
            title: row.col("title")?,
            description: row.col("description")?,
            is_all_day: row.col("is_all_day")?,
            starts_at: ZonedTime::read(row, "starts_at")?,
            ends_at: ZonedTime::read(row, "ends_at")?,
        })
    }

    /// What differs from the series.
    #[must_use]
    pub fn difference(&self) -> Difference {
        Difference {
            status: self.status,
            title: self.title.clone(),
            description: self.description.clone(),
            is_all_day: self.is_all_day,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        }
    }
}
from_columns!(Exception);

macro_rules! select_exceptions {
    () => {
        concat!(
            "SELECT x.id, x.event_id, x.original_starts_at, x.created_at, x.updated_at, x.status, x.title, x.description,
              x.is_all_day, x.starts_at, x.starts_at_tz, x.ends_at, x.ends_at_tz, ",
            profile_columns!("c"),
            ", ",
            profile_columns!("e"),
            " FROM event_exceptions x JOIN users c ON c.id = x.created_by JOIN users e ON e.id = x.updated_by "
        )
    };
}

/// The exceptions of these events (at most some hundred), by event and original beginning.
pub async fn of_events(db: &Db, events: &[Uuid]) -> Result<Vec<Exception>, StoreError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    Ok(read!(db, c => {
        let mut select = sqlx::QueryBuilder::new(concat!(select_exceptions!(), "WHERE x.event_id IN ("));
        push_ids!(select, events);
        select
            .push(") ORDER BY x.event_id, x.original_starts_at")
            .build_query_as()
            .fetch_all(c)
            .await
    })?)
}

/// How many exceptions each of these events (at most some hundred) has, and how many characters these have in all; those
/// without any are not named.
pub async fn sizes(db: &Db, events: &[Uuid]) -> Result<HashMap<Uuid, (u64, u64)>, StoreError> {
    const SELECT: &str = "SELECT x.event_id, count(*),
        CAST(sum(COALESCE(length(x.title), 0) + COALESCE(length(x.description), 0)) AS bigint)
        FROM event_exceptions x WHERE x.event_id IN (";
    if events.is_empty() {
        return Ok(HashMap::new());
    }
    let sizes: Vec<(Uuid, i64, i64)> = read!(db, c => {
        let mut select = sqlx::QueryBuilder::new(SELECT);
        push_ids!(select, events);
        select.push(") GROUP BY x.event_id").build_query_as().fetch_all(c).await
    })?;
    let sizes = sizes.into_iter();
    Ok(sizes
        .map(|(event, number, chars)| (event, (count(number), count(chars))))
        .collect())
}

/// The exceptions of one event, inside a transaction.
pub async fn of_event(tx: &mut Tx, event: Uuid) -> Result<Vec<Exception>, StoreError> {
    const SELECT: &str = concat!(
        select_exceptions!(),
        "WHERE x.event_id = $1 ORDER BY x.original_starts_at"
    );
    Ok(within!(tx, c => sqlx::query_as(SELECT).bind(event).fetch_all(c).await)?)
}

/// How many exceptions an event has.
pub async fn number(tx: &mut Tx, event: Uuid) -> Result<u64, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM event_exceptions WHERE event_id = $1";
    let number = within!(tx, c => sqlx::query_scalar(COUNT).bind(event).fetch_one(c).await)?;
    Ok(count(number))
}

/// The number of exceptions of all events of the user whose event this is.
pub async fn number_beside(tx: &mut Tx, event: Uuid) -> Result<u64, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM event_exceptions x JOIN events e ON e.id = x.event_id
        WHERE e.created_by = (SELECT created_by FROM events WHERE id = $1)";
    let number = within!(tx, c => sqlx::query_scalar(COUNT).bind(event).fetch_one(c).await)?;
    Ok(count(number))
}

/// Makes an occurrence differ from its series, or differ otherwise than before.
pub async fn put(
    tx: &mut Tx,
    event: Uuid,
    original_starts_at: DateTime<Utc>,
    difference: &Difference,
    editor: Editor,
) -> Result<(), StoreError> {
    const UPSERT: &str = "INSERT INTO event_exceptions
        (id, event_id, original_starts_at, created_by, created_at, updated_by, updated_at, status, title,
         description, is_all_day, starts_at, starts_at_tz, ends_at, ends_at_tz)
        VALUES ($1, $2, $3, $4, $5, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (event_id, original_starts_at) DO UPDATE SET
         updated_by = excluded.updated_by, updated_at = excluded.updated_at, status = excluded.status,
         title = excluded.title, description = excluded.description, is_all_day = excluded.is_all_day,
         starts_at = excluded.starts_at, starts_at_tz = excluded.starts_at_tz,
         ends_at = excluded.ends_at, ends_at_tz = excluded.ends_at_tz";
    within!(tx, c => sqlx::query(UPSERT)
        .bind(Uuid::new_v4())
        .bind(event)
        .bind(micros(original_starts_at))
        .bind(editor.user)
        .bind(micros(editor.at))
        .bind(difference.status.as_str())
        .bind(difference.title.as_deref())
        .bind(difference.description.as_deref())
        .bind(difference.is_all_day)
        .bind(difference.starts_at.map(|time| micros(time.at)))
        .bind(difference.starts_at.map(|time| time.zone.name()))
        .bind(difference.ends_at.map(|time| micros(time.at)))
        .bind(difference.ends_at.map(|time| time.zone.name()))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Removes all exceptions of an event, e.g. because its rule is another one now.
pub async fn remove_all(tx: &mut Tx, event: Uuid) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM event_exceptions WHERE event_id = $1";
    within!(tx, c => sqlx::query(DELETE).bind(event).execute(c).await.map(drop))?;
    Ok(())
}
