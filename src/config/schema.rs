//! The keys that exist, read off the default configuration.

use serde_json::{Map, Value};

use super::{Config, foreign};

/// Letters that somebody may have mistyped in a name.
pub(super) const TYPING_ERRORS_MAX: usize = 2;

/// Known keys and the shape of their values.
///
/// Settings without a default (null) hold texts: paths, URLs, names.
pub(super) struct Schema(Value);

impl Schema {
    pub(super) fn new() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "plain structs with text keys; the tests below serialise them"
        )]
        let defaults = serde_json::to_value(Config::default()).expect("settings are serialisable");
        Self(defaults)
    }

    /// The default at a path, `Value::Null` for a setting that is absent by default.
    pub(super) fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.0, |value, segment| value.get(segment.as_ref()))
    }

    /// Paths in `given` that the typed tree lacks. An unknown section counts once, not with each of its keys.
    pub(super) fn unknown(&self, given: &Map<String, Value>) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        collect_unknown(given, &self.0, &mut Vec::new(), &mut found);
        found
    }

    /// The known key beside the first unknown part of `path` that is spelt nearly as that.
    pub(super) fn nearest(&self, path: &[String]) -> Option<String> {
        let keys = self.keys();
        let (mut section, mut wanted) = (String::new(), "");
        for segment in path.iter().filter(|segment| segment.parse::<usize>().is_err()) {
            let key = below(&section, segment);
            wanted = segment;
            if !keys.contains(&key) {
                break;
            }
            section = key;
        }
        let name = |key: &String| {
            let (before, name) = key.rsplit_once('.').unwrap_or(("", key));
            (before == section).then(|| name.to_owned())
        };
        let near = keys.iter().filter_map(|key| {
            let distance = strsim::damerau_levenshtein(wanted, &name(key)?);
            (distance <= TYPING_ERRORS_MAX).then_some((distance, key))
        });
        near.min_by_key(|(distance, _)| *distance)
            .map(|(_, key)| key.clone())
    }

    /// What is said of the unknown key at `path`: what it is called here, if another controller knows it, or what may have
    /// been meant.
    pub(super) fn told(&self, path: &[String]) -> String {
        let nearest = || {
            self.nearest(path)
                .map(|nearest| format!("the nearest is {nearest}"))
        };
        match foreign::told(path).or_else(nearest) {
            Some(told) => format!("unknown key; {told}"),
            None => "unknown key".to_owned(),
        }
    }

    /// Dotted paths of all settings and sections; keys of list elements without their index.
    pub(super) fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        collect_keys(&self.0, "", &mut keys);
        keys
    }
}

fn below(section: &str, name: &str) -> String {
    if section.is_empty() {
        name.to_owned()
    } else {
        format!("{section}.{name}")
    }
}

fn collect_unknown(
    given: &Map<String, Value>,
    known: &Value,
    path: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) {
    for (key, value) in given {
        path.push(key.clone());
        match (value, known.get(key)) {
            (_, None) => found.push(path.clone()),
            (Value::Object(given), Some(known @ Value::Object(_))) => {
                collect_unknown(given, known, path, found);
            }
            (Value::Array(elements), Some(Value::Array(known))) => {
                if let Some(known) = known.first() {
                    collect_unknown_in_elements(elements, known, path, found);
                }
            }
            _ => {}
        }
        path.pop();
    }
}

fn collect_unknown_in_elements(
    elements: &[Value],
    known: &Value,
    path: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) {
    for (index, element) in elements.iter().enumerate() {
        if let Value::Object(given) = element {
            path.push(index.to_string());
            collect_unknown(given, known, path, found);
            path.pop();
        }
    }
}

fn collect_keys(value: &Value, prefix: &str, keys: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let path = below(prefix, key);
                keys.push(path.clone());
                collect_keys(member, &path, keys);
            }
        }
        Value::Array(elements) => {
            if let Some(element) = elements.first() {
                collect_keys(element, prefix, keys);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_sections_lists_and_absent_settings_are_known() {
        let keys = Schema::new().keys();
        for key in [
            "data_dir",
            "http",
            "http.listen",
            "oidc.claims.groups",
            "dev_issuer.users.password",
        ] {
            assert!(keys.iter().any(|known| known == key), "{key} is missing");
        }
    }

    #[test]
    fn the_nearest_key_is_found_by_spelling_inside_its_section() {
        let schema = Schema::new();
        let nearest = |path: &str| {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            schema.nearest(&path)
        };
        for (typed, meant) in [
            ("http.lisen", "http.listen"),
            ("http.lsiten", "http.listen"),
            ("htp.listen", "http"),
            ("databse", "database"),
            ("oidc.claims.group", "oidc.claims.groups"),
            ("dev_issuer.users.3.pasword", "dev_issuer.users.password"),
        ] {
            assert_eq!(nearest(typed).as_deref(), Some(meant), "{typed}");
        }
        // Of another section, or not alike.
        for typed in [
            "listen",
            "http.format",
            "http.lst",
            "frontend.base_url",
            "oidc.claims.name",
        ] {
            assert_eq!(nearest(typed), None, "{typed}");
        }
    }
}
