//! What the server answered, with the checks that every answer must pass.

use axum::{
    body::Body,
    http::{HeaderMap, Response, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::Value;

/// An answer with a JSON body, with a calendar or a page (a string), or with none (`Null`).
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else if ["text/calendar; charset=utf-8", "text/html; charset=utf-8"]
            .contains(&parts.headers["content-type"].to_str().expect("a kind"))
        {
            Value::String(String::from_utf8(bytes.to_vec()).expect("UTF-8"))
        } else {
            assert_eq!(
                parts.headers["content-type"], "application/json",
                "{}",
                parts.status
            );
            serde_json::from_slice(&bytes).expect("JSON")
        };
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// A refusal in the documented form.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), &self.body["code"]),
            (status, &Value::from(code)),
            "{}",
            self.body
        );
        assert!(
            self.body["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
        assert_eq!(self.headers.contains_key("www-authenticate"), status == 401);
        assert_eq!(
            self.body["validation_errors"].is_array(),
            code == "validation_failed"
        );
    }

    /// A refusal of exactly these fields, each as `<field> <code>`.
    #[track_caller]
    pub fn refused_fields(&self, expected: &[&str]) {
        self.refused(422, "validation_failed");
        let errors = self.body["validation_errors"].as_array().expect("a list");
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let found = errors
            .iter()
            .map(|error| format!("{} {}", text(&error["field"]), text(&error["code"])));
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// The links to other pages, without the time as of which they show a list.
    pub fn links(&self) -> String {
        let links = self.header("link").split("&as_of=").enumerate();
        let untimed = links.map(|(index, part)| match part.find(['&', '>']) {
            Some(end) if index > 0 => &part[end..],
            _ => part,
        });
        untimed.collect()
    }
}
