//! `GET /v1/events`: in pages that go on from a cursor.

use serde_json::{Value, json};

use super::{Api, WEEKS, event, hour, invite, link, patch, path, timeless, titles, weekly, with};
use crate::{rest::api::Person, support::statements::said};

on_both_databases!(Api: pages_go_on, inserts_move_nothing, pages_are_answered_by_a_constant_number_of_queries);

fn named(title: &str, body: Value) -> Value {
    with(body, &json!({"title": title}))
}

/// All titles, page by page; `between` runs before each further page.
async fn walk(api: &Api, person: &Person, first: &str, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
    let (mut walked, mut next, mut number) = (Vec::new(), Some(first.to_owned()), 0);
    while let Some(path) = next {
        let page = api.get(person, &path).await;
        walked.extend(titles(&page.body).into_iter().map(str::to_owned));
        assert!(link(&page, "before").is_none());
        next = link(&page, "after");
        number += 1;
        between(number).await;
        assert!(number < 20, "no end: {walked:?}");
    }
    walked
}

async fn pages_go_on(api: &Api) {
    let alice = api.person("alice").await;
    for title in ["a", "b"] {
        event(api, &alice, named(title, timeless())).await;
        api.clock.advance(1);
    }
    // Some begin at the same time, some were made at the same time.
    for title in ["c", "d"] {
        event(api, &alice, named(title, hour("2027-03-22T10"))).await;
        api.clock.advance(1);
    }
    let series = event(
        api,
        &alice,
        named(
            "e",
            with(
                weekly(),
                &json!({"starts_at": super::berlin("2027-03-22T10:15:00")}),
            ),
        ),
    )
    .await;
    let instance = format!("{}/instances/20270322T091500Z", path(&series));
    patch(api, &alice, &instance, json!({"title": "e1"}))
        .await
        .expect(200);
    event(api, &alice, named("f", hour("2027-03-22T11"))).await;
    for per_page in 1..=7 {
        let query = format!("/v1/events?invite_status=accepted,pending&per_page={per_page}&adhoc=false");
        let walked = walk(api, &alice, &query, async |_| {}).await;
        assert_eq!(walked, ["a", "b", "c", "d", "e", "e1", "f"], "{per_page}");
    }
}

async fn inserts_move_nothing(api: &Api) {
    let alice = api.person("alice").await;
    for (title, body) in [
        ("b", timeless()),
        ("d", hour("2027-03-22T10")),
        ("f", hour("2027-03-24T10")),
    ] {
        event(api, &alice, named(title, body)).await;
    }
    let walked = walk(api, &alice, "/v1/events?per_page=1", async |number| {
        // One before the place that was reached, one behind it.
        if number == 2 {
            event(api, &alice, named("x", hour("2027-03-21T10"))).await;
            event(api, &alice, named("e", hour("2027-03-23T10"))).await;
        }
    });
    assert_eq!(walked.await, ["b", "d", "e", "f"]);
}

async fn pages_are_answered_by_a_constant_number_of_queries(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let make = async |number: usize| {
        for number in 0..number {
            let target = json!({
                "name": "n", "kind": "custom", "streaming_endpoint": "rtmp://example.org", "streaming_key": "k",
                "public_url": "https://example.org",
            });
            let body = with(
                weekly(),
                &json!({"title": number.to_string(), "streaming_targets": [target]}),
            );
            let created = event(api, &alice, body).await;
            invite(api, &alice, &created, &bob, "user").await;
            let instance = format!("{}/instances/{}", path(&created), WEEKS[0]);
            patch(api, &alice, &instance, json!({"title": "x"}))
                .await
                .expect(200);
        }
    };
    let count = async |entries: usize, path: &str| {
        let (answer, statements) = said(api.get(&bob, path)).await;
        assert_eq!(titles(&answer.expect(200)).len(), entries);
        statements.len()
    };
    make(1).await;
    let few = count(2, "/v1/events?invitees_max=5").await;
    make(9).await;
    assert_eq!(count(20, "/v1/events?invitees_max=5").await, few);
    // The caller; events, how large their exceptions and targets are, exceptions, invitees and targets.
    assert!(few <= 7, "{few}");
}
