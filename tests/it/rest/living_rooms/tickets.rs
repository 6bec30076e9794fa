//! How many tickets an address may ask for, and what it may invent.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    NOBODY,
    proxied::{Proxied, Room, post_from, retry_after},
};
use crate::support::{
    quiet::Settings,
    rest::{Answer, Rest, receive},
};

on_both_databases!(Strict:
    good_tokens_cost_no_tickets, invented_tokens_cost_tickets, people_behind_a_gateway_are_counted_one_by_one,
    services_are_never_counted, invented_codes_are_counted, invented_tickets_are_counted,
    relays_for_guests_are_counted);

type Strict = Proxied<OneTicket>;

/// One ticket a second, and ten at once.
struct OneTicket;

impl Settings for OneTicket {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        ("COLLOQUY_SIGNALING__TICKETS_PER_ADDRESS_PER_SECOND", "1"),
        ("COLLOQUY_HTTP__GATEWAYS", "[\"203.0.113.0/24\"]"),
        (
            "COLLOQUY_TURN__SERVERS",
            "[{\"uris\": [\"turn:turn.example.org\"], \"secret\": \"north\"}]",
        ),
    ];
}

const BURST: usize = 10;

/// A machine that takes longer than a second for a request never meets the limit.
const ENOUGH: usize = 100;

/// Inventions at the same time: twice what is allowed in a second.
const VOLLEY: usize = 100;

/// How long a limit may take to be met or to be over.
const DEADLINE: Duration = Duration::from_mins(1);

/// How many of these are answered before one is 429.
async fn answered(mut ask: impl AsyncFnMut() -> Answer) -> usize {
    for count in 0..ENOUGH {
        let answer = ask().await;
        if answer.status == 429 {
            assert!((1..=60).contains(&retry_after(&answer)));
            answer.expect_error(429, "too_many_requests");
            return count;
        }
    }
    panic!("{ENOUGH} were answered");
}

/// New guests from an address until one is refused.
async fn guests(room: &Room, address: &str) -> usize {
    answered(async || room.start(address, json!({})).await).await
}

async fn good_tokens_cost_no_tickets(world: &Strict) {
    let room = world.room(json!({})).await;
    let mut last = room.start("192.0.2.1", json!({})).await.expect(200);
    for _ in 0..5 * BURST {
        let more = json!({"resumption": last["resumption"]});
        last = room.start("192.0.2.1", more).await.expect(200);
    }
    assert!(guests(&room, "192.0.2.1").await >= BURST - 1);
    room.start("192.0.2.2", json!({})).await.expect(200);

    // A user whom this server has not met yet is none who invents: it was restarted.
    let path = format!("/v1/rooms/{}/start", room.id);
    let owner = world.person("ann", &json!({}));
    let asked = async |body: Value| post_from("192.0.2.3", &owner, &path, body).await;
    let mut last = asked(json!({})).await.expect(200);
    assert!(world.server.terminate().await.success());
    world.server.restart().await;
    for _ in 0..5 * BURST {
        last = asked(json!({"resumption": last["resumption"]})).await.expect(200);
    }
    assert!(answered(async || asked(json!({})).await).await >= BURST - 1);
}

async fn invented_tokens_cost_tickets(world: &Strict) {
    let room = world.room(json!({"password": "secret"})).await;
    let invented = async || {
        let more = json!({"resumption": "invented"});
        room.start("192.0.2.1", more).await
    };
    assert!(answered(invented).await >= BURST);
    let owner = world.person("ann", &json!({}));
    let path = format!("/v1/rooms/{}/start", room.id);
    // Whatever else is wrong with the request.
    let invented = async || {
        let body = json!({"resumption": "invented", "breakout_room": NOBODY});
        post_from("192.0.2.2", &owner, &path, body).await
    };
    assert!(answered(invented).await >= BURST);
}

async fn people_behind_a_gateway_are_counted_one_by_one(world: &Strict) {
    let room = world.room(json!({})).await;
    let path = format!("/v1/rooms/{}/start", room.id);
    for name in ["ann", "ben"] {
        let person = world.person(name, &json!({}));
        let asked = async || post_from("203.0.113.1", &person, &path, json!({})).await;
        assert!(answered(asked).await >= BURST, "{name}");
    }
    for room in [room, world.room(json!({})).await] {
        assert!(guests(&room, "203.0.113.2").await >= BURST);
        let refused = room.start("203.0.113.3", json!({})).await;
        refused.expect_error(429, "too_many_requests");
        room.start("192.0.2.1", json!({})).await.expect(200);
    }
}

async fn services_are_never_counted(world: &Strict) {
    let roles = json!({"realm_access": {"roles": ["opentalk-recorder", "opentalk-call-in"]}});
    let service = world.person("service", &roles);
    for number in 0..3 * BURST {
        let recording = json!({"room_id": NOBODY});
        post_from("192.0.2.1", &service, "/v1/services/recording/start", recording)
            .await
            .expect_error(404, "not_found");
        let call = json!({"id": format!("{number:010}"), "pin": "0000000000"});
        post_from("192.0.2.1", &service, "/v1/services/call_in/start", call)
            .await
            .expect_error(400, "invalid_credentials");
    }
}

/// Volleys from one address until one is refused; what is not is answered with this.
async fn until_refused(send: impl AsyncFn() -> Answer, (status, code): (u16, &str)) {
    let began = Instant::now();
    loop {
        let answers = join_all((0..VOLLEY).map(|_| send())).await;
        let (refused, others): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 429);
        for answer in others {
            answer.expect_error(status, code);
        }
        let is_refused = !refused.is_empty();
        for answer in refused {
            assert!((1..=60).contains(&retry_after(&answer)));
            answer.expect_error(429, "too_many_requests");
        }
        if is_refused {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "nothing is refused");
    }
}

async fn invented_codes_are_counted(world: &Strict) {
    let room = world.room(json!({})).await;
    let verify = async |address: &str, code: &str| {
        let body = json!({"invite_code": code});
        post_from(address, &room.anyone, "/v1/invite/verify", body).await
    };
    let good = join_all((0..2 * VOLLEY).map(|_| verify("192.0.2.1", &room.code)));
    for answer in good.await {
        answer.expect(201);
    }
    until_refused(async || verify("192.0.2.1", NOBODY).await, (404, "not_found")).await;
    verify("192.0.2.2", &room.code).await.expect(201);
    let began = Instant::now();
    while verify("192.0.2.1", &room.code).await.status != 201 {
        assert!(began.elapsed() < DEADLINE, "refused for ever");
    }

    let stranger = room.anyone.with_authorization(&format!("InviteCode {NOBODY}"));
    let read = async || relays(&stranger, "192.0.2.3").await;
    until_refused(read, (403, "forbidden")).await;
}

async fn relays(who: &Rest, address: &str) -> Answer {
    let request = who.request(Method::GET, "/v1/turn");
    receive(request.header("x-forwarded-for", address), "GET turn".to_owned()).await
}

async fn relays_for_guests_are_counted(world: &Strict) {
    let room = world.room(json!({"password": "secret"})).await;
    let guest = room
        .anyone
        .with_authorization(&format!("InviteCode {}", room.code));
    let told = relays(&guest, "192.0.2.1").await.expect(200);
    assert_eq!(told[0]["ttl"], 3_600, "an hour, whatever others have");
    assert!(answered(async || relays(&guest, "192.0.2.1").await).await >= BURST - 1);
    relays(&guest, "192.0.2.2").await.expect(200);
    // Behind a gateway guests are counted by their code.
    assert!(answered(async || relays(&guest, "203.0.113.1").await).await >= BURST);
    let other = world.room(json!({})).await;
    let other = other
        .anyone
        .with_authorization(&format!("InviteCode {}", other.code));
    relays(&other, "203.0.113.2").await.expect(200);
    // Users are not counted, and have them for as long as is set.
    let user = world.person("ann", &json!({}));
    for _ in 0..2 * BURST {
        let told = relays(&user, "192.0.2.1").await.expect(200);
        assert_eq!(told[0]["ttl"], 12 * 3_600);
    }
}

async fn invented_tickets_are_counted(world: &Strict) {
    let room = world.room(json!({})).await;
    let open = async |who: &Rest, ticket: &str| {
        let request = who
            .upgrade("/signaling")
            .header("x-forwarded-for", "192.0.2.1")
            .header(
                "sec-websocket-protocol",
                format!("opentalk-signaling-json-v1.0, ticket#{ticket}"),
            );
        receive(request, "GET signaling".to_owned()).await
    };
    let issued = room.start("192.0.2.1", json!({})).await.expect(200);
    let ticket = issued["ticket"].as_str().expect("a ticket");
    assert_eq!(open(&room.anyone, ticket).await.status, 101);
    // It was redeemed.
    let again = async || open(&room.anyone, ticket).await;
    until_refused(again, (401, "invalid_ticket")).await;
}
