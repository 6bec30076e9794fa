//! Mails that wait are true when they go, and nobody hears of the end of what was never told.

use serde_json::{Value, json};

use super::mails::WithMail;
use crate::rest::{
    api::Person,
    events::{berlin, event, hour, path, text, weekly, with},
};

on_both_databases!(WithMail:
    nobody_hears_of_the_end_of_what_was_never_told, what_waits_tells_of_all_occurrences,
    quiet_changes_reach_what_waits, quiet_ends_take_back_what_waits);

const GUEST: &str = "guest@example.org";

const QUIET: &str = "?suppress_email_notification=true";

impl WithMail {
    async fn invite_guest(&self, by: &Person, event: &Value, query: &str) {
        let invites = format!("{}/invites{query}", path(event));
        let body = json!({"email": GUEST});
        self.call(by, "POST", &invites, body).await.expect(201);
    }

    /// The mails since the last call, which go out now.
    async fn sent(&self) -> Vec<Value> {
        let mails = self.mails().await;
        self.database
            .execute("UPDATE outbox SET sent_at = slot_at WHERE attempts > 0")
            .await;
        mails
    }

    /// The guest gets no mail for an hour.
    async fn fill_the_hour(&self, by: &Person) {
        for _ in 0..3 {
            let other = event(self, by, hour("2027-06-01T10")).await;
            self.invite_guest(by, &other, "").await;
        }
        assert_eq!(self.sent().await.len(), 3);
    }
}

async fn nobody_hears_of_the_end_of_what_was_never_told(api: &WithMail) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let ended = format!("{}/invites/email", path(&created));
    for _ in 0..20 {
        api.invite_guest(&alice, &created, QUIET).await;
        let body = json!({"email": GUEST});
        api.call(&alice, "DELETE", &ended, body).await.expect(204);
    }
    api.invite_guest(&alice, &created, QUIET).await;
    api.call(&alice, "DELETE", &path(&created), Value::Null)
        .await
        .expect(204);
    assert_eq!(api.sent().await, Vec::<Value>::new());
    assert_eq!(
        api.database.number("SELECT count(*) FROM outbox_entries").await,
        0
    );
}

async fn what_waits_tells_of_all_occurrences(api: &WithMail) {
    let alice = api.person("alice").await;
    let daily = with(
        hour("2027-05-03T10"),
        &json!({"recurrence_pattern": ["RRULE:FREQ=DAILY;COUNT=12"]}),
    );
    let created = event(api, &alice, daily).await;
    api.invite_guest(&alice, &created, "").await;
    assert_eq!(api.sent().await.len(), 1);
    let instance = |day: u8| format!("{}/instances/202705{day:02}T080000Z", path(&created));
    // The last ones are too many for this hour.
    for day in 3..=12 {
        api.clock.advance(1);
        let body = json!({"status": "cancelled"});
        api.call(&alice, "PATCH", &instance(day), body).await.expect(200);
    }
    let body = json!({"title": "Anders"});
    api.call(&alice, "PATCH", &instance(13), body).await.expect(200);
    let mut last = None;
    for _ in 0..6 {
        for mail in api.sent().await {
            last = Some(mail);
        }
        api.clock.advance(3_600);
    }
    let last = last.expect("a mail");
    assert_eq!(last["instance"], Value::Null, "{last}");
    let exceptions = last["event"]["exceptions"].as_array().expect("a list");
    let cancelled = exceptions.iter().filter(|one| one["is_cancelled"] == true);
    assert_eq!((exceptions.len(), cancelled.count()), (11, 10), "{last}");
}

async fn quiet_changes_reach_what_waits(api: &WithMail) {
    let alice = api.person("alice").await;
    api.fill_the_hour(&alice).await;
    let created = event(api, &alice, weekly()).await;
    api.invite_guest(&alice, &created, "").await;
    assert_eq!(api.sent().await, Vec::<Value>::new());
    let body = json!({
        "title": "Verlegt", "starts_at": berlin("2027-03-23T10:00:00"), "ends_at": berlin("2027-03-23T11:00:00"),
    });
    api.call(&alice, "PATCH", &format!("{}{QUIET}", path(&created)), body)
        .await
        .expect(200);
    // Who was told already hears nothing.
    assert_eq!(api.database.number("SELECT count(*) FROM outbox").await, 4);
    api.clock.advance(7_200);
    let [mail] = &api.sent().await[..] else {
        panic!("not one mail");
    };
    assert_eq!(
        (text(&mail["kind"]), text(&mail["event"]["title"])),
        ("invite", "Verlegt")
    );
    assert_eq!(mail["event"]["span"]["starts_at"]["at"], "2027-03-23T09:00:00Z");
}

async fn quiet_ends_take_back_what_waits(api: &WithMail) {
    let alice = api.person("alice").await;
    api.fill_the_hour(&alice).await;
    let created = event(api, &alice, weekly()).await;
    api.invite_guest(&alice, &created, "").await;
    api.call(
        &alice,
        "DELETE",
        &format!("{}{QUIET}", path(&created)),
        Value::Null,
    )
    .await
    .expect(204);
    api.clock.advance(7_200);
    assert_eq!(api.sent().await, Vec::<Value>::new());
}
