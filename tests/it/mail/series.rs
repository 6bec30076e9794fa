//! Mails about series, and about single dates of them.

use std::sync::Arc;

use colloquy::mail::Kind;
use colloquy_calendar::{ics::Exception, recurrence::Recurrence};
use serde_json::json;

use super::{Post, sent, span, time, weekly};

on_both_databases!(Post: one_date_of_a_series_is_told_alone, a_series_comes_with_what_differs);

fn exception(original: &str, is_cancelled: bool) -> Exception {
    Exception {
        original_starts_at: time(original),
        is_cancelled,
        title: None,
        description: None,
        span: None,
    }
}

async fn one_date_of_a_series_is_told_alone(post: &Post) {
    let mut moved = weekly();
    moved.kind = Kind::Update;
    moved.instance = Some(time("2026-07-13T08:00:00Z"));
    Arc::make_mut(&mut moved.event).exceptions = vec![Exception {
        title: Some("Planning outside".to_owned()),
        description: Some("No cake.".to_owned()),
        span: Some(span("2026-07-14T12:00:00Z", "2026-07-14T13:00:00Z")),
        ..exception("2026-07-13T08:00:00Z", false)
    }];
    let mail = sent(post, moved.clone()).await;
    assert_eq!(mail.header("subject"), "Changed: Planning outside");
    let text = mail.text("text/plain");
    for line in [
        "When: Tuesday, 14 July 2026, 14:00–15:00 (Europe/Berlin)",
        "Instead of: Monday, 13 July 2026, 10:00 (Europe/Berlin)",
        "No cake.",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let event = mail.event();
    assert_eq!(event["recurrence_id"], "2026-07-13T10:00:00+02:00");
    assert_eq!(event["start"], "2026-07-14T14:00:00+02:00");
    assert_eq!(
        (&event["rule"], &event["summary"]),
        (&json!(null), &json!("Planning outside"))
    );

    let mut cancelled = weekly();
    cancelled.kind = Kind::Cancel;
    cancelled.instance = Some(time("2026-11-02T09:00:00Z"));
    Arc::make_mut(&mut cancelled.event).exceptions = vec![exception("2026-11-02T09:00:00Z", true)];
    let mail = sent(post, cancelled).await;
    assert_eq!(mail.calendar()["method"], "CANCEL");
    let event = mail.event();
    assert_eq!(event["status"], "CANCELLED");
    // The clocks went back on 25 October; the meeting stays at ten.
    assert_eq!(event["recurrence_id"], "2026-11-02T10:00:00+01:00");
    assert_eq!(event["uid"], "00000000-0000-0000-0000-000000000001");
}

async fn a_series_comes_with_what_differs(post: &Post) {
    let mut mail = weekly();
    Arc::make_mut(&mut mail.event).exceptions = vec![
        exception("2026-07-20T08:00:00Z", true),
        Exception {
            span: Some(span("2026-07-14T12:00:00Z", "2026-07-14T13:00:00Z")),
            ..exception("2026-07-13T08:00:00Z", false)
        },
    ];
    let lines = ["RRULE:FREQ=WEEKLY;BYDAY=MO", "EXDATE:20260727T100000"];
    Arc::make_mut(&mut mail.event).recurrence = Recurrence::parse(&lines).expect("a pattern");
    let mail = sent(post, mail).await;
    let events = mail.calendar()["events"].as_array().expect("events");
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[0]["exdates"],
        json!(["2026-07-20T10:00:00+02:00", "2026-07-27T10:00:00+02:00"])
    );
    assert_eq!(events[1]["recurrence_id"], "2026-07-13T10:00:00+02:00");
    assert_eq!(events[1]["start"], "2026-07-14T14:00:00+02:00");
    assert!(mail.text("text/plain").contains("Repeats: on several dates"));
}
