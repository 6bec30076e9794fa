//! The end of breakout rooms. That whoever stays too long is sent out takes five minutes: a transcript shows it.

use serde_json::json;

use super::{Quiet, ask_for, move_guest, open, present};
use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Quiet:
    stopped_by_a_moderator, their_time_is_over, a_ticket_of_an_ended_room_leads_nowhere,
    a_new_start_finds_who_stayed);

async fn stopped_by_a_moderator(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    let [red] = open(&mut alice, &mut [&mut gus, &mut ida], ["Red"]).await;
    for (guest, name) in [(&mut gus, "Gus"), (&mut ida, "Ida")] {
        move_guest(&meeting, guest, name, &red).await;
    }
    for one in [&mut alice, &mut gus] {
        one.events_so_far().await;
    }
    alice.act("breakout", "stop").await;
    for one in [&mut alice, &mut gus, &mut ida] {
        let stopped = one.expect_next("breakout", "stopped").await;
        assert_eq!(stopped["payload"], json!({"message": "stopped"}));
    }
    alice.act("breakout", "stop").await;
    alice.expect_error("breakout", "inactive").await;
    // They have time to say goodbye.
    gus.say("bye").await;
    let heard = ida.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["content"], "bye");
    alice.expect_silence().await;
    let mut back = meeting.moving_guest(&gus.resumption, &json!(null)).await;
    let joined = back.join("Gus").await;
    gus.expect_close(1000).await;
    assert_eq!(back.id, gus.id);
    assert!(joined.get("breakout").is_none(), "{joined}");
    assert_eq!(present(&joined["participants"]), [&alice.id]);
    let left = ida.expect_next("control", "left").await;
    assert_eq!(left["payload"]["id"], *gus.id);
    let seen = alice.expect("control", "joined").await;
    assert_eq!(seen["id"], *gus.id);
}

async fn their_time_is_over(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    ask_for(&mut alice, &[("Red", &[])], Some(2)).await;
    let started = gus.expect_next("breakout", "started").await["payload"].clone();
    alice.expect_next("breakout", "started").await;
    for one in [&mut alice, &mut gus] {
        let expired = one.expect_next("breakout", "expired").await;
        assert_eq!(expired["payload"], json!({"message": "expired"}));
    }
    let red = &started["rooms"][0]["id"];
    meeting
        .invited(json!({"breakout_room": red}))
        .await
        .expect_error(400, "no_breakout_rooms");
    alice.act("breakout", "stop").await;
    alice.expect_error("breakout", "inactive").await;
    let mut late = meeting.guest().await;
    assert!(late.join("Late").await.get("breakout").is_none());
}

async fn a_ticket_of_an_ended_room_leads_nowhere(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    let ticket = meeting.invited(json!({"breakout_room": red})).await.expect(200);
    let body = json!({"breakout_room": red, "resumption": gus.resumption});
    let of_gus = meeting.invited(body).await.expect(200);
    let mut early = meeting.guest_with(json!({"breakout_room": red})).await;
    alice.act("breakout", "stop").await;
    for one in [&mut alice, &mut gus] {
        one.expect_next("breakout", "stopped").await;
    }
    let mut newcomer = meeting.connect(&ticket).await;
    for (who, name) in [(&mut newcomer, "Ned"), (&mut early, "Eve")] {
        who.ask_to_join(name).await;
        who.expect_close(1012).await;
    }
    // Who was in the main room all the time stays there, and comes back with a new ticket.
    let mut back = meeting.connect(&of_gus).await;
    back.ask_to_join("Gus").await;
    back.expect_close(1012).await;
    gus.expect_silence().await;
    let mut back = meeting.returning_guest(&gus.resumption).await;
    back.join("Gus").await;
    assert_eq!(back.id, gus.id);
    alice.expect_silence().await;
}

async fn a_new_start_finds_who_stayed(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    move_guest(&meeting, &mut gus, "Gus", &red).await;
    alice.events_so_far().await;
    ask_for(&mut alice, &[("Blue", &[&gus.id])], None).await;
    let started = gus.expect_next("breakout", "started").await["payload"].clone();
    let blue = &started["rooms"][0]["id"];
    assert_eq!(started["assignment"], *blue);
    let joined = move_guest(&meeting, &mut gus, "Gus", blue).await;
    assert_eq!(joined["breakout"]["rooms"], started["rooms"]);
    assert_eq!(joined["participants"], json!([]));
}
