//! Whisper groups: what LiveKit is asked for them, and what happens to them when it is away.

use serde_json::{Value, json};

use super::{claims, until};
use crate::support::{
    livekit::Mood,
    meeting::Meeting,
    participant::Participant,
    quiet::{QuietWith, Settings},
};

on_sqlite!(Whispering:
    a_group_has_a_room_while_somebody_is_in_it, without_livekit_there_is_no_group, whoever_is_not_in_the_group_is_removed);

type Whispering = QuietWith<WithGroups>;

struct WithGroups;

impl Settings for WithGroups {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("COLLOQUY_LIVEKIT__WHISPER_GROUPS", "true")];
}

async fn ask(who: &mut Participant, action: &str, group: &Value, people: &[&str]) {
    let payload = json!({"action": action, "whisper_id": group, "participant_ids": people});
    who.send("subroom_audio", payload).await;
}

async fn create(who: &mut Participant, people: &[&str]) -> Value {
    ask(who, "create_whisper_group", &Value::Null, people).await;
    who.expect("subroom_audio", "whisper_group_created").await
}

async fn a_group_has_a_room_while_somebody_is_in_it(world: &Whispering) {
    let meeting = Meeting::create(world, json!({})).await;
    let (mut alice, [mut bob]) = meeting.gather(["Bob"]).await;
    let bob_id = bob.id.clone();
    let created = create(&mut alice, &[&bob_id]).await;
    let group = created["whisper_id"].clone();
    let room = format!("{}:{}", meeting.room, group.as_str().expect("an id"));
    assert!(world.livekit.has_room(&room));
    let invited = bob.expect("subroom_audio", "whisper_invite").await;
    assert_eq!(
        (&invited["whisper_id"], &invited["issuer"]),
        (&group, &json!(alice.id))
    );
    ask(&mut bob, "accept_whisper_invite", &group, &[]).await;
    let token = bob.expect("subroom_audio", "whisper_token").await["token"].clone();
    for (token, of) in [(&created["token"], &alice.id), (&token, &bob_id)] {
        let claims = claims(token);
        assert_eq!(claims["sub"], **of);
        assert_eq!(
            claims["video"],
            json!({
                "roomJoin": true, "room": room, "canPublish": true, "canSubscribe": true, "canPublishData": false,
                "canPublishSources": ["microphone"], "hidden": false,
            })
        );
    }
    let accepted = alice.expect("subroom_audio", "whisper_invite_accepted").await;
    assert_eq!(accepted["participant_id"], bob_id);
    ask(&mut bob, "leave_whisper_group", &group, &[]).await;
    alice.expect("subroom_audio", "left_whisper_group").await;
    ask(&mut alice, "leave_whisper_group", &group, &[]).await;
    until("the group's room is deleted", || !world.livekit.has_room(&room)).await;
}

async fn without_livekit_there_is_no_group(world: &Whispering) {
    let meeting = Meeting::create(world, json!({})).await;
    let (mut alice, [mut bob]) = meeting.gather(["Bob"]).await;
    let bob_id = bob.id.clone();
    world
        .livekit
        .be_about("CreateRoom", Mood::Lying(super::unavailable));
    ask(&mut alice, "create_whisper_group", &Value::Null, &[&bob_id]).await;
    alice.expect_error("subroom_audio", "livekit_unavailable").await;
    bob.expect_silence().await;
    world.livekit.be_about("CreateRoom", Mood::Honest);
    create(&mut alice, &[&bob_id]).await;
}

async fn whoever_is_not_in_the_group_is_removed(world: &Whispering) {
    let meeting = Meeting::create(world, json!({})).await;
    let (mut alice, [bob]) = meeting.gather(["Bob"]).await;
    let bob_id = bob.id.clone();
    let created = create(&mut alice, &[&bob_id]).await;
    let group = created["whisper_id"].as_str().expect("an id").to_owned();
    let room = format!("{}:{group}", meeting.room);
    // Invited, and there without having accepted; a look finds it.
    world.livekit.enter(&room, &bob_id, &[]);
    ask(
        &mut alice,
        "kick_whisper_participants",
        &created["whisper_id"],
        &[&bob_id],
    )
    .await;
    world.kill9();
    world.restart().await;
    until("it is removed", || world.livekit.person(&room, &bob_id).is_none()).await;
}
