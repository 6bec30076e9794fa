//! Section 9: who gets which access token, and what stands in it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{ALL_SOURCES, claims, open_breakout_rooms, pair, restrict, room_of};
use crate::support::{
    livekit::{API_KEY, PUBLIC_URL},
    meeting::Meeting,
    participant::Participant,
    quiet::Quiet,
};

on_sqlite!(Quiet:
    a_newcomer_gets_credentials, a_new_token_whenever_one_asks,
    a_breakout_room_has_a_room_of_its_own_in_livekit, a_telephone_has_nothing_but_a_microphone,
    a_recorder_may_publish_nothing);

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

/// Room and second of a name such as `<room id>~<second>`.
#[track_caller]
fn parts(name: &str) -> (String, i64) {
    let (room, began) = name.split_once('~').expect("a room and a second");
    (room.to_owned(), began.parse().expect("a second"))
}

async fn a_newcomer_gets_credentials(world: &Quiet) {
    let meeting = Meeting::create(world, json!({})).await;
    let before = Utc::now().timestamp();
    let (mut alice, mut gus) = (meeting.owner().await, meeting.guest().await);
    let mut rooms = Vec::new();
    for (who, name) in [(&mut alice, "Alice"), (&mut gus, "Gus")] {
        let state = who.join(name).await["livekit"].clone();
        let room = state["room"].as_str().expect("a room");
        // LiveKit's address from inside is not for browsers.
        assert_eq!(
            state,
            json!({
                "room": room, "token": state["token"], "public_url": PUBLIC_URL,
                "microphone_restriction_state": {"type": "disabled"},
            })
        );
        assert_token(who, &state["token"], &who.id, &may_publish(room));
        rooms.push(room.to_owned());
    }
    let (room, began) = parts(&rooms[0]);
    assert_eq!((rooms[0] == rooms[1], &*room), (true, &*meeting.room));
    assert!((before..=Utc::now().timestamp()).contains(&began), "{began}");
    // LiveKit makes rooms by itself: nobody asked it for anything.
    assert_eq!(world.livekit.orders(), []);
}

async fn a_new_token_whenever_one_asks(world: &Quiet) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    let room = room_of(&alice);
    for who in [&mut alice, &mut gus] {
        for _ in 0..2 {
            who.act("livekit", "create_new_access_token").await;
            let told = who.expect_next("livekit", "credentials").await["payload"].clone();
            assert_eq!(
                told,
                json!({
                    "message": "credentials", "room": room, "token": told["token"], "public_url": PUBLIC_URL,
                })
            );
            assert_token(who, &told["token"], &who.id, &may_publish(&room));
        }
    }
    for who in [&mut alice, &mut gus] {
        who.expect_silence().await;
    }
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
    assert_eq!(told["room"], *room_of(&alice));
    assert_eq!(parts(&room_of(&alice)).0, meeting.room);
}

async fn a_telephone_has_nothing_but_a_microphone(world: &Quiet) {
    let meeting = Meeting::create(world, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let sip = meeting
        .alice
        .put(&meeting.path("/sip"), json!({}))
        .await
        .expect(201);
    let gateway = world.anonymous().log_in("call-in").await;
    let right = json!({"id": sip["sip_id"], "pin": sip["password"]});
    let ticket = gateway
        .post("/v1/services/call_in/start", right)
        .await
        .expect(200);
    let mut caller = meeting.connect(&ticket).await;
    let state = caller.join("+49 30 123456").await["livekit"].clone();
    let may_speak = |sources: &[&str]| {
        json!({
            "roomJoin": true, "room": room_of(&alice), "canPublish": !sources.is_empty(), "canSubscribe": true,
            "canPublishData": false, "canPublishSources": sources, "hidden": false,
        })
    };
    assert_token(&caller, &state["token"], &caller.id, &may_speak(&["microphone"]));
    // LiveKit takes an empty list of sources for all of them.
    let nothing = may_speak(&[]);
    restrict(&mut alice, &[]).await;
    caller.expect("livekit", "microphone_restrictions_enabled").await;
    caller.act("livekit", "create_new_access_token").await;
    let told = caller.expect("livekit", "credentials").await;
    assert_token(&caller, &told["token"], &caller.id, &nothing);
}

async fn a_recorder_may_publish_nothing(world: &Quiet) {
    let meeting = Meeting::create(world, json!({})).await;
    let alice = meeting.joined_owner().await;
    let recorder = world.anonymous().log_in("recorder").await;
    let body = json!({"room_id": meeting.room, "breakout_room": null});
    let ticket = recorder
        .post("/v1/services/recording/start", body)
        .await
        .expect(200);
    let mut recorder = meeting.connect(&ticket).await;
    let state = recorder.join("Recorder").await["livekit"].clone();
    let may_watch = json!({
        "roomJoin": true, "room": room_of(&alice), "canPublish": false, "canSubscribe": true,
        "canPublishData": false, "canPublishSources": [], "hidden": true,
    });
    assert_token(&recorder, &state["token"], &recorder.id, &may_watch);
}
