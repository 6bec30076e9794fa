//! How many rooms of an owner live at the same time, and how many sockets of a network may be there without having joined.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::proxied::{Proxied, Room, post_from, retry_after};
use crate::{
    databases::Kind,
    support::{
        participant::{Participant, protocols},
        quiet::Settings,
        rest::{Answer, receive},
    },
};

on_both_databases!(Narrow: rooms_of_an_owner_live_up_to_their_number, the_tariff_of_the_owner_goes_before_it, a_network_has_so_many_sockets_that_have_not_joined);

type Narrow = Proxied<Few>;

/// As many as a test likes to make.
struct Few;

impl Settings for Few {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        ("COLLOQUY_QUOTAS__LIVING_ROOMS_MAX", "3"),
        ("COLLOQUY_SIGNALING__UNJOINED_SOCKETS_PER_NETWORK", "3"),
        ("COLLOQUY_SIGNALING__JOIN_DEADLINE_SECS", "5"),
    ];
}

struct Defaults;

impl Settings for Defaults {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[];
}

const HERE: &str = "198.51.100.7";
/// Rooms of an owner that live without anybody having entered them.
const EMPTY: usize = 10;
/// How long a limit may take to be over.
const DEADLINE: Duration = Duration::from_mins(1);

/// A ticket of a guest, or what refuses it.
async fn start(room: &Room) -> Answer {
    room.start(HERE, json!({})).await
}

/// Nobody can be let in at the moment, which is no fault of whoever asks.
async fn refused(room: &Room) {
    let answer = start(room).await;
    assert!(retry_after(&answer) >= 1);
    answer.expect_error(503, "service_unavailable");
}

async fn until_started(room: &Room) {
    let begun = Instant::now();
    while start(room).await.status != 200 {
        assert!(begun.elapsed() < DEADLINE, "the room does not begin");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn rooms_of_an_owner_live_up_to_their_number(world: &Narrow) {
    let mut rooms = Vec::new();
    for _ in 0..4 {
        rooms.push(world.room(json!({})).await);
    }
    for room in &rooms[..3] {
        start(room).await.expect(200);
    }
    refused(&rooms[3]).await;
    // One that lives takes everybody as before, and others have rooms of their own.
    start(&rooms[0]).await.expect(200);
    let ben = world.person("ben", &json!({}));
    let other = ben.post("/v1/rooms", json!({})).await.expect(201);
    let path = format!("/v1/rooms/{}/start", other["id"].as_str().expect("an id"));
    post_from(HERE, &ben, &path, json!({})).await.expect(200);
    // Whoever has links to an owner's rooms shuts the owner out of none of the others.
    let ann = world.person("ann", &json!({}));
    let path = format!("/v1/rooms/{}/start", rooms[3].id);
    post_from(HERE, &ann, &path, json!({})).await.expect(200);
    rooms[3] = world.room(json!({})).await;
    refused(&rooms[3]).await;
    // One that ends makes place.
    ann.delete(&format!("/v1/rooms/{}", rooms[1].id))
        .await
        .expect(204);
    until_started(&rooms[3]).await;
}

async fn the_tariff_of_the_owner_goes_before_it(world: &Narrow) {
    let rooms = [world.room(json!({})).await, world.room(json!({})).await];
    let allow = |number: u32| {
        let quota = format!("--quota=living_rooms_max={number}");
        world.server.operate(&["tariffs", "edit", "Default", &quota]);
    };
    allow(1);
    start(&rooms[0]).await.expect(200);
    refused(&rooms[1]).await;
    allow(2);
    start(&rooms[1]).await.expect(200);
}

#[tokio::test]
async fn rooms_that_nobody_has_entered_are_few() {
    let world = Proxied::<Defaults>::start(Kind::Sqlite).await;
    let mut rooms = Vec::new();
    for _ in 0..=EMPTY {
        rooms.push(world.room(json!({})).await);
    }
    let mut ticket = Value::Null;
    for room in &rooms[..EMPTY] {
        ticket = start(room).await.expect(200);
    }
    refused(&rooms[EMPTY]).await;
    // They are those of one network: others find the door open.
    let anyone = world.server.anonymous();
    let path = format!("/v1/rooms/{}/start_invited", rooms[EMPTY].id);
    let body = json!({"invite_code": rooms[EMPTY].code});
    post_from("198.51.100.9", &anyone, &path, body).await.expect(200);
    world.finish().await;

    let world = Proxied::<Defaults>::start(Kind::Sqlite).await;
    let mut rooms = Vec::new();
    for _ in 0..=EMPTY {
        rooms.push(world.room(json!({})).await);
    }
    for room in &rooms[..EMPTY] {
        ticket = start(room).await.expect(200);
    }
    refused(&rooms[EMPTY]).await;
    let mut guest = Participant::connect(&world.server.address(), &ticket).await;
    guest.join("Gus").await;
    until_started(&rooms[EMPTY]).await;
    world.finish().await;
}

/// The status of an upgrade of a client with this address, which then goes.
async fn upgrade(world: &Narrow, address: &str, ticket: &Value) -> u16 {
    let request = world.server.anonymous().upgrade("/signaling");
    let request = request
        .header("x-forwarded-for", address)
        .header("sec-websocket-protocol", protocols(ticket));
    receive(request, format!("an upgrade from {address}"))
        .await
        .status
}

async fn a_network_has_so_many_sockets_that_have_not_joined(world: &Narrow) {
    let room = world.room(json!({})).await;
    let connect = async || {
        let ticket = start(&room).await.expect(200);
        Participant::connect(&world.server.address(), &ticket).await
    };
    // All sockets of this test come from the proxy's own address, but for the upgrades that say otherwise.
    let mut sockets = [connect().await, connect().await, connect().await];
    let ticket = start(&room).await.expect(200);
    assert_eq!(upgrade(world, "127.0.0.1", &ticket).await, 429);
    let other = start(&room).await.expect(200);
    assert_eq!(upgrade(world, "203.0.113.9", &other).await, 101);
    // Who has joined counts no more, and the refused one has its ticket still.
    sockets[0].join("Gus").await;
    let mut late = Participant::connect(&world.server.address(), &ticket).await;
    // The others do not join in time.
    for socket in &mut sockets[1..] {
        assert_eq!(socket.close_code().await, Some(1008));
    }
    assert_eq!(late.close_code().await, Some(1008));
    let [inside, ..] = &mut sockets;
    inside.say("still here").await;
    // Their places are free, once they are gone.
    let begun = Instant::now();
    while upgrade(world, "127.0.0.1", &start(&room).await.expect(200)).await != 101 {
        assert!(begun.elapsed() < DEADLINE, "no place becomes free");
        sleep(Duration::from_millis(100)).await;
    }
}
