//! Who may talk to the issuer: programs that call it by a name of its own, and with nobody in between.
//!
//! A proxy brings strangers, to whom the passwords are known. A host name that is not this machine's belongs to a website that
//! had it resolved to a loopback address (DNS rebinding), so that a browser takes the issuer for a part of that website.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, Uri,
        header::{FORWARDED, HOST, VIA},
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use url::Host;

use super::{DevIssuer, oauth_error::OAuthError};
use crate::loopback::is_loopback;

/// Lets requests pass that come straight from a program and name this issuer.
pub(super) async fn admit(State(issuer): State<Arc<DevIssuer>>, request: Request, next: Next) -> Response {
    if is_forwarded(request.headers()) {
        return OAuthError::Forwarded.into_response();
    }
    if !issuer.is_meant(request.uri(), request.headers()) {
        return OAuthError::Misdirected.into_response();
    }
    next.run(request).await
}

impl DevIssuer {
    /// Whether a request names this issuer, wherever it names anybody.
    fn is_meant(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let in_headers = headers
            .get_all(HOST)
            .iter()
            .map(|value| host(value.to_str().ok()?));
        let in_uri = uri.authority().map(|authority| host(authority.as_str()));
        let mut named = in_headers.chain(in_uri).peekable();
        named.peek().is_some()
            && named.all(|host| host.is_some_and(|host| is_loopback(&host) || self.hosts.contains(&host)))
    }
}

/// Headers of proxies: whoever has one of them was not alone with the issuer.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        name == FORWARDED || name == VIA || name == "x-real-ip" || name.as_str().starts_with("x-forwarded-")
    })
}

fn host(text: &str) -> Option<Host> {
    let authority: Authority = text.parse().ok()?;
    Host::parse(authority.host()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_proxies() {
        let forwarded = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("accept", "*/*".parse().unwrap());
            headers.insert(name, "x".parse().unwrap());
            is_forwarded(&headers)
        };
        for name in [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-real-ip",
            "via",
        ] {
            assert!(forwarded(name), "{name}");
        }
        for name in ["origin", "x-request-id", "user-agent"] {
            assert!(!forwarded(name), "{name}");
        }
    }

    #[test]
    fn hosts_are_read_without_their_port() {
        for (text, expected) in [
            ("localhost:80", Some("localhost")),
            ("LocalHost", Some("localhost")),
            ("127.1", Some("127.0.0.1")),
            ("[::1]:11311", Some("[::1]")),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(
                host(text).map(|host| host.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
