//! `/v1/events` and below, without invitations and folders.

mod change;
mod create;
mod delete;
mod edit_form;
mod get;
mod instance;
mod instances;
mod list;
mod mails;
mod pages;
mod races;
mod times;

use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::{Api, Person},
};

pub const UNKNOWN: &str = "/v1/events/00000000-0000-4000-8000-000000000000";

/// What a client sends for a time-independent event.
pub fn timeless() -> Value {
    json!({"title": "Kaffee", "description": "", "is_time_independent": true})
}

/// An hour on a day in Berlin, such as `2027-03-22T10`.
pub fn hour(day_and_hour: &str) -> Value {
    json!({
        "title": "Treffen", "description": "Ein Text", "is_time_independent": false, "is_all_day": false,
        "starts_at": berlin(&format!("{day_and_hour}:00:00")),
        "ends_at": berlin(&format!("{day_and_hour}:59:00")),
    })
}

/// Monday at ten in Berlin, three times; clocks change after the first.
pub fn weekly() -> Value {
    with(
        hour("2027-03-22T10"),
        &json!({"recurrence_pattern": ["RRULE:FREQ=WEEKLY;COUNT=3"]}),
    )
}

pub const WEEKS: [&str; 3] = ["20270322T090000Z", "20270329T080000Z", "20270405T080000Z"];

pub fn berlin(datetime: &str) -> Value {
    json!({"datetime": datetime, "timezone": "Europe/Berlin"})
}

/// `body` with the fields of `more`.
pub fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

/// What an event carries of the training report where its creator's tariff lacks the module.
pub fn proposed_report() -> Value {
    json!({
        "initial_checkpoint_delay": {"after": 600, "within": 1200},
        "checkpoint_interval": {"after": 6300, "within": 1800},
    })
}

/// The creators' tariff lacks that module from now on.
pub async fn without_training_reports(api: &Api) {
    let disable = "UPDATE tariffs SET disabled_modules = '[\"training_participation_report\"]'";
    api.database.execute(disable).await;
}

pub async fn post(api: &Api, person: &Person, body: Value) -> Answer {
    api.call(person, "POST", "/v1/events", body).await
}

/// A new event as its creator sees it.
pub async fn event(api: &Api, person: &Person, body: Value) -> Value {
    post(api, person, body).await.expect(201)
}

pub fn path(event: &Value) -> String {
    format!("/v1/events/{}", text(&event["id"]))
}

pub fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

pub async fn patch(api: &Api, person: &Person, path: &str, body: Value) -> Answer {
    api.call(person, "PATCH", path, body).await
}

pub async fn invite(api: &Api, owner: &Person, event: &Value, person: &Person, role: &str) {
    let me = api.get(person, "/v1/users/me").await.expect(200);
    let body = json!({"invitee": me["id"], "role": role});
    api.call(owner, "POST", &format!("{}/invites", path(event)), body)
        .await
        .expect(201);
}

pub fn has(event: &Value, field: &str) -> bool {
    event.as_object().expect("an object").contains_key(field)
}

/// The URLs in the header `Link`, by their relation.
pub fn link(answer: &Answer, rel: &str) -> Option<String> {
    let links = answer.header("link").split(", ");
    let found = links
        .into_iter()
        .find(|link| link.ends_with(&format!("; rel=\"{rel}\"")))?;
    Some(found.split(['<', '>']).nth(1)?.to_owned())
}

/// The titles of a list.
pub fn titles(list: &Value) -> Vec<&str> {
    let entries = list.as_array().expect("a list").iter();
    entries.map(|entry| text(&entry["title"])).collect()
}
