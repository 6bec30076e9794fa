//! Which times an event may have.

use serde_json::{Value, json};

use super::{Api, berlin, event, hour, patch, path, post, text, timeless, weekly, with};

on_both_databases!(Api:
    times_are_all_there_or_not_at_all, times_must_be_times, days_begin_at_midnight, patterns_must_be_patterns,
    wall_clocks_count, a_series_keeps_the_time_of_day_that_its_start_skips);

async fn times_are_all_there_or_not_at_all(api: &Api) {
    let alice = api.person("alice").await;
    let required = [
        "is_all_day value_required",
        "starts_at value_required",
        "ends_at value_required",
    ];
    let timed = json!({"is_time_independent": false});
    post(api, &alice, with(timeless(), &timed))
        .await
        .refused_fields(&required);
    let all_day = json!({"is_time_independent": false, "is_all_day": true, "starts_at": null});
    post(api, &alice, with(timeless(), &all_day))
        .await
        .refused_fields(&required[1..]);
    let ignored = [
        "is_all_day ignored_value",
        "starts_at ignored_value",
        "ends_at ignored_value",
    ];
    let without = |is_all_day: bool| json!({"is_time_independent": true, "is_all_day": is_all_day});
    for (is_all_day, expected) in [(true, &ignored[..]), (false, &ignored[1..])] {
        post(api, &alice, with(weekly(), &without(is_all_day)))
            .await
            .refused_fields(expected);
    }
    let no_times = json!({"starts_at": null, "ends_at": null});
    let created = event(api, &alice, with(with(weekly(), &without(false)), &no_times)).await;
    assert_eq!(
        (&created["type"], &created["recurrence_pattern"]),
        (&json!("single"), &json!([]))
    );
}

#[expect(clippy::too_many_lines, reason = "a table")]
async fn times_must_be_times(api: &Api) {
    let alice = api.person("alice").await;
    for (time, finding) in [
        (
            json!({"datetime": "2027-01-15", "timezone": "UTC"}),
            "ends_at.datetime invalid_value",
        ),
        (
            json!({"datetime": "2027-02-30T10:00:00Z", "timezone": "UTC"}),
            "ends_at.datetime invalid_value",
        ),
        (
            json!({"datetime": "\0", "timezone": "UTC"}),
            "ends_at.datetime invalid_value",
        ),
        (
            json!({"datetime": "", "timezone": "UTC"}),
            "ends_at.datetime invalid_value",
        ),
        (
            json!({"datetime": "1969-12-31T23:59:59Z", "timezone": "UTC"}),
            "ends_at.datetime invalid_value",
        ),
        (
            json!({"datetime": "3000-01-01T00:00:00Z", "timezone": "UTC"}),
            "ends_at.datetime invalid_value",
        ),
        (
            json!({"datetime": "2027-01-15T10:00:00Z", "timezone": "Mars"}),
            "ends_at.timezone invalid_value",
        ),
        (
            json!({"datetime": "2027-01-15T10:00:00Z", "timezone": "\0"}),
            "ends_at.timezone invalid_value",
        ),
        (
            json!({"datetime": "2027-01-15T10:00:00Z"}),
            "ends_at.timezone value_required",
        ),
        (json!({"timezone": "UTC"}), "ends_at.datetime value_required"),
        (
            json!({"datetime": 1_800_000_000, "timezone": "UTC"}),
            "ends_at.datetime invalid_value",
        ),
        (json!("2027-01-15T10:00:00Z"), "ends_at invalid_value"),
    ] {
        let answer = post(
            api,
            &alice,
            with(hour("2027-01-15T08"), &json!({"ends_at": time})),
        )
        .await;
        answer.refused_fields(&[finding]);
    }
    let both =
        json!({"starts_at": berlin("x"), "ends_at": {"datetime": "2027-01-15T10:00:00Z", "timezone": "x"}});
    post(api, &alice, with(hour("2027-01-15T08"), &both))
        .await
        .refused_fields(&[
            "starts_at.datetime invalid_value",
            "ends_at.timezone invalid_value",
        ]);
    let backwards = json!({"ends_at": berlin("2027-01-15T07:59:59")});
    post(api, &alice, with(hour("2027-01-15T08"), &backwards))
        .await
        .refused(422, "invalid_event");
    let instant = json!({"ends_at": berlin("2027-01-15T08:00:00")});
    post(api, &alice, with(hour("2027-01-15T08"), &instant))
        .await
        .expect(201);
}

async fn days_begin_at_midnight(api: &Api) {
    let alice = api.person("alice").await;
    let utc = |datetime: &str| json!({"datetime": datetime, "timezone": "Europe/Berlin"});
    for (starts_at, ends_at, fits) in [
        (berlin("2027-03-22T00:00:00"), berlin("2027-03-23T00:00:00"), true),
        (utc("2027-03-21T23:00:00Z"), utc("2027-03-22T23:00:00Z"), true),
        (utc("2027-03-22T00:00:00Z"), utc("2027-03-23T00:00:00Z"), true),
        (
            berlin("2027-03-22T00:00:01"),
            berlin("2027-03-23T00:00:00"),
            false,
        ),
        (
            berlin("2027-03-22T00:00:00"),
            berlin("2027-03-22T23:59:59"),
            false,
        ),
    ] {
        let body = json!({"is_all_day": true, "starts_at": starts_at, "ends_at": ends_at});
        let answer = post(api, &alice, with(hour("2027-03-22T10"), &body)).await;
        if fits {
            assert_eq!(answer.expect(201)["is_all_day"], true);
        } else {
            answer.refused(422, "invalid_event");
        }
    }
}

async fn patterns_must_be_patterns(api: &Api) {
    let alice = api.person("alice").await;
    let with_lines = |lines: Value| with(weekly(), &json!({"recurrence_pattern": lines}));
    for line in [
        "",
        "FREQ=HOURLY",
        "FREQ=DAILY;X=1",
        "RRULE:",
        "RRULE:FREQ=HOURLY",
        "RRULE:FREQ=MINUTELY",
        "RRULE:FREQ=SECONDLY;COUNT=1",
        "RRULE:FREQ=DAILY;INTERVAL=0",
        "RRULE:FREQ=DAILY;COUNT=0",
        "RRULE:FREQ=DAILY;BYMINUTE=77",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY",
        "RRULE:FREQ=DAILY\r\nEXDATE:20270322T090000Z",
        "DTSTART:20270322T090000Z",
        "DTEND:20270322T090000Z",
        "EXDATE:20270322T090000Z",
        "RRULE:FREQ=DAILY;COUNT=1;UNTIL=20270401T000000Z",
        "VEVENT",
    ] {
        post(api, &alice, with_lines(json!([line])))
            .await
            .refused(422, "invalid_event");
    }
    post(api, &alice, with_lines(json!(vec!["RRULE:FREQ=DAILY"; 5])))
        .await
        .refused_fields(&["recurrence_pattern too_long"]);
    let long = format!("RRULE:FREQ=DAILY;X={}", "x".repeat(1024));
    post(api, &alice, with_lines(json!(["RRULE:FREQ=DAILY", long])))
        .await
        .refused_fields(&["recurrence_pattern[1] too_long"]);
    post(api, &alice, with_lines(json!(["RRULE:FREQ=DAILY\0"])))
        .await
        .refused_fields(&["recurrence_pattern[0] invalid_value"]);
    assert_eq!(api.database.number("SELECT count(*) FROM events").await, 0);
}

async fn wall_clocks_count(api: &Api) {
    let alice = api.person("alice").await;
    for (starts_at, expected) in [
        (berlin("2027-07-15T10:00"), "2027-07-15T08:00:00Z"),
        (berlin("2027-07-15T10:00:00+03:00"), "2027-07-15T07:00:00Z"),
        (berlin("2027-07-15T08:00:00.987Z"), "2027-07-15T08:00:00Z"),
        // In the gap: the offset before it counts.
        (berlin("2027-03-28T02:30:00"), "2027-03-28T01:30:00Z"),
        // Shown twice: the first time.
        (berlin("2027-10-31T02:30:00"), "2027-10-31T00:30:00Z"),
    ] {
        let body = json!({"starts_at": starts_at, "ends_at": berlin("2028-01-01T00:00:00")});
        let created = event(api, &alice, with(hour("2027-07-15T10"), &body)).await;
        assert_eq!(
            created["starts_at"],
            json!({"datetime": expected, "timezone": "Europe/Berlin"})
        );
    }
}

async fn a_series_keeps_the_time_of_day_that_its_start_skips(api: &Api) {
    let alice = api.person("alice").await;
    // On 28 March there is no 2:30 in Berlin.
    let body = json!({
        "starts_at": berlin("2027-03-28T02:30:00"), "ends_at": berlin("2027-03-28T03:45"),
        "recurrence_pattern": ["RRULE:FREQ=WEEKLY;COUNT=3"],
    });
    let created = event(api, &alice, with(hour("2027-03-28T02"), &body)).await;
    let starts = async || {
        let instances = api.get(&alice, &format!("{}/instances", path(&created))).await;
        let instances = instances.expect(200);
        let instances = instances.as_array().expect("a list").iter();
        let starts = instances.map(|one| text(&one["starts_at"]["datetime"]).to_owned());
        starts.collect::<Vec<_>>()
    };
    let kept = [
        "2027-03-28T01:30:00Z",
        "2027-04-04T00:30:00Z",
        "2027-04-11T00:30:00Z",
    ];
    assert_eq!(starts().await, kept);
    // A form sends back what it got: an instant.
    let form = json!({
        "title": "Anders", "is_time_independent": false, "is_all_day": false, "starts_at": created["starts_at"],
        "ends_at": created["ends_at"], "recurrence_pattern": created["recurrence_pattern"],
    });
    patch(api, &alice, &path(&created), form).await.expect(200);
    assert_eq!(starts().await, kept);
    // Another beginning says nothing of that time of day.
    let later = json!({"starts_at": {"datetime": "2027-03-28T01:40:00Z", "timezone": "Europe/Berlin"}});
    patch(api, &alice, &path(&created), later).await.expect(200);
    let moved = [
        "2027-03-28T01:40:00Z",
        "2027-04-04T01:40:00Z",
        "2027-04-11T01:40:00Z",
    ];
    assert_eq!(starts().await, moved);
}
