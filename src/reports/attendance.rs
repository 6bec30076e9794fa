//! "Attendance Report": who was in a meeting, and when.

use std::{cmp::Reverse, collections::HashMap};

use chrono::{DateTime, Utc};
use colloquy_actors::{
    ids::{Timestamp, UserId},
    protocol::meeting::Role,
    report::{Attendance, Attendee},
};
use colloquy_report::{Cell, Document, Section};
use uuid::Uuid;

use super::{Meeting, empty, fact};
use crate::text::fold;

/// Addresses of registered users.
type Addresses = HashMap<Uuid, String>;

pub(super) fn document(
    attendance: Attendance,
    addresses: Option<&Addresses>,
    meeting: &Meeting,
    at: DateTime<Utc>,
) -> Document {
    let clock = meeting.clock();
    let people = people(attendance.participants);
    let first = people.iter().map(|attendee| attendee.joined).min();
    // Without anybody there is no time to be shown.
    let day = clock.date(first.unwrap_or_else(|| Timestamp::from(at)));
    let mut document = empty("Attendance Report", at);
    let facts = &mut document.facts;
    facts.extend(meeting.title().map(|title| fact("Meeting", title)));
    facts.extend(meeting.description().map(|text| fact("Details", text)));
    if let Some(times) = meeting.event.as_ref().and_then(|event| event.times) {
        facts.push(fact("Start", clock.minute(times.starts_at.at)));
        facts.push(fact("End", clock.minute(times.ends_at.at)));
    }
    facts.push(fact("Date", day.to_string()));
    facts.push(fact("Report timezone", clock.zone()));
    let heads = ["№", "Name", "Role"].into_iter();
    let heads = heads.chain(addresses.map(|_| "E-mail")).chain(["Joined", "Left"]);
    let rows = people.iter().zip(1..).map(|(attendee, number)| {
        let mut row = vec![
            Cell::from(number.to_string()),
            attendee.name.as_str().into(),
            role(attendee.role).into(),
        ];
        if let Some(addresses) = addresses {
            let address = attendee.user.and_then(|user| addresses.get(&user.0));
            row.push(address.map_or_else(Cell::none, |address| address.as_str().into()));
        }
        row.push(clock.minute_of(day, attendee.joined).into());
        let left = attendee.left.map(|left| clock.minute_of(day, left).into());
        row.push(left.unwrap_or_else(Cell::none));
        row
    });
    document.sections.push(Section {
        heading: "Participants".to_owned(),
        rows: rows.collect(),
        columns: heads.map(str::to_owned).collect(),
    });
    document
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Moderator => "Moderator",
        Role::User => "User",
        Role::Guest => "Guest",
    }
}

/// Everybody once, by role and name: the sessions of a registered user are one, from the first arrival until the last departure, under
/// the newest name and role.
fn people(participants: Vec<Attendee>) -> Vec<Attendee> {
    let mut users: HashMap<UserId, Attendee> = HashMap::new();
    let mut people = Vec::new();
    for attendee in participants {
        let Some(user) = attendee.user else {
            people.push(attendee);
            continue;
        };
        let merged = match users.remove(&user) {
            Some(other) => merged(other, attendee),
            None => attendee,
        };
        users.insert(user, merged);
    }
    people.extend(users.into_values());
    people.sort_by_cached_key(|attendee| {
        let name = attendee.name.as_str();
        (
            Reverse(attendee.role),
            fold(name),
            name.to_owned(),
            attendee.joined,
            attendee.user,
        )
    });
    people
}

fn merged(one: Attendee, other: Attendee) -> Attendee {
    let (older, newer) = if one.joined <= other.joined {
        (one, other)
    } else {
        (other, one)
    };
    Attendee {
        joined: older.joined,
        // Who is still there somewhere has not left.
        left: older.left.zip(newer.left).map(|(one, other)| one.max(other)),
        ..newer
    }
}
