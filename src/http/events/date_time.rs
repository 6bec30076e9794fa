//! Times with a zone on the wire.

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    events::{BadTime, parse},
    http::checks::Checks,
    store::events::ZonedTime,
};

/// A time, and the zone whose clocks count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DateTimeTz {
    /// RFC 3339; in requests also without an offset, as a clock of the zone shows it. Fractions of seconds are cut off.
    #[schema(format = DateTime, example = "2027-01-15T09:00:00Z")]
    pub datetime: String,
    /// Name in the IANA database.
    #[schema(example = "Europe/Berlin")]
    pub timezone: String,
}

impl DateTimeTz {
    /// The time, or a finding about the part of `field` that is wrong.
    pub(super) fn checked(&self, checks: &mut Checks, field: &str) -> Option<ZonedTime> {
        let (part, message) = match parse(&self.datetime, &self.timezone) {
            Ok(time) => return Some(time),
            Err(BadTime::Datetime) => ("datetime", "must be a date and time as RFC 3339 writes it"),
            Err(BadTime::Timezone) => ("timezone", "must be a name of the IANA database"),
            Err(BadTime::Range) => ("datetime", "must lie between the years 1970 and 2999"),
        };
        checks.refuse(&format!("{field}.{part}"), "invalid_value", message);
        None
    }
}

impl From<ZonedTime> for DateTimeTz {
    fn from(time: ZonedTime) -> Self {
        Self {
            datetime: time.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            timezone: time.zone.name().to_owned(),
        }
    }
}
