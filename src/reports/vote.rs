//! "Colloquy Vote Report": a formal vote, what came of it, and what happened meanwhile.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use colloquy_actors::{
    protocol::names::DisplayName,
    report::{RecordedVote, Vote, VoteCount, VoteEnd, VoteEntry, VoteEntryKind},
};
use colloquy_report::{Cell, Document, Fact, Section};

use super::{Meeting, empty, fact, times::Clock};

pub(super) fn document(vote: &Vote, meeting: &Meeting, at: DateTime<Utc>) -> Document {
    let clock = meeting.clock();
    let mut document = empty("Colloquy Vote Report", at);
    document.facts = facts(vote, clock);
    document.sections.extend(vote.results.map(results));
    document.sections.push(Section {
        heading: "Recorded votes".to_owned(),
        columns: columns(["Name", "Token", "Vote", "Time"]),
        rows: vote.votes.iter().map(|vote| recorded(vote, clock)).collect(),
    });
    let entries = vote.events.iter().map(|entry| logged(entry, clock));
    document.sections.push(Section {
        heading: "Event log".to_owned(),
        columns: columns(["Name", "Time", "Event"]),
        rows: entries.chain(vote.left_out.map(left_out)).collect(),
    });
    document
}

fn facts(vote: &Vote, clock: Clock) -> Vec<Fact> {
    let yes_no = |is_on| if is_on { "Yes" } else { "No" };
    let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let mut facts = vec![fact("Title", vote.title.as_str())];
    facts.extend(said(&vote.subtitle).map(|text| fact("Subtitle", text)));
    facts.extend(said(&vote.topic).map(|text| fact("Topic", text)));
    let duration = vote.duration_secs.map(|secs| format!("{secs} s"));
    facts.extend([
        fact("Kind", kind(&vote.kind)),
        fact("Referendum leader", vote.leader.as_str()),
        fact("Vote id", vote.id.to_string()),
        fact("Start", clock.second(vote.begin)),
        fact("End", clock.second(vote.end)),
        fact("Report timezone", clock.zone()),
        fact("Participant count", vote.votes_max.to_string()),
        fact(
            "Scheduled duration",
            duration.unwrap_or_else(|| "Unlimited".to_owned()),
        ),
        fact("Abstention", yes_no(vote.abstention)),
        fact("Automatic close", yes_no(vote.auto_close)),
        fact("Vote ended due to", ended(&vote.ended)),
        fact("Number of votes", vote.votes.len().to_string()),
    ]);
    facts
}

fn kind(name: &str) -> &str {
    match name {
        "roll_call" => "Roll call",
        "live_roll_call" => "Live roll call",
        "pseudonymous" => "Pseudonymous",
        other => other,
    }
}

fn ended(ended: &VoteEnd) -> String {
    match ended {
        VoteEnd::By(name) => format!("{} ended it", isolated(name.as_str())),
        VoteEnd::AllVoted => "All users voted".to_owned(),
        VoteEnd::Expired => "Expired".to_owned(),
        VoteEnd::RoomClosed => "Aborted: the room was closed".to_owned(),
        VoteEnd::InitiatorLeft => "Aborted: the initiator left".to_owned(),
        VoteEnd::Cancelled(reason) => format!("Aborted: {}", isolated(reason)),
    }
}

/// People's words among ours, which must not turn ours around (Unicode's isolates).
fn isolated(text: &str) -> String {
    format!("\u{2068}{text}\u{2069}")
}

fn results(count: VoteCount) -> Section {
    let abstain = count.abstain.map(|count| ("Abstain", count));
    let rows = [("Yes", count.yes), ("No", count.no)].into_iter().chain(abstain);
    let rows = rows.map(|(option, count)| vec![option.into(), count.to_string().into()]);
    Section {
        heading: "Results".to_owned(),
        columns: columns(["Option", "Votes"]),
        rows: rows.collect(),
    }
}

fn recorded(vote: &RecordedVote, clock: Clock) -> Vec<Cell> {
    let option = match vote.option.as_str() {
        "yes" => "Yes",
        "no" => "No",
        "abstain" => "Abstain",
        other => other,
    };
    vec![
        name_or(vote.name.as_ref(), "Hidden"),
        vote.token.as_str().into(),
        option.into(),
        vote.at.map_or_else(Cell::none, |at| clock.second(at).into()),
    ]
}

fn logged(entry: &VoteEntry, clock: Clock) -> Vec<Cell> {
    let what = match &entry.what {
        VoteEntryKind::Joined => "Joined".to_owned(),
        VoteEntryKind::Left => "Left".to_owned(),
        VoteEntryKind::Issue { kind, description } => issue(kind.as_deref(), description.as_deref()),
    };
    vec![
        name_or(entry.name.as_ref(), "Anonymous"),
        clock.second(entry.at).into(),
        what.into(),
    ]
}

/// The last line of a log that does not have all.
fn left_out(count: NonZeroU32) -> Vec<Cell> {
    let note = format!("Further entries left out: {count}");
    vec![Cell::none(), Cell::none(), Cell::Note(note)]
}

fn issue(kind: Option<&str>, description: Option<&str>) -> String {
    let kind = kind.map(|kind| match kind {
        "audio" => "audio",
        "video" => "video",
        "screenshare" => "screen share",
        other => other,
    });
    let description = description.filter(|text| !text.trim().is_empty()).map(isolated);
    let said: Vec<_> = kind.map(str::to_owned).into_iter().chain(description).collect();
    if said.is_empty() {
        "Issue".to_owned()
    } else {
        format!("Issue: {}", said.join(", "))
    }
}

fn name_or(name: Option<&DisplayName>, note: &str) -> Cell {
    name.map_or_else(|| Cell::Note(note.to_owned()), |name| name.as_str().into())
}

fn columns<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).into()
}
