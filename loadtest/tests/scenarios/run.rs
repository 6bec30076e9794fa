//! Runs the load tester's binary.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use serde_json::Value;

use super::mock::Mock;

pub struct Run {
    pub output: Output,
    pub report: Value,
}

pub fn command(mock: &Mock, json: &Path, options: &[&str]) -> Command {
    command_at(&format!("http://{}", mock.address), json, options)
}

fn command_at(url: &str, json: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colloquy-loadtest"));
    command
        .args(["--url", url, "--json"])
        .arg(json)
        .args(options)
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub async fn drive(mock: &Arc<Mock>, options: &[&str]) -> Run {
    drive_at(&format!("http://{}", mock.address), options).await
}

/// The same at any server.
pub async fn drive_at(url: &str, options: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let mut command = command_at(url, &json, options);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let report = std::fs::read(json).map(|text| serde_json::from_slice(&text).unwrap());
    Run {
        output,
        report: report.unwrap_or_default(),
    }
}

impl Run {
    pub fn text(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        text(&self.output.stdout) + &text(&self.output.stderr)
    }

    pub fn count(&self, name: &str) -> u64 {
        let count = self.report[name].as_u64();
        count.unwrap_or_else(|| panic!("no {name}: {}\n{}", self.report, self.text()))
    }

    /// A number anywhere in the report.
    pub fn figure(&self, pointer: &str) -> f64 {
        let figure = self.report.pointer(pointer).and_then(Value::as_f64);
        figure.unwrap_or_else(|| panic!("no {pointer}: {}\n{}", self.report, self.text()))
    }

    #[track_caller]
    pub fn assert_passed(&self) {
        assert_eq!(self.output.status.code(), Some(0), "{}", self.text());
        assert_eq!(self.report["passed"], true);
    }

    /// Asserts that the run failed; answers its errors.
    #[track_caller]
    pub fn assert_failed(&self) -> &Value {
        assert_eq!(self.output.status.code(), Some(1), "{}", self.text());
        assert_eq!(self.report["passed"], false);
        &self.report["errors"]
    }
}
