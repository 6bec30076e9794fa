//! `/v1/services/call_in`: callers by telephone.

mod names;
mod start;

use serde_json::{Value, json};

use crate::support::{
    meeting::Meeting,
    participant::Participant,
    rest::{Answer, Rest},
    server::Server,
};

const START: &str = "/v1/services/call_in/start";

/// A meeting with telephone access, and the gateway that lets callers in.
struct Telephone {
    meeting: Meeting,
    gateway: Rest,
    /// What callers type.
    id: String,
    pin: String,
}

impl Telephone {
    /// Telephone access with these settings, `{}` for the defaults.
    async fn install(server: &Server, settings: Value) -> Self {
        let meeting = Meeting::create(server, json!({})).await;
        let sip = meeting
            .alice
            .put(&meeting.path("/sip"), settings)
            .await
            .expect(201);
        let text = |field: &str| sip[field].as_str().expect("digits").to_owned();
        Self {
            gateway: server.anonymous().log_in("call-in").await,
            meeting,
            id: text("sip_id"),
            pin: text("password"),
        }
    }

    async fn start(&self, id: &str, pin: &str) -> Answer {
        self.gateway.post(START, json!({"id": id, "pin": pin})).await
    }

    /// A caller's connection, not yet joined.
    async fn caller(&self) -> Participant {
        let ticket = self.start(&self.id, &self.pin).await.expect(200);
        self.meeting.connect(&ticket).await
    }

    /// A caller with this number, joined; answers what its `join_success` says too.
    async fn joined_caller(&self, number: &str) -> (Participant, Value) {
        let mut caller = self.caller().await;
        let joined = caller.join(number).await;
        (caller, joined)
    }
}
