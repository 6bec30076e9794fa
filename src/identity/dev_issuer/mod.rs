//! The built-in identity provider: a real, small OpenID provider for development.
//!
//! Authorization code with PKCE for a public client, refresh tokens with rotation, and the users of the configuration.

mod attempts;
mod authorize;
mod authorize_request;
mod codes;
mod cors;
mod discovery;
mod end_session;
mod error;
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
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::Router;
use url::Url;

use self::{
    attempts::Attempts, codes::Codes, redirects::Redirects, session_file::SessionFile, sign::Signer,
    users::Users,
};
use super::keys::KeySet;
use crate::{clock::Clock, config};

pub use error::OpenError;

/// Audience of access tokens.
pub const ACCESS_AUDIENCE: &str = "colloquy-api";

/// Claim that names the session to which a token belongs.
pub(super) const SESSION_CLAIM: &str = "sid";

/// The development issuer: users, keys, codes and sessions.
pub struct DevIssuer {
    issuer: String,
    client_id: String,
    redirects: Redirects,
    users: Users,
    signer: Signer,
    keys: KeySet,
    codes: Mutex<Codes>,
    attempts: Mutex<Attempts>,
    sessions: Arc<SessionFile>,
    clock: Clock,
}

impl DevIssuer {
    /// Opens the issuer whose key and sessions lie in `data_dir`, or makes a new one there.
    ///
    /// `client_id` is the public client of the web frontend; `issuer_url` is where [`DevIssuer::router`] is reached by
    /// browsers. Reads and writes files: call it at start.
    pub fn open(
        settings: &config::DevIssuer,
        client_id: &str,
        issuer_url: &Url,
        data_dir: &Path,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let folder = data_dir.join("dev-issuer");
        private_file::create_folder(&folder).map_err(|error| OpenError::io(&folder, error))?;
        let signer = key_file::open(&folder.join("signing-key.pk8"))?;
        Ok(Self {
            issuer: issuer_url.as_str().trim_end_matches('/').to_owned(),
            client_id: client_id.to_owned(),
            redirects: Redirects::new(&settings.redirect_uris),
            users: Users::new(&settings.users)?,
            keys: KeySet::from_iter([signer.public_key().clone()]),
            signer,
            codes: Mutex::default(),
            attempts: Mutex::default(),
            sessions: Arc::new(SessionFile::open(folder.join("sessions.json"), clock.now())),
            clock,
        })
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
