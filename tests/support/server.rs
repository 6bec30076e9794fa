//! The real binary as a child process: it can be killed, stopped and started again.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colloquy::{
    assets::{Assets, ORPHAN_AGE, Objects, Orphans},
    config,
    store::Db,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{binary::without_settings, ports, postgres::PostgresDatabase, rest::Rest};
use crate::databases::Kind;

/// From the start of the process until it is ready, also while the whole test suite runs.
const START_DEADLINE: Duration = Duration::from_mins(1);
/// From SIGTERM to the end of the process: the server promises this.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// From the end of the clients until the server has closed their connections too: it may wait for their close frames.
const CONNECTIONS_DEADLINE: Duration = Duration::from_secs(20);
/// Between two looks at a process.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// Lines of the server's log that a failed test shows.
const LOG_LINES_SHOWN: usize = 100;

/// A server with a data folder and a database of its own.
pub struct Server {
    port: u16,
    folder: TempDir,
    database: Option<PostgresDatabase>,
    /// More variables for the process.
    environment: Vec<(String, String)>,
    /// Whether it goes on when a file must not grow, see [`Server::limit_files`].
    survives_full_disks: bool,
    child: Mutex<Option<Child>>,
}

impl Server {
    /// A fresh server with default settings, ready.
    pub async fn start(kind: Kind) -> Self {
        Self::start_with(kind, &[]).await
    }

    /// A fresh server with these settings, such as `("COLLOQUY_ROOMS__GRACE_SECS", "1")`; `{port}` stands for its port.
    pub async fn start_with(kind: Kind, environment: &[(&str, &str)]) -> Self {
        Self::start_as(kind, environment, false).await
    }

    /// A fresh server whose disk can be made full.
    pub async fn start_on_a_small_disk(kind: Kind) -> Self {
        Self::start_as(kind, &[], true).await
    }

    async fn start_as(kind: Kind, environment: &[(&str, &str)], survives_full_disks: bool) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut server = Self {
            port: ports::free(),
            folder: tempfile::tempdir().expect("a folder"),
            database: match kind {
                Kind::Sqlite => None,
                Kind::Postgres => Some(PostgresDatabase::create().await),
            },
            environment: environment.iter().map(own).collect(),
            survives_full_disks,
            child: Mutex::new(None),
        };
        // Another process may have taken the port since it was looked at.
        while !server.run().await {
            server.port = ports::free();
        }
        server
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A client without authorisation.
    pub fn anonymous(&self) -> Rest {
        Rest::anonymous(&format!("http://{}", self.address()))
    }

    /// Where the server keeps journals, keys and the SQLite file.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where the server keeps rooms and people.
    pub fn database(&self) -> config::Database {
        config::Database {
            url: self.database.as_ref().map(|database| database.url.to_string()),
            ..config::Database::default()
        }
    }

    /// What the server has logged so far, over all its starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Lines of the log that an operator has to look at; not those that a busy machine alone brings about, or time.
    pub fn warnings(&self) -> Vec<String> {
        let is_bad = |line: &&str| {
            matches!(line.split_whitespace().nth(1), Some("WARN" | "ERROR"))
                && !line.contains("sqlx::query: slow statement")
                && !line.contains("the time zones' data are older than")
        };
        self.log().lines().filter(is_bad).map(str::to_owned).collect()
    }

    /// Ends the process as a crash of the machine's power would, except for the disk.
    pub fn kill9(&self) {
        let mut child = self.child().take().expect("a running server");
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }

    /// Asks the process to end and waits for it.
    pub async fn terminate(&self) -> ExitStatus {
        self.signal("TERM");
        self.end().await
    }

    /// Sends a signal such as `TERM` and does not wait for what comes of it.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let asked = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(asked.expect("kill(1)").success(), "no process {pid}");
    }

    /// Waits for the end of a process that was asked to end.
    pub async fn end(&self) -> ExitStatus {
        let mut child = self.child().take().expect("a running server");
        let deadline = Instant::now() + STOP_DEADLINE;
        loop {
            if let Some(status) = child.try_wait().expect("a status") {
                return status;
            }
            if Instant::now() > deadline {
                child.kill().expect("a kill");
                child.wait().expect("an end");
                panic!("the server did not end within {STOP_DEADLINE:?} after SIGTERM");
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Starts another server on the same data folder, at a port of its own, and leaves the rest to the test.
    pub fn spawn_second(&self) -> (Child, String) {
        let address = format!("127.0.0.1:{}", ports::free());
        (self.spawn_at(&address), address)
    }

    /// Starts another server with these settings beside its own, in a folder of its own; what it says before it ends.
    pub async fn run_beside(&self, environment: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = self.command();
        command
            .args(["--listen", &format!("127.0.0.1:{}", ports::free()), "--data-dir"])
            .arg(folder.path().join("data"))
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .expect("a process");
        let ended = tokio::time::timeout(START_DEADLINE, child.wait()).await;
        ended.expect("it goes on").expect("a status");
        let output = child.wait_with_output().await.expect("its output");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// Runs a subcommand on the data of this server, beside it.
    pub fn invoke(&self, arguments: &[&str]) -> Output {
        let mut command = self.command();
        command.args(arguments).arg("--data-dir").arg(self.data_dir());
        command.output().expect("a process")
    }

    /// Waits until the log, over all starts, says something for the `times`th time.
    pub async fn wait_for_log(&self, text: &str, times: usize) {
        let deadline = Instant::now() + START_DEADLINE;
        while self.log().matches(text).count() < times {
            assert!(Instant::now() < deadline, "the log does not say `{text}`");
            sleep(LOOK_INTERVAL).await;
        }
    }

    pub fn pid(&self) -> u32 {
        self.child().as_ref().expect("a running server").id()
    }

    /// Memory that the process has in use, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok())
            .expect("a number of kB")
            * 1024
    }

    /// Lets no file of the process grow any more, as on a full disk; or lets them grow again.
    pub fn limit_files(&self, is_full: bool) {
        let limit = if is_full { "0" } else { "unlimited" };
        let done = Command::new("prlimit")
            .args(["--pid", &self.pid().to_string()])
            .arg(format!("--fsize={limit}:unlimited"))
            .status();
        assert!(done.expect("prlimit").success(), "prlimit");
    }

    /// Descriptors that the process has open.
    pub fn open_files(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.pid()));
        files.expect("a process").count()
    }

    /// Waits until no client is connected, as the system sees it: the server has closed its sides too.
    pub async fn wait_for_the_last_connection(&self) {
        let deadline = Instant::now() + CONNECTIONS_DEADLINE;
        loop {
            let open = self.connections();
            if open.is_empty() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "connections are left behind (local, remote, state): {open:?}"
            );
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// The server's ends of connections that are open or that only the client has closed.
    fn connections(&self) -> Vec<String> {
        const ESTABLISHED: &str = "01";
        const CLOSE_WAIT: &str = "08";
        let own = format!(":{:04X}", self.port);
        let table = std::fs::read_to_string("/proc/net/tcp").expect("the table of connections");
        let rows = table.lines().filter_map(|line| {
            let [_, local, remote, state, ..] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                return None;
            };
            let open = local.ends_with(&own) && [ESTABLISHED, CLOSE_WAIT].contains(&state);
            open.then(|| format!("{local} {remote} {state}"))
        });
        rows.collect()
    }

    /// Starts the stopped or killed server again: same folder, same database, same port.
    pub async fn restart(&self) {
        assert!(self.child().is_none(), "the server still runs");
        let deadline = Instant::now() + START_DEADLINE;
        while !self.run().await {
            assert!(
                Instant::now() < deadline,
                "somebody else keeps port {}",
                self.port
            );
        }
    }

    /// The end of a test: the server stops in order.
    pub async fn finish(self) {
        if self.child().is_some() {
            let status = self.terminate().await;
            assert!(status.success(), "the server ended with {status}");
        }
    }

    /// [`Server::finish`]; no content lies without its row among the assets, and no row without its content.
    pub async fn finish_without_orphans(self) {
        if self.child().is_some() {
            self.terminate().await;
        }
        let config = config::Config::default();
        let db = Db::connect(&self.database(), &self.data_dir())
            .await
            .expect("a database");
        let objects = Objects::open(&config.outgoing, &config.assets, &self.data_dir());
        let assets = Assets::new(db, objects.expect("an asset store"), &config.assets);
        let later = chrono::Utc::now() + ORPHAN_AGE * 2;
        let found = assets.find_orphans(later).await.expect("an answer");
        assert_eq!(found, Orphans::default());
    }

    /// Starts the process and waits until it is ready; false when somebody else has the port.
    async fn run(&self) -> bool {
        let logged_before = self.log().len();
        *self.child() = Some(self.spawn());
        let deadline = Instant::now() + START_DEADLINE;
        let client = reqwest::Client::new();
        let url = format!("http://{}/health/ready", self.address());
        loop {
            let ended = self
                .child()
                .as_mut()
                .and_then(|child| child.try_wait().expect("a status"));
            if let Some(status) = ended {
                *self.child() = None;
                let log = self.log();
                if log[logged_before..]
                    .to_lowercase()
                    .contains("address already in use")
                {
                    return false;
                }
                panic!("the server ended with {status} at its start");
            }
            let reason = match client.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => return true,
                Ok(answer) => format!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
                Err(error) => error.to_string(),
            };
            assert!(Instant::now() < deadline, "the server is not ready: {reason}");
            sleep(LOOK_INTERVAL).await;
        }
    }

    fn spawn(&self) -> Child {
        self.spawn_at(&self.address())
    }

    fn spawn_at(&self, address: &str) -> Child {
        self.command()
            .args(["--listen", address, "--data-dir"])
            .arg(self.data_dir())
            .stdout(self.log_file())
            .stderr(self.log_file())
            .spawn()
            .expect("a process")
    }

    /// The binary with the settings of this server.
    fn command(&self) -> Command {
        let binary = env!("CARGO_BIN_EXE_colloquy");
        let mut command = without_settings(if self.survives_full_disks {
            // What the shell ignores, its successor ignores: by default the signal of a file that is too large kills.
            let mut shell = Command::new("sh");
            shell.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#, binary]);
            shell
        } else {
            Command::new(binary)
        });
        if let Some(database) = &self.database {
            command.env("COLLOQUY_DATABASE__URL", database.url.as_str());
        }
        let port = self.port.to_string();
        command
            .env("COLLOQUY_LOG__LEVEL", "info,colloquy=debug")
            .env("COLLOQUY_RECORDING__HAND_OUT", "true")
            .envs(
                self.environment
                    .iter()
                    .map(|(name, value)| (name, value.replace("{port}", &port))),
            )
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn log_file(&self) -> File {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        options.open(self.log_path()).expect("a log file")
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child().take() {
            // It may have ended by itself; nobody is left behind either way.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!("--- end of the server's log\n{}\n---", shown.join("\n"));
        }
    }
}
