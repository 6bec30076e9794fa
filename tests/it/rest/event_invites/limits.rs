//! How many strangers and mails one account may bring about.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::mails::WithMail;
use crate::rest::{answer::Answer, api::Person};

on_both_databases!(WithMail:
    a_thousand_strangers_get_two_hundred_mails, only_new_strangers_count,
    invitations_end_with_the_mails_of_a_day, changes_are_saved_beyond_the_mails_of_a_day);

/// What may be asked at once: the pool of connections is small.
const AT_ONCE: usize = 8;

impl WithMail {
    async fn invite_email(&self, by: &Person, event: &str, email: &str) -> Answer {
        let path = format!("/v1/events/{event}/invites");
        self.call(by, "POST", &path, json!({"email": email})).await
    }

    /// From now on everybody's tariff says so.
    async fn limit(&self, quota: &str, max: u64) {
        self.database
            .execute(&format!("UPDATE tariffs SET quotas = '{{\"{quota}\": {max}}}'"))
            .await;
    }

    async fn outbox(&self) -> i64 {
        self.database.number("SELECT count(*) FROM outbox").await
    }

    async fn invited(&self) -> i64 {
        self.database.number("SELECT count(*) FROM event_invites").await
    }
}

/// Checks a refusal for the rest of the day, which began this many seconds ago.
fn assert_exceeded(answer: &Answer, name: &str, max: u64, seconds_since_midnight: i64) {
    answer.refused(429, "quota_exceeded");
    let quota = json!({"name": name, "max": max, "used": max});
    assert_eq!(answer.body["quota"], quota);
    let left = (24 * 3_600 - seconds_since_midnight).to_string();
    assert_eq!(answer.header("retry-after"), left);
}

async fn a_thousand_strangers_get_two_hundred_mails(api: &WithMail) {
    let alice = api.person("alice").await;
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(api.event(&alice).await);
    }
    let emails: Vec<_> = (0..1_000)
        .map(|number| format!("g{number}@example.org"))
        .collect();
    let mut invited = 0;
    for (number, some) in emails.chunks(AT_ONCE).enumerate() {
        let event = &events[number % events.len()];
        for answer in join_all(some.iter().map(|email| api.invite_email(&alice, event, email))).await {
            if answer.status == 201 {
                invited += 1;
            } else {
                assert_exceeded(
                    &answer,
                    "external_invitees_per_day",
                    200,
                    api.clock.seconds() % 86_400,
                );
            }
        }
    }
    assert_eq!(
        (invited, api.invited().await, api.outbox().await),
        (200, 200, 200)
    );
    // Others are not concerned, nor is the next day.
    let bob = api.person("bob").await;
    let event = api.event(&bob).await;
    api.invite_email(&bob, &event, "new@example.org")
        .await
        .expect(201);
    api.clock.advance(24 * 3_600);
    let alice = api.person("alice").await;
    api.invite_email(&alice, &events[0], "new@example.org")
        .await
        .expect(201);
}

async fn only_new_strangers_count(api: &WithMail) {
    api.limit("external_invitees_per_day", 2).await;
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let (event, other) = (api.event(&alice).await, api.event(&alice).await);
    for email in ["one@example.org", "two@example.org"] {
        api.invite_email(&alice, &event, email).await.expect(201);
    }
    let refused = api.invite_email(&alice, &event, "three@example.org").await;
    assert_exceeded(
        &refused,
        "external_invitees_per_day",
        2,
        api.clock.seconds() % 86_400,
    );
    assert_eq!((api.invited().await, api.outbox().await), (2, 2));
    // Known by now, invited already, or no stranger.
    api.invite_email(&alice, &other, "ONE@example.org")
        .await
        .expect(201);
    api.invite_email(&alice, &event, "one@example.org")
        .await
        .expect(204);
    api.get(&bob, "/v1/users/me").await.expect(200);
    api.invite_email(&alice, &event, "bob@example.org")
        .await
        .expect(201);
    // Quietly is no way around it.
    let path = format!("/v1/events/{event}/invites?suppress_email_notification=true");
    let quietly = api
        .call(&alice, "POST", &path, json!({"email": "four@example.org"}))
        .await;
    quietly.refused(429, "quota_exceeded");
}

async fn invitations_end_with_the_mails_of_a_day(api: &WithMail) {
    api.limit("mails_per_day", 2).await;
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    api.get(&bob, "/v1/users/me").await.expect(200);
    let event = api.event(&alice).await;
    for email in ["one@example.org", "two@example.org"] {
        api.invite_email(&alice, &event, email).await.expect(201);
    }
    for email in ["three@example.org", "bob@example.org"] {
        let refused = api.invite_email(&alice, &event, email).await;
        assert_exceeded(&refused, "mails_per_day", 2, api.clock.seconds() % 86_400);
    }
    assert_eq!((api.invited().await, api.outbox().await), (2, 2));
    // Without a mail there is nothing to count.
    let path = format!("/v1/events/{event}/invites?suppress_email_notification=true");
    let quietly = api
        .call(&alice, "POST", &path, json!({"email": "three@example.org"}))
        .await;
    quietly.expect(201);
    assert_eq!(api.outbox().await, 2);
}

async fn changes_are_saved_beyond_the_mails_of_a_day(api: &WithMail) {
    api.limit("mails_per_day", 7).await;
    let alice = api.person("alice").await;
    let event = api.event(&alice).await;
    for email in ["one@example.org", "two@example.org", "three@example.org"] {
        api.invite_email(&alice, &event, email).await.expect(201);
    }
    assert_eq!(api.mails().await.len(), 3);
    let path = format!("/v1/events/{event}");
    for (title, told, is_limited) in [("First", 3, false), ("Second", 1, true), ("Third", 0, true)] {
        api.clock.advance(1);
        let answer = api.call(&alice, "PATCH", &path, json!({"title": title})).await;
        let header = answer
            .headers
            .get("x-colloquy-mail")
            .map(|value| value.to_str().expect("a text"));
        assert_eq!(header, is_limited.then_some("limited"), "{title}");
        assert_eq!(answer.expect(200)["title"], title);
        assert_eq!(api.mails().await.len(), told, "{title}");
    }
    // The end is told to everybody.
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    assert_eq!(api.mails().await.len(), 3);
}
