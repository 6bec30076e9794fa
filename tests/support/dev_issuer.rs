//! The stand-alone development issuer as a process of its own.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use tempfile::TempDir;

use super::binary;

const LOG: &str = "issuer.log";

/// `colloquy dev-issuer` at a port of its own; it ends with this.
pub struct IssuerProcess {
    /// What servers have as their `oidc.authority`.
    pub authority: String,
    folder: TempDir,
    child: Child,
}

impl IssuerProcess {
    /// One with a folder of its own.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = folder.path().join("data");
        Self::spawn(folder, &data_dir)
    }

    /// One that keeps its files here.
    pub fn start_in(data_dir: &Path) -> Self {
        Self::spawn(tempfile::tempdir().expect("a folder"), data_dir)
    }

    fn spawn(folder: TempDir, data_dir: &Path) -> Self {
        let mut child = command(data_dir, folder.path())
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join(LOG)).expect("a log file"))
            .spawn()
            .expect("a process");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = output.lines().map(|line| line.expect("a line"));
        // The process says so when it answers, or ends, and with it the lines.
        let authority = lines.find_map(|line| {
            let (name, authority) = line.trim().split_once(' ')?;
            (name == "Authority").then(|| authority.trim().to_owned())
        });
        let authority = authority.expect("an issuer that starts");
        Self {
            authority,
            folder,
            child,
        }
    }

    /// What makes a server use it.
    pub fn environment(&self) -> (&'static str, &str) {
        ("COLLOQUY_OIDC__AUTHORITY", &self.authority)
    }

    /// Asks it to end by this signal, and waits for it.
    pub fn end_by(mut self, signal: &str) -> ExitStatus {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(asked.expect("kill(1)").success(), "no process {pid}");
        self.child.wait().expect("an end")
    }
}

impl Drop for IssuerProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join(LOG));
            eprintln!("--- the issuer's log\n{}\n---", log.unwrap_or_default());
        }
    }
}

/// The command, without the settings of whoever runs the tests.
pub fn command(data_dir: &Path, working_dir: &Path) -> Command {
    let mut command = binary::colloquy();
    command
        .arg("dev-issuer")
        .arg("--data-dir")
        .arg(data_dir)
        .current_dir(working_dir)
        .stdin(Stdio::null());
    command
}
