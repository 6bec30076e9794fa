//! Somebody plans a weekly meeting, from the REST API to the letters and the calendar that others get.

use serde_json::{Value, json};

use super::server::Mailing;

on_both_databases!(Mailing: a_weekly_meeting_is_planned);

fn berlin(wall: &str) -> Value {
    json!({"datetime": wall, "timezone": "Europe/Berlin"})
}

/// Lines of a calendar that begin so; nothing here is long enough to be folded.
fn lines<'a>(calendar: &'a str, name: &'a str) -> Vec<&'a str> {
    calendar.lines().filter(|line| line.starts_with(name)).collect()
}

#[expect(clippy::too_many_lines, reason = "one story")]
async fn a_weekly_meeting_is_planned(world: &Mailing) {
    let Mailing { server, smtp } = world;
    let alice = server.anonymous().log_in("alice").await;
    let weekly = json!({
        "title": "Weekly", "description": "What is new?", "is_time_independent": false, "is_all_day": false,
        "starts_at": berlin("2031-03-17T10:00:00"), "ends_at": berlin("2031-03-17T11:00:00"),
        "recurrence_pattern": ["RRULE:FREQ=WEEKLY;COUNT=5"],
    });
    let event = alice.post("/v1/events", weekly).await.expect(201);
    let path = format!("/v1/events/{}", event["id"].as_str().expect("an id"));

    let guest = json!({"email": "gwen@elsewhere.example"});
    alice.post(&format!("{path}/invites"), guest).await.expect(201);
    let invitation = smtp.mail().await;
    assert_eq!(invitation.0["envelope_to"], json!(["gwen@elsewhere.example"]));
    assert_eq!(invitation.calendar()["method"], "REQUEST");
    assert_eq!(invitation.event()["uid"], event["id"]);
    assert_eq!(invitation.event()["start"], "2031-03-17T10:00:00+01:00");
    assert_eq!(invitation.event()["summary"], "Weekly");
    assert!(invitation.event()["rule"].is_string() || invitation.event()["rule"].is_object());
    let first_sequence = invitation.event()["sequence"].as_i64();

    // The second date is an hour later, the third is called off. Clocks change before the third.
    let moved = json!({"starts_at": berlin("2031-03-24T11:00:00"), "ends_at": berlin("2031-03-24T12:00:00")});
    let second = format!("{path}/instances/20310324T090000Z");
    alice.patch(&second, moved).await.expect(200);
    let letter = smtp.mail().await;
    assert_eq!(letter.calendar()["method"], "REQUEST");
    let changed = letter.calendar()["events"].as_array().expect("events");
    let changed = changed.iter().find(|event| !event["recurrence_id"].is_null());
    let changed = changed.expect("one date");
    assert_eq!(changed["uid"], event["id"]);
    assert_eq!(changed["recurrence_id"], "2031-03-24T10:00:00+01:00");
    assert_eq!(changed["start"], "2031-03-24T11:00:00+01:00");
    assert!(changed["sequence"].as_i64() > first_sequence);

    let third = format!("{path}/instances/20310331T080000Z");
    alice
        .patch(&third, json!({"status": "cancelled"}))
        .await
        .expect(200);
    let letter = smtp.mail().await;
    assert_eq!(letter.calendar()["method"], "CANCEL");
    assert_eq!(letter.event()["recurrence_id"], "2031-03-31T10:00:00+02:00");

    let instances = alice.get(&format!("{path}/instances")).await.expect(200);
    let instances = instances.as_array().expect("occurrences");
    let starts: Vec<_> = instances
        .iter()
        .map(|one| &one["starts_at"]["datetime"])
        .collect();
    assert_eq!(
        json!(starts),
        json!([
            "2031-03-17T09:00:00Z",
            "2031-03-24T10:00:00Z",
            "2031-03-31T08:00:00Z",
            "2031-04-07T08:00:00Z",
            "2031-04-14T08:00:00Z"
        ])
    );
    let states: Vec<_> = instances.iter().map(|one| &one["status"]).collect();
    assert_eq!(json!(states), json!(["ok", "ok", "cancelled", "ok", "ok"]));

    let feed = alice
        .post("/v1/users/me/calendar_feed", json!({}))
        .await
        .expect(201);
    let subscribed = format!(
        "http://{}{}",
        server.address(),
        feed["path"].as_str().expect("a path")
    );
    let calendar = reqwest::get(subscribed).await.expect("an answer");
    assert_eq!(calendar.status(), 200);
    let calendar = calendar.text().await.expect("a text");
    assert_eq!(lines(&calendar, "RRULE:FREQ=WEEKLY").len(), 1, "{calendar}");
    assert_eq!(
        lines(&calendar, "EXDATE"),
        ["EXDATE;TZID=Europe/Berlin:20310331T100000"],
        "{calendar}"
    );
    assert_eq!(
        lines(&calendar, "RECURRENCE-ID"),
        ["RECURRENCE-ID;TZID=Europe/Berlin:20310324T100000"],
        "{calendar}"
    );

    alice.delete(&path).await.expect(204);
    let letter = smtp.mail().await;
    assert_eq!(letter.calendar()["method"], "CANCEL");
    smtp.expect_nothing().await;
}
