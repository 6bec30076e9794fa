//! Class and restart at a real server that counts by address: behind a proxy, as its settings say, with the stand-alone
//! development issuer.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
};

use tempfile::TempDir;

use super::{ports, run::drive_at};

/// The server's binary lies beside the load tester's. Whoever builds the tests of this package alone has to build it, too.
fn server_binary() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_colloquy-loadtest")).with_file_name("colloquy");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build` first",
        path.display()
    );
    path
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(server_binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COLLOQUY_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .env("COLLOQUY_DATA_DIR", folder.join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// What stands behind a name in the greeting of a process that is ready.
fn greeting(output: &mut BufReader<ChildStdout>, name: &str) -> Option<String> {
    let mut lines = output.lines().map(|line| line.unwrap());
    lines.find_map(|line| {
        let (found, value) = line.trim().split_once(' ')?;
        (found == name).then(|| value.trim().to_owned())
    })
}

/// Issuer and server. The server is started again whenever it ends, as a supervisor does.
struct Installation {
    url: String,
    pid: Arc<Mutex<u32>>,
    stopping: Arc<AtomicBool>,
    supervisor: Option<JoinHandle<()>>,
    issuer: Child,
    _folder: TempDir,
}

impl Installation {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut issuer = command(folder.path());
        issuer.args(["dev-issuer", "--listen", "127.0.0.1:0"]);
        let mut issuer = issuer.spawn().unwrap();
        let mut output = BufReader::new(issuer.stdout.take().unwrap());
        let authority = greeting(&mut output, "Authority").expect("an issuer that starts");

        let mut server = command(folder.path());
        server
            .env("COLLOQUY_OIDC__AUTHORITY", authority)
            .env("COLLOQUY_HTTP__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#);
        let (child, url) = begin(&mut server);
        let pid = Arc::new(Mutex::new(child.id()));
        let stopping = Arc::new(AtomicBool::new(false));
        let supervisor = std::thread::spawn({
            let (pid, stopping) = (Arc::clone(&pid), Arc::clone(&stopping));
            move || supervise(server, child, &pid, &stopping)
        });
        Self {
            url,
            pid,
            stopping,
            supervisor: Some(supervisor),
            issuer,
            _folder: folder,
        }
    }

    fn pid(&self) -> u32 {
        *self.pid.lock().unwrap()
    }
}

/// Starts the server at a free port, which it keeps when the same command is run again.
fn begin(server: &mut Command) -> (Child, String) {
    loop {
        let address = format!("127.0.0.1:{}", ports::free());
        let mut child = server.env("COLLOQUY_HTTP__LISTEN", &address).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // Another process may have taken the port since it was looked at: then the server says nothing.
        if let Some(url) = greeting(&mut output, "Server") {
            return (child, url);
        }
        child.wait().unwrap();
    }
}

fn supervise(mut server: Command, mut child: Child, pid: &Mutex<u32>, stopping: &AtomicBool) {
    loop {
        child.wait().unwrap();
        if stopping.load(Relaxed) {
            return;
        }
        child = server.stdout(Stdio::null()).spawn().unwrap();
        *pid.lock().unwrap() = child.id();
    }
}

fn kill(pid: u32) {
    // It may have ended by itself.
    let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.stopping.store(true, Relaxed);
        kill(self.pid());
        if let Some(supervisor) = self.supervisor.take() {
            // A panic of its own was reported.
            let _ = supervisor.join();
        }
        let _ = self.issuer.kill();
        let _ = self.issuer.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_behind_one_address_is_inside_in_time() {
    let installation = Installation::start();
    let options = ["--scenario", "class", "--participants", "31", "--spread", "0"];
    let run = drive_at(&installation.url, &options).await;
    run.assert_passed();
    assert_eq!(run.report["joins"]["count"], 31);
    assert!(run.figure("/figures/all_in_after_secs") <= 60.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_behind_one_address_survives_a_crash() {
    let installation = Installation::start();
    let command = format!("kill -KILL {}", installation.pid());
    let options = [
        "--scenario",
        "restart",
        "--rooms",
        "5",
        "--participants",
        "4",
        "--restart-command",
        &command,
    ];
    let run = drive_at(&installation.url, &options).await;
    run.assert_passed();
    assert_eq!(run.report["joins"]["count"], 20);
    assert_eq!(run.report["flows"]["returns"]["count"], 20);
    assert!(run.figure("/figures/all_back_after_secs") <= 60.0);
}

/// At a server that is not told to believe this machine the run would count nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_proxies_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, url) = begin(&mut command(folder.path()));
    let run = drive_at(&url, &["--scenario", "class", "--participants", "3"]).await;
    kill(child.id());
    child.wait().unwrap();
    assert_eq!(run.output.status.code(), Some(2), "{}", run.text());
    assert!(run.text().contains("http.trusted_proxies"), "{}", run.text());
}
