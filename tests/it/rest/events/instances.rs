//! `GET /v1/events/{event_id}/instances`.

use serde_json::{Value, json};

use super::{
    Api, UNKNOWN, WEEKS, berlin, event, hour, invite, link, patch, path, text, timeless, titles, weekly, with,
};
use crate::rest::api::Person;

on_both_databases!(Api:
    occurrences_keep_their_wall_clock, windows_count_by_overlap, pages_go_both_ways, moved_ones_are_listed_where_they_are,
    invitees_see_occurrences, what_has_no_times_has_none, a_single_event_has_one,
    what_has_no_length_is_found_on_its_day, far_windows_are_answered, queries_must_parse);

async fn list(api: &Api, person: &Person, event: &Value, query: &str) -> Value {
    api.get(person, &format!("{}/instances{query}", path(event)))
        .await
        .expect(200)
}

fn ids(list: &Value) -> Vec<&str> {
    let entries = list.as_array().expect("a list").iter();
    entries.map(|entry| text(&entry["instance_id"])).collect()
}

fn starts(list: &Value) -> Vec<&str> {
    let entries = list.as_array().expect("a list").iter();
    entries
        .map(|entry| text(&entry["starts_at"]["datetime"]))
        .collect()
}

async fn occurrences_keep_their_wall_clock(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let listed = list(api, &alice, &created, "").await;
    assert_eq!(ids(&listed), WEEKS);
    assert_eq!(
        starts(&listed),
        [
            "2027-03-22T09:00:00Z",
            "2027-03-29T08:00:00Z",
            "2027-04-05T08:00:00Z"
        ]
    );
    let mut expected = json!({
        "id": format!("{}_{}", text(&created["id"]), WEEKS[1]),
        "recurring_event_id": created["id"],
        "instance_id": WEEKS[1],
        "is_all_day": false,
        "starts_at": {"datetime": "2027-03-29T08:00:00Z", "timezone": "Europe/Berlin"},
        "ends_at": {"datetime": "2027-03-29T08:59:00Z", "timezone": "Europe/Berlin"},
        "type": "instance",
    });
    for field in [
        "created_by",
        "created_at",
        "updated_by",
        "updated_at",
        "title",
        "description",
        "room",
        "invitees",
        "invitees_truncated",
        "status",
        "invite_status",
        "is_favorite",
        "can_edit",
    ] {
        expected[field] = created[field].clone();
    }
    assert_eq!(listed[1], expected);
}

async fn windows_count_by_overlap(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    for (query, expected) in [
        ("?time_min=2027-03-22T09:58:59Z", &WEEKS[..]),
        ("?time_min=2027-03-22T09:59:00Z", &WEEKS[1..]),
        ("?time_min=2027-03-29T08:30:00Z", &WEEKS[1..]),
        ("?time_max=2027-03-29T08:00:00Z", &WEEKS[..1]),
        ("?time_max=2027-03-29T08:00:01Z", &WEEKS[..2]),
        (
            "?time_min=2027-03-29T08:10:00Z&time_max=2027-03-29T08:20:00Z",
            &WEEKS[1..2],
        ),
        (
            "?time_min=2027-03-29T10:10:00%2B02:00&time_max=2027-03-29T10:20:00%2B02:00",
            &WEEKS[1..2],
        ),
        (
            "?time_min=2027-03-30T00:00:00Z&time_max=2027-03-31T00:00:00Z",
            &[],
        ),
        (
            "?time_min=2027-04-05T08:00:00Z&time_max=2027-03-22T10:00:00Z",
            &[],
        ),
    ] {
        assert_eq!(
            ids(&list(api, &alice, &created, query).await),
            expected,
            "{query}"
        );
    }
    // Each lasts longer than the time to the next one.
    let long = json!({"ends_at": berlin("2027-04-01T10:00:00")});
    let created = event(api, &alice, with(weekly(), &long)).await;
    assert_eq!(
        ids(&list(
            api,
            &alice,
            &created,
            "?time_min=2027-04-01T07:00:00Z&time_max=2027-04-05T00:00:00Z"
        )
        .await),
        WEEKS[..2]
    );
}

async fn pages_go_both_ways(api: &Api) {
    let alice = api.person("alice").await;
    let daily = json!({"recurrence_pattern": ["RRULE:FREQ=DAILY;COUNT=7"]});
    let created = event(api, &alice, with(weekly(), &daily)).await;
    let all = list(api, &alice, &created, "").await;
    let all: Vec<_> = ids(&all).into_iter().map(str::to_owned).collect();
    assert_eq!(all.len(), 7);
    let first = api
        .get(
            &alice,
            &format!("{}/instances?per_page=3&invitees_max=1", path(&created)),
        )
        .await;
    assert_eq!((ids(&first.body).len(), link(&first, "before")), (3, None));
    let mut walked: Vec<_> = ids(&first.body).into_iter().map(str::to_owned).collect();
    let mut next = link(&first, "after");
    let mut last = first;
    while let Some(path) = next {
        assert!(
            path.contains("per_page=3") && path.contains("invitees_max=1"),
            "{path}"
        );
        let page = api.get(&alice, &path).await;
        assert!(link(&page, "before").is_some());
        walked.extend(ids(&page.body).into_iter().map(str::to_owned));
        next = link(&page, "after");
        last = page;
    }
    assert_eq!(walked, all);
    let mut back: Vec<String> = ids(&last.body).into_iter().map(str::to_owned).collect();
    let mut previous = link(&last, "before");
    while let Some(path) = previous {
        // Older clients call it otherwise.
        let page = api.get(&alice, &path.replace("after=", "cursor=")).await;
        assert!(link(&page, "after").is_some());
        back.splice(0..0, ids(&page.body).into_iter().map(str::to_owned));
        previous = link(&page, "before");
    }
    assert_eq!(back, all);
    let whole = api
        .get(&alice, &format!("{}/instances?per_page=7", path(&created)))
        .await;
    assert!(!whole.headers.contains_key("link"));
}

async fn moved_ones_are_listed_where_they_are(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let change = async |week: &str, body: Value| {
        patch(api, &alice, &format!("{}/instances/{week}", path(&created)), body)
            .await
            .expect(200);
    };
    // The first behind the last, the second cancelled.
    let moved = json!({"title": "Verlegt", "starts_at": berlin("2027-04-10T10:00:00"), "ends_at": berlin("2027-04-10T12:00:00")});
    change(WEEKS[0], moved).await;
    change(WEEKS[1], json!({"status": "cancelled"})).await;
    let listed = list(api, &alice, &created, "").await;
    assert_eq!(ids(&listed), [WEEKS[1], WEEKS[2], WEEKS[0]]);
    assert_eq!(titles(&listed), ["Treffen", "Treffen", "Verlegt"]);
    assert_eq!(
        (&listed[0]["status"], &listed[1]["status"]),
        (&json!("cancelled"), &json!("ok"))
    );
    for (query, expected) in [
        ("?time_min=2027-04-10T09:00:00Z", vec![WEEKS[0]]),
        ("?time_max=2027-03-23T00:00:00Z", vec![]),
        (
            "?time_min=2027-04-05T08:00:00Z&time_max=2027-04-10T08:00:01Z",
            vec![WEEKS[2], WEEKS[0]],
        ),
    ] {
        assert_eq!(
            ids(&list(api, &alice, &created, query).await),
            expected,
            "{query}"
        );
    }
    let (mut walked, mut next) = (
        Vec::new(),
        Some(format!("{}/instances?per_page=1", path(&created))),
    );
    while let Some(path) = next {
        let page = api.get(&alice, &path).await;
        walked.extend(ids(&page.body).into_iter().map(str::to_owned));
        next = link(&page, "after");
    }
    assert_eq!(walked, [WEEKS[1], WEEKS[2], WEEKS[0]]);
    // The series lasts as long as the occurrence that was moved beyond its end.
    let later = api
        .get(&alice, "/v1/events?time_min=2027-04-10T09:00:00Z")
        .await
        .expect(200);
    assert_eq!(later[0]["id"], created["id"]);
}

async fn invitees_see_occurrences(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let created = event(api, &alice, weekly()).await;
    invite(api, &alice, &created, &bob, "user").await;
    let listed = list(api, &bob, &created, "?invitees_max=5").await;
    assert_eq!(ids(&listed), WEEKS);
    assert_eq!(
        (&listed[0]["can_edit"], &listed[0]["invite_status"]),
        (&json!(false), &json!("pending"))
    );
    assert_eq!(listed[2]["invitees"][0]["profile"]["kind"], "registered");
    let carol = api.person("carol").await;
    api.get(&carol, &format!("{}/instances", path(&created)))
        .await
        .refused(404, "not_found");
}

async fn what_has_no_times_has_none(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, timeless()).await;
    assert_eq!(list(api, &alice, &created, "").await, json!([]));
}

async fn a_single_event_has_one(api: &Api) {
    let alice = api.person("alice").await;
    let utc_days = json!({
        "is_all_day": true,
        "starts_at": {"datetime": "2027-03-22T00:00:00Z", "timezone": "Europe/Berlin"},
        "ends_at": {"datetime": "2027-03-24T00:00:00Z", "timezone": "Europe/Berlin"},
    });
    for (body, name) in [
        (hour("2027-03-22T10"), "20270322T090000Z"),
        (with(hour("2027-03-22T10"), &utc_days), "20270322T000000Z"),
    ] {
        let created = event(api, &alice, body).await;
        let answer = api.get(&alice, &format!("{}/instances", path(&created))).await;
        assert!(!answer.headers.contains_key("link"));
        let listed = answer.expect(200);
        assert_eq!(ids(&listed), [name]);
        assert_eq!(listed[0]["type"], "instance");
        for field in [
            "title",
            "is_all_day",
            "starts_at",
            "ends_at",
            "room",
            "created_by",
        ] {
            assert_eq!(listed[0][field], created[field], "{field}");
        }
        for (query, number) in [
            ("?time_min=2027-03-22T09:00:00Z", 1),
            ("?time_min=2027-03-24T00:00:00Z", 0),
            ("?time_max=2027-03-22T00:00:00Z", 0),
            ("?time_max=2027-03-23T00:00:00Z", 1),
        ] {
            let found = list(api, &alice, &created, query).await;
            assert_eq!(ids(&found).len(), number, "{name} {query}");
        }
    }
}

async fn what_has_no_length_is_found_on_its_day(api: &Api) {
    let alice = api.person("alice").await;
    let moment = json!({"ends_at": berlin("2027-03-22T10:00:00")});
    let created = event(api, &alice, with(weekly(), &moment)).await;
    for (query, expected) in [
        (
            "?time_min=2027-03-29T08:00:00Z&time_max=2027-03-29T08:00:01Z",
            &WEEKS[1..2],
        ),
        (
            "?time_min=2027-03-29T00:00:00Z&time_max=2027-03-30T00:00:00Z",
            &WEEKS[1..2],
        ),
        ("?time_min=2027-03-29T08:00:01Z", &WEEKS[2..]),
        ("?time_min=2027-04-05T08:00:00Z", &WEEKS[2..]),
        ("?time_max=2027-03-29T08:00:00Z", &WEEKS[..1]),
    ] {
        assert_eq!(
            ids(&list(api, &alice, &created, query).await),
            expected,
            "{query}"
        );
    }
}

async fn far_windows_are_answered(api: &Api) {
    let alice = api.person("alice").await;
    for (pattern, query, number) in [
        (
            "RRULE:FREQ=DAILY",
            "?time_min=2057-03-22T00:00:00Z&time_max=2057-03-24T00:00:00Z",
            2,
        ),
        (
            "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
            "?time_min=2050-01-01T00:00:00Z&per_page=2",
            2,
        ),
        // Known for forty years ahead.
        ("RRULE:FREQ=DAILY", "?time_min=2067-06-01T00:00:00Z", 0),
        ("RRULE:FREQ=DAILY", "?time_min=+262142-12-31T00:00:00Z", 0),
        ("RRULE:FREQ=DAILY", "?time_max=-262143-01-01T00:00:00Z", 0),
        ("RRULE:FREQ=DAILY", "?time_min=0001-01-01T00:00:00Z&per_page=1", 1),
    ] {
        let created = event(
            api,
            &alice,
            with(weekly(), &json!({"recurrence_pattern": [pattern]})),
        )
        .await;
        let answer = api
            .get(&alice, &format!("{}/instances{query}", path(&created)))
            .await;
        if query.contains("26214") && answer.status.as_u16() == 400 {
            continue;
        }
        assert_eq!(ids(&answer.expect(200)).len(), number, "{query}");
    }
}

async fn queries_must_parse(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    for query in [
        "per_page=0",
        "per_page=101",
        "per_page=x",
        "time_min=yesterday",
        "time_max=",
        "after=x",
        "cursor=%00",
        "after=",
        "invitees_max=-1",
        "after=bnVsbA",
    ] {
        api.get(&alice, &format!("{}/instances?{query}", path(&created)))
            .await
            .refused(400, "bad_request");
    }
    api.get(&alice, "/v1/events/x/instances")
        .await
        .refused(400, "bad_request");
    api.get(&alice, &format!("{UNKNOWN}/instances"))
        .await
        .refused(404, "not_found");
    api.needs_a_user("GET", &format!("{UNKNOWN}/instances")).await;
}
