//! A real Redis as a process of its own.

use std::{
    fs::File,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep},
};

use super::ports;

/// From the start of the process until it answers.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// `redis-server`, with an append-only file; it ends with this.
pub struct RedisProcess {
    pub port: u16,
    is_clustered: bool,
    folder: TempDir,
    child: Mutex<Option<Child>>,
}

impl RedisProcess {
    pub async fn start() -> Self {
        Self::start_as(false).await
    }

    /// One that is to be part of a Redis Cluster.
    pub async fn start_clustered() -> Self {
        Self::start_as(true).await
    }

    async fn start_as(is_clustered: bool) -> Self {
        let this = Self {
            is_clustered,
            port: ports::free(),
            folder: tempfile::tempdir().expect("a folder"),
            child: Mutex::new(None),
        };
        this.run().await;
        this
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it again, with what it has written.
    pub async fn run(&self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("redis.log"));
        let child = Command::new("redis-server")
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
            ])
            .args([
                "--appendonly",
                "yes",
                "--appendfsync",
                "everysec",
                "--maxmemory-policy",
                "noeviction",
            ])
            .args(["--cluster-enabled", if self.is_clustered { "yes" } else { "no" }])
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.expect("a log file"))
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server (Debian: redis-server)");
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let deadline = Instant::now() + START_DEADLINE;
        while self.ask("PING").await.as_deref() != Some("+PONG\r\n") {
            assert!(Instant::now() < deadline, "Redis does not answer");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it answers to a command of a few words.
    pub async fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await.ok()?;
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer[..read]).into_owned())
    }

    /// Ends it at once.
    pub fn kill9(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut child = child.expect("a running Redis");
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }

    /// Stops it in the middle of whatever it does (`STOP`), or lets it go on (`CONT`).
    pub fn signal(&self, name: &str) {
        let pid = self
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(Child::id);
        let pid = pid.expect("a running Redis").to_string();
        let asked = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(asked.expect("kill(1)").success(), "no process {pid}");
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
