//! What the people of one network say in a room together: each session has its own limit, and nobody knows how many sessions somebody
//! has, or how soon it comes back with a new one.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use crate::{
    bucket::Bucket,
    ids::OriginHash,
    protocol::limits::{NETWORK_COMMANDS_BURST, NETWORK_COMMANDS_PER_SECOND, NETWORKS_KEPT},
};

#[derive(Debug, Default)]
pub(super) struct Networks(Mutex<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    of: FxHashMap<OriginHash, Bucket>,
    /// How many there were when those were last forgotten that say nothing.
    remained: usize,
}

impl Networks {
    /// Whether one more command of this network is taken.
    pub fn take(&self, network: OriginHash, now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.of.len() > NETWORKS_KEPT.max(2 * buckets.remained) {
            buckets.of.retain(|_, bucket| !bucket.is_full(now));
            buckets.remained = buckets.of.len();
        }
        let new = || Bucket::new(NETWORK_COMMANDS_PER_SECOND, NETWORK_COMMANDS_BURST, now);
        buckets.of.entry(network).or_insert_with(new).take(1.0, now)
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
        let taken = (0..10_000).filter(|_| networks.take(here, now)).count();
        assert_eq!(taken as f64, NETWORK_COMMANDS_BURST);
        assert!(networks.take(there, now));
        let later = now + Duration::from_secs(1);
        let taken = (0..10_000).filter(|_| networks.take(here, later)).count();
        assert_eq!(taken as f64, NETWORK_COMMANDS_PER_SECOND);
    }

    #[test]
    fn those_who_say_nothing_are_forgotten() {
        let (networks, now) = (Networks::default(), Instant::now());
        for number in 0..=NETWORKS_KEPT {
            let mut mac = [0; 32];
            mac[..8].copy_from_slice(&number.to_le_bytes());
            networks.take(OriginHash::new(mac), now);
        }
        let count = || {
            networks
                .0
                .lock()
                .map(|buckets| buckets.of.len())
                .unwrap_or_default()
        };
        assert!(count() > NETWORKS_KEPT);
        networks.take(OriginHash::new([9; 32]), now + Duration::from_mins(1));
        assert_eq!(count(), 1);
    }
}
