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
    /// Whoever has the invite link.
    pub anyone: Rest,
    /// The owner.
    pub alice: Rest,
    pub room: String,
    pub invite_code: String,
}

impl Meeting {
    /// Creates the room with these settings, `{}` for the defaults.
    pub async fn create(server: &Server, settings: Value) -> Self {
        let anyone = server.anonymous();
        let alice = anyone.log_in("alice").await;
        let room = alice.post("/v1/rooms", settings).await.expect(201);
        let room = room["id"].as_str().expect("an id").to_owned();
        let invite = alice
            .post(&format!("/v1/rooms/{room}/invites"), json!({}))
            .await
            .expect(201);
        Self {
            address: server.address(),
            anyone,
            alice,
            room,
            invite_code: invite["invite_code"].as_str().expect("a code").to_owned(),
        }
    }

    /// The same meeting, by another node.
    pub fn at(&self, node: &Server) -> Self {
        let base = format!("http://{}", node.address());
        Self {
            address: node.address(),
            anyone: self.anyone.at(&base),
            alice: self.alice.at(&base),
            room: self.room.clone(),
            invite_code: self.invite_code.clone(),
        }
    }

    /// The meeting of an event of alice's that was made with this body, and the event.
    pub async fn of_event(server: &Server, body: Value) -> (Self, Value) {
        let anyone = server.anonymous();
        let alice = anyone.log_in("alice").await;
        let event = alice.post("/v1/events", body).await.expect(201);
        let room = event["room"]["id"].as_str().expect("an id").to_owned();
        let invite = alice
            .post(&format!("/v1/rooms/{room}/invites"), json!({}))
            .await
            .expect(201);
        let meeting = Self {
            address: server.address(),
            anyone,
            alice,
            room,
            invite_code: invite["invite_code"].as_str().expect("a code").to_owned(),
        };
        (meeting, event)
    }

    /// A path below the room's.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/rooms/{}{rest}", self.room)
    }

    /// Alice's connection, not yet joined.
    pub async fn owner(&self) -> Participant {
        self.connect(&self.started(json!({})).await.expect(200)).await
    }

    /// A guest's connection, not yet joined.
    pub async fn guest(&self) -> Participant {
        self.guest_with(json!({})).await
    }

    /// A guest's connection, not yet joined; `start_invited` got these fields beside the code.
    pub async fn guest_with(&self, more: Value) -> Participant {
        self.connect(&self.invited(more).await.expect(200)).await
    }

    /// The answer to `start_invited` with these fields beside the code.
    pub async fn invited(&self, more: Value) -> Answer {
        let mut body = json!({"invite_code": self.invite_code});
        let fields = body.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("fields").clone());
        self.anyone.post(&self.path("/start_invited"), body).await
    }

    /// A guest by the link who shows an access token; the ticket.
    pub async fn invited_as(&self, who: &Rest) -> Value {
        let body = json!({"invite_code": self.invite_code});
        who.post(&self.path("/start_invited"), body).await.expect(200)
    }

    /// The answer to alice's `start`.
    pub async fn started(&self, body: Value) -> Answer {
        self.started_by(&self.alice, body).await
    }

    /// The answer to a user's `start`.
    pub async fn started_by(&self, who: &Rest, body: Value) -> Answer {
        who.post(&self.path("/start"), body).await
    }

    /// Redeems a ticket; not yet joined.
    pub async fn connect(&self, ticket: &Value) -> Participant {
        Participant::connect(&self.address, ticket).await
    }

    /// A guest under this name in the waiting room; a moderator, who hears of it, tells the id.
    pub async fn waiting_guest(&self, name: &str, moderator: &mut Participant) -> Participant {
        let mut guest = self.guest().await;
        guest.wait_outside(name, moderator).await;
        guest
    }

    /// Path of the invite.
    pub fn invite_path(&self) -> String {
        self.path(&format!("/invites/{}", self.invite_code))
    }

    /// The owner lets the invite end at this time; null: never.
    pub async fn let_invite_expire(&self, expiration: Value) {
        let body = json!({"expiration": expiration});
        self.alice.put(&self.invite_path(), body).await.expect(200);
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

    /// Alice, and guests under these names, all joined; they know of each other and have nothing left to read.
    pub async fn gather<const N: usize>(&self, names: [&str; N]) -> (Participant, [Participant; N]) {
        let mut alice = self.joined_owner().await;
        let mut guests = Vec::new();
        for name in names {
            guests.push(self.joined_guest(name).await);
        }
        alice.events_so_far().await;
        for guest in &mut guests {
            guest.events_so_far().await;
        }
        (alice, guests.try_into().ok().expect("as many as names"))
    }

    /// A guest that comes back with its resumption token, not yet joined.
    pub async fn returning_guest(&self, resumption: &str) -> Participant {
        self.guest_with(json!({"resumption": resumption})).await
    }

    /// Alice's connection with her resumption token, not yet joined.
    pub async fn returning_owner(&self, resumption: &str) -> Participant {
        let ticket = self.started(json!({"resumption": resumption})).await.expect(200);
        self.connect(&ticket).await
    }

    /// A guest's connection with its token, into this breakout room or, with null, into the main room; not yet joined.
    pub async fn moving_guest(&self, resumption: &str, breakout_room: &Value) -> Participant {
        let more = json!({"resumption": resumption, "breakout_room": breakout_room});
        self.guest_with(more).await
    }

    /// Alice's connection with her token, into this breakout room or, with null, into the main room; not yet joined.
    pub async fn moving_owner(&self, resumption: &str, breakout_room: &Value) -> Participant {
        let body = json!({"resumption": resumption, "breakout_room": breakout_room});
        self.connect(&self.started(body).await.expect(200)).await
    }

    /// A guest's connection with its token, of a client that has seen everything up to this number; not yet joined.
    pub async fn resuming_guest(&self, resumption: &str, seq: u64) -> Participant {
        let ticket = self.ask_as_guest(Some(resumption)).await.expect(200);
        Participant::connect_from(&self.address, &ticket, seq).await
    }

    /// The answer to a guest's `start_invited`.
    pub async fn ask_as_guest(&self, resumption: Option<&str>) -> Answer {
        self.invited(json!({"resumption": resumption})).await
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
}
