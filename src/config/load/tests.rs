use std::fs;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), toml).unwrap();
        Self(folder)
    }

    fn sources(&self) -> Sources {
        Sources {
            working_dir: self.0.path().to_owned(),
            ..Sources::default()
        }
    }

    fn path(&self) -> PathBuf {
        self.0.path().join(FILE_NAME)
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn problems(sources: &Sources) -> Vec<String> {
    match sources.load() {
        Err(ConfigError::Problems(problems)) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

#[test]
fn nothing_given_yields_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let sources = Sources {
        working_dir: folder.path().to_owned(),
        ..Sources::default()
    };
    let loaded = sources.load().unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.file, None);
    assert!(loaded.variables.is_empty() && loaded.flags.is_empty());
}

#[test]
fn file_yields_to_environment_and_environment_to_flags() {
    let folder = Folder::with(
        "data_dir = \"/file\"\n[http]\nlisten = \"127.0.0.1:1\"\nconnections_max = 11\n\
         connections_per_address_max = 12\n[log]\nlevel = \"debug\"\n",
    );
    let sources = Sources {
        environment: variables(&[
            ("COLLOQUY_HTTP__LISTEN", "127.0.0.1:2"),
            ("COLLOQUY_HTTP__CONNECTIONS_MAX", "22"),
            ("COLLOQUY_DATA_DIR", "/environment"),
        ]),
        overrides: Overrides {
            data_dir: None,
            listen: Some("127.0.0.1:3".parse().unwrap()),
        },
        ..folder.sources()
    };
    let loaded = sources.load().unwrap();
    assert_eq!(loaded.config.log.level, "debug", "file over default");
    assert_eq!(
        loaded.config.http.connections_per_address_max, 12,
        "file over default"
    );
    assert_eq!(loaded.config.http.connections_max, 22, "environment over file");
    assert_eq!(loaded.config.data_dir, Some("/environment".into()));
    assert_eq!(
        loaded.config.http.listen,
        "127.0.0.1:3".parse().unwrap(),
        "flag over all"
    );
    assert_eq!(loaded.file, Some(folder.path()));
    assert_eq!(loaded.flags, ["--listen"]);
    assert_eq!(loaded.variables.len(), 3);
}

#[test]
fn a_named_file_replaces_the_one_of_the_working_directory_and_must_exist() {
    let here = Folder::with("[log]\nlevel = \"debug\"\n");
    let other = Folder::with("[rooms]\njournal = \"memory\"\n");
    let named = Sources {
        file: Some(other.path()),
        ..here.sources()
    };
    let loaded = named.load().unwrap();
    assert_eq!(loaded.config.rooms.journal, crate::config::JournalKind::Memory);
    assert_eq!(loaded.config.log.level, "info");

    let missing = Sources {
        file: Some("/nowhere/x.toml".into()),
        ..here.sources()
    };
    let error = missing.load().unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read the configuration file /nowhere/x.toml"),
        "{error}"
    );
}

#[test]
fn all_unknown_keys_are_named_with_place_and_nearest_key() {
    let folder = Folder::with(
        "[htp]\na = 1\nb = 2\n[log]\nlevl = \"info\"\n\
         [[dev_issuer.users]]\nusername = \"x\"\npasword = \"y\"\n",
    );
    let sources = Sources {
        environment: variables(&[
            ("COLLOQUY_LISTEN", "127.0.0.1:1"),
            ("COLLOQUY_LOG", r#"{"formt": "json"}"#),
        ]),
        ..folder.sources()
    };
    let file = folder.path().display().to_string();
    let expected = [
        format!("{file}:1: htp: unknown key; the nearest is http"),
        format!("{file}:5: log.levl: unknown key; the nearest is log.level"),
        format!(
            "{file}:8: dev_issuer.users.0.pasword: unknown key; the nearest is dev_issuer.users.password"
        ),
        "environment variable COLLOQUY_LISTEN: listen: unknown key".to_owned(),
        "environment variable COLLOQUY_LOG: log.formt: unknown key; the nearest is log.format".to_owned(),
    ];
    assert_eq!(problems(&sources), expected, "in the order of lines");
}

#[test]
fn wrong_types_name_the_place_and_what_was_expected() {
    let folder = Folder::with("[http]\n\nconnections_max = \"many\"\n");
    let found = problems(&folder.sources());
    let place = format!("{}:3: http.connections_max: ", folder.path().display());
    assert!(
        found[0].starts_with(&place) && found[0].contains("\"many\""),
        "{found:?}"
    );

    let folder = Folder::with("");
    let sources = Sources {
        environment: variables(&[("COLLOQUY_HTTP__TRUSTED_PROXIES", "[\"10.0.0.0/99\"]")]),
        ..folder.sources()
    };
    let found = problems(&sources);
    assert!(
        found[0].starts_with("environment variable COLLOQUY_HTTP__TRUSTED_PROXIES: http.trusted_proxies.0: "),
        "{found:?}"
    );
}

#[test]
fn broken_rules_name_the_layer_that_broke_them() {
    let folder = Folder::with("[http]\nconnections_max = 0\n");
    let sources = Sources {
        environment: variables(&[("COLLOQUY_OIDC__ALGORITHMS", r#"["RS256", "HS256"]"#)]),
        overrides: Overrides {
            data_dir: None,
            listen: Some("0.0.0.0:80".parse().unwrap()),
        },
        ..folder.sources()
    };
    let found = problems(&sources).join("\n");
    let file = format!("{}:2: http.connections_max: ", folder.path().display());
    assert!(found.contains(&file), "{found}");
    assert!(
        found.contains("environment variable COLLOQUY_OIDC__ALGORITHMS: oidc.algorithms: "),
        "{found}"
    );
    assert!(found.contains("--listen: http.listen: "), "{found}");
}

#[test]
fn an_authority_can_be_required() {
    let folder = Folder::with("");
    let sources = Sources {
        require_oidc: true,
        ..folder.sources()
    };
    let found = problems(&sources);
    assert!(
        found.len() == 1 && found[0].starts_with("--require-oidc: oidc.authority: is not set"),
        "{found:?}"
    );
    let named = Sources {
        environment: variables(&[("COLLOQUY_OIDC__AUTHORITY", "https://id.example.org/realms/a")]),
        ..sources
    };
    assert!(named.load().is_ok());
}

#[test]
fn a_development_server_behind_a_proxy_is_refused_where_the_proxy_is_named() {
    let folder = Folder::with("[log]\nformat = \"json\"\n");
    let sources = Sources {
        environment: variables(&[("COLLOQUY_HTTP__TRUSTED_PROXIES", r#"["127.0.0.0/8"]"#)]),
        ..folder.sources()
    };
    let found = problems(&sources);
    let file = format!("{}:2: log.format: ", folder.path().display());
    let proxies = "environment variable COLLOQUY_HTTP__TRUSTED_PROXIES: http.trusted_proxies: ";
    assert!(found.len() == 2, "{found:?}");
    assert!(
        found.iter().any(|problem| problem.starts_with(&file)),
        "{found:?}"
    );
    assert!(
        found.iter().any(|problem| problem.starts_with(proxies)),
        "{found:?}"
    );
}
