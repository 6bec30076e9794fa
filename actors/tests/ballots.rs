//! Nothing that the server keeps says who voted for what in a secret vote: journals, snapshots, what is put aside, logs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test did not expect ends it"
)]

mod stage;

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use colloquy_actors::{
    ids::UserId,
    live::JournalMode,
    protocol::meeting::{Caller, Role},
};
use serde_json::{Value, json};
use stage::{Guest, Stage};
use uuid::Uuid;

const VOTERS: usize = 20;

/// What anybody could read at some moment.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seen {
    /// All files of a folder.
    fn look(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.look(&path);
            } else {
                // Another one may just have taken its place.
                self.write_all(&std::fs::read(path).unwrap_or_default()).unwrap();
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

fn option(number: usize) -> &'static str {
    ["yes", "no", "abstain"][number % 3]
}

fn vote(started: &Value, number: usize) -> Value {
    json!({"namespace": "legal_vote", "payload": {
        "action": "vote", "legal_vote_id": started["legal_vote_id"], "option": option(number),
        "token": started["token"],
    }})
}

async fn expect_voted(voter: &mut Guest, number: usize, started: &Value) {
    let told = voter.expect("voted").await;
    assert_eq!(
        (&told["response"], &told["vote_option"], &told["consumed_token"]),
        (&json!("success"), &json!(option(number)), &started["token"])
    );
}

/// The bytes of all journals.
fn journal_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    let logs = entries.map(|entry| entry.unwrap().path());
    logs.filter(|path| path.extension().is_some_and(|end| end == "log"))
        .map(|path| path.metadata().map_or(0, |log| log.len()))
        .sum()
}

/// Twenty people come in, and the first of them begins a vote; who they are, and what they hear of it.
async fn begin(stage: &Stage) -> (Vec<Guest>, Vec<Value>) {
    let mut voters = Vec::new();
    for number in 0..VOTERS {
        let user = Caller::User(UserId(Uuid::from_u128(1_000 + number as u128)));
        let role = if number == 0 { Role::Moderator } else { Role::User };
        voters.push(stage.enter_user(user, role, &format!("Voter {number}")).await);
    }
    let allowed: Vec<_> = voters.iter().map(|voter| voter.id.clone()).collect();
    let start = json!({"namespace": "legal_vote", "payload": {
        "action": "start", "kind": "pseudonymous", "name": "Chair", "allowed_participants": allowed,
        "enable_abstain": true, "auto_close": false, "create_pdf": false,
    }});
    voters[0].send(start).await;
    let mut started = Vec::new();
    for voter in &mut voters {
        started.push(voter.expect("started").await);
    }
    (voters, started)
}

/// Nothing of it names a token, or what somebody has voted for.
fn assert_says_nothing(kept: &str, started: &[Value]) {
    assert!(kept.contains("ballot"), "votes are in the journal");
    for told in started {
        let token = told["token"].as_str().unwrap();
        assert!(!kept.contains(token), "a token is kept");
    }
    let kept = kept.replace("enable_abstain\"", "");
    for word in [r#""option""#, "vote_option", "abstain\"", "CastVote"] {
        assert!(!kept.contains(word), "{word} is kept");
    }
}

/// What a vote adds to the journal does not depend on what it is for.
fn assert_as_long(lengths: &BTreeMap<&str, Vec<Option<u64>>>) {
    // Not where a snapshot has taken the place of the journal.
    let known = lengths.values().flatten().flatten();
    let known: Vec<_> = known.filter(|added| **added < 1_000).collect();
    let longest = known.iter().max().unwrap();
    // Numbers of sessions, inputs and times have their own lengths.
    assert!(
        known.iter().all(|added| *longest - *added < 40),
        "records have other lengths: {lengths:?}"
    );
}

/// The record has tokens, and no persons beside them.
fn assert_names_nobody(kept: &str, voters: &[Guest]) {
    for line in kept.lines().filter(|line| line.contains("voting_record")) {
        let record = line.split("voting_record").nth(1).unwrap_or_default();
        let record = record.split('}').next().unwrap_or_default();
        assert!(
            !voters.iter().any(|voter| record.contains(voter.id.as_str())),
            "{record}"
        );
    }
}

#[tokio::test]
async fn nothing_that_is_kept_links_a_person_to_an_option() {
    let folder = tempfile::tempdir().unwrap();
    let (mut seen, log) = (Seen::default(), Seen::default());
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish(),
    );
    let journal = folder.path().join("journal");
    let stage = Stage::start(JournalMode::Files {
        folder: journal.clone(),
        fsync: false,
        age_max: Duration::from_mins(10),
    })
    .await;
    let (mut voters, started) = begin(&stage).await;
    seen.look(folder.path());

    // One by one: what each adds to the journal is as long as what any other adds.
    let mut lengths = BTreeMap::new();
    for number in 0..VOTERS / 2 {
        let before = journal_bytes(&journal);
        voters[number].send(vote(&started[number], number)).await;
        expect_voted(&mut voters[number], number, &started[number]).await;
        let added = journal_bytes(&journal).checked_sub(before);
        lengths.entry(option(number)).or_insert_with(Vec::new).push(added);
        seen.look(folder.path());
        if number == 4 {
            // The room's shell dies, and finds its keys again.
            stage.live.kill_room(stage.room);
        }
    }
    assert_as_long(&lengths);
    // In one batch.
    for number in VOTERS / 2..VOTERS {
        voters[number].send(vote(&started[number], number)).await;
    }
    for number in VOTERS / 2..VOTERS {
        expect_voted(&mut voters[number], number, &started[number]).await;
        seen.look(folder.path());
    }
    let kept = seen.text() + &log.text();
    assert_says_nothing(&kept, &started);

    let stop = json!({"namespace": "legal_vote", "payload": {
        "action": "stop", "legal_vote_id": started[0]["legal_vote_id"],
    }});
    voters[0].send(stop).await;
    let stopped = voters[VOTERS - 1].expect("stopped").await;
    assert_eq!(
        (&stopped["yes"], &stopped["no"], &stopped["abstain"]),
        (&json!(7), &json!(7), &json!(6))
    );
    for (number, told) in started.iter().enumerate() {
        let token = told["token"].as_str().unwrap();
        assert_eq!(stopped["voting_record"][token], option(number));
    }
    stage.stop().await;
    seen.look(folder.path());
    assert_names_nobody(&seen.text(), &voters);
}
