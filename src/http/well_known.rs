//! `GET /.well-known/opentalk/client` and `…/api`: where native clients and add-ins find this server.
//!
//! They begin at the origin that their user types, as a rule the web client's: its proxy hands the first path on. No
//! authorisation, and pages of any origin may read it.

use axum::{
    Json, Router,
    extract::{FromRef, FromRequestParts, State},
    http::{
        HeaderName,
        header::{CACHE_CONTROL, FORWARDED, HOST},
        request::Parts,
        uri::Authority,
    },
    response::IntoResponse,
    routing::get,
};
use serde_json::{Value, json};
use url::Url;

use super::{ApiState, api::method_not_allowed, layers};
use crate::{client_address::Peer, config::Http};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Characters of a host and its port, beyond which nobody is answered by it.
const HOST_CHARS_MAX: usize = 255;

/// Paths of this file.
pub fn router(http: &Http) -> Router {
    let router = Router::new()
        .route("/.well-known/opentalk/api", get(api))
        .route("/.well-known/opentalk/client", get(client))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Found::new(http));
    layers::open(router)
}

/// Where this server is.
#[derive(Debug, Clone)]
pub(super) struct Found {
    public_url: Option<String>,
    /// For requests that do not say how they came here.
    listener: String,
}

impl Found {
    fn new(http: &Http) -> Self {
        Self {
            public_url: http.public_url.as_ref().map(without_slash),
            listener: without_slash(&http.public_url()),
        }
    }
}

impl FromRef<ApiState> for Found {
    fn from_ref(state: &ApiState) -> Self {
        Self::new(&state.config.http)
    }
}

/// Base of this server's URLs: `http.public_url`, else the request's own scheme and host.
pub(super) struct Base(pub(super) String);

impl<S> FromRequestParts<S> for Base
where
    S: Send + Sync,
    Found: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let found = Found::from_ref(state);
        let base = found.public_url.or_else(|| own(parts)).unwrap_or(found.listener);
        Ok(Self(base))
    }
}

/// Versions of the API, and where they begin.
async fn api(State(found): State<Found>) -> impl IntoResponse {
    let base = found.public_url.unwrap_or_default();
    said(json!({"opentalk_api": {"v1": {"base_url": format!("{base}/v1")}}}))
}

/// The server that a web client works with.
async fn client(Base(base): Base) -> impl IntoResponse {
    said(json!({"opentalk_controller": {"base_url": base}}))
}

/// It may depend on the `Host`: no cache keeps it.
fn said(body: Value) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(body))
}

/// Scheme and host as the client typed them; `None` where they can't be made out.
fn own(parts: &Parts) -> Option<String> {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| host.len() <= HOST_CHARS_MAX)?;
    let authority: Authority = host.parse().ok()?;
    if host.contains('@') || authority.host().is_empty() {
        return None;
    }
    let scheme = if is_https(parts) { "https" } else { "http" };
    Some(format!("{scheme}://{authority}"))
}

/// The listener itself speaks no TLS; a declared proxy in front of it may.
fn is_https(parts: &Parts) -> bool {
    let is_declared = parts.extensions.get::<Peer>().is_some_and(|peer| peer.trusted);
    let text = |name: &HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let first = |value: &str| {
        value
            .split(',')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    let by_header = text(&X_FORWARDED_PROTO).map(|value| first(value) == "https");
    let by_forwarded = || {
        let element = first(text(&FORWARDED)?);
        let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
        let proto = pairs.find(|(name, _)| name.trim() == "proto")?.1;
        Some(proto.trim().trim_matches('"') == "https")
    };
    is_declared && by_header.or_else(by_forwarded).unwrap_or_default()
}

fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{Request, StatusCode, Version, header::ACCESS_CONTROL_ALLOW_ORIGIN},
    };
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    /// A request of a proxy, declared or not, or of a client.
    struct Asked<'a> {
        trusted: bool,
        headers: &'a [(&'a str, &'a str)],
    }

    async fn base(http: &Http, asked: &Asked<'_>) -> String {
        // HTTP/1.1 would not do without a host.
        let mut request = Request::get("/.well-known/opentalk/client").version(Version::HTTP_10);
        for (name, value) in asked.headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer {
            address: [10, 0, 0, 1].into(),
            trusted: asked.trusted,
        });
        let response = router(http).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["opentalk_controller"]["base_url"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    #[tokio::test]
    async fn without_a_public_url_the_request_says_how_it_came() {
        let http = Http::default();
        let host = ("host", "meet.example.org:8443");
        for (trusted, headers, expected) in [
            (false, &[host][..], "http://meet.example.org:8443"),
            (
                false,
                &[host, ("x-forwarded-proto", "https")],
                "http://meet.example.org:8443",
            ),
            (
                true,
                &[host, ("x-forwarded-proto", "https")],
                "https://meet.example.org:8443",
            ),
            (
                true,
                &[host, ("x-forwarded-proto", "HTTPS, http")],
                "https://meet.example.org:8443",
            ),
            (
                true,
                &[host, ("x-forwarded-proto", "http, https")],
                "http://meet.example.org:8443",
            ),
            (
                true,
                &[host, ("forwarded", "for=192.0.2.1;Proto=\"https\", proto=http")],
                "https://meet.example.org:8443",
            ),
            (
                true,
                &[host, ("forwarded", "proto=https"), ("x-forwarded-proto", "http")],
                "http://meet.example.org:8443",
            ),
            (
                false,
                &[("host", "[2001:db8::1]:8080")],
                "http://[2001:db8::1]:8080",
            ),
        ] {
            let asked = Asked { trusted, headers };
            assert_eq!(base(&http, &asked).await, expected, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_host_is_not_repeated() {
        let long = "a".repeat(256);
        for host in [
            "",
            "user@meet.example.org",
            "meet example",
            "meet.example/path",
            "<b>",
            &long,
        ] {
            let asked = Asked {
                trusted: false,
                headers: &[("host", host)],
            };
            assert_eq!(
                base(&Http::default(), &asked).await,
                "http://127.0.0.1:11311",
                "{host}"
            );
        }
        let nothing = Asked {
            trusted: false,
            headers: &[],
        };
        assert_eq!(base(&Http::default(), &nothing).await, "http://127.0.0.1:11311");
    }

    #[tokio::test]
    async fn a_public_url_holds_whatever_the_request_says() {
        let http = Http {
            public_url: Some(Url::parse("https://controller.example.org/").unwrap()),
            ..Http::default()
        };
        let asked = Asked {
            trusted: true,
            headers: &[("host", "evil.example"), ("x-forwarded-proto", "http")],
        };
        assert_eq!(base(&http, &asked).await, "https://controller.example.org");
    }

    #[tokio::test]
    async fn pages_of_any_origin_may_read_it() {
        let http = Http {
            cors_origins: vec!["https://meet.example.org".to_owned()],
            ..Http::default()
        };
        for path in ["/.well-known/opentalk/client", "/.well-known/opentalk/api"] {
            let request = Request::get(path).header("origin", "https://other.example");
            let response = router(&http).oneshot(request.body(Body::empty()).unwrap()).await;
            let headers = response.unwrap().headers().clone();
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{path}");
        }
    }
}
