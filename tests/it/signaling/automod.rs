//! Section 12: the talking stick.

use serde_json::{Value, json};

use super::Quiet;
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet: the_stick_goes_round_as_web_clients_use_it, commands_that_can_not_be_read);

/// As web clients start it.
fn playlist(list: &[&str]) -> Value {
    json!({
        "action": "start", "selection_strategy": "playlist", "show_list": true, "consider_hand_raise": false,
        "time_limit": null, "allow_double_selection": false, "animation_on_random": false, "auto_append_on_join": true,
        "playlist": list,
    })
}

async fn id_of(who: &mut Participant, name: &str) -> String {
    who.join(name).await["id"].as_str().expect("an id").to_owned()
}

async fn the_stick_goes_round_as_web_clients_use_it(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, mut gus) = (meeting.owner().await, meeting.guest().await);
    let (owner, guest) = (id_of(&mut alice, "Alice").await, id_of(&mut gus, "Gus").await);
    alice.send("automod", playlist(&[&guest, &owner])).await;
    for one in [&mut alice, &mut gus] {
        let started = one.expect("automod", "started").await;
        assert_eq!(started["remaining"], json!([guest, owner]));
        assert_eq!(started.get("time_limit"), None);
    }
    alice
        .send("automod", json!({"action": "select", "how": "next"}))
        .await;
    let spoken = json!({
        "message": "speaker_updated", "speaker": guest, "history": [guest], "remaining": [owner],
    });
    for one in [&mut alice, &mut gus] {
        assert_eq!(
            one.expect_next("automod", "speaker_updated").await["payload"],
            spoken
        );
    }
    let mut gwen = meeting.guest().await;
    let joined = gwen.join("Gwen").await;
    assert_eq!(joined["automod"]["speaker"], json!(guest));
    let remaining = json!([owner, joined["id"]]);
    let told = gwen.expect_next("automod", "remaining_updated").await;
    assert_eq!(told["payload"]["remaining"], remaining);
    gus.act("automod", "yield").await;
    let spoken = alice.expect("automod", "speaker_updated").await;
    assert_eq!(spoken["speaker"], json!(owner));
    alice.act("automod", "stop").await;
    let stopped = json!({"message": "stopped", "reason": "stopped_by_moderator", "issued_by": owner});
    for one in [&mut alice, &mut gus, &mut gwen] {
        assert_eq!(one.expect("automod", "stopped").await, stopped);
    }
}

async fn commands_that_can_not_be_read(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.owner().await;
    let owner = id_of(&mut alice, "Alice").await;
    for (field, value) in [
        ("time_limit", json!(99)),
        ("time_limit", json!(86_400_001)),
        ("show_list", Value::Null),
        ("selection_strategy", json!("loudest")),
        ("playlist", json!(["somebody"])),
    ] {
        let mut start = playlist(&[&owner]);
        start[field] = value;
        alice.send("automod", start).await;
        alice.expect_error("control", "invalid_json").await;
    }
    alice.expect_nothing().await;
}
