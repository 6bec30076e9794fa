//! What every operation answers to credentials, identifiers and bodies that are no good, tried out on each of them.

use serde_json::{Value, json};

use super::api::{Api, request};

on_both_databases!(Api:
    credentials_are_asked_for_everywhere, ids_must_parse_everywhere, bodies_are_refused_alike_everywhere);

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// An operation as the API describes it.
struct Described {
    method: String,
    path: String,
    operation: Value,
}

impl Described {
    /// Every operation of the API.
    fn all() -> Vec<Self> {
        let document = serde_json::to_value(colloquy::http::api::document()).expect("JSON");
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                all.push(Self {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    operation: operation.clone(),
                });
            }
        }
        assert!(all.len() > 15, "operations were not found");
        all
    }

    /// Whether it takes access tokens.
    fn wants_a_token(&self) -> bool {
        let schemes = self.operation["security"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        schemes.iter().any(|scheme| scheme["BearerAuth"].is_array())
    }

    fn takes_json(&self) -> bool {
        self.operation["requestBody"]["content"]["application/json"].is_object()
    }

    /// The path with this in the place of every identifier.
    fn path_with(&self, id: &str) -> String {
        let mut path = String::new();
        for segment in self.path.split('/').skip(1) {
            path.push('/');
            path.push_str(if segment.starts_with('{') { id } else { segment });
        }
        path
    }
}

async fn credentials_are_asked_for_everywhere(api: &Api) {
    for described in Described::all()
        .iter()
        .filter(|described| described.wants_a_token())
    {
        let (method, path) = (&*described.method, described.path_with(NOBODY));
        let body = if described.takes_json() {
            json!({})
        } else {
            Value::Null
        };
        let none = api.send(request(method, &path, None, &body)).await;
        none.refused(401, "unauthorized");
        assert_eq!(none.header("www-authenticate"), "Bearer", "{method} {path}");
        assert_eq!(
            none.body["message"],
            "Unable to parse access token or invite code"
        );
        let bad = api
            .send(request(method, &path, Some("Bearer x.y.z"), &body))
            .await;
        bad.refused(401, "unauthorized");
        let challenge = bad.header("www-authenticate");
        assert!(
            challenge.starts_with("Bearer error=\"invalid_token\", error_description=\""),
            "{method} {path}: {challenge}"
        );
    }
}

async fn ids_must_parse_everywhere(api: &Api) {
    let alice = api.person("alice").await;
    let token = format!("Bearer {}", alice.access_token);
    for described in Described::all() {
        let (method, path) = (&*described.method, described.path_with("none"));
        // A person whose mail program broke a link reads a page.
        let is_page = path.starts_with("/v1/mail/");
        if path == described.path || path.contains("/services/") || is_page {
            continue;
        }
        let body = if described.takes_json() {
            json!({})
        } else {
            Value::Null
        };
        let answer = api.send(request(method, &path, Some(&token), &body)).await;
        answer.refused(400, "bad_request");
    }
}

async fn bodies_are_refused_alike_everywhere(api: &Api) {
    let alice = api.person("alice").await;
    let token = format!("Bearer {}", alice.access_token);
    for described in Described::all() {
        let is_service = described.path.contains("/services/");
        if !described.takes_json() || is_service || described.path.contains("/start") {
            continue;
        }
        let path = described.path_with(NOBODY);
        api.refuses_bad_bodies(Some(&token), &described.method, &path)
            .await;
    }
}
