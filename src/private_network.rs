//! Machines that are reached without crossing the internet, as far as their name tells.

use std::net::{IpAddr, Ipv4Addr};

use url::Host;

use crate::loopback::is_loopback;

/// Domains that no public name lies in: of private use (ICANN, 2024), multicast DNS and clusters (RFC 6762), homes (RFC 8375).
const PRIVATE_DOMAINS: [&str; 3] = [".internal", ".local", ".home.arpa"];

/// Whether a host is this machine or one of a private network: loopback; private and link-local addresses (RFC 1918, RFC 3927,
/// RFC 4193, RFC 4291); names without a dot, such as those of containers, and in domains of private use.
pub(crate) fn is_near<S: AsRef<str>>(host: &Host<S>) -> bool {
    if is_loopback(host) {
        return true;
    }
    match host {
        Host::Domain(name) => is_private_name(name.as_ref()),
        Host::Ipv4(ip) => is_private(*ip),
        Host::Ipv6(ip) => match IpAddr::V6(*ip).to_canonical() {
            IpAddr::V4(ip) => is_private(ip),
            IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
        },
    }
}

fn is_private_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    !name.contains('.') || PRIVATE_DOMAINS.iter().any(|domain| name.ends_with(domain))
}

fn is_private(ip: Ipv4Addr) -> bool {
    ip.is_private() || ip.is_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_private_networks() {
        let near = |text: &str| is_near(&Host::parse(text).unwrap());
        for host in [
            "localhost",
            "127.0.0.1",
            "[::1]",
            "livekit",
            "keycloak.internal",
            "livekit.default.svc.cluster.local",
            "printer.home.arpa",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
        ] {
            assert!(near(host), "{host}");
        }
        for host in [
            "id.example.org",
            "local.example.org",
            "internal.org",
            "192.0.2.1",
            "172.32.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "[2001:db8::1]",
            "[::ffff:192.0.2.1]",
        ] {
            assert!(!near(host), "{host}");
        }
    }
}
