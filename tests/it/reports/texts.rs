//! What stands in each report.

use std::num::NonZeroU32;

use colloquy_actors::{
    protocol::meeting::Role,
    report::{
        Attendance, RecordedVote, ReportContent, ReportZone, Trainee, Training, Vote, VoteCount, VoteEnd,
        VoteEntry, VoteEntryKind,
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{MARKUP, NAMES, at, attendance, attendee, event, made, report, text, user};
use crate::rest::api::Api;

on_both_databases!(Api:
    attendance_says_who_was_there,
    sessions_of_a_user_are_one,
    a_room_without_an_event_has_a_report_too,
    names_of_all_scripts_are_read_back,
    what_looks_like_markup_is_text,
    training_says_who_confirmed,
    votes_are_told,
    pseudonymous_votes_hide_names);

async fn attendance_says_who_was_there(api: &Api) {
    let alice = api.person("alice").await;
    let room = event(api, &alice, "Jour fixe", "Erste Zeile\n\nZweite <b>Zeile</b>").await;
    let mut moderator = attendee("Zora");
    moderator.role = Role::Moderator;
    let mut guest = attendee("Anton");
    guest.role = Role::Guest;
    guest.left = None;
    let mut late = attendee("berta");
    late.joined = at("2026-12-01T23:30:00.4Z");
    late.left = Some(at("2026-12-01T23:59:59.5Z"));
    let people = vec![guest, late, attendee("Čeněk"), attendee("Carla"), moderator];
    let (filename, pdf) = made(api, &alice, attendance(&room, people)).await;
    assert_eq!(filename, "Jour fixe_meeting_report_2026-12-01_11-00-00-UTC.pdf");
    let text = text(&pdf);
    let expected = [
        "Attendance Report",
        "Meeting Jour fixe",
        "Details Erste Zeile",
        "Zweite <b>Zeile</b>",
        "Start 2026-12-01 10:00",
        "End 2026-12-01 11:00",
        "Date 2026-12-01",
        "Report timezone Europe/Berlin",
        "Participants",
        "№ Name Role Joined Left",
        "1 Zora Moderator 10:00 11:30",
        "2 berta User 2026-12-02 00:30 2026-12-02 01:00",
        "3 Carla User 10:00 11:30",
        "4 Čeněk User 10:00 11:30",
        "5 Anton Guest 10:00 —",
        "Attendance Report Page 1 of 1",
    ];
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, expected.map(|line| line).to_vec(), "{text}");
    assert!(!text.contains('@'));
}

async fn sessions_of_a_user_are_one(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let room = event(api, &alice, "Jour fixe", "").await;
    let (alice_id, bob_id) = (user(api, &alice).await, user(api, &bob).await);
    let session = |name, user, joined, left: Option<&str>| {
        let mut session = attendee(name);
        session.user = Some(user);
        session.joined = at(joined);
        session.left = left.map(at);
        session
    };
    let people = vec![
        session(
            "Alice B",
            alice_id,
            "2026-12-01T09:20:00Z",
            Some("2026-12-01T09:30:00Z"),
        ),
        session(
            "Alice A",
            alice_id,
            "2026-12-01T09:00:00Z",
            Some("2026-12-01T10:00:00Z"),
        ),
        session(
            "Bob",
            bob_id,
            "2026-12-01T09:00:00Z",
            Some("2026-12-01T10:00:00Z"),
        ),
        session("Bob", bob_id, "2026-12-01T09:05:00Z", None),
        attendee("Guest"),
    ];
    let content = ReportContent::Attendance(Attendance {
        with_addresses: true,
        participants: people,
    });
    let (_, pdf) = made(api, &alice, report(&room, content)).await;
    let text = text(&pdf);
    for line in [
        "№ Name Role E-mail Joined Left",
        "1 Alice B User alice@example.org 10:00 11:00",
        "2 Bob User bob@example.org 10:00 —",
        "3 Guest User — 10:00 11:30",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    assert!(!text.contains("Alice A") && !text.contains("Details"));
}

async fn a_room_without_an_event_has_a_report_too(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let (filename, pdf) = made(api, &alice, attendance(&room, Vec::new())).await;
    assert_eq!(filename, "meeting_report_2026-12-01_11-00-00-UTC.pdf");
    let text = text(&pdf);
    assert!(text.contains("Report timezone UTC") && !text.contains("Meeting"));
    let named = super::Report {
        zone: ReportZone::Named("Asia/Tokyo".to_owned()),
        ..attendance(&room, vec![attendee("A")])
    };
    let (_, pdf) = made(api, &alice, named).await;
    assert!(super::text(&pdf).contains("1 A User 18:00 19:30"));
}

async fn names_of_all_scripts_are_read_back(api: &Api) {
    let alice = api.person("alice").await;
    for (at, name) in NAMES.iter().enumerate() {
        // Also as the title of the event, and so in the name of the file.
        let room = event(api, &alice, name, name).await;
        let people = NAMES.iter().map(|name| attendee(name)).collect();
        let (filename, pdf) = made(api, &alice, attendance(&room, people)).await;
        assert!(
            filename.starts_with(&format!("{name}_meeting_report_")),
            "{filename}"
        );
        let text = text(&pdf);
        assert!(text.contains(&format!("Meeting {name}")), "{name}: {text}");
        assert!(!text.contains('\u{fffd}'), "{text}");
        if at == 0 {
            for name in NAMES {
                assert!(text.contains(&format!(" {name} User 10:00")), "{name}: {text}");
            }
        }
    }
}

async fn what_looks_like_markup_is_text(api: &Api) {
    let alice = api.person("alice").await;
    let room = event(
        api,
        &alice,
        "</w:t> #set page(height: 1pt)",
        "\u{202e}abc\n<i> \u{1b}[31m",
    )
    .await;
    let people = MARKUP.iter().map(|name| attendee(name)).collect();
    let (_, pdf) = made(api, &alice, attendance(&room, people)).await;
    let text = text(&pdf);
    for name in MARKUP {
        assert!(
            text.contains(&format!(" {name} User 10:00 11:30")),
            "{name}: {text}"
        );
    }
    assert!(text.contains("Meeting </w:t> #set page(height: 1pt)"), "{text}");
    // What turns a line around ends with it.
    assert!(
        text.contains("\n<i> \u{fffd}[31m\nStart 2026-12-01 10:00\n"),
        "{text}"
    );
}

async fn training_says_who_confirmed(api: &Api) {
    let alice = api.person("alice").await;
    let room = event(api, &alice, "Fire safety", "").await;
    let minute =
        |minute: i64| at("2026-12-01T21:00:00Z").plus_secs(u64::try_from(minute * 60).expect("a time"));
    let trainee = |name: Option<&str>, confirmed: &[u32]| Trainee {
        name: name.map(|name| name.to_owned().into()),
        confirmed: confirmed
            .iter()
            .map(|at| (*at, minute(i64::from(*at) * 20 + 1)))
            .collect(),
    };
    let training = Training {
        begin: minute(0),
        end: minute(240),
        checkpoints: (0..10).map(|at| minute(at * 20)).collect(),
        trainees: vec![
            trainee(None, &[]),
            trainee(Some("Bob"), &[0, 2, 9]),
            trainee(Some("Unknown"), &[7]),
            trainee(Some("Ada"), &[]),
        ],
    };
    let (filename, pdf) = made(api, &alice, report(&room, ReportContent::Training(training))).await;
    assert_eq!(
        filename,
        "Fire safety_training_participation_report_2026-12-01_11-00-00-UTC.pdf"
    );
    let text = text(&pdf);
    for line in [
        "Training participation report",
        "Meeting Fire safety",
        "Description —",
        "Report timezone Europe/Berlin",
        "Training start 2026-12-01 22:00",
        "Training end 2026-12-02 02:00",
        "Participation checkpoints 1 to 8",
        "1 Ada — — — — — — — —",
        "2 Bob 22:01 — 22:41 — — — — —",
        "3 Unknown — — — — — — — 00:21",
        "4 Unknown — — — — — — — —",
        "Participation checkpoints 9 to 10",
        "№ Participant 00:40 01:00",
        "2 Bob — 01:01",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    // The day changes within the first table.
    assert!(text.contains("2026-12-02"));
}

fn vote(kind: &str) -> Vote {
    Vote {
        id: Uuid::from_u128(7),
        title: "Budget <2027>".to_owned(),
        subtitle: None,
        topic: Some("Shall we?".to_owned()),
        kind: kind.to_owned(),
        leader: "לאה כהן".to_owned().into(),
        begin: at("2026-12-01T09:00:00.4Z"),
        end: at("2026-12-01T09:04:59.6Z"),
        votes_max: 3,
        duration_secs: Some(300),
        abstention: true,
        auto_close: false,
        ended: VoteEnd::By("محمد".to_owned().into()),
        results: Some(VoteCount {
            yes: 2,
            no: 0,
            abstain: Some(1),
        }),
        votes: Vec::new(),
        events: Vec::new(),
        left_out: None,
    }
}

/// What happened while a vote ran.
fn entries() -> Vec<VoteEntry> {
    let entry = |name: Option<&str>, what| VoteEntry {
        name: name.map(|name| name.to_owned().into()),
        at: at("2026-12-01T09:02:00Z"),
        what,
    };
    let issue = |kind: Option<&str>, description: Option<&str>| VoteEntryKind::Issue {
        kind: kind.map(str::to_owned),
        description: description.map(str::to_owned),
    };
    vec![
        entry(Some("Bob"), VoteEntryKind::Left),
        entry(Some("Bob"), VoteEntryKind::Joined),
        entry(Some("Bob"), issue(Some("screenshare"), Some("no picture"))),
        entry(None, issue(None, Some("too quiet"))),
    ]
}

async fn votes_are_told(api: &Api) {
    let alice = api.person("alice").await;
    let room = event(api, &alice, "Board", "").await;
    let mut vote = vote("live_roll_call");
    vote.votes = vec![RecordedVote {
        name: Some("Дмитрий".to_owned().into()),
        token: "1aGHk3L9xYz".to_owned(),
        option: "abstain".to_owned(),
        at: Some(at("2026-12-01T09:01:00Z")),
    }];
    vote.events = entries();
    vote.left_out = NonZeroU32::new(4_100);
    let (filename, pdf) = made(api, &alice, report(&room, ReportContent::Vote(Box::new(vote)))).await;
    assert_eq!(filename, "Board_vote_protocol_2026-12-01_11-00-00-UTC.pdf");
    let text = text(&pdf);
    for line in [
        "Colloquy Vote Report",
        "Title Budget <2027>",
        "Topic Shall we?",
        "Kind Live roll call",
        "Referendum leader לאה כהן",
        "Vote id 00000000-0000-0000-0000-000000000007",
        "Start 2026-12-01 10:00:00",
        "End 2026-12-01 10:05:00",
        "Report timezone Europe/Berlin",
        "Participant count 3",
        "Scheduled duration 300 s",
        "Abstention Yes",
        "Automatic close No",
        "Number of votes 1",
        "Results",
        "Yes 2",
        "No 0",
        "Abstain 1",
        "Дмитрий 1aGHk3L9xYz Abstain 2026-12-01 10:01:00",
        "Event log",
        "Bob 2026-12-01 10:02:00 Left",
        "Bob 2026-12-01 10:02:00 Joined",
        "Bob 2026-12-01 10:02:00 Issue: screen share, no picture",
        "Anonymous 2026-12-01 10:02:00 Issue: too quiet",
        "— — Further entries left out: 4100",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    // `pdftotext` counts the space after it to what runs to the left.
    let ended = text.lines().find(|line| line.starts_with("Vote ended due to "));
    assert!(
        ended.is_some_and(|line| line.contains("محمد") && line.ends_with("ended it")),
        "{text}"
    );
    assert!(!text.contains("Subtitle"));
}

async fn pseudonymous_votes_hide_names(api: &Api) {
    let alice = api.person("alice").await;
    let room = event(api, &alice, "Board", "").await;
    let mut vote = vote("pseudonymous");
    vote.duration_secs = None;
    vote.results = None;
    vote.ended = VoteEnd::Cancelled("<nobody> came".to_owned());
    vote.votes = vec![RecordedVote {
        name: None,
        token: "1aGHk3L9xYz".to_owned(),
        option: "yes".to_owned(),
        at: None,
    }];
    let (_, pdf) = made(api, &alice, report(&room, ReportContent::Vote(Box::new(vote)))).await;
    let text = text(&pdf);
    for line in [
        "Kind Pseudonymous",
        "Scheduled duration Unlimited",
        "Vote ended due to Aborted: <nobody> came",
        "Hidden 1aGHk3L9xYz Yes —",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    assert!(!text.contains("Results") && text.contains("Event log"));
}
