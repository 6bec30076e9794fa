//! Uploads, downloads, and what lies in the folder of the assets.

use std::{path::Path, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, header::CONTENT_LENGTH},
};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    answer::Answer,
    api::{Api, Person, request},
};

/// Contents are removed behind the answer.
const DEADLINE: Duration = Duration::from_secs(20);

/// The answer to a download.
pub struct Download {
    pub status: u16,
    pub content: Vec<u8>,
    headers: HeaderMap,
}

impl Download {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }
}

impl Api {
    pub async fn upload(&self, who: &Person, room: &str, query: &str, content: &str) -> Answer {
        let body = Body::from(content.to_owned());
        self.upload_with(who, room, query, body, Some(content.len()))
            .await
    }

    /// An upload that does not say how long it is.
    pub async fn upload_stream(&self, who: &Person, room: &str, query: &str, body: Body) -> Answer {
        self.upload_with(who, room, query, body, None).await
    }

    /// An upload that says that so much will come, of which nothing comes.
    pub async fn announced(&self, who: &Person, room: &str, query: &str, length: u64) -> Answer {
        let path = format!("/v1/rooms/{room}/assets?{query}");
        let bearer = format!("Bearer {}", who.access_token);
        let mut request = request("POST", &path, Some(&bearer), &Value::Null);
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
        self.send(request).await
    }

    async fn upload_with(
        &self,
        who: &Person,
        room: &str,
        query: &str,
        body: Body,
        length: Option<usize>,
    ) -> Answer {
        let path = format!("/v1/rooms/{room}/assets?{query}");
        let bearer = format!("Bearer {}", who.access_token);
        let mut request = request("POST", &path, Some(&bearer), &Value::Null);
        if let Some(length) = length {
            request.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        *request.body_mut() = body;
        self.send(request).await
    }

    pub async fn download(
        &self,
        who: &Person,
        room: &str,
        asset: &Value,
        headers: &[(&'static str, &str)],
    ) -> Download {
        self.fetch("GET", who, room, asset, headers).await
    }

    pub async fn head(&self, who: &Person, room: &str, asset: &Value) -> Download {
        self.fetch("HEAD", who, room, asset, &[]).await
    }

    async fn fetch(
        &self,
        method: &str,
        who: &Person,
        room: &str,
        asset: &Value,
        headers: &[(&'static str, &str)],
    ) -> Download {
        let path = format!("/v1/rooms/{room}/assets/{}", asset["id"].as_str().expect("an id"));
        let bearer = format!("Bearer {}", who.access_token);
        let mut request = request(method, &path, Some(&bearer), &Value::Null);
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, value.parse().expect("a header"));
        }
        let (parts, body) = self.begin(request).await.into_parts();
        Download {
            status: parts.status.as_u16(),
            content: body.collect().await.expect("a body").to_bytes().to_vec(),
            headers: parts.headers,
        }
    }

    /// Now, as it stands in file names.
    pub fn file_time(&self) -> String {
        let now = self.state.clock.now();
        now.format("%Y-%m-%d_%H-%M-%S-UTC").to_string()
    }

    /// Names of all files in the folder of the assets, unfinished ones too.
    pub fn contents(&self) -> Vec<String> {
        files(&self.database.folder.path().join("assets"))
    }

    /// Waits until exactly these contents are left.
    pub async fn wait_for_contents(&self, names: &[&str]) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = self.contents();
            if left == names {
                return;
            }
            assert!(Instant::now() < deadline, "still there: {left:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn no_contents(&self) {
        self.wait_for_contents(&[]).await;
    }

    /// Every room has an event under this title from now on.
    pub async fn give_every_room_an_event(&self, title: &str) {
        let insert = format!(
            "INSERT INTO events (id, tenant_id, room_id, created_by, created_at, updated_by, updated_at, title,
             description, is_adhoc, show_meeting_details)
             SELECT id, tenant_id, id, created_by, created_at, created_by, created_at, '{title}', '', FALSE, FALSE FROM rooms"
        );
        self.database.execute(&insert).await;
    }
}

/// Names of all files below a folder, sorted.
pub fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a kind").is_dir() {
                folders.push(entry.path());
            } else {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    // The one that tells whose they are is no content, nor is it while it is written.
    names.retain(|name| name.split('#').next() != Some("database"));
    names.sort();
    names
}
