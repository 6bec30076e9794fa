//! `config/colloquy.toml` documents every key with its default: these tests hold it to that.

use serde_json::{Map, Value};

use super::{Config, schema::Schema};

const REFERENCE: &str = include_str!("../../config/colloquy.toml");

const PRODUCTION: &str = include_str!("../../config/production.toml");

/// Activates lines such as `# audience = "x"`: settings that are absent by default.
fn uncommented() -> String {
    let activate = |line: &str| {
        let setting = line
            .strip_prefix("# ")
            .filter(|rest| rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)));
        setting.unwrap_or(line).to_owned()
    };
    REFERENCE.lines().map(activate).collect::<Vec<_>>().join("\n")
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Dotted paths of `known` that `given` lacks. Lists count as a whole, except the keys of their elements.
fn missing(known: &Value, given: &Value, path: &str, found: &mut Vec<String>) {
    match known {
        Value::Object(members) => {
            for (key, member) in members {
                let path = format!("{path}.{key}");
                match given.get(key) {
                    Some(given) => missing(member, given, &path, found),
                    None => found.push(path),
                }
            }
        }
        Value::Array(elements) => {
            if let (Some(known), Some(given)) = (elements.first(), given.get(0)) {
                missing(known, given, path, found);
            }
        }
        _ => {}
    }
}

#[test]
fn the_file_as_it_is_holds_exactly_the_defaults() {
    let config: Config = toml::from_str(REFERENCE).unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn every_key_stands_in_the_file() {
    let file: Value = toml::from_str(&uncommented()).unwrap();
    let mut absent = Vec::new();
    missing(Schema::new().at::<&str>(&[]).unwrap(), &file, "", &mut absent);
    assert_eq!(absent, Vec::<String>::new());
}

#[test]
fn settings_that_are_absent_by_default_have_a_valid_example() {
    let file: Map<String, Value> = toml::from_str(&uncommented()).unwrap();
    assert_eq!(Schema::new().unknown(&file), Vec::<Vec<String>>::new());
    let config: Config = toml::from_str(&uncommented()).unwrap();
    assert_ne!(config, Config::default());
    // Nobody shall take an example's secret, or an example's account at the identity provider, for one.
    assert_eq!(
        broken(&config),
        [
            "oidc.user_search.client_id",
            // A node of a cluster, whose folder of assets is its own.
            "assets.shared",
            "mail.password",
            "shared_folder.password",
            "whiteboard.api_key",
            "etherpad.api_key",
            "assets.s3.secret_access_key",
            "recording.amqp_url",
            "cluster.secret",
            "cluster.other_secret",
            "cluster.redis_url"
        ]
    );
}

fn broken(config: &Config) -> Vec<String> {
    let violations = super::validate::violations(config);
    violations.into_iter().map(|violation| violation.key).collect()
}

#[test]
fn every_setting_is_explained() {
    let mut explained = false;
    let mut in_list = false;
    let mut seen = std::collections::BTreeSet::new();
    for line in REFERENCE.lines() {
        let setting = line.strip_prefix("# ").unwrap_or(line);
        if let Some((key, _)) = setting.split_once(" = ").filter(|(key, _)| is_key(key)) {
            // Elements of a list after the first repeat its keys.
            let repeated = in_list && !seen.insert(key);
            assert!(explained || repeated, "no comment before `{line}`");
            explained = false;
            continue;
        }
        if line.starts_with('[') {
            in_list = line.starts_with("[[");
        }
        explained = line.starts_with('#');
    }
}

#[test]
fn the_production_example_is_valid_but_for_its_secret() {
    let mut config: Config = toml::from_str(PRODUCTION).unwrap();
    assert_eq!(broken(&config), ["livekit.api_secret"]);
    config.livekit.api_secret = crate::secrets::Secret::new("0123456789abcdef0123456789abcdef");
    assert_eq!(broken(&config), Vec::<String>::new());
    assert_eq!(super::validate::warnings(&config), []);
    assert!(!config.dev_issuer_enabled());
}
