//! Rules of the database.

use std::str::FromStr as _;

use sqlx::{
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};
use url::Url;

use super::{Rules, plain};
use crate::{config::Database, loopback::is_loopback};

/// Parameters of a URL that the client of PostgreSQL knows, beside `options[…]`. It would log others with their values.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Characters such as `/` in a password end the host's part of the URL too early. So this is said whatever is wrong.
const ENCODED: &str =
    "user and password must be percent-encoded (`/` is %2F, `#` %23, `?` %3F, `@` %40, `%` %25)";

impl Rules {
    pub(super) fn database(&mut self, database: &Database) {
        if let Some(url) = &database.url
            && let Err(message) = connectable(url)
        {
            self.require("database.url", false, message);
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

/// Whether the server can try to connect by this URL. Reasons never show any of it: what seems to be a host, a port or a
/// parameter may be part of a password.
fn connectable(url: &str) -> Result<(), String> {
    if url.starts_with("sqlite:") {
        return SqliteConnectOptions::from_str(url).map(drop).map_err(|_| {
            "is no URL of SQLite such as sqlite:///var/lib/colloquy/colloquy.sqlite".to_owned()
        });
    }
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err("must start with postgres://, postgresql:// or sqlite:".to_owned());
    }
    let parsed = Url::parse(url).map_err(|_| format!("is no URL with a valid host and port; {ENCODED}"))?;
    let database = parsed.path().trim_start_matches('/');
    if parsed.fragment().is_some() || database.contains(['/', '@', ':']) {
        return Err(format!(
            "has more than one name of a database behind its host; {ENCODED}"
        ));
    }
    let is_known =
        |key: &str| PARAMETERS.contains(&key) || (key.starts_with("options[") && key.ends_with(']'));
    if parsed.query_pairs().any(|(key, _)| !is_known(&key)) {
        let known = PARAMETERS.join(", ");
        return Err(format!(
            "has an unknown parameter; known are {known} and options[…]; {ENCODED}"
        ));
    }
    // Only now: what the client does not know it would log.
    PgConnectOptions::from_str(url).map(drop).map_err(|_| {
        format!(
            "has a parameter with a value that is none of its kind (sslmode is disable, allow, prefer, require, verify-ca or \
             verify-full; hostaddr an address; port and statement-cache-capacity are numbers); {ENCODED}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_no_connection_can_be_made_by_are_refused_without_showing_them() {
        for url in [
            "postgres://u:hunt/er2@db/colloquy",
            "postgres://u:12/hunter2@db/colloquy",
            "postgres://u:hunt#er2@db/colloquy",
            "postgres://u:12#hunter2@db/colloquy",
            "postgres://u:12?hunter2@db/colloquy",
            "postgres://u:hunter2@db:99999/colloquy",
            "postgres://u:hunter2@db:port/colloquy",
            "postgres://u:hunter2@db/colloquy/two",
            "postgres://u:hunter2@db/colloquy?sslmode=hunter2",
            "postgres://u:hunter2@db/colloquy?port=hunter2",
            "postgres://u:hunter2@db/colloquy?hostaddr=hunter2",
            "postgres://u@db/colloquy?pasword=hunter2",
            "postgres://u@db/colloquy?hunter2",
            "sqlite:///x.db?pasword=hunter2",
            "hunter2",
        ] {
            let reason = connectable(url).expect_err(url);
            assert!(!reason.contains("hunt") && !reason.contains("er2"), "{reason}");
            let is_postgres = url.starts_with("postgres");
            assert_eq!(reason.contains("percent-encoded"), is_postgres, "{url}: {reason}");
        }
        for url in [
            "postgres://u:a%2Fb%23c%3Fd%40e%25@db:5433/colloquy?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem",
            "postgresql://u:a+b=c@db/a%2Fb?options=-c%20geqo%3Doff&options[search_path]=x&application_name=y",
            "postgres:///colloquy?host=/var/run/postgresql&user=u&password=a/b",
            "postgres://u@%2Fvar%2Frun%2Fpostgresql/colloquy",
            "postgres://u@[::1]:5432",
            "sqlite:///var/lib/colloquy/x.db?mode=rwc",
            "sqlite:x.db",
        ] {
            assert_eq!(connectable(url), Ok(()), "{url}");
        }
    }

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
