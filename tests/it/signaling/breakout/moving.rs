//! Going from room to room: the participant stays the same.

use serde_json::{Value, json};

use super::{Quiet, assert_time, fields, hears_of_joining, hears_of_leaving, move_guest, open, present};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    the_old_socket_is_closed_first, the_ticket_is_fetched_first, the_new_socket_is_opened_first,
    from_one_room_to_another_and_back, a_newcomer_goes_straight_there, without_a_token_it_is_somebody_else,
    moderators_move_too, lost_in_a_breakout_room);

fn main_room() -> Value {
    json!(null)
}

/// The next event tells that somebody left this room.
async fn sees_leaving(who: &mut Participant, id: &str) {
    let left = who.expect_next("control", "left").await;
    assert_eq!(
        left["payload"],
        json!({"message": "left", "id": id, "reason": "quit"})
    );
}

async fn the_old_socket_is_closed_first(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "secret"})).await;
    let mut alice = meeting.joined_owner().await;
    let mut gus = meeting.guest_with(json!({"password": "secret"})).await;
    gus.join("Gus").await;
    alice.expect_next("control", "joined").await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    let (id, token) = (gus.id.clone(), gus.resumption.clone());
    assert_eq!(gus.leave().await, Some(1000));
    sees_leaving(&mut alice, &id).await;
    // The password is not asked for again.
    let mut gus = meeting.moving_guest(&token, &red).await;
    let joined = gus.join("Gus").await;
    assert_eq!(gus.id, id);
    assert_eq!(joined["participants"], json!([]));
    let breakout = &joined["breakout"];
    assert_eq!(
        fields(breakout),
        ["current", "expires", "rooms", "participants"].into()
    );
    assert_eq!(breakout["current"], red);
    assert_eq!(breakout["rooms"], json!([{"id": red, "name": "Red"}]));
    let elsewhere = &breakout["participants"][0];
    assert_time(&elsewhere["joined_at"]);
    assert_eq!(
        *elsewhere,
        json!({
            "breakout_room": null, "id": alice.id, "display_name": "Alice", "role": "moderator",
            "avatar_url": elsewhere["avatar_url"], "participation_kind": "user",
            "joined_at": elsewhere["joined_at"], "left_at": null,
        })
    );
    let told = alice.expect_next("breakout", "joined").await["payload"].clone();
    assert_eq!(
        told,
        json!({
            "message": "joined", "breakout_room": red, "id": id, "display_name": "Gus", "role": "guest",
            "participation_kind": "guest", "joined_at": told["joined_at"], "left_at": null,
        })
    );
    alice.expect_silence().await;
}

async fn the_ticket_is_fetched_first(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    let id = gus.id.clone();
    let body = json!({"resumption": gus.resumption, "breakout_room": red});
    let ticket = meeting.invited(body).await.expect(200);
    alice.expect_silence().await;
    gus.leave().await;
    sees_leaving(&mut alice, &id).await;
    let mut gus = meeting.connect(&ticket).await;
    alice.expect_silence().await;
    let joined = gus.join("Gus").await;
    assert_eq!((&*gus.id, &joined["breakout"]["current"]), (&*id, &red));
    hears_of_joining(&mut alice, &id, &red).await;
    alice.expect_silence().await;
}

async fn the_new_socket_is_opened_first(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    let id = gus.id.clone();
    let mut moved = meeting.moving_guest(&gus.resumption, &red).await;
    // Until it has joined, it is where it was.
    alice.expect_silence().await;
    gus.expect_silence().await;
    moved.join("Gus").await;
    gus.expect_close(1000).await;
    assert_eq!(moved.id, id);
    sees_leaving(&mut alice, &id).await;
    hears_of_joining(&mut alice, &id, &red).await;
    alice.expect_silence().await;
}

async fn from_one_room_to_another_and_back(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    let [red, blue] = open(&mut alice, &mut [&mut gus, &mut ida], ["Red", "Blue"]).await;
    move_guest(&meeting, &mut ida, "Ida", &blue).await;
    sees_leaving(&mut gus, &ida.id).await;
    hears_of_joining(&mut gus, &ida.id, &blue).await;
    move_guest(&meeting, &mut gus, "Gus", &red).await;
    hears_of_leaving(&mut ida, &gus.id, &main_room()).await;
    hears_of_joining(&mut ida, &gus.id, &red).await;
    alice.events_so_far().await;

    let joined = move_guest(&meeting, &mut gus, "Gus", &blue).await;
    assert_eq!(present(&joined["participants"]), [&ida.id]);
    assert_eq!(present(&joined["breakout"]["participants"]), [&alice.id]);
    hears_of_leaving(&mut ida, &gus.id, &red).await;
    let seen = ida.expect_next("control", "joined").await;
    assert_eq!(seen["payload"]["id"], *gus.id);
    hears_of_leaving(&mut alice, &gus.id, &red).await;
    hears_of_joining(&mut alice, &gus.id, &blue).await;

    let joined = move_guest(&meeting, &mut gus, "Gus", &main_room()).await;
    // In the main room it finds who is there, and who was.
    assert_eq!(present(&joined["participants"]), [&alice.id]);
    let listed = joined["participants"].as_array().expect("a list");
    assert!(listed.iter().any(|entry| entry["id"] == *ida.id), "{listed:?}");
    assert_eq!(present(&joined["breakout"]["participants"]), [&ida.id]);
    sees_leaving(&mut ida, &gus.id).await;
    hears_of_joining(&mut ida, &gus.id, &main_room()).await;
    hears_of_leaving(&mut alice, &gus.id, &blue).await;
    let seen = alice.expect_next("control", "joined").await;
    assert_eq!(seen["payload"]["id"], *gus.id);
    for one in [&mut alice, &mut gus, &mut ida] {
        one.expect_silence().await;
    }
}

async fn a_newcomer_goes_straight_there(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    let mut ida = meeting.guest_with(json!({"breakout_room": red})).await;
    let joined = ida.join("Ida").await;
    assert_eq!(joined["breakout"]["current"], red);
    assert_eq!(joined["participants"], json!([]));
    for one in [&mut alice, &mut gus] {
        hears_of_joining(one, &ida.id, &red).await;
    }
    // A client that closes leaves the meeting from there.
    let id = ida.id.clone();
    ida.leave().await;
    for one in [&mut alice, &mut gus] {
        hears_of_leaving(one, &id, &red).await;
    }
}

async fn without_a_token_it_is_somebody_else(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    for token in [json!(null), json!("unknown"), json!(alice.resumption)] {
        let more = json!({"breakout_room": red, "resumption": token});
        let mut other = meeting.guest_with(more).await;
        other.join("Gus").await;
        assert_ne!(other.id, gus.id);
        hears_of_joining(&mut gus, &other.id, &red).await;
        other.leave().await;
        gus.expect_next("breakout", "left").await;
    }
    gus.say("still in the main room").await;
    let heard = alice.expect("chat", "message_sent").await;
    assert_eq!(heard["source"], *gus.id);
}

async fn moderators_move_too(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    let mut moved = meeting.moving_owner(&alice.resumption, &red).await;
    let joined = moved.join("Alice").await;
    alice.expect_close(1000).await;
    assert_eq!(
        (&joined["id"], &joined["role"], &joined["is_room_owner"]),
        (&json!(alice.id), &json!("moderator"), &json!(true))
    );
    sees_leaving(&mut gus, &alice.id).await;
    hears_of_joining(&mut gus, &alice.id, &red).await;
    // A role is of the whole meeting, and so is what it permits.
    moved.act_on("control", "grant_moderator_role", &gus.id).await;
    gus.expect_next("control", "role_updated").await;
    let joined = move_guest(&meeting, &mut gus, "Gus", &red).await;
    assert_eq!(joined["role"], "moderator");
}

async fn lost_in_a_breakout_room(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    let [red] = open(&mut alice, &mut [&mut gus, &mut ida], ["Red"]).await;
    move_guest(&meeting, &mut gus, "Gus", &red).await;
    move_guest(&meeting, &mut ida, "Ida", &red).await;
    gus.events_so_far().await;
    alice.events_so_far().await;
    let (id, token) = (ida.id.clone(), ida.resumption.clone());
    ida.vanish();
    gus.say("missed").await;
    let mut ida = meeting.moving_guest(&token, &red).await;
    let joined = ida.join("Ida").await;
    assert_eq!(ida.id, id);
    let messages = joined["chat"]["room_history"]["messages"].as_array();
    assert_eq!(messages.expect("messages")[0]["content"], "missed");
    gus.expect_silence().await;
    alice.expect_silence().await;
    // Lost there, back in the main room.
    let token = ida.resumption.clone();
    ida.vanish();
    let mut ida = meeting.moving_guest(&token, &main_room()).await;
    ida.join("Ida").await;
    assert_eq!(ida.id, id);
    sees_leaving(&mut gus, &id).await;
    hears_of_joining(&mut gus, &id, &main_room()).await;
    hears_of_leaving(&mut alice, &id, &red).await;
    alice.expect_next("control", "joined").await;
}
