//! Section 4: names and raised hands as moderators decide about them.

use serde_json::{Value, json};

use super::{NOBODY, Quiet};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    a_guest_gets_another_name, names_that_are_refused, raising_hands_is_switched_off_and_on,
    raised_hands_are_reset, moderators_only);

async fn rename(who: &mut Participant, target: &str, new_name: &str) {
    let command = json!({"action": "change_display_name", "new_name": new_name, "target": target});
    who.send("moderation", command).await;
}

async fn raise_hand(who: &mut Participant, others: &mut [&mut Participant]) {
    who.act("control", "raise_hand").await;
    who.expect_next("control", "hand_raised").await;
    for other in others {
        expect_hand(other, &who.id, true).await;
    }
}

/// The next event tells that this hand is up or down now.
async fn expect_hand(who: &mut Participant, of: &str, is_up: bool) {
    let update = who.expect_next("control", "update").await["payload"].clone();
    assert_eq!(
        (&update["id"], &update["control"]["hand_is_up"]),
        (&json!(of), &json!(is_up))
    );
}

async fn a_guest_gets_another_name(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    rename(&mut alice, &gus.id, "  Gustav ").await;
    let told = json!({
        "message": "display_name_changed", "target": gus.id, "issued_by": alice.id, "old_name": "Gus",
        "new_name": "Gustav",
    });
    for one in [&mut alice, &mut gus, &mut ida] {
        let changed = one.expect_next("moderation", "display_name_changed").await;
        assert_eq!(changed["payload"], told);
    }
    for one in [&mut alice, &mut ida] {
        let update = one.expect_next("control", "update").await["payload"].clone();
        assert_eq!(update["id"], *gus.id);
        assert_eq!(update["control"]["display_name"], "Gustav");
    }
    gus.expect_silence().await;
    // It stays for newcomers, and when its owner comes back.
    let joined = meeting.guest().await.join("Late").await;
    let entries = joined["participants"].as_array().expect("a list");
    let entry = entries.iter().find(|entry| entry["id"] == *gus.id);
    assert_eq!(entry.expect("an entry")["control"]["display_name"], "Gustav");
    let token = gus.resumption.clone();
    gus.vanish();
    let back = meeting.returning_guest(&token).await.join("Gus").await;
    assert_eq!(back["display_name"], "Gustav");
}

async fn names_that_are_refused(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    for name in ["", " ", "\u{200b}\0", &"x".repeat(101)] {
        rename(&mut alice, &gus.id, name).await;
        alice.expect_error("moderation", "invalid_display_name").await;
    }
    let own = alice.id.clone();
    rename(&mut alice, &own, "The boss").await;
    alice
        .expect_error("moderation", "cannot_change_name_of_registered_users")
        .await;
    rename(&mut alice, NOBODY, "Nobody").await;
    alice.expect_silence().await;
    gus.expect_silence().await;
    let longest = "ü".repeat(100);
    rename(&mut alice, &gus.id, &longest).await;
    let changed = gus.expect_next("moderation", "display_name_changed").await;
    assert_eq!(changed["payload"]["new_name"], *longest);
}

async fn raising_hands_is_switched_off_and_on(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    raise_hand(&mut gus, &mut [&mut alice, &mut ida]).await;
    alice.act("moderation", "disable_raise_hands").await;
    expect_flag(&mut alice, &mut gus, &mut ida, "raise_hands_disabled").await;
    // The hand is down; its owner has heard why.
    expect_hand(&mut alice, &gus.id, false).await;
    expect_hand(&mut ida, &gus.id, false).await;
    for one in [&mut alice, &mut gus] {
        one.act("control", "raise_hand").await;
        one.expect_error("control", "raise_hands_disabled").await;
        one.act("control", "lower_hand").await;
        one.expect_next("control", "hand_lowered").await;
    }
    ida.expect_silence().await;
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    assert_eq!(joined["moderation"]["raise_hands_enabled"], false);
    for one in [&mut alice, &mut gus, &mut ida] {
        one.expect_next("control", "joined").await;
    }
    alice.act("moderation", "disable_raise_hands").await;
    alice.expect_next("moderation", "raise_hands_disabled").await;
    gus.expect_silence().await;

    alice.act("moderation", "enable_raise_hands").await;
    expect_flag(&mut alice, &mut gus, &mut ida, "raise_hands_enabled").await;
    raise_hand(&mut gus, &mut [&mut alice, &mut ida]).await;
    alice.act("moderation", "enable_raise_hands").await;
    alice.expect_next("moderation", "raise_hands_enabled").await;
    gus.expect_silence().await;
}

/// All three hear that alice has set the flag.
async fn expect_flag(alice: &mut Participant, gus: &mut Participant, ida: &mut Participant, message: &str) {
    let told = json!({"message": message, "issued_by": alice.id});
    for one in [alice, gus, ida] {
        let heard = one.expect_next("moderation", message).await;
        assert_eq!(heard["payload"], told);
    }
}

async fn raised_hands_are_reset(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    let told = json!({"message": "raised_hand_reset_by_moderator", "issued_by": alice.id});
    let reset = |target: Value| json!({"action": "reset_raised_hands", "target": target});
    raise_hand(&mut gus, &mut [&mut alice, &mut ida]).await;
    raise_hand(&mut ida, &mut [&mut alice, &mut gus]).await;
    // One of them, ...
    alice.send("moderation", reset(json!(gus.id))).await;
    let heard = gus
        .expect_next("moderation", "raised_hand_reset_by_moderator")
        .await;
    assert_eq!(heard["payload"], told);
    expect_hand(&mut alice, &gus.id, false).await;
    expect_hand(&mut ida, &gus.id, false).await;
    // ... those of a list whose hands are up, ...
    alice
        .send("moderation", reset(json!([gus.id, ida.id, NOBODY])))
        .await;
    let heard = ida
        .expect_next("moderation", "raised_hand_reset_by_moderator")
        .await;
    assert_eq!(heard["payload"], told);
    expect_hand(&mut alice, &ida.id, false).await;
    expect_hand(&mut gus, &ida.id, false).await;
    // ... and everybody's.
    for command in [json!({"action": "reset_raised_hands"}), reset(json!(null))] {
        raise_hand(&mut gus, &mut [&mut alice, &mut ida]).await;
        alice.send("moderation", command).await;
        gus.expect_next("moderation", "raised_hand_reset_by_moderator")
            .await;
        expect_hand(&mut alice, &gus.id, false).await;
        expect_hand(&mut ida, &gus.id, false).await;
    }
    alice.send("moderation", reset(json!([]))).await;
    for one in [&mut alice, &mut gus, &mut ida] {
        one.expect_silence().await;
    }
    // They may be raised again.
    raise_hand(&mut gus, &mut [&mut alice, &mut ida]).await;
}

async fn moderators_only(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    raise_hand(&mut ida, &mut [&mut alice, &mut gus]).await;
    for action in ["enable_raise_hands", "disable_raise_hands", "reset_raised_hands"] {
        gus.act("moderation", action).await;
        gus.expect_error("moderation", "insufficient_permissions").await;
    }
    let own = gus.id.clone();
    for target in [&own, &ida.id, &alice.id] {
        rename(&mut gus, target, "Somebody").await;
        gus.expect_error("moderation", "insufficient_permissions").await;
    }
    ida.expect_nothing().await;
    alice.expect_silence().await;
}
