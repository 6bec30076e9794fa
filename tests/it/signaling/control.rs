//! Section 3: what a newcomer is told, and what the others are told about coming and going.

use serde_json::{Value, json};

use super::{Quiet, assert_time, fields};
use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Quiet:
    the_owner_is_told_everything, a_guest_is_told_less, a_newcomer_sees_who_is_and_was_there,
    the_others_hear_of_coming_and_going, one_user_comes_twice, names_of_registered_users);

async fn the_owner_is_told_everything(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "open sesame"})).await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    assert_eq!(
        fields(&joined),
        [
            "message",
            "id",
            "display_name",
            "avatar_url",
            "role",
            "tariff",
            "event_info",
            "room_info",
            "is_room_owner",
            "moderation",
            "legal_vote",
            "livekit",
            "training_participation_report",
            "recording",
            "participants",
            "chat"
        ]
        .into(),
        "closes_at without a time limit, breakout and others without a state stay away"
    );
    let is_v4 = |id: &Value| {
        let id = uuid::Uuid::parse_str(id.as_str().expect("an id")).expect("a UUID");
        id.get_version_num() == 4
    };
    assert!(is_v4(&joined["id"]), "{joined}");
    for (field, value) in [
        ("display_name", json!("Alice")),
        ("role", json!("moderator")),
        ("is_room_owner", json!(true)),
        ("event_info", json!(null)),
        ("participants", json!([])),
    ] {
        assert_eq!(joined[field], value, "{field}");
    }
    shows_its_creator(&joined, &meeting.room);
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
    is_a_tariff(&joined["tariff"]);
}

/// The room with its password and alice, who made it and has joined.
fn shows_its_creator(joined: &Value, room: &str) {
    // libravatar with the MD5 of alice@example.org, and no query: clients add their own.
    let avatar = "https://seccdn.libravatar.org/avatar/fbf7c6aec1d4280b7c2704c1c0478bd6";
    assert_eq!(joined["avatar_url"], avatar);
    let creator = json!({
        "title": "", "firstname": "Alice", "lastname": "Adams", "display_name": "Alice Adams", "avatar_url": avatar,
    });
    assert_eq!(
        joined["room_info"],
        json!({"id": room, "password": "open sesame", "created_by": creator})
    );
}

/// The default tariff, in the new form and in the one for older clients.
fn is_a_tariff(tariff: &Value) {
    assert_eq!(
        fields(tariff),
        [
            "id",
            "name",
            "quotas",
            "modules",
            "enabled_modules",
            "disabled_features"
        ]
        .into()
    );
    assert_eq!(tariff["quotas"], json!({}));
    assert_eq!(tariff["disabled_features"], json!([]));
    let modules = fields(&tariff["modules"]);
    let listed = tariff["enabled_modules"].as_array().expect("a list").iter();
    assert_eq!(
        listed
            .filter_map(Value::as_str)
            .collect::<std::collections::BTreeSet<_>>(),
        modules
    );
    assert!(
        ["chat", "core", "echo", "moderation"]
            .iter()
            .all(|name| modules.contains(name)),
        "{modules:?}"
    );
    for (name, module) in tariff["modules"].as_object().expect("a map") {
        assert_eq!(fields(module), ["features"].into(), "{name}");
        assert!(module["features"].is_array(), "{name}");
    }
    let core = tariff["modules"]["core"]["features"]
        .as_array()
        .expect("features");
    assert!(core.contains(&json!("guests_allowed")), "{core:?}");
}

async fn a_guest_is_told_less(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let joined = meeting.guest().await.join("  Gus ").await;
    assert!(joined.get("avatar_url").is_none(), "{joined}");
    assert_eq!(joined["display_name"], "Gus", "trimmed");
    assert_eq!(joined["role"], "guest");
    assert_eq!(joined["is_room_owner"], false);
    assert_eq!(joined["moderation"], json!({"raise_hands_enabled": true}));
    assert_eq!(fields(&joined["room_info"]), ["id", "created_by"].into());
}

async fn a_newcomer_sees_who_is_and_was_there(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let alice = meeting.joined_owner().await;
    let gone = meeting.joined_guest("Gone").await;
    let gone_id = gone.id.clone();
    gone.leave().await;
    // Who only waits has not been there.
    let mut waits = meeting.guest().await;
    waits.expect_nothing().await;

    let joined = meeting.guest().await.join("Late").await;
    let entry = |id: &str| {
        let entries = joined["participants"].as_array().expect("a list");
        assert_eq!(entries.len(), 2, "{joined}");
        let entry = entries.iter().find(|entry| entry["id"] == *id);
        entry.expect("an entry").clone()
    };
    let entry_of_alice = entry(&alice.id);
    for time in ["joined_at", "hand_updated_at"] {
        assert_time(&entry_of_alice["control"][time]);
    }
    let control = &entry_of_alice["control"];
    assert_eq!(
        entry_of_alice,
        json!({
            "id": alice.id,
            "control": {
                "display_name": "Alice", "role": "moderator", "avatar_url": control["avatar_url"],
                "participation_kind": "user", "hand_is_up": false, "joined_at": control["joined_at"],
                "left_at": null, "hand_updated_at": control["hand_updated_at"], "is_room_owner": true,
            },
            "chat": {"groups": []},
        })
    );
    let entry_of_gone = entry(&gone_id);
    let control = &entry_of_gone["control"];
    assert_time(&control["left_at"]);
    assert_eq!(
        entry_of_gone,
        json!({
            "id": gone_id,
            "control": {
                "display_name": "Gone", "role": "guest", "participation_kind": "guest", "hand_is_up": false,
                "joined_at": control["joined_at"], "left_at": control["left_at"],
                "hand_updated_at": control["hand_updated_at"], "is_room_owner": false,
            },
        })
    );
}

async fn the_others_hear_of_coming_and_going(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let guest = meeting.joined_guest("Gus").await;
    let told = alice.expect_next("control", "joined").await["payload"].clone();
    let control = &told["control"];
    assert_eq!(
        told,
        json!({
            "message": "joined", "id": guest.id,
            "control": {
                "display_name": "Gus", "role": "guest", "participation_kind": "guest", "hand_is_up": false,
                "joined_at": control["joined_at"], "left_at": null,
                "hand_updated_at": control["hand_updated_at"], "is_room_owner": false,
            },
        })
    );
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    assert_eq!(guest.leave().await, Some(1000));
    let left = json!({"message": "left", "id": id, "reason": "quit"});
    assert_eq!(alice.expect_next("control", "left").await["payload"], left);
    // A token survives a normal close: the same participant is back, and under another name if it likes.
    let mut back = meeting.returning_guest(&token).await;
    back.join("Gustav").await;
    assert_eq!(back.id, id);
    let told = alice.expect_next("control", "joined").await["payload"].clone();
    assert_eq!(told["id"], *id);
    assert_eq!(told["control"]["display_name"], "Gustav");
    assert_eq!(told["control"]["left_at"], json!(null));
    // Who never joined is seen by nobody.
    meeting.guest().await.leave().await;
    meeting.guest().await.vanish();
    alice.expect_silence().await;
}

async fn one_user_comes_twice(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut first = meeting.joined_owner().await;
    let mut second = meeting.owner().await;
    let joined = second.join("Alice on the telephone").await;
    assert_eq!(joined["participants"][0]["id"], *first.id);
    assert_ne!(first.id, second.id);
    assert_eq!(joined["is_room_owner"], true);
    let told = first.expect_next("control", "joined").await;
    assert_eq!(told["payload"]["id"], *second.id);
    second.say("is it me?").await;
    let heard = first.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["source"], *second.id);
    let id = first.id.clone();
    first.leave().await;
    let left = second.expect_next("control", "left").await;
    assert_eq!(left["payload"]["id"], id);
}

async fn names_of_registered_users(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    for (payload, name) in [
        (json!({"action": "join"}), "Alice Adams"),
        (json!({"action": "join", "display_name": null}), "Alice Adams"),
        (
            json!({"action": "join", "display_name": " The boss "}),
            "The boss",
        ),
    ] {
        let mut alice = meeting.owner().await;
        alice.send("control", payload).await;
        let joined = alice.expect_next("control", "join_success").await;
        assert_eq!(joined["payload"]["display_name"], name);
    }
    // The name of the profile counts when there is none, not an empty one that was given.
    let mut alice = meeting.owner().await;
    alice.ask_to_join(" ").await;
    alice.expect_error("control", "invalid_username").await;
    meeting
        .alice
        .patch("/v1/users/me", json!({"display_name": "Doctor Adams"}))
        .await
        .expect(200);
    let mut later = meeting.owner().await;
    later.act("control", "join").await;
    let joined = later.expect_next("control", "join_success").await;
    assert_eq!(joined["payload"]["display_name"], "Doctor Adams");
}
