//! iCalendar (RFC 5545) and its messages between organiser and attendees (iTIP, RFC 5546).

mod entry;
mod lines;
mod recurrence;
mod stored;
#[cfg(test)]
mod tests;
mod timezone;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

pub use self::entry::{Attendee, Entry, Exception, Moment, Participation, Person, Span, local_date, zone};
use self::lines::Lines;

/// What is asked of whoever reads the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To show it, as in a feed.
    Publish,
    /// To take part.
    Request,
    /// To drop it.
    Cancel,
}

impl Method {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
        }
    }
}

/// A calendar of whole events: a series comes with its exceptions. `stamped` says when this was put together
/// (DTSTAMP). An event without times is left out where it would have to be shown; it can only be cancelled.
#[must_use]
pub fn calendar(method: Method, stamped: DateTime<Utc>, entries: &[Entry]) -> String {
    let shown: Vec<_> = entries
        .iter()
        .filter(|entry| entry.span.is_some() || method == Method::Cancel)
        .collect();
    let mut page = Page::begin(method, stamped, shown.iter().copied());
    for entry in shown {
        page.series(entry);
        // Whoever drops the series drops its exceptions with it.
        if method != Method::Cancel {
            for exception in entry
                .exceptions
                .iter()
                .filter(|exception| !exception.is_cancelled)
            {
                page.exception(entry, exception);
            }
        }
    }
    page.end()
}

/// A calendar of one occurrence of a series, the one that began at `original` before it was moved.
#[must_use]
pub fn instance(method: Method, stamped: DateTime<Utc>, entry: &Entry, original: DateTime<Utc>) -> String {
    let mut page = Page::begin(method, stamped, std::iter::once(entry));
    let known = entry
        .exceptions
        .iter()
        .find(|exception| exception.original_starts_at == original);
    let unchanged = Exception {
        original_starts_at: original,
        is_cancelled: false,
        title: None,
        description: None,
        span: None,
    };
    page.exception(entry, known.unwrap_or(&unchanged));
    page.end()
}

/// A calendar in the making.
struct Page {
    lines: Lines,
    method: Method,
    stamped: DateTime<Utc>,
}

impl Page {
    fn begin<'a>(method: Method, stamped: DateTime<Utc>, entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut lines = Lines::default();
        lines.put("BEGIN", "VCALENDAR");
        lines.put("PRODID", "-//Colloquy//Colloquy//EN");
        lines.put("VERSION", "2.0");
        lines.put("CALSCALE", "GREGORIAN");
        lines.put("METHOD", method.as_str());
        timezone::put_all(&mut lines, entries);
        Self {
            lines,
            method,
            stamped,
        }
    }

    fn end(mut self) -> String {
        self.lines.put("END", "VCALENDAR");
        self.lines.into_text()
    }

    fn series(&mut self, entry: &Entry) {
        self.lines.put("BEGIN", "VEVENT");
        self.head(entry);
        if let Some(span) = &entry.span {
            self.span(span, !entry.recurrence.is_empty());
            for line in recurrence::normalised(&entry.recurrence, span) {
                self.lines.put_raw(&line);
            }
            let cancelled = entry.exceptions.iter().filter(|exception| exception.is_cancelled);
            for exception in cancelled {
                self.time("EXDATE", exception.original_starts_at, span, true);
            }
        }
        self.texts(entry, &entry.title, &entry.description);
        self.tail(entry, entry.is_cancelled);
    }

    fn exception(&mut self, entry: &Entry, exception: &Exception) {
        let Some(series) = &entry.span else { return };
        self.lines.put("BEGIN", "VEVENT");
        self.head(entry);
        self.time("RECURRENCE-ID", exception.original_starts_at, series, true);
        let regular = series.beginning_at(exception.original_starts_at);
        self.span(exception.span.as_ref().unwrap_or(&regular), true);
        let title = exception.title.as_ref().unwrap_or(&entry.title);
        let description = exception.description.as_ref().unwrap_or(&entry.description);
        self.texts(entry, title, description);
        self.tail(entry, entry.is_cancelled || exception.is_cancelled);
    }

    fn head(&mut self, entry: &Entry) {
        self.lines.put("UID", &entry.id.to_string());
        self.lines.put("SEQUENCE", &entry.revision.to_string());
        self.lines.put("DTSTAMP", &utc(self.stamped));
        self.lines.put("CREATED", &utc(entry.created_at));
        self.lines.put("LAST-MODIFIED", &utc(entry.updated_at));
    }

    fn span(&mut self, span: &Span, is_recurring: bool) {
        self.time("DTSTART", span.starts_at.at, span, is_recurring);
        if span.is_all_day {
            let first = local_date(span.starts_at.at, zone(&span.starts_at.timezone));
            let end = local_date(span.ends_at.at, zone(&span.ends_at.timezone));
            // The end is the first day that is free again.
            let end = end.max(first.succ_opt().unwrap_or(first));
            self.lines
                .put("DTEND;VALUE=DATE", &end.format("%Y%m%d").to_string());
        } else {
            let end = Span {
                starts_at: span.ends_at.clone(),
                ..span.clone()
            };
            self.time("DTEND", span.ends_at.at, &end, is_recurring);
        }
    }

    /// A time as the start of `span` is written: a date, a local time of its zone, or UTC.
    fn time(&mut self, name: &str, at: DateTime<Utc>, span: &Span, is_recurring: bool) {
        let zone = zone(&span.starts_at.timezone);
        if span.is_all_day {
            let date = local_date(at, zone).format("%Y%m%d").to_string();
            self.lines.put(&format!("{name};VALUE=DATE"), &date);
            return;
        }
        let local = at.with_timezone(&zone).naive_local();
        // The second of two equal local times can only be told in UTC.
        let is_told =
            is_recurring || local.and_local_timezone(zone).earliest() == Some(at.with_timezone(&zone));
        if zone == Tz::UTC || !is_told {
            self.lines.put(name, &utc(at));
        } else {
            let name = format!("{name};TZID={}", zone.name());
            self.lines.put(&name, &local.format("%Y%m%dT%H%M%S").to_string());
        }
    }

    fn texts(&mut self, entry: &Entry, title: &str, description: &str) {
        self.lines.put_text("SUMMARY", title);
        let description = [description, &entry.details].map(str::trim);
        let filled: Vec<_> = description.into_iter().filter(|part| !part.is_empty()).collect();
        if !filled.is_empty() {
            self.lines.put_text("DESCRIPTION", &filled.join("\n\n"));
        }
        if let Some(url) = &entry.url {
            self.lines.put_text("LOCATION", url);
            self.lines.put("URL", url);
        }
    }

    fn tail(&mut self, entry: &Entry, is_cancelled: bool) {
        if let Some(organizer) = &entry.organizer {
            let name = format!("ORGANIZER;CN={}", lines::quoted(&organizer.name));
            self.lines.put(&name, &mailto(&organizer.email));
        }
        for attendee in &entry.attendees {
            let name = format!(
                "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={};RSVP=FALSE;CN={}",
                attendee.status.as_str(),
                lines::quoted(&attendee.person.name)
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

fn mailto(email: &str) -> String {
    format!("mailto:{email}")
}
