//! The server dies while people are in breakout rooms: they come back to where they were.

use serde_json::json;

use super::{Quiet, ask_for, move_guest, open, present};
use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Quiet: everybody_finds_the_own_room_again, breakout_rooms_expire_after_a_restart_too);

async fn everybody_finds_the_own_room_again(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "secret"})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guests = Vec::new();
    for name in ["Gus", "Ida"] {
        let mut guest = meeting.guest_with(json!({"password": "secret"})).await;
        guest.join(name).await;
        guests.push(guest);
    }
    let [mut gus, mut ida]: [_; 2] = guests.try_into().ok().expect("two");
    for one in [&mut alice, &mut gus, &mut ida] {
        one.events_so_far().await;
    }
    let [red, blue] = open(&mut alice, &mut [&mut gus, &mut ida], ["Red", "Blue"]).await;
    move_guest(&meeting, &mut gus, "Gus", &red).await;
    move_guest(&meeting, &mut ida, "Ida", &red).await;
    gus.say("in Red").await;
    alice.say("in the main room").await;
    server.kill9();
    server.restart().await;

    let mut gus_again = meeting.moving_guest(&gus.resumption, &red).await;
    let joined = gus_again.join("Gus").await;
    assert_eq!(gus_again.id, gus.id);
    assert_eq!(joined["breakout"]["current"], red);
    assert_eq!(
        joined["breakout"]["rooms"],
        json!([{"id": red, "name": "Red"}, {"id": blue, "name": "Blue"}])
    );
    assert_eq!(present(&joined["breakout"]["participants"]), [&alice.id]);
    assert_eq!(present(&joined["participants"]), [&ida.id]);
    let messages = &joined["chat"]["room_history"]["messages"];
    assert_eq!(messages.as_array().map(Vec::len), Some(1));
    assert_eq!(messages[0]["content"], "in Red");

    let mut alice_again = meeting.returning_owner(&alice.resumption).await;
    let joined = alice_again.join("Alice").await;
    assert_eq!(joined["breakout"]["current"], json!(null));
    assert_eq!(
        joined["chat"]["room_history"]["messages"][0]["content"],
        "in the main room"
    );
    assert_eq!(present(&joined["breakout"]["participants"]).len(), 2);
    // One of them uses the occasion to go elsewhere; nobody else has come or gone.
    let mut ida_again = meeting.moving_guest(&ida.resumption, &blue).await;
    ida_again.join("Ida").await;
    assert_eq!(ida_again.id, ida.id);
    let left = gus_again.expect_next("control", "left").await;
    assert_eq!(left["payload"]["id"], *ida.id);
    gus_again.expect_next("breakout", "joined").await;
    alice_again.expect_next("breakout", "left").await;
    alice_again.expect_next("breakout", "joined").await;
    alice_again.expect_silence().await;
}

async fn breakout_rooms_expire_after_a_restart_too(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, []) = meeting.gather([]).await;
    ask_for(&mut alice, &[("Red", &[])], Some(2)).await;
    alice.expect_next("breakout", "started").await;
    let token = alice.resumption.clone();
    server.kill9();
    server.restart().await;
    let mut alice = meeting.returning_owner(&token).await;
    let joined = alice.join("Alice").await;
    // It may have come to that already, before she was back.
    if joined.get("breakout").is_some() {
        alice.expect_next("breakout", "expired").await;
    }
    let mut late = meeting.guest().await;
    assert!(late.join("Late").await.get("breakout").is_none());
}
