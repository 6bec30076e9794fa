//! Times and rules of events in words.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, Utc};

use super::texts::Language;
use colloquy_calendar::{
    ics::{Span, local_date, zone},
    recurrence::{Recurrence, Unit},
    zones::Zone,
};

impl Language {
    /// When something takes place, in the zone in which it was planned.
    pub(super) fn when(&self, span: &Span) -> String {
        let (start_zone, end_zone) = (zone(&span.starts_at.timezone), zone(&span.ends_at.timezone));
        if span.is_all_day {
            let first = local_date(span.starts_at.at, start_zone);
            let end = local_date(span.ends_at.at, end_zone);
            // The end is the first day that is free again.
            let last = end.pred_opt().unwrap_or(end).max(first);
            return self.days(first, last);
        }
        let (start_date, start) = local(span.starts_at.at, start_zone);
        let (end_date, end) = local(span.ends_at.at, end_zone);
        let (start, end) = (clock(start), clock(end));
        if start_date == end_date && start_zone == end_zone {
            let values = [
                ("date", &*self.date(start_date)),
                ("start", &start),
                ("end", &end),
                ("zone", start_zone.name()),
            ];
            return self.filled("times-of-day", &values);
        }
        let values = [
            ("start-date", &*self.date(start_date)),
            ("start", &start),
            ("start-zone", start_zone.name()),
            ("end-date", &self.date(end_date)),
            ("end", &end),
            ("end-zone", end_zone.name()),
        ];
        self.filled("times-of-days", &values)
    }

    /// When an occurrence of a series would begin.
    pub(super) fn beginning(&self, at: DateTime<Utc>, series: &Span) -> String {
        let zone = zone(&series.starts_at.timezone);
        if series.is_all_day {
            return self.date(local_date(at, zone));
        }
        let (date, start) = local(at, zone);
        let values = [
            ("date", &*self.date(date)),
            ("start", &clock(start)),
            ("zone", zone.name()),
        ];
        self.filled("moment", &values)
    }

    /// How often a series comes: roughly, the calendar knows the rest.
    pub(super) fn repetition(&self, recurrence: &Recurrence) -> String {
        // Several weekdays a week, or filtered months, are not "every week".
        let Some(rule) = recurrence.only_rule().filter(|rule| rule.is_plain()) else {
            return self.text("repeats-otherwise");
        };
        let id = match rule.unit() {
            Unit::Day => "repeats-daily",
            Unit::Week => "repeats-weekly",
            Unit::Month => "repeats-monthly",
            Unit::Year => "repeats-yearly",
        };
        self.counted(id, "interval", rule.interval())
    }

    fn days(&self, first: NaiveDate, last: NaiveDate) -> String {
        let (first_text, last_text) = (self.date(first), self.date(last));
        if first == last {
            first_text
        } else {
            self.filled("days", &[("first", &first_text), ("last", &last_text)])
        }
    }

    fn date(&self, date: NaiveDate) -> String {
        let weekday = self.text(&format!("weekday-{}", date.weekday().number_from_monday()));
        let month = self.text(&format!("month-{}", date.month()));
        let (day, year) = (date.day().to_string(), date.year().to_string());
        self.filled(
            "date",
            &[
                ("weekday", &weekday),
                ("day", &day),
                ("month", &month),
                ("year", &year),
            ],
        )
    }
}

fn local(at: DateTime<Utc>, zone: Zone) -> (NaiveDate, NaiveTime) {
    let local = at.with_timezone(&zone).naive_local();
    (local.date(), local.time())
}

fn clock(time: NaiveTime) -> String {
    time.format("%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::{super::texts::Texts, *};
    use colloquy_calendar::ics::Moment;

    fn span(is_all_day: bool, start: (&str, &str), end: (&str, &str)) -> Span {
        let moment = |(at, timezone): (&str, &str)| Moment {
            at: at.parse().unwrap(),
            timezone: timezone.to_owned(),
        };
        Span {
            is_all_day,
            starts_at: moment(start),
            ends_at: moment(end),
            skipped_start: None,
        }
    }

    #[test]
    fn times_are_told_in_their_zone_and_the_readers_language() {
        let (berlin, tokyo) = ("Europe/Berlin", "Asia/Tokyo");
        let texts = Texts::new();
        for (span, en, de) in [
            (
                span(
                    false,
                    ("2026-07-06T08:00:00Z", berlin),
                    ("2026-07-06T09:30:00Z", berlin),
                ),
                "Monday, 6 July 2026, 10:00–11:30 (Europe/Berlin)",
                "Montag, 6. Juli 2026, 10:00–11:30 Uhr (Europe/Berlin)",
            ),
            (
                span(
                    false,
                    ("2026-03-01T22:00:00Z", berlin),
                    ("2026-03-02T01:00:00Z", berlin),
                ),
                "Sunday, 1 March 2026, 23:00 (Europe/Berlin) – Monday, 2 March 2026, 02:00 (Europe/Berlin)",
                "Sonntag, 1. März 2026, 23:00 Uhr (Europe/Berlin) – Montag, 2. März 2026, 02:00 Uhr (Europe/Berlin)",
            ),
            (
                span(
                    false,
                    ("2026-03-01T01:00:00Z", berlin),
                    ("2026-03-01T03:00:00Z", tokyo),
                ),
                "Sunday, 1 March 2026, 02:00 (Europe/Berlin) – Sunday, 1 March 2026, 12:00 (Asia/Tokyo)",
                "Sonntag, 1. März 2026, 02:00 Uhr (Europe/Berlin) – Sonntag, 1. März 2026, 12:00 Uhr (Asia/Tokyo)",
            ),
            (
                span(
                    true,
                    ("2026-12-31T23:00:00Z", berlin),
                    ("2027-01-01T23:00:00Z", berlin),
                ),
                "Friday, 1 January 2027",
                "Freitag, 1. Januar 2027",
            ),
            (
                span(
                    true,
                    ("2026-05-01T00:00:00Z", berlin),
                    ("2026-05-04T00:00:00Z", berlin),
                ),
                "Friday, 1 May 2026 – Sunday, 3 May 2026",
                "Freitag, 1. Mai 2026 – Sonntag, 3. Mai 2026",
            ),
        ] {
            assert_eq!(texts.of("en").when(&span), en);
            assert_eq!(texts.of("de").when(&span), de);
        }
    }

    #[test]
    fn simple_rules_are_told() {
        let texts = Texts::new();
        for (lines, told) in [
            (&["RRULE:FREQ=WEEKLY;BYDAY=MO"][..], "every week"),
            (&["RRULE:FREQ=DAILY;INTERVAL=3"], "every 3 days"),
            (&["RRULE:freq=monthly;BYMONTHDAY=1"], "every month"),
            (&["RRULE:FREQ=YEARLY"], "every year"),
            (&["RRULE:FREQ=WEEKLY;BYDAY=MO,WE"], "on several dates"),
            (&["RRULE:FREQ=DAILY;BYMONTH=1"], "on several dates"),
            (&["RDATE:20260101T100000"], "on several dates"),
            (
                &["RRULE:FREQ=WEEKLY", "EXDATE:20260101T100000"],
                "on several dates",
            ),
        ] {
            let recurrence = Recurrence::parse(lines).unwrap();
            assert_eq!(texts.of("en").repetition(&recurrence), told, "{lines:?}");
        }
    }
}
