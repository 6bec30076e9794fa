//! `/v1/users/me/calendar_feed` and `/v1/users/me/calendar.ics`.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use colloquy::store::{
    events::{
        self, NewEvent, Status, Times, ZonedTime,
        exceptions::{self, Difference},
    },
    guest_access::GuestAccess,
    invites::Editor,
    rooms::{self, NewRoom},
    users::{self, User},
};
use colloquy_calendar::recurrence::{LocalStart, Recurrence, RecurrenceSet};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::Answer,
    api::{Api, Person},
};

on_both_databases!(Api:
    programs_see_what_takes_place, days_stay_days, only_what_is_the_owners_business_is_shown, what_was_not_answered_comes_last, what_others_ask_for_is_not_costly,
    a_token_opens_until_it_is_replaced_or_revoked, a_token_is_good_for_a_year, a_token_goes_with_its_owner, what_is_known_is_not_sent_again, odd_requests_are_refused,
    whoever_invents_tokens_is_refused, who_reads_much_is_no_inventor, the_costliest_series_are_not_all_computed);

const FEED: &str = "/v1/users/me/calendar_feed";

pub async fn subscribe(api: &Api, person: &Person) -> String {
    let feed = api.call(person, "POST", FEED, Value::Null).await.expect(201);
    let token = feed["token"].as_str().expect("a token");
    assert!(token.len() >= 43, "256 bits");
    let path = feed["path"].as_str().expect("a path");
    assert_eq!(path, format!("/v1/users/me/calendar.ics?token={token}"));
    path.to_owned()
}

pub async fn read(api: &Api, path: &str) -> Answer {
    api.call_anonymously("GET", path, Value::Null).await
}

async fn user(api: &Api, person: &Person) -> User {
    let me = api.get(person, "/v1/users/me").await.expect(200);
    let id = me["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let user = users::by_id(&api.state.db, id).await.expect("a query");
    user.expect("a user")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn times(starts_at: &str, zone: &str, hours: i64, is_all_day: bool) -> Times {
    let zone = zone.parse().expect("a zone");
    let starts_at = ZonedTime {
        at: at(starts_at),
        zone,
    };
    let ends_at = ZonedTime {
        at: starts_at.at + TimeDelta::hours(hours),
        zone,
    };
    Times {
        is_all_day,
        starts_at,
        ends_at,
        skipped_start: None,
    }
}

/// An event named after its room, changed by `change`.
async fn event(api: &Api, owner: &User, title: &str, change: impl FnOnce(&mut NewEvent)) -> Uuid {
    let now = api.state.clock.now();
    let mut new = NewEvent {
        id: Uuid::new_v4(),
        tenant_id: owner.tenant_id,
        room_id: Uuid::new_v4(),
        created_by: owner.profile.id,
        created_at: now,
        title: title.to_owned(),
        description: String::new(),
        is_adhoc: false,
        times: Some(times("2027-02-01T09:00:00Z", "Europe/Berlin", 1, false)),
        recurrence: Recurrence::default(),
        series_ends_at: Some(at("2027-02-01T10:00:00Z")),
        show_meeting_details: false,
        training_report: None,
    };
    change(&mut new);
    let room = NewRoom {
        id: new.room_id,
        tenant_id: new.tenant_id,
        created_by: new.created_by,
        created_at: now,
        password: None,
        waiting_room: false,
        guest_access: GuestAccess::default(),
        e2e_encryption: false,
        sip: false,
    };
    let id = new.id;
    let created = api.state.db.transaction(move |tx| {
        Box::pin(async move {
            rooms::insert(tx, &room).await?;
            events::insert(tx, &new).await
        })
    });
    created.await.expect("an event");
    id
}

/// A series that never ends.
fn series(lines: &[&str]) -> impl FnOnce(&mut NewEvent) {
    let recurrence = Recurrence::parse(lines).expect("a pattern");
    |new| {
        new.recurrence = recurrence;
        new.series_ends_at = None;
    }
}

async fn differ(api: &Api, owner: &User, event: Uuid, original: DateTime<Utc>, difference: Difference) {
    let editor = Editor {
        user: owner.profile.id,
        at: api.state.clock.now(),
    };
    let put = api.state.db.transaction(move |tx| {
        Box::pin(async move {
            exceptions::put(tx, event, original, &difference, editor).await?;
            events::raise_revision(tx, event).await
        })
    });
    put.await.expect("an exception");
}

async fn invite(api: &Api, event: Uuid, guest: &User, owner: &User, status: &str) {
    let literal = |id| api.database.literal(id);
    let sql = format!(
        "INSERT INTO event_invites (id, event_id, user_id, role, status, created_by, created_at, updated_at)
         VALUES ({}, {}, {}, 'user', '{status}', {}, '2027-01-15T08:00:00+00:00', '2027-01-15T08:00:00+00:00')",
        literal(Uuid::new_v4()),
        literal(event),
        literal(guest.profile.id),
        literal(owner.profile.id),
    );
    api.database.execute(&sql).await;
}

/// What Python's `icalendar` and `dateutil` make of a feed, up to a time.
fn shown(calendar: &Answer, end: DateTime<Utc>) -> Value {
    assert_eq!(calendar.status, 200);
    assert_eq!(calendar.header("content-type"), "text/calendar; charset=utf-8");
    let python = std::env::var("COLLOQUY_TEST_PYTHON");
    let python = python.expect("COLLOQUY_TEST_PYTHON: a Python with tests/requirements.txt; ./test sets it");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/rest/calendar_feed.py");
    let mut command = Command::new(python);
    command.arg(script).arg(end.timestamp().to_string());
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    let text = calendar.body.as_str().expect("a text");
    let mut stdin = process.stdin.take().expect("stdin");
    stdin.write_all(text.as_bytes()).expect("a reader");
    drop(stdin);
    let output = process.wait_with_output().expect("an answer");
    assert!(output.status.success(), "{text}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn titles(shown: &Value) -> Vec<&str> {
    let events = shown.as_object().expect("events").values();
    let mut titles: Vec<_> = events
        .filter_map(|event| event["occurrences"][0][1].as_str())
        .collect();
    titles.sort_unstable();
    titles
}

async fn programs_see_what_takes_place(api: &Api) {
    let alice = api.person("alice").await;
    let owner = user(api, &alice).await;
    // The start is a Monday; clocks change at the end of March.
    let lines = [
        "RRULE:FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20270531",
        "EXDATE;VALUE=DATE:20270216",
        "RDATE:20270605T080000Z",
    ];
    let weekly = event(api, &owner, "Weekly", series(&lines)).await;
    let single = event(api, &owner, "Single; with, signs\\", |_| {}).await;
    let (cancelled, moved) = (at("2027-04-01T08:00:00Z"), at("2027-04-06T08:00:00Z"));
    let gone = Difference {
        status: Status::Cancelled,
        ..Difference::default()
    };
    differ(api, &owner, weekly, cancelled, gone).await;
    let later = ZonedTime {
        at: at("2027-04-07T12:30:00Z"),
        zone: "America/New_York".parse().expect("a zone"),
    };
    let otherwise = Difference {
        title: Some("Moved".to_owned()),
        starts_at: Some(later),
        ends_at: Some(ZonedTime {
            at: later.at + TimeDelta::hours(1),
            zone: later.zone,
        }),
        ..Difference::default()
    };
    differ(api, &owner, weekly, moved, otherwise).await;

    let start = LocalStart {
        instant: at("2027-02-01T09:00:00Z"),
        zone: "Europe/Berlin".parse().expect("a zone"),
        skipped: None,
        all_day: false,
    };
    let rule = Recurrence::parse(&lines).expect("a pattern");
    let rule = RecurrenceSet::new(&rule, start).expect("a series");
    let regular = rule
        .after(start.instant)
        .filter(|start| ![cancelled, moved].contains(start));
    let mut expected: Vec<_> = regular
        .map(|start| json!([start.timestamp(), "Weekly"]))
        .collect();
    assert_eq!(expected.len(), 32);
    expected.push(json!([later.at.timestamp(), "Moved"]));
    expected.sort_by_key(ToString::to_string);

    let path = subscribe(api, &alice).await;
    let shown = shown(&read(api, &path).await, at("2028-01-01T00:00:00Z"));
    let series = &shown[weekly.to_string()];
    assert_eq!(series["occurrences"], json!(expected));
    assert_eq!(series["sequence"], 2);
    let once = json!([[start.instant.timestamp(), "Single; with, signs\\"]]);
    assert_eq!(shown[single.to_string()]["occurrences"], once);
    assert_eq!(shown[single.to_string()]["sequence"], 0);
}

async fn days_stay_days(api: &Api) {
    let alice = api.person("alice").await;
    let owner = user(api, &alice).await;
    let local = event(api, &owner, "Local", |new| {
        series(&["RRULE:FREQ=MONTHLY;COUNT=4"])(new);
        new.times = Some(times("2027-01-31T23:00:00Z", "Europe/Berlin", 24, true));
    });
    let local = local.await;
    let utc = event(api, &owner, "UTC", |new| {
        series(&["RRULE:FREQ=MONTHLY;COUNT=4"])(new);
        new.times = Some(times("2027-02-01T00:00:00Z", "Europe/Berlin", 24, true));
    });
    let utc = utc.await;
    let path = subscribe(api, &alice).await;
    let shown = shown(&read(api, &path).await, at("2028-01-01T00:00:00Z"));
    for (id, title) in [(local, "Local"), (utc, "UTC")] {
        let days = ["2027-02-01", "2027-03-01", "2027-04-01", "2027-05-01"].map(|day| json!([day, title]));
        assert_eq!(shown[id.to_string()]["occurrences"], json!(days));
        assert_eq!(shown[id.to_string()]["all_day"], true);
    }
}

async fn only_what_is_the_owners_business_is_shown(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let (owner, other) = (user(api, &alice).await, user(api, &bob).await);
    let ended = |at: DateTime<Utc>| move |new: &mut NewEvent| new.series_ends_at = Some(at);
    let now = api.state.clock.now();
    event(api, &owner, "own", |_| {}).await;
    event(api, &owner, "recent", ended(now - TimeDelta::days(89))).await;
    event(api, &owner, "long over", ended(now - TimeDelta::days(91))).await;
    let timeless = |new: &mut NewEvent| (new.times, new.series_ends_at) = (None, None);
    event(api, &owner, "timeless", timeless).await;
    event(api, &other, "strange", |_| {}).await;
    for status in ["pending", "accepted", "tentative", "declined"] {
        let asked = event(api, &other, status, |_| {}).await;
        invite(api, asked, &owner, &other, status).await;
    }
    let path = subscribe(api, &alice).await;
    let shown = shown(&read(api, &path).await, now);
    assert_eq!(
        titles(&shown),
        ["accepted", "own", "pending", "recent", "tentative"]
    );
}

async fn what_was_not_answered_comes_last(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let (owner, other) = (user(api, &alice).await, user(api, &bob).await);
    let on = |day: &str| {
        let times = times(&format!("{day}T10:00:00Z"), "UTC", 1, false);
        move |new: &mut NewEvent| new.times = Some(times)
    };
    for (day, status) in [("2027-02-01", "pending"), ("2027-02-02", "accepted")] {
        let asked = event(api, &other, status, on(day)).await;
        invite(api, asked, &owner, &other, status).await;
    }
    event(api, &owner, "own", on("2027-02-03")).await;
    let path = subscribe(api, &alice).await;
    let feed = read(api, &path).await.expect(200);
    let text = feed.as_str().expect("a text");
    let place = |title: &str| text.find(&format!("SUMMARY:{title}")).expect("an event");
    assert!(
        place("accepted") < place("own") && place("own") < place("pending"),
        "{text}"
    );
}

async fn a_token_opens_until_it_is_replaced_or_revoked(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let first = subscribe(api, &alice).await;
    let of_bob = subscribe(api, &bob).await;
    assert_eq!(read(api, &first).await.status, 200);
    let second = subscribe(api, &alice).await;
    assert_ne!(first, second);
    read(api, &first).await.refused(404, "not_found");
    assert_eq!(read(api, &second).await.status, 200);
    for _ in 0..2 {
        api.call(&alice, "DELETE", FEED, Value::Null).await.expect(204);
    }
    read(api, &second).await.refused(404, "not_found");
    assert_eq!(read(api, &of_bob).await.status, 200);
    api.database
        .execute("UPDATE users SET disabled_at = created_at")
        .await;
    read(api, &of_bob).await.refused(404, "not_found");
}

async fn a_token_is_good_for_a_year(api: &Api) {
    const YEAR_SECS: i64 = 365 * 24 * 3600;
    let path = subscribe(api, &api.person("alice").await).await;
    api.clock.advance(YEAR_SECS - 1);
    assert_eq!(read(api, &path).await.status, 200);
    api.clock.advance(1);
    read(api, &path).await.refused(404, "not_found");
    // The tokens of people have expired long since.
    let again = subscribe(api, &api.person("alice").await).await;
    assert_eq!(read(api, &again).await.status, 200);
    read(api, &path).await.refused(404, "not_found");
}

async fn a_token_goes_with_its_owner(api: &Api) {
    let path = subscribe(api, &api.person("alice").await).await;
    api.database.execute("DELETE FROM users").await;
    read(api, &path).await.refused(404, "not_found");
    let feeds = api.database.number("SELECT count(*) FROM calendar_feeds").await;
    assert_eq!(feeds, 0);
}

async fn what_is_known_is_not_sent_again(api: &Api) {
    let alice = api.person("alice").await;
    let owner = user(api, &alice).await;
    let weekly = event(api, &owner, "Weekly", series(&["RRULE:FREQ=WEEKLY"])).await;
    let path = subscribe(api, &alice).await;
    let ask = async |known: &str| {
        let request = Request::get(&path).header("if-none-match", known);
        api.send(request.body(axum::body::Body::empty()).expect("a request"))
            .await
    };
    let answer = read(api, &path).await;
    let etag = answer.header("etag").to_owned();
    assert_eq!(answer.header("cache-control"), "private");
    api.clock.advance(60);
    for known in [etag.clone(), format!("\"other\", W/{etag}"), "*".to_owned()] {
        let again = ask(&known).await;
        assert_eq!((again.status.as_u16(), &again.body), (304, &Value::Null));
        assert_eq!(
            (again.header("etag"), again.header("cache-control")),
            (etag.as_str(), "private")
        );
    }
    assert_eq!(ask("\"other\"").await.status, 200);
    let original = at("2027-02-08T09:00:00Z");
    let gone = Difference {
        status: Status::Cancelled,
        ..Difference::default()
    };
    differ(api, &owner, weekly, original, gone).await;
    let changed = ask(&etag).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), etag);
}

async fn odd_requests_are_refused(api: &Api) {
    api.needs_a_user("POST", FEED).await;
    api.needs_a_user("DELETE", FEED).await;
    let path = "/v1/users/me/calendar.ics";
    read(api, path).await.refused(400, "bad_request");
    for token in ["", "nonsense", "%00", &"a".repeat(5_000)] {
        read(api, &format!("{path}?token={token}"))
            .await
            .refused(404, "not_found");
    }
    let alice = api.person("alice").await;
    api.get(&alice, path).await.refused(400, "bad_request");
}

async fn who_reads_much_is_no_inventor(api: &Api) {
    let alice = api.person("alice").await;
    let path = subscribe(api, &alice).await;
    for _ in 0..100 {
        assert_eq!(read(api, &path).await.status, 200);
    }
}

async fn whoever_invents_tokens_is_refused(api: &Api) {
    let path = "/v1/users/me/calendar.ics?token=wrong";
    // Those of one moment are paid for by what comes next.
    join_all((0..500).map(|_| read(api, path))).await;
    let refused = read(api, path).await;
    assert!(!refused.header("retry-after").is_empty());
    refused.refused(429, "too_many_requests");
}

async fn what_others_ask_for_is_not_costly(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let (owner, other) = (user(api, &alice).await, user(api, &bob).await);
    event(api, &owner, "own", |_| {}).await;
    let lines = costly();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    for nth in 0..20 {
        let asked = event(api, &other, &format!("Costly {nth}"), series(&lines)).await;
        invite(api, asked, &owner, &other, "pending").await;
    }
    let path = subscribe(api, &alice).await;
    let feed = read(api, &path).await.expect(200);
    let text = feed.as_str().expect("a text");
    let shown = text.matches("BEGIN:VEVENT").count();
    assert!(
        text.contains("SUMMARY:own") && (2..10).contains(&shown),
        "{shown}"
    );
}

/// Four lines each of which is followed through a hundred years of days.
fn costly() -> [String; 4] {
    let costly = "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=1;COUNT=90";
    ["RRULE:", "RRULE:", "EXRULE:INTERVAL=2;", "EXRULE:INTERVAL=3;"].map(|head| format!("{head}{costly}"))
}

async fn the_costliest_series_are_not_all_computed(api: &Api) {
    let alice = api.person("alice").await;
    let owner = user(api, &alice).await;
    let lines = costly();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let number = 60;
    for nth in 0..number {
        event(api, &owner, &format!("Costly {nth}"), series(&lines)).await;
    }
    let path = subscribe(api, &alice).await;
    let feed = read(api, &path).await.expect(200);
    let text = feed.as_str().expect("a text");
    let shown = text.matches("BEGIN:VEVENT").count();
    assert!((1..number).contains(&shown), "{shown}");
}
