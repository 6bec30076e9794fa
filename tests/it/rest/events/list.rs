//! `GET /v1/events`: which events, in which order.

use serde_json::{Value, json};

use super::{Api, WEEKS, berlin, event, hour, invite, patch, path, text, timeless, titles, weekly, with};

on_both_databases!(Api:
    events_are_in_order, windows_count_by_overlap_of_the_series, a_series_begins_where_an_occurrence_was_moved_to, what_has_no_length_is_found_on_its_day, filters_choose, answers_choose_in_both_notations,
    exceptions_follow_their_event, much_text_makes_shorter_pages, invitees_are_cut, queries_must_parse, only_users_have_lists);

fn named(title: &str, body: Value) -> Value {
    with(body, &json!({"title": title}))
}

async fn events_are_in_order(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    event(api, &alice, named("d", hour("2027-03-23T10"))).await;
    event(api, &alice, named("c", hour("2027-03-22T10"))).await;
    event(api, &alice, named("a", timeless())).await;
    api.clock.advance(1);
    event(api, &alice, named("b", timeless())).await;
    let foreign = event(api, &bob, named("cc", hour("2027-03-22T10"))).await;
    event(api, &bob, named("x", timeless())).await;
    invite(api, &bob, &foreign, &alice, "user").await;
    let list = api.get(&alice, "/v1/events").await;
    assert!(!list.headers.contains_key("link"));
    let list = list.expect(200);
    assert_eq!(titles(&list), ["a", "b", "c", "cc", "d"]);
    for entry in list.as_array().expect("a list") {
        assert_eq!(*entry, api.get(&alice, &path(entry)).await.expect(200));
    }
    let carol = api.person("carol").await;
    assert_eq!(api.get(&carol, "/v1/events").await.expect(200), json!([]));
}

async fn windows_count_by_overlap_of_the_series(api: &Api) {
    let alice = api.person("alice").await;
    event(api, &alice, named("timeless", timeless())).await;
    event(api, &alice, named("single", hour("2027-03-22T10"))).await;
    // Of two that begin at once the older one comes first.
    api.clock.advance(1);
    event(api, &alice, named("series", weekly())).await;
    let endless = json!({"recurrence_pattern": ["RRULE:FREQ=WEEKLY"]});
    event(
        api,
        &alice,
        named("endless", with(hour("2027-03-22T12"), &endless)),
    )
    .await;
    for (query, expected) in [
        (
            "time_min=2027-03-22T09:58:59Z",
            &["single", "series", "endless"][..],
        ),
        ("time_min=2027-03-22T09:59:00Z", &["series", "endless"]),
        ("time_min=2027-04-05T08:58:59Z", &["series", "endless"]),
        ("time_min=2027-04-05T08:59:00Z", &["endless"]),
        ("time_min=2999-01-01T00:00:00Z", &["endless"]),
        ("time_max=2027-03-22T09:00:00Z", &[]),
        ("time_max=2027-03-22T09:00:01Z", &["single", "series"]),
        (
            "time_min=2027-03-25T00:00:00Z&time_max=2027-03-26T00:00:00Z",
            &["series", "endless"],
        ),
        (
            "time_min=2027-04-10T00:00:00%2B02:00&time_max=2027-04-11T00:00:00%2B02:00",
            &["endless"],
        ),
    ] {
        let list = api.get(&alice, &format!("/v1/events?{query}")).await.expect(200);
        assert_eq!(titles(&list), expected, "{query}");
    }
}

async fn a_series_begins_where_an_occurrence_was_moved_to(api: &Api) {
    let alice = api.person("alice").await;
    let daily = json!({"recurrence_pattern": ["RRULE:FREQ=DAILY;COUNT=3"]});
    let series = event(api, &alice, named("series", with(hour("2027-03-22T10"), &daily))).await;
    let window = "/v1/events?time_min=2027-02-19T00:00:00Z&time_max=2027-02-22T00:00:00Z";
    let found = async || {
        let list = api.get(&alice, window).await.expect(200);
        list.as_array().expect("a list").len()
    };
    assert_eq!(found().await, 0);
    let at = format!("{}/instances/20270324T090000Z", path(&series));
    let early = json!({"starts_at": berlin("2027-02-20T10:00:00"), "ends_at": berlin("2027-02-20T11:00:00")});
    patch(api, &alice, &at, early).await.expect(200);
    assert_eq!(found().await, 2, "the series and its exception");
    // Not where it does not take place, nor where it was.
    patch(api, &alice, &at, json!({"status": "cancelled"}))
        .await
        .expect(200);
    assert_eq!(found().await, 0);
    patch(api, &alice, &at, json!({"status": "ok"})).await.expect(200);
    assert_eq!(found().await, 2);
    let other = json!({"recurrence_pattern": ["RRULE:FREQ=DAILY;COUNT=4"]});
    patch(api, &alice, &path(&series), other).await.expect(200);
    assert_eq!(found().await, 0);
}

async fn what_has_no_length_is_found_on_its_day(api: &Api) {
    let alice = api.person("alice").await;
    let moment = json!({"ends_at": berlin("2027-03-22T10:00:00")});
    event(api, &alice, named("moment", with(hour("2027-03-22T10"), &moment))).await;
    api.clock.advance(1);
    event(api, &alice, named("moments", with(weekly(), &moment))).await;
    api.clock.advance(1);
    let series = event(api, &alice, named("series", weekly())).await;
    let at = json!({
        "title": "moved", "starts_at": berlin("2027-04-10T10:00:00"), "ends_at": berlin("2027-04-10T10:00:00"),
    });
    patch(
        api,
        &alice,
        &format!("{}/instances/{}", path(&series), WEEKS[0]),
        at,
    )
    .await
    .expect(200);
    for (query, expected) in [
        (
            "time_min=2027-03-22T09:00:00Z&time_max=2027-03-22T09:00:01Z",
            &["moment", "moments", "series"][..],
        ),
        ("time_min=2027-03-22T09:00:00Z&time_max=2027-03-22T09:00:00Z", &[]),
        ("time_min=2027-03-22T09:00:01Z", &["moments", "series"]),
        ("time_min=2027-04-05T08:00:00Z", &["moments", "series"]),
        ("time_min=2027-04-05T08:00:01Z", &["series"]),
        ("time_min=2027-04-10T08:00:00Z", &["series"]),
        ("time_min=2027-04-10T08:00:01Z", &[]),
    ] {
        let list = api.get(&alice, &format!("/v1/events?{query}")).await.expect(200);
        let mut found = titles(&list);
        found.retain(|title| *title != "moved");
        assert_eq!(found, expected, "{query}");
    }
}

async fn filters_choose(api: &Api) {
    let alice = api.person("alice").await;
    event(api, &alice, named("a", timeless())).await;
    api.clock.advance(10);
    let second = event(
        api,
        &alice,
        named("b", with(hour("2027-03-22T10"), &json!({"is_adhoc": true}))),
    )
    .await;
    api.clock.advance(10);
    event(api, &alice, named("c", weekly())).await;
    let favorite = format!("/v1/users/me/event_favorites/{}", text(&second["id"]));
    api.call(&alice, "PUT", &favorite, Value::Null).await.expect(201);
    for (query, expected) in [
        ("", &["a", "b", "c"][..]),
        ("favorites=true", &["b"]),
        ("favorites=false", &["a", "b", "c"]),
        ("adhoc=true", &["b"]),
        ("adhoc=false", &["a", "c"]),
        ("time_independent=true", &["a"]),
        ("time_independent=false", &["b", "c"]),
        ("created_before=2027-01-15T08:00:10Z", &["a"]),
        ("created_after=2027-01-15T08:00:10Z", &["c"]),
        (
            "created_after=2027-01-15T08:00:00Z&created_before=2027-01-15T08:00:20Z",
            &["b"],
        ),
        ("adhoc=true&time_independent=true", &[]),
        ("unknown=1&favorites=true&adhoc=true", &["b"]),
    ] {
        let list = api.get(&alice, &format!("/v1/events?{query}")).await.expect(200);
        assert_eq!(titles(&list), expected, "{query}");
    }
}

async fn answers_choose_in_both_notations(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let mut events = Vec::new();
    for (title, day) in [
        ("a", "2027-03-22T10"),
        ("b", "2027-03-23T10"),
        ("c", "2027-03-24T10"),
    ] {
        let created = event(api, &alice, named(title, hour(day))).await;
        invite(api, &alice, &created, &bob, "user").await;
        events.push(created);
    }
    event(api, &bob, named("own", hour("2027-03-25T10"))).await;
    let answer = async |event: &Value, method: &str| {
        let body = if method == "PATCH" { json!({}) } else { Value::Null };
        api.call(&bob, method, &format!("{}/invite", path(event)), body)
            .await
            .expect(204);
    };
    answer(&events[1], "PATCH").await;
    answer(&events[2], "DELETE").await;
    for (query, expected) in [
        ("", &["a", "b", "c", "own"][..]),
        ("invite_status=", &["a", "b", "c", "own"]),
        ("invite_status=pending", &["a"]),
        ("invite_status=accepted", &["b", "own"]),
        ("invite_status=declined", &["c"]),
        ("invite_status=tentative", &[]),
        ("invite_status=accepted,pending", &["a", "b", "own"]),
        ("invite_status=accepted%2Cpending", &["a", "b", "own"]),
        (
            "invite_status=pending&adhoc=false&invite_status=declined",
            &["a", "c"],
        ),
    ] {
        let list = api.get(&bob, &format!("/v1/events?{query}")).await.expect(200);
        assert_eq!(titles(&list), expected, "{query}");
    }
    api.get(&bob, "/v1/events?invite_status=accepted,maybe")
        .await
        .refused(400, "bad_request");
}

async fn exceptions_follow_their_event(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let first = event(api, &alice, named("a", weekly())).await;
    let second = event(
        api,
        &alice,
        named(
            "b",
            with(weekly(), &json!({"starts_at": berlin("2027-03-22T10:30:00")})),
        ),
    )
    .await;
    invite(api, &alice, &first, &bob, "user").await;
    for (event, instance, title) in [
        (&first, WEEKS[2], "a3"),
        (&first, WEEKS[0], "a1"),
        (&second, "20270322T093000Z", "b1"),
    ] {
        let path = format!("{}/instances/{instance}", path(event));
        patch(api, &alice, &path, json!({"title": title}))
            .await
            .expect(200);
    }
    let list = api.get(&alice, "/v1/events").await.expect(200);
    assert_eq!(titles(&list), ["a", "a1", "a3", "b", "b1"]);
    assert_eq!(
        (&list[1]["type"], &list[1]["status"]),
        (&json!("exception"), &json!("ok"))
    );
    let list = api.get(&bob, "/v1/events?per_page=1").await.expect(200);
    assert_eq!(titles(&list), ["a", "a1", "a3"]);
    assert_eq!(list[1]["can_edit"], false);
}

async fn much_text_makes_shorter_pages(api: &Api) {
    let alice = api.person("alice").await;
    for title in ["a", "b"] {
        api.clock.advance(1);
        let event = event(api, &alice, named(title, weekly())).await;
        let path = format!("{}/instances/{}", path(&event), WEEKS[1]);
        patch(api, &alice, &path, json!({"title": format!("{title}2")}))
            .await
            .expect(200);
    }
    // As many short exceptions would have together.
    let text = "x".repeat(600_000);
    let sql = format!("UPDATE event_exceptions SET description = '{text}'");
    api.database.execute(&sql).await;
    let first = api.get(&alice, "/v1/events").await;
    let link = first.header("link").to_owned();
    assert_eq!(titles(&first.expect(200)), ["a", "a2"]);
    let next = link
        .trim_start_matches('<')
        .split('>')
        .next()
        .expect("an address");
    let next = next.rsplit_once("/v1/").expect("a path").1;
    let second = api.get(&alice, &format!("/v1/{next}")).await;
    assert!(!second.headers.contains_key("link"));
    assert_eq!(titles(&second.expect(200)), ["b", "b2"]);
}

async fn invitees_are_cut(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    for title in ["a", "b"] {
        let created = event(api, &alice, named(title, timeless())).await;
        invite(api, &alice, &created, &bob, "user").await;
        let guest = json!({"email": "guest@example.com"});
        api.call(&alice, "POST", &format!("{}/invites", path(&created)), guest)
            .await
            .expect(201);
    }
    for (query, number, truncated) in [
        ("", 0, true),
        ("?invitees_max=1", 1, true),
        ("?invitees_max=2", 2, false),
    ] {
        let list = api.get(&alice, &format!("/v1/events{query}")).await.expect(200);
        for entry in list.as_array().expect("a list") {
            assert_eq!(
                entry["invitees"].as_array().expect("a list").len(),
                number,
                "{query}"
            );
            assert_eq!(entry["invitees_truncated"], truncated, "{query}");
        }
    }
}

async fn queries_must_parse(api: &Api) {
    let alice = api.person("alice").await;
    for query in [
        "per_page=0",
        "per_page=101",
        "per_page=-1",
        "per_page=",
        "time_min=2027-01-15",
        "time_max=x",
        "created_before=",
        "created_after=0",
        "favorites=1",
        "adhoc=maybe",
        "time_independent=",
        "invitees_max=-1",
        "after=",
        "after=x",
        "after=bnVsbA",
        "after=%00",
        "time_min=2027-01-15T00:00:00Z&time_min=2027-01-15T00:00:00Z",
    ] {
        api.get(&alice, &format!("/v1/events?{query}"))
            .await
            .refused(400, "bad_request");
    }
}

async fn only_users_have_lists(api: &Api) {
    api.needs_a_user("GET", "/v1/events").await;
}
