//! Time zones of the IANA database: those of the operating system where its copy is newer than what is built in.
//!
//! They are read once, when they are first asked for. A [`Zone`] is a zone of the crate `chrono`.

mod data;
mod release;
#[cfg(test)]
mod tests;

use std::{
    fmt::{self, Debug, Display, Formatter},
    hash::{Hash, Hasher},
    str::FromStr,
};

use chrono::{
    DateTime, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone,
    Utc,
};

use data::Data;
pub use data::{Source, source};
pub use release::{AGE_MONTHS_MAX, Release};

/// A zone of the database. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Zone(Option<&'static Data>);

/// No such name in the database; names are written as they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no time zone of the IANA database")]
pub struct UnknownZone;

/// What holds in a zone for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct State {
    /// Ahead of UTC.
    pub offset_secs: i32,
    pub is_summer: bool,
    /// Such as CEST.
    pub name: &'static str,
}

/// How far clocks may be turned at once, and the time around a change in which there is no other.
const AROUND: TimeDelta = TimeDelta::hours(36);

impl Zone {
    pub const UTC: Self = Self(None);

    /// All that are known, in the order of their names.
    pub fn all() -> impl Iterator<Item = Self> {
        data::names().filter_map(|name| name.parse().ok())
    }

    /// As the IANA database names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.map_or("UTC", |data| data.name)
    }

    pub(crate) fn state(self, at: DateTime<Utc>) -> State {
        let utc = State {
            offset_secs: 0,
            is_summer: false,
            name: "UTC",
        };
        self.0.map_or(utc, |data| data.state(at.timestamp()))
    }

    fn offset(self, utc: &NaiveDateTime) -> ZoneOffset {
        let secs = self.state(utc.and_utc()).offset_secs;
        let fix = FixedOffset::east_opt(secs).unwrap_or_else(|| Utc.fix());
        ZoneOffset { zone: self, fix }
    }

    /// The offset that holds well before a wall time is shown, and so before a change near it.
    pub(crate) fn offset_before(self, wall: &NaiveDateTime) -> TimeDelta {
        let early = wall.checked_sub_signed(AROUND).unwrap_or(*wall);
        TimeDelta::seconds(i64::from(self.offset(&early).fix.local_minus_utc()))
    }
}

/// How far a zone is ahead of UTC at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneOffset {
    zone: Zone,
    fix: FixedOffset,
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.fix
    }
}

impl Display for ZoneOffset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.fix, f)
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let at = |by: Option<NaiveDateTime>| self.offset(&by.unwrap_or(*local));
        let before = at(local.checked_sub_signed(AROUND));
        let after = at(local.checked_add_signed(AROUND));
        let holds = |offset: &ZoneOffset| {
            let secs = TimeDelta::seconds(i64::from(offset.fix.local_minus_utc()));
            local
                .checked_sub_signed(secs)
                .is_some_and(|utc| self.offset(&utc) == *offset)
        };
        match (holds(&before), holds(&after)) {
            (true, true) if before != after => MappedLocalTime::Ambiguous(before, after),
            (true, _) => MappedLocalTime::Single(before),
            (false, true) => MappedLocalTime::Single(after),
            (false, false) => MappedLocalTime::None,
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        self.offset(utc)
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        if name == Self::UTC.name() {
            return Ok(Self::UTC);
        }
        data::find(name).map(|data| Self(Some(data))).ok_or(UnknownZone)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl Debug for Zone {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Display for Zone {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
