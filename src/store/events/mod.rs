//! Events: meetings in a calendar, each with a room of its own.

pub mod exceptions;
mod list;
pub(in crate::store) mod patterns;
mod relation;
mod times;
mod write;

use chrono::{DateTime, Utc};
use colloquy_calendar::recurrence::Recurrence;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Db, StoreError,
    rows::{Columns, from_columns},
    users::{Profile, profile_columns},
};

pub use exceptions::{Exception, Status};
pub use list::{Cursor, Filter, list};
pub use relation::{EventRoom, FolderAccess, FolderLinks, InviteRole, InviteStatus, SeenEvent, SipAccess};
pub use times::{Times, ZonedTime};
pub use write::{
    NewEvent, delete, insert, locked, one_more, raise_revision, save, set_series_end, set_series_start,
};

/// Characters of a title.
pub const TITLE_CHARS_MAX: usize = 255;

/// Characters of a description.
pub const DESCRIPTION_CHARS_MAX: usize = 4096;

/// An event: a single one, or a series of occurrences.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub room_id: Uuid,
    /// Its owner.
    pub created_by: Profile,
    pub created_at: DateTime<Utc>,
    pub updated_by: Profile,
    pub updated_at: DateTime<Utc>,
    pub title: String,
    pub description: String,
    /// Whether it was made for a meeting that begins at once.
    pub is_adhoc: bool,
    /// Of the first occurrence; `None`: the event is time-independent.
    pub times: Option<Times>,
    /// Empty: a single event.
    pub recurrence: Recurrence,
    /// When the last occurrence ends; `None`: never, or time-independent.
    pub series_ends_at: Option<DateTime<Utc>>,
    /// Whether participants learn how else the meeting can be reached.
    pub show_meeting_details: bool,
    pub training_report: Option<TrainingReport>,
    /// SEQUENCE of iCalendar (RFC 5545, section 3.8.7.4): rises with each change that calendars are told of.
    pub revision: i32,
}

/// When participants of a training are asked whether they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrainingReport {
    pub initial_checkpoint_delay: Delay,
    pub checkpoint_interval: Delay,
}

/// A moment by chance: `after` seconds at the earliest, and within the `within` seconds that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delay {
    #[schema(minimum = 0)]
    pub after: u64,
    #[schema(minimum = 0)]
    pub within: u64,
}

impl TrainingReport {
    /// What is proposed to whoever wants one: first after 10 to 30 minutes, then every 105 to 135 minutes.
    pub const PROPOSED: Self = Self {
        initial_checkpoint_delay: Delay {
            after: 600,
            within: 1_200,
        },
        checkpoint_interval: Delay {
            after: 6_300,
            within: 1_800,
        },
    };
}

impl Event {
    /// Whether its last occurrence has ended.
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.series_ends_at.is_some_and(|end| end <= now)
    }

    pub(super) fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let recurrence: Option<Json<Recurrence>> = row.col("event_recurrence")?;
        let training: Option<Json<TrainingReport>> = row.col("event_training_report")?;
        Ok(Self {
            id: row.col("event_id")?,
            tenant_id: row.col("event_tenant_id")?,
            room_id: row.col("event_room_id")?,
            created_by: Profile::read(row, "c")?,
            created_at: row.col("event_created_at")?,
            updated_by: Profile::read(row, "e")?,
            updated_at: row.col("event_updated_at")?,
            title: row.col("event_title")?,
            description: row.col("event_description")?,
            is_adhoc: row.col("event_is_adhoc")?,
            times: Times::read(row, "event")?,
            recurrence: recurrence.map(|Json(recurrence)| recurrence).unwrap_or_default(),
            series_ends_at: row.col("event_series_ends_at")?,
            show_meeting_details: row.col("event_show_meeting_details")?,
            training_report: training.map(|Json(report)| report),
            revision: row.col("event_revision")?,
        })
    }
}
from_columns!(Event);

/// Columns of an event with its creator and last editor, for a query that calls the tables `v`, `c` and `e`.
macro_rules! event_columns {
    () => {
        concat!(
            "v.id AS event_id, v.tenant_id AS event_tenant_id, v.room_id AS event_room_id,
             v.created_at AS event_created_at, v.updated_at AS event_updated_at, v.title AS event_title,
             v.description AS event_description, v.is_adhoc AS event_is_adhoc, v.is_all_day AS event_is_all_day,
             v.starts_at AS event_starts_at, v.starts_at_tz AS event_starts_at_tz, v.starts_at_skipped AS event_starts_at_skipped, v.ends_at AS event_ends_at,
             v.ends_at_tz AS event_ends_at_tz, v.series_ends_at AS event_series_ends_at,
             v.recurrence AS event_recurrence, v.show_meeting_details AS event_show_meeting_details,
             v.training_participation_report AS event_training_report, v.revision AS event_revision, ",
            profile_columns!("c"),
            ", ",
            profile_columns!("e")
        )
    };
}
pub(super) use event_columns;

/// The event of a room, whoever asks.
pub async fn of_room(db: &Db, room: Uuid) -> Result<Option<Event>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events v JOIN users c ON c.id = v.created_by JOIN users e ON e.id = v.updated_by
         WHERE v.room_id = $1"
    );
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(room).fetch_optional(c).await)?)
}

/// The event and how `user` stands to it, if `user` created it or is invited to it.
pub async fn visible_to(db: &Db, user: Uuid, event: Uuid) -> Result<Option<SeenEvent>, StoreError> {
    Ok(read!(db, c => sqlx::query_as(relation::SEEN_BY_ID).bind(user).bind(event).fetch_optional(c).await)?)
}
