//! What is left of a request's body when the answer is there.
//!
//! A connection whose client is still sending can't take another request, and closing it destroys the answer on its way. So what is left is
//! read, as far as that is little; of more, the client is told that the connection ends, and it is closed only when the client has heard
//! that (RFC 9112, 9.6).

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{
        HeaderValue, Request, Response, StatusCode,
        header::{CONNECTION, EXPECT},
    },
};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Sleep, sleep, timeout},
};

/// Bytes that are read for the sake of the connection.
const LEFT_BYTES_MAX: usize = 1024 * 1024;
/// Time for them.
const LEFT_WAIT: Duration = Duration::from_secs(2);
/// How long, and how many bytes, a client may go on sending that was told that the connection ends.
const LINGER_WAIT: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Read at once, to be thrown away.
const LINGER_READ_BYTES: usize = 16 * 1024;

/// A body that handlers read, and that outlives them.
#[derive(Debug)]
struct Shared {
    body: Mutex<Incoming>,
    /// Whether anybody has read of it: until then a client may wait for that.
    is_begun: AtomicBool,
}

impl Shared {
    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_begun.store(true, Ordering::Relaxed);
        Pin::new(&mut *self.lock()).poll_frame(cx)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Incoming> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What handlers get of it.
struct Lent(Arc<Shared>);

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.0.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}

/// The body of a request that is being answered.
pub(super) struct Unread {
    /// None where there is none.
    shared: Option<Arc<Shared>>,
    waits_for_word: bool,
}

impl Unread {
    /// Lends the body of a request to its handlers.
    pub fn of(request: Request<Incoming>) -> (Request<Body>, Self) {
        let waits_for_word = request.headers().contains_key(EXPECT);
        let mut shared = None;
        let request = request.map(|body| {
            if body.is_end_stream() {
                return Body::empty();
            }
            let body = Arc::new(Shared {
                body: Mutex::new(body),
                is_begun: AtomicBool::new(false),
            });
            shared = Some(Arc::clone(&body));
            Body::new(Lent(body))
        });
        let this = Self {
            shared,
            waits_for_word,
        };
        (request, this)
    }

    /// The answer is there. Says in it that the connection ends where the body can't be read to its end; whether that is so.
    pub async fn settle(self, answer: &mut Response<Body>) -> bool {
        let Some(shared) = self.shared else { return false };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return false;
        }
        // Somebody who goes on without the answer reads it still.
        if Arc::strong_count(&shared) > 1 {
            return false;
        }
        let nobody_sends = self.waits_for_word && !shared.is_begun.load(Ordering::Relaxed);
        if !nobody_sends && timeout(LEFT_WAIT, read_little(&shared)).await.unwrap_or(false) {
            return false;
        }
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        true
    }
}

/// Reads what is left, if it is little; whether that was all.
async fn read_little(shared: &Shared) -> bool {
    let mut bytes = 0;
    loop {
        match std::future::poll_fn(|cx| shared.poll_frame(cx)).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
        }
        if bytes > LEFT_BYTES_MAX {
            return false;
        }
    }
}

/// Keeps a socket that has said its last until the client has heard that, or for a while.
#[derive(Default)]
pub(super) struct Linger {
    /// Whether the client was told that the connection ends while it was sending.
    pub(super) is_asked_for: Arc<AtomicBool>,
    until: Option<Pin<Box<Sleep>>>,
    bytes: usize,
}

impl Linger {
    /// Throws away what still comes. Over when the client closes, or has had its time.
    pub fn poll(&mut self, stream: Pin<&mut impl AsyncRead>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_asked_for.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(LINGER_WAIT)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut stream = stream;
        let mut scratch = [0; LINGER_READ_BYTES];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(stream.as_mut().poll_read(cx, &mut buffer));
            self.bytes += buffer.filled().len();
            if read.is_err() || buffer.filled().is_empty() || self.bytes > LINGER_BYTES_MAX {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
