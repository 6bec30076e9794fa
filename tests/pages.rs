//! Pages name each other by file and heading: a heading that is renamed must not leave links to nowhere.
#![expect(
    clippy::expect_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

/// Pages below the root and in `docs/`, by their path.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = BTreeMap::new();
    for folder in ["", "docs", "docs/adr", "docs/protocol"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let path = Path::new(folder).join(entry.expect("an entry").file_name());
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(root.join(&path)).expect("text");
                pages.insert(path, text);
            }
        }
    }
    pages
}

/// The lines outside of examples.
fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_example = false;
    page.lines().enumerate().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_example ^= is_fence;
        !is_example && !is_fence
    })
}

/// The names of headings as sites of repositories make them: small letters, digits, and hyphens for spaces.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let headings = prose(page).filter(|(_, line)| line.starts_with('#'));
    for heading in headings.filter_map(|(_, line)| line.trim_start_matches('#').strip_prefix(' ')) {
        let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
        let anchor: String = heading
            .to_lowercase()
            .replace(' ', "-")
            .chars()
            .filter(kept)
            .collect();
        // The second heading of the same name has a number.
        let number = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone())
            .chain(number)
            .find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// What stands between `](` and `)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let (mut seen, mut lost) = (0, Vec::new());
    for (path, text) in &pages {
        for (number, line) in prose(text) {
            for link in links(line).filter(|link| !link.contains("://")) {
                seen += 1;
                let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
                let folder = path.parent().unwrap_or(Path::new(""));
                let target = if file.is_empty() {
                    path.clone()
                } else {
                    plain(&folder.join(file))
                };
                let is_there = Path::new(env!("CARGO_MANIFEST_DIR")).join(&target).exists();
                let has_anchor = pages
                    .get(&target)
                    .is_some_and(|page| anchors(page).contains(anchor));
                if !is_there || !(anchor.is_empty() || has_anchor) {
                    lost.push(format!("{}:{}: {link}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(seen > 80, "only {seen} links were found");
    assert!(
        lost.is_empty(),
        "name a page and a heading that there are:\n{}",
        lost.join("\n")
    );
}

#[test]
fn headings_are_named_as_sites_do() {
    let page = "# Health, logs\n```\n# no heading\n```\n## `a_b` (C)\n#no\n## Health, logs\n";
    let expected = ["a_b-c", "health-logs", "health-logs-1"];
    assert_eq!(anchors(page), expected.map(str::to_owned).into());
}
