//! From the rows of an event to what calendars show of it.

use chrono::{DateTime, Utc};
use colloquy_calendar::ics::{self, Entry, Moment, Participation, Person, Span};

use crate::store::events::{Event, Exception, InviteStatus, Status, Times, ZonedTime};

/// Occurrences that differ, and take place, that a mail tells of at the most; cancelled ones are told all, they are only times.
const TOLD_MAX: usize = 100;

/// Bytes of their own titles and descriptions in a mail at the most. A mail is kept once for each receiver.
const TOLD_BYTES_MAX: usize = 32 * 1024;

/// The event as a mail tells of it: about one `instance`, with that alone; else with as many of the occurrences that differ as a mail
/// may hold, those that are over last.
#[must_use]
pub fn entry_of_mail(
    event: &Event,
    exceptions: &[Exception],
    instance: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Entry {
    let mut told: Vec<_> = match instance {
        Some(original) => {
            let is_it = |one: &&Exception| one.original_starts_at == original;
            exceptions.iter().filter(is_it).collect()
        }
        None => exceptions.iter().collect(),
    };
    let start = |one: &Exception| one.starts_at.map_or(one.original_starts_at, |time| time.at);
    told.sort_by_key(|one| (start(one) < now, start(one)));
    let (mut number, mut bytes) = (0, 0);
    told.retain(|one| {
        if one.status == Status::Cancelled || instance.is_some() {
            return true;
        }
        let texts = [&one.title, &one.description];
        number += 1;
        bytes += texts.into_iter().flatten().map(String::len).sum::<usize>();
        number <= TOLD_MAX && bytes <= TOLD_BYTES_MAX
    });
    told.sort_by_key(|one| one.original_starts_at);
    let told: Vec<_> = told.into_iter().cloned().collect();
    entry(event, &told)
}

/// The event with the occurrences of it that differ. Attendees, details and URL are left empty. Nothing is computed.
#[must_use]
pub fn entry(event: &Event, exceptions: &[Exception]) -> Entry {
    let creator = &event.created_by;
    let organizer = Person {
        name: creator.display_name.clone(),
        email: creator.known_email().to_owned(),
    };
    Entry {
        id: event.id,
        revision: event.revision,
        created_at: event.created_at,
        updated_at: event.updated_at,
        title: event.title.clone(),
        description: event.description.clone(),
        details: String::new(),
        span: event.times.as_ref().map(Span::from),
        recurrence: event.recurrence.clone(),
        exceptions: exceptions
            .iter()
            .map(|one| differing(one, event.times.as_ref()))
            .collect(),
        is_cancelled: false,
        organizer: Some(organizer),
        attendees: Vec::new(),
        url: None,
    }
}

fn differing(exception: &Exception, series: Option<&Times>) -> ics::Exception {
    let times = (exception.is_all_day, exception.starts_at, exception.ends_at);
    let span = series.filter(|_| times != (None, None, None)).map(|series| {
        let original = exception.original_starts_at;
        let regular = |at, known: ZonedTime| ZonedTime { at, ..known };
        let starts_at = regular(original, series.starts_at);
        let ends_at = regular(original + series.duration(), series.ends_at);
        Span::from(&Times {
            is_all_day: times.0.unwrap_or(series.is_all_day),
            starts_at: times.1.unwrap_or(starts_at),
            ends_at: times.2.unwrap_or(ends_at),
            skipped_start: None,
        })
    });
    ics::Exception {
        original_starts_at: exception.original_starts_at,
        is_cancelled: exception.status == Status::Cancelled,
        title: exception.title.clone(),
        description: exception.description.clone(),
        span,
    }
}

impl From<InviteStatus> for Participation {
    fn from(status: InviteStatus) -> Self {
        match status {
            InviteStatus::Pending => Self::Pending,
            InviteStatus::Accepted => Self::Accepted,
            InviteStatus::Tentative => Self::Tentative,
            InviteStatus::Declined => Self::Declined,
        }
    }
}

impl From<&Times> for Span {
    fn from(times: &Times) -> Self {
        Self {
            is_all_day: times.is_all_day,
            starts_at: times.starts_at.into(),
            ends_at: times.ends_at.into(),
            skipped_start: times.skipped_start,
        }
    }
}

impl From<ZonedTime> for Moment {
    fn from(time: ZonedTime) -> Self {
        Self {
            at: time.at,
            timezone: time.zone.name().to_owned(),
        }
    }
}
