//! What goes wrong: rules that panic, processes that are killed, broken files, clients that do not behave.

mod aborted;
mod churn;
mod database;
mod database_locked;
mod drain;
mod full_disk;
mod garbage;
mod journal;
mod journal_file;
mod kill;
mod panic;
mod second_server;
mod slow;
mod stop;
mod tickets;
mod unfinished;
mod unread;
mod vanish;
mod withdrawn;

use std::{fmt::Debug, ops::Deref, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    databases::Kind,
    support::{meeting::Meeting, participant::Participant, server::Server},
};

/// How long a condition may take to come true; far beyond what a loaded machine needs.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks at a condition.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Rates that no test reaches: what is tested is not the limiter.
const UNLIMITED: [(&str, &str); 3] = [
    ("COLLOQUY_SIGNALING__COMMANDS_PER_SECOND", "1000000"),
    ("COLLOQUY_SIGNALING__COMMANDS_BURST", "1000000"),
    ("COLLOQUY_SIGNALING__COMMAND_BYTES_PER_SECOND", "1000000000"),
];

/// A server that lets its clients say as much as they can.
struct Unlimited(Server);

impl Unlimited {
    async fn start(kind: Kind) -> Self {
        Self::start_with(kind, &[]).await
    }

    async fn start_with(kind: Kind, more: &[(&str, &str)]) -> Self {
        let environment: Vec<_> = UNLIMITED.iter().chain(more).copied().collect();
        Self(Server::start_with(kind, &environment).await)
    }

    async fn finish(self) {
        self.0.finish().await;
    }
}

impl Deref for Unlimited {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

/// Looks until the condition holds; what `look` says otherwise is the reason of the failure.
async fn wait_until<E: Debug>(wanted: &str, mut look: impl AsyncFnMut() -> Result<(), E>) {
    let deadline = Instant::now() + DEADLINE;
    while let Err(reason) = look().await {
        assert!(
            Instant::now() < deadline,
            "{wanted}: not within {DEADLINE:?}: {reason:?}"
        );
        sleep(LOOK_INTERVAL).await;
    }
}

/// The command for a message to the whole room.
fn message(content: &str) -> Value {
    json!({"action": "send_message", "content": content, "scope": "global"})
}

/// The contents of messages, in their order.
fn contents(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["content"].as_str().expect("a content"))
        .collect()
}

/// The payloads of all messages to the room that a participant has received, in their order.
fn messages_seen(participant: &Participant) -> Vec<Value> {
    let frames = participant.everything_seen().iter();
    frames
        .filter(|frame| frame["namespace"] == "chat" && frame["payload"]["message"] == "message_sent")
        .map(|frame| frame["payload"].clone())
        .collect()
}

/// The room still works: somebody new joins, speaks and is heard.
async fn assert_works(meeting: &Meeting, listener: &mut Participant) {
    let mut newcomer = meeting.joined_guest("Newcomer").await;
    newcomer.say("still here?").await;
    listener.say("still here").await;
    while newcomer.expect("chat", "message_sent").await["content"] != "still here" {}
    newcomer.leave().await;
}
