//! The bare handler: the query of `GET /users/me` on a pool like the server's, and nothing else. It verifies no token, has no
//! layers, no log and no limits.

use std::{
    io::{self, Write as _},
    str::FromStr as _,
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get, serve::ListenerExt as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args as Options;
use serde::{Deserialize, Serialize};
use sqlx::{
    FromRow, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::baseline;

/// Name of the variable with the database's URL.
pub const DATABASE: &str = "COLLOQUY_LOADTEST_DATABASE";

/// As many as the server has by default.
const POSTGRES_CONNECTIONS: u32 = 16;
const SQLITE_READERS: u32 = 4;

const SELECT: &str = "SELECT u.id, u.email, u.title, u.firstname, u.lastname, u.display_name, u.issuer, u.subject,
    u.tenant_id, u.tariff_id, u.tariff_status, u.display_name_chosen, u.language, u.language_chosen, u.dashboard_theme,
    u.conference_theme, u.phone, u.used_storage FROM users u WHERE u.issuer = $1 AND u.subject = $2";

/// Whom the handler knows.
#[derive(Debug, Clone, Options, Deserialize)]
pub struct Identity {
    // Not `issuer`: that is the one from which the load tester gets its tokens.
    #[arg(id = "iss", long = "iss")]
    #[serde(rename = "iss")]
    pub issuer: String,
    #[arg(id = "sub", long = "sub")]
    #[serde(rename = "sub")]
    pub subject: String,
}

impl Identity {
    /// What an access token says, unverified.
    pub fn of(token: &str) -> io::Result<Self> {
        let payload = token.split('.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(io::Error::other)?;
        serde_json::from_slice(&payload).map_err(io::Error::other)
    }
}

#[derive(Clone)]
enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

#[derive(Serialize, FromRow)]
struct User {
    id: Uuid,
    email: String,
    title: String,
    firstname: String,
    lastname: String,
    display_name: String,
    dashboard_theme: String,
    conference_theme: String,
    language: String,
    tariff_status: String,
    used_storage: i64,
}

/// Serves on a free port of the loopback, prints it, and ends when its standard input does.
pub async fn serve(identity: Identity) -> io::Result<()> {
    let url = std::env::var(DATABASE).map_err(io::Error::other)?;
    let database = connect(&url).await.map_err(io::Error::other)?;
    let router = Router::new()
        .route("/users/me", get(me))
        .with_state((database, identity));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    std::thread::spawn(baseline::server::end_with_the_parent);
    let listener = listener.tap_io(|stream| {
        // A socket that is gone already answers nobody.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

async fn connect(url: &str) -> sqlx::Result<Database> {
    // Like the server's pools: no sign of life before each use.
    if url.starts_with("sqlite:") {
        let pool = SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS)
            .test_before_acquire(false);
        let options = SqliteConnectOptions::from_str(url)?.pragma("query_only", "ON");
        return Ok(Database::Sqlite(pool.connect_with(options).await?));
    }
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .test_before_acquire(false);
    Ok(Database::Postgres(pool.connect(url).await?))
}

async fn me(State((database, identity)): State<(Database, Identity)>) -> Result<Json<User>, StatusCode> {
    let Identity { issuer, subject } = identity;
    let user = match &database {
        Database::Sqlite(pool) => {
            let query = sqlx::query_as(SELECT).bind(issuer).bind(subject);
            query.fetch_optional(pool).await
        }
        Database::Postgres(pool) => {
            let query = sqlx::query_as(SELECT).bind(issuer).bind(subject);
            query.fetch_optional(pool).await
        }
    };
    let user = user.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    user.map(Json).ok_or(StatusCode::NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_who_it_is_for() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://i","sub":"s","x":1}"#);
        let identity = Identity::of(&format!("e30.{payload}.c2ln")).unwrap();
        assert_eq!((&*identity.issuer, &*identity.subject), ("https://i", "s"));
        for token in ["", "a", "a.b.c", "e30.e30.x"] {
            assert!(Identity::of(token).is_err(), "{token}");
        }
    }
}
