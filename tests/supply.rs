//! What the server is built from, held against `deny.toml`: the one list of licences, sources and bans, which `cargo deny` reads too.
//! That tool is not on every machine, and wants the network for advisories; this needs what the build has fetched.
#![expect(
    clippy::expect_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

use std::{collections::BTreeSet, env, ffi::OsString, fs, path::Path, process::Command};

use serde::Deserialize;
use spdx::{Expression, LicenseReq, Licensee, ParseMode};

#[derive(Deserialize)]
struct Policy {
    licenses: Licenses,
    sources: Sources,
    bans: Bans,
    advisories: Advisories,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

/// Further licences that one crate may have.
#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
struct Advisories {
    ignore: Vec<Ignored>,
}

#[derive(Deserialize)]
struct Ignored {
    id: String,
    reason: String,
}

/// Packages of `Cargo.lock` (all platforms) or of `cargo metadata` (this one).
#[derive(Deserialize)]
struct Packages {
    #[serde(alias = "package")]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// None: a crate of this workspace.
    source: Option<String>,
    /// An expression of SPDX; not in `Cargo.lock`.
    license: Option<String>,
    checksum: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read<T: for<'de> Deserialize<'de>>(file: &str) -> T {
    let text = fs::read_to_string(root().join(file)).expect("a readable file");
    toml::from_str(&text).expect("what this test knows of the file")
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("text")
}

/// What is compiled on this platform. The build has fetched that much and no more, hence the filter.
fn compiled_here() -> Vec<Package> {
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let metadata = cargo(&[
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        "--filter-platform",
        host.expect("a host"),
    ]);
    let found: Packages = serde_json::from_str(&metadata).expect("metadata");
    found.packages
}

impl Licenses {
    /// Whether the crate may be used by what its licence says, as `a AND (b OR c)`. Old crates write `a/b` for `a OR b`.
    fn permit(&self, name: &str, license: &str) -> bool {
        let exceptions = self.exceptions.iter().filter(|exception| exception.name == name);
        let allowed = exceptions
            .flat_map(|exception| &exception.allow)
            .chain(&self.allow);
        let allowed: Vec<_> = allowed
            .map(|license| Licensee::parse(license).expect("a licence that SPDX knows"))
            .collect();
        let is_allowed = |wanted: &LicenseReq| allowed.iter().any(|license| license.satisfies(wanted));
        Expression::parse_mode(license, ParseMode::LAX).is_ok_and(|license| license.evaluate(is_allowed))
    }
}

#[track_caller]
fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn every_licence_is_on_the_list() {
    let policy: Policy = read("deny.toml");
    let packages = compiled_here();
    assert!(
        packages.len() > 300,
        "only {} packages were found",
        packages.len()
    );
    let refused = packages.iter().filter_map(|package| {
        let license = package.license.as_deref().unwrap_or("no licence");
        let is_fine = policy.licenses.permit(&package.name, license);
        (!is_fine).then(|| format!("{} {}: {license}", package.name, package.version))
    });
    let rule = "leave the crate out, or say in deny.toml why its licence goes with Apache-2.0";
    assert_none(&refused.collect::<Vec<_>>(), rule);
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    let licenses = Licenses {
        allow: vec!["MIT".to_owned(), "Apache-2.0".to_owned()],
        exceptions: vec![Exception {
            name: "roots".to_owned(),
            allow: vec!["CDLA-Permissive-2.0".to_owned()],
        }],
    };
    for fine in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-2.0-only OR MIT",
        "MIT AND (ISC OR Apache-2.0)",
    ] {
        assert!(licenses.permit("any", fine), "{fine}");
    }
    for refused in [
        "GPL-3.0-or-later",
        "MIT AND ISC",
        "Apache-2.0 WITH LLVM-exception",
        "CDLA-Permissive-2.0",
        "no licence",
        "",
    ] {
        assert!(!licenses.permit("any", refused), "{refused}");
    }
    assert!(licenses.permit("roots", "CDLA-Permissive-2.0"));
}

/// `Cargo.lock` names the crates of all platforms.
#[test]
fn everything_comes_from_where_it_may() {
    let policy: Policy = read("deny.toml");
    let Sources {
        unknown_registry,
        unknown_git,
        allow_registry,
    } = policy.sources;
    assert_eq!(
        (unknown_registry.as_str(), unknown_git.as_str()),
        ("deny", "deny")
    );
    for lock in ["Cargo.lock", "fuzz/Cargo.lock", "actors/fuzz/Cargo.lock"] {
        if !root().join(lock).is_file() {
            continue;
        }
        let packages: Packages = read(lock);
        let strange = packages.packages.iter().filter_map(|package| {
            let source = package.source.as_deref()?;
            let registry = source.strip_prefix("registry+").unwrap_or(source);
            let is_fine = allow_registry.iter().any(|allowed| allowed == registry);
            let is_fine = is_fine && package.checksum.is_some();
            (!is_fine).then(|| format!("{lock}: {} {}: {source}", package.name, package.version))
        });
        assert_none(
            &strange.collect::<Vec<_>>(),
            "only from crates.io, with a checksum",
        );
    }
}

#[test]
fn nothing_is_used_that_is_banned() {
    let policy: Policy = read("deny.toml");
    let packages: Packages = read("Cargo.lock");
    let names: BTreeSet<_> = packages
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let banned = policy
        .bans
        .deny
        .iter()
        .filter(|ban| names.contains(ban.name.as_str()));
    let banned: Vec<_> = banned
        .map(|ban| format!("{}: {}", ban.name, ban.reason))
        .collect();
    assert_none(&banned, "use what deny.toml says instead");
}

/// An exception that outlives its reason hides the next one.
#[test]
fn every_exception_is_needed_and_has_a_reason() {
    let policy: Policy = read("deny.toml");
    let packages: Packages = read("Cargo.lock");
    let is_used = |name: &str| packages.packages.iter().any(|package| package.name == name);
    let exceptions = policy.licenses.exceptions.iter();
    let idle: Vec<_> = exceptions
        .filter(|exception| !is_used(&exception.name))
        .map(|exception| exception.name.clone())
        .collect();
    assert_none(&idle, "no such crate any more");
    let ignored = policy.advisories.ignore.iter();
    let unexplained =
        ignored.filter(|ignored| ignored.reason.len() < 40 || !ignored.id.starts_with("RUSTSEC-"));
    let unexplained: Vec<_> = unexplained.map(|ignored| ignored.id.clone()).collect();
    assert_none(&unexplained, "say why the advisory does not concern Colloquy");
    // Each ignored advisory names the crate first.
    let gone = policy.advisories.ignore.iter().filter(|ignored| {
        let name = ignored.reason.split(' ').next().unwrap_or_default();
        !is_used(name)
    });
    let gone: Vec<_> = gone
        .map(|ignored| format!("{}: {}", ignored.id, ignored.reason))
        .collect();
    assert_none(
        &gone,
        "begin the reason with the crate's name; if that is gone, drop the line",
    );
}
