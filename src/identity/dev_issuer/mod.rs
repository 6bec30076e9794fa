//! The built-in identity provider: a real, small OpenID provider for development.
//!
//! Authorization code with PKCE for a public client, refresh tokens with rotation, and the users of the configuration.

mod attempts;
mod authorize;
mod authorize_request;
mod codes;
mod cors;
mod discovery;
mod door;
mod end_session;
mod error;
mod folder_lock;
mod key_file;
pub mod limits;
mod oauth_error;
mod pages;
mod private_file;
mod redirects;
mod routes;
mod session_file;
mod sessions;
mod sign;
mod token_endpoint;
mod tokens;
mod userinfo;
mod users;

use std::{
    fmt, io,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::Router;
use url::{Host, Url};

use self::{
    attempts::Attempts, codes::Codes, folder_lock::FolderLock, redirects::Redirects,
    session_file::SessionFile, sign::Signer, users::Users,
};
use super::{clients::Clients, keys::KeySet};
use crate::{
    clock::Clock,
    config::{self, Config, Oidc},
};

pub use error::DevIssuerError;

/// Audience of access tokens.
pub const ACCESS_AUDIENCE: &str = "colloquy-api";

/// Claim that names the session to which a token belongs.
pub(super) const SESSION_CLAIM: &str = "sid";

/// The development issuer: users, keys, codes and sessions.
pub struct DevIssuer {
    issuer: String,
    /// Names beyond the loopback ones by which it may be called.
    hosts: Vec<Host>,
    client_id: String,
    /// Whose tokens it takes itself.
    clients: Clients,
    redirects: Redirects,
    users: Users,
    signer: Signer,
    keys: KeySet,
    codes: Mutex<Codes>,
    attempts: Mutex<Attempts>,
    sessions: Arc<SessionFile>,
    clock: Clock,
    _lock: FolderLock,
}

impl DevIssuer {
    /// Opens the issuer whose key and sessions lie in `data_dir`, or makes a new one there.
    ///
    /// `client_id` is the public client of the web frontend; `issuer_url` is where [`DevIssuer::router`] is reached by
    /// browsers. Reads and writes files, and waits up to [`limits::FOLDER_LOCK_WAIT`] for another issuer that is just ending
    /// there: call it at start, where blocking is fine.
    pub fn open(
        settings: &config::DevIssuerSettings,
        client_id: &str,
        issuer_url: &Url,
        data_dir: &Path,
        clock: Clock,
    ) -> Result<Self, DevIssuerError> {
        let folder = data_dir.join("dev-issuer");
        private_file::create_folder(&folder).map_err(|error| DevIssuerError::io(&folder, error))?;
        let lock = FolderLock::take(&folder)?;
        let users = Users::new(&settings.users)?;
        let signer = key_file::open(&folder.join("signing-key.pk8"))?;
        Ok(Self {
            issuer: issuer_url.as_str().trim_end_matches('/').to_owned(),
            hosts: issuer_url
                .host()
                .map(|host| host.to_owned())
                .into_iter()
                .collect(),
            client_id: client_id.to_owned(),
            clients: Clients::of_config(&Oidc {
                client_id: client_id.to_owned(),
                ..Oidc::default()
            })
            .with_audience(ACCESS_AUDIENCE),
            redirects: Redirects::new(&settings.redirect_uris),
            keys: KeySet::from_iter([signer.public_key().clone()]),
            signer,
            codes: Mutex::default(),
            attempts: Mutex::new(Attempts::new(users.names())),
            users,
            sessions: Arc::new(SessionFile::open(folder.join("sessions.json"), clock.now())),
            clock,
            _lock: lock,
        })
    }

    /// The issuer of a configuration, listening at `listen`, and otherwise as [`DevIssuer::open`] makes it; the caller's
    /// thread is not blocked.
    pub async fn of_config(
        config: &Config,
        issuer_url: &Url,
        listen: IpAddr,
        data_dir: &Path,
    ) -> Result<Self, DevIssuerError> {
        let (settings, client_id) = (config.dev_issuer.clone(), config.oidc.client_id.clone());
        let (url, folder) = (issuer_url.clone(), data_dir.to_owned());
        let open = move || Self::open(&settings, &client_id, &url, &folder, Clock::system());
        let opened = tokio::task::spawn_blocking(open).await;
        // Only a panic, which was reported where it happened, or the end of the runtime.
        let opened = opened.map_err(|error| DevIssuerError::io(data_dir, io::Error::other(error)))?;
        Ok(opened?.listening_at(listen))
    }

    /// Lets clients call it by the listener's address, too, where the issuer's URL has another host. An unspecified
    /// address is nobody's name.
    fn listening_at(mut self, address: IpAddr) -> Self {
        let host = match address.to_canonical() {
            IpAddr::V4(ip) => Host::Ipv4(ip),
            IpAddr::V6(ip) => Host::Ipv6(ip),
        };
        if !address.is_unspecified() {
            self.hosts.push(host);
        }
        self
    }

    /// The issuer's endpoints, to be nested where `issuer_url` points.
    pub fn router(self: Arc<Self>) -> Router {
        routes::router(self)
    }

    /// What tokens carry as `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Whether a session was ended before its access tokens expired.
    pub(super) fn is_voided(&self, session: &str) -> bool {
        self.sessions.is_voided(session)
    }

    fn codes(&self) -> MutexGuard<'_, Codes> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for DevIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIssuer")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
