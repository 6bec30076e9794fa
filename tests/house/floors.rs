//! The floors of the server and of the live core: a module uses what lies on lower floors, and nothing of its own floor or above.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::sources::{sources, without_tests};

/// From the top. What stands in one list does not know of one another.
type Floors = &'static [&'static [&'static str]];

const SERVER: Floors = &[
    &["main"],
    &["cli"],
    &["app"],
    &["signaling"],
    &["http"],
    &["jobs"],
    &["deletion", "identity_notices"],
    &["events"],
    &["meetings"],
    // What the outside says and hears.
    &["call_in", "disabled_users", "former_issuers", "mail", "people"],
    &["tariffs"],
    &["reports"],
    &[
        "assets",
        "etherpad",
        "identity",
        "livekit",
        "recorders",
        "shared_folders",
        "spacedeck",
    ],
    &[
        "breaker",
        "fetched_pdf",
        "known_users",
        "listener",
        "origins",
        "nodes",
        "outgoing",
        "profiles",
        "seals",
    ],
    &["store"],
    &["config"],
    &["catalogue", "private_network", "turn"],
    // How much a client may have.
    &["concurrency_limit"],
    &["client_address"],
    // What knows nothing of the server.
    &[
        "asyncapi",
        "clock",
        "email_address",
        "hourly",
        "log_output",
        "loopback",
        "permissions",
        "quotas",
        "readiness",
        "rendering",
        "secrets",
        "text",
        "throttle",
        "verified_token",
    ],
];

const CORE: Floors = &[
    &["live"],
    &["supervisor"],
    &["registry_actor"],
    &["cluster"],
    &["room_actor"],
    &["edge"],
    &["session"],
    &["shell"],
    &["logged"],
    &["journal", "ticket"],
    &["ports", "registry"],
    // The rules, and what their inputs and outputs are made of.
    &["room"],
    &["ballots"],
    &["task"],
    &["livekit", "meeting_notes", "report", "whiteboard"],
    &["protocol"],
    &["access_revision", "bucket", "encoding", "frame", "ids", "sealed"],
];

/// The modules that lie directly in a folder, with the text of all their files.
fn modules(folder: &str) -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut modules: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    for (path, text) in sources(folder) {
        let inside = path.strip_prefix(&root).expect("a file of the folder");
        let first = inside.iter().next().expect("a name").to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        modules.entry(module).or_default().push((path, text));
    }
    modules.remove("lib");
    modules
}

/// What a file uses of the crate's modules, without its tests and comments.
fn used(text: &str) -> BTreeSet<String> {
    let code: String = without_tests(text)
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |all, line| all + line + "\n");
    let mut used = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        // `$crate` of a macro, or another crate whose name ends so.
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(list) => used.extend(names_of(list)),
            None => used.extend(name(rest)),
        }
    }
    used
}

/// The first names in a list of imports that goes on to its closing brace.
fn names_of(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut begin = 0;
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' if depth == 0 => {
                names.extend(name(&list[begin..at]));
                begin = at + 1;
            }
            '}' if depth == 0 => {
                names.extend(name(&list[begin..at]));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

#[test]
fn imports_go_down() {
    for (folder, floors) in [("src", SERVER), ("actors/src", CORE)] {
        let wrong = wrong(folder, floors);
        assert!(wrong.is_empty(), "{folder}: {wrong:#?}");
    }
}

/// What does not keep to the floors.
fn wrong(folder: &str, floors: Floors) -> Vec<String> {
    let floors: BTreeMap<&str, usize> = floors
        .iter()
        .enumerate()
        .flat_map(|(floor, modules)| modules.iter().map(move |module| (*module, floor)))
        .collect();
    let modules = modules(folder);
    let mut wrong = Vec::new();
    for (module, files) in &modules {
        let Some(floor) = floors.get(module.as_str()) else {
            wrong.push(format!("{module} stands on no floor"));
            continue;
        };
        for (path, text) in files {
            for other in used(text).iter().filter(|other| *other != module) {
                let is_below = floors.get(other.as_str()).is_some_and(|below| below > floor);
                if modules.contains_key(other) && !is_below {
                    wrong.push(format!("{} uses {other}", path.display()));
                }
            }
        }
    }
    for module in floors.keys() {
        if !modules.contains_key(*module) {
            wrong.push(format!("{module} stands on a floor and is no module"));
        }
    }
    wrong
}

#[test]
fn imports_are_seen_in_all_their_forms() {
    let text = "use crate::{\n    a::{self, b},\n    c,\n    d::e,\n};\nfn f() { crate::g::h(); $crate::i!() }\n// crate::no\n\
                extern_crate::no();\n#[cfg(test)]\nmod tests {\n    use crate::no;\n}\n";
    let expected = ["a", "c", "d", "g", "i"].map(str::to_owned);
    assert_eq!(used(text), BTreeSet::from(expected));
}
