//! Where the operator wants no pictures, nobody learns hashes of addresses.

use serde_json::{Value, json};

use crate::support::{
    meeting::Meeting,
    quiet::{QuietWith, Settings},
    server::Server,
};

on_both_databases!(Faceless: no_hash_of_an_address_is_told);

type Faceless = QuietWith<NoAvatars>;

struct NoAvatars;

impl Settings for NoAvatars {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[("COLLOQUY_DEFAULTS__AVATARS", "off")];
}

async fn no_hash_of_an_address_is_told(server: &Server) {
    let body = json!({
        "title": "Plenum", "description": "", "is_time_independent": true, "waiting_room": false,
    });
    let (meeting, event) = Meeting::of_event(server, body).await;
    let mut alice = meeting.owner().await;
    let of_alice = alice.join("Alice").await;
    let of_gus = meeting.guest().await.join("Gus").await;
    assert!(of_alice.get("avatar_url").is_none(), "{of_alice}");
    let entry = &of_gus["participants"][0]["control"];
    assert_eq!(entry["display_name"], "Alice");
    assert!(entry.get("avatar_url").is_none(), "{entry}");
    assert_eq!(of_gus["room_info"]["created_by"]["avatar_url"], "");

    let invite = json!({"email": "somebody@example.com"});
    let event = format!("/v1/events/{}", event["id"].as_str().expect("an id"));
    let invites = format!("{event}/invites");
    meeting.alice.post(&invites, invite).await.expect(201);
    let me = meeting.alice.get("/v1/users/me").await.expect(200);
    let room = meeting.alice.get(&meeting.path("")).await.expect(200);
    let event = meeting.alice.get(&event).await.expect(200);
    let listed = meeting.alice.get(&invites).await.expect(200);
    for shown in [
        &me,
        &room["created_by"],
        &event["created_by"],
        &event["updated_by"],
        &listed[0]["profile"],
    ] {
        assert_eq!(shown["avatar_url"], "", "{shown}");
        assert!(shown["email"].is_string(), "{shown}");
    }
    // In no field, of none of these.
    let told = Value::Array(vec![of_alice, of_gus, me, room, event, listed]).to_string();
    assert!(!told.contains("libravatar"), "{told}");
}
