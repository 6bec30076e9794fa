//! What goes into a calendar: an event, its times and its people.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{recurrence::Recurrence, zones::Zone};

/// An event with everything that calendars show of it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Entry {
    /// Id of the event, the UID of all its messages.
    pub id: Uuid,
    /// SEQUENCE: rises with each change that attendees hear of.
    pub revision: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub title: String,
    pub description: String,
    /// Lines below the description: how to come in.
    #[serde(default)]
    pub details: String,
    /// From which the occurrences of a series are counted; `None` for an event that is independent of time.
    pub span: Option<Span>,
    #[serde(default)]
    pub recurrence: Recurrence,
    /// Occurrences that differ from the series.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    #[serde(default)]
    pub is_cancelled: bool,
    /// Without an address a calendar has none.
    pub organizer: Option<Person>,
    #[serde(default)]
    pub attendees: Vec<Attendee>,
    /// Where one comes in.
    #[serde(default)]
    pub url: Option<String>,
}

/// From when to when.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Span {
    /// Whole days: from midnight to midnight of its zone, or of UTC as older clients say it.
    pub is_all_day: bool,
    pub starts_at: Moment,
    /// Exclusive.
    pub ends_at: Moment,
    /// What clocks would have shown at the start, where they skip it: it counts for the other occurrences of a series.
    #[serde(default)]
    pub skipped_start: Option<NaiveDateTime>,
}

/// A time and the zone in which people mean it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Moment {
    pub at: DateTime<Utc>,
    /// IANA name.
    pub timezone: String,
}

/// An occurrence that differs from its series; `None`: as in the series.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Exception {
    /// When the occurrence would begin by the rules of the series.
    pub original_starts_at: DateTime<Utc>,
    pub is_cancelled: bool,
    pub title: Option<String>,
    pub description: Option<String>,
    pub span: Option<Span>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Person {
    pub name: String,
    pub email: String,
}

/// Somebody who is asked to come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Attendee {
    pub person: Person,
    pub status: Participation,
}

/// PARTSTAT: what an attendee has answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Participation {
    #[default]
    Pending,
    Accepted,
    Tentative,
    Declined,
}

impl Participation {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "NEEDS-ACTION",
            Self::Accepted => "ACCEPTED",
            Self::Tentative => "TENTATIVE",
            Self::Declined => "DECLINED",
        }
    }
}

/// The zone of this name; UTC when nobody knows it any more.
#[must_use]
pub fn zone(name: &str) -> Zone {
    name.parse().unwrap_or(Zone::UTC)
}

/// The day that an all-day event means by `at`: of its zone where that is midnight there, else of UTC.
#[must_use]
pub fn local_date(at: DateTime<Utc>, zone: Zone) -> NaiveDate {
    let local = at.with_timezone(&zone).naive_local();
    if at.time() == NaiveTime::MIN && local.time() != NaiveTime::MIN {
        at.date_naive()
    } else {
        local.date()
    }
}
