use std::{fmt::Write as _, path::PathBuf};

use super::*;
use crate::config::{Config, Sources, UserSearch, schema::Schema};

/// Every setting of theirs that is another here, or none.
const THEIRS: &str = include_str!("controller.toml");

fn imported(theirs: &str) -> String {
    let file = ConfigFile::parse(Path::new("controller.toml"), theirs.to_owned()).unwrap();
    import::import(&file)
}

/// The settings of a text that was made, which all are ours.
fn settings(text: &str) -> Map<String, Value> {
    let settings: Map<String, Value> = toml::from_str(text).unwrap();
    assert_eq!(
        Schema::new().unknown(&settings),
        Vec::<Vec<String>>::new(),
        "{text}"
    );
    settings
}

fn at<'a>(settings: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut names = name.split('.');
    let first = settings.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// What `config check` would say of a file.
fn problems(toml: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("controller.toml");
    std::fs::write(&path, toml).unwrap();
    let sources = Sources {
        file: Some(path.clone()),
        ..Sources::default()
    };
    match sources.load() {
        Err(ConfigError::Problems(problems)) => problems
            .iter()
            .map(|problem| problem.to_string().replace(&path.display().to_string(), "file"))
            .collect(),
        Err(error) => panic!("{error}"),
        Ok(_) => Vec::new(),
    }
}

/// The lines about settings without a counterpart.
fn left(text: &str) -> Vec<&str> {
    let rest = text.split("# What has no counterpart here:\n").nth(1);
    let rest = rest.map(|rest| rest.split("\n\n").next().unwrap());
    rest.into_iter().flat_map(str::lines).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_setting_becomes_ours_or_a_comment() {
    let text = imported(THEIRS);
    let ours = settings(&text);
    let list = |json: &str| serde_json::from_str::<Value>(json).unwrap();
    for (name, expected) in [
        (
            "database.url",
            list(r#""postgres://opentalk:s3cret-database@db.internal/opentalk""#),
        ),
        ("database.connections_max", list("10")),
        ("http.listen", list(r#""[::]:8080""#)),
        ("http.docs", list("false")),
        (
            "oidc.authority",
            list(r#""https://accounts.example.org/auth/realms/opentalk""#),
        ),
        (
            "oidc.service_authority",
            list(r#""http://keycloak:8080/auth/realms/opentalk""#),
        ),
        ("oidc.client_id", list(r#""Webclient""#)),
        (
            "oidc.user_search.api_url",
            list(r#""https://accounts.example.org/auth/admin/realms/opentalk""#),
        ),
        ("oidc.user_search.client_id", list(r#""Controller""#)),
        ("oidc.user_search.client_secret", list(r#""s3cret-controller""#)),
        ("oidc.claims.tenant_id", list(r#""tenant""#)),
        ("oidc.claims.paid_states", list(r#"["paid", "trial"]"#)),
        ("oidc.claims.downgraded_states", list(r#"["unpaid"]"#)),
        ("oidc.claims.downgraded_tariff", list(r#""Downgraded""#)),
        ("mail.web_client_url", list(r#""https://meet.example.org""#)),
        ("defaults.user_search", list(r#""off""#)),
        ("defaults.custom_display_names", list("false")),
        ("defaults.user_language", list(r#""de""#)),
        ("defaults.disabled_features", list(r#"["call_in"]"#)),
        (
            "defaults.avatar_base_url",
            list(r#""https://avatars.example.org/avatar/""#),
        ),
        ("turn.stun_uris", list(r#"["stun:turn.example.org:3478"]"#)),
        ("turn.lifetime_secs", list("3600")),
        (
            "turn.servers",
            list(
                r#"[{"uris": ["turn:turn.example.org:3478?transport=udp"], "secret": "s3cret-turn-s3cret-turn-s3cret-turn"}]"#,
            ),
        ),
        ("livekit.api_key", list(r#""opentalk""#)),
        ("livekit.screen_share_requires_permission", list("true")),
        ("call_in.tel", list(r#""+49 30 1234567""#)),
        ("call_in.show_names_of_users", list("true")),
        ("call_in.default_country", list(r#""AT""#)),
        ("assets.store", list(r#""s3""#)),
        ("assets.s3.endpoint", list(r#""https://minio.example.org""#)),
        ("assets.s3.bucket", list(r#""controller""#)),
        ("assets.s3.access_key_id", list(r#""minio-user""#)),
        ("assets.s3.secret_access_key", list(r#""s3cret-minio""#)),
        ("shared_folder.provider", list(r#""nextcloud""#)),
        ("shared_folder.expiry_days", list("48")),
        ("shared_folder.password", list(r#""s3cret-cloud""#)),
        ("etherpad.base_url", list(r#""https://etherpad.example.org""#)),
        ("etherpad.api_key", list(r#""s3cret-etherpad""#)),
        ("whiteboard.base_url", list(r#""https://spacedeck.example.org""#)),
        ("whiteboard.api_key", list(r#""s3cret-spacedeck""#)),
        ("livekit.whisper_groups", list("true")),
    ] {
        assert_eq!(at(&ours, name), Some(&expected), "{name}\n{text}");
    }
    // One way or the other, by what this version has.
    assert!(text.contains("external_invitations"), "{text}");
    let words = left(&text);
    let mut told: Vec<_> = words
        .iter()
        .filter(|line| !line.contains("external_invitations"))
        .collect();
    let names: Vec<_> = told
        .drain(..)
        .map(|line| line.split(": ").nth(1).unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "database.min_connections",
            "keycloak.external_id_user_attribute_name",
            "user_search.backend",
            "user_search.external_id_user_attribute_name",
            "user_search.users_find_behavior",
            "rabbit_mq.url",
            "rabbit_mq.mail_task_queue",
            "redis.url",
            "tenants.static_tenant_id",
            "tariffs.static_tariff_name",
            "tariffs.status_mapping.default",
            "logging.default_directives",
            "metrics.allowlist",
            "monitoring.port",
            "monitoring.addr",
            "etcd.urls",
            "authz.synchronize_controllers",
        ],
        "{text}"
    );
    assert!(
        words[0].starts_with("# line 6: database.min_connections: connections are made"),
        "{words:?}"
    );
}

#[test]
fn what_was_made_is_a_configuration() {
    let text = imported(THEIRS);
    assert!(!text.contains("to be put right"), "{text}");
    assert_eq!(problems(&text), Vec::<String>::new(), "{text}");
}

#[test]
fn comments_tell_no_secrets() {
    let text = imported(THEIRS);
    let comments: Vec<_> = text.lines().filter(|line| line.starts_with('#')).collect();
    assert!(comments.len() > 10, "{comments:?}");
    assert!(
        !comments.iter().any(|line| line.contains("s3cret")),
        "{comments:?}"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn check_names_ours_for_each_of_theirs_in_the_order_of_lines() {
    let found = problems(THEIRS);
    let told = |name: &str| {
        found
            .iter()
            .find(|problem| problem.contains(&format!(" {name}: ")))
    };
    for (theirs, ours) in [
        ("http.addr", "http.listen"),
        ("http.port", "http.listen"),
        ("keycloak.base_url", "oidc.authority"),
        ("keycloak.realm", "oidc.authority"),
        ("oidc.frontend.client_id", "oidc.client_id"),
        ("oidc.controller.authority", "oidc.service_authority"),
        ("oidc.controller.client_secret", "oidc.user_search.client_secret"),
        ("user_search.api_base_url", "oidc.user_search.api_url"),
        ("frontend.base_url", "mail.web_client_url"),
        ("endpoints.disable_users_find", "defaults.user_search"),
        (
            "endpoints.event_invite_external_email_address",
            "mail.external_invitations",
        ),
        (
            "endpoints.disallow_custom_display_name",
            "defaults.custom_display_names, which says the opposite",
        ),
        ("endpoints.disable_openapi", "http.docs, which says the opposite"),
        ("stun.uris", "turn.stun_uris"),
        ("call_in.enable_phone_mapping", "call_in.show_names_of_users"),
        ("call_in.default_country_code", "call_in.default_country"),
        ("minio.uri", "assets.s3.endpoint"),
        ("minio.secret_key", "assets.s3.secret_access_key"),
        ("shared_folder.expiry", "shared_folder.expiry_days"),
        (
            "defaults.screen_share_requires_permission",
            "livekit.screen_share_requires_permission",
        ),
        ("etherpad.url", "etherpad.base_url"),
        ("spacedeck.api_key", "whiteboard.api_key"),
        ("subroom_audio.enable_whisper", "livekit.whisper_groups"),
        ("tenants.assignment", "oidc.claims.tenant_id"),
        (
            "tenants.external_tenant_id_user_attribute_name",
            "oidc.claims.tenant_id",
        ),
        ("tariffs.status_mapping.paid", "oidc.claims.paid_states"),
        (
            "tariffs.status_mapping.downgraded_tariff_name",
            "oidc.claims.downgraded_tariff",
        ),
    ] {
        let problem = told(theirs).unwrap_or_else(|| panic!("{theirs}: {found:?}"));
        assert!(
            problem.ends_with(&format!("{theirs}: unknown key; here it is {ours}")),
            "{problem}"
        );
    }
    for (theirs, word) in [
        ("rabbit_mq.mail_task_queue", "mail.host"),
        ("redis.url", "cluster.redis_url"),
        ("logging.default_directives", "log.level"),
        ("metrics.allowlist", "no metrics"),
        ("monitoring.port", "/health/ready"),
        ("etcd.urls", "no place"),
        ("authz.synchronize_controllers", "from the database"),
    ] {
        assert!(
            told(theirs).is_some_and(|problem| problem.contains(word)),
            "{theirs}: {found:?}"
        );
    }
    let line = |problem: &String| problem.split(':').nth(1).unwrap().parse::<usize>().unwrap();
    assert!(found.is_sorted_by_key(line), "{found:?}");
    assert!(
        !found.iter().any(|problem| problem.contains("the nearest")),
        "{found:?}"
    );
    assert!(
        !found.iter().any(|problem| problem.contains("s3cret")),
        "{found:?}"
    );
}

#[test]
fn the_secret_of_a_relay_is_told_too() {
    let found =
        problems("[[turn.servers]]\nuris = [\"turn:turn.example.org\"]\npre_shared_key = \"s3cret\"\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("`pre_shared_key`; here it is turn.servers.secret"),
        "{found:?}"
    );
}

#[test]
fn everybody_may_be_of_one_tenant_and_tariff() {
    let text = imported(
        "[tenants]\nassignment = \"static\"\nexternal_tenant_id_user_attribute_name = \"x\"\n[tariffs]\nassignment = \"static\"\n",
    );
    let ours = settings(&text);
    assert_eq!(
        at(&ours, "oidc.claims.tenant_id"),
        Some(&Value::from("")),
        "{text}"
    );
    assert_eq!(
        at(&ours, "oidc.claims.tariff_id"),
        Some(&Value::from("")),
        "{text}"
    );
}

#[test]
fn an_authority_stands_where_theirs_may_stand() {
    for (theirs, authority, own) in [
        (
            "oidc.authority = 'https://id.example.org/realms/a/'",
            "https://id.example.org/realms/a",
            None,
        ),
        (
            "keycloak.base_url = 'https://id.example.org'\nkeycloak.realm = 'a b'",
            "https://id.example.org/realms/a%20b",
            None,
        ),
        (
            "oidc.authority = 'http://kc/realms/a'\noidc.frontend.authority = 'https://id.example.org/realms/a'",
            "https://id.example.org/realms/a",
            Some("http://kc/realms/a"),
        ),
        (
            "oidc.authority = 'https://id.example.org/realms/a'\noidc.controller.authority = 'http://kc/realms/a'",
            "https://id.example.org/realms/a",
            Some("http://kc/realms/a"),
        ),
    ] {
        let ours = settings(&imported(theirs));
        assert_eq!(
            at(&ours, "oidc.authority"),
            Some(&Value::from(authority)),
            "{theirs}"
        );
        let own = own.map(Value::from);
        assert_eq!(at(&ours, "oidc.service_authority"), own.as_ref(), "{theirs}");
    }
}

#[test]
fn the_old_search_for_people_is_found_at_keycloak() {
    let keycloak = "[keycloak]\nbase_url = 'https://id.example.org'\nrealm = 'a'\nclient_id = 'c'\nclient_secret = 's3cret'\n";
    let asked = format!("{keycloak}[endpoints]\nusers_find_use_kc = true\n");
    let ours = settings(&imported(&asked));
    let url = Value::from("https://id.example.org/admin/realms/a");
    assert_eq!(at(&ours, "oidc.user_search.api_url"), Some(&url));
    assert_eq!(
        at(&ours, "oidc.user_search.client_secret"),
        Some(&Value::from("s3cret"))
    );
    let text = imported(keycloak);
    assert_eq!(at(&settings(&text), "oidc.user_search"), None, "{text}");
    assert_eq!(left(&text).len(), 2, "{text}");
}

#[test]
fn what_can_not_be_taken_over_is_told() {
    for (theirs, name) in [
        ("http.port = 'eighty'", "http.port"),
        ("http.port = 70000", "http.port"),
        ("http.addr = 'localhost'", "http.addr"),
        ("http.addr = 7", "http.addr"),
        (
            "keycloak.base_url = 'id'\nkeycloak.realm = 'a'",
            "keycloak.base_url",
        ),
        ("endpoints.disable_openapi = 'yes'", "endpoints.disable_openapi"),
        ("endpoints.disable_users_find = 1", "endpoints.disable_users_find"),
        ("minio.uri = 7", "assets.s3.endpoint"),
        ("database.url = 7", "database.url"),
        (
            "call_in.default_country_code = 'Atlantis'",
            "call_in.default_country",
        ),
        ("shared_folder.provider = 'webdav'", "shared_folder.provider"),
        (
            "turn.servers = [{uris = ['turn:a'], key = 's3cret'}]",
            "turn.servers",
        ),
        ("surprise = 1", "surprise"),
        ("http = 1", "http"),
        ("rooms.surprise = {a = 1}", "rooms.surprise.a"),
    ] {
        let text = imported(theirs);
        settings(&text);
        assert!(
            left(&text).iter().any(|line| line.contains(name)),
            "{theirs}: {text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn rules_that_are_broken_are_told() {
    let text = imported("livekit.public_url = 'ftp://livekit.example.org'\n");
    assert!(
        text.contains("# What is to be put right:\n# livekit.public_url: "),
        "{text}"
    );
}

#[test]
fn a_name_makes_no_setting_of_a_comment() {
    let text = imported("\"a\\ndata_dir = '/x'\\n#\" = 1\n[\"http.\"]\n\"port\\n[log]\" = 2\n");
    assert_eq!(settings(&text), settings(&imported("")), "{text}");
    assert_eq!(left(&text).len(), 2, "{text}");
}

#[test]
fn texts_stay_what_they_are() {
    let mut theirs = String::new();
    let name = "a\"b\\c\n'''d\u{1}ü\"\"\"";
    let _ = writeln!(theirs, "oidc.frontend.client_id = {}", toml::Value::from(name));
    let ours = settings(&imported(&theirs));
    assert_eq!(at(&ours, "oidc.client_id"), Some(&Value::from(name)));
}

#[test]
fn an_empty_file_becomes_what_theirs_takes_for_granted() {
    let config: Config = toml::from_str(&imported("")).unwrap();
    let mut expected = Config::default();
    expected.mail.external_invitations = false;
    assert_eq!(config, expected);
}

#[test]
fn nobody_gets_into_the_wrong_tenant_or_is_found_where_nobody_was() {
    let ours = |theirs: &str| -> Config { toml::from_str(&imported(theirs)).unwrap() };
    for (theirs, claim) in [
        ("tenants.assignment = 'by_external_tenant_id'", "tenant_id"),
        (
            "tenants = {assignment = 'by_external_tenant_id', external_tenant_id_user_attribute_name = 'company'}",
            "company",
        ),
        (
            "tenants.external_tenant_id_user_attribute_name = 'company'",
            "company",
        ),
    ] {
        let oidc = ours(theirs).oidc;
        assert_eq!(
            (oidc.claims.tenant_id.as_str(), oidc.tenant_required),
            (claim, true),
            "{theirs}"
        );
    }
    let search =
        "api_base_url = 'https://id.example.org/admin/realms/a', client_id = 'c', client_secret = 's'";
    let disabled = ours(&format!(
        "user_search = {{{search}, users_find_behavior = 'disabled'}}"
    ));
    assert_eq!(disabled.defaults.user_search, UserSearch::Off);
    let database = ours(&format!(
        "user_search = {{{search}, users_find_behavior = 'from_database'}}"
    ));
    assert_eq!(database.oidc.user_search.api_url, None);
    assert_eq!(database.defaults.user_search, UserSearch::On);
}
