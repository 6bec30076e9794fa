//! Stored lines of recurrence as calendars take them: what is left open in them means the event's zone.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use super::{
    Span,
    entry::{local_date, zone},
    utc,
};
use crate::calendar::recurrence::instant_of;

/// The lines of a series that begins with `span`: dates alone where it is all-day, UNTIL in UTC where it is not, and
/// local times with their zone.
pub(super) fn normalised(lines: &[String], span: &Span) -> Vec<String> {
    lines.iter().map(|line| normalised_line(line, span)).collect()
}

/// Names of zones that a line's parameters mention.
pub(super) fn zones(lines: &[String]) -> impl Iterator<Item = Tz> {
    lines.iter().filter_map(|line| {
        let (name, _) = line.split_once(':')?;
        parameter(name, "TZID")?.parse().ok()
    })
}

fn normalised_line(line: &str, span: &Span) -> String {
    let Some((head, value)) = line.split_once(':') else {
        return line.to_owned();
    };
    let name = head.split(';').next().unwrap_or_default().to_ascii_uppercase();
    match name.as_str() {
        "RRULE" | "EXRULE" => {
            let parts: Vec<_> = value.split(';').map(|part| rule_part(part, span)).collect();
            format!("{name}:{}", parts.join(";"))
        }
        "RDATE" | "EXDATE" => dates(&name, head, value, span),
        _ => line.to_owned(),
    }
}

/// UNTIL must be of the type of DTSTART, and in UTC where that has a zone.
fn rule_part(part: &str, span: &Span) -> String {
    let Some((name, value)) = part.split_once('=') else {
        return part.to_owned();
    };
    let until = Stamp::parse(value).filter(|_| name.eq_ignore_ascii_case("UNTIL"));
    let Some(until) = until else {
        return part.to_owned();
    };
    let zone = zone(&span.starts_at.timezone);
    if span.is_all_day {
        return format!("UNTIL={}", until.date(zone).format("%Y%m%d"));
    }
    // A day means all of it.
    let last_second = NaiveTime::from_hms_opt(23, 59, 59).unwrap_or_default();
    format!("UNTIL={}", utc(until.instant(zone, last_second)))
}

fn dates(name: &str, head: &str, value: &str, span: &Span) -> String {
    let own = zone(&span.starts_at.timezone);
    let named = parameter(head, "TZID").and_then(|name| name.parse::<Tz>().ok());
    let stamps: Option<Vec<_>> = value.split(',').map(Stamp::parse).collect();
    // Periods and the like stay as they are.
    let Some(stamps) = stamps else {
        return format!("{head}:{value}");
    };
    if span.is_all_day {
        let day = |stamp: &Stamp| stamp.date(named.unwrap_or(own)).format("%Y%m%d").to_string();
        let days: Vec<_> = stamps.iter().map(day).collect();
        return format!("{name};VALUE=DATE:{}", days.join(","));
    }
    let is_open = stamps.iter().all(|stamp| matches!(stamp, Stamp::Local(_)));
    if is_open && named.is_none() && own != Tz::UTC {
        return format!("{name};TZID={}:{value}", own.name());
    }
    if named.is_some() && stamps.iter().all(|stamp| matches!(stamp, Stamp::Local(_))) {
        return format!("{head}:{value}");
    }
    // A day means the occurrence at the series' time of day.
    let time = span.starts_at.at.with_timezone(&own).time();
    let zone = named.unwrap_or(own);
    let instant = |stamp: &Stamp| match stamp {
        Stamp::Date(_) => utc(stamp.instant(own, time)),
        stamp => utc(stamp.instant(zone, time)),
    };
    let instants: Vec<_> = stamps.iter().map(instant).collect();
    format!("{name}:{}", instants.join(","))
}

fn parameter<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let mut parameters = head.split(';').skip(1).filter_map(|part| part.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    Some(value.trim_matches('"'))
}

enum Stamp {
    Utc(DateTime<Utc>),
    Local(NaiveDateTime),
    Date(NaiveDate),
}

impl Stamp {
    fn parse(text: &str) -> Option<Self> {
        let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok();
        if let Some(text) = text.strip_suffix(['Z', 'z']) {
            return local(text).map(|at| Self::Utc(at.and_utc()));
        }
        let date = NaiveDate::parse_from_str(text, "%Y%m%d").ok();
        local(text).map(Self::Local).or(date.map(Self::Date))
    }

    fn date(&self, zone: Tz) -> NaiveDate {
        match self {
            Self::Utc(at) => local_date(*at, zone),
            Self::Local(local) => local.date(),
            Self::Date(date) => *date,
        }
    }

    /// A date means `time` of that day.
    fn instant(&self, zone: Tz, time: NaiveTime) -> DateTime<Utc> {
        match self {
            Self::Utc(at) => *at,
            Self::Local(local) => instant_of(*local, zone),
            Self::Date(date) => instant_of(date.and_time(time), zone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Moment, *};

    fn span(is_all_day: bool, timezone: &str) -> Span {
        let moment = |hour| Moment {
            at: NaiveDate::from_ymd_opt(2026, 1, 5)
                .unwrap()
                .and_hms_opt(hour, 0, 0)
                .unwrap()
                .and_utc(),
            timezone: timezone.to_owned(),
        };
        Span {
            is_all_day,
            starts_at: moment(9),
            ends_at: moment(10),
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn lines_become_what_the_standard_wants_beside_the_start() {
        let timed = span(false, "Europe/Berlin");
        let days = span(true, "Europe/Berlin");
        for (span, stored, expected) in [
            (&timed, "RRULE:FREQ=WEEKLY;BYDAY=MO", "RRULE:FREQ=WEEKLY;BYDAY=MO"),
            (
                &timed,
                "rrule:FREQ=DAILY;UNTIL=20260301T100000",
                "RRULE:FREQ=DAILY;UNTIL=20260301T090000Z",
            ),
            (
                &timed,
                "RRULE:FREQ=DAILY;UNTIL=20260301T100000Z",
                "RRULE:FREQ=DAILY;UNTIL=20260301T100000Z",
            ),
            (
                &timed,
                "RRULE:UNTIL=20260301;FREQ=DAILY",
                "RRULE:UNTIL=20260301T225959Z;FREQ=DAILY",
            ),
            (
                &days,
                "RRULE:FREQ=DAILY;UNTIL=20260228T230000Z",
                "RRULE:FREQ=DAILY;UNTIL=20260301",
            ),
            (
                &days,
                "RRULE:FREQ=DAILY;UNTIL=20260301T000000Z",
                "RRULE:FREQ=DAILY;UNTIL=20260301",
            ),
            (
                &timed,
                "EXDATE:20260112T100000",
                "EXDATE;TZID=Europe/Berlin:20260112T100000",
            ),
            (
                &timed,
                "EXDATE:20260112T090000Z,20260119T090000Z",
                "EXDATE:20260112T090000Z,20260119T090000Z",
            ),
            (
                &timed,
                "EXDATE;VALUE=DATE:20260112,20260719",
                "EXDATE:20260112T090000Z,20260719T080000Z",
            ),
            (
                &timed,
                "EXDATE:20260112T100000,20260119T090000Z",
                "EXDATE:20260112T090000Z,20260119T090000Z",
            ),
            (
                &timed,
                "RDATE;TZID=America/New_York:20260112T100000",
                "RDATE;TZID=America/New_York:20260112T100000",
            ),
            (
                &days,
                "EXDATE;TZID=Europe/Berlin:20260112T000000",
                "EXDATE;VALUE=DATE:20260112",
            ),
            (
                &days,
                "RDATE:20260111T230000Z,20260113",
                "RDATE;VALUE=DATE:20260112,20260113",
            ),
            (
                &timed,
                "RDATE;VALUE=PERIOD:20260112T090000Z/PT1H",
                "RDATE;VALUE=PERIOD:20260112T090000Z/PT1H",
            ),
        ] {
            assert_eq!(normalised_line(stored, span), expected);
        }
    }

    #[test]
    fn zones_of_lines_are_found() {
        let lines = [
            "RDATE;TZID=\"America/New_York\":20260112T100000",
            "EXDATE:20260112T100000",
        ];
        let found: Vec<_> = zones(&lines.map(str::to_owned)).collect();
        assert_eq!(found, [Tz::America__New_York]);
    }
}
