//! Times in reports: in one zone, rounded to the second.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use colloquy_actors::ids::Timestamp;
use colloquy_calendar::zones::Zone;

use super::utc;

/// Shows times as they are in a zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    zone: Zone,
}

impl Clock {
    pub(super) const fn in_zone(zone: Zone) -> Self {
        Self { zone }
    }

    pub(super) fn zone(self) -> &'static str {
        self.zone.name()
    }

    /// `2026-12-01`
    pub(super) fn date(self, at: Timestamp) -> NaiveDate {
        self.local(utc(at)).date_naive()
    }

    /// `2026-12-01 10:00`
    pub(super) fn minute(self, at: DateTime<Utc>) -> String {
        self.local(at).format("%Y-%m-%d %H:%M").to_string()
    }

    /// `2026-12-01 10:00:00`
    pub(super) fn second(self, at: Timestamp) -> String {
        self.local(utc(at)).format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// `10:00`
    pub(super) fn time(self, at: Timestamp) -> String {
        self.local(utc(at)).format("%H:%M").to_string()
    }

    /// `10:00` on this day, else with the date.
    pub(super) fn minute_of(self, day: NaiveDate, at: Timestamp) -> String {
        let local = self.local(utc(at));
        if local.date_naive() == day {
            local.format("%H:%M").to_string()
        } else {
            local.format("%Y-%m-%d %H:%M").to_string()
        }
    }

    fn local(self, at: DateTime<Utc>) -> DateTime<Zone> {
        let rounded = at.checked_add_signed(TimeDelta::milliseconds(500)).unwrap_or(at);
        rounded.with_timezone(&self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_zone_rounded_to_the_second() {
        let clock = Clock::in_zone("Europe/Berlin".parse().unwrap());
        let at = |text: &str| Timestamp::from(text.parse::<DateTime<Utc>>().unwrap());
        assert_eq!(clock.second(at("2026-06-30T22:04:59.6Z")), "2026-07-01 00:05:00");
        assert_eq!(clock.second(at("2026-12-01T09:59:59.4Z")), "2026-12-01 10:59:59");
        assert_eq!(
            clock.minute(utc(at("2026-12-01T09:59:59.5Z"))),
            "2026-12-01 11:00"
        );
        let day = clock.date(at("2026-12-01T09:00:00Z"));
        assert_eq!(clock.minute_of(day, at("2026-12-01T22:59:00Z")), "23:59");
        assert_eq!(
            clock.minute_of(day, at("2026-12-01T23:00:00Z")),
            "2026-12-02 00:00"
        );
        assert_eq!(clock.zone(), "Europe/Berlin");
    }
}
