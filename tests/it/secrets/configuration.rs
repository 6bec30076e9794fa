//! What is said about settings that are wrong: where and why, never what stands there.

use std::{fs, process::Output};

use tempfile::TempDir;

use crate::support::binary;

const SECRET: &str = "hunter2";

const AUTHORITY: (&str, &str) = ("COLLOQUY_OIDC__AUTHORITY", "https://id.example.org/realms/a");

/// Runs a command with `toml` as its configuration file.
fn run(arguments: &[&str], toml: &str, environment: &[(&str, &str)]) -> (Output, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("colloquy.toml"), toml).expect("a file");
    let mut command = binary::colloquy();
    let output = command
        .args(arguments)
        .arg("--data-dir")
        .arg(folder.path().join("data"))
        .envs(environment.iter().copied())
        .current_dir(folder.path())
        .output();
    (output.expect("a process"), folder)
}

/// Everything that the command says, which has no secret in it.
#[track_caller]
fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat();
    assert!(!text.to_lowercase().contains("hunter"), "{text}");
    text
}

#[track_caller]
fn refused(toml: &str, environment: &[(&str, &str)]) -> String {
    let mut last = String::new();
    for arguments in [&["config", "check"][..], &["serve"], &["migrate"]] {
        let (output, _folder) = run(arguments, toml, environment);
        last = said(&output);
        assert_eq!(output.status.code(), Some(1), "{toml} {environment:?}: {last}");
    }
    last
}

#[test]
fn variables_that_do_not_parse() {
    for (variable, value) in [
        (
            "COLLOQUY_TURN__SERVERS",
            r#"[{"uris": ["turn:t"], "secret": "hunter2"}"#,
        ),
        (
            "COLLOQUY_TURN__SERVERS",
            r#"[{"uris": ["turn:t"], "secret": ["hunter2"]}]"#,
        ),
        ("COLLOQUY_TURN__SERVERS", "hunter2"),
        ("COLLOQUY_TURN", r#"{servers = "hunter2"}"#),
        ("COLLOQUY_LIVEKIT", r#"{api_secret = "hunter2""#),
        ("COLLOQUY_LIVEKIT", r#"{api_secret = {"hunter2" = 1}}"#),
        ("COLLOQUY_LIVEKIT", r#"["hunter2"]"#),
        ("COLLOQUY_MAIL", "password = hunter2"),
        ("COLLOQUY_OIDC__USER_SEARCH", r#"{client_secret = ["hunter2"]}"#),
        ("COLLOQUY_ASSETS__S3", r#"{"secret_access_key": "hunter2"#),
        ("COLLOQUY_ETHERPAD", r#"{api_key = "hunter2""#),
        ("COLLOQUY_WHITEBOARD", r#"{api_key = ["hunter2"]}"#),
        ("COLLOQUY_SHARED_FOLDER__URL", "cloud.example.org:hunter2@x"),
        ("COLLOQUY_OIDC__AUTHORITY", "//user:hunter2@id.example.org"),
        (
            "COLLOQUY_OUTGOING__PROXY",
            "http://user:hunter2@proxy.example.org:3128",
        ),
        (
            "COLLOQUY_DEV_ISSUER__USERS",
            r#"[{username = "dora", password = "hunter2""#,
        ),
        ("COLLOQUY_DATABASE__URL", "mysql://user:hunter2@db.example.org/x"),
        (
            "COLLOQUY_DATABASE__URL",
            "postgres://u@127.0.0.1/db?pasword=hunter2",
        ),
        ("COLLOQUY_DATABASE__URL", "postgres://u:hunter2/x@127.0.0.1/db"),
    ] {
        let said = refused("", &[(variable, value)]);
        assert!(said.contains(variable), "{variable}={value}: {said}");
    }
}

#[test]
fn files_that_do_not_parse() {
    for (toml, place) in [
        ("[livekit]\napi_secret = \"hunter2\n", "line 2"),
        ("[livekit]\napi_secret = hunter2\n", "line 2"),
        ("[livekit]\napi_secret = 'hunter2' 'x'\n", "line 2"),
        ("[livekit]\napi_secret = 'a'\napi_secret = 'hunter2'\n", "line 3"),
        ("[livekit]\napi_secret = ['hunter2']\n", ":2: livekit.api_secret"),
        (
            "[livekit]\napi_secret = {a = 'hunter2'}\n",
            ":2: livekit.api_secret",
        ),
        ("[mail]\npassword = ['hunter2']\n", ":2: mail.password"),
        (
            "[turn]\nservers = [{uris = ['turn:t'], secret = {a = 'hunter2'}}]\n",
            ":2: turn.servers.0.secret",
        ),
        ("turn = 'hunter2'\n", ":1: turn"),
    ] {
        let said = refused(toml, &[]);
        assert!(said.contains(place), "{toml}: {said}");
    }
    // A number is a secret as well.
    for toml in [
        "[livekit]\napi_secret = 9182736450\n",
        "[database]\nurl = 9182736450\n",
        "[turn]\nservers = [{uris = ['turn:t'], secret = 9182736450}]\n",
    ] {
        let said = refused(toml, &[]);
        assert!(
            said.contains(":2: ") && !said.contains("9182736450"),
            "{toml}: {said}"
        );
    }
}

#[test]
fn rules_that_do_not_hold() {
    for (toml, key) in [
        (
            "[livekit]\napi_secret = 'changeme-hunter2'\n",
            "livekit.api_secret",
        ),
        (
            "[database]\nurl = 'postgres://u:changeme-hunter2@localhost/x'\n",
            "database.url",
        ),
        (
            "[mail]\nuser = 'a'\npassword = 'changeme-hunter2'\n",
            "mail.password",
        ),
        (
            "[livekit]\napi_secret = 'hunter2'\napi_secret_file = '/nowhere'\n",
            "livekit.api_secret_file",
        ),
        (
            "[livekit]\nservice_url = 'http://u:hunter2@livekit.example.org'\n",
            "livekit.service_url",
        ),
        (
            "[turn]\nservers = [{uris = ['turn:t'], secret = 'hunter2', secret_file = '/nowhere'}]\n",
            "turn.servers.0.secret_file",
        ),
    ] {
        let said = refused(toml, &[]);
        assert!(said.contains(key), "{toml}: {said}");
    }
}

#[test]
fn what_is_weak_is_told_and_does_no_harm() {
    let toml = "[livekit]\napi_secret = 'hunter2'\n[turn]\nservers = [{uris = ['turn:t'], secret = 'hunter2'}]\n\
                [database]\nurl = 'postgres://u:hunter2@db.example.org/x'\n";
    let (output, _folder) = run(&["config", "check"], toml, &[AUTHORITY]);
    assert!(output.status.success(), "{output:?}");
    let said = said(&output);
    for key in ["livekit.api_secret", "turn.servers.0.secret", "database.url"] {
        let told = said
            .lines()
            .any(|line| line.starts_with("warning: ") && line.contains(&format!(" {key}: ")));
        assert!(told, "{key}: {said}");
    }
    assert!(said.ends_with("ok\n"), "{said}");
}

#[cfg(unix)]
#[test]
fn the_mode_of_the_file_is_looked_at() {
    use std::os::unix::fs::PermissionsExt as _;

    for (toml, mode, is_told) in [
        ("[livekit]\napi_secret = 'hunter2'\n", 0o644, true),
        ("[livekit]\napi_secret = 'hunter2'\n", 0o640, false),
        ("[livekit]\napi_key = 'x'\n", 0o644, false),
        // Whoever writes to it has the server in hand.
        ("[livekit]\napi_key = 'x'\n", 0o664, true),
        ("[livekit]\napi_key = 'x'\n", 0o646, true),
        ("[livekit]\napi_secret = 'hunter2'\n", 0o660, true),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.toml");
        fs::write(&path, toml).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        let file = path.to_str().expect("a path");
        let (output, _folder) = run(&["config", "check", "--config", file], "", &[]);
        assert!(output.status.success(), "{output:?}");
        let said = said(&output);
        assert_eq!(said.contains("warning: "), is_told, "{mode:o} {toml}");
        assert_eq!(said.contains("write to it"), mode & 0o022 != 0, "{mode:o} {said}");
    }
}

#[test]
fn a_database_that_can_not_be_reached() {
    // Nobody listens at port 1.
    let url = format!("postgres://colloquy:{SECRET}@127.0.0.1:1/colloquy");
    let environment = [
        ("COLLOQUY_DATABASE__URL", &*url),
        ("COLLOQUY_LOG__LEVEL", "trace"),
    ];
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["migrate"],
        &["users", "list"],
    ] {
        let (output, _folder) = run(arguments, "", &environment);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        said(&output);
    }
}

#[cfg(unix)]
#[test]
fn lines_of_a_broken_password_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pgpass");
    fs::write(&path, format!("127.0.0.1:1:{SECRET}\n")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    let environment = [
        (
            "COLLOQUY_DATABASE__URL",
            "postgres://colloquy@127.0.0.1:1/colloquy",
        ),
        ("COLLOQUY_LOG__LEVEL", "trace"),
        ("PGPASSFILE", path.to_str().expect("a path")),
    ];
    let (output, _folder) = run(&["serve", "--listen", "127.0.0.1:0"], "", &environment);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    said(&output);
}
