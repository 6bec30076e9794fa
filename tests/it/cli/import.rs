//! `colloquy config import` and `colloquy config check` on the file of another controller.

use std::{fs, path::Path, process::Output};

use crate::support::binary;

const THEIRS: &str = include_str!("../../../src/config/foreign/controller.toml");

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = binary::colloquy();
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("a process")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[test]
fn what_was_imported_is_checked_and_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    fs::write(file("controller.toml"), THEIRS).expect("a file");
    // What is here already does not matter.
    fs::write(file("colloquy.toml"), "nonsense = ").expect("a file");
    let imported = run(folder.path(), &["config", "import", "controller.toml"]);
    assert!(
        imported.status.success() && imported.stderr.is_empty(),
        "{imported:?}"
    );
    let printed = text(&imported.stdout);
    assert!(
        printed.starts_with("# Settings of Colloquy, made of controller.toml."),
        "{printed}"
    );
    for line in [
        "listen = \"[::]:8080\"",
        "authority = \"https://accounts.example.org/auth/realms/opentalk\"",
        "web_client_url = \"https://meet.example.org\"",
        "custom_display_names = false",
        "[assets.s3]",
        "# line 6: database.min_connections: connections are made when they are needed",
    ] {
        assert!(printed.lines().any(|one| one == line), "{line}: {printed}");
    }
    fs::write(file("colloquy.toml"), &imported.stdout).expect("a file");
    let checked = run(folder.path(), &["config", "check"]);
    assert!(checked.status.success(), "{checked:?}");
    assert!(text(&checked.stdout).ends_with("ok\n"), "{checked:?}");
}

#[test]
fn check_names_ours_for_theirs() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("controller.toml"), THEIRS).expect("a file");
    let checked = run(folder.path(), &["config", "check", "--config", "controller.toml"]);
    assert_eq!(checked.status.code(), Some(1));
    let told = text(&checked.stderr);
    for line in [
        "controller.toml:9: http.addr: unknown key; here it is http.listen",
        "controller.toml:13: keycloak.base_url: unknown key; here it is oidc.authority",
        "controller.toml:43: endpoints.disable_openapi: unknown key; here it is http.docs, which says the opposite",
    ] {
        assert!(told.lines().any(|one| one == line), "{line}: {told}");
    }
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn what_is_no_file_of_settings_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("broken.toml"),
        "[minio\nsecret_key = \"s3cret\"",
    )
    .expect("a file");
    for (name, told) in [
        ("missing.toml", "cannot read the configuration file missing.toml"),
        ("broken.toml", "broken.toml: line 1, column "),
    ] {
        let imported = run(folder.path(), &["config", "import", name]);
        assert_eq!(imported.status.code(), Some(1), "{imported:?}");
        assert!(imported.stdout.is_empty());
        let error = text(&imported.stderr);
        assert!(error.contains(told) && !error.contains("s3cret"), "{error}");
    }
}
