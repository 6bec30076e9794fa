//! Times as both databases can keep them.

use chrono::{DateTime, SubsecRound, Utc};

/// Earliest time that is stored: 1970-01-01.
pub const TIME_MIN: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// Latest time that is stored: the end of 2999.
pub const TIME_MAX: DateTime<Utc> = match DateTime::from_timestamp(32_503_679_999, 0) {
    Some(time) => time,
    None => DateTime::<Utc>::MAX_UTC,
};

/// Cuts to microseconds, the precision of PostgreSQL.
#[must_use]
pub fn micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_second_is_in_2999() {
        assert_eq!(TIME_MAX.to_rfc3339(), "2999-12-31T23:59:59+00:00");
    }

    #[test]
    fn nanoseconds_are_cut_not_rounded() {
        let time = DateTime::from_timestamp_nanos(1_999_999);
        assert_eq!(micros(time).timestamp_subsec_nanos(), 1_999_000);
    }
}
