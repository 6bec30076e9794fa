//! Settings of the database.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Where rows live.
#[derive(Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgres://…` or `sqlite:///path`; SQLite in the data folder when absent.
    pub url: Option<String>,
    /// A file with the URL.
    pub url_file: Option<PathBuf>,
    /// Connections to PostgreSQL at the most.
    pub connections_max: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            connections_max: 16,
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL holds a password.
        f.debug_struct("Database")
            .field("has_url", &self.url.is_some())
            .field("url_file", &self.url_file)
            .field("connections_max", &self.connections_max)
            .finish()
    }
}
