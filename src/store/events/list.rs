//! The events of a user, in pages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    InviteStatus, SeenEvent, event_columns,
    relation::{is_seen, relation_of_user, select_seen},
};
use crate::store::{Db, StoreError, relations::standing, tariffs::tariff_columns, users::profile_columns};

/// Which events a user wants to see; what is `None` filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those that end later, or begin then or later, so that what has no length is found; a series counts by its last
    /// occurrence. Leaves out events without a time.
    pub time_min: Option<DateTime<Utc>>,
    /// Those that begin earlier; a series counts by its first occurrence, wherever it was moved. Leaves out events without a time.
    pub time_max: Option<DateTime<Utc>>,
    /// Those made earlier.
    pub created_before: Option<DateTime<Utc>>,
    /// Those made later.
    pub created_after: Option<DateTime<Utc>>,
    pub favorites_only: bool,
    pub adhoc: Option<bool>,
    pub time_independent: Option<bool>,
    /// Those that the user answered so; empty filters nothing.
    pub invite_statuses: Vec<InviteStatus>,
}

/// The place of an event in the list: time-independent ones first, then by beginning, creation and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(with = "chrono::serde::ts_microseconds_option")]
    pub starts_at: Option<DateTime<Utc>>,
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub created_at: DateTime<Utc>,
    pub id: Uuid,
}

impl Cursor {
    /// The place of this event.
    #[must_use]
    pub fn of(seen: &SeenEvent) -> Self {
        Self {
            starts_at: seen.event.times.map(|times| times.starts_at.at),
            created_at: seen.event.created_at,
            id: seen.event.id,
        }
    }
}

/// The order of the list.
macro_rules! order {
    () => {
        "v.starts_at IS NOT NULL, v.starts_at, v.created_at, v.id"
    };
}

/// At most `limit` events that `user` created or is invited to, from behind `after` on.
pub async fn list(
    db: &Db,
    user: Uuid,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<SeenEvent>, StoreError> {
    // The page's ids come first: sorted are they, not the rows with all that belongs to an event.
    const SELECT: &str = select_seen!(
        "v.id IN (SELECT v.id FROM events v ",
        relation_of_user!(),
        "WHERE ",
        is_seen!(),
        "AND ($2 IS NULL OR v.series_ends_at > $2 OR (v.series_ends_at IS NULL AND v.starts_at IS NOT NULL)
              OR (v.series_ends_at = $2 AND (v.ends_at = v.starts_at
                  OR EXISTS (SELECT 1 FROM event_exceptions x WHERE x.event_id = v.id AND x.status = 'ok'
                             AND x.starts_at = $2 AND x.ends_at = $2))))
         AND ($3 IS NULL OR COALESCE(v.series_starts_at, v.starts_at) < $3)
         AND ($4 IS NULL OR v.created_at < $4)
         AND ($5 IS NULL OR v.created_at > $5)
         AND (NOT $6 OR f.event_id IS NOT NULL)
         AND ($7 IS NULL OR v.is_adhoc = $7)
         AND ($8 IS NULL OR (v.starts_at IS NULL) = $8)
         AND CASE CASE WHEN v.created_by = $1 THEN 'accepted' ELSE ei.status END
             WHEN 'pending' THEN $9 WHEN 'accepted' THEN $10 WHEN 'tentative' THEN $11 ELSE $12 END
         AND ($15 IS NULL
              OR ($13 IS NULL AND v.starts_at IS NOT NULL)
              OR ($13 IS NULL AND v.starts_at IS NULL AND (v.created_at, v.id) > ($14, $15))
              OR (v.starts_at, v.created_at, v.id) > ($13, $14, $15))
         ORDER BY ",
        order!(),
        " LIMIT $16) ORDER BY ",
        order!()
    );
    let wanted = |status| filter.invite_statuses.is_empty() || filter.invite_statuses.contains(&status);
    Ok(read!(db, c => sqlx::query_as(SELECT)
        .bind(user)
        .bind(filter.time_min)
        .bind(filter.time_max)
        .bind(filter.created_before)
        .bind(filter.created_after)
        .bind(filter.favorites_only)
        .bind(filter.adhoc)
        .bind(filter.time_independent)
        .bind(wanted(InviteStatus::Pending))
        .bind(wanted(InviteStatus::Accepted))
        .bind(wanted(InviteStatus::Tentative))
        .bind(wanted(InviteStatus::Declined))
        .bind(after.and_then(|after| after.starts_at))
        .bind(after.map(|after| after.created_at))
        .bind(after.map(|after| after.id))
        .bind(i64::from(limit))
        .fetch_all(c)
        .await)?)
}
