//! Why the development issuer can't start.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why the development issuer can't start.
#[derive(Debug, Error)]
pub enum DevIssuerError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{0} is in use by another development issuer: give each its own data_dir")]
    InUse(PathBuf),
    #[error("{0} is no ES256 key in PKCS#8; remove it to get a new one")]
    Key(PathBuf),
    #[error("the signing key can not be used")]
    Signing,
    #[error("dev_issuer.users: the name `{0}` occurs twice")]
    DuplicateUser(String),
    #[error("dev_issuer.users: a user needs a name and a password")]
    IncompleteUser,
}

impl DevIssuerError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
