//! This server as one of several: what its live core is told of the cluster.

use std::{sync::Arc, time::Duration};

use colloquy_actors::cluster::{ClusterSecrets, ClusterSettings, store::NodeId};
use colloquy_cluster::{RedisError, RedisServers, RedisStore};

use crate::{
    config::{ClusterNode, RedisKind},
    secrets::Secret,
};

/// How Redis must treat a full memory.
const NO_EVICTION: &str = "noeviction";

/// What the settings say of this server's part in a cluster; none where it stands alone.
pub fn settings(cluster: &ClusterNode) -> Result<Option<(ClusterSettings, RedisStore)>, RedisError> {
    let Some(node) = &cluster.node else {
        return Ok(None);
    };
    let urls: Vec<_> = cluster.redis_urls().map(str::to_owned).collect();
    let servers = match cluster.redis_kind {
        RedisKind::Single => RedisServers::Single(urls.into_iter().next().unwrap_or_default()),
        RedisKind::Sentinel => RedisServers::Sentinels {
            urls,
            primary: cluster.redis_primary.clone(),
        },
        RedisKind::Cluster => RedisServers::Cluster(urls),
    };
    let store = RedisStore::new(servers, cluster.redis_prefix.clone())?;
    let secrets = [&cluster.secret, &cluster.other_secret];
    let secrets = secrets
        .into_iter()
        .flatten()
        .map(Secret::reveal)
        .map(str::to_owned);
    let settings = ClusterSettings {
        node: NodeId(node.clone()),
        listen: cluster.listen,
        address: cluster.address.clone(),
        secrets: ClusterSecrets(secrets.collect()),
        lease: Duration::from_millis(cluster.lease_ms),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store: Arc::new(store.clone()),
    };
    Ok(Some((settings, store)))
}

/// Warns of a Redis that would throw rooms away.
pub async fn look_at_memory(store: &RedisStore) {
    match store.eviction_policy().await {
        Ok(Some(policy)) if policy != NO_EVICTION => tracing::warn!(
            policy,
            "Redis throws away what it has when its memory is full: set maxmemory-policy to {NO_EVICTION}"
        ),
        Ok(Some(_)) => {}
        Ok(None) => tracing::warn!(
            "Redis does not say what it does when its memory is full: maxmemory-policy must be {NO_EVICTION}"
        ),
        Err(error) => tracing::warn!(%error, "Redis does not answer yet"),
    }
}
