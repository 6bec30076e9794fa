//! `/v1/events/{event_id}/instances/{instance_id}`.

use serde_json::{Value, json};

use super::{Api, UNKNOWN, WEEKS, berlin, event, hour, patch, path, text, timeless, weekly, with};

on_both_databases!(Api:
    an_occurrence_is_as_in_the_list, an_offset_names_the_same_one, the_one_of_a_single_event_is_the_event,
    another_zone_alone_moves_nothing, what_is_none_is_not_found, changes_touch_one_occurrence, a_cancelled_one_comes_back,
    times_fit_together, nothing_set_changes_nothing, exceptions_are_limited, bodies_have_limits, only_users_see_occurrences);

fn at(event: &Value, instance: &str) -> String {
    format!("{}/instances/{instance}", path(event))
}

async fn an_occurrence_is_as_in_the_list(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let list = api
        .get(&alice, &format!("{}/instances?invitees_max=3", path(&created)))
        .await
        .expect(200);
    for (number, week) in WEEKS.into_iter().enumerate() {
        let query = "?invitees_max=3&suppress_email_notification=true";
        let one = api
            .get(&alice, &format!("{}{query}", at(&created, week)))
            .await
            .expect(200);
        assert_eq!(one, list[number]);
    }
}

async fn an_offset_names_the_same_one(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let one = api.get(&alice, &at(&created, WEEKS[1])).await.expect(200);
    assert_eq!(one["instance_id"], WEEKS[1]);
    for name in [
        "20270329T100000+0200",
        "20270329T100000%2B0200",
        "20270328T223000-0930",
    ] {
        assert_eq!(
            api.get(&alice, &at(&created, name)).await.expect(200),
            one,
            "{name}"
        );
    }
    let changed = patch(
        api,
        &alice,
        &at(&created, "20270329T100000+0200"),
        json!({"title": "Anders"}),
    )
    .await;
    assert_eq!(changed.expect(200)["instance_id"], WEEKS[1]);
    assert_eq!(
        api.get(&alice, &at(&created, WEEKS[1])).await.expect(200)["title"],
        "Anders"
    );
    api.get(&alice, &at(&created, "20270329T100000+0100"))
        .await
        .refused(404, "not_found");
}

async fn the_one_of_a_single_event_is_the_event(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, hour("2027-03-22T10")).await;
    let change = async |name: &str, body: Value| patch(api, &alice, &at(&created, name), body).await;
    let before = api.get(&alice, &at(&created, WEEKS[0])).await.expect(200);
    assert_eq!(change(WEEKS[0], json!({})).await.expect(204), Value::Null);
    let same = json!({"status": "ok", "title": "Treffen", "starts_at": created["starts_at"]});
    assert_eq!(change(WEEKS[0], same).await.expect(200), before);
    change(WEEKS[0], json!({"status": "cancelled", "title": "x"}))
        .await
        .refused_fields(&["status invalid_value"]);
    change(WEEKS[0], json!({"ends_at": berlin("2027-03-22T09:00:00")}))
        .await
        .refused(422, "invalid_event");
    assert_eq!(api.get(&alice, &path(&created)).await.expect(200), created);
    api.clock.advance(1);
    let moved = json!({
        "title": "Anders", "starts_at": berlin("2027-03-23T10:00:00"), "ends_at": berlin("2027-03-23T11:00:00"),
    });
    let moved = change(WEEKS[0], moved).await.expect(200);
    assert_eq!(
        (&moved["instance_id"], &moved["title"]),
        (&json!("20270323T090000Z"), &json!("Anders"))
    );
    change(WEEKS[0], json!({"title": "x"}))
        .await
        .refused(404, "not_found");
    assert_eq!(
        api.get(&alice, &at(&created, "20270323T090000Z"))
            .await
            .expect(200),
        moved
    );
    let event = api.get(&alice, &path(&created)).await.expect(200);
    for field in ["title", "starts_at", "ends_at", "updated_at"] {
        assert_eq!(event[field], moved[field], "{field}");
    }
    assert_eq!(event["type"], "single");
    assert_eq!(
        api.database.number("SELECT count(*) FROM event_exceptions").await,
        0
    );
}

async fn another_zone_alone_moves_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let before = api.get(&alice, &at(&created, WEEKS[1])).await.expect(200);
    let tokyo = |datetime: &str| json!({"datetime": datetime, "timezone": "Asia/Tokyo"});
    let form = json!({
        "title": "Treffen", "description": "Ein Text", "is_all_day": false,
        "starts_at": tokyo("2027-03-29T08:00:00Z"), "ends_at": tokyo("2027-03-29T08:59:00Z"),
    });
    let answer = patch(api, &alice, &at(&created, WEEKS[1]), form).await;
    assert_eq!(answer.expect(200), before);
    assert_eq!(
        api.database.number("SELECT count(*) FROM event_exceptions").await,
        0
    );
}

async fn what_is_none_is_not_found(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let (single, timeless) = (
        event(api, &alice, hour("2027-03-22T10")).await,
        event(api, &alice, timeless()).await,
    );
    for path in [
        at(&created, "20270322T090001Z"),
        at(&created, "20270329T090000Z"),
        at(&created, "20270315T090000Z"),
        at(&created, "20270412T080000Z"),
        at(&single, WEEKS[1]),
        at(&timeless, WEEKS[0]),
        format!("{UNKNOWN}/instances/{}", WEEKS[0]),
    ] {
        api.get(&alice, &path).await.refused(404, "not_found");
        patch(api, &alice, &path, json!({"title": "x"}))
            .await
            .refused(404, "not_found");
        patch(api, &alice, &path, json!({}))
            .await
            .refused(404, "not_found");
    }
    for name in [
        "1",
        "20270322",
        "20270322T090000",
        "20270322T090000z",
        "2027-03-22T09:00:00Z",
        "20270322T250000Z",
        "20270230T090000Z",
        "+2027322T090000Z",
        "%00",
        " 20270322T090000Z",
    ] {
        let name = name.replace(' ', "%20");
        api.get(&alice, &at(&created, &name))
            .await
            .refused(400, "bad_request");
        patch(api, &alice, &at(&created, &name), json!({}))
            .await
            .refused(400, "bad_request");
    }
    assert_eq!(
        api.database.number("SELECT count(*) FROM event_exceptions").await,
        0
    );
}

#[expect(clippy::too_many_lines, reason = "one occurrence, change after change")]
async fn changes_touch_one_occurrence(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let others = [at(&created, WEEKS[0]), at(&created, WEEKS[2])];
    let mut before = Vec::new();
    for other in &others {
        before.push(api.get(&alice, other).await.expect(200));
    }
    let mut expected = api.get(&alice, &at(&created, WEEKS[1])).await.expect(200);
    for (field, value) in [
        ("title", json!("Anders")),
        ("description", json!("")),
        (
            "ends_at",
            json!({"datetime": "2027-03-30T20:00:00Z", "timezone": "UTC"}),
        ),
        (
            "starts_at",
            json!({"datetime": "2027-03-30T18:00:00Z", "timezone": "Asia/Tokyo"}),
        ),
        ("status", json!("cancelled")),
        ("title", json!("Doch")),
    ] {
        api.clock.advance(1);
        expected["updated_at"] = json!(api.state.clock.now());
        expected[field] = value.clone();
        let changed = patch(api, &alice, &at(&created, WEEKS[1]), json!({field: value}))
            .await
            .expect(200);
        assert_eq!(changed, expected, "{field}");
        assert_eq!(
            api.get(&alice, &at(&created, WEEKS[1])).await.expect(200),
            expected
        );
    }
    for (other, before) in others.iter().zip(before) {
        assert_eq!(api.get(&alice, other).await.expect(200), before);
    }
    assert_eq!(
        api.database.number("SELECT count(*) FROM event_exceptions").await,
        1
    );
    assert_eq!(
        api.database
            .number("SELECT CAST(revision AS BIGINT) FROM events")
            .await,
        6
    );
    // In the list of events it follows its series.
    let list = api.get(&alice, "/v1/events").await.expect(200);
    let exception = &list[1];
    assert_eq!(list[0]["id"], created["id"]);
    let me = &created["created_by"];
    let expected = json!({
        "id": format!("{}_{}", text(&created["id"]), WEEKS[1]),
        "recurring_event_id": created["id"],
        "instance_id": WEEKS[1],
        "created_by": me,
        "created_at": "2027-01-15T08:00:01Z",
        "updated_by": me,
        "updated_at": "2027-01-15T08:00:06Z",
        "title": "Doch",
        "description": "",
        "is_all_day": false,
        "starts_at": {"datetime": "2027-03-30T18:00:00Z", "timezone": "Asia/Tokyo"},
        "ends_at": {"datetime": "2027-03-30T20:00:00Z", "timezone": "UTC"},
        "original_starts_at": {"datetime": "2027-03-29T08:00:00Z", "timezone": "Europe/Berlin"},
        "type": "exception",
        "status": "cancelled",
        "can_edit": true,
    });
    assert_eq!(*exception, expected);
}

async fn a_cancelled_one_comes_back(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let path = at(&created, WEEKS[2]);
    for status in ["cancelled", "ok"] {
        assert_eq!(
            patch(api, &alice, &path, json!({"status": status}))
                .await
                .expect(200)["status"],
            status
        );
        assert_eq!(api.get(&alice, &path).await.expect(200)["status"], status);
    }
}

async fn times_fit_together(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let path = at(&created, WEEKS[1]);
    for body in [
        json!({"starts_at": berlin("2027-03-29T11:00:00")}),
        json!({"ends_at": berlin("2027-03-29T09:59:59")}),
        json!({"is_all_day": true}),
        json!({"title": "x", "is_all_day": true, "starts_at": berlin("2027-03-29T00:00:00")}),
    ] {
        patch(api, &alice, &path, body)
            .await
            .refused(422, "invalid_event");
    }
    assert_eq!(
        api.database.number("SELECT count(*) FROM event_exceptions").await,
        0
    );
    let day = json!({"is_all_day": true, "starts_at": berlin("2027-03-29T00:00:00"), "ends_at": berlin("2027-03-30T00:00:00")});
    assert_eq!(
        patch(api, &alice, &path, day).await.expect(200)["is_all_day"],
        true
    );
}

async fn nothing_set_changes_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let nulls = json!({
        "title": null, "description": null, "is_all_day": null, "starts_at": null, "ends_at": null, "status": null,
    });
    for body in [json!({}), nulls, json!({"type": "single"})] {
        assert_eq!(
            patch(api, &alice, &at(&created, WEEKS[0]), body)
                .await
                .expect(204),
            Value::Null
        );
    }
    assert_eq!(
        api.database.number("SELECT count(*) FROM event_exceptions").await,
        0
    );
    assert_eq!(
        api.database
            .number("SELECT CAST(revision AS BIGINT) FROM events")
            .await,
        0
    );
}

async fn exceptions_are_limited(api: &Api) {
    let alice = api.person("alice").await;
    let daily = json!({"recurrence_pattern": ["RRULE:FREQ=DAILY"]});
    let created = event(api, &alice, with(weekly(), &daily)).await;
    patch(api, &alice, &at(&created, WEEKS[0]), json!({"title": "x"}))
        .await
        .expect(200);
    // As many as there may be; an id in SQLite is a text of bytes, in PostgreSQL a UUID.
    let (id, time) = match &api.database.db {
        colloquy::store::Db::Sqlite { .. } => (
            "randomblob(16)",
            "strftime('%Y-%m-%dT%H:%M:%S+00:00', 1800000000 + n, 'unixepoch')",
        ),
        colloquy::store::Db::Postgres(_) => ("gen_random_uuid()", "to_timestamp(1800000000 + n)"),
    };
    let fill = format!(
        "WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 499)
         INSERT INTO event_exceptions (id, event_id, original_starts_at, created_by, created_at, updated_by, updated_at, status)
         SELECT {id}, e.id, {time}, e.created_by, e.created_at, e.created_by, e.created_at, 'ok' FROM events e, counter"
    );
    api.database.execute(&fill).await;
    patch(api, &alice, &at(&created, WEEKS[1]), json!({"title": "x"}))
        .await
        .refused(409, "conflict");
    patch(api, &alice, &at(&created, WEEKS[0]), json!({"title": "y"}))
        .await
        .expect(200);
}

async fn bodies_have_limits(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let path = at(&created, WEEKS[0]);
    let wrong = json!({"title": "x".repeat(256), "description": "\0", "starts_at": berlin("x"), "ends_at": berlin("")});
    patch(api, &alice, &path, wrong).await.refused_fields(&[
        "title too_long",
        "description invalid_value",
        "starts_at.datetime invalid_value",
        "ends_at.datetime invalid_value",
    ]);
    patch(api, &alice, &path, json!({"status": "moved"}))
        .await
        .refused_fields(&["status invalid_value"]);
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "PATCH", &path).await;
}

async fn only_users_see_occurrences(api: &Api) {
    for method in ["GET", "PATCH"] {
        api.needs_a_user(method, &format!("{UNKNOWN}/instances/{}", WEEKS[0]))
            .await;
    }
}
