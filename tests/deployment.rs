//! What stands between a server that was taken over and the machine it runs on: lines of examples that are easily dropped because
//! nothing fails without them.
#![expect(
    clippy::expect_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

use std::{fs, path::Path};

/// Lines of the unit; a key has the values that stand here and no others.
const FENCES: &[&str] = &[
    "User=colloquy",
    "StateDirectoryMode=0700",
    "UMask=0077",
    "LimitCORE=0",
    "MemorySwapMax=0",
    "MemoryMax=75%",
    "TasksMax=1024",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "RestrictSUIDSGID=yes",
    "PrivateUsers=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "PrivateMounts=yes",
    "PrivateIPC=yes",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "RemoveIPC=yes",
    "KeyringMode=private",
    "NoExecPaths=/",
    "ExecPaths=/usr/local/bin/colloquy -/usr/lib -/usr/lib64 -/lib -/lib64",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
];

/// What a container is run with, and a server in it needs nothing of.
const CONTAINER_FLAGS: &[&str] = &[
    "--read-only",
    "--tmpfs /tmp",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--memory",
    "--pids-limit",
];

/// What an image may be built from.
const BUILD_CONTEXT: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "LICENSE",
    "build.rs",
    "src",
    "templates",
    "actors",
    "cluster",
    "calendar",
    "report",
    "loadtest",
    "migrations",
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a readable file")
}

/// Lines that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn key(line: &str) -> &str {
    line.split('=').next().unwrap_or_default()
}

#[track_caller]
fn assert_none(found: &[&str], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn the_unit_keeps_its_fences() {
    let unit = read("config/colloquy.service");
    let service = unit.split("[Service]").nth(1).expect("a section [Service]");
    let service = service.split("[Install]").next().unwrap_or_default();
    let missing = FENCES
        .iter()
        .filter(|fence| !lines(service).any(|line| line == **fence));
    assert_none(
        &missing.copied().collect::<Vec<_>>(),
        "put it back, or say here why not",
    );
    // A later line of the same key would take an earlier one back.
    let gates = lines(service).filter(|line| {
        let is_fenced = FENCES.iter().any(|fence| key(fence) == key(line));
        is_fenced && !FENCES.contains(line)
    });
    assert_none(&gates.collect::<Vec<_>>(), "it takes back what another line says");
}

#[test]
fn the_image_runs_without_rights_and_can_be_built_from_digests() {
    let image = read("config/Containerfile");
    let instructions = |name: &'static str| {
        lines(&image).filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' ').map(str::trim))
    };
    let arguments: Vec<_> = instructions("ARG")
        .filter_map(|line| line.split_once('='))
        .collect();
    let bases: Vec<_> = instructions("FROM").collect();
    assert_eq!((arguments.len(), bases.len()), (2, 2));
    for (name, reference) in &arguments {
        let is_base = bases.iter().any(|base| base.starts_with(&format!("${{{name}}}")));
        assert!(is_base, "{name} is no base");
        // Short names are looked up in whatever registries a machine knows.
        assert!(reference.starts_with("docker.io/library/"), "{reference}");
        let is_explained = read("docs/hardening.md").contains(&format!("--build-arg {name}="));
        assert!(
            is_explained,
            "docs/hardening.md does not say how {name} is pinned"
        );
    }
    let users: Vec<u32> = instructions("USER")
        .map(|user| user.parse().expect("a number"))
        .collect();
    assert_eq!(
        users,
        [10001],
        "Kubernetes can only tell by a number that it is not root"
    );
    assert_eq!(
        instructions("ADD").count(),
        0,
        "COPY fetches nothing from outside"
    );
    let settings = instructions("ENV")
        .chain(instructions("ARG"))
        .collect::<String>()
        .to_uppercase();
    for word in ["SECRET", "PASSWORD", "TOKEN"] {
        assert!(!settings.contains(word), "{word} would stay in the image");
    }
}

#[test]
fn an_image_is_built_from_sources_alone() {
    let ignored = read(".dockerignore");
    let mut patterns = lines(&ignored);
    assert_eq!(patterns.next(), Some("*"), "what is not named stays outside");
    let let_in: Vec<_> = patterns.filter_map(|pattern| pattern.strip_prefix('!')).collect();
    assert_eq!(let_in, BUILD_CONTEXT);
    let manifest: toml::Table = read("Cargo.toml").parse().expect("a manifest");
    let members = manifest["workspace"]["members"].as_array().expect("members");
    for member in members {
        let member = member.as_str().expect("a path");
        assert!(let_in.contains(&member), "cargo does not build without {member}");
    }
}

#[test]
fn the_documented_container_has_no_rights() {
    let page = read("docs/operating.md");
    let example = page.split("```").find(|block| block.contains("podman run "));
    let example = example.expect("an example that runs the container");
    let missing = CONTAINER_FLAGS.iter().filter(|flag| !example.contains(**flag));
    assert_none(
        &missing.copied().collect::<Vec<_>>(),
        "run it with that in docs/operating.md",
    );
}
