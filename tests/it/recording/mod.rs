//! `/v1/services/recording`.

mod hand_out;
mod large;
mod start;
mod upload;
mod upload_ends;

use serde_json::Value;

use crate::support::{meeting::Meeting, rest::Rest};

/// The query of an upload into this meeting's room.
pub fn query(meeting: &Meeting) -> String {
    format!(
        "room_id={}&file_extension=mkv&timestamp=2025-01-31T14:05:09Z",
        meeting.room
    )
}

/// The assets of the meeting's room.
pub async fn listed(meeting: &Meeting) -> Vec<Value> {
    let listed = meeting.alice.get(&meeting.path("/assets")).await.expect(200);
    listed.as_array().expect("a list").clone()
}

/// The content of an asset.
pub async fn content(who: &Rest, meeting: &Meeting, asset: &Value) -> Vec<u8> {
    let id = asset["id"].as_str().expect("an id");
    let path = meeting.path(&format!("/assets/{id}"));
    let answer = who
        .request(reqwest::Method::GET, &path)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("a content").to_vec()
}
