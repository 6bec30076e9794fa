//! Quotas of rooms, events and invite codes.

use std::ops::Deref;

use colloquy::config::Quotas;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::{Api, Person},
    events::{post, text, timeless},
};
use crate::databases::Kind;

on_both_databases!(Small:
    rooms_end_at_their_quota,
    events_end_at_theirs_and_make_rooms,
    of_twenty_at_once_one_gets_the_last_place,
    what_is_above_a_lowered_quota_stays,
    valid_codes_of_a_room_end_at_their_quota,
    a_code_without_end_is_allowed_beside_the_quota,
    a_change_makes_no_more_codes_valid_than_may_be,
    of_twenty_codes_at_once_one_gets_the_last_place,
    asking_again_at_once_gives_the_same_code,
    assets_of_all_rooms_end_at_their_quota,
    of_ten_uploads_at_once_one_gets_the_last_place,
);

/// A server whose users may have little.
struct Small(Api);

impl Small {
    async fn start(kind: Kind) -> Self {
        let little = Quotas {
            rooms_max: 5,
            events_max: 3,
            assets_max: 3,
            invites_per_room_max: 2,
            ..Quotas::NONE
        };
        Self(Api::with(kind, |config| config.quotas = little).await)
    }

    async fn finish(self) {
        self.0.finish().await;
    }

    async fn tariff(&self, quotas: &Value) {
        let set = format!("UPDATE tariffs SET quotas = '{quotas}'");
        self.database.execute(&set).await;
    }

    async fn post(&self, person: &Person, path: &str, body: Value) -> Answer {
        self.call(person, "POST", path, body).await
    }

    async fn rows(&self, table: &str) -> i64 {
        self.database
            .number(&format!("SELECT count(*) FROM {table}"))
            .await
    }
}

impl Deref for Small {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.0
    }
}

#[track_caller]
fn exceeded(answer: &Answer, name: &str, max: u64, used: u64) {
    answer.refused(403, "quota_exceeded");
    let quota = json!({"name": name, "max": max, "used": used});
    assert_eq!(answer.body["quota"], quota);
    assert_eq!(answer.header("retry-after"), "", "it does not end by itself");
}

async fn rooms_end_at_their_quota(api: &Small) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let mut rooms = Vec::new();
    for _ in 0..5 {
        rooms.push(api.room(&alice, json!({})).await);
    }
    exceeded(&api.post(&alice, "/v1/rooms", json!({})).await, "rooms_max", 5, 5);
    assert_eq!(api.rows("rooms").await, 5, "nothing was made");
    // Everybody has a quota of one's own, and a room that goes makes place for another.
    api.room(&bob, json!({})).await;
    let path = format!("/v1/rooms/{}", rooms[0]);
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    api.room(&alice, json!({})).await;
    // The tariff goes before the settings.
    api.tariff(&json!({"rooms_max": 6})).await;
    api.room(&alice, json!({})).await;
    exceeded(&api.post(&alice, "/v1/rooms", json!({})).await, "rooms_max", 6, 6);
    api.tariff(&json!({"rooms_max": 0})).await;
    api.room(&alice, json!({})).await;
}

async fn events_end_at_theirs_and_make_rooms(api: &Small) {
    let alice = api.person("alice").await;
    for _ in 0..3 {
        post(api, &alice, timeless()).await.expect(201);
    }
    exceeded(&post(api, &alice, timeless()).await, "events_max", 3, 3);
    assert_eq!((api.rows("events").await, api.rows("rooms").await), (3, 3));
    // Their rooms are rooms.
    api.tariff(&json!({"events_max": 100})).await;
    for _ in 0..2 {
        post(api, &alice, timeless()).await.expect(201);
    }
    exceeded(&post(api, &alice, timeless()).await, "rooms_max", 5, 5);
    assert_eq!((api.rows("events").await, api.rows("rooms").await), (5, 5));
    // An event is changed as before.
    let listed = api.get(&alice, "/v1/events").await.expect(200);
    let path = format!("/v1/events/{}", text(&listed[0]["id"]));
    let change = json!({"title": "Tee", "show_meeting_details": true});
    api.call(&alice, "PATCH", &path, change).await.expect(200);
}

/// How many of these answers have this status. All others are refused by the quota.
#[track_caller]
fn made(answers: &[Answer]) -> usize {
    for answer in answers.iter().filter(|answer| answer.status.as_u16() != 201) {
        answer.refused(403, "quota_exceeded");
    }
    answers
        .iter()
        .filter(|answer| answer.status.as_u16() == 201)
        .count()
}

async fn of_twenty_at_once_one_gets_the_last_place(api: &Small) {
    let alice = api.person("alice").await;
    for _ in 0..2 {
        api.room(&alice, json!({})).await;
        post(api, &alice, timeless()).await.expect(201);
    }
    // Rooms and events share the last place.
    let both = join_all((0..20).map(|number| {
        let (path, body) = if number % 2 == 0 {
            ("/v1/rooms", json!({}))
        } else {
            ("/v1/events", timeless())
        };
        api.post(&alice, path, body)
    }));
    assert_eq!(made(&both.await), 1);
    assert_eq!(api.rows("rooms").await, 5);
}

async fn what_is_above_a_lowered_quota_stays(api: &Small) {
    let alice = api.person("alice").await;
    for _ in 0..4 {
        api.room(&alice, json!({})).await;
    }
    api.tariff(&json!({"rooms_max": 2})).await;
    let listed = api.get(&alice, "/v1/rooms").await.expect(200);
    assert_eq!(listed.as_array().map(Vec::len), Some(4));
    let path = format!("/v1/rooms/{}", text(&listed[0]["id"]));
    api.call(&alice, "PATCH", &path, json!({"waiting_room": true}))
        .await
        .expect(200);
    exceeded(&api.post(&alice, "/v1/rooms", json!({})).await, "rooms_max", 2, 4);
}

/// A time on a day after the one that the clock stands at.
fn day(day: u32) -> Value {
    json!({"expiration": format!("2027-02-{day:02}T00:00:00Z")})
}

async fn room(api: &Small) -> (Person, String) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    (alice, format!("/v1/rooms/{room}/invites"))
}

async fn valid_codes_of_a_room_end_at_their_quota(api: &Small) {
    let (alice, invites) = room(api).await;
    let expired = json!({"expiration": "2027-01-01T00:00:00Z"});
    for _ in 0..3 {
        api.post(&alice, &invites, expired.clone()).await.expect(201);
    }
    let first = api.post(&alice, &invites, day(1)).await.expect(201);
    api.post(&alice, &invites, day(2)).await.expect(201);
    exceeded(
        &api.post(&alice, &invites, day(3)).await,
        "invites_per_room_max",
        2,
        2,
    );
    // Whoever invites for the owner is under the owner's quota, and other rooms have their own.
    let other = api.room(&alice, json!({})).await;
    api.invite(&alice, &other, day(1)).await;
    // One that is withdrawn does not count any more.
    let path = format!("{invites}/{}", text(&first["invite_code"]));
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    api.post(&alice, &invites, day(3)).await.expect(201);
    // One that has expired neither.
    api.clock.advance(20 * 24 * 3_600);
    let alice = api.person("alice").await;
    api.post(&alice, &invites, json!({"expiration": "2027-03-01T00:00:00Z"}))
        .await
        .expect(201);
}

async fn a_code_without_end_is_allowed_beside_the_quota(api: &Small) {
    let (alice, invites) = room(api).await;
    for number in 1..=2 {
        api.post(&alice, &invites, day(number)).await.expect(201);
    }
    let shared = api.post(&alice, &invites, json!({})).await.expect(201);
    assert_eq!(shared["expiration"], Value::Null);
    api.clock.advance(10);
    exceeded(
        &api.post(&alice, &invites, json!({})).await,
        "invites_per_room_max",
        2,
        2,
    );
    // Without it there may be another.
    let path = format!("{invites}/{}", text(&shared["invite_code"]));
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    api.post(&alice, &invites, json!({})).await.expect(201);
    // The other way round: it is not counted when others are made.
    let other = format!("/v1/rooms/{}/invites", api.room(&alice, json!({})).await);
    for body in [json!({}), day(1), day(2)] {
        api.post(&alice, &other, body).await.expect(201);
    }
    exceeded(
        &api.post(&alice, &other, day(3)).await,
        "invites_per_room_max",
        2,
        2,
    );
}

async fn a_change_makes_no_more_codes_valid_than_may_be(api: &Small) {
    let (alice, invites) = room(api).await;
    let expired = json!({"expiration": "2027-01-01T00:00:00Z"});
    let mut codes = Vec::new();
    for body in [expired.clone(), day(1), day(2), json!({})] {
        let made = api.post(&alice, &invites, body).await.expect(201);
        codes.push(format!("{invites}/{}", text(&made["invite_code"])));
    }
    let put = async |code: usize, body: Value| api.call(&alice, "PUT", &codes[code], body).await;
    let refused = |answer: Answer| exceeded(&answer, "invites_per_room_max", 2, 2);
    // Neither is an expired one valid again, nor does the one beside the quota become an ordinary one.
    refused(put(0, day(9)).await);
    refused(put(0, json!({"expiration": null})).await);
    refused(put(3, day(9)).await);
    assert_eq!(
        api.get(&alice, &codes[3]).await.expect(200)["expiration"],
        Value::Null
    );
    // What makes no more of them is allowed, also above a quota that was lowered.
    put(1, day(7)).await.expect(200);
    api.tariff(&json!({"invites_per_room_max": 1})).await;
    put(1, day(8)).await.expect(200);
    put(1, json!({"expiration": null})).await.expect(200);
    put(1, day(8)).await.expect(200);
    put(2, expired).await.expect(200);
    let refusal = put(0, day(9)).await;
    exceeded(&refusal, "invites_per_room_max", 1, 1);
    put(1, json!({"expiration": "2027-01-02T00:00:00Z"}))
        .await
        .expect(200);
    put(0, day(9)).await.expect(200);
}

async fn of_twenty_codes_at_once_one_gets_the_last_place(api: &Small) {
    let (alice, invites) = room(api).await;
    api.post(&alice, &invites, day(1)).await.expect(201);
    let many = join_all((0..20).map(|_| api.post(&alice, &invites, day(2))));
    assert_eq!(made(&many.await), 1);
    assert_eq!(api.rows("invites").await, 2);
}

async fn asking_again_at_once_gives_the_same_code(api: &Small) {
    let (alice, invites) = room(api).await;
    let ask = async |body: Value| api.post(&alice, &invites, body).await.expect(201);
    let first = ask(json!({})).await;
    // As the web client does: as fast as it can, and at the same time.
    let many = join_all((0..20).map(|_| api.post(&alice, &invites, json!({"expiration": null}))));
    for again in many.await {
        assert_eq!(again.expect(201), first);
    }
    api.clock.advance(9);
    assert_eq!(ask(json!({})).await, first);
    assert_eq!(api.rows("invites").await, 1);
    // What says when it ends is another wish, and one with an end is no answer to a wish for one without.
    let dated = ask(day(1)).await;
    assert_ne!(dated["invite_code"], first["invite_code"]);
    assert_eq!(ask(json!({})).await, first);
    // A code that is withdrawn is not given again.
    let path = format!("{invites}/{}", text(&first["invite_code"]));
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    let second = ask(json!({})).await;
    assert_ne!(second["invite_code"], first["invite_code"]);
    // Ten seconds later it is another wish.
    api.clock.advance(10);
    let third = ask(json!({})).await;
    assert_ne!(third["invite_code"], second["invite_code"]);
    // Each user and each room by itself.
    let other = format!("/v1/rooms/{}/invites", api.room(&alice, json!({})).await);
    let elsewhere = api.post(&alice, &other, json!({})).await.expect(201);
    assert_ne!(elsewhere["invite_code"], third["invite_code"]);
}

const UPLOAD: &str = "kind=report&file_extension=pdf";

async fn assets_of_all_rooms_end_at_their_quota(api: &Small) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let rooms = [
        api.room(&alice, json!({})).await,
        api.room(&alice, json!({})).await,
    ];
    // Empty ones take no storage, but a place.
    let first = api.upload(&alice, &rooms[0], UPLOAD, "").await.expect(200);
    for _ in 0..2 {
        api.upload(&alice, &rooms[1], UPLOAD, "").await.expect(200);
    }
    for room in &rooms {
        let refused = api.upload(&alice, room, UPLOAD, "x").await;
        exceeded(&refused, "assets_max", 3, 3);
    }
    assert_eq!(api.rows("assets").await, 3, "nothing was stored");
    let others = api.room(&bob, json!({})).await;
    api.upload(&bob, &others, UPLOAD, "x").await.expect(200);
    let path = format!("/v1/rooms/{}/assets/{}", rooms[0], text(&first["id"]));
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    api.upload(&alice, &rooms[1], UPLOAD, "x").await.expect(200);
    api.tariff(&json!({"assets_max": 0})).await;
    api.upload(&alice, &rooms[1], UPLOAD, "x").await.expect(200);
}

async fn of_ten_uploads_at_once_one_gets_the_last_place(api: &Small) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    for _ in 0..2 {
        api.upload(&alice, &room, UPLOAD, "x").await.expect(200);
    }
    let uploads = (0..10).map(|_| api.upload(&alice, &room, UPLOAD, "x"));
    let answers = futures_util::future::join_all(uploads).await;
    let (stored, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status.as_u16() == 200);
    assert_eq!(stored.len(), 1);
    for answer in refused {
        answer.refused(403, "quota_exceeded");
    }
    assert_eq!(api.rows("assets").await, 3);
}
