//! `GET /v1/rooms/{room_id}/event`, and what an event means for its room.

use serde_json::{Value, json};

use super::api::{Api, Person, request};
use crate::databases::Kind;

on_both_databases!(Api:
    owners_and_guests_read_it, a_room_may_have_none, others_do_not_see_it, who_will_be_refused_is_told_before,
    a_room_with_an_event_stays);

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn owners_and_guests_read_it(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let event = api.event_in(&room, false).await;
    let code = api.invite(&alice, &room, json!({})).await;
    let path = format!("/v1/rooms/{room}/event");
    let expected =
        json!({"id": event, "room_id": room, "title": "Plenum", "is_adhoc": true, "e2e_encryption": false});
    assert_eq!(api.get(&alice, &path).await.expect(200), expected);
    let guest = format!("InviteCode {code}");
    let as_guest = api.send(request("GET", &path, Some(&guest), &Value::Null)).await;
    assert_eq!(as_guest.expect(200), expected);
    let bob = api.invited(event, "bob", "user").await;
    assert_eq!(api.get(&bob, &path).await.expect(200), expected);
    api.get(&bob, &format!("/v1/rooms/{room}/tariff"))
        .await
        .expect(200);
}

async fn a_room_may_have_none(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    api.get(&alice, &format!("/v1/rooms/{room}/event"))
        .await
        .refused(404, "not_found");
    api.get(&alice, &format!("/v1/rooms/{UNKNOWN}/event"))
        .await
        .refused(404, "not_found");
    api.get(&alice, "/v1/rooms/x/event")
        .await
        .refused(400, "bad_request");
}

async fn others_do_not_see_it(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let room = api.room(&alice, json!({})).await;
    api.event_in(&room, true).await;
    let elsewhere = api.room(&alice, json!({})).await;
    let code = api.invite(&alice, &elsewhere, json!({})).await;
    let path = format!("/v1/rooms/{room}/event");
    api.get(&bob, &path).await.refused(404, "not_found");
    let foreign = format!("InviteCode {code}");
    let refused = api
        .send(request("GET", &path, Some(&foreign), &Value::Null))
        .await;
    // Any 401 would log the guest out.
    refused.refused(403, "forbidden");
    api.needs_a_user("GET", &path).await;
}

/// What `start_invited` refuses for good ends on the provider's login page in the web client; these two do not.
async fn who_will_be_refused_is_told_before(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    api.event_in(&room, false).await;
    let (withdrawn, expired) = (
        api.invite(&alice, &room, json!({"expiration": "2030-01-01T00:00:00Z"}))
            .await,
        api.invite(&alice, &room, json!({"expiration": "2027-01-01T00:00:00Z"}))
            .await,
    );
    let path = format!("/v1/rooms/{room}/invites/{withdrawn}");
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    for code in [&*withdrawn, &*expired, UNKNOWN] {
        let guest = format!("InviteCode {code}");
        let path = format!("/v1/rooms/{room}/event");
        let read = request("GET", &path, Some(&guest), &Value::Null);
        api.send(read).await.refused(403, "forbidden");
        for (path, body) in [
            ("/v1/invite/verify".to_owned(), json!({"invite_code": code})),
            (
                format!("/v1/rooms/{room}/start_invited"),
                json!({"invite_code": code}),
            ),
        ] {
            let answer = api.call_anonymously("POST", &path, body).await;
            answer.refused(404, "not_found");
        }
    }
}

async fn a_room_with_an_event_stays(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    api.event_in(&room, false).await;
    let path = format!("/v1/rooms/{room}");
    api.call(&alice, "DELETE", &path, Value::Null)
        .await
        .refused(409, "conflict");
    api.get(&alice, &path).await.expect(200);
    api.database.execute("DELETE FROM events").await;
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
}

async fn details(api: &Api, alice: &Person, room: &str) -> Value {
    let event = api
        .get(alice, &format!("/v1/rooms/{room}/event"))
        .await
        .expect(200);
    event["meeting_details"].clone()
}

async fn with_details(kind: Kind) {
    let api = Api::with(kind, |config| config.call_in.tel = Some("+49 30 1234".to_owned())).await;
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({"enable_sip": true})).await;
    let sip = api
        .get(&alice, &format!("/v1/rooms/{room}/sip"))
        .await
        .expect(200);
    api.event_in(&room, true).await;
    let call_in = json!({"tel": "+49 30 1234", "id": sip["sip_id"], "password": sip["password"]});
    assert_eq!(
        details(&api, &alice, &room).await,
        json!({"call_in": call_in, "streaming_links": []})
    );

    // The newest invite that lasts for ever.
    let last = api.invite(&alice, &room, json!({})).await;
    // Within ten seconds it would be the same again.
    api.clock.advance(11);
    let newest = api.invite(&alice, &room, json!({})).await;
    api.clock.advance(1);
    api.invite(&alice, &room, json!({"expiration": "2030-01-01T00:00:00Z"}))
        .await;
    assert_eq!(
        details(&api, &alice, &room).await["invite_code_id"],
        json!(newest)
    );
    let path = format!("/v1/rooms/{room}/invites/{newest}");
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    assert_eq!(details(&api, &alice, &room).await["invite_code_id"], json!(last));

    for name in ["Saal", "Foyer"] {
        let target = json!({
            "name": name, "kind": "custom", "streaming_endpoint": "rtmp://live.example.org/app",
            "streaming_key": "geheim", "public_url": format!("https://live.example.org/{name}"),
        });
        let path = format!("/v1/rooms/{room}/streaming_targets");
        api.call(&alice, "POST", &path, target).await.expect(201);
        api.clock.advance(1);
    }
    let links = json!([
        {"name": "Saal", "url": "https://live.example.org/Saal"},
        {"name": "Foyer", "url": "https://live.example.org/Foyer"},
    ]);
    assert_eq!(details(&api, &alice, &room).await["streaming_links"], links);

    let path = format!("/v1/rooms/{room}");
    api.call(&alice, "PATCH", &path, json!({"e2e_encryption": true}))
        .await
        .expect(200);
    assert_eq!(details(&api, &alice, &room).await.get("call_in"), None);
    api.call(&alice, "PATCH", &path, json!({"e2e_encryption": false}))
        .await
        .expect(200);
    let off = "UPDATE tariffs SET disabled_features = '[\"call_in\"]'";
    api.database.execute(off).await;
    assert_eq!(details(&api, &alice, &room).await.get("call_in"), None);
    api.finish().await;
}

/// Number and pin lead around the password, and around the waiting room: a guest who has yet to pass it is not told them.
async fn with_a_door(kind: Kind) {
    let api = Api::with(kind, |config| config.call_in.tel = Some("+49 30 1234".to_owned())).await;
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({"enable_sip": true})).await;
    api.event_in(&room, true).await;
    let guest = format!("InviteCode {}", api.invite(&alice, &room, json!({})).await);
    let path = format!("/v1/rooms/{room}/event");
    let told_guests = async || {
        let answer = api.send(request("GET", &path, Some(&guest), &Value::Null)).await;
        answer.expect(200)["meeting_details"].clone()
    };
    let targets = format!("/v1/rooms/{room}/streaming_targets");
    let target = json!({"name": "Live", "kind": "custom", "streaming_endpoint": "rtmps://live.example.org/app",
        "streaming_key": "geheim", "public_url": "https://live.example.org/watch"});
    api.call(&alice, "POST", &targets, target).await.expect(201);
    let open = details(&api, &alice, &room).await;
    assert_eq!(open["call_in"]["tel"], "+49 30 1234");
    assert_eq!(
        open["streaming_links"][0]["url"],
        "https://live.example.org/watch"
    );
    assert_eq!(told_guests().await, open);

    let mut locked = open.clone();
    locked.as_object_mut().expect("details").remove("call_in");
    locked["streaming_links"] = json!([]);
    for (change, told) in [
        (json!({"password": "secret"}), &locked),
        (json!({"password": null}), &open),
        (json!({"guest_access": "waiting_room"}), &locked),
        (json!({"guest_access": "direct_access"}), &open),
        (json!({"waiting_room": true}), &locked),
        (json!({"guest_access": "waiting_room"}), &locked),
        (
            json!({"guest_access": "direct_access", "waiting_room": false}),
            &open,
        ),
    ] {
        let room_path = format!("/v1/rooms/{room}");
        api.call(&alice, "PATCH", &room_path, change.clone())
            .await
            .expect(200);
        assert_eq!(&told_guests().await, told, "{change}");
        assert_eq!(
            details(&api, &alice, &room).await,
            open,
            "{change}: users are told"
        );
    }
    api.finish().await;
}

#[tokio::test]
async fn guests_learn_no_way_around_a_password_or_their_waiting_on_sqlite() {
    with_a_door(Kind::Sqlite).await;
}

#[tokio::test]
async fn guests_learn_no_way_around_a_password_or_their_waiting_on_postgres() {
    with_a_door(Kind::Postgres).await;
}

#[tokio::test]
async fn details_are_shown_where_the_creator_wants_it_on_sqlite() {
    with_details(Kind::Sqlite).await;
}

#[tokio::test]
async fn details_are_shown_where_the_creator_wants_it_on_postgres() {
    with_details(Kind::Postgres).await;
}
