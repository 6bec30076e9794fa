//! One connection: its places in the limits, its requests, its end.

use std::{
    io::{self, IoSlice},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{Router, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tower::ServiceExt as _;

use crate::{
    client_address::Peer,
    concurrency_limit::{NetworkLimit, NetworkPermit},
    config::HEAD_BYTES_MAX,
    hourly::Hourly,
};

use super::{
    ConnectionLimits, client_address,
    forwarded::is_forwarded,
    stalls::Stalls,
    unread::{Linger, Unread},
};

/// Read buffer of a connection, in bytes: more than the head of a request may have, so that one that is too large is read to its
/// end, and answered as browsers can read it. What fills the buffer is refused by the library, without a body (431); one
/// read may overshoot, so that nothing longer than twice this is ever held.
const BUFFER_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;

/// Places for connections.
#[derive(Debug)]
pub(super) struct Acceptance {
    pub(super) total: Arc<Semaphore>,
    pub(super) limit: NetworkLimit,
    /// Whether a header of an undeclared proxy was reported.
    pub(super) undeclared: Once,
    /// Whether a full house was reported.
    pub(super) full: Once,
    /// Heads that filled the buffer.
    pub(super) oversized: Hourly,
}

/// What all connections of a listener share.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) acceptance: Arc<Acceptance>,
    pub(super) router: Router,
    pub(super) limits: Arc<ConnectionLimits>,
    /// Counts open connections, upgraded ones included.
    pub(super) tracker: TaskTracker,
    /// Cancelled when connections shall end after their request in flight.
    pub(super) finish: CancellationToken,
    /// Cancelled when connections shall end at once.
    pub(super) abort: CancellationToken,
}

impl Connections {
    /// Waits for a place in the total. `None` never happens while the listener lives: the semaphore stays open.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        let total = &self.acceptance.total;
        if total.available_permits() == 0 {
            self.acceptance.full.call_once(|| {
                tracing::warn!(
                    connections_max = self.limits.connections_max,
                    "all connections are taken; further ones wait (reported once)"
                );
            });
        }
        Arc::clone(total).acquire_owned().await.ok()
    }

    /// Serves a new connection in a task of its own, or drops it when its address has too many.
    pub(super) fn start(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        let peer = self.limits.trusted_proxies.peer(peer.ip());
        let place = if self.is_exempt(peer) {
            None
        } else {
            let Some(place) = self.acceptance.limit.take(peer.address) else {
                tracing::debug!("a client address has too many connections");
                return;
            };
            Some(place)
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection vanished before its first request");
            return;
        }
        let stream = CountedStream {
            stream,
            stalls: Stalls::new(self.limits.stall_timeout),
            linger: Linger::default(),
            _slot: slot,
            _place: place,
            _token: self.tracker.token(),
        };
        let requests = Requests {
            router: self.router.clone(),
            limits: Arc::clone(&self.limits),
            acceptance: Arc::clone(&self.acceptance),
            peer,
            lingers: Arc::clone(&stream.linger.is_asked_for),
        };
        tokio::spawn(run(stream, requests, self.finish.clone(), self.abort.clone()));
    }

    /// A proxy brings many clients; in development many come from this machine.
    fn is_exempt(&self, peer: Peer) -> bool {
        peer.trusted || (self.limits.loopback_exempt && peer.address.is_loopback())
    }
}

async fn run(stream: CountedStream, requests: Requests, finish: CancellationToken, abort: CancellationToken) {
    let acceptance = Arc::clone(&requests.acceptance);
    let service = service_fn(|request| requests.answer(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(requests.limits.header_timeout)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);

    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = finish.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = abort.cancelled() => return,
            }
        }
    };
    match ended {
        Ok(()) => {}
        // How most connections end: nobody asked anything more for a while.
        Err(error) if error.is_timeout() => tracing::trace!("a connection brought no further request"),
        Err(error) if error.is_parse_too_large() && acceptance.oversized.is_due(Instant::now()) => {
            tracing::warn!(
                http.head_bytes_max = HEAD_BYTES_MAX,
                "refused a request with a far too large head (told once an hour)"
            );
        }
        // Clients vanish all day long.
        Err(error) => tracing::debug!(%error, "a connection ended early"),
    }
}

/// The way of a connection's requests into the router.
struct Requests {
    router: Router,
    limits: Arc<ConnectionLimits>,
    acceptance: Arc<Acceptance>,
    peer: Peer,
    /// Whether the connection is to be kept for a while when it ends.
    lingers: Arc<AtomicBool>,
}

impl Requests {
    async fn answer(&self, mut request: Request<Incoming>) -> Result<Response, std::convert::Infallible> {
        if !self.peer.trusted && is_forwarded(request.headers()) {
            self.report_undeclared(self.peer.address);
        }
        let client = client_address(self.peer, request.headers(), &self.limits.trusted_proxies);
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(client);
        let (request, unread) = Unread::of(request);
        let mut answer = self.router.clone().oneshot(request).await?;
        if unread.settle(&mut answer).await {
            self.lingers.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }

    fn report_undeclared(&self, address: IpAddr) {
        self.acceptance.undeclared.call_once(|| {
            tracing::warn!(
                peer.address = %address,
                "ignored a forwarding header: its sender is not in http.trusted_proxies (reported once)"
            );
        });
    }
}

/// A socket that holds its places in the limits until it is closed, also after an upgrade.
struct CountedStream {
    stream: TcpStream,
    stalls: Stalls,
    linger: Linger,
    _slot: OwnedSemaphorePermit,
    _place: Option<NetworkPermit>,
    _token: TaskTrackerToken,
}

impl AsyncRead for CountedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.stalls.watch(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        this.linger.poll(Pin::new(&mut this.stream), cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.stalls.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
