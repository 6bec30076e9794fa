//! Events: the rules of what may be asked for, and what is done then, each request in one transaction.

mod change;
mod create;
mod entry;
pub mod feed;
mod foreseen;
mod instance_change;
pub mod instances;
pub mod invitations;
mod notifications;
mod off_thread;
mod schedule;
mod times;

pub use self::{
    change::{Changed, EventChange, change, lasting_invite},
    create::{Draft, create},
    entry::entry_of_mail,
    instance_change::{ChangedInstance, InstanceChange, change_instance},
    notifications::{Notification, Notifier, meeting},
    off_thread::off_thread,
    schedule::{Asked, Finding, LINE_CHARS_MAX, LINES_MAX, Schedule, ScheduleRefusal},
    times::{BadTime, parse, skipped},
};
use crate::store::{
    StoreError,
    usage::{QuotaError, QuotaExceeded},
};

/// Occurrences of one series that may differ from it.
pub const EXCEPTIONS_PER_EVENT_MAX: u64 = 500;

/// The same of all events of one user: each may bring a text of its own, and they lie in the database that everybody shares.
pub const EXCEPTIONS_PER_OWNER_MAX: u64 = 10_000;

/// Why an event was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Quota(#[from] QuotaExceeded),
    #[error("the event can't be as it was asked for")]
    Refused(ScheduleRefusal),
    /// The event was deleted meanwhile, or the caller does not see it any more.
    #[error("there is no such event")]
    Gone,
    /// It was changed by others, again and again, while it was found out what a change makes of it.
    #[error("the event was changed by somebody else meanwhile")]
    ChangedMeanwhile,
    #[error("the series has no occurrence then")]
    NoOccurrence,
    #[error(
        "an event has at most {EXCEPTIONS_PER_EVENT_MAX} exceptions, and all of one user {EXCEPTIONS_PER_OWNER_MAX}"
    )]
    TooManyExceptions,
}

impl From<QuotaError> for EventError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Store(error) => Self::Store(error),
            QuotaError::Exceeded(exceeded) => Self::Quota(exceeded),
        }
    }
}

impl From<ScheduleRefusal> for EventError {
    fn from(refusal: ScheduleRefusal) -> Self {
        Self::Refused(refusal)
    }
}
