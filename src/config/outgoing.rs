//! Settings of what the server asks others.

use serde::{Deserialize, Serialize};
use url::Url;

/// The way of requests and mails to other services.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outgoing {
    /// Whether they may go in clear to machines beyond loopback and private networks.
    pub allow_plain: bool,
    /// HTTP proxy for https requests beyond loopback and private networks; none when absent, whatever the environment says.
    pub proxy: Option<Url>,
    /// Hosts that are reached without the proxy, and all below them.
    pub no_proxy: Vec<String>,
}

impl Outgoing {
    /// Whether a host is named in `no_proxy`, itself or as a part of a domain there.
    #[must_use]
    pub fn bypasses_proxy(&self, host: &str) -> bool {
        self.no_proxy.iter().any(|named| {
            let named = named.trim_start_matches('.');
            host.strip_suffix(named)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_domain_stands_for_all_below_it() {
        let outgoing = Outgoing {
            no_proxy: vec!["example.org".to_owned(), ".example.net".to_owned()],
            ..Outgoing::default()
        };
        for (host, expected) in [
            ("example.org", true),
            ("id.example.org", true),
            ("id.example.net", true),
            ("myexample.org", false),
            ("example.org.evil.example", false),
        ] {
            assert_eq!(outgoing.bypasses_proxy(host), expected, "{host}");
        }
    }
}
