//! What the people of one network say in a room together: each session has its own limit, and nobody knows how many sessions somebody
//! has, or how soon it comes back with a new one.

use std::{
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::RateLimits;
use crate::{
    bucket::Bucket,
    ids::OriginHash,
    protocol::limits::{
        NETWORK_BURSTS, NETWORK_COMMAND_SOCKETS, NETWORK_JOINS_BURST, NETWORK_JOINS_PER_SECOND,
        NETWORK_RATES, NETWORKS_KEPT, PARTICIPANT_RATES,
    },
};

/// By networks, or by participants.
#[derive(Debug)]
pub(crate) struct Networks<K = OriginHash>(Mutex<Buckets<K>>);

#[derive(Debug)]
struct Buckets<K> {
    of: FxHashMap<K, Bucket>,
    /// How many there were when those were last forgotten that say nothing.
    remained: usize,
}

impl<K> Default for Networks<K> {
    fn default() -> Self {
        let of = FxHashMap::default();
        Self(Mutex::new(Buckets { of, remained: 0 }))
    }
}

/// How much of something is taken from a network: per second, and at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// Of joins.
    pub fn of_joins() -> Self {
        Self {
            per_second: f64::from(NETWORK_JOINS_PER_SECOND),
            burst: f64::from(NETWORK_JOINS_BURST),
        }
    }

    /// Of commands of one participant.
    pub fn of_participant(rates: RateLimits) -> Self {
        Self::times(rates, PARTICIPANT_RATES, PARTICIPANT_RATES)
    }

    fn times(rates: RateLimits, of_rate: u32, of_burst: u32) -> Self {
        Self {
            per_second: f64::from(rates.commands_per_second.saturating_mul(of_rate)),
            burst: f64::from(rates.commands_burst.saturating_mul(of_burst)),
        }
    }

    /// Of commands, where one session has these rates.
    pub fn of_commands(rates: RateLimits) -> Self {
        Self::times(rates, NETWORK_RATES, NETWORK_BURSTS)
    }
}

/// What a command costs in a room with so many sockets.
pub(crate) fn cost(sockets: usize) -> f64 {
    let hundreds = u32::try_from(sockets / NETWORK_COMMAND_SOCKETS).unwrap_or(u32::MAX);
    f64::from(hundreds.max(1))
}

impl<K: Eq + Hash> Networks<K> {
    /// Whether something that costs so much is taken from this network.
    pub fn take(&self, network: K, rate: Rate, cost: f64, now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.of.len() > NETWORKS_KEPT.max(2 * buckets.remained) {
            buckets.of.retain(|_, bucket| !bucket.is_full(now));
            buckets.remained = buckets.of.len();
        }
        let new = || Bucket::new(rate.per_second, rate.burst, now);
        let bucket = buckets.of.entry(network).or_insert_with(new);
        bucket.take(cost.min(rate.burst), now)
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
        let rate = Rate::of_commands(rates);
        let taken = |sockets, now| {
            let take = |_: &_| networks.take(here, rate, cost(sockets), now);
            (0..10_000).filter(take).count()
        };
        assert_eq!(taken(150, now), (rates.commands_burst * NETWORK_BURSTS) as usize);
        assert!(networks.take(there, rate, 1.0, now));
        let per_second = (rates.commands_per_second * NETWORK_RATES) as usize;
        assert_eq!(taken(0, now + Duration::from_secs(1)), per_second);
        assert_eq!(taken(1_000, now + Duration::from_secs(2)), per_second / 10);
    }

    #[test]
    fn those_who_say_nothing_are_forgotten() {
        let (networks, now) = (Networks::default(), Instant::now());
        for number in 0..=NETWORKS_KEPT {
            let mut mac = [0; 32];
            mac[..8].copy_from_slice(&number.to_le_bytes());
            networks.take(OriginHash::new(mac), Rate::of_joins(), 1.0, now);
        }
        let count = || {
            networks
                .0
                .lock()
                .map(|buckets| buckets.of.len())
                .unwrap_or_default()
        };
        assert!(count() > NETWORKS_KEPT);
        networks.take(
            OriginHash::new([9; 32]),
            Rate::of_joins(),
            1.0,
            now + Duration::from_mins(1),
        );
        assert_eq!(count(), 1);
    }
}
