//! When something takes place.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use colloquy_calendar::{recurrence::LocalStart, zones::Zone};

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
    /// What clocks would have shown at the beginning, where they skip it: it counts for the other occurrences of a series.
    pub skipped_start: Option<NaiveDateTime>,
}

impl Times {
    #[must_use]
    pub fn duration(&self) -> TimeDelta {
        self.ends_at.at - self.starts_at.at
    }

    /// From where a series with these times is counted.
    #[must_use]
    pub fn local_start(&self) -> LocalStart {
        LocalStart {
            instant: self.starts_at.at,
            zone: self.starts_at.zone,
            skipped: self.skipped_start,
            all_day: self.is_all_day,
        }
    }

    /// Whether it has begun and not ended.
    #[must_use]
    pub fn is_under_way(&self, now: DateTime<Utc>) -> bool {
        self.starts_at.at <= now && now < self.ends_at.at
    }

    /// Reads `<prefix>_is_all_day`, `<prefix>_starts_at`, `<prefix>_starts_at_tz` and the same of the end, all or none, and
    /// `<prefix>_starts_at_skipped`.
    pub(super) fn read(row: &impl Columns, prefix: &str) -> sqlx::Result<Option<Self>> {
        let is_all_day: Option<bool> = row.col(&format!("{prefix}_is_all_day"))?;
        let starts_at = ZonedTime::read(row, &format!("{prefix}_starts_at"))?;
        let ends_at = ZonedTime::read(row, &format!("{prefix}_ends_at"))?;
        let skipped_start = row.col(&format!("{prefix}_starts_at_skipped"))?;
        Ok(is_all_day
            .zip(starts_at)
            .zip(ends_at)
            .map(|((is_all_day, starts_at), ends_at)| Self {
                is_all_day,
                starts_at,
                ends_at,
                skipped_start,
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
