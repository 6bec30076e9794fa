//! `colloquy dev-issuer`: the development issuer in a process of its own, for servers that have a proxy in front of them or
//! share their users.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use super::{explain, greeting, logging, logging::LoggingError, signals::Signals};
use crate::{
    client_address::TrustedProxies,
    config::{Config, DEV_ISSUER_PATH, DataFolderError, Http, prepare_data_folder},
    http::layers,
    identity::{DevIssuer, dev_issuer::DevIssuerError},
    listener::{self, ConnectionLimits, Shutdown},
    loopback::is_loopback,
};

/// Where it listens when nothing says otherwise.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 11399);

/// Time for open connections to end after the signal.
const CONNECTIONS_GRACE: Duration = Duration::from_secs(3);

/// Why there is no issuer.
#[derive(Debug, thiserror::Error)]
enum IssuerError {
    #[error("cannot start logging: {0}")]
    Logging(#[from] LoggingError),
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    #[error("cannot handle signals: {0}")]
    Signals(io::Error),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(
        "--listen: {0} is not a loopback address, and the passwords of a development issuer anyone can know; \
         dev_issuer.allow_remote = true allows it"
    )]
    Remote(SocketAddr),
    #[error(
        "oidc.authority: {0} is somebody else's issuer; a development issuer is http://<loopback host>:<port>{path} \
         (other hosts need dev_issuer.allow_remote = true)",
        path = DEV_ISSUER_PATH
    )]
    Foreign(Url),
    #[error("oidc.authority: servers would look for the issuer at {expected}, but it listens on {listen}")]
    Elsewhere {
        expected: SocketAddr,
        listen: SocketAddr,
    },
    #[error("{0} has no URL")]
    Unnameable(SocketAddr),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    Open(#[from] DevIssuerError),
    #[error("the listener ended by itself")]
    ListenerEnded,
}

pub(super) fn run(config: &Config, listen: Option<SocketAddr>) -> ExitCode {
    match start(config, listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("colloquy: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

fn start(config: &Config, listen: Option<SocketAddr>) -> Result<(), IssuerError> {
    let listen = listen_address(config, listen)?;
    logging::start(&config.log)?;
    let runtime = tokio::runtime::Runtime::new().map_err(IssuerError::Runtime)?;
    let result = runtime.block_on(serve(config, listen));
    // What still runs is not worth waiting for: the orderly stop is over.
    runtime.shutdown_background();
    result
}

async fn serve(config: &Config, listen: SocketAddr) -> Result<(), IssuerError> {
    let signals = Signals::install().map_err(IssuerError::Signals)?;
    let mut stop = std::pin::pin!(signals.stop());
    let failed = |source| IssuerError::Listen {
        address: listen,
        source,
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let url = issuer_url(config, address)?;
    let data_folder = prepare_data_folder(config).await?;
    let issuer = tokio::select! {
        issuer = DevIssuer::of_config(config, &url, address.ip(), &data_folder) => Arc::new(issuer?),
        () = &mut stop => return Ok(()),
    };
    let router = Router::new().nest(DEV_ISSUER_PATH, Arc::clone(&issuer).router());
    // Its own CORS rules count, not those of the servers.
    let router = layers::every(layers::rest(router), &Http::default());
    let limits = ConnectionLimits {
        loopback_exempt: true,
        trusted_proxies: TrustedProxies::default(),
        ..ConnectionLimits::of(config)
    };
    let token = CancellationToken::new();
    let shutdown = Shutdown {
        token: token.clone(),
        grace: CONNECTIONS_GRACE,
    };
    let mut listening = tokio::spawn(listener::serve(listener, router, limits, shutdown));
    // A closed stdout must not keep the issuer from running.
    let _ = greeting::print_issuer(&mut io::stdout().lock(), config, issuer.issuer(), &data_folder);
    tracing::info!(http.listen = %address, "listening");
    tokio::select! {
        () = stop => {}
        _ = &mut listening => return Err(IssuerError::ListenerEnded),
    }
    token.cancel();
    listening.await.map_err(|_| IssuerError::ListenerEnded)?;
    tracing::info!("stopped");
    Ok(())
}

/// Where to listen: as told, else where servers with this configuration look for it.
fn listen_address(config: &Config, told: Option<SocketAddr>) -> Result<SocketAddr, IssuerError> {
    let expected = config
        .oidc
        .authority
        .as_ref()
        .map(|authority| own(config, authority));
    let expected = expected.transpose()?.flatten();
    let listen = told.or(expected).unwrap_or(DEFAULT_LISTEN);
    if config.dev_issuer.allow_remote {
        return Ok(listen);
    }
    if !listen.ip().to_canonical().is_loopback() {
        return Err(IssuerError::Remote(listen));
    }
    match expected {
        Some(expected) if listen.port() != expected.port() => {
            Err(IssuerError::Elsewhere { expected, listen })
        }
        _ => Ok(listen),
    }
}

/// Checks that an authority can be this issuer; the address at which a client would look for it, where that is a
/// loopback one.
fn own(config: &Config, authority: &Url) -> Result<Option<SocketAddr>, IssuerError> {
    let foreign = || IssuerError::Foreign(authority.clone());
    let host = authority.host().ok_or_else(foreign)?;
    let is_here = is_loopback(&host);
    let is_reachable = config.dev_issuer.allow_remote || (is_here && authority.scheme() == "http");
    if authority.path().trim_end_matches('/') != DEV_ISSUER_PATH || !is_reachable {
        return Err(foreign());
    }
    let ip = match host {
        Host::Ipv4(ip) => IpAddr::V4(ip),
        Host::Ipv6(ip) => IpAddr::V6(ip),
        Host::Domain(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let port = authority.port_or_known_default();
    Ok(port.filter(|_| is_here).map(|port| SocketAddr::new(ip, port)))
}

/// What tokens carry as `iss`: the configured authority, else a URL of the listener.
fn issuer_url(config: &Config, address: SocketAddr) -> Result<Url, IssuerError> {
    if let Some(authority) = &config.oidc.authority {
        return Ok(authority.clone());
    }
    let here = Http {
        listen: address,
        ..Http::default()
    };
    let url = here.public_url().join(DEV_ISSUER_PATH);
    url.map_err(|_| IssuerError::Unnameable(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(toml: &str) -> Config {
        toml::from_str(toml).unwrap()
    }

    fn listens(toml: &str, told: Option<&str>) -> Result<String, String> {
        let told = told.map(|told| told.parse().unwrap());
        let address = listen_address(&config(toml), told);
        address
            .map(|address| address.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn it_listens_where_servers_look_for_it() {
        for (toml, told, expected) in [
            ("", None, "127.0.0.1:11399"),
            ("http.listen = '127.0.0.1:80'", None, "127.0.0.1:11399"),
            ("", Some("[::1]:80"), "[::1]:80"),
            (
                "oidc.authority = 'http://127.0.0.1:8080/dev-issuer'",
                None,
                "127.0.0.1:8080",
            ),
            (
                "oidc.authority = 'http://localhost:8080/dev-issuer/'",
                None,
                "127.0.0.1:8080",
            ),
            (
                "oidc.authority = 'http://[::1]:8080/dev-issuer'",
                Some("[::1]:8080"),
                "[::1]:8080",
            ),
            ("dev_issuer.allow_remote = true", Some("0.0.0.0:80"), "0.0.0.0:80"),
            (
                "dev_issuer.allow_remote = true\noidc.authority = 'https://dev.example.org/dev-issuer'",
                Some("0.0.0.0:80"),
                "0.0.0.0:80",
            ),
        ] {
            assert_eq!(listens(toml, told).as_deref(), Ok(expected), "{toml} {told:?}");
        }
    }

    #[test]
    fn what_it_can_not_be_is_refused() {
        for (toml, told, reason) in [
            ("", Some("0.0.0.0:80"), "--listen: 0.0.0.0:80"),
            ("", Some("192.0.2.1:80"), "--listen: 192.0.2.1:80"),
            (
                "oidc.authority = 'https://id.example.org/realms/a'",
                None,
                "somebody else's",
            ),
            (
                "oidc.authority = 'http://192.0.2.1:8080/dev-issuer'",
                None,
                "somebody else's",
            ),
            (
                "oidc.authority = 'https://localhost:8080/dev-issuer'",
                None,
                "somebody else's",
            ),
            (
                "oidc.authority = 'http://localhost:8080/realms/a'",
                None,
                "somebody else's",
            ),
            (
                "oidc.authority = 'http://localhost:8080/dev-issuer'",
                Some("127.0.0.1:8081"),
                "would look",
            ),
            (
                "dev_issuer.allow_remote = true\noidc.authority = 'https://id.example.org/realms/a'",
                None,
                "somebody else's",
            ),
        ] {
            let refused = listens(toml, told).unwrap_err();
            assert!(refused.contains(reason), "{toml} {told:?}: {refused}");
        }
    }

    #[test]
    fn its_name_is_the_authority() {
        let address = "127.0.0.1:8080".parse().unwrap();
        let named = |toml: &str| issuer_url(&config(toml), address).unwrap().to_string();
        assert_eq!(named(""), "http://127.0.0.1:8080/dev-issuer");
        let authority = "http://localhost:8080/dev-issuer";
        assert_eq!(named(&format!("oidc.authority = '{authority}'")), authority);
    }
}
