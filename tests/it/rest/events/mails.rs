//! What invitees of an event are told of its changes.

use std::time::Duration;

use colloquy::store::outbox;
use serde_json::{Value, json};

use super::{Api, WEEKS, berlin, event, invite, patch, path, weekly, with};
use crate::{databases::Kind, rest::api::Person};

/// Mails that were queued since the last time.
async fn mails(api: &Api) -> Vec<Value> {
    let taken = outbox::take(
        &api.database.db,
        100,
        api.state.clock.now(),
        Duration::from_hours(1),
    )
    .await;
    taken
        .expect("a query")
        .into_iter()
        .map(|taken| taken.mail)
        .collect()
}

/// A series with somebody invited as a user, somebody who has declined, and somebody with an address only.
async fn invited(api: &Api, alice: &Person) -> Value {
    let (bob, carol) = (api.person("bob").await, api.person("carol").await);
    let created = event(api, alice, weekly()).await;
    invite(api, alice, &created, &bob, "user").await;
    invite(api, alice, &created, &carol, "user").await;
    api.call(
        &carol,
        "DELETE",
        &format!("{}/invite", path(&created)),
        Value::Null,
    )
    .await
    .expect(204);
    let guest = json!({"email": "guest@example.com"});
    api.call(alice, "POST", &format!("{}/invites", path(&created)), guest)
        .await
        .expect(201);
    mails(api).await;
    created
}

fn kinds(mails: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<_> = mails.iter().map(|mail| super::text(&mail["kind"])).collect();
    kinds.sort_unstable();
    kinds
}

async fn changes_are_told(api: &Api) {
    let alice = api.person("alice").await;
    let created = invited(api, &alice).await;
    patch(
        api,
        &alice,
        &path(&created),
        json!({"title": "Neu", "password": "geheim"}),
    )
    .await
    .expect(200);
    let told = mails(api).await;
    assert_eq!(kinds(&told), ["update", "update"]);
    let mut receivers: Vec<_> = told
        .iter()
        .map(|mail| super::text(&mail["receiver"]["kind"]))
        .collect();
    receivers.sort_unstable();
    assert_eq!(receivers, ["external", "registered"]);
    for mail in &told {
        assert_eq!(
            (&mail["event"]["title"], &mail["event"]["id"]),
            (&json!("Neu"), &created["id"])
        );
        assert_eq!(mail["event"]["recurrence"], created["recurrence_pattern"]);
        assert_eq!(
            (&mail["instance"], &mail["meeting"]["password"]),
            (&Value::Null, &json!("geheim"))
        );
        assert_eq!(
            mail["event"]["organizer"]["email"],
            created["created_by"]["email"]
        );
        assert!(
            mail["event"]["revision"]
                .as_i64()
                .is_some_and(|revision| revision > 0),
            "{mail}"
        );
    }
    patch(api, &alice, &path(&created), json!({"is_time_independent": true}))
        .await
        .expect(200);
    let told = mails(api).await;
    assert_eq!(
        (told.len(), &told[0]["has_lost_times"], &told[0]["event"]["span"]),
        (2, &json!(true), &Value::Null)
    );
}

async fn occurrences_are_told(api: &Api) {
    let alice = api.person("alice").await;
    let created = invited(api, &alice).await;
    let at = format!("{}/instances/{}", path(&created), WEEKS[1]);
    let moved = json!({"starts_at": berlin("2027-03-30T10:00:00"), "ends_at": berlin("2027-03-30T11:00:00")});
    for (body, kind) in [
        (moved, "update"),
        (json!({"status": "cancelled"}), "cancel"),
        (json!({"status": "ok"}), "update"),
    ] {
        patch(api, &alice, &at, body).await.expect(200);
        let told = mails(api).await;
        assert_eq!(kinds(&told), [kind, kind]);
        let exception = &told[0]["event"]["exceptions"][0];
        assert_eq!(
            (&told[0]["instance"], &told[0]["event"]["is_cancelled"]),
            (&json!("2027-03-29T08:00:00Z"), &json!(false))
        );
        assert_eq!(exception["is_cancelled"], kind == "cancel");
        assert_eq!(exception["span"]["starts_at"]["at"], "2027-03-30T08:00:00Z");
    }
}

async fn another_beginning_asks_again(api: &Api) {
    let alice = api.person("alice").await;
    let created = invited(api, &alice).await;
    let (bob, carol) = (api.person("bob").await, api.person("carol").await);
    let at = path(&created);
    let accept = format!("{at}/invite");
    api.call(&bob, "PATCH", &accept, json!({})).await.expect(204);
    let answers = async || {
        let of = async |who: &Person| api.get(who, &at).await.expect(200)["invite_status"].clone();
        (of(&bob).await, of(&carol).await)
    };
    let change = async |body: Value| {
        patch(api, &alice, &at, body).await.expect(200);
        mails(api).await.len()
    };
    let given = (json!("accepted"), json!("declined"));
    // The end alone, and the same beginning in other words. Carol has declined and hears nothing.
    let longer = json!({"ends_at": berlin("2027-03-22T12:00:00")});
    assert_eq!((change(longer).await, answers().await), (2, given.clone()));
    let same = json!({"starts_at": berlin("2027-03-22T09:00:00Z")});
    assert_eq!((change(same).await, answers().await), (0, given.clone()));
    let earlier = json!({"starts_at": berlin("2027-03-22T09:00:00")});
    let asked = (json!("pending"), json!("pending"));
    assert_eq!((change(earlier).await, answers().await), (3, asked));
    // The second of the three weeks has just begun: people are there.
    api.call(&bob, "PATCH", &accept, json!({})).await.expect(204);
    api.call(&carol, "DELETE", &accept, Value::Null).await.expect(204);
    let begun = json!({
        "starts_at": {"datetime": "2027-01-08T07:30:00Z", "timezone": "UTC"},
        "ends_at": {"datetime": "2027-01-08T08:30:00Z", "timezone": "UTC"},
    });
    assert_eq!(change(begun).await, 3);
    api.call(&bob, "PATCH", &accept, json!({})).await.expect(204);
    api.call(&carol, "DELETE", &accept, Value::Null).await.expect(204);
    let later = json!({"starts_at": {"datetime": "2027-01-08T07:45:00Z", "timezone": "UTC"}});
    assert_eq!((change(later).await, answers().await), (2, given));
}

async fn answers_stay_with_what_is_told(api: &Api) {
    let alice = api.person("alice").await;
    let created = invited(api, &alice).await;
    let bob = api.person("bob").await;
    let (at, accept) = (path(&created), format!("{}/invite", path(&created)));
    let second = format!("{at}/instances/{}", WEEKS[1]);
    let answers = async |path: &str, body: Value| {
        patch(api, &alice, path, body).await.expect(200);
        let mut told: Vec<_> = mails(api)
            .await
            .into_iter()
            .map(|mail| mail["answer"].clone())
            .collect();
        told.sort_by_key(ToString::to_string);
        told
    };
    api.call(&bob, "PATCH", &accept, json!({})).await.expect(204);
    let accepted = [json!("accepted"), json!("pending")];
    assert_eq!(answers(&at, json!({"title": "Neu"})).await, accepted);
    assert_eq!(answers(&second, json!({"title": "Anders"})).await, accepted);
    let longer = json!({"ends_at": berlin("2027-03-29T12:00:00")});
    assert_eq!(answers(&second, longer).await, accepted);
    // Another beginning of one occurrence asks again, those who declined too.
    let moved = json!({"starts_at": berlin("2027-03-29T09:00:00")});
    assert_eq!(
        answers(&second, moved).await,
        ["pending", "pending", "pending"].map(|text| json!(text))
    );
    let status = api.get(&bob, &at).await.expect(200)["invite_status"].clone();
    assert_eq!(status, "pending");
}

async fn nobody_hears_of_what_is_over(api: &Api) {
    let alice = api.person("alice").await;
    let created = invited(api, &alice).await;
    let utc = |datetime: &str| json!({"datetime": datetime, "timezone": "UTC"});
    let daily = json!({
        "starts_at": utc("2027-01-01T08:00:00Z"), "ends_at": utc("2027-01-01T09:00:00Z"),
        "recurrence_pattern": ["RRULE:FREQ=WEEKLY;COUNT=3"],
    });
    let told = async |path: &str, body: Value| {
        patch(api, &alice, path, body).await.expect(200);
        mails(api).await.len()
    };
    assert_eq!(told(&path(&created), daily).await, 3, "the last week is to come");
    let first = format!("{}/instances/20270101T080000Z", path(&created));
    assert_eq!(told(&first, json!({"title": "Was war"})).await, 0);
    assert_eq!(told(&first, json!({"status": "cancelled"})).await, 0);
    let over = json!({"recurrence_pattern": ["RRULE:FREQ=DAILY;COUNT=3"]});
    assert_eq!(told(&path(&created), over).await, 3, "it was to go on");
    assert_eq!(told(&path(&created), json!({"title": "Vorbei"})).await, 0);
    api.call(&alice, "DELETE", &path(&created), Value::Null)
        .await
        .expect(204);
    assert_eq!(mails(api).await, Vec::<Value>::new());
}

async fn the_end_is_told(api: &Api) {
    let alice = api.person("alice").await;
    let created = invited(api, &alice).await;
    api.call(&alice, "DELETE", &path(&created), Value::Null)
        .await
        .expect(204);
    let told = mails(api).await;
    assert_eq!(kinds(&told), ["cancel", "cancel"]);
    assert_eq!(
        (&told[0]["event"]["is_cancelled"], &told[0]["event"]["revision"]),
        (&json!(true), &json!(1))
    );
}

async fn what_is_so_already_is_no_change(api: &Api) {
    let alice = api.person("alice").await;
    let created = invited(api, &alice).await;
    let at = format!("{}/instances/{}", path(&created), WEEKS[1]);
    let target = json!({
        "name": "TV", "kind": "custom", "streaming_endpoint": "rtmp://tv.example.org/live", "streaming_key": "k",
        "public_url": "https://tv.example.org/",
    });
    let full = with(
        weekly(),
        &json!({
            "password": "geheim", "waiting_room": true, "streaming_targets": [target], "show_meeting_details": true,
        }),
    );
    let moved = json!({
        "title": "Draußen", "starts_at": berlin("2027-03-30T10:00:00"), "ends_at": berlin("2027-03-30T11:00:00"),
    });
    for (path, body) in [(path(&created), full), (at.clone(), moved)] {
        patch(api, &alice, &path, body.clone()).await.expect(200);
        let told = mails(api).await;
        assert_eq!(told.len(), 2);
        let before = api.get(&alice, &path).await.expect(200);
        api.clock.advance(1);
        let again = patch(api, &alice, &path, body).await;
        assert!(!again.headers.contains_key("x-colloquy-mail"));
        assert_eq!(again.expect(200), before, "{path}");
        assert_eq!(mails(api).await, Vec::<Value>::new(), "{path}");
    }
    // An occurrence that is as its series says gets no exception of its own.
    let regular = format!("{}/instances/{}", path(&created), WEEKS[2]);
    let body = json!({"status": "ok", "title": "Treffen", "starts_at": berlin("2027-04-05T10:00:00")});
    patch(api, &alice, &regular, body).await.expect(200);
    assert_eq!(mails(api).await, Vec::<Value>::new());
    assert_eq!(
        api.database.number("SELECT count(*) FROM event_exceptions").await,
        1
    );
    // Three changes in all would be told with the third's number.
    patch(api, &alice, &path(&created), json!({"title": "Neu"}))
        .await
        .expect(200);
    let told = mails(api).await;
    assert_eq!((told.len(), &told[0]["event"]["revision"]), (2, &json!(3)));
}

async fn nobody_is_told_otherwise(api: &Api) {
    let alice = api.person("alice").await;
    let created = invited(api, &alice).await;
    let at = format!("{}/instances/{}", path(&created), WEEKS[1]);
    let quiet = "?suppress_email_notification=true";
    for (path, body, status) in [
        (path(&created), json!({}), 200),
        (path(&created), json!({"is_all_day": true}), 422),
        (format!("{}{quiet}", path(&created)), json!({"title": "x"}), 200),
        (at.clone(), json!({}), 204),
        (at.clone(), json!({"is_all_day": true}), 422),
        (format!("{at}{quiet}"), json!({"title": "x"}), 200),
    ] {
        patch(api, &alice, &path, body).await.expect(status);
        assert_eq!(mails(api).await, Vec::<Value>::new(), "{path}");
    }
    api.call(
        &alice,
        "DELETE",
        &format!("{}{quiet}", path(&created)),
        Value::Null,
    )
    .await
    .expect(204);
    assert_eq!(mails(api).await, Vec::<Value>::new());
}

async fn with_mail(kind: Kind) {
    let start = async || {
        Api::with(kind, |config| {
            config.mail.host = Some("mail.example.org".to_owned());
            // The clock stands still.
            config.quotas.mails_per_address_per_hour = 0;
            config.quotas.event_mails_per_hour = 0;
        })
        .await
    };
    let api = start().await;
    changes_are_told(&api).await;
    api.finish().await;
    let api = start().await;
    occurrences_are_told(&api).await;
    api.finish().await;
    let api = start().await;
    what_is_so_already_is_no_change(&api).await;
    another_beginning_asks_again(&api).await;
    answers_stay_with_what_is_told(&api).await;
    nobody_hears_of_what_is_over(&api).await;
    the_end_is_told(&api).await;
    nobody_is_told_otherwise(&api).await;
    api.finish().await;
}

#[tokio::test]
async fn invitees_are_told_on_sqlite() {
    with_mail(Kind::Sqlite).await;
}

#[tokio::test]
async fn invitees_are_told_on_postgres() {
    with_mail(Kind::Postgres).await;
}
