//! A VEVENT: a series, a single event, or one occurrence that differs.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{
    Entry, Exception, Method, Participation, Span, Timetable,
    entry::{local_date, zone},
    lines::{Lines, quoted},
    timetable::Series,
    timezone::{YEARS_BEYOND, YEARS_OF_SERIES, Zones},
};
use crate::{
    recurrence::{Shown, instant_of, wall_of},
    zones::Zone,
};

/// One component in the making.
pub(super) struct Component<'a> {
    pub entry: &'a Entry,
    pub method: Method,
    pub stamped: DateTime<Utc>,
    pub zones: &'a mut Zones,
    pub lines: &'a mut Lines,
}

impl Component<'_> {
    /// The whole event, without its exceptions.
    pub fn series(mut self, timetable: Option<&Timetable>) {
        self.begin();
        if let Some(timetable) = timetable {
            match timetable.series() {
                Some(series) => self.repeated(timetable, series),
                None => self.span(&timetable.first()),
            }
        }
        let entry = self.entry;
        self.texts(&entry.title, &entry.description);
        self.end(entry.is_cancelled);
    }

    /// One occurrence.
    pub fn exception(mut self, timetable: &Timetable, exception: &Exception) {
        self.begin();
        let regular = timetable.at(exception.original_starts_at);
        let zone = zone(&regular.starts_at.timezone);
        let original = timetable.shown(exception.original_starts_at);
        self.shown("RECURRENCE-ID", &[original], regular.is_all_day, zone);
        self.span(exception.span.as_ref().unwrap_or(&regular));
        let entry = self.entry;
        let title = exception.title.as_ref().unwrap_or(&entry.title);
        let description = exception.description.as_ref().unwrap_or(&entry.description);
        self.texts(title, description);
        self.end(entry.is_cancelled || exception.is_cancelled);
    }

    fn begin(&mut self) {
        let entry = self.entry;
        self.lines.put("BEGIN", "VEVENT");
        self.lines.put("UID", &entry.id.to_string());
        self.lines.put("SEQUENCE", &entry.revision.to_string());
        self.lines.put("DTSTAMP", &utc(self.stamped));
        self.lines.put("CREATED", &utc(entry.created_at));
        self.lines.put("LAST-MODIFIED", &utc(entry.updated_at));
    }

    /// The times of a series.
    fn repeated(&mut self, timetable: &Timetable, series: &Series) {
        let resolved = &series.resolved;
        let first = timetable.at(resolved.first.at);
        let is_all_day = first.is_all_day;
        self.zones.reach(YEARS_OF_SERIES);
        self.shown("DTSTART", &[resolved.first], is_all_day, resolved.zone);
        if is_all_day {
            self.end_date(&first, resolved.first.wall.date());
        } else {
            self.end_of_first(&first, resolved.first);
        }
        if let Some(rule) = &resolved.rule {
            self.lines.put("RRULE", &rule.to_string());
        }
        self.shown("RDATE", &resolved.added, is_all_day, resolved.zone);
        self.shown("EXDATE", &resolved.excluded, is_all_day, resolved.zone);
        self.zones.reach(YEARS_BEYOND);
    }

    /// The end of the first occurrence, from which readers take how long all of them last. Where clocks change in between, or
    /// show the end twice, only a duration tells that.
    fn end_of_first(&mut self, first: &Span, start: Shown) {
        let (at, zone) = (first.ends_at.at, zone(&first.ends_at.timezone));
        let duration = at - first.starts_at.at;
        if duration.is_zero() {
            return;
        }
        let end = Shown {
            at,
            wall: wall_of(at, zone),
        };
        let is_same_zone = first.ends_at.timezone == first.starts_at.timezone;
        if end.is_told_by_wall(zone) && (!is_same_zone || end.wall - start.wall == duration) {
            self.shown("DTEND", &[end], false, zone);
        } else {
            self.lines.put("DURATION", &seconds(duration));
        }
    }

    /// The times of what takes place once.
    fn span(&mut self, span: &Span) {
        let (start, end) = (&span.starts_at, &span.ends_at);
        let moment = |at, zone| Shown {
            at,
            wall: wall_of(at, zone),
        };
        let (start_zone, end_zone) = (zone(&start.timezone), zone(&end.timezone));
        if span.is_all_day {
            let first = local_date(start.at, start_zone);
            self.lines.put("DTSTART;VALUE=DATE", &date(first));
            self.end_date(span, first);
            return;
        }
        self.shown("DTSTART", &[moment(start.at, start_zone)], false, start_zone);
        // What has no length has no end (RFC 5545, section 3.6.1).
        if end.at > start.at {
            self.shown("DTEND", &[moment(end.at, end_zone)], false, end_zone);
        }
    }

    /// The first day that is free again.
    fn end_date(&mut self, span: &Span, first: NaiveDate) {
        let end = local_date(span.ends_at.at, zone(&span.ends_at.timezone));
        let end = end.max(first.succ_opt().unwrap_or(first));
        self.lines.put("DTEND;VALUE=DATE", &date(end));
    }

    /// Times of a property, if there are any: dates, local times, and in UTC those that no local time tells.
    fn shown(&mut self, name: &str, times: &[Shown], is_all_day: bool, zone: Zone) {
        if is_all_day {
            let mut days: Vec<_> = times.iter().map(|time| date(time.wall.date())).collect();
            days.dedup();
            self.list(&format!("{name};VALUE=DATE"), &days);
            return;
        }
        let is_local = |time: &&Shown| zone != Zone::UTC && instant_of(time.wall, zone) == time.at;
        let local: Vec<_> = times.iter().filter(is_local).collect();
        for time in &local {
            self.zones.note(zone, time.at);
        }
        let local: Vec<_> = local
            .iter()
            .map(|time| time.wall.format("%Y%m%dT%H%M%S").to_string())
            .collect();
        self.list(&format!("{name};TZID={}", zone.name()), &local);
        let instants = times.iter().filter(|time| !is_local(time));
        let instants: Vec<_> = instants.map(|time| utc(time.at)).collect();
        self.list(name, &instants);
    }

    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.lines.put(name, &values.join(","));
        }
    }

    fn texts(&mut self, title: &str, description: &str) {
        let entry = self.entry;
        self.lines.put_text("SUMMARY", title);
        let description = [description, &entry.details].map(str::trim);
        let filled: Vec<_> = description.into_iter().filter(|part| !part.is_empty()).collect();
        if !filled.is_empty() {
            self.lines.put_text("DESCRIPTION", &filled.join("\n\n"));
        }
        if let Some(url) = &entry.url {
            self.lines.put_text("LOCATION", url);
            self.lines.put("URL", url);
            self.lines.put("CONFERENCE;VALUE=URI;FEATURE=AUDIO,VIDEO", url);
        }
    }

    fn end(self, is_cancelled: bool) {
        let organizer = self.entry.organizer.as_ref();
        if let Some(organizer) = organizer.filter(|person| !person.email.is_empty()) {
            let name = format!("ORGANIZER{}", common_name(&organizer.name));
            self.lines.put(&name, &mailto(&organizer.email));
        }
        for attendee in &self.entry.attendees {
            let rsvp = if attendee.status == Participation::Pending {
                "TRUE"
            } else {
                "FALSE"
            };
            let name = format!(
                "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={};RSVP={rsvp}{}",
                attendee.status.as_str(),
                common_name(&attendee.person.name)
            );
            self.lines.put(&name, &mailto(&attendee.person.email));
        }
        let is_cancelled = is_cancelled || self.method == Method::Cancel;
        let status = if is_cancelled { "CANCELLED" } else { "CONFIRMED" };
        self.lines.put("STATUS", status);
        self.lines.put("END", "VEVENT");
    }
}

fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

fn date(date: NaiveDate) -> String {
    date.format("%Y%m%d").to_string()
}

/// A duration in the largest units that are always as long (RFC 5545, section 3.3.6).
fn seconds(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds();
    let parts = [
        (seconds / 3600, 'H'),
        (seconds / 60 % 60, 'M'),
        (seconds % 60, 'S'),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<_> = parts.map(|(number, unit)| format!("{number}{unit}")).collect();
    format!("PT{}", parts.concat())
}

/// The parameter CN, for those who have a name.
fn common_name(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    format!(";CN={}", quoted(name))
}

fn mailto(email: &str) -> String {
    format!("mailto:{email}")
}
