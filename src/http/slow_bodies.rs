//! Bodies that do not come at once: few of a network, and of all, lie half-read in memory, whoever sends them.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use tokio::{sync::Semaphore, task::yield_now};

use super::{ApiError, inventions::too_soon};
use crate::{client_address::ClientAddress, concurrency_limit::NetworkLimit};

/// Of a network: an IPv4 address or a /64 of IPv6; the networks around that have twice and four times as many.
const OF_NETWORK_MAX: usize = 256;

/// Of all together: with heads and bodies of the largest size, read into twice as much, 640 MiB.
const OF_ALL_MAX: usize = 4_096;

/// Places for bodies that are waited for. Clones are one.
#[derive(Debug, Clone)]
pub(super) struct SlowBodies {
    networks: NetworkLimit,
    all: Arc<Semaphore>,
}

impl Default for SlowBodies {
    fn default() -> Self {
        Self {
            networks: NetworkLimit::new(OF_NETWORK_MAX),
            all: Arc::new(Semaphore::new(OF_ALL_MAX)),
        }
    }
}

impl SlowBodies {
    /// Reads a body. One that came with its head, as nearly all do, needs no place.
    pub async fn read<T>(
        &self,
        from: Option<ClientAddress>,
        body: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
        let mut body = pin!(body);
        // The connection hands on what it has when it is looked at once more.
        for _ in 0..2 {
            if let Poll::Ready(read) = poll_fn(|cx| Poll::Ready(body.as_mut().poll(cx))).await {
                return Ok(read);
            }
            yield_now().await;
        }
        let of_network = from.map(|address| self.networks.take(address.0));
        if of_network.as_ref().is_some_and(Option::is_none) {
            return Err(too_soon(Duration::from_secs(1)));
        }
        let _of_all = self
            .all
            .try_acquire()
            .map_err(|_| ApiError::unavailable("Too many requests are on their way"))?;
        Ok(body.await)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        pin::Pin,
    };

    use futures_util::FutureExt as _;

    use super::*;

    type Reading<'b> = Pin<Box<dyn Future<Output = Result<(), ApiError>> + 'b>>;

    fn slow(bodies: &SlowBodies, from: Option<ClientAddress>) -> Reading<'_> {
        Box::pin(bodies.read(from, pending::<()>()))
    }

    /// What comes of it once it has looked again.
    fn look(reading: &mut Reading<'_>) -> Option<Result<(), ApiError>> {
        (0..5).find_map(|_| reading.as_mut().now_or_never())
    }

    fn address(text: &str) -> ClientAddress {
        ClientAddress(text.parse().expect("an address"))
    }

    #[test]
    fn a_network_has_few_bodies_under_way_and_others_have_theirs() {
        let bodies = SlowBodies::default();
        let here = Some(address("192.0.2.1"));
        let mut readings: Vec<_> = (0..OF_NETWORK_MAX).map(|_| slow(&bodies, here)).collect();
        assert!(readings.iter_mut().all(|reading| look(reading).is_none()));
        let refused = look(&mut slow(&bodies, here)).expect("an answer");
        assert_eq!(refused.expect_err("refused").status(), 429);
        let at_once = bodies.read(here, ready(7)).now_or_never();
        assert_eq!(at_once.expect("an answer").expect("read"), 7);
        assert!(look(&mut slow(&bodies, Some(address("192.0.2.2")))).is_none());
        drop(readings);
        assert!(look(&mut slow(&bodies, here)).is_none());
    }

    #[test]
    fn all_together_have_an_end() {
        let bodies = SlowBodies::default();
        let mut readings: Vec<_> = (0..OF_ALL_MAX).map(|_| slow(&bodies, None)).collect();
        assert!(readings.iter_mut().all(|reading| look(reading).is_none()));
        let refused = look(&mut slow(&bodies, None)).expect("an answer");
        assert_eq!(refused.expect_err("refused").status(), 503);
    }
}
