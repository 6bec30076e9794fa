//! The configuration file of the other controller of this API, `controller.toml`: what its settings are called here.

mod import;
mod names;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde_json::{Map, Value};

use super::{ConfigError, file::ConfigFile};

/// The text of our configuration file that says what their file at `path` says. It holds the secrets of that.
pub fn import_file(path: &Path) -> Result<String, ConfigError> {
    Ok(import::import(&ConfigFile::read(path)?))
}

/// What the setting at `path` is called here, or why there is none, in words. `None`: it is none of theirs.
pub(super) fn told(path: &[String]) -> Option<String> {
    names::counterpart(&name(path)).map(names::Counterpart::told)
}

/// The settings below `path` in `given`, if it is one of their sections.
pub(super) fn settings_below(given: &Map<String, Value>, path: &[String]) -> Option<Vec<Vec<String>>> {
    if !names::is_section(&name(path)) {
        return None;
    }
    let mut value = given.get(path.first()?)?;
    for segment in path.get(1..)? {
        value = value.get(segment)?;
    }
    let mut found = Vec::new();
    collect(value, &mut path.to_vec(), &mut found);
    Some(found)
}

/// Paths of all settings at and below a value.
fn collect(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                path.push(key.clone());
                collect(member, path, found);
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

/// The dotted name of a setting, without the indexes of lists.
fn name(path: &[String]) -> String {
    let segments = path.iter().filter(|segment| segment.parse::<usize>().is_err());
    segments.map(String::as_str).collect::<Vec<_>>().join(".")
}
