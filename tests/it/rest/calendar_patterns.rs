//! Patterns of series, and times of zones: what is kept of them, and what calendar programs are told.

use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::Api,
    calendar_feed::{read, subscribe},
};

on_both_databases!(Api: patterns_are_told_in_the_words_of_the_standard, todays_zones_count);

/// The lines of a feed, unfolded, that begin with one of these.
fn lines(feed: &Answer, names: &[&str]) -> Vec<String> {
    let text = feed.body.as_str().expect("a text").replace("\r\n ", "");
    let is_wanted = |line: &&str| names.iter().any(|name| line.starts_with(name));
    text.lines().filter(is_wanted).map(str::to_owned).collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
async fn patterns_are_told_in_the_words_of_the_standard(api: &Api) {
    let alice = api.person("alice").await;
    let path = subscribe(api, &alice).await;
    let empty = read(api, &path).await;
    assert_eq!(
        lines(&empty, &["BEGIN"]),
        ["BEGIN:VCALENDAR", "BEGIN:VTIMEZONE", "BEGIN:STANDARD"]
    );
    let name = [
        "NAME:Colloquy",
        "X-WR-CALNAME:Colloquy",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
    ];
    assert_eq!(lines(&empty, &["NAME", "X-WR", "REFRESH"]), name);
    let day = |datetime: &str| json!({"datetime": datetime, "timezone": "Europe/Berlin"});
    for (start, pattern, kept, told) in [
        (
            "2027-01-04T10:00:00",
            json!(["rrule:freq=daily; count=3", " exdate:20270104T090000z"]),
            json!(["RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20270104T090000Z"]),
            &[
                "DTSTART;TZID=Europe/Berlin:20270104T100000",
                "RRULE:FREQ=DAILY;COUNT=3",
                "EXDATE;TZID=Europe/Berlin:20270104T100000",
            ][..],
        ),
        (
            "2027-01-05T10:00:00",
            json!([
                "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4",
                "RDATE;X-A=b\"c:20270106T150000Z"
            ]),
            json!(["RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO", "RDATE:20270106T150000Z"]),
            &[
                "DTSTART;TZID=Europe/Berlin:20270111T100000",
                "RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO",
                "RDATE;TZID=Europe/Berlin:20270106T160000",
            ],
        ),
        (
            "2027-01-04T10:00:00",
            json!(["FREQ=DAILY;COUNT=10", "EXRULE:FREQ=WEEKLY;BYDAY=SA, SU"]),
            json!(["RRULE:FREQ=DAILY;COUNT=10", "EXRULE:FREQ=WEEKLY;BYDAY=SA,SU"]),
            &[
                "DTSTART;TZID=Europe/Berlin:20270104T100000",
                "RRULE:FREQ=DAILY;COUNT=10",
                "EXDATE;TZID=Europe/Berlin:20270109T100000,20270110T100000",
            ],
        ),
    ] {
        let body = json!({
            "title": "Treffen", "description": "", "is_time_independent": false, "is_all_day": false,
            "starts_at": day(start), "ends_at": day(&start.replace("T10", "T11")), "recurrence_pattern": pattern,
        });
        let event = api.call(&alice, "POST", "/v1/events", body).await.expect(201);
        assert_eq!(event["recurrence_pattern"], kept);
        let told_now = read(api, &path).await;
        let (_, events) = told_now
            .body
            .as_str()
            .expect("a text")
            .split_once("BEGIN:VEVENT")
            .expect("an event");
        assert!(events.contains("\r\nSUMMARY:Treffen\r\n"));
        assert_eq!(
            lines(
                &told_now,
                &[
                    "DTSTART;TZID",
                    "RRULE:FREQ=DAILY",
                    "RRULE:FREQ=WEEKLY",
                    "RDATE;",
                    "EXDATE"
                ]
            ),
            told
        );
        let id = event["id"].as_str().expect("an id");
        api.call(&alice, "DELETE", &format!("/v1/events/{id}"), Value::Null)
            .await
            .expect(204);
    }
}

async fn todays_zones_count(api: &Api) {
    let alice = api.person("alice").await;
    for (zone, instant) in [
        ("America/Vancouver", "2027-01-15T17:00:00Z"),
        ("Africa/Casablanca", "2027-01-15T10:00:00Z"),
    ] {
        let at = |time: &str| json!({"datetime": format!("2027-01-15T{time}"), "timezone": zone});
        let body = json!({
            "title": "Treffen", "description": "", "is_time_independent": false, "is_all_day": false,
            "starts_at": at("10:00:00"), "ends_at": at("11:00:00"),
        });
        let event = api.call(&alice, "POST", "/v1/events", body).await.expect(201);
        assert_eq!(event["starts_at"]["datetime"], instant);
    }
}
