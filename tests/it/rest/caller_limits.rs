//! How fast one user may change things.

use std::time::Instant;

use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::{Api, Person, request},
    events::{event, path, timeless},
};
use crate::databases::Kind;

on_both_databases!(Slow: whoever_changes_too_much_waits, whoever_logs_in_too_often_waits, invitations_go_faster);

/// A server that lets a user make one change a second, besides the burst.
struct Slow(Api);

impl Slow {
    async fn start(kind: Kind) -> Self {
        Self(Api::with(kind, |config| config.http.writes_per_second = 1).await)
    }

    async fn finish(self) {
        self.0.finish().await;
    }
}

/// Asks until it is refused, at most so often; how often it was not, and the refusal.
async fn until_refused(number: u32, ask: impl AsyncFn() -> Answer) -> (u64, Answer) {
    for admitted in 0..u64::from(number) {
        let answer = ask().await;
        if answer.status.as_u16() == 429 {
            return (admitted, answer);
        }
    }
    panic!("not refused after {number}");
}

async fn nothing(api: &Api, person: &Person) -> Answer {
    api.call(person, "PATCH", "/v1/users/me", json!({})).await
}

async fn whoever_logs_in_too_often_waits(Slow(api): &Slow) {
    let [alice, bob] = [api.person("alice").await, api.person("bob").await];
    let login = async |person: &Person| {
        let body = json!({"id_token": person.id_token});
        api.call_anonymously("POST", "/v1/auth/login", body).await
    };
    let (admitted, refusal) = until_refused(10_000, || login(&alice)).await;
    assert!(admitted >= 100, "{admitted}");
    refusal.refused(429, "too_many_requests");
    login(&bob).await.expect(200);
}

async fn whoever_changes_too_much_waits(Slow(api): &Slow) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let began = Instant::now();
    let (admitted, refusal) = until_refused(10_000, || nothing(api, &alice)).await;
    // One was the room.
    let allowed = 99 + began.elapsed().as_secs() + 1;
    assert!((99..=allowed).contains(&admitted), "{admitted}");
    refusal.refused(429, "too_many_requests");
    assert!(["1", "2"].contains(&refusal.header("retry-after")));
    // Reading, entering and guests are not limited, nor is anybody else.
    for _ in 0..150 {
        api.get(&alice, "/v1/rooms").await.expect(200);
    }
    let start = format!("/v1/rooms/{room}/start");
    for _ in 0..20 {
        let answer = api.call(&alice, "POST", &start, json!({})).await;
        assert_ne!(answer.status.as_u16(), 429, "{}", answer.body);
    }
    let bob = api.person("bob").await;
    nothing(api, &bob).await.expect(204);
    // What is refused anyway does not become a look at the limits: no credentials are no user's.
    let stranger = request("PATCH", "/v1/users/me", Some("Bearer nonsense"), &json!({}));
    api.send(stranger).await.refused(401, "unauthorized");
}

async fn invitations_go_faster(Slow(api): &Slow) {
    let alice = api.person("alice").await;
    let event = event(api, &alice, timeless()).await;
    until_refused(10_000, || nothing(api, &alice)).await;
    let invites = format!("{}/invites", path(&event));
    let nobody = json!({"invitee": "00000000-0000-4000-8000-000000000000"});
    let began = Instant::now();
    let (admitted, refusal) =
        until_refused(10_000, || api.call(&alice, "POST", &invites, nobody.clone())).await;
    let allowed = 500 + began.elapsed().as_secs() + 1;
    assert!((500..=allowed).contains(&admitted), "{admitted}");
    refusal.refused(429, "too_many_requests");
    let listed = api.get(&alice, &invites).await;
    assert_ne!(listed.expect(200), Value::Null);
}
