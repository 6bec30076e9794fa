//! The one place where HTTP clients are made: what all requests to other services have in common.
//!
//! No client follows redirects: an answer that leads elsewhere would take keys, tokens and passwords along, or bring those of
//! somebody else. A client for an https URL makes no request without TLS, whatever an answer names. Proxies of the environment
//! do not count (`HTTPS_PROXY` and the like), only `outgoing.proxy`.

use std::time::Duration;

use reqwest::{Client, Proxy, redirect::Policy};
use url::Url;

use crate::{config::Outgoing, private_network::is_near};

/// How long a client waits.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes of an answer; `None` where callers limit the whole.
    pub read: Option<Duration>,
}

/// A client for requests to the service at `service`. Its callers limit the time of each request.
///
/// # Errors
/// When no client can be made: without certificates of the system, for example.
pub fn client(outgoing: &Outgoing, service: &Url, waits: Waits) -> Result<Client, reqwest::Error> {
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .https_only(matches!(service.scheme(), "https" | "wss"))
        .connect_timeout(waits.connect);
    if let Some(read) = waits.read {
        builder = builder.read_timeout(read);
    }
    if let Some(proxy) = &outgoing.proxy {
        builder = builder.proxy(through(outgoing.clone(), proxy.clone()));
    }
    builder.build()
}

/// The address of a service with a slash at its end: what is below it is joined to it.
#[must_use]
pub fn as_folder(base: &Url) -> Url {
    below(base, &[""])
}

/// An address below that of a service. Segments are encoded as far as they must be.
#[must_use]
pub fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    // A URL without segments is none of the web, as settings are.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// The proxy, for https requests to machines beyond private networks that are not named as exceptions.
fn through(outgoing: Outgoing, proxy: Url) -> Proxy {
    Proxy::custom(move |url| needs_proxy(&outgoing, url).then(|| proxy.clone()))
}

fn needs_proxy(outgoing: &Outgoing, url: &Url) -> bool {
    url.scheme() == "https"
        && url
            .host()
            .is_some_and(|host| !is_near(&host) && !outgoing.bypasses_proxy(&host.to_string()))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::{Router, response::Redirect, routing::get};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::cli::install_crypto;

    const WAITS: Waits = Waits {
        connect: Duration::from_secs(10),
        read: None,
    };

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn client_for(service: &str) -> Client {
        install_crypto();
        client(&Outgoing::default(), &url(service), WAITS).unwrap()
    }

    async fn serve(router: Router) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    #[tokio::test]
    async fn redirects_are_answers_like_others() {
        let router = Router::new()
            .route("/here", get(async || Redirect::temporary("/there")))
            .route("/there", get(async || "somewhere else"));
        let address = serve(router).await;
        let here = format!("http://{address}/here");
        let answer = client_for(&here).get(&here).send().await.unwrap();
        assert_eq!(answer.status(), 307);
    }

    #[tokio::test]
    async fn a_client_for_https_makes_no_request_in_clear() {
        let address = serve(Router::new().route("/", get(async || "plain"))).await;
        let plain = format!("http://{address}/");
        for service in ["https://id.example.org", "wss://livekit.example.org"] {
            let refused = client_for(service).get(&plain).send().await.unwrap_err();
            assert!(refused.is_builder(), "{refused:?}");
        }
        assert!(client_for(&plain).get(&plain).send().await.is_ok());
    }

    #[test]
    fn the_proxy_is_for_the_internet() {
        let outgoing = Outgoing {
            no_proxy: vec!["example.net".to_owned()],
            ..Outgoing::default()
        };
        for (address, expected) in [
            ("https://id.example.org/realms/a", true),
            ("https://192.0.2.1/", true),
            ("http://id.example.org/", false),
            ("https://id.example.net/", false),
            ("https://keycloak/", false),
            ("https://10.0.0.1/", false),
            ("https://localhost/", false),
        ] {
            assert_eq!(needs_proxy(&outgoing, &url(address)), expected, "{address}");
        }
    }

    #[tokio::test]
    async fn the_proxy_hears_the_name_of_the_host() {
        install_crypto();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let outgoing = Outgoing {
            proxy: Some(url(&format!("http://{}", listener.local_addr().unwrap()))),
            ..Outgoing::default()
        };
        let service = url("https://id.example.org/realms/a");
        let asking = client(&outgoing, &service, WAITS).unwrap().get(service).send();
        let proxying = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        };
        let (answer, asked) = tokio::join!(asking, proxying);
        assert!(answer.is_err());
        assert!(asked.starts_with("CONNECT id.example.org:443 "), "{asked}");
    }
}
