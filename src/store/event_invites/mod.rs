//! Who is invited to an event: registered users, and e-mail addresses that no user of the tenant has.

mod claim;
mod lists;
mod receiver;
mod resolve;
mod write;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    events::{InviteRole, InviteStatus},
    rows::{Columns, from_columns},
    users::Profile,
};

pub(super) use claim::claim;
pub use lists::{Invitees, list, of_events, pending};
pub use receiver::{Addressee, Receiver, receiver, receivers};
pub(super) use write::lock_event;
pub use write::{
    CreatedInvite, Invited, NewEventInvite, RoleChange, Whom, Withdrawn, answer, ask_again, invite, set_role,
    withdraw,
};

/// Invitees of one event.
pub const INVITEES_PER_EVENT_MAX: u64 = 1_000;

/// For how long after the last occurrence the code of an invited address opens the room.
const CODE_GRACE: TimeDelta = TimeDelta::days(30);

/// When the codes of the addresses that are invited to an event expire: it follows the event's times. `None` for an endless
/// series and for an event without times: while their invitations last.
pub(super) fn codes_expiration(series_ends_at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    series_ends_at.and_then(|end| end.checked_add_signed(CODE_GRACE))
}

/// An invitation to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventInvite {
    pub event_id: Uuid,
    pub invitee: Invitee,
    pub role: InviteRole,
    pub status: InviteStatus,
}

/// Who is invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invitee {
    User(Profile),
    Email {
        /// A folded address.
        email: String,
        /// Of whoever had the address at the identity provider when it was invited.
        names: Option<Names>,
    },
}

/// What the identity provider calls somebody who never was here; either may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    pub firstname: String,
    pub lastname: String,
}

impl InviteRole {
    /// The same of a registered user.
    const fn of_user(self) -> Self {
        match self {
            Self::Guest => Self::User,
            other => other,
        }
    }
}

impl Names {
    fn read(row: &impl Columns) -> sqlx::Result<Option<Self>> {
        let firstname: Option<String> = row.col("firstname")?;
        let lastname: Option<String> = row.col("lastname")?;
        let names = firstname.zip(lastname);
        Ok(names.map(|(firstname, lastname)| Self { firstname, lastname }))
    }
}

impl EventInvite {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let invitee = match row.col::<Option<String>>("email")? {
            Some(email) => Invitee::Email {
                email,
                names: Names::read(row)?,
            },
            None => Invitee::User(Profile::read(row, "u")?),
        };
        Ok(Self {
            event_id: row.col("event_id")?,
            invitee,
            // The columns hold nothing else.
            role: InviteRole::parse(&row.col::<String>("role")?).unwrap_or(InviteRole::User),
            status: InviteStatus::parse(&row.col::<String>("status")?).unwrap_or(InviteStatus::Pending),
        })
    }
}
from_columns!(EventInvite);
