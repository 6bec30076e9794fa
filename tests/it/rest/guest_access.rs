//! `guest_access` of rooms and events: how people come in who have a link.

use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::{Api, Person, request},
    events::{WEEKS, event, hour, path, post, text, timeless, weekly, with},
};
use crate::databases::Kind;

on_both_databases!(Api:
    rooms_say_how_guests_come_in, events_say_it_of_their_rooms, other_words_are_refused,
    where_guests_are_out_codes_open_nothing, the_tariff_goes_before_the_room, codes_are_kept_while_guests_are_out,
    details_show_no_code_that_opens_nothing, what_is_said_again_changes_no_event);

const VALUES: [&str; 3] = ["direct_access", "waiting_room", "disabled"];

async fn patch(api: &Api, who: &Person, path: &str, body: Value) -> Value {
    api.call(who, "PATCH", path, body).await.expect(200)
}

async fn rooms_say_how_guests_come_in(api: &Api) {
    let alice = api.person("alice").await;
    for body in [json!({}), json!({"guest_access": null})] {
        let room = api.call(&alice, "POST", "/v1/rooms", body).await.expect(201);
        assert_eq!(room["guest_access"], "direct_access");
    }
    for value in VALUES {
        // An encrypted room may have any.
        let body = json!({"guest_access": value, "e2e_encryption": true});
        let room = api.call(&alice, "POST", "/v1/rooms", body).await.expect(201);
        let path = format!("/v1/rooms/{}", text(&room["id"]));
        assert_eq!(room["guest_access"], value);
        assert_eq!(api.get(&alice, &path).await.expect(200)["guest_access"], value);
        for other in VALUES {
            let changed = patch(api, &alice, &path, json!({"guest_access": other})).await;
            assert_eq!(changed["guest_access"], other);
            for kept in [
                json!({}),
                json!({"guest_access": null}),
                json!({"waiting_room": true}),
            ] {
                assert_eq!(patch(api, &alice, &path, kept).await["guest_access"], other);
            }
            assert_eq!(api.get(&alice, &path).await.expect(200)["guest_access"], other);
        }
    }
    let rooms = api.get(&alice, "/v1/rooms").await.expect(200);
    let shown: Vec<_> = rooms
        .as_array()
        .expect("a list")
        .iter()
        .map(|room| text(&room["guest_access"]))
        .collect();
    assert_eq!(shown.iter().filter(|access| **access == "disabled").count(), 3);
    assert_eq!(
        shown.iter().filter(|access| **access == "direct_access").count(),
        2
    );
}

async fn events_say_it_of_their_rooms(api: &Api) {
    let alice = api.person("alice").await;
    for body in [timeless(), with(timeless(), &json!({"guest_access": null}))] {
        let created = event(api, &alice, body).await;
        assert_eq!(created["room"]["guest_access"], "direct_access");
    }
    let created = event(
        api,
        &alice,
        with(weekly(), &json!({"guest_access": "waiting_room"})),
    )
    .await;
    assert_eq!(created["room"]["guest_access"], "waiting_room");
    let (own, room) = (
        path(&created),
        format!("/v1/rooms/{}", text(&created["room"]["id"])),
    );
    for value in VALUES {
        let changed = patch(api, &alice, &own, json!({"guest_access": value})).await;
        assert_eq!(changed["room"]["guest_access"], value);
        let kept = patch(api, &alice, &own, json!({"guest_access": null, "title": value})).await;
        assert_eq!(kept["room"]["guest_access"], value);
        let instance = format!("{own}/instances/{}", WEEKS[1]);
        for (shown, place) in [
            (own.clone(), "/room/guest_access"),
            (room.clone(), "/guest_access"),
            (instance, "/room/guest_access"),
            (format!("{own}/instances"), "/0/room/guest_access"),
        ] {
            let shown = api.get(&alice, &shown).await.expect(200);
            assert_eq!(shown.pointer(place), Some(&json!(value)), "{place}: {shown}");
        }
        let all = api.get(&alice, "/v1/events").await.expect(200);
        let all = all.as_array().expect("a list");
        let own = all
            .iter()
            .find(|one| one["id"] == created["id"])
            .expect("the event");
        assert_eq!(own["room"]["guest_access"], value);
    }
}

async fn other_words_are_refused(api: &Api) {
    let alice = api.person("alice").await;
    let room = format!("/v1/rooms/{}", api.room(&alice, json!({})).await);
    let created = event(api, &alice, timeless()).await;
    for value in [
        json!("open"),
        json!(""),
        json!(true),
        json!("DISABLED"),
        json!({}),
    ] {
        let body = json!({"guest_access": value});
        for (method, path, body) in [
            ("POST", "/v1/rooms", body.clone()),
            ("PATCH", &room, body.clone()),
            ("POST", "/v1/events", with(timeless(), &body)),
            ("PATCH", &path(&created), body.clone()),
        ] {
            let answer = api.call(&alice, method, path, body).await;
            answer.refused_fields(&["guest_access invalid_value"]);
        }
    }
}

/// A room with an event, and a code.
struct Doors<'a> {
    api: &'a Api,
    alice: Person,
    room: String,
    code: String,
}

impl<'a> Doors<'a> {
    async fn of(api: &'a Api) -> Self {
        let alice = api.person("alice").await;
        let room = api.room(&alice, json!({"password": "secret"})).await;
        api.event_in(&room, false).await;
        let code = api.invite(&alice, &room, json!({})).await;
        Self {
            api,
            alice,
            room,
            code,
        }
    }

    async fn set(&self, access: &str) {
        let path = format!("/v1/rooms/{}", self.room);
        patch(self.api, &self.alice, &path, json!({"guest_access": access})).await;
    }

    /// What everything answers that a code opens, and what it answers where it opens nothing.
    async fn tried(&self) -> Vec<(&'static str, Answer, u16, u16)> {
        let guest = format!("InviteCode {}", self.code);
        let read = async |path: &str| {
            let path = path.replace("{room}", &self.room);
            self.api
                .send(request("GET", &path, Some(&guest), &Value::Null))
                .await
        };
        let post = async |path: &str, body: Value| {
            let path = path.replace("{room}", &self.room);
            self.api.call_anonymously("POST", &path, body).await
        };
        let (code, password) = (json!({"invite_code": self.code}), json!({"password": "secret"}));
        vec![
            ("event", read("/v1/rooms/{room}/event").await, 200, 403),
            ("tariff", read("/v1/rooms/{room}/tariff").await, 200, 403),
            ("turn", read("/v1/turn").await, 204, 403),
            ("verify", post("/v1/invite/verify", code.clone()).await, 201, 404),
            // Without the password it would be 401: nobody is asked for it in vain.
            (
                "start without password",
                post("/v1/rooms/{room}/start_invited", code.clone()).await,
                401,
                403,
            ),
            (
                "start",
                post("/v1/rooms/{room}/start_invited", with(code, &password)).await,
                200,
                403,
            ),
        ]
    }

    async fn are_open(&self) {
        for (door, answer, open, _) in self.tried().await {
            assert_eq!(answer.status.as_u16(), open, "{door}: {answer:?}");
        }
    }

    async fn are_shut(&self) {
        for (door, answer, _, shut) in self.tried().await {
            assert_eq!(answer.status.as_u16(), shut, "{door}");
            answer.refused(shut, if shut == 403 { "forbidden" } else { "not_found" });
        }
        // Users come in by their own access.
        let start = format!("/v1/rooms/{}/start", self.room);
        self.api
            .call(&self.alice, "POST", &start, json!({}))
            .await
            .expect(200);
    }
}

async fn where_guests_are_out_codes_open_nothing(api: &Api) {
    let doors = Doors::of(api).await;
    doors.are_open().await;
    doors.set("waiting_room").await;
    doors.are_open().await;
    doors.set("disabled").await;
    doors.are_shut().await;
    doors.set("direct_access").await;
    doors.are_open().await;
}

async fn the_tariff_goes_before_the_room(api: &Api) {
    let doors = Doors::of(api).await;
    for off in [r#"["guests_allowed"]"#, r#"["core::guests_allowed"]"#] {
        let change = format!("UPDATE tariffs SET disabled_features = '{off}'");
        api.database.execute(&change).await;
        for access in ["direct_access", "waiting_room", "disabled"] {
            doors.set(access).await;
            doors.are_shut().await;
        }
        doors.set("direct_access").await;
        api.database
            .execute("UPDATE tariffs SET disabled_features = '[]'")
            .await;
        doors.are_open().await;
    }
}

async fn codes_are_kept_while_guests_are_out(api: &Api) {
    let doors = Doors::of(api).await;
    doors.set("disabled").await;
    let path = format!("/v1/rooms/{}/invites", doors.room);
    let listed = api.get(&doors.alice, &path).await.expect(200);
    assert_eq!(listed[0]["invite_code"], json!(doors.code));
    api.clock.advance(11);
    let new = api.invite(&doors.alice, &doors.room, json!({})).await;
    let verify = async || {
        api.call_anonymously("POST", "/v1/invite/verify", json!({"invite_code": new}))
            .await
    };
    verify().await.refused(404, "not_found");
    doors.set("direct_access").await;
    verify().await.expect(201);
}

async fn details_show_no_code_that_opens_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(
        api,
        &alice,
        with(timeless(), &json!({"show_meeting_details": true})),
    )
    .await;
    let shown = format!("/v1/rooms/{}/event", text(&created["room"]["id"]));
    let details = async || api.get(&alice, &shown).await.expect(200)["meeting_details"].clone();
    let open = details().await;
    assert!(open["invite_code_id"].is_string(), "{open}");
    patch(api, &alice, &path(&created), json!({"guest_access": "disabled"})).await;
    assert_eq!(details().await, json!({"streaming_links": []}));
    patch(
        api,
        &alice,
        &path(&created),
        json!({"guest_access": "waiting_room"}),
    )
    .await;
    assert_eq!(details().await, open);
}

async fn what_is_said_again_changes_no_event(api: &Api) {
    let alice = api.person("alice").await;
    let created = post(api, &alice, hour("2027-03-22T10")).await.expect(201);
    let revision = async || {
        let sql = "SELECT CAST(revision AS BIGINT) FROM events";
        api.database.number(sql).await
    };
    let before = revision().await;
    patch(
        api,
        &alice,
        &path(&created),
        json!({"guest_access": "direct_access"}),
    )
    .await;
    assert_eq!(revision().await, before);
    patch(api, &alice, &path(&created), json!({"guest_access": "disabled"})).await;
    assert_eq!(revision().await, before + 1);
}

/// `guests.allowed = false`.
async fn on_a_server_without_guests(kind: Kind) {
    let mut api = Api::start(kind).await;
    let (room, code) = {
        let doors = Doors::of(&api).await;
        doors.are_open().await;
        (doors.room, doors.code)
    };
    api.reconfigure(|config| config.guests.allowed = false);
    let alice = api.person("alice").await;
    let doors = Doors {
        api: &api,
        alice,
        room,
        code,
    };
    for access in VALUES {
        doors.set(access).await;
        doors.are_shut().await;
    }
    let tariff = api.get(&doors.alice, "/v1/users/me/tariff").await.expect(200);
    let features = tariff["modules"]["core"]["features"].as_array().expect("a list");
    assert!(!features.contains(&json!("guests_allowed")), "{features:?}");
    api.finish().await;
}

#[tokio::test]
async fn a_server_without_guests_on_sqlite() {
    on_a_server_without_guests(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_server_without_guests_on_postgres() {
    on_a_server_without_guests(Kind::Postgres).await;
}
