//! The HTTP listener: axum's own `serve` has neither a header timeout nor a limit of connections.

mod accept;
mod connection;
mod forwarded;
mod stalls;
mod unread;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Once},
    time::Duration,
};

use axum::Router;
use tokio::{net::TcpListener, sync::Semaphore, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::connection::{Acceptance, Connections};
pub use self::forwarded::client_address;
use crate::{
    client_address::TrustedProxies, concurrency_limit::NetworkLimit, config::Config, hourly::Hourly,
};

/// Time for the headers of a request, and for the next request on an idle connection.
const HEADER_SECS_MAX: u64 = 10;

/// Time in which a client takes nothing of what is ready for it.
const STALL_SECS_MAX: u64 = 60;

/// What the listener allows.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Open connections in total, upgraded ones included; further ones wait to be accepted.
    pub connections_max: usize,
    /// Open connections per client network; further ones are closed at once. Trusted proxies are exempt.
    pub connections_per_address_max: usize,
    /// Whether loopback addresses are exempt from the cap per address.
    pub loopback_exempt: bool,
    pub trusted_proxies: TrustedProxies,
    /// Time for the headers of a request, and for the next request on an idle connection.
    pub header_timeout: Duration,
    /// Time in which a client takes nothing of what is ready for it, as far as the system's buffers tell; then the connection ends.
    pub stall_timeout: Duration,
}

impl ConnectionLimits {
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            connections_max: config.http.connections_max,
            connections_per_address_max: config.http.connections_per_address_max,
            loopback_exempt: config.dev_issuer_enabled(),
            trusted_proxies: TrustedProxies::new(config.http.trusted_proxies.clone()),
            header_timeout: Duration::from_secs(HEADER_SECS_MAX),
            stall_timeout: Duration::from_secs(STALL_SECS_MAX),
        }
    }
}

/// When the listener stops, and how long open connections may take to end.
#[derive(Debug, Clone)]
pub struct Shutdown {
    pub token: CancellationToken,
    pub grace: Duration,
}

/// How the listener ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerEnd {
    /// Connections that were still open when the grace time was over.
    pub connections_open: usize,
}

/// Serves `router` until `shutdown`: then accepts nothing more, lets requests in flight end, and cuts what takes
/// longer than the grace time. Upgraded connections are waited for too; whoever owns them closes them.
///
/// Each request carries the extensions [`ClientAddress`](crate::client_address::ClientAddress) and [`Peer`](crate::client_address::Peer).
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    shutdown: Shutdown,
) -> ListenerEnd {
    let tracker = TaskTracker::new();
    let abort = CancellationToken::new();
    let connections = Connections {
        acceptance: Arc::new(Acceptance {
            total: Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS))),
            limit: NetworkLimit::new(limits.connections_per_address_max),
            undeclared: Once::new(),
            full: Once::new(),
            oversized: Hourly::default(),
        }),
        router,
        limits: Arc::new(limits),
        tracker: tracker.clone(),
        finish: shutdown.token.clone(),
        abort: abort.clone(),
    };

    accept::run(&listener, &connections).await;
    drop(listener);

    tracker.close();
    let deadline = Instant::now() + shutdown.grace;
    let connections_open = match tokio::time::timeout_at(deadline, tracker.wait()).await {
        Ok(()) => 0,
        Err(_) => tracker.len(),
    };
    abort.cancel();
    ListenerEnd { connections_open }
}
