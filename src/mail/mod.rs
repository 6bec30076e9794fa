//! Mail to those who are invited to events: what is to be said waits in the outbox, and becomes text when it is sent.

mod address;
mod dates;
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

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

pub use self::{
    address::AddressHash,
    outbox::Outbox,
    pages::Page,
    queue::{Cause, Told, queue_change, queue_end, queue_invitation, take_back},
    unsubscribe::Tokens,
    worker::{MailError, Round, Worker},
};
use colloquy_calendar::ics::{Entry, Participation, Person};
use colloquy_calendar::one_line::one_line;

use crate::secrets::Secret;

/// A mail that is still to be written: who hears what. It holds everything that it tells, as that was when it was queued.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Mail {
    pub kind: Kind,
    pub receiver: Receiver,
    /// What the receiver has answered, which a calendar must not forget.
    #[serde(default)]
    pub answer: Participation,
    /// The event as it is now, or was at last. `attendees`, `details` and `url` are filled in when the mail is written.
    pub event: Entry,
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

/// What a mail is for, as far as limits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Invite,
    /// Of the event, or of one occurrence; the latter's end is one too.
    Change,
    /// Of the event, or of the invitation.
    End,
}

/// Who gets a mail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Receiver {
    /// A user of this server.
    Registered {
        id: Uuid,
        email: String,
        name: String,
        /// BCP 47 tag.
        language: String,
    },
    /// Somebody whom the identity provider knows, and who never was here.
    Unregistered { email: String, name: String },
    /// An e-mail address, whosever it is. The invite link lets its owner in as a guest.
    External {
        email: String,
        invite_code: Option<Uuid>,
    },
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

impl Purpose {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Change => "change",
            Self::End => "end",
        }
    }

    /// `None` for what this version does not know.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Invite, Self::Change, Self::End];
        all.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

impl Mail {
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        match (self.kind, self.instance) {
            (Kind::Invite, _) => Purpose::Invite,
            (Kind::Update, _) | (Kind::Cancel, Some(_)) => Purpose::Change,
            (Kind::Cancel, None) | (Kind::Uninvite, _) => Purpose::End,
        }
    }

    /// The same with titles and names that are one line each: they go into headers, subjects and calendars.
    fn in_lines(mut self) -> Self {
        let tidy = |text: &mut String| *text = one_line(text);
        tidy(&mut self.event.title);
        for title in self
            .event
            .exceptions
            .iter_mut()
            .filter_map(|one| one.title.as_mut())
        {
            tidy(title);
        }
        if let Some(Person { name, .. }) = &mut self.event.organizer {
            tidy(name);
        }
        match &mut self.receiver {
            Receiver::Registered { name, .. } | Receiver::Unregistered { name, .. } => tidy(name),
            Receiver::External { .. } => {}
        }
        self
    }
}

impl Receiver {
    #[must_use]
    pub fn address_hash(&self) -> AddressHash {
        AddressHash::of(self.email())
    }

    /// By which an external one comes in.
    #[must_use]
    pub fn invite_code(&self) -> Option<Uuid> {
        match self {
            Self::External { invite_code, .. } => *invite_code,
            Self::Registered { .. } | Self::Unregistered { .. } => None,
        }
    }
}
