//! Meeting notes at Etherpad: its client, and meetings that take notes.

mod client;
mod links;
mod meetings;
mod secrets;

use serde_json::{Value, json};

use crate::{
    databases::Kind,
    support::{etherpad::FakeEtherpad, participant::Participant, server::Server},
};

/// A server beside an Etherpad.
struct World {
    server: Server,
    etherpad: FakeEtherpad,
}

impl World {
    async fn start(kind: Kind) -> Self {
        Self::start_with(kind, &[]).await
    }

    async fn start_with(kind: Kind, more: &[(&str, &str)]) -> Self {
        let etherpad = FakeEtherpad::start().await;
        let of_pads = etherpad.environment();
        let mut environment: Vec<_> = of_pads.iter().map(|(name, value)| (*name, &**value)).collect();
        environment.push(("COLLOQUY_ROOMS__GRACE_SECS", "1"));
        environment.extend(more);
        Self {
            server: Server::start_with(kind, &environment).await,
            etherpad,
        }
    }

    async fn finish(self) {
        self.server.finish_without_orphans().await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&FakeEtherpad) -> bool) {
        let waiting = async {
            while !holds(&self.etherpad) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await;
        assert!(waited.is_ok(), "{what}: {:?}", self.etherpad.world());
    }

    /// Neither pad nor group nor session is left at Etherpad.
    async fn nothing_is_left(&self) {
        self.until("something is left", |etherpad| {
            let world = etherpad.world();
            world.pads.is_empty() && world.groups.is_empty() && world.sessions.is_empty()
        })
        .await;
    }
}

async fn select(who: &mut Participant, action: &str, ids: &[&str]) {
    who.send("meeting_notes", json!({"action": action, "participant_ids": ids}))
        .await;
}

async fn expect_error(who: &mut Participant, error: &str) {
    let told = who.expect("meeting_notes", "error").await;
    assert_eq!(told, json!({"message": "error", "error": error}));
}

async fn url(who: &mut Participant, message: &str) -> Value {
    who.expect("meeting_notes", message).await["url"].clone()
}
