//! A room with people in it.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{
    participant::Participant,
    rest::{Answer, Rest},
    server::Server,
};

/// A room of alice's with an invite link.
pub struct Meeting {
    address: String,
    anonymous: Rest,
    /// The owner.
    pub alice: Rest,
    pub room: String,
    pub invite_code: String,
}

impl Meeting {
    /// Creates the room with these settings, `{}` for the defaults.
    pub async fn create(server: &Server, settings: Value) -> Self {
        let anonymous = server.anonymous();
        let alice = anonymous.log_in("alice").await;
        let room = alice.post("/v1/rooms", settings).await.expect(201);
        let room = room["id"].as_str().expect("an id").to_owned();
        let invite = alice
            .post(&format!("/v1/rooms/{room}/invites"), json!({}))
            .await
            .expect(201);
        Self {
            address: server.address(),
            anonymous,
            alice,
            room,
            invite_code: invite["invite_code"].as_str().expect("a code").to_owned(),
        }
    }

    /// A path below the room's.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/rooms/{}{rest}", self.room)
    }

    /// Alice's connection, not yet joined.
    pub async fn owner(&self) -> Participant {
        self.start(&self.alice, "/start", json!({})).await
    }

    /// A guest's connection, not yet joined.
    pub async fn guest(&self) -> Participant {
        let body = json!({"invite_code": self.invite_code});
        self.start(&self.anonymous, "/start_invited", body).await
    }

    /// Alice, joined.
    pub async fn joined_owner(&self) -> Participant {
        let mut alice = self.owner().await;
        alice.join("Alice").await;
        alice
    }

    /// A guest under this name, joined.
    pub async fn joined_guest(&self, name: &str) -> Participant {
        let mut guest = self.guest().await;
        guest.join(name).await;
        guest
    }

    /// A guest that comes back with its resumption token, not yet joined.
    pub async fn returning_guest(&self, resumption: &str) -> Participant {
        let body = json!({"invite_code": self.invite_code, "resumption": resumption});
        self.start(&self.anonymous, "/start_invited", body).await
    }

    /// Alice's connection with her resumption token, not yet joined.
    pub async fn returning_owner(&self, resumption: &str) -> Participant {
        self.start(&self.alice, "/start", json!({"resumption": resumption}))
            .await
    }

    /// The answer to a guest's `start_invited`.
    pub async fn ask_as_guest(&self, resumption: Option<&str>) -> Answer {
        let body = json!({"invite_code": self.invite_code, "resumption": resumption});
        self.anonymous.post(&self.path("/start_invited"), body).await
    }

    /// Every message to the whole room that the meeting still knows, oldest first, as `who` gets it in chunks.
    pub async fn history(&self, who: &mut Participant, joined: &Value) -> Vec<Value> {
        let mut chunk = joined["chat"]["room_history"].clone();
        let mut messages = VecDeque::new();
        loop {
            for message in chunk["messages"].as_array().expect("messages").iter().rev() {
                messages.push_front(message.clone());
            }
            let Some(next) = chunk["next_index"].as_u64() else {
                return messages.into();
            };
            who.send(
                "chat",
                json!({"action": "get_history_chunk", "message_index": next, "scope": "global"}),
            )
            .await;
            chunk = who.expect("chat", "room_chat_history_chunk").await["history"].clone();
        }
    }

    async fn start(&self, who: &Rest, path: &str, body: Value) -> Participant {
        let ticket = who.post(&self.path(path), body).await.expect(200);
        Participant::connect(&self.address, &ticket).await
    }
}
