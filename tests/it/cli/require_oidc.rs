//! A server that was set up for others does not come up as a development server.

use std::process::Output;

use crate::support::binary;

const AUTHORITY: (&str, &str) = ("COLLOQUY_OIDC__AUTHORITY", "https://id.example.org/realms/a");

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary::colloquy();
    let output = command
        .args(arguments)
        .arg("--data-dir")
        .arg(folder.path().join("data"))
        .envs(environment.iter().copied())
        .current_dir(folder.path())
        .output();
    assert!(!folder.path().join("data").exists(), "nothing was begun");
    output.expect("a process")
}

#[track_caller]
fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = run(arguments, environment);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn without_an_authority_nothing_starts() {
    for arguments in [
        &["--require-oidc"][..],
        &["serve", "--require-oidc"],
        &["config", "check", "--require-oidc"],
    ] {
        let told = refused(arguments, &[]);
        assert!(
            told.contains("--require-oidc: oidc.authority: is not set"),
            "{arguments:?}: {told}"
        );
    }
    let checked = run(&["config", "check", "--require-oidc"], &[AUTHORITY]);
    assert!(checked.status.success(), "{checked:?}");
    let checked = run(&["config", "check"], &[]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn settings_of_a_proxied_server_want_an_authority() {
    for (variable, value, key) in [
        (
            "COLLOQUY_HTTP__TRUSTED_PROXIES",
            r#"["127.0.0.0/8"]"#,
            "http.trusted_proxies",
        ),
        (
            "COLLOQUY_HTTP__CORS_ORIGINS",
            r#"["https://a.example"]"#,
            "http.cors_origins",
        ),
        ("COLLOQUY_LOG__FORMAT", "json", "log.format"),
    ] {
        for arguments in [&["serve"][..], &["config", "check"]] {
            let remote = ("COLLOQUY_DEV_ISSUER__ALLOW_REMOTE", "true");
            let told = refused(arguments, &[(variable, value), remote]);
            let problem = format!("environment variable {variable}: {key}: ");
            assert!(told.contains(&problem), "{arguments:?}: {told}");
            assert!(told.contains("colloquy dev-issuer"), "{told}");
        }
        let checked = run(&["config", "check"], &[(variable, value), AUTHORITY]);
        assert!(checked.status.success(), "{checked:?}");
    }
}
