//! Section 9: who gets which access token, and what stands in it.

use chrono::DateTime;
use serde_json::{Value, json};

use super::{ALL_SOURCES, claims, open_breakout_rooms, pair};
use crate::support::{
    livekit::{API_KEY, PUBLIC_URL},
    meeting::Meeting,
    participant::Participant,
    quiet::Quiet,
};

on_sqlite!(Quiet:
    a_newcomer_gets_credentials, a_new_token_whenever_one_asks, a_second_window_may_only_watch,
    a_breakout_room_has_a_room_of_its_own_in_livekit);

const TOKEN_SECS: i64 = 32;

/// The second in which the last frame was sent.
#[track_caller]
fn second_of_last_frame(who: &Participant) -> i64 {
    let frame = who.everything_seen().last().expect("a frame");
    let time = DateTime::parse_from_rfc3339(frame["timestamp"].as_str().expect("a time"));
    time.expect("a time").timestamp()
}

/// The last frame brought this token; it is for this identity in this room, with this grant beside.
#[track_caller]
fn assert_token(who: &Participant, token: &Value, identity: &str, video: &Value) {
    let nbf = second_of_last_frame(who);
    assert_eq!(
        claims(token),
        json!({
            "iss": API_KEY, "sub": identity, "name": identity, "nbf": nbf, "exp": nbf + TOKEN_SECS, "video": video,
        })
    );
}

fn may_publish(room: &str) -> Value {
    json!({
        "roomJoin": true, "room": room, "canPublish": true, "canSubscribe": true, "canPublishData": false,
        "canPublishSources": ALL_SOURCES, "hidden": false,
    })
}

async fn a_newcomer_gets_credentials(world: &Quiet) {
    let meeting = Meeting::create(world, json!({})).await;
    let (mut alice, mut gus) = (meeting.owner().await, meeting.guest().await);
    for (who, name) in [(&mut alice, "Alice"), (&mut gus, "Gus")] {
        let state = who.join(name).await["livekit"].clone();
        // LiveKit's address from inside is not for browsers.
        assert_eq!(
            state,
            json!({
                "room": meeting.room, "token": state["token"], "public_url": PUBLIC_URL,
                "microphone_restriction_state": {"type": "disabled"},
            })
        );
        assert_token(who, &state["token"], &who.id, &may_publish(&meeting.room));
    }
    // LiveKit makes rooms by itself: nobody asked it for anything.
    assert_eq!(world.livekit.calls(), []);
}

async fn a_new_token_whenever_one_asks(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    for who in [&mut alice, &mut gus] {
        for _ in 0..2 {
            who.act("livekit", "create_new_access_token").await;
            let told = who.expect_next("livekit", "credentials").await["payload"].clone();
            assert_eq!(
                told,
                json!({
                    "message": "credentials", "room": meeting.room, "token": told["token"], "public_url": PUBLIC_URL,
                })
            );
            assert_token(who, &told["token"], &who.id, &may_publish(&meeting.room));
        }
    }
    for who in [&mut alice, &mut gus] {
        who.expect_silence().await;
    }
}

async fn a_second_window_may_only_watch(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    for number in 1..=2 {
        gus.act("livekit", "request_popout_stream_access_token").await;
        let told = gus.expect_next("livekit", "popout_stream_access_token").await["payload"].clone();
        assert_eq!(
            told,
            json!({"message": "popout_stream_access_token", "token": told["token"]})
        );
        let identity = format!("{}-popout{number}", gus.id);
        let may_watch = json!({
            "roomJoin": true, "room": meeting.room, "canPublish": false, "canSubscribe": true,
            "canPublishData": false, "canPublishSources": [], "hidden": true,
        });
        assert_token(&gus, &told["token"], &identity, &may_watch);
    }
    alice.expect_silence().await;
}

async fn a_breakout_room_has_a_room_of_its_own_in_livekit(world: &Quiet) {
    let (meeting, mut alice, gus) = pair(world).await;
    let breakout = open_breakout_rooms(&mut alice, &["Red"]).await.remove(0);
    let ticket = json!({"breakout_room": breakout, "resumption": gus.resumption});
    let mut there = meeting.guest_with(ticket).await;
    let state = there.join("Gus").await["livekit"].clone();
    let room = format!("{}:{breakout}", meeting.room);
    assert_eq!(state["room"], *room);
    assert_token(&there, &state["token"], &gus.id, &may_publish(&room));
    there.act("livekit", "create_new_access_token").await;
    let again = there.expect("livekit", "credentials").await;
    assert_token(&there, &again["token"], &gus.id, &may_publish(&room));
    // Whoever stays in the main room stays in its room.
    alice.act("livekit", "create_new_access_token").await;
    let told = alice.expect("livekit", "credentials").await;
    assert_eq!(told["room"], *meeting.room);
}
