//! iCalendar (RFC 5545, RFC 7986) and its messages between organiser and attendees (iTIP, RFC 5546). Mails and feeds are
//! written here and nowhere else.

mod component;
mod entry;
mod lines;
#[cfg(test)]
mod tests;
mod timetable;
mod timezone;

use chrono::{DateTime, Utc};

use self::{component::Component, lines::Lines, timezone::Zones};
pub use self::{
    entry::{Attendee, Entry, Exception, Moment, Participation, Person, Span, local_date, zone},
    timetable::Timetable,
};

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

/// An event and when it takes place, as its [`Entry::timetable`] says.
pub type Timed<'a> = (&'a Entry, Option<&'a Timetable>);

/// A calendar of one event: a series comes with its exceptions.
#[must_use]
pub fn calendar(method: Method, stamped: DateTime<Utc>, event: Timed<'_>) -> String {
    let mut calendar = Calendar::new(method, stamped);
    calendar.put(event);
    calendar.into_text()
}

/// A calendar of one occurrence of a series, the one that began at `original` before it was moved.
#[must_use]
pub fn instance(
    method: Method,
    stamped: DateTime<Utc>,
    (entry, timetable): Timed<'_>,
    original: DateTime<Utc>,
) -> String {
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
    let mut calendar = Calendar::new(method, stamped);
    if let Some(timetable) = timetable {
        let exception = known.unwrap_or(&unchanged);
        calendar.component(entry).exception(timetable, exception);
    }
    calendar.into_text()
}

/// A calendar in the making.
#[derive(Debug)]
pub struct Calendar {
    method: Method,
    /// When this was put together (DTSTAMP).
    stamped: DateTime<Utc>,
    name: Option<&'static str>,
    zones: Zones,
    events: Lines,
    steps: u64,
}

impl Calendar {
    #[must_use]
    pub fn new(method: Method, stamped: DateTime<Utc>) -> Self {
        Self {
            method,
            stamped,
            name: None,
            zones: Zones::default(),
            events: Lines::default(),
            steps: 0,
        }
    }

    /// The same with what programs that subscribe to it are told of itself.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Adds an event. One without times is left out where it would have to be shown; it can only be cancelled.
    pub fn add(&mut self, entry: &Entry) {
        let timetable = entry.timetable();
        self.put((entry, timetable.as_ref()));
    }

    fn put(&mut self, (entry, timetable): Timed<'_>) {
        let is_cancelled = self.method == Method::Cancel;
        if timetable.is_none() && !is_cancelled {
            return;
        }
        self.component(entry).series(timetable);
        self.steps += timetable.map_or(0, Timetable::steps);
        // Whoever drops the series drops its exceptions with it.
        let shown = entry
            .exceptions
            .iter()
            .filter(|exception| !exception.is_cancelled);
        for exception in shown.filter(|_| !is_cancelled) {
            if let Some(timetable) = timetable {
                self.component(entry).exception(timetable, exception);
            }
        }
    }

    /// How much work its series were so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    #[must_use]
    pub fn into_text(self) -> String {
        let mut lines = Lines::default();
        lines.put("BEGIN", "VCALENDAR");
        lines.put("PRODID", "-//Colloquy//Colloquy//EN");
        lines.put("VERSION", "2.0");
        lines.put("CALSCALE", "GREGORIAN");
        lines.put("METHOD", self.method.as_str());
        if let Some(name) = self.name {
            lines.put_text("NAME", name);
            lines.put_text("X-WR-CALNAME", name);
            lines.put("REFRESH-INTERVAL;VALUE=DURATION", "PT1H");
        }
        let is_empty = self.events.is_empty();
        self.zones.put(&mut lines, is_empty);
        lines.append(&self.events);
        lines.put("END", "VCALENDAR");
        lines.into_text()
    }

    fn component<'a>(&'a mut self, entry: &'a Entry) -> Component<'a> {
        Component {
            entry,
            method: self.method,
            stamped: self.stamped,
            zones: &mut self.zones,
            lines: &mut self.events,
        }
    }
}
