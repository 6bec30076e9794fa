//! Several servers as one: real processes with a Redis, a database, an issuer and a folder of assets in common.

use tempfile::TempDir;

use super::{
    dev_issuer::IssuerProcess, ports, postgres::PostgresDatabase, redis::RedisProcess, server::Server,
};
use crate::databases::Kind;

/// What all nodes know.
const SECRET: &str = "the secret of a cluster in tests, long enough";

/// A cluster; all of it ends with this.
pub struct Nodes {
    pub all: Vec<Server>,
    pub redis: RedisProcess,
    pub database: PostgresDatabase,
    pub issuer: IssuerProcess,
    _assets: TempDir,
}

impl Nodes {
    /// So many nodes, ready, with a lease of a second.
    pub async fn start(count: usize) -> Self {
        Self::start_with(count, &[]).await
    }

    /// The same with more settings.
    pub async fn start_with(count: usize, settings: &[(&str, &str)]) -> Self {
        let assets = tempfile::tempdir().expect("a folder");
        let (redis, database) = (RedisProcess::start().await, PostgresDatabase::create().await);
        let issuer = IssuerProcess::start();
        let mut all = Vec::new();
        for number in 0..count {
            let (name, listen) = (format!("n{number}"), format!("127.0.0.1:{}", ports::free()));
            let (redis_url, folder) = (redis.url(), assets.path().display().to_string());
            let own = [
                ("COLLOQUY_CLUSTER__NODE", &*name),
                ("COLLOQUY_CLUSTER__LISTEN", &*listen),
                ("COLLOQUY_CLUSTER__SECRET", SECRET),
                ("COLLOQUY_CLUSTER__REDIS_URL", &*redis_url),
                ("COLLOQUY_CLUSTER__LEASE_MS", "1000"),
                ("COLLOQUY_DATABASE__URL", database.url.as_str()),
                ("COLLOQUY_DATABASE__CONNECTIONS_MAX", "6"),
                ("COLLOQUY_ASSETS__SHARED", "true"),
                ("COLLOQUY_ASSETS__FOLDER", &*folder),
                issuer.environment(),
            ];
            let environment: Vec<_> = own.iter().chain(settings).copied().collect();
            all.push(Server::start_with(Kind::Sqlite, &environment).await);
        }
        Self {
            all,
            redis,
            database,
            issuer,
            _assets: assets,
        }
    }
}
