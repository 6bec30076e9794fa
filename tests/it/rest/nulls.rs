//! A null in an optional field of a body means that the field is absent, except where null is a value: for every body of
//! the contract, `tests/spec/expected.json`.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::Path,
};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::{Api, Person},
    events::{WEEKS, event, path, text, timeless, weekly, with},
};

on_both_databases!(Api: null_means_absent, null_removes_where_it_is_a_value);

/// Where null is a value: it removes what is there.
const REMOVING: [(&str, &str); 4] = [
    ("PATCH /v1/events/{event_id}", "password"),
    ("PATCH /v1/events/{event_id}", "training_participation_report"),
    ("PATCH /v1/rooms/{room_id}", "password"),
    ("PUT /v1/rooms/{room_id}/invites/{invite_code}", "expiration"),
];

/// The optional fields of each JSON body.
fn optional_fields() -> BTreeMap<String, Vec<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec/expected.json");
    let expected = fs::read_to_string(file).expect("a file");
    let expected: BTreeMap<String, Value> = serde_json::from_str(&expected).expect("operations");
    let mut found = BTreeMap::new();
    for (name, operation) in expected {
        let Some(fields) = operation["body"]["fields"].as_object() else {
            continue;
        };
        let optional: Vec<_> = fields
            .keys()
            .filter_map(|field| field.strip_suffix('?'))
            .collect();
        for field in &optional {
            assert!(
                !field.contains(['.', '[']),
                "{name}: {field} lies deeper than this test looks"
            );
        }
        if !optional.is_empty() {
            found.insert(name, optional.into_iter().map(str::to_owned).collect());
        }
    }
    found
}

/// Everything that has an optional field, each set to something that an absent value would not be.
struct Stage<'a> {
    api: &'a Api,
    alice: Person,
    event: String,
    /// Of the event.
    room: String,
    target: String,
    /// A room without a password, with telephone access.
    hall: String,
    /// Of the hall; it expires.
    code: String,
    bob: String,
    carol: String,
}

impl<'a> Stage<'a> {
    async fn set(api: &'a Api) -> Self {
        let alice = api.person("alice").await;
        let me = json!({
            "title": "Dr.", "display_name": "Ada", "language": "de", "dashboard_theme": "dark", "conference_theme": "dark",
        });
        api.call(&alice, "PATCH", "/v1/users/me", me).await;
        let made = event(api, &alice, everything()).await;
        let room = text(&made["room"]["id"]).to_owned();
        let targets = format!("/v1/rooms/{room}/streaming_targets");
        let targets = api.get(&alice, &targets).await.expect(200);
        let hall = api.room(&alice, json!({})).await;
        let sip = format!("/v1/rooms/{hall}/sip");
        api.call(&alice, "PUT", &sip, json!({"lobby": true}))
            .await
            .expect(201);
        let expiration = json!({"expiration": "2030-01-01T00:00:00Z"});
        let code = api.invite(&alice, &hall, expiration).await;
        let (bob, carol) = (api.person("bob").await, api.person("carol").await);
        let stage = Self {
            api,
            bob: api.id_of(&bob).await,
            carol: api.id_of(&carol).await,
            event: path(&made),
            target: text(&targets[0]["id"]).to_owned(),
            alice,
            room,
            hall,
            code,
        };
        let instance = format!("{}/instances/{}", stage.event, WEEKS[1]);
        let other = json!({"title": "Anderes", "description": "Anders", "status": "cancelled"});
        api.call(&stage.alice, "PATCH", &instance, other)
            .await
            .expect(200);
        for invitee in [
            json!({"invitee": stage.bob}),
            json!({"email": "guest@example.org"}),
        ] {
            let body = with(invitee, &json!({"role": "moderator"}));
            let invites = format!("{}/invites", stage.event);
            api.call(&stage.alice, "POST", &invites, body).await.expect(201);
        }
        stage
    }

    /// What the operation needs besides `field`, which is optional.
    fn body(&self, operation: &str, field: &str) -> Value {
        match operation {
            "PATCH /v1/events/{event_id}/invites/email" => json!({"email": "guest@example.org"}),
            "POST /v1/events" => timeless(),
            "POST /v1/events/{event_id}/invites" if field == "email" => json!({"invitee": self.carol}),
            "POST /v1/events/{event_id}/invites" => json!({"email": "new@example.org"}),
            "POST /v1/rooms/{room_id}/start_invited" => json!({"invite_code": self.code}),
            "POST /v1/services/recording/start" => json!({"room_id": self.hall}),
            _ => json!({}),
        }
    }

    async fn call(&self, operation: &str, body: Value) -> Answer {
        let (method, path) = operation.split_once(' ').expect("method and path");
        let room = if method == "PATCH" { &self.room } else { &self.hall };
        let path = path
            .replace("/v1/events/{event_id}", &self.event)
            .replace("{room_id}", room)
            .replace("{invite_code}", &self.code)
            .replace("{user_id}", &self.bob)
            .replace("{instance_id}", WEEKS[1])
            .replace("{streaming_target_id}", &self.target);
        assert!(!path.contains('{'), "{path}: what stands there?");
        if operation.starts_with("POST /v1/services/") {
            let recorder = self.api.person("recorder").await;
            return self.api.call(&recorder, method, &path, body).await;
        }
        self.api.call(&self.alice, method, &path, body).await
    }

    /// Living rooms of one owner are few.
    async fn strike(self) {
        let hall = format!("/v1/rooms/{}", self.hall);
        self.api
            .call(&self.alice, "DELETE", &hall, Value::Null)
            .await
            .expect(204);
    }

    /// All that can be changed.
    async fn state(&self) -> Vec<Value> {
        let mut state = Vec::new();
        for path in [
            "/v1/users/me".to_owned(),
            self.event.clone(),
            format!("{}/instances", self.event),
            format!("{}/invites", self.event),
            format!("/v1/rooms/{}", self.room),
            format!("/v1/rooms/{}/streaming_targets", self.room),
            format!("/v1/rooms/{}/sip", self.hall),
            format!("/v1/rooms/{}/invites/{}", self.hall, self.code),
        ] {
            state.push(self.api.get(&self.alice, &path).await.expect(200));
        }
        state
    }
}

/// An event that says something of everything.
fn everything() -> Value {
    let all = json!({
        "password": "geheim", "waiting_room": true, "e2e_encryption": true, "is_adhoc": true,
        "show_meeting_details": true,
        "streaming_targets": [{
            "name": "Live", "kind": "custom", "streaming_endpoint": "rtmp://live.example.org/app",
            "streaming_key": "secret", "public_url": "https://live.example.org/",
        }],
        "training_participation_report": {
            "initial_checkpoint_delay": {"after": 1, "within": 2}, "checkpoint_interval": {"after": 3, "within": 4},
        },
    });
    with(weekly(), &all)
}

/// An answer without what is another one each time: ids, secrets, times.
fn alike(mut answer: Value) -> Value {
    match &mut answer {
        Value::String(text) if text.len() > 32 || text.contains(|letter: char| letter.is_ascii_digit()) => {
            "*".clone_into(text);
        }
        Value::Array(list) => list.iter_mut().for_each(|one| *one = alike(one.take())),
        Value::Object(fields) => fields.values_mut().for_each(|one| *one = alike(one.take())),
        _ => {}
    }
    answer
}

/// The fields to try at once: each by itself, and all where nothing else must be there instead.
fn tries(operation: &str, fields: &[String]) -> Vec<Vec<String>> {
    let is_removing = |field: &str| REMOVING.contains(&(operation, field));
    let fields = fields.iter().filter(|field| !is_removing(field)).cloned();
    let fields: Vec<_> = fields.collect();
    let mut tries: Vec<_> = fields.iter().map(|field| vec![field.clone()]).collect();
    if operation != "POST /v1/events/{event_id}/invites" {
        tries.push(fields);
    }
    tries
}

/// What is answered to a body without `field`.
async fn plain(api: &Api, operation: &str, field: &str) -> (StatusCode, Value) {
    let stage = Stage::set(api).await;
    let answer = stage.call(operation, stage.body(operation, field)).await;
    assert!(answer.status.is_success(), "{operation}: {answer:?}");
    stage.strike().await;
    (answer.status, alike(answer.body))
}

async fn null_means_absent(api: &Api) {
    for (operation, fields) in optional_fields() {
        let mut without = BTreeMap::new();
        for tried in tries(&operation, &fields) {
            let first = tried.first().map(String::as_str).unwrap_or_default();
            let stage = Stage::set(api).await;
            let mut body = stage.body(&operation, first);
            let plain = match without.entry(alike(body.clone()).to_string()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(plain(api, &operation, first).await),
            };
            for field in &tried {
                body[field] = Value::Null;
            }
            let before = stage.state().await;
            let answer = stage.call(&operation, body.clone()).await;
            let found = (answer.status, alike(answer.body));
            assert_eq!(found, *plain, "{operation}: {body}");
            if !operation.starts_with("POST") {
                assert_eq!(stage.state().await, before, "{operation}: {body}");
            }
            stage.strike().await;
        }
    }
}

async fn null_removes_where_it_is_a_value(api: &Api) {
    let reports = "SELECT count(*) FROM events WHERE training_participation_report IS NOT NULL";
    for (operation, field) in REMOVING {
        let stage = Stage::set(api).await;
        let before = stage.state().await;
        let stored = api.database.number(reports).await;
        let mut body = stage.body(operation, field);
        body[field] = Value::Null;
        stage.call(operation, body).await.expect(200);
        let after = stage.state().await;
        match field {
            "password" => {
                assert_eq!(before[4][field], "geheim", "{operation}");
                assert_eq!(after[4].get(field), None, "{operation}");
            }
            "expiration" => {
                assert!(before[7][field].is_string(), "{operation}");
                assert_eq!(after[7][field], Value::Null, "{operation}");
            }
            _ => assert_eq!(api.database.number(reports).await, stored - 1, "{operation}"),
        }
    }
}
