//! Mail to those who are invited to events: what is to be said waits in the outbox, and becomes text when it is sent.

mod dates;
mod encoded_words;
mod html;
mod letter;
mod message;
mod outbox;
mod pages;
mod queue;
mod relay;
mod texts;
mod unsubscribe;
mod worker;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

pub use self::{
    outbox::Outbox,
    pages::RefusalPage,
    queue::{Cause, Told, queue_change, queue_end, queue_invitation, refresh, take_back, take_back_all},
    unsubscribe::Tokens,
    worker::{MailError, Round, Worker},
};
use colloquy_calendar::{
    ics::{Entry, Participation, Person},
    one_line::one_line,
};

use crate::{
    secrets::Secret,
    store::{
        address_hash::AddressHash,
        event_invites::Receiver,
        outbox::{OutgoingMail, Purpose},
    },
};

/// A mail that is still to be written: who hears what. It holds everything that it tells, as that was when it was queued.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Mail {
    pub kind: Kind,
    pub receiver: Receiver,
    /// What the receiver has answered, which a calendar must not forget.
    #[serde(default)]
    pub answer: Participation,
    /// The event as it is now, or was at last, shared by all who are told the same. `attendees`, `details` and `url` are
    /// filled in when the mail is written.
    #[serde(skip_serializing)]
    pub event: Arc<Entry>,
    /// The same with all occurrences that differ, of a mail about one; `None`: `event` has them.
    #[serde(skip)]
    pub whole: Option<Arc<Entry>>,
    /// The receiver's invitation; `None`: it has ended.
    #[serde(skip)]
    pub invite: Option<Uuid>,
    /// The occurrence that the mail is about, by the start that the series gives it; `None`: the whole event.
    #[serde(default)]
    pub instance: Option<DateTime<Utc>>,
    /// Whether the change took the event's times away: calendars are then told to drop it.
    #[serde(default)]
    pub has_lost_times: bool,
    pub meeting: Meeting,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The receiver is invited.
    Invite,
    /// The event, or one occurrence of it, has changed.
    Update,
    /// The event is deleted, or one occurrence of it is cancelled.
    Cancel,
    /// The receiver is not invited any more.
    Uninvite,
}

/// How to come in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Meeting {
    pub room: Uuid,
    pub password: Option<Secret>,
    pub call_in: Option<CallIn>,
}

/// How to come in by telephone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct CallIn {
    pub number: String,
    pub id: String,
    pub password: Secret,
}

/// Where users come in.
#[must_use]
pub fn room_link(web_client: &Url, room: Uuid) -> String {
    link(web_client, &format!("room/{room}"))
}

/// A page of the web client.
fn link(web_client: &Url, path: &str) -> String {
    format!("{}/{path}", web_client.as_str().trim_end_matches('/'))
}

impl OutgoingMail for Mail {
    type Entry = Entry;

    fn entry(&self) -> &Arc<Entry> {
        &self.event
    }

    fn event(&self) -> Uuid {
        self.event.id
    }

    fn purpose(&self) -> Purpose {
        match (self.kind, self.instance) {
            (Kind::Invite, _) => Purpose::Invite,
            (Kind::Update, _) | (Kind::Cancel, Some(_)) => Purpose::Change,
            (Kind::Cancel, None) | (Kind::Uninvite, _) => Purpose::End,
        }
    }

    fn instance(&self) -> Option<DateTime<Utc>> {
        self.instance
    }

    fn has_lost_times(&self) -> bool {
        self.has_lost_times
    }

    fn receiver(&self) -> AddressHash {
        self.receiver.address_hash()
    }

    fn invite(&self) -> Option<Uuid> {
        self.invite
    }
}

impl Mail {
    /// The same with titles and names that are one line each: they go into headers, subjects and calendars.
    fn in_lines(mut self) -> Self {
        let tidy = |text: &mut String| *text = one_line(text);
        let event = Arc::make_mut(&mut self.event);
        tidy(&mut event.title);
        for title in event.exceptions.iter_mut().filter_map(|one| one.title.as_mut()) {
            tidy(title);
        }
        if let Some(Person { name, .. }) = &mut event.organizer {
            tidy(name);
        }
        match &mut self.receiver {
            Receiver::Registered { name, .. } | Receiver::Unregistered { name, .. } => tidy(name),
            Receiver::External { .. } => {}
        }
        self
    }
}
