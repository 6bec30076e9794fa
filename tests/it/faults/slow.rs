//! A client that does not read delays nobody, and costs a bounded amount of memory.

use serde_json::{Value, json};

use super::{Unlimited, contents, message, messages_seen};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, participant::Participant},
};

/// The largest content that is not cut.
const CONTENT_BYTES: usize = 4_096;
const SENDERS: usize = 8;
/// Together 12.6 MB: the queue of a session holds 8 MiB, its socket a little more.
const MESSAGES_EACH: usize = 375;
/// Together 4 MB: more than a socket takes, less than the queue holds.
const MESSAGES_BELOW_THE_QUEUE: usize = 1_000;
/// Messages that each sender has on their way at the same time.
const IN_FLIGHT: usize = 16;
/// Memory for one queue, the history of the room with a snapshot of it, and what the senders have on their way; twice that, as a
/// busy machine lets all of them wait at once.
const GROWTH_BYTES_MAX: u64 = 192 * 1024 * 1024;

/// A guest whose system takes nearly nothing beyond what the guest reads.
pub async fn joined_narrow(server: &Unlimited, meeting: &Meeting, name: &str) -> Participant {
    let ticket = meeting.ask_as_guest(None).await.expect(200);
    let mut narrow = Participant::connect_narrow(&server.address(), &ticket).await;
    narrow.join(name).await;
    narrow
}

/// Sends many large messages and reads everything that comes.
pub async fn produce(mut person: Participant, count: usize, all: usize) -> Participant {
    let (mut sent, mut back, mut received) = (0, 0, 0);
    while received < all {
        while sent < count && sent < back + IN_FLIGHT {
            let mut content = format!("{} {sent} ", person.id);
            content.extend(std::iter::repeat_n('x', CONTENT_BYTES - content.len()));
            person.send("chat", message(&content)).await;
            sent += 1;
        }
        let sent_by = person.expect("chat", "message_sent").await["source"].clone();
        received += 1;
        back += usize::from(sent_by == *person.id);
    }
    person
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_and_can_resume() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut slow = joined_narrow(&server, &meeting, "Slow").await;
    let mut senders = Vec::new();
    for index in 0..SENDERS {
        senders.push(meeting.joined_guest(&format!("Sender {index}")).await);
    }
    let resident = server.resident_bytes();
    let all = SENDERS * MESSAGES_EACH;
    let producing = senders
        .into_iter()
        .map(|sender| tokio::spawn(produce(sender, MESSAGES_EACH, all)));
    let producing: Vec<_> = producing.collect();
    let mut senders = Vec::new();
    for sender in producing {
        senders.push(sender.await.expect("a sender"));
    }
    let grown = server.resident_bytes().saturating_sub(resident);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");

    assert_same_and_complete(&senders, all);
    // It is cut by now, whatever it reads in the end; everybody else has not noticed.
    let code = slow.close_code().await;
    assert!(matches!(code, None | Some(1013)), "{code:?}");
    let received = messages_seen(&slow).len();
    assert!(received < all, "{received} of {all} messages came before the cut");

    let mut again = meeting.returning_guest(&slow.resumption).await;
    let joined = again.join("Slow").await;
    assert_eq!(again.id, slow.id);
    let newest = &messages_seen(&senders[0])[all - 1]["id"];
    let history = joined["chat"]["room_history"]["messages"]
        .as_array()
        .expect("messages");
    assert_eq!(&history[history.len() - 1]["id"], newest);
    for sender in &mut senders {
        sender.expect_silence().await;
    }
    server.finish().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_before_its_queue_is_full() {
    let no_grace = ("COLLOQUY_SIGNALING__RECONNECT_GRACE_SECS", "0");
    let server = Unlimited::start_with(Kind::Sqlite, &[no_grace]).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let alice = meeting.joined_owner().await;
    let slow = joined_narrow(&server, &meeting, "Slow").await;
    let mut alice = produce(alice, MESSAGES_BELOW_THE_QUEUE, MESSAGES_BELOW_THE_QUEUE).await;
    let told = json!({"message": "left", "id": slow.id, "reason": "timeout"});
    // Each frame has a deadline that is shorter than the time after which missing pongs end a connection.
    while !alice
        .everything_seen()
        .iter()
        .any(|frame| frame["payload"] == told)
    {
        alice.try_next().await.expect("a frame");
    }
    let mut again = meeting.returning_guest(&slow.resumption).await;
    again.join("Slow").await;
    assert_eq!(again.id, slow.id);
    server.finish().await;
}

fn assert_same_and_complete(senders: &[Participant], all: usize) {
    let seen: Vec<_> = senders.iter().map(messages_seen).collect();
    for (sender, messages) in senders.iter().zip(&seen) {
        assert!(*messages == seen[0], "everybody reads the same in the same order");
        let own: Vec<Value> = messages
            .iter()
            .filter(|message| message["source"] == *sender.id)
            .cloned()
            .collect();
        let numbers: Vec<Option<usize>> = contents(&own)
            .iter()
            .map(|content| content.split(' ').nth(1)?.parse().ok())
            .collect();
        assert_eq!(numbers, (0..MESSAGES_EACH).map(Some).collect::<Vec<_>>());
    }
    assert_eq!(seen[0].len(), all);
}
