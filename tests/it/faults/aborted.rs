//! Clients that go away while their request is worked on.

use std::{
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    task::Poll,
};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::wait_until;
use crate::rest::api::{Api, Person};

on_both_databases!(Api: aborted_requests_leave_nothing_open_and_nothing_half_done);

const REQUESTS: usize = 1_000;
const AT_ONCE: usize = 20;
/// How often requests wait for something, at the most: on a connection that is there, on one that must be made, and as often as
/// they need: how often that is, the machine decides.
const AWAITS_MAX: [usize; 3] = [3, 60, usize::MAX];

/// Works on a request until it has waited so often, then forgets it; whether it came to its end.
async fn abandon(request: impl Future, awaits: usize) -> bool {
    let mut request = pin!(request);
    let mut left = awaits;
    poll_fn(|context| {
        let Some(fewer) = left.checked_sub(1) else {
            return Poll::Ready(false);
        };
        left = fewer;
        request.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// One of several requests that read and write.
async fn request(api: &Api, person: &Person, room: &str, code: &str, number: usize) -> u16 {
    let invite = format!("/v1/rooms/{room}/invites/{code}");
    let (method, path, body) = match number % 6 {
        0 | 1 => ("POST", "/v1/rooms".to_owned(), json!({"enable_sip": true})),
        2 => ("GET", "/v1/rooms".to_owned(), Value::Null),
        3 => ("PUT", invite, json!({"expiration": "2090-01-01T00:00:00Z"})),
        4 => (
            "PATCH",
            format!("/v1/rooms/{room}"),
            json!({"waiting_room": number.is_multiple_of(4)}),
        ),
        _ => ("PATCH", "/v1/users/me".to_owned(), json!({"title": "Dr."})),
    };
    api.call(person, method, &path, body).await.status.as_u16()
}

async fn aborted_requests_leave_nothing_open_and_nothing_half_done(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({"enable_sip": true})).await;
    let code = api.invite(&alice, &room, json!({})).await;
    let (ended, broken_off) = (AtomicUsize::new(0), AtomicUsize::new(0));
    stream::iter(0..REQUESTS)
        .for_each_concurrent(AT_ONCE, |number| {
            let (alice, room, code, ended, broken_off) = (&alice, &room, &code, &ended, &broken_off);
            async move {
                let work = request(api, alice, room, code, number);
                let awaits = rand::random_range(1..=AWAITS_MAX[number / 6 % AWAITS_MAX.len()]);
                let count = if abandon(work, awaits).await {
                    ended
                } else {
                    broken_off
                };
                count.fetch_add(1, Relaxed);
            }
        })
        .await;
    let counts = (ended.into_inner(), broken_off.into_inner());
    assert!(
        counts.0 > 0 && counts.1 > REQUESTS / 20,
        "(ended, broken off): {counts:?}"
    );

    // The transactions that were under way end by themselves.
    wait_until("no transaction is left open", async || {
        match api.database.forgotten_transactions().await {
            0 => Ok(()),
            open => Err(open),
        }
    })
    .await;
    let incomplete = "SELECT count(*) FROM rooms r WHERE NOT EXISTS
        (SELECT * FROM sip_configs s WHERE s.room_id = r.id)";
    assert_eq!(api.database.number(incomplete).await, 0);
    for number in 0..6 {
        let status = request(api, &alice, &room, &code, number).await;
        assert!(matches!(status, 200 | 201), "{number}: {status}");
    }
}
