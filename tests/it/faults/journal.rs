//! Journals that are broken, old, foreign or not wanted: the server starts, and the room begins with what is whole.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use serde_json::json;

use super::{Unlimited, assert_works, contents, journal_file::JournalFile};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, server::Server},
};

on_both_databases!(Unlimited: the_journal_of_a_room_that_was_deleted_meanwhile_is_deleted);

/// Messages in each room before its journal is damaged.
const MESSAGES: usize = 6;
/// Where the damage is done, counted from 0: what was said before is whole.
const DAMAGED: usize = 3;

/// What is left of a room, and what the log says of it.
struct Left {
    messages: usize,
    logged: &'static str,
}

const CUT: &str = "broken tail of a journal was cut off";
const ASIDE: &str = "journal is not usable and is put aside";

/// Breaks a journal and says what must be left.
type Damage = fn(&mut JournalFile) -> Left;

/// Ways to break a journal.
const DAMAGES: [(&str, Damage); 15] = [
    ("cut in the first line", |file| cut(file, 10, nothing_left())),
    ("cut after the first line", |file| {
        cut(file, file.records[0].start, nothing_left())
    }),
    ("cut in the snapshot", |file| {
        cut(file, file.records[0].end - 1, nothing_left())
    }),
    ("cut in a record's length", |file| {
        cut(file, said(file).start + 2, left())
    }),
    ("cut in a record's checksum", |file| {
        cut(file, said(file).start + 6, left())
    }),
    ("cut in a record", |file| cut(file, said(file).end - 1, left())),
    ("a flipped bit in a record", |file| {
        flip(file, said(file).end - 5, left())
    }),
    ("a flipped bit in a length", |file| {
        flip(file, said(file).start, left())
    }),
    ("a flipped bit in a checksum", |file| {
        flip(file, said(file).start + 5, left())
    }),
    ("a flipped bit in the snapshot", |file| {
        flip(file, file.records[0].end - 5, nothing_left())
    }),
    ("a huge length", |file| {
        let start = said(file).start;
        file.bytes[start..start + 4].fill(0xff);
        left()
    }),
    ("a huge snapshot", |file| {
        let start = file.records[0].start;
        file.bytes[start..start + 4].fill(0xff);
        nothing_left()
    }),
    ("garbage at the end", |file| {
        file.bytes.extend(std::iter::repeat_n(0xa5, 1_000));
        Left {
            messages: MESSAGES,
            logged: CUT,
        }
    }),
    ("nothing but garbage", |file| {
        file.bytes = vec![0xa5; 10_000];
        nothing_left()
    }),
    ("an empty file", |file| cut(file, 0, nothing_left())),
];

fn left() -> Left {
    Left {
        messages: DAMAGED,
        logged: CUT,
    }
}

fn nothing_left() -> Left {
    Left {
        messages: 0,
        logged: ASIDE,
    }
}

/// The record of the message at which the damage is done.
fn said(file: &JournalFile) -> std::ops::Range<usize> {
    file.saying(&words(DAMAGED))
}

fn words(index: usize) -> String {
    format!("message {index}")
}

fn cut(file: &mut JournalFile, bytes: usize, left: Left) -> Left {
    file.bytes.truncate(bytes);
    left
}

fn flip(file: &mut JournalFile, byte: usize, left: Left) -> Left {
    file.bytes[byte] ^= 1;
    left
}

/// A room in which alice has said a few things.
async fn talked_in(server: &Server) -> Meeting {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    for index in 0..MESSAGES {
        alice.say(&words(index)).await;
    }
    meeting
}

/// The room's history as a newcomer gets it, and the room works.
async fn assert_history(meeting: &Meeting, messages: usize, case: &str) {
    let mut bob = meeting.guest().await;
    let joined = bob.join("Bob").await;
    let history = meeting.history(&mut bob, &joined).await;
    let expected: Vec<_> = (0..messages).map(words).collect();
    let kept = contents(&history);
    let kept: Vec<_> = kept
        .into_iter()
        .filter(|said| said.starts_with("message "))
        .collect();
    assert_eq!(kept, expected, "{case}");
    assert_works(meeting, &mut bob).await;
    bob.leave().await;
}

#[tokio::test]
async fn a_room_begins_with_what_is_whole_of_a_broken_journal() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let mut meetings = Vec::new();
    for (case, damage) in DAMAGES {
        meetings.push((case, damage, talked_in(&server).await));
    }
    let untouched = talked_in(&server).await;
    server.kill9();
    let mut broken = Vec::new();
    for (case, damage, meeting) in meetings {
        let mut file = JournalFile::read(&server, &meeting);
        let left = damage(&mut file);
        file.write();
        broken.push((case, left, meeting));
    }
    server.restart().await;
    assert_history(&untouched, MESSAGES, "untouched").await;
    for (case, left, meeting) in &broken {
        assert_history(meeting, left.messages, case).await;
        let log = server.log();
        let of_the_room = |line: &&str| line.contains(&meeting.room);
        let lines: Vec<_> = log.lines().filter(of_the_room).collect();
        let said = lines.iter().filter(|line| line.contains(left.logged)).count();
        assert_eq!(said, 1, "{case}: once {:?} in {lines:#?}", left.logged);
    }
    let logged = server.log().len();

    // The damage is healed: the next start finds whole journals.
    server.kill9();
    server.restart().await;
    for (case, left, meeting) in &broken {
        assert_history(meeting, left.messages, case).await;
    }
    let log = server.log();
    assert!(
        !log[logged..].contains(CUT) && !log[logged..].contains(ASIDE),
        "{}",
        &log[logged..]
    );
    server.finish().await;
}

#[tokio::test]
async fn inputs_are_not_replayed_by_other_rules() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let killed = talked_in(&server).await;
    server.terminate().await;
    // The orderly stop has left a snapshot of everything; what comes now are inputs.
    server.restart().await;
    let mut alice = killed.owner().await;
    alice.join("Alice").await;
    alice.say("not in the snapshot").await;
    server.kill9();
    let mut file = JournalFile::read(&server, &killed);
    let line_end = file.records[0].start - 1;
    file.bytes[line_end - 1] = if file.bytes[line_end - 1] == b'0' {
        b'1'
    } else {
        b'0'
    };
    file.write();
    server.restart().await;
    let mut bob = killed.guest().await;
    let joined = bob.join("Bob").await;
    let history = killed.history(&mut bob, &joined).await;
    let expected: Vec<_> = (0..MESSAGES).map(words).collect();
    assert_eq!(contents(&history), expected);
    let log = server.log();
    let says_so = |line: &str| line.contains(&killed.room) && line.contains("other_rules=true");
    assert!(log.lines().any(says_so));
    assert_works(&killed, &mut bob).await;
    server.finish().await;
}

async fn the_journal_of_a_room_that_was_deleted_meanwhile_is_deleted(server: &Unlimited) {
    let (deleted, kept) = (talked_in(server).await, talked_in(server).await);
    let journal = JournalFile::path(server, &deleted);
    let bytes = fs::read(&journal).expect("a journal");
    deleted.alice.delete(&deleted.path("")).await.expect(204);
    super::wait_until("the journal goes with its room", async || {
        if journal.exists() {
            Err("it is still there")
        } else {
            Ok(())
        }
    })
    .await;
    server.kill9();
    fs::write(&journal, bytes).expect("a journal");
    server.restart().await;
    super::wait_until("the journal of no room goes", async || {
        if journal.exists() {
            Err("it is still there")
        } else {
            Ok(())
        }
    })
    .await;
    deleted.ask_as_guest(None).await.expect_error(404, "not_found");
    assert_history(&kept, MESSAGES, "the other room").await;
}

#[tokio::test]
async fn old_journals_are_not_revived() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let (old, young) = (talked_in(&server).await, talked_in(&server).await);
    server.kill9();
    JournalFile::read(&server, &old).set_age(Duration::from_secs(601));
    JournalFile::read(&server, &young).set_age(Duration::from_secs(500));
    server.restart().await;
    assert!(!JournalFile::path(&server, &old).exists());
    assert_history(&old, 0, "old").await;
    assert_history(&young, MESSAGES, "young").await;
    server.finish().await;
}

#[tokio::test]
async fn without_journals_meetings_end_with_the_process() {
    let settings = [("COLLOQUY_ROOMS__JOURNAL", "memory")];
    let server = Unlimited::start_with(Kind::Sqlite, &settings).await;
    let meeting = talked_in(&server).await;
    let files = files_below(&server.data_dir());
    let of_the_room: Vec<_> = files.iter().filter(|path| path.contains(&meeting.room)).collect();
    assert_eq!(of_the_room, Vec::<&String>::new());
    assert!(!files.iter().any(|path| path.contains("journal/")), "{files:?}");
    assert_history(&meeting, MESSAGES, "while the process lives").await;
    server.kill9();
    server.restart().await;
    assert_history(&meeting, 0, "after its end").await;
    server.finish().await;
}

/// All files below a folder, as text.
fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path.to_string_lossy().into_owned());
        }
    }
    files
}

#[tokio::test]
async fn journals_are_private() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let meeting = talked_in(&server).await;
    let folder = server.data_dir().join("journal");
    let journal = JournalFile::path(&server, &meeting);
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&server.data_dir()), 0o700);
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&journal), 0o600);
    // A snapshot is a new file in the place of the old one.
    server.terminate().await;
    assert_eq!(mode(&journal), 0o600);
    server.restart().await;
    assert_history(&meeting, MESSAGES, "after the snapshot").await;
    server.finish().await;
}
