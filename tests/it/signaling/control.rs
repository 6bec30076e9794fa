//! Sections 2 and 3: joining, leaving, hands and roles as clients see them.

use serde_json::json;

use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Server: what_a_newcomer_gets, coming_and_going, hands_and_roles);

async fn what_a_newcomer_gets(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "open sesame"})).await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    assert_eq!(joined["role"], "moderator");
    assert_eq!(joined["is_room_owner"], true);
    assert_eq!(joined["participants"], json!([]));
    assert_eq!(joined["event_info"], json!(null));
    assert_eq!(joined["room_info"]["id"], *meeting.room);
    assert_eq!(joined["room_info"]["password"], "open sesame");
    let creator = &joined["room_info"]["created_by"];
    assert_eq!(
        (&creator["firstname"], &creator["lastname"]),
        (&json!("Alice"), &json!("Adams"))
    );
    assert!(
        joined["avatar_url"]
            .as_str()
            .is_some_and(|url| !url.contains('?')),
        "{joined}"
    );
    let tariff = &joined["tariff"];
    assert!(tariff["modules"]["chat"]["features"].is_array(), "{tariff}");
    assert!(
        tariff["enabled_modules"].is_array() && tariff["disabled_features"].is_array(),
        "{tariff}"
    );
    assert!(
        tariff["modules"]["core"]["features"]
            .to_string()
            .contains("guests_allowed"),
        "{tariff}"
    );
    assert_eq!(
        joined["moderation"],
        json!({"waiting_room_enabled": false, "waiting_room_participants": [], "raise_hands_enabled": true})
    );
    let empty = json!({"messages": [], "next_index": null});
    assert_eq!(
        joined["chat"],
        json!({
            "enabled": true, "room_history": empty, "groups_history": [], "private_history": [],
            "last_seen_timestamp_global": null, "last_seen_timestamps_private": {},
            "last_seen_timestamps_group": {},
        })
    );
    assert!(joined.get("closes_at").is_none());
}

async fn coming_and_going(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.guest().await;
    let joined = guest.join("  Gus ").await;
    assert_eq!(
        (&joined["display_name"], &joined["role"]),
        (&json!("Gus"), &json!("guest"))
    );
    assert_eq!(
        joined["moderation"],
        json!({"raise_hands_enabled": true}),
        "not for guests"
    );
    let entry = &joined["participants"][0];
    assert_eq!(entry["id"], *alice.id);
    assert_eq!(entry["control"]["participation_kind"], "user");
    assert_eq!(entry["control"]["left_at"], json!(null));
    assert_eq!(entry["chat"], json!({"groups": []}));

    let told = alice.expect_next("control", "joined").await;
    assert_eq!(told["payload"]["id"], *guest.id);
    assert_eq!(told["payload"]["control"]["participation_kind"], "guest");
    let id = guest.id.clone();
    assert_eq!(guest.leave().await, Some(1000));
    let left = alice.expect_next("control", "left").await;
    assert_eq!(
        left["payload"],
        json!({"message": "left", "id": id, "reason": "quit"})
    );
    assert!(left["seq"].as_u64() > told["seq"].as_u64());

    // Those who left stay listed, with their time.
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    let gone = joined["participants"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|entry| entry["id"] == *id);
    assert!(
        gone.is_some_and(|gone| gone["control"]["left_at"].is_string()),
        "{joined}"
    );
}

async fn hands_and_roles(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Guest").await;
    alice.expect("control", "joined").await;

    guest.send("control", json!({"action": "raise_hand"})).await;
    guest.expect_next("control", "hand_raised").await;
    let update = alice.expect_next("control", "update").await;
    assert_eq!(update["payload"]["control"]["hand_is_up"], true);
    guest
        .send(
            "control",
            json!({"action": "grant_moderator_role", "target": guest.id}),
        )
        .await;
    guest.expect_error("control", "insufficient_permissions").await;

    let grant = json!({"action": "grant_moderator_role", "target": guest.id});
    alice.send("control", grant.clone()).await;
    alice.expect_next("control", "moderator_role_granted").await;
    let updated = guest.expect_next("control", "role_updated").await;
    assert_eq!(updated["payload"]["new_role"], "moderator");
    let update = alice.expect_next("control", "update").await;
    assert_eq!(update["payload"]["control"]["role"], "moderator");
    alice.send("control", grant).await;
    alice.expect_error("control", "nothing_to_do").await;
    guest
        .send(
            "control",
            json!({"action": "revoke_moderator_role", "target": alice.id}),
        )
        .await;
    guest.expect_error("control", "target_is_room_owner").await;
    alice
        .send(
            "control",
            json!({"action": "revoke_moderator_role", "target": guest.id}),
        )
        .await;
    alice.expect_next("control", "moderator_role_revoked").await;
    assert_eq!(guest.expect("control", "role_updated").await["new_role"], "guest");
}
