//! What the invitees of an event are told by mail.

use chrono::{DateTime, Utc};

use crate::{
    calendar::ics::{self, Entry, Moment, Person, Span},
    mail::{CallIn, Kind, Mail, Meeting, Outbox},
    store::{
        StoreError, Tx,
        events::{self, Event, Exception, SeenEvent, Status, Times, ZonedTime},
    },
};

/// Puts mails into the outbox, or nothing where nobody is to hear of a change.
#[derive(Debug, Clone)]
pub struct Teller {
    pub outbox: Outbox,
    /// Number of the telephone gateway, where there is one.
    pub tel: Option<String>,
}

/// What has happened to an event.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    pub kind: Kind,
    /// As it is now, or was at last.
    pub seen: &'a SeenEvent,
    pub exceptions: &'a [Exception],
    /// The occurrence that it happened to; `None`: the whole event.
    pub instance: Option<DateTime<Utc>>,
    pub has_lost_times: bool,
}

impl Teller {
    /// Queues a mail to everybody who is invited and has not declined.
    pub async fn tell(&self, tx: &mut Tx, news: &News<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        if !self.outbox.is_on() {
            return Ok(());
        }
        let entry = entry(
            &news.seen.event,
            news.exceptions,
            news.kind == Kind::Cancel && news.instance.is_none(),
        );
        let meeting = meeting(news.seen, self.tel.as_deref());
        let receivers = events::receivers(tx, news.seen.event.id).await?;
        let mails: Vec<_> = receivers
            .into_iter()
            .map(|receiver| Mail {
                kind: news.kind,
                receiver,
                event: entry.clone(),
                instance: news.instance,
                has_lost_times: news.has_lost_times,
                meeting: meeting.clone(),
            })
            .collect();
        self.outbox.enqueue(tx, &mails, now).await
    }

    /// Tells the worker that mails were committed.
    pub fn wake(&self) {
        self.outbox.wake();
    }
}

/// An event as calendars show it.
#[must_use]
pub fn entry(event: &Event, exceptions: &[Exception], is_cancelled: bool) -> Entry {
    Entry {
        id: event.id,
        revision: event.revision,
        created_at: event.created_at,
        updated_at: event.updated_at,
        title: event.title.clone(),
        description: event.description.clone(),
        details: String::new(),
        span: event.times.as_ref().map(span),
        recurrence: event.recurrence.clone(),
        exceptions: exceptions.iter().map(exception).collect(),
        is_cancelled,
        organizer: Some(Person {
            name: event.created_by.display_name.clone(),
            email: event.created_by.email.clone(),
        }),
        attendees: Vec::new(),
        url: None,
    }
}

/// How invitees come in.
#[must_use]
pub fn meeting(seen: &SeenEvent, tel: Option<&str>) -> Meeting {
    let sip = seen.room.sip.as_ref().filter(|_| !seen.room.e2e_encryption);
    Meeting {
        room: seen.room.id,
        password: seen.room.password.clone(),
        call_in: tel.zip(sip).map(|(number, sip)| CallIn {
            number: number.to_owned(),
            id: sip.id.clone(),
            password: sip.password.clone(),
        }),
    }
}

fn exception(exception: &Exception) -> ics::Exception {
    let times = exception
        .is_all_day
        .zip(exception.starts_at)
        .zip(exception.ends_at);
    ics::Exception {
        original_starts_at: exception.original_starts_at,
        is_cancelled: exception.status == Status::Cancelled,
        title: exception.title.clone(),
        description: exception.description.clone(),
        span: times.map(|((is_all_day, starts_at), ends_at)| {
            span(&Times {
                is_all_day,
                starts_at,
                ends_at,
            })
        }),
    }
}

fn span(times: &Times) -> Span {
    Span {
        is_all_day: times.is_all_day,
        starts_at: moment(times.starts_at),
        ends_at: moment(times.ends_at),
    }
}

fn moment(time: ZonedTime) -> Moment {
    Moment {
        at: time.at,
        timezone: time.zone.name().to_owned(),
    }
}
