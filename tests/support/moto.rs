//! A real S3 server: moto (tests/requirements.txt) as a child process.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use colloquy::{
    config::{AssetSettings, AssetStoreKind, S3},
    secrets::Secret,
};
use tokio::time::{Instant, sleep};
use url::Url;

use super::ports;

/// A Python with the packages of tests/requirements.txt; `./test` sets it.
const PYTHON: &str = "COLLOQUY_TEST_PYTHON";

const BUCKET: &str = "colloquy";

/// From the start of the process until it answers, also while the whole test suite runs.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// Contents are removed behind the answer.
const REMOVAL_DEADLINE: Duration = Duration::from_secs(20);

const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// S3 with one empty bucket; gone when this is dropped.
pub struct Moto {
    child: Child,
    url: String,
}

impl Moto {
    pub async fn start() -> Self {
        let python = std::env::var(PYTHON).unwrap_or_else(|_| {
            panic!("{PYTHON} is not set: run the tests by ./test, which installs what they need")
        });
        let port = ports::free();
        let child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a Python");
        let moto = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        moto.make_bucket().await;
        moto
    }

    /// Settings of a server that keeps its assets here.
    pub fn settings(&self) -> AssetSettings {
        s3_at(&self.url, BUCKET)
    }

    /// Names of all objects.
    pub async fn objects(&self) -> Vec<String> {
        let listed = self.ask("?list-type=2").await;
        let mut names = between(&listed, "<Key>", "</Key>");
        // The one that tells whose they are is no content.
        names.retain(|name| name != "database");
        names
    }

    /// Waits until there are so many objects.
    pub async fn wait_for_objects(&self, count: usize) {
        let deadline = Instant::now() + REMOVAL_DEADLINE;
        loop {
            let names = self.objects().await;
            if names.len() == count {
                return;
            }
            assert!(Instant::now() < deadline, "last seen: {names:?}");
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Ids of uploads that were neither completed nor aborted.
    pub async fn unfinished(&self) -> Vec<String> {
        let listed = self.ask("?uploads").await;
        between(&listed, "<UploadId>", "</UploadId>")
    }

    async fn ask(&self, query: &str) -> String {
        let url = format!("{}/{BUCKET}{query}", self.url);
        let answer = reqwest::get(url).await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.text().await.expect("a text")
    }

    async fn make_bucket(&self) {
        let deadline = Instant::now() + START_DEADLINE;
        let client = reqwest::Client::new();
        loop {
            let asked = client.put(format!("{}/{BUCKET}", self.url)).send().await;
            let reason = match asked {
                Ok(answer) if answer.status().is_success() => return,
                Ok(answer) => answer.status().to_string(),
                Err(error) => error.to_string(),
            };
            assert!(Instant::now() < deadline, "S3 does not answer: {reason}");
            sleep(LOOK_INTERVAL).await;
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself; nobody is left behind either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Settings for a store at this URL, which need not be there.
pub fn s3_at(url: &str, bucket: &str) -> AssetSettings {
    AssetSettings {
        store: AssetStoreKind::S3,
        s3: S3 {
            endpoint: Some(Url::parse(url).expect("a URL")),
            bucket: Some(bucket.to_owned()),
            access_key_id: Some("key".to_owned()),
            secret_access_key: Some(Secret::new("secret")),
            request_secs_max: 20,
            ..S3::default()
        },
        ..AssetSettings::default()
    }
}

fn between(text: &str, start: &str, end: &str) -> Vec<String> {
    let pieces = text.split(start).skip(1);
    pieces
        .filter_map(|piece| piece.split(end).next())
        .map(str::to_owned)
        .collect()
}
