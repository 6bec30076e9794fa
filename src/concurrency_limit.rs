//! Bounded counts per key: connections per network, sessions per user.

use std::{hash::Hash, net::IpAddr, sync::Arc};

use dashmap::{DashMap, Entry};
use ipnet::IpNet;

use crate::client_address::{Span, spans};

/// Counts what is open per key and refuses what is beyond the cap. Clones are one.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit<K: Eq + Hash> {
    open: Arc<DashMap<K, usize>>,
    max: usize,
}

/// A counted thing; dropping it gives the place back.
#[derive(Debug)]
pub struct Permit<K: Eq + Hash + Copy> {
    open: Arc<DashMap<K, usize>>,
    key: K,
}

impl<K: Eq + Hash + Copy> ConcurrencyLimit<K> {
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            open: Arc::default(),
            max,
        }
    }

    /// A place for one more, `None` when the key has as many as it may.
    #[must_use]
    pub fn take(&self, key: K) -> Option<Permit<K>> {
        self.take_of(key, self.max)
    }

    /// The same where keys may have different numbers: this one has `max`.
    #[must_use]
    pub fn take_of(&self, key: K, max: usize) -> Option<Permit<K>> {
        // The entry's lock is held: of two at the last place one gets it.
        match self.open.entry(key) {
            Entry::Occupied(open) if *open.get() >= max => return None,
            Entry::Occupied(mut open) => *open.get_mut() += 1,
            Entry::Vacant(_) if max == 0 => return None,
            Entry::Vacant(first) => drop(first.insert(1)),
        }
        Some(Permit {
            open: Arc::clone(&self.open),
            key,
        })
    }

    /// Everything that is open.
    #[must_use]
    pub fn total(&self) -> usize {
        self.open.iter().map(|open| *open.value()).sum()
    }
}

impl<K: Eq + Hash + Copy> Drop for Permit<K> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut open) = self.open.entry(self.key) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

/// The same per network of a client, and for the networks around it that a client may have as a whole. Clones are one.
#[derive(Debug, Clone)]
pub struct NetworkLimit(ConcurrencyLimit<IpNet>);

/// Places of one thing; dropping them gives them back.
pub type NetworkPermit = Vec<Permit<IpNet>>;

impl NetworkLimit {
    /// So many of an IPv4 address or of a /64 of IPv6.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(ConcurrencyLimit::new(max))
    }

    /// A place for one more, `None` when a network has as many as it may.
    #[must_use]
    pub fn take(&self, address: IpAddr) -> Option<NetworkPermit> {
        let place = |span: Span| {
            self.0
                .take_of(span.network, span.places.saturating_mul(self.0.max))
        };
        spans(address).map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_cap_and_others_have_theirs() {
        let limit = ConcurrencyLimit::new(2);
        let first = limit.take("a");
        let second = limit.take("a");
        assert!(first.is_some() && second.is_some());
        assert!(limit.take("a").is_none());
        assert!(limit.take("b").is_some());

        drop(first);
        assert!(limit.take("a").is_some());
    }

    #[test]
    fn keys_may_have_different_caps() {
        let limit = ConcurrencyLimit::new(0);
        assert!(limit.take("a").is_none() && limit.take_of("a", 0).is_none());
        let first = limit.take_of("a", 1);
        assert!(first.is_some() && limit.take_of("a", 1).is_none());
        assert!(limit.take_of("a", 2).is_some());
        drop(first);
        assert!(limit.open.is_empty());
    }

    #[test]
    fn nothing_is_kept_of_what_has_gone() {
        let limit = ConcurrencyLimit::new(5);
        let places: Vec<_> = ["a", "b", "b"].map(|key| limit.take(key)).into_iter().collect();
        assert_eq!((limit.open.len(), limit.total()), (2, 3));
        drop(places);
        assert_eq!((limit.open.len(), limit.total()), (0, 0));
    }

    #[test]
    fn no_customer_of_ipv6_has_it_all() {
        let limit = NetworkLimit::new(10);
        let taken = |text: &str| {
            let address = text.parse().expect("an address");
            let places = (0..20).map_while(|_| limit.take(address));
            places.collect::<Vec<_>>()
        };
        let of_one: Vec<_> = (0..20)
            .map(|number| taken(&format!("2001:db8:1:{number:x}::1")))
            .collect();
        assert_eq!(of_one.iter().map(Vec::len).sum::<usize>(), 20, "the /56");
        let of_another: Vec<_> = (0..20)
            .map(|number| taken(&format!("2001:db8:1:{number:x}00::1")))
            .collect();
        assert_eq!(
            of_another.iter().map(Vec::len).sum::<usize>(),
            20,
            "the rest of the /48"
        );
        assert_eq!(taken("2001:db8:2::1").len(), 10);
        assert_eq!(taken("192.0.2.1").len(), 10);
        drop((of_one, of_another));
        assert!(limit.0.open.is_empty());
    }
}
