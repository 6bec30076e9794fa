//! What the people of one network say in a room together: each session has its own limit, and nobody knows how many sessions somebody
//! has, or how soon it comes back with a new one.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use crate::{
    bucket::Bucket,
    ids::OriginHash,
    protocol::limits::{NETWORK_BURSTS, NETWORK_COMMAND_SOCKETS, NETWORK_RATES, NETWORKS_KEPT},
    session::RateLimits,
};

#[derive(Debug, Default)]
pub(super) struct Networks(Mutex<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    of: FxHashMap<OriginHash, Bucket>,
    /// How many there were when those were last forgotten that say nothing.
    remained: usize,
}

/// Commands per second, and at once.
fn of_network(rates: RateLimits) -> (f64, f64) {
    let per_second = rates.commands_per_second.saturating_mul(NETWORK_RATES);
    let burst = rates.commands_burst.saturating_mul(NETWORK_BURSTS);
    (f64::from(per_second), f64::from(burst))
}

impl Networks {
    /// Whether one more command of this network is taken by a room with so many sockets.
    pub fn take(&self, network: OriginHash, (rates, sockets): (RateLimits, usize), now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.of.len() > NETWORKS_KEPT.max(2 * buckets.remained) {
            buckets.of.retain(|_, bucket| !bucket.is_full(now));
            buckets.remained = buckets.of.len();
        }
        let (per_second, burst) = of_network(rates);
        let hundreds = u32::try_from(sockets / NETWORK_COMMAND_SOCKETS).unwrap_or(u32::MAX);
        let cost = f64::from(hundreds.max(1)).min(burst);
        let new = || Bucket::new(per_second, burst, now);
        buckets.of.entry(network).or_insert_with(new).take(cost, now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_network_has_so_much_and_others_have_theirs() {
        let (networks, now) = (Networks::default(), Instant::now());
        let (here, there) = (OriginHash::new([1; 32]), OriginHash::new([2; 32]));
        let rates = RateLimits::default();
        let taken = |sockets, now| {
            let take = |_: &_| networks.take(here, (rates, sockets), now);
            (0..10_000).filter(take).count()
        };
        assert_eq!(taken(150, now), (rates.commands_burst * NETWORK_BURSTS) as usize);
        assert!(networks.take(there, (rates, 1), now));
        let per_second = (rates.commands_per_second * NETWORK_RATES) as usize;
        assert_eq!(taken(0, now + Duration::from_secs(1)), per_second);
        assert_eq!(taken(1_000, now + Duration::from_secs(2)), per_second / 10);
    }

    #[test]
    fn those_who_say_nothing_are_forgotten() {
        let (networks, now) = (Networks::default(), Instant::now());
        let rates = RateLimits::default();
        for number in 0..=NETWORKS_KEPT {
            let mut mac = [0; 32];
            mac[..8].copy_from_slice(&number.to_le_bytes());
            networks.take(OriginHash::new(mac), (rates, 1), now);
        }
        let count = || {
            networks
                .0
                .lock()
                .map(|buckets| buckets.of.len())
                .unwrap_or_default()
        };
        assert!(count() > NETWORKS_KEPT);
        networks.take(OriginHash::new([9; 32]), (rates, 1), now + Duration::from_mins(1));
        assert_eq!(count(), 1);
    }
}
