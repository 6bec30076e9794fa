//! Who comes into a room without its links.

use serde_json::{Value, json};

use crate::support::{
    meeting::Meeting,
    rest::{Answer, Rest},
    server::Server,
};

/// Callers, recorders and people with access of their own.
pub struct Others {
    gateway: Rest,
    call: Value,
    recorder: Rest,
    carol: Rest,
}

impl Others {
    pub async fn of(server: &Server, meeting: &Meeting) -> Self {
        let sip = meeting
            .alice
            .put(&meeting.path("/sip"), json!({}))
            .await
            .expect(201);
        let carol = meeting.anyone.log_in("carol").await;
        carol.get("/v1/users/me").await.expect(200);
        server
            .invite_to_room(&meeting.room, "carol@example.org", "user")
            .await;
        Self {
            gateway: meeting.anyone.log_in("call-in").await,
            call: json!({"id": sip["sip_id"], "pin": sip["password"]}),
            recorder: meeting.anyone.log_in("recorder").await,
            carol,
        }
    }

    pub async fn come_in(&self, meeting: &Meeting) -> [Answer; 3] {
        let record = json!({"room_id": meeting.room});
        [
            self.gateway
                .post("/v1/services/call_in/start", self.call.clone())
                .await,
            self.recorder.post("/v1/services/recording/start", record).await,
            meeting.started_by(&self.carol, json!({})).await,
        ]
    }
}
