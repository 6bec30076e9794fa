//! The signaling protocol over real sockets, by section of its rules.

mod accept_all;
mod asyncapi;
mod automod;
mod avatars;
mod breakout;
mod chat;
mod chat_groups;
mod chat_history;
mod chat_search;
mod control;
mod echo;
mod envelope;
mod hands_and_roles;
mod legal_vote;
mod limits;
mod moderation;
mod names_and_hands;
mod order;
mod polls;
mod resume_from;
mod resumption;
mod sent_out;
mod shared_folder;
mod tariff;
mod timer;
mod upgrade;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::quiet::{Quiet, QuietWith, Settings};

/// Nobody has this id.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Lost participants leave after a second.
type Hasty = QuietWith<ShortGrace>;

struct ShortGrace;

impl Settings for ShortGrace {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("COLLOQUY_SIGNALING__RECONNECT_GRACE_SECS", "1")];
}

/// Names of an object's fields.
fn fields(object: &Value) -> BTreeSet<&str> {
    let object = object.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

/// Checks that this is a time as clients parse it: RFC 3339 in UTC.
#[track_caller]
fn assert_time(value: &Value) {
    let text = value.as_str().expect("a time");
    let parsed = chrono::DateTime::parse_from_rfc3339(text);
    assert!(parsed.is_ok() && text.ends_with('Z'), "{text}");
}
