//! `Host`, by which a request says whom it asks: HTTP/1.1 wants exactly one (RFC 9112, section 3.2). Where there are two, a proxy
//! may have looked at the other one.

use axum::{
    extract::Request,
    http::{Version, header::HOST},
    response::{IntoResponse as _, Response},
};

use crate::{client_address::Peer, http::ApiError};

/// The refusal of a request that names no host, or several. What is no host is for those who look at it.
pub(super) fn refusal(request: &Request) -> Option<Response> {
    // What came over no connection is this process's own.
    request.extensions().get::<Peer>()?;
    let is_fine = match request.headers().get_all(HOST).iter().count() {
        0 => request.version() != Version::HTTP_11,
        number => number == 1,
    };
    let message = "The request must have exactly one header Host";
    (!is_fine).then(|| ApiError::bad_request(message).into_response())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::body::Body;

    use super::*;

    fn status(version: Version, hosts: &[&str]) -> Option<u16> {
        let peer = Peer {
            address: Ipv4Addr::LOCALHOST.into(),
            trusted: false,
        };
        let mut request = Request::get("/").version(version).extension(peer);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let refusal = refusal(&request.body(Body::empty()).unwrap());
        refusal.map(|answer| answer.status().as_u16())
    }

    #[test]
    fn a_request_names_one_host() {
        for host in [
            "meet.example",
            "meet.example:443",
            "127.0.0.1:11311",
            "[::1]:80",
            "",
        ] {
            assert_eq!(status(Version::HTTP_11, &[host]), None, "{host}");
        }
        for version in [Version::HTTP_10, Version::HTTP_11] {
            let two = ["meet.example", "other.example"];
            assert_eq!(status(version, &two), Some(400), "{version:?}");
            assert_eq!(status(version, &[two[0]; 2]), Some(400), "{version:?}");
        }
        assert_eq!(status(Version::HTTP_11, &[]), Some(400));
        assert_eq!(status(Version::HTTP_10, &[]), None);
    }

    #[test]
    fn what_came_over_no_connection_names_none() {
        let request = Request::get("/").body(Body::empty()).unwrap();
        assert!(refusal(&request).is_none());
    }
}
