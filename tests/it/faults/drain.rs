//! SIGUSR1: no room begins, meetings go on, and when the last one has ended nobody is there.

use serde_json::json;

use super::{Unlimited, wait_until};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, rest::Answer, server::Server},
};

on_both_databases!(Brief: a_draining_server_ends_its_meetings_first);

/// Waits for its meetings no longer than the test does.
struct Brief(Unlimited);

impl Brief {
    async fn start(kind: Kind) -> Self {
        Self(Unlimited::start_with(kind, &[("COLLOQUY_ROOMS__DRAIN_SECS", "2")]).await)
    }

    async fn finish(self) {
        self.0.finish().await;
    }
}

/// The answer to a gateway that lets a caller in.
async fn called(server: &Server, meeting: &Meeting) -> Answer {
    let gateway = server.anonymous().log_in("call-in").await;
    let sip = meeting
        .alice
        .put(&meeting.path("/sip"), json!({}))
        .await
        .expect(201);
    let typed = json!({"id": sip["sip_id"], "pin": sip["password"]});
    gateway.post("/v1/services/call_in/start", typed).await
}

async fn a_draining_server_ends_its_meetings_first(server: &Brief) {
    let server = &*server.0;
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let other = Meeting::create(server, json!({})).await;
    server.signal("USR1");
    wait_until("the server is draining", async || {
        let answer = server.anonymous().get("/health/ready").await;
        if answer.status == 503 {
            Ok(())
        } else {
            Err(answer.status)
        }
    })
    .await;
    // No room begins; the one that there is goes on, and takes more people in. Clients come again after a 503, and after
    // hardly anything else.
    for refused in [
        other.ask_as_guest(None).await,
        other.started(json!({})).await,
        called(server, &other).await,
    ] {
        assert_eq!(refused.headers["retry-after"], "5", "{refused:?}");
        refused.expect_error(503, "service_unavailable");
    }
    let mut gus = meeting.joined_guest("Gus").await;
    gus.say("still here").await;
    alice.expect("chat", "message_sent").await;
    // The time is over: everybody is sent away, to come back elsewhere.
    assert_eq!(alice.close_code().await, Some(1001));
    assert_eq!(gus.close_code().await, Some(1001));
    meeting.ask_as_guest(None).await.expect(503);
}
