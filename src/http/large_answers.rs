//! Answers that clients take slowly: each keeps its place among the requests of its caller, and those that lie in memory have little of
//! it together.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use dashmap::DashMap;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{ApiError, caller_limits::Held};

/// Bytes of an answer that count as one share of [`LARGE_SHARES`].
const SHARE_BYTES: u64 = 1024 * 1024;

/// Shares of all answers together that are ready and not taken yet: 256 MiB.
const LARGE_SHARES: u32 = 256;

/// The same of one caller: who takes its answers slowly leaves room for others.
const CALLER_SHARES: u32 = LARGE_SHARES / 8;

/// Large answers that nobody has taken yet lie in memory.
#[derive(Debug, Clone)]
pub(super) struct LargeAnswers {
    all: Arc<Semaphore>,
    /// Shares of callers, by a hash, while they have any.
    callers: Arc<DashMap<u64, u32>>,
}

impl Default for LargeAnswers {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(LARGE_SHARES as usize)),
            callers: Arc::default(),
        }
    }
}

/// The place of a large answer among all.
struct LargePlace {
    _shares: OwnedSemaphorePermit,
    _of_caller: Option<CallerPlace>,
}

/// The same among those of its caller.
struct CallerPlace {
    callers: Arc<DashMap<u64, u32>>,
    caller: u64,
    shares: u32,
}

impl CallerPlace {
    /// None where the caller has answers already and this is too much beside them: one is always taken from it, whatever its size.
    fn take(callers: &Arc<DashMap<u64, u32>>, caller: u64, shares: u32) -> Option<Self> {
        let mut taken = callers.entry(caller).or_default();
        if *taken > 0 && *taken + shares > CALLER_SHARES {
            return None;
        }
        *taken += shares;
        Some(Self {
            callers: Arc::clone(callers),
            caller,
            shares,
        })
    }
}

impl Drop for CallerPlace {
    fn drop(&mut self) {
        if let Some(mut taken) = self.callers.get_mut(&self.caller) {
            *taken = taken.saturating_sub(self.shares);
        }
        self.callers.remove_if(&self.caller, |_, taken| *taken == 0);
    }
}

impl LargeAnswers {
    /// The place of an answer of so many bytes; none is needed for one that is smaller than a share.
    fn place(&self, bytes: u64, caller: Option<u64>) -> Result<Option<LargePlace>, ApiError> {
        if bytes < SHARE_BYTES {
            return Ok(None);
        }
        let too_many = || ApiError::unavailable("Too many large answers are on their way");
        let shares = u32::try_from(bytes.div_ceil(SHARE_BYTES)).unwrap_or(LARGE_SHARES);
        let shares = shares.min(LARGE_SHARES);
        let of_caller = match caller {
            Some(caller) => Some(CallerPlace::take(&self.callers, caller, shares).ok_or_else(too_many)?),
            None => None,
        };
        let place = Arc::clone(&self.all).try_acquire_many_owned(shares);
        Ok(Some(LargePlace {
            _shares: place.map_err(|_| too_many())?,
            _of_caller: of_caller,
        }))
    }
}

/// Lets what a request holds live until its answer is taken; whoever reads who calls puts it there. A client that takes its answers
/// slowly has few of them, and all such clients together hold little memory.
pub(super) async fn hold(State(large): State<LargeAnswers>, request: Request, next: Next) -> Response {
    let held: Held = request.extensions().get().cloned().unwrap_or_default();
    let response = next.run(request).await;
    // A stream does not lie in memory; its length is not known here, or is that of a file.
    let bytes = response.body().size_hint().exact().unwrap_or_default();
    match large.place(bytes, held.caller()) {
        Ok(place) => response.map(|inner| {
            Body::new(HeldBody {
                inner,
                rest: Bytes::new(),
                _held: held,
                _place: place,
            })
        }),
        Err(refused) => refused.into_response(),
    }
}

/// What is handed to the connection at once: it buffers no more than a few of these, so that the body is there until nearly all
/// of it has been taken.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// A body that holds places until it is sent, or given up.
struct HeldBody {
    inner: Body,
    /// What of a frame was not handed on yet.
    rest: Bytes,
    _held: Held,
    _place: Option<LargePlace>,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return other,
            }
        }
        let piece = self.rest.len().min(PIECE_BYTES_MAX);
        let piece = self.rest.split_to(piece);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.size_hint();
        let rest = self.rest.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_leaves_room_for_the_large_answers_of_others() {
        const MIB: u64 = 1024 * 1024;
        let large = LargeAnswers::default();
        let first = large.place(200 * MIB, Some(1)).expect("one of any size");
        assert!(large.place(MIB, Some(1)).is_err());
        let others: Vec<_> = (2..12).map(|caller| large.place(5 * MIB, Some(caller))).collect();
        assert!(others.iter().all(Result::is_ok));
        drop(first);
        let small: Vec<_> = (0..40).map(|_| large.place(MIB, Some(1))).collect();
        assert_eq!(small.iter().filter(|place| place.is_ok()).count(), 32);
        drop((others, small));
        assert!(large.callers.is_empty());
    }

    #[tokio::test]
    async fn large_answers_hold_their_places_until_they_are_taken() {
        const SIZE: usize = 130 * 1024 * 1024;
        let router = axum::Router::new()
            .route("/", axum::routing::get(async || vec![0_u8; SIZE]))
            .route("/small", axum::routing::get(async || "small"))
            .layer(axum::middleware::from_fn_with_state(
                LargeAnswers::default(),
                hold,
            ));
        let ask = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            tower::ServiceExt::oneshot(router.clone(), request).await.unwrap()
        };
        let first = ask("/").await;
        assert_eq!(first.status(), 200);
        assert_eq!(first.body().size_hint().exact(), Some(SIZE as u64));
        assert_eq!(ask("/").await.status(), 503);
        assert_eq!(ask("/small").await.status(), 200);
        // Some of it is taken: it is still there.
        let mut body = first.into_body();
        let frame = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap().len(), PIECE_BYTES_MAX);
        assert_eq!(ask("/").await.status(), 503);
        let rest = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        assert_eq!(rest.len(), SIZE - PIECE_BYTES_MAX);
        assert_eq!(ask("/").await.status(), 200);
    }
}
