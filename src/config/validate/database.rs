//! Rules of the database.

use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{Rules, plain};
use crate::{config::Database, loopback::is_loopback};

impl Rules {
    pub(super) fn database(&mut self, database: &Database) {
        if let Some(url) = &database.url {
            let known = ["postgres://", "postgresql://", "sqlite:"];
            self.require(
                "database.url",
                known.iter().any(|scheme| url.starts_with(scheme)),
                "must start with postgres://, postgresql:// or sqlite:",
            );
        }
        self.positive("database.connections_max", database.connections_max);
    }

    /// By default a connection to PostgreSQL is encrypted where the server offers it, silently plain where somebody in between
    /// says that it does not, and never checked.
    pub(super) fn verified_database(&mut self, database: &Database) {
        let options = database.url.as_deref().filter(|url| url.starts_with("postgres"));
        let Some(options) = options.and_then(|url| PgConnectOptions::from_str(url).ok()) else {
            return;
        };
        let host = options.get_host();
        let is_local = options.get_socket().is_some()
            || host.starts_with('/')
            || plain::host(host).is_some_and(|host| is_loopback(&host));
        self.require(
            "database.url",
            is_local || matches!(options.get_ssl_mode(), PgSslMode::VerifyFull),
            "does not say sslmode=verify-full: the connection to another machine may be in clear, or lead to somebody else",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_told(url: &str) -> bool {
        let mut rules = Rules::default();
        rules.verified_database(&Database {
            url: Some(url.to_owned()),
            ..Database::default()
        });
        assert!(!format!("{:?}", rules.0).contains("hunter2"));
        !rules.0.is_empty()
    }

    #[test]
    fn connections_to_other_machines_are_to_be_verified() {
        for url in [
            "postgres://u:hunter2@db.example.org/colloquy",
            "postgresql://u:hunter2@10.0.0.1/colloquy?sslmode=require",
            "postgres://u:hunter2@db/colloquy?sslmode=verify-ca",
        ] {
            assert!(is_told(url), "{url}");
        }
        for url in [
            "postgres://u:hunter2@db.example.org/colloquy?sslmode=verify-full",
            "postgres://u:hunter2@db.example.org/colloquy?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem",
            "postgres://u:hunter2@localhost/colloquy",
            "postgres://u:hunter2@127.0.0.1/colloquy",
            "postgres://u:hunter2@[::1]/colloquy",
            "postgres://u:hunter2@%2Fvar%2Frun%2Fpostgresql/colloquy",
            "postgres:///colloquy?host=/var/run/postgresql",
            "sqlite:///var/lib/colloquy/x.db",
        ] {
            assert!(!is_told(url), "{url}");
        }
    }
}
