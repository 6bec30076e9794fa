//! Bodies that do not come at once: few of a network, and of all, lie half-read in memory, whoever sends them.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{ApiError, inventions::too_soon};
use crate::{client_address::ClientAddress, concurrency_limit::NetworkLimit};

/// Of a network: an IPv4 address or a /64 of IPv6; the networks around that have twice and four times as many.
const OF_NETWORK_MAX: usize = 256;

/// Of all together: with heads and bodies of the largest size 384 MiB.
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
    /// Reads a body. One that came with its head, as nearly all do, gives its place back at once.
    pub async fn read<T>(
        &self,
        from: Option<ClientAddress>,
        body: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
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
    use std::future::pending;

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_network_has_few_bodies_under_way_and_others_have_theirs() {
        let bodies = SlowBodies::default();
        let from = |text: &str| Some(ClientAddress(text.parse().expect("an address")));
        let mut slow: Vec<_> = (0..OF_NETWORK_MAX)
            .map(|_| Box::pin(bodies.read(from("192.0.2.1"), pending::<()>())))
            .collect();
        for body in &mut slow {
            assert!(body.now_or_never().is_none());
        }
        let refused = bodies.read(from("192.0.2.1"), pending::<()>()).now_or_never();
        assert_eq!(refused.expect("an answer").expect_err("refused").status(), 429);
        let other = bodies.read(from("192.0.2.2"), pending::<()>());
        assert!(other.now_or_never().is_none());
        drop(slow);
        let again = bodies.read(from("192.0.2.1"), pending::<()>());
        assert!(again.now_or_never().is_none());
    }

    #[test]
    fn all_together_have_an_end() {
        let bodies = SlowBodies::default();
        let mut slow: Vec<_> = (0..OF_ALL_MAX)
            .map(|_| Box::pin(bodies.read(None, pending::<()>())))
            .collect();
        for body in &mut slow {
            assert!(body.now_or_never().is_none());
        }
        let refused = bodies.read(None, pending::<()>()).now_or_never();
        assert_eq!(refused.expect("an answer").expect_err("refused").status(), 503);
    }
}
