//! Environment variables as a layer of settings: `COLLOQUY_<SECTION>__<KEY>`.

use std::ffi::{OsStr, OsString};

use serde_json::{Map, Value};

use super::{Problem, SettingSource, schema::Schema};

const PREFIX: &str = "COLLOQUY_";

/// Names the configuration file instead of a setting.
pub const CONFIG_FILE_VARIABLE: &str = "COLLOQUY_CONFIG";

/// The settings of the environment and the variables they came from.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) data: Map<String, Value>,
    /// Names of the variables that set something.
    pub(super) variables: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

impl Environment {
    pub(super) fn read(variables: &[(OsString, OsString)], schema: &Schema) -> Self {
        let mut environment = Self::default();
        let mut ours: Vec<_> = variables
            .iter()
            .filter(|(name, _)| name != CONFIG_FILE_VARIABLE)
            .filter_map(|(name, value)| Some((name.to_str()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        // A shorter name is a section around the longer ones: it comes first, single keys refine it.
        ours.sort_unstable();
        for (name, value) in ours {
            environment.take(name, value, schema);
        }
        environment
    }

    fn take(&mut self, name: &str, value: &OsStr, schema: &Schema) {
        let key = name[PREFIX.len()..].to_ascii_lowercase();
        let path: Vec<String> = key.split("__").map(str::to_owned).collect();
        let mut refuse = |message: String| {
            self.problems.push(Problem {
                place: SettingSource::Variable(name.to_owned()),
                key: path.join("."),
                message,
            });
        };
        let Some(known) = schema.at(&path) else {
            let nearest = schema.nearest(&path);
            let nearest = nearest.map(|nearest| {
                let name = variable(&nearest.split('.').collect::<Vec<_>>());
                format!("; the nearest is {nearest} ({name})")
            });
            return refuse(format!("unknown key{}", nearest.unwrap_or_default()));
        };
        let Some(text) = value.to_str() else {
            return refuse("the value is not UTF-8".to_owned());
        };
        insert(&mut self.data, &path, parse(text, known));
        self.variables.push(name.to_owned());
    }
}

/// Name of the variable that sets the key at `path`.
pub(super) fn variable<S: AsRef<str>>(path: &[S]) -> String {
    let segments: Vec<String> = path
        .iter()
        .map(|segment| segment.as_ref().to_ascii_uppercase())
        .collect();
    format!("{PREFIX}{}", segments.join("__"))
}

/// Reads a text as what the setting holds. What does not parse stays a text: its type is refused later, with the
/// type that was expected.
fn parse(text: &str, known: &Value) -> Value {
    let parsed = match known {
        Value::String(_) | Value::Null => None,
        Value::Bool(_) | Value::Number(_) => serde_json::from_str(text).ok(),
        Value::Array(_) | Value::Object(_) => serde_json::from_str(text).ok().or_else(|| {
            let mut table: Map<String, Value> = toml::from_str(&format!("value = {text}")).ok()?;
            table.remove("value")
        }),
    };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

pub(super) fn insert(data: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            data.insert(key.clone(), value);
        }
        [section, rest @ ..] => {
            let members = data
                .entry(section.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(members) = members {
                insert(members, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Environment {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        Environment::read(&variables, &Schema::new())
    }

    #[test]
    fn values_take_the_type_of_their_setting() {
        let environment = read(&[
            ("HOME", "/root"),
            ("COLLOQUY_CONFIG", "x.toml"),
            ("COLLOQUY_DATA_DIR", "/data"),
            ("COLLOQUY_HTTP__CONNECTIONS_MAX", "7"),
            ("COLLOQUY_HTTP__CORS_ORIGINS", r#"["https://a.example"]"#),
            ("COLLOQUY_OIDC__AUDIENCE", "123"),
            ("COLLOQUY_OIDC__CLAIMS__GROUPS", "groups"),
            ("COLLOQUY_DEV_ISSUER__ALLOW_REMOTE", "true"),
            (
                "COLLOQUY_DEV_ISSUER__USERS",
                "[{username = \"x\", password = \"y\"}]",
            ),
        ]);
        assert_eq!(environment.problems, []);
        assert_eq!(
            Value::Object(environment.data),
            json!({
                "data_dir": "/data",
                "http": {"connections_max": 7, "cors_origins": ["https://a.example"]},
                "oidc": {"audience": "123", "claims": {"groups": "groups"}},
                "dev_issuer": {"allow_remote": true, "users": [{"username": "x", "password": "y"}]},
            })
        );
        assert_eq!(environment.variables.len(), 7);
    }

    #[test]
    fn a_variable_of_a_section_is_refined_by_those_of_its_keys() {
        let environment = read(&[
            ("COLLOQUY_LOG__LEVEL", "debug"),
            ("COLLOQUY_LOG", r#"{level = "warn", format = "json"}"#),
        ]);
        assert_eq!(
            Value::Object(environment.data),
            json!({"log": {"level": "debug", "format": "json"}})
        );
    }

    #[test]
    fn an_unknown_variable_names_the_nearest_one() {
        let environment = read(&[("COLLOQUY_HTTP__LISEN", "x")]);
        assert_eq!(
            environment.problems[0].to_string(),
            "environment variable COLLOQUY_HTTP__LISEN: http.lisen: unknown key; the nearest is http.listen \
             (COLLOQUY_HTTP__LISTEN)"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf8_is_refused() {
        use std::os::unix::ffi::OsStringExt;

        let value = OsString::from_vec(vec![0xff]);
        let environment = Environment::read(&[("COLLOQUY_LOG__LEVEL".into(), value)], &Schema::new());
        assert_eq!(environment.problems[0].message, "the value is not UTF-8");
    }
}
