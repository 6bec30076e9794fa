//! `POST /v1/events`.

use serde_json::{Value, json};

use super::{Api, berlin, event, has, hour, path, post, timeless, weekly, with};
use crate::databases::Kind;

on_both_databases!(Api:
    a_timed_event_has_its_fields, a_time_independent_event_has_no_times, null_is_absent, everything_can_be_asked_for_at_once,
    a_series_is_recurring, texts_have_limits, targets_have_limits, what_is_refused_leaves_nothing_behind,
    folders_need_a_provider, only_users_have_events);

async fn nothing_is_stored(api: &Api) {
    for table in ["events", "rooms", "streaming_targets", "invites"] {
        assert_eq!(
            api.database
                .number(&format!("SELECT count(*) FROM {table}"))
                .await,
            0,
            "{table}"
        );
    }
}

async fn a_timed_event_has_its_fields(api: &Api) {
    let alice = api.person("alice").await;
    let answer = post(api, &alice, hour("2027-07-15T10")).await;
    let location = answer.header("location").to_owned();
    let created = answer.expect(201);
    let room = api
        .get(
            &alice,
            &format!("/v1/rooms/{}", super::text(&created["room"]["id"])),
        )
        .await
        .expect(200);
    let expected = json!({
        "id": created["id"],
        "created_by": room["created_by"],
        "created_at": "2027-01-15T08:00:00Z",
        "updated_by": room["created_by"],
        "updated_at": "2027-01-15T08:00:00Z",
        "title": "Treffen",
        "description": "Ein Text",
        "room": {"id": room["id"], "waiting_room": false, "guest_access": "direct_access", "e2e_encryption": false},
        "invitees": [],
        "invitees_truncated": false,
        "is_time_independent": false,
        "is_all_day": false,
        "starts_at": {"datetime": "2027-07-15T08:00:00Z", "timezone": "Europe/Berlin"},
        "ends_at": {"datetime": "2027-07-15T08:59:00Z", "timezone": "Europe/Berlin"},
        "recurrence_pattern": [],
        "is_adhoc": false,
        "type": "single",
        "status": "ok",
        "invite_status": "accepted",
        "is_favorite": false,
        "can_edit": true,
        "show_meeting_details": false,
    });
    assert_eq!(created, expected);
    assert_eq!(location, path(&created));
    assert_eq!(api.get(&alice, &location).await.expect(200), created);
    assert_eq!(api.database.number("SELECT count(*) FROM invites").await, 0);
}

async fn a_time_independent_event_has_no_times(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, timeless()).await;
    for field in [
        "is_all_day",
        "starts_at",
        "ends_at",
        "streaming_targets",
        "shared_folder",
    ] {
        assert!(!has(&created, field), "{field}");
    }
    assert_eq!(
        (&created["is_time_independent"], &created["type"]),
        (&json!(true), &json!("single"))
    );
}

async fn null_is_absent(api: &Api) {
    let alice = api.person("alice").await;
    let nulls = json!({
        "password": null, "waiting_room": null, "e2e_encryption": null, "is_adhoc": null, "is_all_day": null,
        "starts_at": null, "ends_at": null, "recurrence_pattern": null, "has_shared_folder": null,
        "streaming_targets": null, "show_meeting_details": null, "training_participation_report": null,
    });
    let created = event(api, &alice, with(timeless(), &nulls)).await;
    let mut other = event(
        api,
        &alice,
        with(
            timeless(),
            &json!({"recurrence_pattern": [], "has_shared_folder": false}),
        ),
    )
    .await;
    other["id"] = created["id"].clone();
    other["room"]["id"] = created["room"]["id"].clone();
    assert_eq!(other, created);
    post(api, &alice, with(timeless(), &json!({"title": null})))
        .await
        .refused_fields(&["title invalid_value"]);
}

async fn everything_can_be_asked_for_at_once(api: &Api) {
    let alice = api.person("alice").await;
    let report = json!({
        "initial_checkpoint_delay": {"after": 1, "within": 2}, "checkpoint_interval": {"after": 3, "within": 604_800},
    });
    let target = |name: &str| {
        json!({
            "name": name, "kind": "custom", "streaming_endpoint": "rtmp://live.example.org/app", "streaming_key": "geheim",
            "public_url": "https://example.org/watch",
        })
    };
    let body = json!({
        "password": "🔑", "waiting_room": true, "e2e_encryption": true, "is_adhoc": true, "show_meeting_details": true,
        "training_participation_report": report, "streaming_targets": [target("b"), target("a")], "unknown": 1,
    });
    let created = event(api, &alice, with(hour("2027-07-15T10"), &body)).await;
    let room = &created["room"];
    assert_eq!(
        (&room["password"], &room["waiting_room"], &room["e2e_encryption"]),
        (&json!("🔑"), &json!(true), &json!(true))
    );
    assert_eq!(
        (&created["is_adhoc"], &created["show_meeting_details"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(created["training_participation_report"], report);
    let targets = created["streaming_targets"].as_array().expect("a list");
    let mut expected = [target("b"), target("a")];
    for (expected, found) in expected.iter_mut().zip(targets) {
        expected["id"] = found["id"].clone();
    }
    assert_eq!(targets.as_slice(), expected);
    // By it, guests come in who learn of it from the meeting's details.
    let lasting = "SELECT count(*) FROM invites WHERE active AND expiration IS NULL";
    assert_eq!(api.database.number(lasting).await, 1);
    let details = api
        .get(&alice, &format!("/v1/rooms/{}/event", super::text(&room["id"])))
        .await
        .expect(200);
    assert!(
        details["meeting_details"]["invite_code_id"].is_string(),
        "{details}"
    );
    assert_eq!(
        details["meeting_details"]["streaming_links"][0],
        json!({"name": "b", "url": "https://example.org/watch"})
    );
}

async fn a_series_is_recurring(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    assert_eq!(
        (&created["type"], &created["recurrence_pattern"]),
        (&json!("recurring"), &json!(["RRULE:FREQ=WEEKLY;COUNT=3"]))
    );
    let lines = json!([
        "RRULE:FREQ=DAILY",
        "RDATE:20270401T120000Z",
        "EXRULE:FREQ=DAILY;INTERVAL=2",
        "EXDATE:20270323T090000Z"
    ]);
    let created = event(api, &alice, with(weekly(), &json!({"recurrence_pattern": lines}))).await;
    assert_eq!(created["recurrence_pattern"], lines);
    // Some clients leave the name out, and clients look for the rule in the first line.
    let lines = json!(["EXDATE:20270323T090000Z", "FREQ=DAILY;COUNT=3"]);
    let created = event(api, &alice, with(weekly(), &json!({"recurrence_pattern": lines}))).await;
    assert_eq!(
        created["recurrence_pattern"],
        json!(["RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20270323T090000Z"])
    );
}

async fn texts_have_limits(api: &Api) {
    let alice = api.person("alice").await;
    let largest =
        json!({"title": "ü".repeat(255), "description": "ü".repeat(4096), "password": "ü".repeat(255)});
    event(api, &alice, with(timeless(), &largest)).await;
    event(api, &alice, with(timeless(), &json!({"title": ""}))).await;
    for (field, value, finding) in [
        ("title", json!("ü".repeat(256)), "title too_long"),
        ("title", json!("a\0b"), "title invalid_value"),
        ("title", json!(7), "title invalid_value"),
        ("description", json!("ü".repeat(4097)), "description too_long"),
        ("description", json!("\0"), "description invalid_value"),
        ("password", json!(""), "password invalid_value"),
        ("password", json!("x".repeat(256)), "password too_long"),
        (
            "is_time_independent",
            json!("yes"),
            "is_time_independent invalid_value",
        ),
        (
            "recurrence_pattern",
            json!("RRULE:FREQ=DAILY"),
            "recurrence_pattern invalid_value",
        ),
        (
            "training_participation_report",
            json!({"initial_checkpoint_delay": {"after": 604_801, "within": 0}, "checkpoint_interval": {"after": 0, "within": 0}}),
            "training_participation_report.initial_checkpoint_delay.after invalid_value",
        ),
        (
            "training_participation_report",
            json!({"initial_checkpoint_delay": {"after": -1, "within": 0}, "checkpoint_interval": {"after": 0, "within": 0}}),
            "training_participation_report.initial_checkpoint_delay.after invalid_value",
        ),
    ] {
        post(api, &alice, with(timeless(), &json!({field: value})))
            .await
            .refused_fields(&[finding]);
    }
    let mut lacking = timeless();
    lacking.as_object_mut().expect("an object").remove("description");
    post(api, &alice, lacking)
        .await
        .refused_fields(&["description value_required"]);
    let wrong = json!({"title": "\0", "password": "", "description": "x".repeat(4097)});
    post(api, &alice, with(timeless(), &wrong))
        .await
        .refused_fields(&[
            "title invalid_value",
            "description too_long",
            "password invalid_value",
        ]);
}

async fn targets_have_limits(api: &Api) {
    let alice = api.person("alice").await;
    let target = |more: Value| {
        let target = json!({
            "name": "n", "kind": "custom", "streaming_endpoint": "rtmp://example.org", "streaming_key": "k",
            "public_url": "https://example.org",
        });
        with(target, &more)
    };
    for (more, finding) in [
        (json!({"name": ""}), "streaming_targets[1].name invalid_value"),
        (
            json!({"streaming_key": "\0"}),
            "streaming_targets[1].streaming_key invalid_value",
        ),
        (
            json!({"public_url": "javascript:alert(1)"}),
            "streaming_targets[1].public_url invalid_value",
        ),
        (
            json!({"kind": "other"}),
            "streaming_targets[1].kind invalid_value",
        ),
    ] {
        let body = json!({"streaming_targets": [target(json!({})), target(more)]});
        post(api, &alice, with(timeless(), &body))
            .await
            .refused_fields(&[finding]);
    }
    let many = vec![target(json!({})); 101];
    post(api, &alice, with(timeless(), &json!({"streaming_targets": many})))
        .await
        .refused_fields(&["streaming_targets too_long"]);
    nothing_is_stored(api).await;
}

async fn what_is_refused_leaves_nothing_behind(api: &Api) {
    let alice = api.person("alice").await;
    for body in [
        with(
            weekly(),
            &json!({"recurrence_pattern": ["RRULE:FREQ=HOURLY"], "show_meeting_details": true}),
        ),
        with(weekly(), &json!({"ends_at": berlin("2027-03-22T09:59:59")})),
    ] {
        post(api, &alice, body).await.refused(422, "invalid_event");
    }
    nothing_is_stored(api).await;
}

async fn folders_need_a_provider(api: &Api) {
    let alice = api.person("alice").await;
    post(api, &alice, with(timeless(), &json!({"has_shared_folder": true})))
        .await
        .refused(400, "bad_request");
    nothing_is_stored(api).await;
}

async fn only_users_have_events(api: &Api) {
    api.needs_a_user("POST", "/v1/events").await;
    let alice = api.person("alice").await;
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "POST", "/v1/events").await;
    api.call(
        &alice,
        "POST",
        "/v1/events?suppress_email_notification=maybe",
        timeless(),
    )
    .await
    .refused(400, "bad_request");
}

async fn telephones(kind: Kind) {
    let api = Api::with(kind, |config| config.call_in.tel = Some("+49 30 1234".to_owned())).await;
    let alice = api.person("alice").await;
    let created = event(&api, &alice, timeless()).await;
    let call_in = &created["room"]["call_in"];
    assert_eq!(call_in["tel"], "+49 30 1234");
    for part in ["id", "password"] {
        assert!(
            call_in[part].as_str().is_some_and(|digits| digits.len() == 10),
            "{call_in}"
        );
    }
    let encrypted = event(&api, &alice, with(timeless(), &json!({"e2e_encryption": true}))).await;
    assert!(!has(&encrypted["room"], "call_in"));
    assert_eq!(api.database.number("SELECT count(*) FROM sip_configs").await, 1);
    api.database
        .execute("UPDATE tariffs SET disabled_features = '[\"call_in\"]'")
        .await;
    assert!(!has(&event(&api, &alice, timeless()).await["room"], "call_in"));
    assert!(!has(
        &api.get(&alice, &path(&created)).await.expect(200)["room"],
        "call_in"
    ));
    assert_eq!(api.database.number("SELECT count(*) FROM sip_configs").await, 1);
    api.finish().await;
    let api = Api::with(kind, |config| {
        config.call_in.tel = Some("+49 30 1234".to_owned());
        config.call_in.for_new_events = false;
    })
    .await;
    let alice = api.person("alice").await;
    assert!(!has(&event(&api, &alice, timeless()).await["room"], "call_in"));
    api.finish().await;
}

#[tokio::test]
async fn telephones_reach_new_events_on_sqlite() {
    telephones(Kind::Sqlite).await;
}

#[tokio::test]
async fn telephones_reach_new_events_on_postgres() {
    telephones(Kind::Postgres).await;
}
