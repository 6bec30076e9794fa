//! When something takes place.

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_calendar::zones::Zone;

use crate::store::rows::Columns;

/// A point in time, and where its wall clock hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZonedTime {
    pub at: DateTime<Utc>,
    pub zone: Zone,
}

/// Beginning and end; the end is never before the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub is_all_day: bool,
    pub starts_at: ZonedTime,
    pub ends_at: ZonedTime,
}

impl Times {
    #[must_use]
    pub fn duration(&self) -> TimeDelta {
        self.ends_at.at - self.starts_at.at
    }

    /// Whether it has begun and not ended.
    #[must_use]
    pub fn is_under_way(&self, now: DateTime<Utc>) -> bool {
        self.starts_at.at <= now && now < self.ends_at.at
    }

    /// Reads `<prefix>_is_all_day`, `<prefix>_starts_at`, `<prefix>_starts_at_tz` and the same of the end: all or none.
    pub(super) fn read(row: &impl Columns, prefix: &str) -> sqlx::Result<Option<Self>> {
        let is_all_day: Option<bool> = row.col(&format!("{prefix}_is_all_day"))?;
        let starts_at = ZonedTime::read(row, &format!("{prefix}_starts_at"))?;
        let ends_at = ZonedTime::read(row, &format!("{prefix}_ends_at"))?;
        Ok(is_all_day
            .zip(starts_at)
            .zip(ends_at)
            .map(|((is_all_day, starts_at), ends_at)| Self {
                is_all_day,
                starts_at,
                ends_at,
            }))
    }
}

impl ZonedTime {
    /// Reads `<column>` and `<column>_tz`.
    pub(super) fn read(row: &impl Columns, column: &str) -> sqlx::Result<Option<Self>> {
        let at: Option<DateTime<Utc>> = row.col(column)?;
        let name = format!("{column}_tz");
        let zone: Option<String> = row.col(&name)?;
        let (Some(at), Some(zone)) = (at, zone) else {
            return Ok(None);
        };
        let zone = zone.parse().map_err(|error| sqlx::Error::ColumnDecode {
            index: name,
            source: Box::new(error),
        })?;
        Ok(Some(Self { at, zone }))
    }
}
