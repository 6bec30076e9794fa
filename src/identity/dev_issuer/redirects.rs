//! Where browsers may be sent.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Redirect URIs of the one client: loopback hosts with any port and path (RFC 8252, section 7.3), others as listed.
#[derive(Debug)]
pub(super) struct Redirects(Vec<Url>);

impl Redirects {
    pub fn new(listed: &[Url]) -> Self {
        Self(listed.to_vec())
    }

    /// The redirect URI of an authorization request, if a code may go there.
    pub fn after_login(&self, uri: &str) -> Option<Url> {
        let url = plain(uri)?;
        (is_loopback(&url) || self.0.contains(&url)).then_some(url)
    }

    /// Where to go after the end of a session: the same hosts, with any path and query.
    pub fn after_logout(&self, uri: &str) -> Option<Url> {
        let url = plain(uri)?;
        let listed = self
            .0
            .iter()
            .any(|listed| listed == &url || is_same_origin(listed, &url));
        (is_loopback(&url) || listed).then_some(url)
    }
}

/// A URL without a fragment (RFC 6749, section 3.1.2) and without credentials, which only serve to deceive.
fn plain(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let bare = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    bare.then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
        None => false,
    };
    loopback && matches!(url.scheme(), "http" | "https")
}

/// Opaque origins (of schemes such as `app:`) are never the same.
fn is_same_origin(a: &Url, b: &Url) -> bool {
    a.origin().is_tuple() && a.origin() == b.origin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirects() -> Redirects {
        let listed = ["https://app.example/callback", "app.colloquy:/done"];
        Redirects::new(&listed.map(|uri| Url::parse(uri).expect("URL")))
    }

    #[test]
    fn codes_go_to_loopback_hosts_and_listed_addresses() {
        for uri in [
            "http://localhost/",
            "http://localhost:3000/auth/callback?x=1",
            "https://127.0.0.1:8443/cb",
            "http://[::1]:5173/auth/callback",
            "https://app.example/callback",
            "app.colloquy:/done",
        ] {
            assert!(redirects().after_login(uri).is_some(), "{uri}");
        }
    }

    #[test]
    fn codes_go_nowhere_else() {
        for uri in [
            "",
            "/callback",
            "localhost:3000/callback",
            "https://app.example/callback/",
            "https://app.example/callback?x=1",
            "https://app.example.evil.example/callback",
            "http://app.example/callback",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.2/",
            "http://0.0.0.0/",
            "http://localhost@evil.example/",
            "http://user@localhost/",
            "http://localhost/#fragment",
            "http://localhost./",
            "ftp://localhost/",
            "javascript://localhost/%0aalert(1)",
            "data:text/html,localhost",
        ] {
            assert!(redirects().after_login(uri).is_none(), "{uri}");
        }
    }

    #[test]
    fn a_logout_may_end_anywhere_on_a_known_origin() {
        for uri in [
            "http://localhost:3000/goodbye?a=b",
            "https://app.example/",
            "https://app.example/any/path?q=1",
            "app.colloquy:/done",
        ] {
            assert!(redirects().after_logout(uri).is_some(), "{uri}");
        }
        for uri in [
            "https://app.example:444/",
            "https://evil.example/",
            "app.colloquy:/other",
            "http://app.example/",
        ] {
            assert!(redirects().after_logout(uri).is_none(), "{uri}");
        }
    }
}
