//! From the rows of an event to what calendars show of it.

use super::{Entry, Exception, Moment, Person, Span};
use crate::{
    calendar::recurrence::{LocalStart, Recurrence, STEPS_MAX},
    store::events::{self, Event, Status, Times, ZonedTime},
};

impl Entry {
    /// The event with the occurrences of it that differ. Attendees, details and URL are left empty.
    #[must_use]
    pub fn of(event: &Event, exceptions: &[events::Exception]) -> Self {
        Self::counted(event, exceptions, &mut 0)
    }

    /// The same, and adds to `steps` what it took to find the beginning of the series.
    #[must_use]
    pub fn counted(event: &Event, exceptions: &[events::Exception], steps: &mut u64) -> Self {
        let span = first(event, steps);
        let exception = |exception: &events::Exception| Exception::of(exception, span.as_ref());
        let organizer = Person {
            name: event.created_by.display_name.clone(),
            email: event.created_by.email.clone(),
        };
        Self {
            id: event.id,
            revision: event.revision,
            created_at: event.created_at,
            updated_at: event.updated_at,
            title: event.title.clone(),
            description: event.description.clone(),
            details: String::new(),
            recurrence: event.recurrence.clone(),
            exceptions: exceptions.iter().map(exception).collect(),
            span,
            is_cancelled: false,
            organizer: (!organizer.email.is_empty()).then_some(organizer),
            attendees: Vec::new(),
            url: None,
        }
    }
}

/// When the event begins; a series where its first occurrence does, as calendars take the beginning for one.
fn first(event: &Event, steps: &mut u64) -> Option<Span> {
    let times = event.times.as_ref()?;
    let span = Span::from(times);
    let start = LocalStart {
        instant: times.starts_at.at,
        zone: times.starts_at.zone,
        all_day: times.is_all_day,
    };
    if event.recurrence.is_empty() {
        return Some(span);
    }
    let series = Recurrence::parse(&event.recurrence, start).ok();
    // What is stored can be read; what can't is as costly as may be.
    *steps += u64::from(series.as_ref().map_or(STEPS_MAX, Recurrence::steps));
    Some(match series.map(|series| series.first()) {
        Some(first) if first != start.instant => span.beginning_at(first),
        _ => span,
    })
}

impl Exception {
    fn of(exception: &events::Exception, series: Option<&Span>) -> Self {
        let regular = series.map(|series| series.beginning_at(exception.original_starts_at));
        let moved =
            exception.is_all_day.is_some() || exception.starts_at.is_some() || exception.ends_at.is_some();
        let span = regular.filter(|_| moved).map(|regular| Span {
            is_all_day: exception.is_all_day.unwrap_or(regular.is_all_day),
            starts_at: exception.starts_at.map_or(regular.starts_at, Moment::from),
            ends_at: exception.ends_at.map_or(regular.ends_at, Moment::from),
        });
        Self {
            original_starts_at: exception.original_starts_at,
            is_cancelled: exception.status == Status::Cancelled,
            title: exception.title.clone(),
            description: exception.description.clone(),
            span,
        }
    }
}

impl From<&Times> for Span {
    fn from(times: &Times) -> Self {
        Self {
            is_all_day: times.is_all_day,
            starts_at: times.starts_at.into(),
            ends_at: times.ends_at.into(),
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
