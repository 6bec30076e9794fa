//! Wall clocks and instants.

use chrono::{DateTime, LocalResult, NaiveDateTime, NaiveTime, SubsecRound, TimeZone, Utc};

use crate::zones::Zone;

/// The instant that a wall clock's time means (RFC 5545, section 3.3.5): of a time that comes twice the first; a time
/// that is skipped is counted on with the offset from before the gap.
#[must_use]
pub fn instant_of(wall: NaiveDateTime, zone: Zone) -> DateTime<Utc> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(time) => time.to_utc(),
        LocalResult::Ambiguous(one, other) => one.to_utc().min(other.to_utc()),
        LocalResult::None => (wall - zone.offset_before(&wall)).and_utc(),
    }
}

/// What the clocks of the zone show at an instant.
#[must_use]
pub fn wall_of(instant: DateTime<Utc>, zone: Zone) -> NaiveDateTime {
    instant.with_timezone(&zone).naive_local()
}

/// When a series starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalStart {
    /// In whole seconds; fractions are cut off.
    pub instant: DateTime<Utc>,
    /// Occurrences keep the time of day that its clocks show.
    pub zone: Zone,
    /// What clocks would show at the start if they did not skip it just then (RFC 5545, section 3.3.5): the time of day of the
    /// other occurrences. It counts where it is the same instant.
    pub skipped: Option<NaiveDateTime>,
    /// Occurrences are whole days: midnight in the zone. When the instant is no midnight there but one in UTC, as older
    /// clients send it, the days are UTC's.
    pub all_day: bool,
}

/// A start with what the clocks show at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub instant: DateTime<Utc>,
    pub wall: NaiveDateTime,
    pub zone: Zone,
    pub all_day: bool,
}

impl Start {
    pub fn new(given: LocalStart) -> Self {
        let instant = given.instant.trunc_subsecs(0);
        let skipped = given
            .skipped
            .filter(|wall| instant_of(*wall, given.zone) == instant);
        let wall = skipped.unwrap_or_else(|| wall_of(instant, given.zone));
        let mut start = Self {
            instant,
            wall,
            zone: given.zone,
            all_day: given.all_day,
        };
        if given.all_day {
            // Where midnight is skipped, the day begins later; the other days of the series begin at midnight.
            let midnight = wall.date().and_time(NaiveTime::MIN);
            if instant_of(midnight, given.zone) == instant {
                start.wall = midnight;
            } else if instant.time() == NaiveTime::MIN {
                start.zone = Zone::UTC;
                start.wall = instant.naive_utc();
            }
        }
        start
    }

    /// The instant of an occurrence at this wall time. The start itself may be the second of two equal wall times.
    pub fn instant_of(&self, wall: NaiveDateTime) -> DateTime<Utc> {
        if wall == self.wall {
            self.instant
        } else {
            instant_of(wall, self.zone)
        }
    }
}
