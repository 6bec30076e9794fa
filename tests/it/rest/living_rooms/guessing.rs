//! Guesses at room passwords from many addresses.

use std::time::Duration;

use futures_util::future::select_all;
use serde_json::json;
use tokio::{task::JoinHandle, time::timeout};

use super::proxied::{Proxied, Room, retry_after};
use crate::support::{
    quiet::{Defaults, Settings},
    rest::Answer,
};

/// How long anything that is not held may take, and what is held beside its 30 s.
const DEADLINE: Duration = Duration::from_mins(1);

/// More than a guess is held and a request may take.
const HELD_DEADLINE: Duration = Duration::from_mins(2);

/// Whatever has not been answered after it is held.
const PROBE: Duration = Duration::from_secs(3);

const PASSWORD: &str = "open sesame";

mod many {
    use super::*;

    on_both_databases!(World: many_guessers_slow_strangers_down, an_ipv6_network_is_one_guesser);

    type World = Proxied<Defaults>;
}

mod few {
    use super::*;

    on_both_databases!(World: held_guesses_end_with_the_server, held_guesses_are_judged_by_what_is_true_then);

    type World = Proxied<OneFailure>;
}

/// The limits hold from the first wrong password on.
struct OneFailure;

impl Settings for OneFailure {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("COLLOQUY_HTTP__PASSWORD_FAILURES_PER_ROOM_PER_HOUR", "1")];
}

/// Four guesses with this password from one address that are held; a fifth one was refused.
async fn held(room: &Room, address: &'static str, password: &'static str) -> Vec<JoinHandle<Answer>> {
    let guess = |_| {
        let room = room.clone();
        tokio::spawn(async move { room.guess(address, password).await })
    };
    let guesses: Vec<_> = (0..5).map(guess).collect();
    let first = timeout(DEADLINE, select_all(guesses)).await;
    let (refused, _, guesses) = first.expect("an answer in time");
    let refused = refused.expect("no panic");
    assert!((1..=30).contains(&retry_after(&refused)));
    refused.expect_error(429, "too_many_requests");
    guesses
}

async fn ended(guess: JoinHandle<Answer>) -> Answer {
    let answer = timeout(HELD_DEADLINE, guess).await;
    answer.expect("an answer in time").expect("no panic")
}

async fn many_guessers_slow_strangers_down(world: &Proxied<Defaults>) {
    let room = world.room(json!({"password": PASSWORD})).await;
    room.guess("198.51.100.1", PASSWORD).await.expect(200);
    for guesser in 0..10 {
        let address = format!("192.0.2.{guesser}");
        for _ in 0..10 {
            let refused = room.guess(&address, "wrong").await;
            refused.expect_error(401, "wrong_room_password");
        }
        let refused = room.guess(&address, PASSWORD).await;
        assert!((1..=30 * 60).contains(&retry_after(&refused)));
        refused.expect_error(429, "too_many_requests");
    }
    let mut strangers = held(&room, "203.0.113.1", PASSWORD).await;

    // Meanwhile those come in at once who knew it before, and to ask whether there is a password is no guess.
    room.guess("198.51.100.1", PASSWORD).await.expect(200);
    for nothing in [json!({}), json!({"password": ""}), json!({"password": null})] {
        for address in ["203.0.113.1", "203.0.113.2", "192.0.2.0"] {
            let asked = room.start(address, nothing.clone()).await;
            asked.expect_error(401, "wrong_room_password");
        }
    }
    let other = world.room(json!({"password": "other"})).await;
    other.guess("203.0.113.1", "other").await.expect(200);

    // One of them goes away, and its place is for another.
    let is_waiting = |strangers: &[JoinHandle<Answer>]| strangers.iter().all(|guess| !guess.is_finished());
    assert!(is_waiting(&strangers), "judged at once");
    strangers.pop().expect("four guesses").abort();
    while let Ok(refused) = timeout(PROBE, room.guess("203.0.113.1", PASSWORD)).await {
        refused.expect_error(429, "too_many_requests");
    }
    assert!(is_waiting(&strangers), "the place was not given back");
    for guess in strangers {
        guess.abort();
    }
}

async fn an_ipv6_network_is_one_guesser(world: &Proxied<Defaults>) {
    let room = world.room(json!({"password": PASSWORD})).await;
    for guesser in 0..40 {
        // Ten of each of four /64s in one /56.
        let address = format!("2001:db8:1:{:x}::{guesser:x}", guesser % 4);
        let refused = room.guess(&address, "wrong").await;
        refused.expect_error(401, "wrong_room_password");
    }
    for refused in ["2001:db8:1:0:ffff::1", "2001:db8:1:ff::1"] {
        let refused = room.guess(refused, PASSWORD).await;
        refused.expect_error(429, "too_many_requests");
    }
    for other in ["2001:db8:1:100::1", "2001:db8:2::1", "192.0.2.1"] {
        room.guess(other, PASSWORD).await.expect(200);
    }
}

async fn held_guesses_end_with_the_server(world: &Proxied<OneFailure>) {
    let room = world.room(json!({"password": PASSWORD})).await;
    room.guess("192.0.2.1", "wrong")
        .await
        .expect_error(401, "wrong_room_password");
    let guesses = held(&room, "203.0.113.1", PASSWORD).await;
    // It ends within its time, which is less than a guess is held.
    assert!(world.server.terminate().await.success());
    for guess in guesses {
        let ended = ended(guess).await;
        assert!(retry_after(&ended) > 0);
        ended.expect_error(503, "service_unavailable");
    }
}

async fn held_guesses_are_judged_by_what_is_true_then(world: &Proxied<OneFailure>) {
    let room = world.room(json!({"password": PASSWORD})).await;
    let unchanged = world.room(json!({"password": PASSWORD})).await;
    for room in [&room, &unchanged] {
        let refused = room.guess("192.0.2.1", "wrong").await;
        refused.expect_error(401, "wrong_room_password");
    }
    let right = held(&unchanged, "203.0.113.1", PASSWORD).await;
    let old = held(&room, "203.0.113.1", PASSWORD).await;
    let new = held(&room, "203.0.113.2", "a new one").await;
    let path = format!("/v1/rooms/{}", room.id);
    let owner = world.person("ann", &json!({}));
    owner
        .patch(&path, json!({"password": "a new one"}))
        .await
        .expect(200);
    for guess in old {
        ended(guess).await.expect_error(401, "wrong_room_password");
    }
    for guess in new.into_iter().chain(right) {
        ended(guess).await.expect(200);
    }
    // They are known now.
    unchanged.guess("203.0.113.1", PASSWORD).await.expect(200);
}
