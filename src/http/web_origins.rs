//! The web pages that may open a socket here (RFC 6455, section 10.2): CORS does not hold browsers back from that.

use axum::http::{HeaderMap, header::ORIGIN};

use super::ApiError;
use crate::config::Http;

/// Refuses what a browser does for a page of another origin than those of `http.cors_origins`, if there are any, and the
/// server's own. Clients that are no browsers send no `Origin`.
pub fn admit(http: &Http, headers: &HeaderMap) -> Result<(), ApiError> {
    let is_allowed = |origin: &[u8]| {
        let own = http
            .public_url
            .as_ref()
            .map(|url| url.origin().ascii_serialization());
        let mut allowed = http.cors_origins.iter().chain(&own);
        allowed.any(|allowed| allowed.as_bytes() == origin)
    };
    let mut origins = headers.get_all(ORIGIN).iter();
    if http.cors_origins.is_empty() || origins.all(|origin| is_allowed(origin.as_bytes())) {
        Ok(())
    } else {
        Err(ApiError::forbidden(
            "Web pages of this origin may open no WebSocket",
        ))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_admitted(http: &Http, origins: &[&'static str]) -> bool {
        let headers = origins
            .iter()
            .map(|origin| (ORIGIN, HeaderValue::from_static(origin)))
            .collect();
        admit(http, &headers).is_ok()
    }

    #[test]
    fn listed_pages_and_the_own_ones_are_admitted() {
        let http = Http {
            cors_origins: vec!["https://meet.example.org".to_owned()],
            public_url: "https://controller.example.org/".parse().ok(),
            ..Http::default()
        };
        for origins in [
            &[][..],
            &["https://meet.example.org"],
            &["https://controller.example.org"],
        ] {
            assert!(is_admitted(&http, origins), "{origins:?}");
        }
        for origins in [
            &["https://evil.example"][..],
            &["null"],
            &[""],
            &["https://meet.example.org:8443"],
            &["http://meet.example.org"],
            &["https://meet.example.org.evil.example"],
            &["https://meet.example.org", "https://evil.example"],
        ] {
            assert!(!is_admitted(&http, origins), "{origins:?}");
        }
    }

    #[test]
    fn without_a_list_all_are() {
        assert!(is_admitted(&Http::default(), &["https://evil.example"]));
    }
}
