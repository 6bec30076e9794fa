//! Rules that types alone do not express. Messages never repeat a secret.

mod claims;
mod cluster;
mod database;
mod dev_issuer;
mod issuer_names;
mod jobs;
mod mail;
mod oidc_clients;
mod plain;
mod quotas;
mod recording;
mod secrets;
mod shared_folder;
mod turn;
mod user_search;
mod whiteboard;

use url::Url;

use super::{
    AssetSettings, AssetStoreKind, Config, Defaults, Http, Livekit, Log, Oidc, Rooms, SignalingSettings,
};
use crate::catalogue::names;

/// Signature algorithms that verify with a public key. Symmetric ones would turn that key into a secret.
const ASYMMETRIC_ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// Longest time span that a setting may hold: a year, in seconds.
const SPAN_SECS_MAX: u64 = 365 * 24 * 3600;

/// Most of anything that is counted one by one, far above what a machine holds.
const COUNT_MAX: usize = 1_000_000_000;

/// Most wrong passwords that a room may have in an hour: the room remembers twice as many.
const PASSWORD_FAILURES_MAX: u32 = 5_000;

/// Longest language tag that a user's profile holds, in characters.
const LANGUAGE_CHARS_MAX: usize = 35;

/// A rule that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) key: String,
    pub(super) message: String,
}

/// All rules that `config` breaks.
pub(super) fn violations(config: &Config) -> Vec<Violation> {
    let mut rules = Rules::default();
    rules.require(
        "data_dir",
        config
            .data_dir
            .as_ref()
            .is_none_or(|path| !path.as_os_str().is_empty()),
        "must not be empty; leave it out for the platform's data folder",
    );
    rules.http(&config.http);
    rules.log(&config.log);
    rules.database(&config.database);
    rules.oidc(&config.oidc);
    rules.oidc_clients(&config.oidc);
    rules.issuer_names(config);
    rules.user_search(&config.oidc);
    if config.dev_issuer_enabled() {
        rules.dev_issuer_reach(config);
        rules.dev_issuer_company(config);
    }
    rules.dev_issuer(&config.dev_issuer);
    rules.rooms(&config.rooms);
    rules.signaling(&config.signaling);
    rules.livekit(&config.livekit);
    rules.mail(&config.mail);
    rules.shared_folder(&config.shared_folder);
    rules.whiteboard(&config.whiteboard);
    rules.etherpad(&config.etherpad);
    rules.turn(&config.turn);
    rules.call_in(&config.call_in);
    rules.assets(&config.assets);
    rules.recording(&config.recording);
    rules.cluster(config);
    rules.jobs(&config.jobs);
    rules.quotas(&config.quotas);
    rules.defaults(&config.defaults);
    rules.outgoing(&config.outgoing);
    rules.encrypted(config);
    rules.placeholders(config);
    rules.0
}

/// What `config` has that a server for others should not have. It starts all the same.
pub(super) fn warnings(config: &Config) -> Vec<Violation> {
    let mut rules = Rules::default();
    rules.verified_database(&config.database);
    rules.encrypted_for_clients(config);
    rules.trusted_proxies(&config.http);
    rules.known_features(&config.defaults);
    rules.any_client(&config.oidc);
    rules.absent_claims(&config.oidc);
    if !config.dev_issuer_enabled() {
        rules.weak_secrets(config);
    }
    rules.0
}

#[derive(Default)]
struct Rules(Vec<Violation>);

impl Rules {
    fn require(&mut self, key: &str, holds: bool, message: impl Into<String>) {
        if !holds {
            self.0.push(Violation {
                key: key.to_owned(),
                message: message.into(),
            });
        }
    }

    fn positive(&mut self, key: &str, value: impl Into<u64>) {
        self.require(key, value.into() > 0, "must be at least 1");
    }

    fn positive_count(&mut self, key: &str, value: usize) {
        self.require(
            key,
            (1..=COUNT_MAX).contains(&value),
            format!("must be between 1 and {COUNT_MAX}"),
        );
    }

    fn span(&mut self, key: &str, secs: u64) {
        self.require(
            key,
            secs <= SPAN_SECS_MAX,
            format!("must be at most {SPAN_SECS_MAX} seconds"),
        );
    }

    fn filled(&mut self, key: &str, text: &str) {
        self.require(key, !text.trim().is_empty(), "must not be empty");
    }

    fn web_url(&mut self, key: &str, url: &Url) {
        self.require(
            key,
            is_web_url(url),
            "must be an http or https URL without user, query and fragment",
        );
    }

    fn http(&mut self, http: &Http) {
        if let Some(url) = &http.public_url {
            self.web_url("http.public_url", url);
            self.require(
                "http.public_url",
                url.path() == "/",
                "must have no path: the server answers at the root of its host",
            );
        }
        for (index, origin) in http.cors_origins.iter().enumerate() {
            self.require(
                &format!("http.cors_origins.{index}"),
                is_origin(origin),
                format!(
                    "`{origin}` is not an origin such as https://meet.example.org (no path, no trailing slash); \
                     an empty list allows any"
                ),
            );
        }
        self.positive_count("http.connections_max", http.connections_max);
        self.positive_count(
            "http.connections_per_address_max",
            http.connections_per_address_max,
        );
        for (index, network) in http.gateways.iter().enumerate() {
            self.require(
                &format!("http.gateways.{index}"),
                network.prefix_len() > 0,
                "must not be everybody: requests from there have no limit per address",
            );
        }
        self.require(
            "http.password_failures_per_room_per_hour",
            (1..=PASSWORD_FAILURES_MAX).contains(&http.password_failures_per_room_per_hour),
            format!("must be between 1 and {PASSWORD_FAILURES_MAX}"),
        );
    }

    fn trusted_proxies(&mut self, http: &Http) {
        for (index, network) in http.trusted_proxies.iter().enumerate() {
            self.require(
                &format!("http.trusted_proxies.{index}"),
                network.prefix_len() > 0,
                "is everybody: each client chooses under which address it is counted; name the proxy's own address",
            );
        }
    }

    fn log(&mut self, log: &Log) {
        self.require(
            "log.level",
            is_log_filter(&log.level),
            "must be off, error, warn, info, debug or trace, optionally with targets such as info,colloquy=debug",
        );
    }

    fn oidc(&mut self, oidc: &Oidc) {
        if let Some(url) = &oidc.authority {
            self.web_url("oidc.authority", url);
        }
        self.filled("oidc.name", &oidc.name);
        self.filled("oidc.client_id", &oidc.client_id);
        if let Some(audience) = &oidc.audience {
            self.filled("oidc.audience", audience);
        }
        self.require(
            "oidc.algorithms",
            !oidc.algorithms.is_empty(),
            "must name at least one algorithm",
        );
        for algorithm in &oidc.algorithms {
            self.require(
                "oidc.algorithms",
                ASYMMETRIC_ALGORITHMS.contains(&algorithm.as_str()),
                format!(
                    "`{algorithm}` is not an asymmetric algorithm; known are {}",
                    ASYMMETRIC_ALGORITHMS.join(", ")
                ),
            );
        }
        self.claims(oidc);
        self.filled("oidc.call_in_role", &oidc.call_in_role);
        self.filled("oidc.recorder_role", &oidc.recorder_role);
    }

    fn rooms(&mut self, rooms: &Rooms) {
        self.span("rooms.grace_secs", rooms.grace_secs);
        // From the last ticket to the first socket nobody is there.
        self.positive("rooms.grace_secs", rooms.grace_secs);
        self.span("rooms.drain_secs", rooms.drain_secs);
        self.span("rooms.revive_max_age_secs", rooms.revive_max_age_secs);
    }

    fn signaling(&mut self, signaling: &SignalingSettings) {
        self.positive_count(
            "signaling.chat_messages_per_scope_max",
            signaling.chat_messages_per_scope_max,
        );
        self.span("signaling.reconnect_grace_secs", signaling.reconnect_grace_secs);
        self.positive("signaling.join_deadline_secs", signaling.join_deadline_secs);
        self.span("signaling.join_deadline_secs", signaling.join_deadline_secs);
        self.positive("signaling.commands_per_second", signaling.commands_per_second);
        self.positive("signaling.commands_burst", signaling.commands_burst);
        self.positive(
            "signaling.command_bytes_per_second",
            signaling.command_bytes_per_second,
        );
        self.positive_count(
            "signaling.sessions_per_address_max",
            signaling.sessions_per_address_max,
        );
        self.positive(
            "signaling.tickets_per_address_per_second",
            signaling.tickets_per_address_per_second,
        );
        self.positive_count("signaling.sessions_per_user_max", signaling.sessions_per_user_max);
    }

    fn livekit(&mut self, livekit: &Livekit) {
        let urls = [
            ("livekit.public_url", &livekit.public_url),
            ("livekit.service_url", &livekit.service_url),
        ];
        for (key, url) in urls {
            let is_fine = matches!(url.scheme(), "ws" | "wss" | "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none();
            self.require(
                key,
                is_fine,
                "must be a ws, wss, http or https URL without user and query",
            );
        }
        self.require(
            "livekit.api_key",
            !livekit.api_key.is_empty(),
            "must not be empty",
        );
        self.require(
            "livekit.api_secret",
            !livekit.api_secret.reveal().is_empty(),
            "must not be empty",
        );
    }

    fn assets(&mut self, assets: &AssetSettings) {
        self.positive("assets.upload_bytes_max", assets.upload_bytes_max);
        self.positive("assets.recording_bytes_max", assets.recording_bytes_max);
        self.positive_count("assets.uploads_max", assets.uploads_max);
        let is_path = |path: &std::path::PathBuf| !path.as_os_str().is_empty();
        self.require(
            "assets.folder",
            assets.folder.as_ref().is_none_or(is_path),
            "must not be empty; leave it out for a folder in the data folder",
        );
        let s3 = &assets.s3;
        if let Some(endpoint) = &s3.endpoint {
            self.web_url("assets.s3.endpoint", endpoint);
        }
        self.filled("assets.s3.region", &s3.region);
        self.positive("assets.s3.request_secs_max", s3.request_secs_max);
        self.span("assets.s3.request_secs_max", s3.request_secs_max);
        if assets.store == AssetStoreKind::S3 {
            let secret = s3.secret_access_key.as_ref().map(crate::secrets::Secret::reveal);
            for (key, text) in [
                ("assets.s3.bucket", s3.bucket.as_deref()),
                ("assets.s3.access_key_id", s3.access_key_id.as_deref()),
                ("assets.s3.secret_access_key", secret),
            ] {
                self.filled(key, text.unwrap_or_default());
            }
        }
    }

    /// Older and newer servers know other features: an unknown one turns nothing off here, and does no harm.
    fn known_features(&mut self, defaults: &Defaults) {
        for (index, feature) in defaults.disabled_features.iter().enumerate() {
            if let Err(error) = names::feature(feature) {
                let message = format!("turns nothing off: {error}");
                self.require(&format!("defaults.disabled_features.{index}"), false, message);
            }
        }
    }

    fn defaults(&mut self, defaults: &Defaults) {
        for (index, feature) in defaults.disabled_features.iter().enumerate() {
            self.require(
                &format!("defaults.disabled_features.{index}"),
                is_feature(feature),
                format!("`{feature}` is not [<module>::]<feature> in lower-case letters, digits and _"),
            );
        }
        self.require(
            "defaults.user_language",
            is_language_tag(&defaults.user_language),
            "must be a BCP 47 language tag such as en or de-CH",
        );
        self.web_url("defaults.avatar_base_url", &defaults.avatar_base_url);
        self.require(
            "defaults.avatar_base_url",
            defaults.avatar_base_url.path().ends_with('/'),
            "must end with a slash: a hash is appended",
        );
    }
}

fn is_web_url(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| is_web_url(&url) && url.origin().ascii_serialization() == text)
}

/// A bare word that is no level would be taken for a target and silence everything else: it is a typing error.
fn is_log_filter(filter: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let words_are_levels = filter
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.contains(['=', '[']))
        .all(|word| LEVELS.contains(&word.to_ascii_lowercase().as_str()));
    words_are_levels && tracing_subscriber::EnvFilter::try_new(filter).is_ok()
}

fn is_feature(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    match text.split_once("::") {
        Some((module, feature)) => is_name(module) && is_name(feature),
        None => is_name(text),
    }
}

fn is_language_tag(text: &str) -> bool {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or_default();
    text.len() <= LANGUAGE_CHARS_MAX
        && (2..=8).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|subtag| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests;
