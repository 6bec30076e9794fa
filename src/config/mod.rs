//! The typed settings tree. Every key has a default; `config/colloquy.toml` documents each of them.
//!
//! Defaults < file < environment < command line: see [`Sources::load`].

mod assets;
mod call_in;
mod cluster;
mod data_folder;
mod database;
mod defaults;
mod environment;
mod error;
mod etherpad;
mod file;
mod foreign;
mod guests;
mod job;
mod job_parameters;
mod jobs;
mod livekit;
mod load;
mod mail;
mod modules;
mod oidc;
mod outgoing;
mod recording;
#[cfg(test)]
mod reference;
mod schema;
mod secret_files;
mod secret_keys;
mod shared_folder;
mod turn;
mod validate;
mod whiteboard;

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

pub use crate::quotas::Quotas;

pub use self::{
    assets::{AssetSettings, AssetStoreKind, S3},
    call_in::CallInSettings,
    cluster::{ClusterNode, RedisKind},
    data_folder::{DataFolderError, prepare_data_folder},
    database::Database,
    defaults::{Avatars, Defaults, UserSearch},
    environment::CONFIG_FILE_VARIABLE,
    error::{ConfigError, Problem, SettingSource},
    etherpad::{EtherpadAccess, EtherpadSettings},
    foreign::import_file,
    guests::Guests,
    job::Job,
    job_parameters::{Parameters, ParametersError},
    jobs::{Jobs, ScheduledJob},
    livekit::Livekit,
    load::{Loaded, Overrides, Sources},
    mail::{MailSettings, MailTls},
    oidc::{ANY_AUDIENCE, CLIENT_CHARS_MAX, ClaimNames, EmailVerified, Oidc, UserDirectory},
    outgoing::Outgoing,
    recording::RecordingSettings,
    shared_folder::SharedFolderSettings,
    turn::{Turn, TurnServer},
    whiteboard::WhiteboardSettings,
};

/// Path below which the development issuer answers.
pub const DEV_ISSUER_PATH: &str = "/dev-issuer";

/// All settings of a server. Unknown keys are errors.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder for the embedded database, journals, assets and keys; the platform's data folder when absent.
    pub data_dir: Option<PathBuf>,
    pub http: Http,
    pub log: Log,
    pub database: Database,
    pub outgoing: Outgoing,
    pub oidc: Oidc,
    pub dev_issuer: DevIssuerSettings,
    pub rooms: Rooms,
    pub signaling: SignalingSettings,
    pub livekit: Livekit,
    pub mail: MailSettings,
    pub shared_folder: SharedFolderSettings,
    pub whiteboard: WhiteboardSettings,
    pub etherpad: EtherpadSettings,
    pub assets: AssetSettings,
    pub cluster: ClusterNode,
    pub recording: RecordingSettings,
    pub turn: Turn,
    pub call_in: CallInSettings,
    pub jobs: Jobs,
    pub quotas: Quotas,
    pub guests: Guests,
    pub defaults: Defaults,
}

/// Most bytes of a request's line and headers; beyond it the answer is 431.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// The HTTP listener.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    pub listen: SocketAddr,
    /// URL under which browsers reach this server; derived from `listen` when absent.
    pub public_url: Option<Url>,
    /// Networks whose `Forwarded`/`X-Forwarded-For` headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// Networks of server-side clients, whose requests for tickets count per user or invite code.
    pub gateways: Vec<IpNet>,
    /// Origins allowed by CORS; empty means any.
    pub cors_origins: Vec<String>,
    /// Open connections in total.
    pub connections_max: usize,
    /// Open connections per client address (loopback exempt while the development issuer is on).
    pub connections_per_address_max: usize,
    /// Changes that one user may make per second in the long run; 0: any number.
    pub writes_per_second: u32,
    /// Wrong passwords of a room within an hour, whoever they are of, after which guesses are held back.
    pub password_failures_per_room_per_hour: u32,
    /// Whether the API's descriptions are served, below `/docs` and as documents.
    pub docs: bool,
}

/// Log output.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// `tracing-subscriber` filter, e.g. `info` or `info,colloquy=debug`.
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The built-in identity provider for development.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevIssuerSettings {
    /// Serve it although the listener is reachable from other machines.
    pub allow_remote: bool,
    /// Redirect URIs beyond loopback hosts, compared exactly.
    pub redirect_uris: Vec<Url>,
    pub users: Vec<DevUser>,
}

/// A person or service that the development issuer knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DevUser {
    pub username: String,
    pub password: String,
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub given_name: String,
    #[serde(default)]
    pub family_name: String,
    #[serde(default)]
    pub groups: Vec<String>,
    /// Realm roles, for services.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// How rooms keep their state.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rooms {
    pub journal: JournalKind,
    /// Wait for the disk after each batch.
    pub fsync: bool,
    /// Seconds after the last departure until a meeting's state is dropped.
    pub grace_secs: u64,
    /// Seconds for which a draining server waits for its rooms.
    pub drain_secs: u64,
    /// Journals older than this many seconds are not revived at start.
    pub revive_max_age_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalKind {
    #[default]
    File,
    Memory,
}

/// Limits and choices of the signaling protocol.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalingSettings {
    pub chat_history: ChatHistory,
    /// Messages kept per scope.
    pub chat_messages_per_scope_max: usize,
    /// Seconds a participant stays listed after its connection broke.
    pub reconnect_grace_secs: u64,
    pub commands_per_second: u32,
    pub commands_burst: u32,
    pub command_bytes_per_second: u32,
    pub sessions_per_address_max: usize,
    pub tickets_per_address_per_second: u32,
    /// Seconds within which a socket must join, or be put to wait.
    pub join_deadline_secs: u64,
    /// Sockets of one client network that have yet to join.
    pub unjoined_sockets_per_network: usize,
    pub sessions_per_user_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatHistory {
    /// Chunks with indexes, for web clients from 2.6 on.
    #[default]
    Chunks,
    /// Plain lists, for web clients up to 2.5.
    List,
}

impl Config {
    /// Whether the built-in development issuer vouches for users: exactly when no external one is named.
    #[must_use]
    pub fn dev_issuer_enabled(&self) -> bool {
        self.oidc.authority.is_none()
    }

    /// Issuer URL of the development issuer, `None` while an external one vouches for users.
    #[must_use]
    pub fn dev_issuer_url(&self) -> Option<Url> {
        let mut url = self.http.public_url();
        url.set_path(DEV_ISSUER_PATH);
        self.dev_issuer_enabled().then_some(url)
    }
}

impl Http {
    /// URL under which browsers reach this server: the setting, or one derived from `listen`.
    /// An unspecified address (0.0.0.0) becomes `localhost`.
    #[must_use]
    pub fn public_url(&self) -> Url {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let port = self.listen.port();
        let text = match self.listen.ip() {
            ip if ip.is_unspecified() => format!("http://localhost:{port}/"),
            ip => format!("http://{}/", SocketAddr::new(ip, port)),
        };
        #[expect(
            clippy::expect_used,
            reason = "a socket address is a valid authority; see the test beside"
        )]
        Url::parse(&text).expect("URL of a socket address")
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 11311)),
            public_url: None,
            trusted_proxies: Vec::new(),
            gateways: Vec::new(),
            cors_origins: Vec::new(),
            connections_max: 50_000,
            connections_per_address_max: 6_000,
            writes_per_second: 20,
            password_failures_per_room_per_hour: 100,
            docs: true,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}

impl Default for DevIssuerSettings {
    fn default() -> Self {
        let person = |name: &str, given: &str, family: &str| DevUser {
            username: name.to_owned(),
            password: name.to_owned(),
            email: format!("{name}@example.org"),
            given_name: given.to_owned(),
            family_name: family.to_owned(),
            groups: Vec::new(),
            roles: Vec::new(),
        };
        let service = |name: &str, role: &str| DevUser {
            roles: vec![role.to_owned()],
            email: String::new(),
            ..person(name, "", "")
        };
        Self {
            allow_remote: false,
            redirect_uris: Vec::new(),
            users: vec![
                person("alice", "Alice", "Adams"),
                person("bob", "Bob", "Burton"),
                person("carol", "Carol", "Clark"),
                service("call-in", "opentalk-call-in"),
                service("recorder", "opentalk-recorder"),
            ],
        }
    }
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            journal: JournalKind::File,
            fsync: false,
            grace_secs: 60,
            drain_secs: 3_600,
            revive_max_age_secs: 600,
        }
    }
}

impl Default for SignalingSettings {
    fn default() -> Self {
        Self {
            chat_history: ChatHistory::Chunks,
            chat_messages_per_scope_max: 1_000,
            reconnect_grace_secs: 15,
            commands_per_second: 20,
            commands_burst: 256,
            join_deadline_secs: 60,
            unjoined_sockets_per_network: 256,
            command_bytes_per_second: 256 * 1024,
            sessions_per_address_max: 5_000,
            tickets_per_address_per_second: 20,
            sessions_per_user_max: 50,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_url_follows_the_listener_unless_set() {
        let url = |listen: &str| {
            let listen = listen.parse().unwrap();
            Http {
                listen,
                ..Http::default()
            }
            .public_url()
            .to_string()
        };
        assert_eq!(url("127.0.0.1:11311"), "http://127.0.0.1:11311/");
        assert_eq!(url("[::1]:8080"), "http://[::1]:8080/");
        assert_eq!(url("0.0.0.0:8080"), "http://localhost:8080/");
        assert_eq!(url("[::]:8080"), "http://localhost:8080/");
        // A link-local listener has a scope, which URLs cannot carry.
        assert_eq!(url("[fe80::1%3]:8080"), "http://[fe80::1]:8080/");

        let public_url = Some(Url::parse("https://meet.example.org").unwrap());
        let set = Http {
            public_url,
            ..Http::default()
        };
        assert_eq!(set.public_url().as_str(), "https://meet.example.org/");
    }
}
