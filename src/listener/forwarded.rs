//! The client's address behind trusted proxies: `X-Forwarded-For` and `Forwarded` (RFC 7239).

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};

use crate::client_address::{ClientAddress, Peer, TrustedProxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Entries that are looked at: more hops than any real chain of proxies has.
const HOPS_MAX: usize = 32;

/// Whether the request says something about its origin.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED)
}

/// The first hop, seen from here, that is no trusted proxy. Everything to the left of it is hearsay, and so is
/// every header when the peer itself is not trusted. `Forwarded` counts only without `X-Forwarded-For`.
///
/// An entry that is no address (`unknown`, a pseudonym) ends the search: the hop that reported it stands for the
/// client.
#[must_use]
pub fn client_address(peer: Peer, headers: &HeaderMap, proxies: &TrustedProxies) -> ClientAddress {
    if !peer.trusted {
        return ClientAddress(peer.address);
    }
    let hops = if headers.contains_key(X_FORWARDED_FOR) {
        x_forwarded_for(headers)
    } else {
        forwarded(headers)
    };
    let mut client = peer.address;
    for hop in hops.into_iter().rev().take(HOPS_MAX) {
        let Some(address) = hop else { break };
        client = address;
        if !proxies.contains(address) {
            break;
        }
    }
    ClientAddress(client)
}

/// Hops from left to right; `None` for entries that are no address.
fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    elements(headers, &X_FORWARDED_FOR)
        .map(|element| node(&element))
        .collect()
}

fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    elements(headers, &FORWARDED)
        .map(|element| {
            element.split(';').find_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim().eq_ignore_ascii_case("for").then(|| node(value))?
            })
        })
        .collect()
}

/// Comma-separated elements of all headers of that name. What is not ASCII makes its own element meaningless, not what a proxy has put
/// behind it. Addresses hold no commas, so quoted strings need no care.
fn elements<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = Cow<'h, str>> {
    let values = headers.get_all(name).iter();
    let elements = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    elements.map(String::from_utf8_lossy)
}

/// An address, optionally with a port, in quotes or in brackets.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()])
    }

    fn client(peer: &str, headers: &[(&HeaderName, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let peer = proxies().peer(peer.parse().unwrap());
        client_address(peer, &map, &proxies()).0.to_string()
    }

    #[test]
    fn what_a_client_garbles_stays_its_own() {
        let mut headers = HeaderMap::new();
        let value = axum::http::HeaderValue::from_bytes(b"\xff, 192.0.2.1").unwrap();
        headers.insert(X_FORWARDED_FOR, value);
        let peer = proxies().peer("10.0.0.1".parse().unwrap());
        let client = client_address(peer, &headers, &proxies());
        assert_eq!(client.0.to_string(), "192.0.2.1");
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right() {
        let xff = |value: &str| client("10.0.0.1", &[(&X_FORWARDED_FOR, value)]);
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("198.51.100.9, 192.0.2.1", "192.0.2.1"),
            ("198.51.100.9, 192.0.2.1, 10.0.0.7,fd00::1", "192.0.2.1"),
            ("10.0.0.9, 10.0.0.7", "10.0.0.9"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, unknown", "10.0.0.1"),
            ("192.0.2.1, nonsense, 10.0.0.7", "10.0.0.7"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(xff(value), expected, "{value}");
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let headers = [(&X_FORWARDED_FOR, "192.0.2.1"), (&X_FORWARDED_FOR, "192.0.2.2")];
        assert_eq!(client("10.0.0.1", &headers), "192.0.2.2");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let forwarded = |value: &str| client("10.0.0.1", &[(&FORWARDED, value)]);
        for (value, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            ("for=192.0.2.43, for=10.0.0.3 ", "192.0.2.43"),
            ("for=192.0.2.43, for=_hidden", "10.0.0.1"),
            ("for=192.0.2.43, proto=https", "10.0.0.1"),
        ] {
            assert_eq!(forwarded(value), expected, "{value}");
        }
    }

    #[test]
    fn headers_of_a_stranger_do_not_count() {
        let headers = [(&X_FORWARDED_FOR, "192.0.2.1"), (&FORWARDED, "for=192.0.2.1")];
        assert_eq!(client("203.0.113.5", &headers), "203.0.113.5");
    }

    #[test]
    fn x_forwarded_for_goes_before_forwarded() {
        let headers = [(&FORWARDED, "for=192.0.2.1"), (&X_FORWARDED_FOR, "192.0.2.2")];
        assert_eq!(client("10.0.0.1", &headers), "192.0.2.2");
    }

    #[test]
    fn an_endless_chain_is_cut() {
        let mut chain = vec!["192.0.2.1"];
        chain.extend(std::iter::repeat_n("10.0.0.2", 1_000));
        let address = client("10.0.0.1", &[(&X_FORWARDED_FOR, &chain.join(","))]);
        assert_eq!(address, "10.0.0.2");
    }
}
