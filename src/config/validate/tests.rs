use super::*;

/// Applies a TOML fragment to the defaults and returns the keys of the broken rules.
fn broken(toml: &str) -> Vec<String> {
    let config: Config = toml::from_str(toml).unwrap();
    violations(&config)
        .into_iter()
        .map(|violation| violation.key)
        .collect()
}

const EXTERNAL_ISSUER: &str = "oidc.authority = \"https://id.example.org/realms/a\"\n";

#[test]
fn the_defaults_hold() {
    assert_eq!(violations(&Config::default()), []);
}

/// A fragment that breaks exactly one rule, and the key that the refusal names.
const REFUSALS: &[(&str, &str)] = &[
    ("data_dir = ''", "data_dir"),
    ("http.public_url = 'ftp://localhost'", "http.public_url"),
    ("http.public_url = 'http://localhost/colloquy'", "http.public_url"),
    ("http.public_url = 'http://u:p@localhost'", "http.public_url"),
    ("http.connections_max = 0", "http.connections_max"),
    (
        "http.connections_per_address_max = 0",
        "http.connections_per_address_max",
    ),
    ("log.level = 'inof'", "log.level"),
    ("log.level = ''", "log.level"),
    ("log.level = 'info,colloquy=loud'", "log.level"),
    ("database.url = 'mysql://localhost/x'", "database.url"),
    ("database.url = 'postgres://u:a/b@localhost/x'", "database.url"),
    ("database.connections_max = 0", "database.connections_max"),
    ("oidc.authority = 'urn:issuer'", "oidc.authority"),
    ("oidc.authority = 'https://id.example.org/?x=1'", "oidc.authority"),
    ("oidc.name = ' '", "oidc.name"),
    ("oidc.client_id = ''", "oidc.client_id"),
    ("oidc.audience = ''", "oidc.audience"),
    ("oidc.clients = ['app', '']", "oidc.clients.1"),
    ("oidc.clients = [' app']", "oidc.clients.0"),
    ("oidc.service_clients = ['']", "oidc.service_clients.0"),
    (
        "oidc.token_lifetime_max_secs = 59",
        "oidc.token_lifetime_max_secs",
    ),
    (
        "oidc.token_lifetime_max_secs = 31536001",
        "oidc.token_lifetime_max_secs",
    ),
    ("oidc.algorithms = []", "oidc.algorithms"),
    ("oidc.algorithms = ['none']", "oidc.algorithms"),
    ("oidc.algorithms = ['RS256', 'HS256']", "oidc.algorithms"),
    ("oidc.claims.groups = ' '", "oidc.claims.groups"),
    ("oidc.claims.tenant_id = 'tenant '", "oidc.claims.tenant_id"),
    ("oidc.claims.tariff_id = ' '", "oidc.claims.tariff_id"),
    ("oidc.claims.tariff_status = ' '", "oidc.claims.tariff_status"),
    ("oidc.claims.picture = ' '", "oidc.claims.picture"),
    ("oidc.claims.paid_states = ['']", "oidc.claims.paid_states"),
    (
        "oidc.claims.downgraded_states = ['late', 'paid']",
        "oidc.claims.downgraded_states",
    ),
    ("oidc.userinfo_secs = 29", "oidc.userinfo_secs"),
    ("oidc.userinfo_secs = 3601", "oidc.userinfo_secs"),
    (
        "oidc.tenant_required = true\noidc.claims.tenant_id = ''",
        "oidc.tenant_required",
    ),
    ("oidc.call_in_role = ''", "oidc.call_in_role"),
    ("oidc.recorder_role = ''", "oidc.recorder_role"),
    ("assets.folder = ''", "assets.folder"),
    ("assets.upload_bytes_max = 0", "assets.upload_bytes_max"),
    ("assets.recording_bytes_max = 0", "assets.recording_bytes_max"),
    ("assets.uploads_max = 0", "assets.uploads_max"),
    ("assets.uploads_max = 4000000000000000000", "assets.uploads_max"),
    (
        "assets.s3.endpoint = 'ftp://s3.example.org'",
        "assets.s3.endpoint",
    ),
    ("assets.s3.region = ''", "assets.s3.region"),
    ("assets.s3.request_secs_max = 0", "assets.s3.request_secs_max"),
    (
        "assets = {store = 's3', s3 = {access_key_id = 'a', secret_access_key = 'b'}}",
        "assets.s3.bucket",
    ),
    (
        "assets = {store = 's3', s3 = {bucket = 'a', secret_access_key = 'b'}}",
        "assets.s3.access_key_id",
    ),
    (
        "assets = {store = 's3', s3 = {bucket = 'a', access_key_id = 'b'}}",
        "assets.s3.secret_access_key",
    ),
    (
        "livekit.public_url = 'ftp://livekit.example.org'",
        "livekit.public_url",
    ),
    (
        "livekit.public_url = 'wss://l.example/?x=1'",
        "livekit.public_url",
    ),
    ("livekit.public_url = 'wss://l.example/#x'", "livekit.public_url"),
    (
        "livekit.service_url = 'http://u:p@localhost:7880'",
        "livekit.service_url",
    ),
    (
        "livekit.service_url = 'unix:///run/livekit'",
        "livekit.service_url",
    ),
    ("livekit.api_key = ''", "livekit.api_key"),
    ("livekit.api_secret = ''", "livekit.api_secret"),
    (
        "dev_issuer.redirect_uris = ['https://a.example/#x']",
        "dev_issuer.redirect_uris.0",
    ),
    (
        "dev_issuer.users = [{username = '', password = 'x'}]",
        "dev_issuer.users.0.username",
    ),
    (
        "dev_issuer.users = [{username = 'a', password = ''}]",
        "dev_issuer.users.0.password",
    ),
    (
        "dev_issuer.users = [{username = 'a', password = 'x'}, {username = 'a', password = 'y'}]",
        "dev_issuer.users.1.username",
    ),
    ("rooms.grace_secs = 31536001", "rooms.grace_secs"),
    ("rooms.grace_secs = 0", "rooms.grace_secs"),
    (
        "rooms.revive_max_age_secs = 31536001",
        "rooms.revive_max_age_secs",
    ),
    ("http.gateways = ['192.0.2.1/32', '::/0']", "http.gateways.1"),
    (
        "http.password_failures_per_room_per_hour = 0",
        "http.password_failures_per_room_per_hour",
    ),
    (
        "http.password_failures_per_room_per_hour = 5001",
        "http.password_failures_per_room_per_hour",
    ),
    (
        "signaling.chat_messages_per_scope_max = 0",
        "signaling.chat_messages_per_scope_max",
    ),
    (
        "signaling.reconnect_grace_secs = 31536001",
        "signaling.reconnect_grace_secs",
    ),
    (
        "signaling.commands_per_second = 0",
        "signaling.commands_per_second",
    ),
    ("signaling.commands_burst = 0", "signaling.commands_burst"),
    (
        "signaling.command_bytes_per_second = 0",
        "signaling.command_bytes_per_second",
    ),
    (
        "signaling.sessions_per_address_max = 0",
        "signaling.sessions_per_address_max",
    ),
    (
        "signaling.tickets_per_address_per_second = 0",
        "signaling.tickets_per_address_per_second",
    ),
    (
        "signaling.sessions_per_user_max = 0",
        "signaling.sessions_per_user_max",
    ),
    (
        "signaling.join_deadline_secs = 9000000000000000000",
        "signaling.join_deadline_secs",
    ),
    (
        "defaults.disabled_features = ['chat', 'Chat::x']",
        "defaults.disabled_features.1",
    ),
    (
        "defaults.user_language = 'english please'",
        "defaults.user_language",
    ),
    (
        "defaults.avatar_base_url = 'https://a.example/?s=1'",
        "defaults.avatar_base_url",
    ),
    (
        "defaults.avatar_base_url = 'https://a.example/avatar'",
        "defaults.avatar_base_url",
    ),
];

#[test]
fn every_refusal() {
    for (toml, key) in REFUSALS {
        assert_eq!(broken(toml), [*key], "{toml}");
    }
}

#[test]
fn what_is_unusual_but_right_holds() {
    for toml in [
        "log.level = 'warn,colloquy::http=debug'",
        "database.url = 'sqlite:///var/lib/colloquy/x.db'",
        "database.url = 'postgresql://u:p@db/colloquy'",
        "livekit.public_url = 'https://media.example.org/livekit'",
        "livekit.service_url = 'http://livekit:7880'",
        "rooms.grace_secs = 1",
        "signaling.reconnect_grace_secs = 0",
        "defaults.disabled_features = ['core::guests_allowed', 'raise_hands']",
        "defaults.user_language = 'zh-Hant-TW'",
    ] {
        assert_eq!(broken(toml), Vec::<String>::new(), "{toml}");
    }
}

#[test]
fn the_development_issuer_stays_on_this_machine() {
    for (toml, key) in [
        ("http.listen = '0.0.0.0:80'", "http.listen"),
        ("http.listen = '[::]:80'", "http.listen"),
        ("http.listen = '192.0.2.1:80'", "http.listen"),
        ("http.public_url = 'https://meet.example.org'", "http.public_url"),
    ] {
        assert_eq!(broken(toml), [key], "{toml}");
        let allowed = format!("dev_issuer.allow_remote = true\n{toml}");
        assert_eq!(broken(&allowed), Vec::<String>::new(), "{allowed}");
        let external = format!("{EXTERNAL_ISSUER}{toml}");
        assert_eq!(broken(&external), Vec::<String>::new(), "{external}");
    }
    for toml in [
        "http.listen = '[::1]:80'",
        "http.listen = '[::ffff:127.0.0.1]:80'",
        "http.public_url = 'http://colloquy.localhost:8080'",
    ] {
        assert_eq!(broken(toml), Vec::<String>::new(), "{toml}");
    }
}

#[test]
fn origins_of_web_clients_are_origins() {
    let broken = |origins: &str| broken(&format!("{EXTERNAL_ISSUER}http.cors_origins = {origins}"));
    for (origins, key) in [
        ("['*']", "http.cors_origins.0"),
        (
            "['https://a.example', 'https://b.example/']",
            "http.cors_origins.1",
        ),
        ("['https://a.example:443']", "http.cors_origins.0"),
    ] {
        assert_eq!(broken(origins), [key], "{origins}");
    }
    let fine = "['https://a.example', 'http://localhost:5173']";
    assert_eq!(broken(fine), Vec::<String>::new());
}

#[test]
fn the_development_issuer_keeps_no_company() {
    for (toml, key) in [
        ("http.trusted_proxies = ['127.0.0.0/8']", "http.trusted_proxies"),
        (
            "http.cors_origins = ['https://meet.example.org']",
            "http.cors_origins",
        ),
        ("log.format = 'json'", "log.format"),
    ] {
        assert_eq!(broken(toml), [key], "{toml}");
        let remote = format!("dev_issuer.allow_remote = true\n{toml}");
        assert_eq!(broken(&remote), [key], "{remote}");
        let external = format!("{EXTERNAL_ISSUER}{toml}");
        assert_eq!(broken(&external), Vec::<String>::new(), "{external}");
        let beside = format!("oidc.authority = 'http://127.0.0.1:11399/dev-issuer'\n{toml}");
        assert_eq!(broken(&beside), Vec::<String>::new(), "{beside}");
    }
    let config: Config =
        toml::from_str("http.trusted_proxies = ['10.0.0.0/8']\nlog.format = 'json'").unwrap();
    for violation in violations(&config) {
        let message = &violation.message;
        assert!(
            message.contains("oidc.authority") && message.contains("colloquy dev-issuer"),
            "{message}"
        );
    }
}

#[test]
fn what_does_not_do_what_it_says_is_told() {
    for (toml, expected) in [
        (
            "http.trusted_proxies = ['10.0.0.1/32', '0.0.0.0/0']",
            Some("http.trusted_proxies.1"),
        ),
        ("http.trusted_proxies = ['::/0']", Some("http.trusted_proxies.0")),
        ("http.trusted_proxies = ['10.0.0.0/8', 'fd00::/8']", None),
        (
            "defaults.disabled_features = ['call_in', 'call_inn']",
            Some("defaults.disabled_features.1"),
        ),
        (
            "defaults.disabled_features = ['chat::call_in']",
            Some("defaults.disabled_features.0"),
        ),
        (
            "defaults.disabled_features = ['core::call_in', 'recording::stream']",
            None,
        ),
        ("oidc.audience = '*'", Some("oidc.audience")),
        ("oidc.audience = 'colloquy'", None),
    ] {
        let config: Config = toml::from_str(toml).unwrap();
        let told: Vec<_> = warnings(&config).into_iter().map(|told| told.key).collect();
        assert_eq!(told, Vec::from_iter(expected), "{toml}");
    }
}

#[test]
fn a_database_password_is_never_repeated() {
    let config: Config = toml::from_str("database.url = 'mysql://u:hunter2@localhost/x'").unwrap();
    let text = format!("{:?}", violations(&config));
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_secret_of_livekit_is_never_repeated() {
    let toml = "livekit.api_key = ''\nlivekit.api_secret = 'hunter2'";
    let config: Config = toml::from_str(toml).unwrap();
    let text = format!("{config:?} {:?}", violations(&config));
    assert!(
        text.contains("livekit.api_key") && !text.contains("hunter2"),
        "{text}"
    );
}
