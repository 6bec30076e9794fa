//! `PATCH /v1/events/{event_id}`.

use serde_json::{Value, json};

use super::{Api, WEEKS, berlin, event, has, hour, invite, patch, path, text, timeless, weekly, with};
use crate::{databases::Kind, rest::api::Person};

on_both_databases!(Api:
    nothing_set_changes_nothing, changes_touch_only_what_they_name, the_room_changes_along, null_removes_the_password,
    a_title_leaves_a_series_alone, another_start_or_pattern_ends_exceptions, the_same_start_and_pattern_do_not,
    an_empty_pattern_makes_it_single, times_come_and_go, targets_are_replaced, details_get_an_invite_once,
    only_the_creator_changes_it, what_is_refused_changes_nothing, bodies_have_limits);

async fn nothing_set_changes_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let nulls = json!({
        "title": null, "description": null, "waiting_room": null, "e2e_encryption": null, "is_adhoc": null,
        "is_time_independent": null, "is_all_day": null, "starts_at": null, "ends_at": null,
        "recurrence_pattern": null, "has_shared_folder": null, "streaming_targets": null,
        "show_meeting_details": null,
    });
    api.clock.advance(10);
    for body in [json!({}), nulls, json!({"id": "x", "type": "single"})] {
        let answer = patch(api, &alice, &path(&created), body).await;
        assert_eq!(answer.expect(200), created);
    }
    // Set, but it is so already.
    for (field, value) in [
        ("has_shared_folder", json!(false)),
        ("training_participation_report", Value::Null),
    ] {
        let same = patch(api, &alice, &path(&created), json!({field: value})).await;
        assert_eq!(same.expect(200), created);
    }
    assert_eq!(api.get(&alice, &path(&created)).await.expect(200), created);
    assert_eq!(
        api.database
            .number("SELECT CAST(revision AS BIGINT) FROM events")
            .await,
        0
    );
}

async fn changes_touch_only_what_they_name(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, hour("2027-03-22T10")).await;
    let report = json!({
        "initial_checkpoint_delay": {"after": 1, "within": 2}, "checkpoint_interval": {"after": 3, "within": 4},
    });
    let mut expected = created.clone();
    for (field, value) in [
        ("title", json!("Neu")),
        ("description", json!("")),
        ("is_adhoc", json!(true)),
        ("is_adhoc", json!(false)),
        (
            "ends_at",
            json!({"datetime": "2027-03-22T12:00:00Z", "timezone": "UTC"}),
        ),
        (
            "starts_at",
            json!({"datetime": "2027-03-22T11:00:00Z", "timezone": "Europe/Berlin"}),
        ),
        ("training_participation_report", report),
    ] {
        api.clock.advance(1);
        expected["updated_at"] = json!(api.state.clock.now());
        expected[field] = value.clone();
        let changed = patch(api, &alice, &path(&created), json!({field: value}))
            .await
            .expect(200);
        assert_eq!(changed, expected, "{field}");
    }
    assert_eq!(api.get(&alice, &path(&created)).await.expect(200), expected);
    assert_eq!(
        api.database
            .number("SELECT CAST(revision AS BIGINT) FROM events")
            .await,
        7
    );
}

async fn the_room_changes_along(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, timeless()).await;
    let room = format!("/v1/rooms/{}", text(&created["room"]["id"]));
    for (field, value) in [
        ("waiting_room", json!(true)),
        ("password", json!("geheim")),
        ("e2e_encryption", json!(true)),
    ] {
        let changed = patch(api, &alice, &path(&created), json!({field: value}))
            .await
            .expect(200);
        assert_eq!(changed["room"][field], value);
        assert_eq!(api.get(&alice, &room).await.expect(200)[field], value);
    }
}

async fn null_removes_the_password(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, with(timeless(), &json!({"password": "geheim"}))).await;
    let changed = patch(api, &alice, &path(&created), json!({"password": null}))
        .await
        .expect(200);
    assert!(!has(&changed["room"], "password"));
}

/// Moves the second of three weeks.
async fn exception(api: &Api, person: &Person, event: &Value) {
    let path = format!("{}/instances/{}", path(event), WEEKS[1]);
    patch(api, person, &path, json!({"title": "Anders"}))
        .await
        .expect(200);
}

async fn exceptions(api: &Api) -> i64 {
    api.database.number("SELECT count(*) FROM event_exceptions").await
}

async fn a_title_leaves_a_series_alone(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    exception(api, &alice, &created).await;
    for body in [
        json!({"title": "Neu"}),
        json!({"ends_at": berlin("2027-03-22T11:30:00")}),
        json!({"is_adhoc": true, "waiting_room": true, "is_time_independent": false, "is_all_day": false}),
    ] {
        let changed = patch(api, &alice, &path(&created), body).await.expect(200);
        assert_eq!(
            (&changed["type"], &changed["recurrence_pattern"]),
            (&created["type"], &created["recurrence_pattern"])
        );
        assert_eq!(exceptions(api).await, 1);
    }
    let list = api
        .get(&alice, &format!("{}/instances", path(&created)))
        .await
        .expect(200);
    assert_eq!(super::titles(&list), ["Neu", "Anders", "Neu"]);
    assert_eq!(list[2]["ends_at"]["datetime"], "2027-04-05T09:30:00Z");
}

async fn another_start_or_pattern_ends_exceptions(api: &Api) {
    let alice = api.person("alice").await;
    for body in [
        json!({"starts_at": berlin("2027-03-22T10:30:00")}),
        json!({"starts_at": {"datetime": "2027-03-22T09:00:00Z", "timezone": "UTC"}}),
        json!({"recurrence_pattern": ["RRULE:FREQ=WEEKLY;COUNT=4"]}),
        json!({"recurrence_pattern": []}),
        json!({"is_time_independent": true}),
    ] {
        let created = event(api, &alice, weekly()).await;
        exception(api, &alice, &created).await;
        assert_eq!(exceptions(api).await, 1);
        patch(api, &alice, &path(&created), body).await.expect(200);
        assert_eq!(exceptions(api).await, 0);
    }
}

async fn the_same_start_and_pattern_do_not(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    exception(api, &alice, &created).await;
    patch(api, &alice, &path(&created), weekly()).await.expect(200);
    assert_eq!(exceptions(api).await, 1);
}

async fn an_empty_pattern_makes_it_single(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let changed = patch(api, &alice, &path(&created), json!({"recurrence_pattern": []}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["type"], &changed["recurrence_pattern"]),
        (&json!("single"), &json!([]))
    );
    assert_eq!(changed["starts_at"], created["starts_at"]);
    // Its last occurrence is its only one now.
    let later = "/v1/events?time_min=2027-03-23T00:00:00Z";
    assert_eq!(api.get(&alice, later).await.expect(200), json!([]));
}

async fn times_come_and_go(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let at = path(&created);
    let change = async |body: Value| patch(api, &alice, &at, body).await;
    let ignored =
        json!({"is_time_independent": true, "is_all_day": true, "starts_at": berlin("2027-03-22T10:00:00")});
    change(ignored)
        .await
        .refused_fields(&["is_all_day ignored_value", "starts_at ignored_value"]);
    let changed = change(json!({"is_time_independent": true})).await.expect(200);
    assert_eq!(
        (&changed["is_time_independent"], &changed["type"]),
        (&json!(true), &json!("single"))
    );
    for field in ["is_all_day", "starts_at", "ends_at"] {
        assert!(!has(&changed, field), "{field}");
    }
    // It stays without times: what is said of them means nothing.
    let pattern = ["RRULE:FREQ=DAILY"];
    change(json!({"ends_at": berlin("2027-03-22T10:00:00"), "recurrence_pattern": pattern}))
        .await
        .refused_fields(&["ends_at ignored_value", "recurrence_pattern ignored_value"]);
    let still = change(json!({"is_all_day": false})).await.expect(200);
    assert_eq!(still, changed);
    change(json!({"is_time_independent": false, "is_all_day": false}))
        .await
        .refused_fields(&["starts_at value_required", "ends_at value_required"]);
    let changed = change(hour("2027-03-22T10")).await.expect(200);
    assert_eq!(
        (&changed["type"], &changed["starts_at"]),
        (&json!("single"), &created["starts_at"])
    );
}

async fn targets_are_replaced(api: &Api) {
    let alice = api.person("alice").await;
    let target = |name: &str| {
        json!({
            "name": name, "kind": "custom", "streaming_endpoint": "rtmp://example.org", "streaming_key": "k",
            "public_url": "https://example.org",
        })
    };
    let created = event(
        api,
        &alice,
        with(
            timeless(),
            &json!({"streaming_targets": [target("a"), target("b")]}),
        ),
    )
    .await;
    let changed = patch(api, &alice, &path(&created), json!({"title": "Neu"}))
        .await
        .expect(200);
    assert_eq!(changed["streaming_targets"], created["streaming_targets"]);
    let changed = patch(
        api,
        &alice,
        &path(&created),
        json!({"streaming_targets": [target("c")]}),
    )
    .await
    .expect(200);
    let names: Vec<_> = changed["streaming_targets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| text(&one["name"]))
        .collect();
    assert_eq!(names, ["c"]);
    let changed = patch(api, &alice, &path(&created), json!({"streaming_targets": []}))
        .await
        .expect(200);
    assert!(!has(&changed, "streaming_targets"));
}

async fn details_get_an_invite_once(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, timeless()).await;
    let invites = async || api.database.number("SELECT count(*) FROM invites").await;
    assert_eq!(invites().await, 0);
    for shown in [true, false, true] {
        let changed = patch(
            api,
            &alice,
            &path(&created),
            json!({"show_meeting_details": shown}),
        )
        .await
        .expect(200);
        assert_eq!(changed["show_meeting_details"], shown);
        assert_eq!(invites().await, 1);
    }
}

async fn only_the_creator_changes_it(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let created = event(api, &alice, weekly()).await;
    for role in ["user", "moderator"] {
        let created = event(api, &alice, weekly()).await;
        invite(api, &alice, &created, &bob, role).await;
        patch(api, &bob, &path(&created), json!({"title": "x"}))
            .await
            .refused(403, "forbidden");
        patch(api, &bob, &path(&created), json!({}))
            .await
            .refused(403, "forbidden");
        let instance = format!("{}/instances/{}", path(&created), WEEKS[0]);
        patch(api, &bob, &instance, json!({"title": "x"}))
            .await
            .refused(403, "forbidden");
        api.call(&bob, "DELETE", &path(&created), Value::Null)
            .await
            .refused(403, "forbidden");
    }
    assert_eq!(api.get(&alice, &path(&created)).await.expect(200), created);
}

async fn what_is_refused_changes_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    for body in [
        json!({"title": "x", "waiting_room": true, "recurrence_pattern": ["RRULE:FREQ=HOURLY"]}),
        json!({"title": "x", "ends_at": berlin("2027-03-22T09:00:00")}),
        json!({"title": "x", "is_all_day": true}),
    ] {
        patch(api, &alice, &path(&created), body)
            .await
            .refused(422, "invalid_event");
    }
    patch(
        api,
        &alice,
        &path(&created),
        json!({"title": "x", "has_shared_folder": true}),
    )
    .await
    .refused(400, "bad_request");
    assert_eq!(api.get(&alice, &path(&created)).await.expect(200), created);
}

async fn bodies_have_limits(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, timeless()).await;
    let wrong = json!({"title": "x".repeat(256), "description": "\0", "password": "", "recurrence_pattern": ["a", "\0"]});
    patch(api, &alice, &path(&created), wrong).await.refused_fields(&[
        "recurrence_pattern[1] invalid_value",
        "title too_long",
        "description invalid_value",
        "password invalid_value",
    ]);
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "PATCH", &path(&created))
        .await;
}

async fn encryption(kind: Kind) {
    let api = Api::with(kind, |config| config.call_in.tel = Some("+49 30 1234".to_owned())).await;
    let alice = api.person("alice").await;
    let created = event(&api, &alice, timeless()).await;
    assert!(has(&created["room"], "call_in"));
    let changed = patch(&api, &alice, &path(&created), json!({"e2e_encryption": true}))
        .await
        .expect(200);
    assert!(!has(&changed["room"], "call_in"));
    let sip = format!("/v1/rooms/{}/sip", text(&created["room"]["id"]));
    api.get(&alice, &sip).await.refused(404, "service_unavailable");
    api.finish().await;
}

#[tokio::test]
async fn encryption_ends_telephone_access_on_sqlite() {
    encryption(Kind::Sqlite).await;
}

#[tokio::test]
async fn encryption_ends_telephone_access_on_postgres() {
    encryption(Kind::Postgres).await;
}
