//! Names of this machine that no other machine can bear.

use std::net::IpAddr;

use url::Host;

/// Whether the host of a URL or of a request can only be this machine: `localhost` and names below it (RFC 6761,
/// section 6.3), 127.0.0.0/8, `[::1]`.
pub(crate) fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.as_ref();
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        let is_ours = |text: &str| is_loopback(&Host::parse(text).unwrap());
        for ours in [
            "localhost",
            "LOCALHOST",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "localhost.example",
            "xlocalhost",
            "0.0.0.0",
            "192.0.2.1",
            "[::]",
            "[::2]",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
