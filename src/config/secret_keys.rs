//! Which settings are secrets. What stands there, or where one may stand by mistake, is never repeated in a message.

use figment::error::{Actual, Kind};
use serde_json::{Map, Value};
use url::Url;

/// Keys of secrets; `*` stands for the index in a list. Each has a sibling with the ending `_file`, but for the passwords of the
/// development issuer, which are no secrets to anybody.
pub(super) const SECRET_KEYS: [&str; 14] = [
    "database.url",
    "livekit.api_secret",
    "oidc.user_search.client_secret",
    "mail.password",
    "shared_folder.password",
    "whiteboard.api_key",
    "etherpad.api_key",
    "assets.s3.secret_access_key",
    "recording.amqp_url",
    "cluster.secret",
    "cluster.other_secret",
    "cluster.redis_url",
    "turn.servers.*.secret",
    DEVELOPMENT,
];

const DEVELOPMENT: &str = "dev_issuer.users.*.password";

/// Whether a value at `path` may be a secret, hold one, or lie in one.
fn may_hold_secret<S: AsRef<str>>(path: &[S]) -> bool {
    SECRET_KEYS.iter().any(|key| {
        key.split('.')
            .zip(path)
            .all(|(known, given)| known == "*" || known == given.as_ref())
    })
}

/// Why the value at `path` can't be taken, without the value where it may be somebody's secret.
pub(super) fn reason(path: &[String], kind: &Kind) -> String {
    let text = kind.to_string();
    // User and password of a URL stand before an @.
    if !may_hold_secret(path) && !text.contains('@') {
        return text;
    }
    match kind {
        Kind::InvalidType(found, expected) => {
            format!("invalid type: found {}, expected {expected}", of(found))
        }
        Kind::InvalidValue(found, expected) => {
            format!("invalid value: found {}, expected {expected}", of(found))
        }
        Kind::MissingField(_) | Kind::DuplicateField(_) | Kind::InvalidLength(..) => text,
        Kind::Unsupported(found) => format!("{} is not supported", of(found)),
        _ => "the value is not valid (it may be a secret, so it is not shown)".to_owned(),
    }
}

/// The kind of a value.
fn of(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a section",
        _ => "something else",
    }
}

/// Paths of the secrets that stand in `data`, those of the development issuer left out.
pub(super) fn secrets_in(data: &Map<String, Value>) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for key in SECRET_KEYS.into_iter().filter(|key| *key != DEVELOPMENT) {
        let mut names = key.split('.');
        let first = names.next().and_then(|name| Some((name, data.get(name)?)));
        if let Some((name, value)) = first {
            collect(value, names, vec![name.to_owned()], &mut found);
        }
    }
    found
}

fn collect<'a>(
    value: &Value,
    mut names: impl Iterator<Item = &'a str> + Clone,
    path: Vec<String>,
    found: &mut Vec<Vec<String>>,
) {
    let below = |name: &str| [&path[..], &[name.to_owned()]].concat();
    match (names.next(), value) {
        (None, Value::String(text)) if is_secret(&path, text) => found.push(path),
        (Some("*"), Value::Array(elements)) => {
            for (index, element) in elements.iter().enumerate() {
                collect(element, names.clone(), below(&index.to_string()), found);
            }
        }
        (Some(name), Value::Object(members)) => {
            if let Some(member) = members.get(name) {
                collect(member, names, below(name), found);
            }
        }
        _ => {}
    }
}

/// Not every database wants a password.
fn is_secret(path: &[String], text: &str) -> bool {
    path != ["database", "url"] || !Url::parse(text).is_ok_and(|url| url.password().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::Schema;

    /// Elements of lists that are empty by default are not in the schema.
    fn is_known(key: &str) -> bool {
        let path: Vec<_> = key.split('.').collect();
        key.contains('*') || Schema::new().at(&path).is_some()
    }

    #[test]
    fn every_setting_that_sounds_like_a_secret_is_one() {
        for key in Schema::new().keys() {
            let name = key.rsplit('.').next().unwrap();
            let sounds = ["password", "api_secret", "secret", "secret_access_key"].contains(&name);
            let path: Vec<_> = key.split('.').collect();
            let listed = SECRET_KEYS
                .iter()
                .any(|known| known.replace(".*", "") == path.join("."));
            assert!(!sounds || listed, "{key} is missing in SECRET_KEYS");
        }
    }

    #[test]
    fn secrets_exist_and_may_come_from_files() {
        for key in SECRET_KEYS {
            assert!(is_known(key), "{key}");
            assert!(
                key == DEVELOPMENT || is_known(&format!("{key}_file")),
                "{key}_file"
            );
        }
    }

    #[test]
    fn what_is_around_a_secret_may_hold_it() {
        let may = |key: &str| may_hold_secret(&key.split('.').collect::<Vec<_>>());
        for key in [
            "livekit",
            "livekit.api_secret",
            "turn.servers",
            "turn.servers.3",
            "turn.servers.3.secret",
            "turn.servers.3.secret.x",
        ] {
            assert!(may(key), "{key}");
        }
        for key in [
            "livekit.api_key",
            "http",
            "turn.servers.3.uris",
            "turn.lifetime_secs",
        ] {
            assert!(!may(key), "{key}");
        }
        assert!(may_hold_secret::<&str>(&[]));
    }

    #[test]
    fn secrets_are_found_where_they_stand() {
        let data = serde_json::json!({
            "livekit": {"api_secret": "x", "api_key": "y"},
            "turn": {"servers": [{"uris": []}, {"secret": "z"}]},
            "mail": {"password_file": "/run/x"},
            "dev_issuer": {"users": [{"password": "alice"}]},
            "database": {"url": "sqlite:///var/lib/colloquy/x.db"},
        });
        let found: Vec<_> = secrets_in(data.as_object().unwrap())
            .iter()
            .map(|path| path.join("."))
            .collect();
        assert_eq!(found, ["livekit.api_secret", "turn.servers.1.secret"]);
    }
}
