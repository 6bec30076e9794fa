//! "Limits": what one session may say.

use serde_json::json;

use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Server: a_burst_is_handled_the_rest_is_refused, a_flood_ends_the_session, the_heartbeat_is_free);

async fn a_burst_is_handled_the_rest_is_refused(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.joined_guest("Gus").await;
    for _ in 0..100 {
        guest.send("control", json!({"action": "lower_hand"})).await;
    }
    guest.expect("control", "rate_limit_exceeded").await;
    // Every command has an answer: it was handled or refused.
    while guest.everything_seen().len() < 101 {
        assert!(guest.try_next().await.is_some());
    }
    guest.expect_nothing().await;
}

async fn a_flood_ends_the_session(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    // The burst, ten times the rate, and some that may be allowed meanwhile.
    for _ in 0..2_000 {
        if !guest.try_send("control", json!({"action": "lower_hand"})).await {
            break;
        }
    }
    let code = guest.close_code().await;
    assert!(matches!(code, Some(1008) | None), "{code:?}");
    assert_eq!(alice.expect("control", "left").await["reason"], "quit");
    alice.say("calm again").await;
}

async fn the_heartbeat_is_free(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut guest = meeting.guest().await;
    guest.expect_nothing().await;
    guest.ask_to_join("Gus").await;
    guest.expect_next("moderation", "in_waiting_room").await;
    for _ in 0..60 {
        guest.send("control", json!({"action": "lower_hand"})).await;
    }
    for _ in 0..5 {
        guest.send("echo", json!({"any": ["thing"]})).await;
    }
    let echoes = async {
        let mut echoes = 0;
        while echoes < 5 {
            let frame = guest.try_next().await.expect("a frame");
            echoes +=
                usize::from(frame["namespace"] == "echo" && frame["payload"] == json!({"any": ["thing"]}));
        }
    };
    echoes.await;
}
