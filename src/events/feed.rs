//! A user's calendar as calendar programs subscribe to it.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use colloquy_calendar::ics::{Calendar, Entry, Method};
use sha2::{Digest, Sha256};

use url::Url;

use super::entry::entry;
use crate::mail;
use crate::store::events::{Exception, InviteStatus, SeenEvent};

/// Events of a feed. Those that are over are left out after [`PAST_DAYS`]; of what is left, the first by beginning.
pub const EVENTS_MAX: u32 = 1_000;

/// Days for which an event stays in the feed after its last end.
pub const PAST_DAYS: i64 = 90;

/// Steps in the series of a feed. A usual series takes some ten to a thousand; what lies behind some hundred of the costliest is
/// left out.
pub const STEPS_MAX: u64 = 2_000_000;

/// The same of events to which the owner has said nothing: what others ask for does not make its own calendar costly.
const PENDING_STEPS_MAX: u64 = STEPS_MAX / 20;

/// What programs call the calendar.
const NAME: &str = "Colloquy";

/// The text of a feed, and a name for exactly this text (an entity tag of RFC 9110).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub text: String,
    pub etag: String,
}

impl Feed {
    /// The feed of these events; `exceptions` of all of them, ordered by event. As long as nothing changes, neither
    /// does the text: it is stamped with the latest change. Events behind series of [`STEPS_MAX`] steps are left
    /// out. `web_client` is the base of links to meetings.
    #[must_use]
    pub fn of(events: &[SeenEvent], exceptions: &[Exception], web_client: Option<&Url>) -> Self {
        let changes = events.iter().map(|seen| seen.event.updated_at);
        let changes = changes.chain(exceptions.iter().map(|exception| exception.updated_at));
        let stamped = changes.max().unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
        let mut calendar = Calendar::new(Method::Publish, stamped).named(NAME);
        let mut steps_max = STEPS_MAX;
        for seen in events {
            if seen.invite_status == InviteStatus::Pending {
                // They come last.
                steps_max = steps_max.min(calendar.steps() + PENDING_STEPS_MAX);
            }
            if calendar.steps() >= steps_max {
                break;
            }
            let own = |exception: &&Exception| exception.event_id == seen.event.id;
            let begin = exceptions.partition_point(|exception| exception.event_id < seen.event.id);
            let own: Vec<_> = exceptions[begin..].iter().take_while(own).cloned().collect();
            calendar.add(&Entry {
                url: web_client.map(|base| mail::room_link(base, seen.room.id)),
                ..entry(&seen.event, &own)
            });
        }
        let text = calendar.into_text();
        let hash = Sha256::digest(text.as_bytes());
        Self {
            text,
            etag: format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&hash[..16])),
        }
    }
}
