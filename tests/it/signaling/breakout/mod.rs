//! Section 5: rooms beside the main room.

mod end;
mod moving;
mod restart;
mod scopes;
mod start;

use serde_json::{Value, json};

use super::{NOBODY, assert_time, fields};
use crate::support::{meeting::Meeting, participant::Participant, quiet::Quiet};

/// Asks for rooms: names, and the ids of those who shall go there.
async fn ask_for(moderator: &mut Participant, rooms: &[(&str, &[&str])], duration: Option<u64>) {
    let rooms: Vec<_> = rooms
        .iter()
        .map(|(name, assignments)| json!({"name": name, "assignments": assignments}))
        .collect();
    let command = json!({"action": "start", "rooms": rooms, "duration": duration});
    moderator.send("breakout", command).await;
}

/// Opens breakout rooms without end under these names; answers their ids when everybody has heard of it.
async fn open<const N: usize>(
    moderator: &mut Participant,
    others: &mut [&mut Participant],
    names: [&str; N],
) -> [Value; N] {
    let none: &[&str] = &[];
    ask_for(moderator, &names.map(|name| (name, none)), None).await;
    let started = moderator.expect_next("breakout", "started").await["payload"].clone();
    for other in others {
        assert_eq!(other.expect_next("breakout", "started").await["payload"], started);
    }
    let rooms = started["rooms"].as_array().expect("rooms").iter();
    let ids: Vec<_> = rooms.map(|room| room["id"].clone()).collect();
    ids.try_into().expect("as many as names")
}

/// The guest goes into this room while its old socket is open, which the server closes at the join; it keeps its id and says nothing
/// about what others hear.
async fn move_guest(meeting: &Meeting, guest: &mut Participant, name: &str, room: &Value) -> Value {
    let mut moved = meeting.moving_guest(&guest.resumption, room).await;
    let joined = moved.join(name).await;
    assert_eq!(guest.close_code().await, Some(1000));
    assert_eq!(moved.id, guest.id, "{name} stays the same");
    assert_eq!(joined["breakout"]["current"], *room);
    *guest = moved;
    joined
}

/// The next event tells that somebody came into another room.
async fn hears_of_joining(who: &mut Participant, id: &str, room: &Value) {
    let joined = who.expect_next("breakout", "joined").await["payload"].clone();
    assert_eq!((&joined["id"], &joined["breakout_room"]), (&json!(id), room));
}

/// The next event tells that somebody left another room.
async fn hears_of_leaving(who: &mut Participant, id: &str, room: &Value) {
    let left = who.expect_next("breakout", "left").await;
    assert_eq!(
        left["payload"],
        json!({"message": "left", "breakout_room": room, "id": id})
    );
}

/// Ids of those in this list who are present.
fn present(participants: &Value) -> Vec<&str> {
    let entries = participants.as_array().expect("a list").iter();
    let present = entries.filter(|entry| {
        let state = entry.get("control").unwrap_or(entry);
        state["left_at"].is_null()
    });
    present
        .map(|entry| entry["id"].as_str().expect("an id"))
        .collect()
}
