//! VTIMEZONE (RFC 5545, section 3.6.5) made of the zone's transitions.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Duration, NaiveDateTime, TimeZone as _, Utc, Weekday};

use super::lines::Lines;
use crate::zones::{State, Zone};

/// Years for which transitions are looked at beyond the last known time; rules must show in them.
pub(super) const YEARS_BEYOND: i32 = 12;

/// The same for a series, which may go on.
pub(super) const YEARS_OF_SERIES: i32 = 40;

/// The last year that is looked at: what the zones' data knows.
const YEAR_MAX: i32 = 2098;

/// A run of transitions of at least this many years is a rule.
const RULE_YEARS_MIN: usize = 4;

/// The zones that times of a calendar are written in, each with the years that must be described.
#[derive(Debug)]
pub(super) struct Zones {
    used: BTreeMap<&'static str, (Zone, i32, i32)>,
    years_beyond: i32,
}

impl Default for Zones {
    fn default() -> Self {
        Self {
            used: BTreeMap::new(),
            years_beyond: YEARS_BEYOND,
        }
    }
}

impl Zones {
    /// For so many years beyond what is noted from now on.
    pub(super) fn reach(&mut self, years: i32) {
        self.years_beyond = years;
    }

    /// A time that is written as this zone's clocks show it.
    pub(super) fn note(&mut self, zone: Zone, at: DateTime<Utc>) {
        let (first, until) = (at.year(), (at.year() + self.years_beyond).min(YEAR_MAX));
        let (_, from, to) = self.used.entry(zone.name()).or_insert((zone, first, until));
        *from = first.min(*from);
        *to = until.max(*to);
    }

    /// Describes each zone once. Where there is nothing else, UTC: a calendar has one component at least (RFC 5545, section
    /// 3.6).
    pub(super) fn put(self, lines: &mut Lines, is_alone: bool) {
        if is_alone && self.used.is_empty() {
            put(lines, Zone::UTC, 1970, 1970);
        }
        for (zone, from, to) in self.used.into_values() {
            put(lines, zone, from, to);
        }
    }
}

/// Describes a zone from the year `from` to the year `to`.
fn put(lines: &mut Lines, zone: Zone, from: i32, to: i32) {
    // What holds on the first of January began the year before, or much earlier.
    let (begin, end) = (new_year(from - 2), new_year(to + 1));
    let transitions = transitions(zone, begin, end);
    lines.put("BEGIN", "VTIMEZONE");
    lines.put("TZID", zone.name());
    if transitions.first().is_none_or(|first| first.at > new_year(from)) {
        let state = zone.state(begin);
        observance(lines, "STANDARD", &state, &state, begin.naive_utc(), &[]);
    }
    let mut groups: BTreeMap<_, Vec<&Transition>> = BTreeMap::new();
    for transition in &transitions {
        groups
            .entry((&transition.before, &transition.after))
            .or_default()
            .push(transition);
    }
    for ((before, after), group) in groups {
        put_group(lines, before, after, &group, to);
    }
    lines.put("END", "VTIMEZONE");
}

/// Transitions between the same two offsets: as yearly rules where they are, else one by one.
fn put_group(lines: &mut Lines, before: &State, after: &State, group: &[&Transition], to: i32) {
    let has_summer = before.is_summer || after.is_summer;
    let kind = if has_summer && after.offset_secs > before.offset_secs {
        "DAYLIGHT"
    } else {
        "STANDARD"
    };
    let mut single = Vec::new();
    for run in runs(group) {
        let (Some(first), Some(last)) = (run.transitions.first(), run.transitions.last()) else {
            continue;
        };
        let Some(day) = run.day().filter(|_| run.transitions.len() >= RULE_YEARS_MIN) else {
            single.extend(run.transitions.iter().map(|transition| transition.local()));
            continue;
        };
        let onset = first.local();
        let mut rule = format!("RRULE:FREQ=YEARLY;BYMONTH={};BYDAY={day}", onset.month());
        if last.local().year() < to {
            rule = format!("{rule};UNTIL={}", last.at.format("%Y%m%dT%H%M%SZ"));
        }
        observance(lines, kind, before, after, onset, &[rule]);
    }
    if let [first, others @ ..] = single.as_slice() {
        // With the first once more, and a line each: some readers take no start for an onset beside other dates, and of a line one
        // date only.
        let all = single.iter().filter(|_| !others.is_empty());
        let dates: Vec<_> = all
            .map(|local| local.format("RDATE:%Y%m%dT%H%M%S").to_string())
            .collect();
        observance(lines, kind, before, after, *first, &dates);
    }
}

fn observance(
    lines: &mut Lines,
    kind: &str,
    before: &State,
    after: &State,
    onset: NaiveDateTime,
    rules: &[String],
) {
    lines.put("BEGIN", kind);
    lines.put("DTSTART", &onset.format("%Y%m%dT%H%M%S").to_string());
    lines.put("TZOFFSETFROM", &offset(before.offset_secs));
    lines.put("TZOFFSETTO", &offset(after.offset_secs));
    lines.put_text("TZNAME", after.name);
    for rule in rules {
        lines.put_raw(rule);
    }
    lines.put("END", kind);
}

fn offset(secs: i32) -> String {
    let sign = if secs < 0 { '-' } else { '+' };
    let secs = secs.abs();
    let text = format!("{sign}{:02}{:02}", secs / 3600, secs / 60 % 60);
    match secs % 60 {
        0 => text,
        rest => format!("{text}{rest:02}"),
    }
}

fn new_year(year: i32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0)
        .single()
        .unwrap_or_default()
}

#[derive(Debug)]
struct Transition {
    /// The first second of what holds from then on.
    at: DateTime<Utc>,
    before: State,
    after: State,
}

impl Transition {
    /// What clocks show at that moment if nobody turns them.
    fn local(&self) -> NaiveDateTime {
        self.at.naive_utc() + Duration::seconds(i64::from(self.before.offset_secs))
    }
}

/// All transitions between two times; no zone changes twice within a week.
fn transitions(zone: Zone, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Transition> {
    let mut found = Vec::new();
    let (mut at, mut state) = (from, zone.state(from));
    while at < to {
        let next = at + Duration::weeks(1);
        let after = zone.state(next);
        if after != state {
            let at = bisected(zone, at, next, &state);
            found.push(Transition {
                at,
                before: state,
                after,
            });
        }
        (at, state) = (next, after);
    }
    found
}

/// The first second in (`early`, `late`] at which `state` does not hold any more.
fn bisected(zone: Zone, mut early: DateTime<Utc>, mut late: DateTime<Utc>, state: &State) -> DateTime<Utc> {
    while late - early > Duration::seconds(1) {
        let middle = early + Duration::seconds((late - early).num_seconds() / 2);
        if zone.state(middle) == *state {
            early = middle;
        } else {
            late = middle;
        }
    }
    late
}

/// Transitions of successive years on the same weekday of the same month at the same time.
struct Run<'a> {
    transitions: Vec<&'a Transition>,
    /// Whether all of them are on the last such weekday of the month.
    is_last: bool,
    /// Which such weekday of the month all of them are on.
    nth: Option<u32>,
}

impl Run<'_> {
    /// The weekday as in BYDAY.
    fn day(&self) -> Option<String> {
        let nth = if self.is_last {
            "-1".to_owned()
        } else {
            self.nth?.to_string()
        };
        let day = match self.transitions.first()?.local().weekday() {
            Weekday::Mon => "MO",
            Weekday::Tue => "TU",
            Weekday::Wed => "WE",
            Weekday::Thu => "TH",
            Weekday::Fri => "FR",
            Weekday::Sat => "SA",
            Weekday::Sun => "SU",
        };
        Some(format!("{nth}{day}"))
    }
}

fn runs<'a>(group: &[&'a Transition]) -> Vec<Run<'a>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    for transition in group {
        let local = transition.local();
        let nth = (local.day() - 1) / 7 + 1;
        let is_last = (local + Duration::weeks(1)).month() != local.month();
        if let Some(run) = runs.last_mut()
            && let Some(previous) = run.transitions.last().map(|previous| previous.local())
        {
            let both_last = run.is_last && is_last;
            let same_nth = run.nth.filter(|known| *known == nth);
            let goes_on = previous.year() + 1 == local.year()
                && previous.month() == local.month()
                && previous.weekday() == local.weekday()
                && previous.time() == local.time()
                && (both_last || same_nth.is_some());
            if goes_on {
                run.transitions.push(transition);
                (run.is_last, run.nth) = (both_last, same_nth);
                continue;
            }
        }
        runs.push(Run {
            transitions: vec![transition],
            is_last,
            nth: Some(nth),
        });
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(zone: &str, from: i32, to: i32) -> String {
        let mut lines = Lines::default();
        put(&mut lines, zone.parse().unwrap(), from, to);
        lines.into_text().replace("\r\n", "\n")
    }

    #[test]
    fn a_zone_with_summer_time_is_two_rules() {
        assert_eq!(
            text("Europe/Berlin", 2026, 2040),
            "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\n\
             BEGIN:DAYLIGHT\nDTSTART:20240331T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nTZNAME:CEST\n\
             RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nEND:DAYLIGHT\n\
             BEGIN:STANDARD\nDTSTART:20241027T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nTZNAME:CET\n\
             RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\nEND:STANDARD\nEND:VTIMEZONE\n"
        );
    }

    #[test]
    fn a_zone_that_never_changes_has_one_offset() {
        assert_eq!(
            text("Asia/Kathmandu", 2026, 2040),
            "BEGIN:VTIMEZONE\nTZID:Asia/Kathmandu\nBEGIN:STANDARD\nDTSTART:20240101T000000\nTZOFFSETFROM:+0545\n\
             TZOFFSETTO:+0545\nTZNAME:+0545\nEND:STANDARD\nEND:VTIMEZONE\n"
        );
    }

    #[test]
    fn a_nearby_second_sunday_is_no_last_one() {
        let text = text("America/New_York", 2026, 2040);
        assert!(text.contains("RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\n"), "{text}");
        assert!(
            text.contains("RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\n"),
            "{text}"
        );
    }

    #[test]
    fn a_zone_without_a_rule_lists_its_transitions() {
        let text = text("Africa/Casablanca", 2016, 2026);
        assert!(text.contains("\nRDATE:"), "{text}");
    }
}
