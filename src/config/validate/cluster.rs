//! Rules of a node of a cluster: what several servers can't have in common is refused, with words that say how to mend it.

use url::Url;

use super::Rules;
use crate::{
    config::{AssetStoreKind, ClusterNode, Config, RedisKind},
    secrets::Secret,
};

/// Characters of the secret of a cluster at the least.
const SECRET_CHARS_MIN: usize = 32;

/// Characters of a node's name at the most.
const NAME_CHARS_MAX: usize = 63;

/// The shortest lease: whoever renews it five times within it has little time for each.
const LEASE_MS_MIN: u64 = 500;
const LEASE_MS_MAX: u64 = 60_000;

impl Rules {
    pub(super) fn cluster(&mut self, config: &Config) {
        let cluster = &config.cluster;
        self.cluster_values(cluster);
        let Some(node) = &cluster.node else { return };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        self.require(
            "cluster.node",
            !node.is_empty() && node.len() <= NAME_CHARS_MAX && node.chars().all(is_name),
            format!("must have 1 to {NAME_CHARS_MAX} letters, digits, dots and hyphens"),
        );
        self.require(
            "cluster.secret",
            cluster.secret.is_some(),
            "is missing: all nodes have the same one, such as `openssl rand -hex 32` makes",
        );
        self.require(
            "cluster.redis_url",
            cluster.redis_urls().next().is_some(),
            "is missing: nodes have the rooms' logs in common in Redis",
        );
        let is_postgres = |url: &String| url.starts_with("postgres");
        self.require(
            "database.url",
            config.database.url.as_ref().is_some_and(is_postgres),
            "must be PostgreSQL for the nodes of a cluster: SQLite's file is one server's",
        );
        self.require(
            "assets.shared",
            config.assets.shared || config.assets.store == AssetStoreKind::S3,
            "must be true for the nodes of a cluster, with assets.folder on a disk that all of them have in common; or set assets.store = \"s3\"",
        );
        self.require(
            "oidc.authority",
            config.oidc.authority.is_some(),
            "is missing: the development issuer inside a server is not that of other nodes; `colloquy dev-issuer` runs it alone",
        );
    }

    fn cluster_values(&mut self, cluster: &ClusterNode) {
        for (key, secret) in [
            ("cluster.secret", &cluster.secret),
            ("cluster.other_secret", &cluster.other_secret),
        ] {
            let is_long = |secret: &Secret| secret.reveal().chars().count() >= SECRET_CHARS_MIN;
            self.require(
                key,
                secret.as_ref().is_none_or(is_long),
                format!("must have {SECRET_CHARS_MIN} characters at least"),
            );
        }
        let is_address = |address: &String| {
            address.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        self.require(
            "cluster.address",
            cluster.address.as_ref().is_none_or(is_address),
            "must be host:port, as other nodes reach it",
        );
        self.require(
            "cluster.address",
            cluster.address.is_some() || !cluster.listen.ip().is_unspecified() || !cluster.is_on(),
            "is missing: other nodes can't tell it from cluster.listen",
        );
        self.require(
            "cluster.redis_url",
            cluster.redis_urls().all(is_redis),
            "must be URLs such as redis://user:password@host:6379/0, or rediss: with TLS",
        );
        self.require(
            "cluster.redis_kind",
            cluster.redis_kind != RedisKind::Single || cluster.redis_urls().count() <= 1,
            "is \"single\", and there are several addresses: say \"sentinel\" or \"cluster\"",
        );
        self.filled("cluster.redis_primary", &cluster.redis_primary);
        let is_prefix = |c: char| c.is_ascii_graphic() && c != '{' && c != '}';
        self.require(
            "cluster.redis_prefix",
            cluster.redis_prefix.chars().all(is_prefix),
            "must have no spaces and no braces",
        );
        self.require(
            "cluster.lease_ms",
            (LEASE_MS_MIN..=LEASE_MS_MAX).contains(&cluster.lease_ms),
            format!("must be between {LEASE_MS_MIN} and {LEASE_MS_MAX}"),
        );
    }
}

fn is_redis(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "redis" | "rediss") && url.host_str().is_some_and(|host| !host.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use crate::config::Config;

    fn broken(toml: &str) -> Vec<String> {
        let config: Config = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}"));
        let violations = violations(&config);
        violations.into_iter().map(|violation| violation.key).collect()
    }

    const WHOLE: &str = "oidc.authority = 'https://id.example.org/realms/a'\nassets.shared = true\n\
        database.url = 'postgres://localhost/x'\n\
        cluster = { node = 'a', secret = '0123456789abcdef0123456789abcdef', redis_url = 'redis://localhost' }\n";

    #[test]
    fn what_nodes_can_not_have_in_common_is_refused() {
        assert_eq!(broken(WHOLE), Vec::<String>::new());
        assert_eq!(
            broken("cluster.node = 'a'"),
            [
                "cluster.secret",
                "cluster.redis_url",
                "database.url",
                "assets.shared",
                "oidc.authority"
            ]
        );
        // They count where there is no cluster yet, too.
        for (setting, key) in [
            ("secret = 'short'", "cluster.secret"),
            ("other_secret = 'short'", "cluster.other_secret"),
            ("address = 'host'", "cluster.address"),
            ("redis_url = 'http://localhost'", "cluster.redis_url"),
            ("redis_url = 'redis://a,redis://b'", "cluster.redis_kind"),
            ("redis_prefix = '{x}'", "cluster.redis_prefix"),
            ("redis_primary = ' '", "cluster.redis_primary"),
            ("lease_ms = 100", "cluster.lease_ms"),
        ] {
            assert_eq!(broken(&format!("cluster.{setting}")), [key], "{setting}");
        }
        let unspecified = WHOLE.replace("node = 'a'", "node = 'a', listen = '0.0.0.0:1'");
        assert_eq!(broken(&unspecified), ["cluster.address"]);
        let name = WHOLE.replace("node = 'a'", "node = 'a b'");
        assert_eq!(broken(&name), ["cluster.node"]);
    }
}
