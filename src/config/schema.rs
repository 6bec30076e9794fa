//! The keys that exist, read off the default configuration.

use serde_json::{Map, Value};

use super::Config;

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

    /// The known key that resembles `path` most: by spelling, or the same name in another section.
    pub(super) fn nearest(&self, path: &[String]) -> String {
        let names: Vec<&str> = path
            .iter()
            .map(String::as_str)
            .filter(|segment| segment.parse::<usize>().is_err())
            .collect();
        let wanted = names.join(".");
        let wanted_name = names.last().copied().unwrap_or_default();
        let distance = |candidate: &String| {
            let name = candidate.rsplit('.').next().unwrap_or_default();
            let by_path = strsim::damerau_levenshtein(&wanted, candidate);
            by_path.min(strsim::damerau_levenshtein(wanted_name, name) + 1)
        };
        self.keys().into_iter().min_by_key(distance).unwrap_or_default()
    }

    /// Dotted paths of all settings and sections; keys of list elements without their index.
    pub(super) fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        collect_keys(&self.0, "", &mut keys);
        keys
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
                let path = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
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
    fn the_nearest_key_is_found_by_spelling_and_across_sections() {
        let schema = Schema::new();
        let nearest = |path: &str| {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            schema.nearest(&path)
        };
        assert_eq!(nearest("http.lisen"), "http.listen");
        assert_eq!(nearest("listen"), "http.listen");
        assert_eq!(nearest("http.format"), "log.format");
        assert_eq!(nearest("databse"), "database");
        assert_eq!(nearest("oidc.claims.group"), "oidc.claims.groups");
        assert_eq!(nearest("dev_issuer.users.3.pasword"), "dev_issuer.users.password");
    }
}
