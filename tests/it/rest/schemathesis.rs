//! Schemathesis tries every operation with odd, wrong and right requests that it makes from the API's description.
//! `tests/schemathesis.toml` says how, and holds the exceptions with their reasons.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::json;

use crate::{
    databases::Kind,
    support::{meeting::Meeting, server::Server},
};

/// Limits that are not what is tried.
const RAISED: [(&str, &str); 7] = [
    ("COLLOQUY_HTTP__WRITES_PER_SECOND", "0"),
    ("COLLOQUY_QUOTAS__ROOMS_MAX", "0"),
    ("COLLOQUY_QUOTAS__EVENTS_MAX", "0"),
    ("COLLOQUY_QUOTAS__INVITES_PER_ROOM_MAX", "0"),
    ("COLLOQUY_SIGNALING__SESSIONS_PER_USER_MAX", "1000000"),
    ("COLLOQUY_SIGNALING__SESSIONS_PER_ADDRESS_MAX", "1000000"),
    ("COLLOQUY_SIGNALING__TICKETS_PER_ADDRESS_PER_SECOND", "1000000"),
];

/// Runs it until its end, in a folder of its own for what it leaves behind.
fn run(address: &str, authorization: &str) -> Output {
    let python = std::env::var("COLLOQUY_TEST_PYTHON")
        .expect("COLLOQUY_TEST_PYTHON: run the tests by ./test, which installs it");
    let program = Path::new(&python).with_file_name("schemathesis");
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    let folder = tempfile::tempdir().expect("a folder");
    Command::new(program)
        .arg("--config-file")
        .arg(configuration)
        .args(["run", "--no-color", "--header"])
        .arg(format!("Authorization: {authorization}"))
        .arg(format!("http://{address}/v1/openapi.json"))
        .current_dir(folder.path())
        .output()
        .expect("Schemathesis")
}

/// As whoever has this header: nothing is found, and the server has had nothing to complain about either.
async fn finds_nothing(server: Server, authorization: String) {
    let address = server.address();
    let output = tokio::task::spawn_blocking(move || run(&address, &authorization)).await;
    let output = output.expect("an end");
    let report = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}\n{errors}");
    // A run that tried nothing would succeed too.
    let generated = report
        .lines()
        .find_map(|line| line.trim().split_once(" generated"));
    let count = generated.and_then(|(count, _)| count.parse::<u32>().ok());
    assert!(count > Some(500), "{report}");
    let log = server.log();
    let broken: Vec<_> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    server.finish().await;
}

async fn server(kind: Kind) -> Server {
    Server::start_with(kind, &RAISED).await
}

async fn finds_nothing_as(name: &str, kind: Kind) {
    let server = server(kind).await;
    let someone = server.anonymous().log_in(name).await;
    let authorization = someone.authorization().expect("a token").to_owned();
    finds_nothing(server, authorization).await;
}

#[tokio::test]
async fn finds_nothing_as_alice() {
    finds_nothing_as("alice", Kind::Sqlite).await;
}

#[tokio::test]
async fn finds_nothing_as_bob() {
    finds_nothing_as("bob", Kind::Postgres).await;
}

#[tokio::test]
async fn finds_nothing_as_a_guest() {
    let server = server(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    finds_nothing(server, format!("InviteCode {}", meeting.invite_code)).await;
}
