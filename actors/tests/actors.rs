//! The actors around the room, in one process: sessions over in-memory sockets, virtual time, and actors that die.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test did not expect ends it"
)]

mod stage;

use std::time::{Duration, Instant};

use colloquy_actors::{
    ids::{InviteCode, RoomId, UserId},
    journal::slow,
    live::{JournalMode, StartError},
    protocol::meeting::GuestAccess,
    room::{faults, input::Notice},
};
use serde_json::json;
use stage::{Guest, Stage, until};
use tokio::io::AsyncReadExt as _;
use uuid::Uuid;

fn files(folder: &tempfile::TempDir) -> JournalMode {
    JournalMode::Files {
        folder: folder.path().join("journal"),
        fsync: false,
        age_max: Duration::from_mins(10),
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_ends_when_its_last_token_has_expired() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::start(files(&folder)).await;
    let mut alice = stage.enter("Alice", None).await;
    assert_eq!(stage::journals(&folder), 1);
    alice.close().await;
    until("the room ends", async || stage.rooms().await == 0).await;
    assert_eq!(stage::journals(&folder), 0, "its journal goes with it");
    let elapsed = stage.elapsed();
    assert!(
        (Duration::from_mins(2)..Duration::from_secs(190)).contains(&elapsed),
        "{elapsed:?}"
    );
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_whose_end_made_a_rule_panic_leaves_no_ghost() {
    let stage = Stage::start(JournalMode::Memory).await;
    let mut alice = stage.enter("Alice", None).await;
    let bob = stage.enter("Bob", None).await;
    faults::panic_at_next_end(stage.room);
    let id = bob.id.clone();
    drop(bob);
    let left = alice.expect("left").await;
    assert_eq!((&left["id"], &left["reason"]), (&json!(id), &json!("timeout")));
    // The next turn of the sweep, and the time for which whoever is lost stays listed.
    let elapsed = stage.elapsed();
    assert!(elapsed < Duration::from_secs(90), "{elapsed:?}");
    alice.close().await;
    until("the room ends", async || stage.rooms().await == 0).await;
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_room_gets_names_of_callers_not_numbers() {
    let stage = Stage::start(JournalMode::Memory).await;
    let caller = stage.call_in("030 1").await;
    assert_eq!(caller.join_success["display_name"], "Caller 030 1");
    // Everybody else is called as asked for.
    let guest = stage.enter("030 2", None).await;
    assert_eq!(guest.join_success["display_name"], "030 2");
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_that_nobody_entered_ends_too() {
    let stage = Stage::start(JournalMode::Memory).await;
    stage.issue(None).await.unwrap();
    until("the room ends", async || stage.rooms().await == 0).await;
    stage.stop().await;
}

/// Sockets stay open, and nothing is missed or comes twice.
#[tokio::test]
async fn the_death_of_a_rooms_actor_is_noticed_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::start(files(&folder)).await;
    let mut alice = stage.enter("Alice", None).await;
    let mut bob = stage.enter("Bob", None).await;
    for round in 0..2 {
        let said: Vec<_> = (0..20).map(|number| format!("{round} {number}")).collect();
        for (number, content) in said.iter().enumerate() {
            alice.say(content).await;
            if number == 10 {
                stage.live.kill_room(stage.room);
            }
        }
        for content in &said {
            for who in [&mut alice, &mut bob] {
                assert_eq!(who.expect("message_sent").await["content"], **content);
            }
        }
    }
    bob.close().await;
    assert_eq!(alice.expect("left").await["reason"], "quit");
    stage.stop().await;
}

/// The room hears how a socket ended while nobody carried it.
#[tokio::test]
async fn who_closes_while_the_rooms_actor_is_dead_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::start(files(&folder)).await;
    let mut alice = stage.enter("Alice", None).await;
    let mut bob = stage.enter("Bob", None).await;
    bob.say("the last").await;
    stage.live.kill_room(stage.room);
    bob.close().await;
    assert_eq!(alice.expect("message_sent").await["content"], "the last");
    assert_eq!(alice.expect("left").await["reason"], "quit");
    stage.stop().await;
}

/// Nothing is left of a room without a file.
#[tokio::test]
async fn the_death_of_a_rooms_actor_ends_a_meeting_that_lives_in_memory() {
    let stage = Stage::start(JournalMode::Memory).await;
    let mut alice = stage.enter("Alice", None).await;
    stage.live.kill_room(stage.room);
    assert_eq!(alice.closed().await, 1012);
    stage.enter("Alice", Some(alice.resumption)).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_ticket_outlives_the_rooms_actor_and_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = Stage::start(files(&folder)).await;
    let (one, other) = (first.issue(None).await.unwrap(), first.issue(None).await.unwrap());
    let used = one.ticket.clone();
    first.live.kill_room(first.room);
    first.join(one, "Alice").await;
    assert!(first.live.redeem(&used).await.is_err(), "it is good once");
    let room = first.room;
    first.stop().await;

    let second = Stage::revive(files(&folder), room, Ok(())).await;
    second.join(other, "Bob").await;
    assert!(second.live.redeem(&used).await.is_err());
    second.stop().await;
}

/// What a participant may say at once is not given anew with each session.
#[tokio::test]
async fn who_comes_back_has_no_new_burst() {
    const EACH: usize = 250;
    let stage = Stage::start(JournalMode::Memory).await;
    let mut alice = stage.enter("Alice", None).await;
    for _ in 0..2 {
        for _ in 0..EACH {
            alice.say("again").await;
        }
        for _ in 0..EACH {
            alice.expect("message_sent").await;
        }
        alice = stage.enter("Alice", Some(alice.resumption)).await;
    }
    for _ in 0..EACH {
        alice.say("and again").await;
    }
    alice.expect("rate_limit_exceeded").await;
    stage.stop().await;
}

/// What kills it may be in its journal.
#[tokio::test]
async fn a_room_whose_actor_dies_again_and_again_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::start(files(&folder)).await;
    let mut alice = stage.enter("Alice", None).await;
    for content in ["after the first", "after the second"] {
        stage.live.kill_room(stage.room);
        alice.say(content).await;
        assert_eq!(alice.expect("message_sent").await["content"], content);
    }
    stage.live.kill_room(stage.room);
    assert_eq!(alice.closed().await, 1012);
    let again = stage.enter("Alice", Some(alice.resumption)).await;
    assert_ne!(again.id, alice.id);
    stage.stop().await;
}

/// Eight rooms whose journals take 200 ms a write, and one beside them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rooms_on_a_slow_disk_make_no_other_one_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::start(files(&folder)).await;
    let mut talking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        stage.room = RoomId(Uuid::new_v4());
        let mut guest = stage.enter("Alice", None).await;
        let log = folder.path().join("journal").join(format!("{}.log", stage.room));
        slow::slow_down(log, Duration::from_millis(200));
        talking.spawn(async move {
            loop {
                guest.say("slow").await;
                guest.expect("message_sent").await;
            }
        });
    }
    stage.room = RoomId(Uuid::new_v4());
    let mut bob = stage.enter("Bob", None).await;
    let mut echoes = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let began = Instant::now();
        bob.say("quick").await;
        bob.expect("message_sent").await;
        echoes.push(began.elapsed());
    }
    echoes.sort();
    println!(
        "p50 {:?}, p90 {:?}, most {:?}",
        echoes[50], echoes[90], echoes[99]
    );
    // A guard: on a machine that does nothing else all but the first take less than 20 ms.
    assert!(echoes[90] < Duration::from_millis(100), "{echoes:?}");
    talking.shutdown().await;
    stage.stop().await;
}

/// What a receiver of 400 kbit/s takes at a time, and how often.
const SLOW_BYTES: usize = 5_000;
const SLOW_PAUSE: Duration = Duration::from_millis(100);

/// A room of 1,000, and one more whose connection takes 400 kbit/s: its `join_success` takes longer than a client may take nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_receiver_gets_into_a_large_room() {
    let stage = Stage::start(JournalMode::Memory).await;
    let mut speaker = stage.enter("speaker", None).await;
    let mut others = Vec::new();
    for number in 1..1_000 {
        let issued = stage.issue(None).await.unwrap();
        let ends = tokio::io::duplex(1024 * 1024);
        others.push(stage.begin_join(issued, &format!("guest {number}"), ends).await);
    }
    for _ in &others {
        speaker.expect("joined").await;
    }
    let (ours, wide) = tokio::io::duplex(64 * 1024 * 1024);
    let (narrow, theirs) = tokio::io::duplex(4 * 1024);
    let (mut from_server, mut to_server) = tokio::io::split(narrow);
    let (mut from_client, mut to_client) = tokio::io::split(wide);
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(SLOW_PAUSE).await;
            let mut some = (&mut from_server).take(SLOW_BYTES as u64);
            // Both ends live as long as the test.
            let _ = tokio::time::timeout(SLOW_PAUSE, tokio::io::copy(&mut some, &mut to_client)).await;
        }
    });
    let began = Instant::now();
    let issued = stage.issue(None).await.unwrap();
    let mut slow = stage.begin_join(issued, "slow", (ours, theirs)).await;
    let joining = async {
        let join_success = slow.expect_within("join_success", Duration::from_mins(2)).await;
        assert_eq!(join_success["participants"].as_array().unwrap().len(), 1_000);
    };
    let talking = async {
        loop {
            speaker.say("meanwhile").await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        () = joining => {}
        () = talking => {}
    }
    assert!(began.elapsed() > Duration::from_secs(5), "{:?}", began.elapsed());
    speaker.say("at last").await;
    loop {
        let said = slow.expect_within("message_sent", Duration::from_mins(1)).await;
        if said["content"] == "at last" {
            break;
        }
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_the_registry_is_noticed_by_nobody() {
    let stage = Stage::start(JournalMode::Memory).await;
    let mut alice = stage.enter("Alice", None).await;
    stage.live.kill_registry();
    let mut bob = Guest::none();
    until("the registry is back", async || {
        let Ok(issued) = stage.issue(None).await else {
            return false;
        };
        bob = stage.join(issued, "Bob").await;
        true
    })
    .await;
    bob.say("still here").await;
    assert_eq!(alice.expect("message_sent").await["content"], "still here");
    until("rooms are counted again", async || stage.rooms().await == 1).await;
    stage.stop().await;
}

#[tokio::test]
async fn while_the_database_can_not_say_a_room_is_not_revived() {
    let folder = tempfile::tempdir().unwrap();
    let first = Stage::start(files(&folder)).await;
    let alice = first.enter("Alice", None).await;
    let (room, id, token) = (first.room, alice.id.clone(), alice.resumption.clone());
    first.stop().await;

    let second = Stage::revive(files(&folder), room, Err(colloquy_actors::ports::Unavailable)).await;
    assert_eq!(
        second.issue(Some(token.clone())).await,
        Err(StartError::Unavailable)
    );
    second.directory(Ok(()));
    let again = second.enter("Alice", Some(token)).await;
    assert_eq!(again.id, id);
    second.stop().await;
}

/// Somebody restored a backup by hand: people must not come into another meeting.
#[tokio::test]
async fn a_journal_under_the_name_of_another_room_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let first = Stage::start(files(&folder)).await;
    let alice = first.enter("Alice", None).await;
    let token = alice.resumption.clone();
    first.stop().await;
    let other = RoomId(uuid::Uuid::new_v4());
    let file = |room: RoomId| folder.path().join("journal").join(format!("{room}.log"));
    std::fs::rename(file(first.room), file(other)).unwrap();

    let second = Stage::revive(files(&folder), other, Ok(())).await;
    // What begins there is another meeting.
    let again = second.enter("Alice", Some(token)).await;
    assert_ne!(again.id, alice.id);
    let aside = std::fs::read_dir(folder.path().join("journal/post-mortem")).unwrap();
    assert_eq!((aside.count(), stage::journals(&folder)), (1, 1));
    second.stop().await;
}

#[tokio::test]
async fn the_journal_of_a_room_that_is_gone_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let first = Stage::start(files(&folder)).await;
    first.enter("Alice", None).await;
    let room = first.room;
    first.stop().await;
    assert_eq!(stage::journals(&folder), 1);

    let second = Stage::revive(files(&folder), room, Ok(())).await;
    second.gone();
    until("the journal is deleted", async || stage::journals(&folder) == 0).await;
    second.stop().await;
}

#[tokio::test]
async fn a_deleted_room_is_refused_for_a_while() {
    let stage = Stage::start(JournalMode::Memory).await;
    let mut alice = stage.enter("Alice", None).await;
    stage.live.notify(stage.room, Notice::RoomDeleted);
    alice.expect("room_deleted").await;
    assert_eq!(alice.closed().await, 1000);
    until("the room has ended", async || stage.rooms().await == 0).await;
    assert_eq!(stage.issue(None).await, Err(StartError::Unavailable));
    stage.stop().await;
}

#[tokio::test]
async fn a_stop_closes_every_socket_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = Stage::start(files(&folder)).await;
    let mut alice = first.enter("Alice", None).await;
    alice.say("kept").await;
    alice.expect("message_sent").await;
    let (room, token) = (first.room, alice.resumption.clone());
    first.stop().await;
    assert_eq!(alice.closed().await, 1001);

    let second = Stage::revive(files(&folder), room, Ok(())).await;
    let again = second.enter("Alice", Some(token)).await;
    assert_eq!(again.id, alice.id);
    assert_eq!(
        again.join_success["chat"]["room_history"]["messages"][0]["content"],
        json!("kept")
    );
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_rooms_first_ticket_is_good_at_once() {
    // The first start meets a room without a meeting, which already thinks about its end.
    let mut stage = Stage::start(JournalMode::Memory).await;
    for _ in 0..2_000 {
        stage.room = RoomId(Uuid::new_v4());
        let issued = stage.issue(None).await.unwrap();
        stage.live.redeem(&issued.ticket).await.unwrap();
    }
    stage.stop().await;
}

#[tokio::test]
async fn who_lost_access_while_the_room_slept_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let first = Stage::start(files(&folder)).await;
    let alice = first.enter("Alice", None).await;
    let room = first.room;
    first.stop().await;

    // The server dies between commit and word to the room: nobody has told it.
    let second = Stage::revive(files(&folder), room, Err(colloquy_actors::ports::Unavailable)).await;
    second.withdrawn(InviteCode(Uuid::nil()));
    second.directory(Ok(()));
    let request = second.request(Some(alice.resumption.clone()));
    until("the room is revived", async || second.rooms().await == 1).await;
    assert!(!second.live.knows(&request).await);
    assert_eq!(
        second.live.issue(&request, None).await,
        Err(StartError::NeedsAdmission)
    );
    second.stop().await;
}

#[tokio::test]
async fn a_room_that_lives_asks_who_lost_access_without_a_word() {
    let stage = Stage::start(JournalMode::Memory).await;
    let alice = stage.enter("Alice", None).await;
    let request = stage.request(Some(alice.resumption.clone()));
    assert!(stage.live.look_for_missed().await && stage.live.knows(&request).await);
    stage.withdrawn(InviteCode(Uuid::nil()));
    assert!(stage.live.look_for_missed().await);
    until("the token is void", async || !stage.live.knows(&request).await).await;
    stage.stop().await;
}

#[tokio::test]
async fn nobody_comes_in_by_what_was_read_before_somebody_lost_access() {
    let stage = Stage::start(JournalMode::Memory).await;
    let notices: [fn(&Stage); 4] = [
        |stage| {
            let code = Notice::InviteWithdrawn(InviteCode(Uuid::nil()));
            stage.live.notify(stage.room, code);
        },
        |stage| {
            let access = Notice::GuestAccess(GuestAccess::Disabled);
            stage.live.notify(stage.room, access);
        },
        |stage| stage.live.user_disabled(UserId(Uuid::nil())),
        |stage| stage.live.user_withdrawn(UserId(Uuid::nil())),
    ];
    // A room that begins with the start, and one that lives.
    for _ in 0..2 {
        for notice in notices {
            let request = stage.request(None);
            notice(&stage);
            let answer = stage.issue_as(&request).await;
            assert_eq!(answer, Err(StartError::Outdated));
            let again = stage.request(None);
            stage.issue_as(&again).await.unwrap();
        }
    }
    stage.stop().await;
}
