//! What is written down of a formal vote when it is over: the protocol of the vote, version 1 (`modules.md` 11).

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use colloquy_actors::{
    ids::Timestamp,
    protocol::limits::VOTE_MINUTES_PER_ROOM_MAX,
    report::{MinutesOfVote, RecordedVote, Vote, VoteEnd, VoteEntry, VoteEntryKind},
    task::Outcome,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::documents::utc;
use crate::store::{
    Db,
    vote_minutes::{self, VoteMinutes},
};

/// Before it is tried again; then it is given up.
const WAITS_SECS: [u64; 3] = [1, 5, 20];

/// Keeps the minutes of a vote, unless they are kept already. A database that is away for a moment is waited for.
pub(super) async fn keep(db: &Db, minutes: MinutesOfVote) -> Outcome {
    let row = VoteMinutes {
        vote: minutes.vote.id,
        room: minutes.room.0,
        initiator: minutes.initiator.map(|user| user.0),
        ended_at: utc(minutes.vote.end),
        text: written(&minutes.vote).to_string(),
    };
    let mut waits = WAITS_SECS.into_iter();
    loop {
        let Err(error) = vote_minutes::keep(db, row.clone(), VOTE_MINUTES_PER_ROOM_MAX).await else {
            return Outcome::Done;
        };
        let Some(secs) = waits.next() else {
            tracing::warn!(%error, room.id = %minutes.room, vote = %row.vote, "the minutes of a vote could not be kept");
            return Outcome::Unavailable;
        };
        sleep(Duration::from_secs(secs)).await;
    }
}

fn written(vote: &Vote) -> Value {
    let mut entries = vec![entry(Some(vote.begin), "start", &start(vote))];
    let mut between: Vec<_> = vote.votes.iter().map(cast).collect();
    between.extend(vote.events.iter().map(happened));
    // Secret votes have no times, and an order that says nothing.
    between.sort_by_key(|(at, _)| at.map_or(i64::MAX, Timestamp::as_micros));
    entries.extend(between.into_iter().map(|(_, entry)| entry));
    entries.extend(end(vote));
    let mut minutes = json!({"version": 1, "entries": entries});
    if let Some(count) = vote.left_out {
        minutes["left_out"] = json!(count.get());
    }
    minutes
}

fn entry(at: Option<Timestamp>, event: &str, more: &Value) -> Value {
    let mut content = json!({"event": event});
    if let (Some(content), Some(more)) = (content.as_object_mut(), more.as_object()) {
        content.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    match at.map(shown) {
        Some(timestamp) => json!({"timestamp": timestamp, "event": content}),
        None => json!({"event": content}),
    }
}

fn shown(at: Timestamp) -> String {
    let at: DateTime<Utc> = utc(at);
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn start(vote: &Vote) -> Value {
    json!({
        "issuer": vote.leader, "name": vote.title, "subtitle": vote.subtitle, "topic": vote.topic, "kind": vote.kind,
        "max_votes": vote.votes_max, "duration": vote.duration_secs, "enable_abstain": vote.abstention,
        "auto_close": vote.auto_close,
    })
}

fn cast(vote: &RecordedVote) -> (Option<Timestamp>, Value) {
    let mut more = json!({"token": vote.token, "option": vote.option});
    if let Some(name) = &vote.name {
        more["name"] = json!(name);
    }
    (vote.at, entry(vote.at, "vote", &more))
}

fn happened(event: &VoteEntry) -> (Option<Timestamp>, Value) {
    let name = event.name.as_ref();
    let (what, more) = match &event.what {
        VoteEntryKind::Joined => ("user_joined", json!({"name": name})),
        VoteEntryKind::Left => ("user_left", json!({"name": name})),
        VoteEntryKind::Issue { kind, description } => (
            "issue",
            json!({"name": name, "kind": kind, "description": description}),
        ),
    };
    (Some(event.at), entry(Some(event.at), what, &more))
}

/// How it ended, and, where it counts, its results.
fn end(vote: &Vote) -> Vec<Value> {
    let at = Some(vote.end);
    let (what, more) = match &vote.ended {
        VoteEnd::By(name) => ("stop", json!({"kind": "by_user", "name": name})),
        VoteEnd::AllVoted => ("stop", json!({"kind": "auto"})),
        VoteEnd::Expired => ("stop", json!({"kind": "expired"})),
        VoteEnd::RoomClosed => ("cancel", json!({"reason": "room_destroyed"})),
        VoteEnd::InitiatorLeft => ("cancel", json!({"reason": "initiator_left"})),
        VoteEnd::Cancelled(words) => ("cancel", json!({"reason": "custom", "custom": words})),
    };
    let mut entries = vec![entry(at, what, &more)];
    if what == "stop" {
        let results = match vote.results {
            Some(count) => {
                let mut results = json!({"results": "valid", "yes": count.yes, "no": count.no});
                if let Some(abstain) = count.abstain {
                    results["abstain"] = json!(abstain);
                }
                results
            }
            None => json!({"results": "invalid"}),
        };
        entries.push(entry(at, "final_results", &results));
    }
    entries
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use colloquy_actors::protocol::names::DisplayName;
    use uuid::Uuid;

    use super::*;

    fn vote(left_out: Option<NonZeroU32>) -> Vote {
        let at = Timestamp::from_micros(0);
        let name = Some(DisplayName::of_a_guest());
        let what = VoteEntryKind::Left;
        Vote {
            id: Uuid::from_u128(7),
            title: "Budget".to_owned(),
            subtitle: None,
            topic: None,
            kind: "roll_call".to_owned(),
            leader: DisplayName::of_a_guest(),
            begin: at,
            end: at,
            votes_max: 1,
            duration_secs: None,
            abstention: false,
            auto_close: false,
            ended: VoteEnd::RoomClosed,
            results: None,
            votes: Vec::new(),
            events: vec![VoteEntry { name, at, what }],
            left_out,
        }
    }

    #[test]
    fn minutes_say_what_they_leave_out() {
        let whole = written(&vote(None));
        assert_eq!(whole.get("left_out"), None);
        let more = written(&vote(NonZeroU32::new(12)));
        assert_eq!(more["left_out"], 12);
        assert_eq!(more["entries"], whole["entries"]);
    }
}
