//! Open connections per client network.

use std::{net::IpAddr, sync::Arc};

use dashmap::{DashMap, Entry};

use super::ClientAddress;

/// Counts connections per network and refuses those beyond the cap.
#[derive(Debug, Clone)]
pub(super) struct AddressCaps {
    open: Arc<DashMap<IpAddr, usize>>,
    max: usize,
}

/// A counted connection; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct AddressPlace {
    open: Arc<DashMap<IpAddr, usize>>,
    network: IpAddr,
}

impl AddressCaps {
    pub(super) fn new(max: usize) -> Self {
        Self {
            open: Arc::default(),
            max,
        }
    }

    /// A place for one more connection, `None` when the network has as many as it may.
    pub(super) fn take(&self, address: ClientAddress) -> Option<AddressPlace> {
        let network = address.network();
        {
            let mut open = self.open.entry(network).or_insert(0);
            if *open >= self.max {
                return None;
            }
            *open += 1;
        }
        Some(AddressPlace {
            open: Arc::clone(&self.open),
            network,
        })
    }

    #[cfg(test)]
    pub(super) fn networks(&self) -> usize {
        self.open.len()
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        if let Entry::Occupied(mut open) = self.open.entry(self.network) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ClientAddress {
        ClientAddress(text.parse().unwrap())
    }

    #[test]
    fn a_network_has_its_cap_and_others_have_theirs() {
        let caps = AddressCaps::new(2);
        let first = caps.take(address("192.0.2.1"));
        let second = caps.take(address("192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(caps.take(address("192.0.2.1")).is_none());
        assert!(caps.take(address("192.0.2.2")).is_some());

        drop(first);
        assert!(caps.take(address("192.0.2.1")).is_some());
    }

    #[test]
    fn ipv6_counts_by_64() {
        let caps = AddressCaps::new(1);
        let place = caps.take(address("2001:db8:0:1::1"));
        assert!(caps.take(address("2001:db8:0:1::2")).is_none());
        assert!(caps.take(address("2001:db8:0:2::1")).is_some());
        drop(place);
        assert!(caps.take(address("2001:db8:0:1::2")).is_some());
    }

    #[test]
    fn nothing_is_kept_of_who_has_gone() {
        let caps = AddressCaps::new(5);
        let places: Vec<_> = ["192.0.2.1", "192.0.2.2", "192.0.2.2"]
            .map(|text| caps.take(address(text)))
            .into_iter()
            .collect();
        assert_eq!(caps.networks(), 2);
        drop(places);
        assert_eq!(caps.networks(), 0);
    }
}
