//! Several servers as one.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::secrets::Secret;

/// How this server takes part in a cluster (docs/clustering.md). Without a name it stands alone.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterNode {
    /// Its name, which it keeps over restarts and no other has; absent: no cluster.
    pub node: Option<String>,
    /// Where it listens to other nodes.
    pub listen: SocketAddr,
    /// Where others reach it, host and port; `listen` when absent.
    pub address: Option<String>,
    /// What all nodes know and nobody else.
    pub secret: Option<Secret>,
    /// A file with it.
    pub secret_file: Option<PathBuf>,
    /// Another one that counts too, while the secret is changed.
    pub other_secret: Option<Secret>,
    /// A file with that.
    pub other_secret_file: Option<PathBuf>,
    /// Where Redis is; several servers with commas between them.
    pub redis_url: Option<Secret>,
    /// A file with that.
    pub redis_url_file: Option<PathBuf>,
    pub redis_kind: RedisKind,
    /// Name of the primary at the sentinels.
    pub redis_primary: String,
    /// What all names in Redis begin with.
    pub redis_prefix: String,
    /// Milliseconds for which a node lives without a sign of life.
    pub lease_ms: u64,
}

/// What the addresses of Redis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RedisKind {
    /// One server.
    #[default]
    Single,
    /// Sentinels, which know the primary.
    Sentinel,
    /// Some of a Redis Cluster.
    Cluster,
}

impl Default for ClusterNode {
    fn default() -> Self {
        Self {
            node: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 11312)),
            address: None,
            secret: None,
            secret_file: None,
            other_secret: None,
            other_secret_file: None,
            redis_url: None,
            redis_url_file: None,
            redis_kind: RedisKind::Single,
            redis_primary: "mymaster".to_owned(),
            redis_prefix: "colloquy:".to_owned(),
            lease_ms: 5_000,
        }
    }
}

impl ClusterNode {
    /// Whether this server is one of several.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.node.is_some()
    }

    /// The addresses of Redis.
    pub fn redis_urls(&self) -> impl Iterator<Item = &str> {
        let urls = self.redis_url.as_ref().map_or("", Secret::reveal);
        urls.split(',').map(str::trim).filter(|url| !url.is_empty())
    }
}
