//! The edit form of the stock web client: every save sends all of it, filled with what the server said of the event.

use serde_json::{Value, json};

use super::{
    Api, WEEKS, berlin, event, has, hour, patch, path, post, proposed_report, text, timeless, weekly, with,
    without_training_reports,
};
use crate::rest::api::Person;

on_both_databases!(Api:
    a_new_event_can_be_edited, saving_unchanged_changes_nothing, other_clients_events_can_be_edited,
    made_a_series_and_single_again, a_series_loses_its_times_and_gets_them_back, the_zone_of_the_browser_counts_when_moved,
    targets_come_back_with_their_ids, the_report_goes_off_and_on, the_report_where_the_tariff_has_it, a_password_that_is_not_sent_stays,
    moved_occurrences_name_their_place);

/// Somebody in whose meetings nobody is asked whether trainees are there: where the tariff has that module, each save of this client asks for
/// a report.
async fn creator(api: &Api) -> Person {
    without_training_reports(api).await;
    api.person("alice").await
}

/// A browser elsewhere than where the events take place.
const TOKYO: &str = "Asia/Tokyo";

/// What "Save" sends of an event that was opened in a browser of this time zone and left as it is. Whatever the form needs, it
/// must find.
fn form(event: &Value, zone: &str) -> Value {
    let room = &event["room"];
    let report = &event["training_participation_report"];
    assert!(
        room["waiting_room"].is_boolean() && room["e2e_encryption"].is_boolean(),
        "{event}"
    );
    assert!(
        event["title"].is_string() && event["description"].is_string(),
        "{event}"
    );
    for delay in ["initial_checkpoint_delay", "checkpoint_interval"] {
        assert!(
            report[delay]["after"].is_u64() && report[delay]["within"].is_u64(),
            "{event}"
        );
    }
    let mut form = json!({
        "title": event["title"], "description": event["description"], "waiting_room": room["waiting_room"],
        "e2e_encryption": room["e2e_encryption"], "is_adhoc": event["is_adhoc"],
        "is_time_independent": event["is_time_independent"], "is_all_day": false,
        "show_meeting_details": event["show_meeting_details"], "has_shared_folder": has(event, "shared_folder"),
        "streaming_targets": [], "training_participation_report": report,
    });
    if has(room, "password") {
        form["password"] = room["password"].clone();
    }
    if event["is_time_independent"] == false {
        for time in ["starts_at", "ends_at"] {
            form[time] = json!({"datetime": text(&event[time]["datetime"]), "timezone": zone});
        }
    }
    if let Some(first) = event["recurrence_pattern"].get(0) {
        assert!(text(first).starts_with("RRULE:"), "{event}");
        form["recurrence_pattern"] = event["recurrence_pattern"].clone();
    }
    if has(event, "streaming_targets") {
        form["streaming_targets"] = event["streaming_targets"].clone();
    }
    form
}

fn without(mut form: Value, field: &str) -> Value {
    form.as_object_mut().expect("a form").remove(field);
    form
}

async fn save(api: &Api, person: &Person, event: &Value, form: Value) -> Value {
    api.clock.advance(1);
    let saved = patch(api, person, &path(event), form).await.expect(200);
    // The form reads the title of the answer, and the list what is stored.
    assert_eq!(saved["id"], event["id"]);
    assert!(saved["title"].is_string());
    assert_eq!(api.get(person, &path(event)).await.expect(200), saved);
    saved
}

async fn number(api: &Api, what: &str) -> i64 {
    api.database.number(&format!("SELECT count(*) FROM {what}")).await
}

async fn revisions(api: &Api) -> i64 {
    api.database
        .number("SELECT CAST(sum(revision) AS BIGINT) FROM events")
        .await
}

fn target(name: &str) -> Value {
    json!({
        "name": name, "kind": "custom", "streaming_endpoint": "rtmp://live.example.org/app", "streaming_key": "geheim",
        "public_url": "https://example.org/watch",
    })
}

async fn a_new_event_can_be_edited(api: &Api) {
    let alice = creator(api).await;
    for body in [hour("2027-03-22T10"), weekly(), timeless()] {
        let new = json!({
            "waiting_room": true, "e2e_encryption": false, "is_adhoc": false, "is_all_day": false, "has_shared_folder": false,
            "show_meeting_details": true, "streaming_targets": [],
        });
        let created = post(api, &alice, with(body, &new)).await.expect(201);
        let listed = api.get(&alice, "/v1/events").await.expect(200);
        let listed = listed.as_array().expect("a list").iter();
        for opened in listed.chain([&created]) {
            form(opened, TOKYO);
        }
        assert!(!has(&created, "streaming_targets"));
        assert_eq!(api.get(&alice, &path(&created)).await.expect(200), created);
    }
}

async fn saving_unchanged_changes_nothing(api: &Api) {
    let alice = creator(api).await;
    let more = json!({
        "password": "geheim", "streaming_targets": [target("a"), target("b")], "show_meeting_details": true,
    });
    for body in [hour("2027-03-22T10"), weekly(), timeless()] {
        for more in [json!({}), more.clone()] {
            let created = event(api, &alice, with(body.clone(), &more)).await;
            if created["type"] == "recurring" {
                let occurrence = format!("{}/instances/{}", path(&created), WEEKS[1]);
                patch(api, &alice, &occurrence, json!({"title": "Anders"}))
                    .await
                    .expect(200);
            }
            let (exceptions, before) = (number(api, "event_exceptions").await, revisions(api).await);
            for zone in ["Europe/Berlin", TOKYO] {
                assert_eq!(
                    save(api, &alice, &created, form(&created, zone)).await,
                    created,
                    "{zone}"
                );
            }
            assert_eq!(save(api, &alice, &created, json!({})).await, created);
            assert_eq!(number(api, "event_exceptions").await, exceptions);
            assert_eq!(revisions(api).await, before);
        }
    }
}

async fn other_clients_events_can_be_edited(api: &Api) {
    let alice = creator(api).await;
    let lines = json!(["EXDATE:20270405T080000Z", "FREQ=WEEKLY;COUNT=4"]);
    let created = event(api, &alice, with(weekly(), &json!({"recurrence_pattern": lines}))).await;
    // As an older version has kept it.
    let stored = r#"["EXDATE:20270405T080000Z", "rrule:COUNT=4;FREQ=WEEKLY"]"#;
    api.database
        .execute(&format!("UPDATE events SET recurrence = '{stored}'"))
        .await;
    let opened = api.get(&alice, &path(&created)).await.expect(200);
    assert_eq!(
        opened["recurrence_pattern"],
        json!(["RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE:20270405T080000Z"])
    );
    let occurrence = format!("{}/instances/{}", path(&created), WEEKS[1]);
    patch(api, &alice, &occurrence, json!({"title": "Anders"}))
        .await
        .expect(200);
    // The form writes the rule in its own words.
    let own = json!({"recurrence_pattern": ["RRULE:FREQ=WEEKLY;INTERVAL=1;COUNT=4;BYDAY=MO", "EXDATE:20270405T080000Z"]});
    let saved = save(api, &alice, &opened, with(form(&created, TOKYO), &own)).await;
    assert_eq!(saved, opened);
    assert_eq!(number(api, "event_exceptions").await, 1);
}

async fn made_a_series_and_single_again(api: &Api) {
    let alice = creator(api).await;
    let created = event(api, &alice, hour("2027-03-22T10")).await;
    let pattern = json!({"recurrence_pattern": ["RRULE:FREQ=WEEKLY;COUNT=3"]});
    let series = save(api, &alice, &created, with(form(&created, TOKYO), &pattern)).await;
    assert_eq!(series["type"], "recurring");
    assert_eq!(
        (&series["starts_at"], &series["recurrence_pattern"]),
        (&created["starts_at"], &pattern["recurrence_pattern"])
    );
    let occurrences = format!("{}/instances", path(&created));
    for week in WEEKS {
        patch(
            api,
            &alice,
            &format!("{occurrences}/{week}"),
            json!({"title": week}),
        )
        .await
        .expect(200);
    }
    // Another title leaves the exceptions alone.
    let renamed = save(
        api,
        &alice,
        &series,
        with(form(&series, TOKYO), &json!({"title": "Neu"})),
    )
    .await;
    assert_eq!(number(api, "event_exceptions").await, 3);
    // "Does not repeat" is a pattern that is not there.
    let single = save(
        api,
        &alice,
        &renamed,
        without(form(&renamed, TOKYO), "recurrence_pattern"),
    )
    .await;
    assert_eq!(
        (
            &single["type"],
            &single["recurrence_pattern"],
            &single["starts_at"],
            &single["title"]
        ),
        (&json!("single"), &json!([]), &created["starts_at"], &json!("Neu"))
    );
    assert_eq!(number(api, "event_exceptions").await, 0);
    let listed = api.get(&alice, &occurrences).await.expect(200);
    assert_eq!(super::titles(&listed), ["Neu"]);
    // Other clients say of the times what they mean, and nothing else.
    let series = save(api, &alice, &single, pattern).await;
    assert_eq!(series["type"], "recurring");
    for part in [
        json!({"title": "x"}),
        json!({"is_time_independent": false, "title": "y"}),
        json!({"ends_at": berlin("2027-03-22T11:00:00"), "starts_at": berlin("2027-03-22T10:00:00")}),
    ] {
        assert_eq!(save(api, &alice, &series, part).await["type"], "recurring");
    }
}

async fn a_series_loses_its_times_and_gets_them_back(api: &Api) {
    let alice = creator(api).await;
    let created = event(api, &alice, weekly()).await;
    let mut timeless = with(form(&created, TOKYO), &json!({"is_time_independent": true}));
    for time in ["starts_at", "ends_at"] {
        timeless = without(timeless, time);
    }
    // The pattern is still in the form.
    assert!(has(&timeless, "recurrence_pattern"));
    let saved = save(api, &alice, &created, timeless.clone()).await;
    assert_eq!(
        (
            &saved["is_time_independent"],
            &saved["type"],
            &saved["recurrence_pattern"]
        ),
        (&json!(true), &json!("single"), &json!([]))
    );
    assert!(!has(&saved, "starts_at") && !has(&saved, "ends_at"));
    assert_eq!(save(api, &alice, &created, timeless).await, saved);
    assert_eq!(save(api, &alice, &created, form(&saved, TOKYO)).await, saved);
    patch(
        api,
        &alice,
        &path(&created),
        with(form(&saved, TOKYO), &json!({"is_all_day": true})),
    )
    .await
    .refused_fields(&["is_all_day ignored_value"]);
    let times = json!({
        "is_time_independent": false,
        "starts_at": {"datetime": "2027-03-22T09:00:00Z", "timezone": TOKYO},
        "ends_at": {"datetime": "2027-03-22T09:59:00Z", "timezone": TOKYO},
    });
    let again = save(api, &alice, &created, with(form(&saved, TOKYO), &times)).await;
    assert_eq!(
        (&again["type"], &again["starts_at"], &again["ends_at"]),
        (&json!("single"), &times["starts_at"], &times["ends_at"])
    );
}

async fn the_zone_of_the_browser_counts_when_moved(api: &Api) {
    let alice = creator(api).await;
    let created = event(api, &alice, weekly()).await;
    // Another pattern, another end: the series stays where its clocks hang.
    let longer = json!({
        "ends_at": {"datetime": "2027-03-22T10:30:00.000Z", "timezone": TOKYO},
        "recurrence_pattern": ["RRULE:FREQ=WEEKLY;COUNT=4"],
    });
    let longer = save(api, &alice, &created, with(form(&created, TOKYO), &longer)).await;
    assert_eq!(longer["starts_at"], created["starts_at"]);
    let listed = api
        .get(&alice, &format!("{}/instances", path(&created)))
        .await
        .expect(200);
    assert_eq!(listed[3]["starts_at"]["datetime"], "2027-04-12T08:00:00Z");
    let later = json!({"starts_at": {"datetime": "2027-03-22T09:30:00.000Z", "timezone": TOKYO}});
    let later = save(api, &alice, &created, with(form(&longer, TOKYO), &later)).await;
    assert_eq!(
        later["starts_at"],
        json!({"datetime": "2027-03-22T09:30:00Z", "timezone": TOKYO})
    );
    // Whoever names a zone and nothing beside it means the zone.
    let zone = json!({"starts_at": {"datetime": "2027-03-22T09:30:00Z", "timezone": "Europe/Berlin"}});
    let moved = save(api, &alice, &created, zone).await;
    assert_eq!(moved["starts_at"]["timezone"], "Europe/Berlin");
}

async fn targets_come_back_with_their_ids(api: &Api) {
    let alice = creator(api).await;
    let two = json!({"streaming_targets": [target("a"), target("b")]});
    let created = event(api, &alice, with(hour("2027-03-22T10"), &two)).await;
    assert!(created["streaming_targets"][0]["id"].is_string(), "{created}");
    let revision = revisions(api).await;
    assert_eq!(save(api, &alice, &created, form(&created, TOKYO)).await, created);
    assert_eq!(revisions(api).await, revision);
    let (first, second) = (&created["streaming_targets"][0], &created["streaming_targets"][1]);
    // One more, and one that is another now: the rest keep their ids.
    let other = with(second.clone(), &json!({"streaming_key": "neu"}));
    let three = json!({"streaming_targets": [first, target("c"), other]});
    let saved = save(api, &alice, &created, with(form(&created, TOKYO), &three)).await;
    let targets = saved["streaming_targets"].as_array().expect("targets");
    let names: Vec<_> = targets.iter().map(|target| text(&target["name"])).collect();
    assert_eq!(names, ["a", "c", "b"]);
    assert_eq!(targets[0], *first);
    assert_eq!(targets[2]["streaming_key"], "neu");
    // An id that is another room's takes nothing away there.
    let stranger = event(
        api,
        &alice,
        with(
            hour("2027-03-22T10"),
            &json!({"streaming_targets": [with(target("x"), &json!({"id": first["id"]}))]}),
        ),
    )
    .await;
    assert_ne!(stranger["streaming_targets"][0]["id"], first["id"]);
    let none = json!({"streaming_targets": []});
    let saved = save(api, &alice, &created, with(form(&saved, TOKYO), &none)).await;
    assert!(!has(&saved, "streaming_targets"));
    assert_eq!(number(api, "streaming_targets").await, 1);
}

async fn the_report_goes_off_and_on(api: &Api) {
    const REPORT: &str = "training_participation_report";
    let stored = async || number(api, &format!("events WHERE {REPORT} IS NOT NULL")).await;
    let alice = creator(api).await;
    let created = event(
        api,
        &alice,
        with(hour("2027-03-22T10"), &json!({REPORT: proposed_report()})),
    )
    .await;
    // The tariff lacks the module: the numbers let the form be saved, and mean nothing.
    assert_eq!(created[REPORT], proposed_report());
    assert_eq!(save(api, &alice, &created, form(&created, TOKYO)).await, created);
    assert_eq!(stored().await, 0);
    let own = json!({
        "initial_checkpoint_delay": {"after": 1, "within": 2}, "checkpoint_interval": {"after": 3, "within": 4},
    });
    let on = save(
        api,
        &alice,
        &created,
        with(form(&created, TOKYO), &json!({REPORT: own})),
    )
    .await;
    assert_eq!((&on[REPORT], stored().await), (&own, 1));
    let left_out = save(api, &alice, &created, without(form(&on, TOKYO), REPORT)).await;
    assert_eq!((left_out, stored().await), (on.clone(), 1));
    let off = save(
        api,
        &alice,
        &created,
        with(form(&on, TOKYO), &json!({REPORT: null})),
    )
    .await;
    assert_eq!((&off[REPORT], stored().await), (&proposed_report(), 0));
    let occurrences = api
        .get(&alice, &format!("{}/instances", path(&created)))
        .await
        .expect(200);
    assert_eq!(occurrences[0][REPORT], proposed_report());
}

async fn the_report_where_the_tariff_has_it(api: &Api) {
    const REPORT: &str = "training_participation_report";
    let alice = api.person("alice").await;
    let created = event(api, &alice, hour("2027-03-22T10")).await;
    assert!(!has(&created, REPORT));
    // The proposed numbers are a wish here.
    let on = patch(api, &alice, &path(&created), json!({REPORT: proposed_report()})).await;
    assert_eq!(on.expect(200)[REPORT], proposed_report());
    let off = patch(api, &alice, &path(&created), json!({REPORT: null})).await;
    assert!(!has(&off.expect(200), REPORT));
}

async fn a_password_that_is_not_sent_stays(api: &Api) {
    let alice = creator(api).await;
    let created = event(api, &alice, with(timeless(), &json!({"password": "geheim"}))).await;
    let saved = save(api, &alice, &created, without(form(&created, TOKYO), "password")).await;
    assert_eq!(saved, created);
    assert_eq!(saved["room"]["password"], "geheim");
}

async fn moved_occurrences_name_their_place(api: &Api) {
    let alice = creator(api).await;
    let created = event(api, &alice, weekly()).await;
    let moved = json!({
        "starts_at": {"datetime": "2027-03-30T18:00:00.000Z", "timezone": TOKYO},
        "ends_at": {"datetime": "2027-03-30T19:00:00.000Z", "timezone": TOKYO},
    });
    patch(
        api,
        &alice,
        &format!("{}/instances/{}", path(&created), WEEKS[1]),
        moved,
    )
    .await
    .expect(200);
    let listed = api.get(&alice, "/v1/events").await.expect(200);
    assert_eq!(
        (&listed[0]["type"], &listed[1]["type"]),
        (&json!("recurring"), &json!("exception"))
    );
    // The client compares it, to the letter, with the beginning that it computes in the zone of the series.
    let place = json!({
        "datetime": "2027-03-29T08:00:00Z", "timezone": listed[0]["starts_at"]["timezone"],
    });
    assert_eq!(listed[1]["original_starts_at"], place);
    assert_eq!(
        listed[1]["original_starts_at"].to_string(),
        r#"{"datetime":"2027-03-29T08:00:00Z","timezone":"Europe/Berlin"}"#
    );
}
