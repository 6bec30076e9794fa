//! Releases of the IANA database, which are named by year and letter.

use std::fmt::{self, Display, Formatter};

use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};

/// Months after which a release counts as old: there are several new ones each year, and some change a clock within weeks.
pub const AGE_MONTHS_MAX: u32 = 9;

/// Such as 2026f. The order of names is that of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(String);

impl Release {
    pub(super) fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// When it came out, about: a name says only the year and how many came before. There is less than one a month.
    fn about(&self) -> Option<NaiveDate> {
        let (year, letter) = self.0.split_at_checked(4)?;
        let place = letter.bytes().next()?.checked_sub(b'a')?;
        NaiveDate::from_ymd_opt(year.parse().ok()?, 1, 1)?
            .checked_add_months(Months::new(u32::from(place.min(11))))
    }

    /// Whether it is older than [`AGE_MONTHS_MAX`]; also what has no such name.
    #[must_use]
    pub fn is_old(&self, now: DateTime<Utc>) -> bool {
        let old = self
            .about()
            .and_then(|day| day.checked_add_months(Months::new(AGE_MONTHS_MAX)));
        old.is_none_or(|day| day.and_time(NaiveTime::MIN).and_utc() < now)
    }
}

impl Display for Release {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_grow_old() {
        for (name, now, is_old) in [
            ("2025b", "2025-10-31T00:00:00Z", false),
            ("2025b", "2025-11-02T00:00:00Z", true),
            ("2026f", "2027-02-27T00:00:00Z", false),
            ("2026f", "2027-03-02T00:00:00Z", true),
            ("2026f", "2026-01-01T00:00:00Z", false),
            ("nonsense", "2026-01-01T00:00:00Z", true),
            ("", "2026-01-01T00:00:00Z", true),
        ] {
            assert_eq!(
                Release::new(name).is_old(now.parse().unwrap()),
                is_old,
                "{name} {now}"
            );
        }
        assert!(
            Release::new("2026f") > Release::new("2025z") && Release::new("2026b") > Release::new("2026a")
        );
    }
}
