//! `/v1/rooms/…` where the live core takes part.

mod delete;
mod guessing;
mod guest_access;
mod invited;
mod limits;
mod locked_out;
mod proxied;
mod start;
mod start_invited;
mod strangers;
mod tickets;
mod web_origins;

use reqwest::Method;
use serde_json::json;

use crate::support::{
    quiet::Quiet,
    rest::{Rest, receive},
};

/// Nobody has this id.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// What is no JSON object of an acceptable size; clients repeat a 422 for ever, so none of it is one.
pub async fn refuses_what_is_no_body(who: &Rest, path: &str) {
    let large = json!({"resumption": "x".repeat(70_000)}).to_string();
    for (content_type, text, status, code) in [
        ("application/json", "", 400, "invalid_json"),
        ("application/json", "{", 400, "invalid_json"),
        ("application/json", "{} {}", 400, "invalid_json"),
        ("application/json", "{\"resumption\": 1", 400, "invalid_json"),
        ("application/json", "null", 400, "bad_request"),
        ("application/json", "[]", 400, "bad_request"),
        ("application/json", "\"x\"", 400, "bad_request"),
        ("application/json", &large, 413, "payload_too_large"),
        ("text/plain", "{}", 415, "unsupported_media_type"),
    ] {
        let request = who.request(Method::POST, path);
        let request = request.header("content-type", content_type).body(text.to_owned());
        let name = format!("POST {path} with {text:.20?}");
        receive(request, name).await.expect_error(status, code);
    }
}
