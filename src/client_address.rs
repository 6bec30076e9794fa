//! Who is at the other end.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::throttle::Key;

/// Address of the client of a request: the peer, or what a trusted proxy said about it. IPv4-mapped IPv6
/// addresses are IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// A network that a client may have as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub network: IpNet,
    /// How many times the rate of the narrowest one it has.
    pub rate: u32,
    /// How many times the places of the narrowest one it has, of things of which there are so many in all: no network shall take them all.
    pub places: usize,
}

/// Prefix length, rate and places. A home gets a /56, a company a /48.
const IPV6_SPANS: [(u8, u32, usize); 3] = [(64, 1, 1), (56, 4, 2), (48, 16, 4)];

const IPV4_SPANS: [(u8, u32, usize); 1] = [(32, 1, 1)];

/// The spans around an address, the narrowest first.
pub fn spans(address: IpAddr) -> impl Iterator<Item = Span> {
    let address = address.to_canonical();
    let spans = match address {
        IpAddr::V4(_) => &IPV4_SPANS[..],
        IpAddr::V6(_) => &IPV6_SPANS[..],
    };
    spans.iter().filter_map(move |&(prefix, rate, places)| {
        // Always a network: the lengths fit the family.
        let network = IpNet::new(address, prefix).ok()?.trunc();
        Some(Span {
            network,
            rate,
            places,
        })
    })
}

impl Key for IpNet {
    fn around(&self) -> Vec<(Self, u32)> {
        match self {
            Self::V4(_) => Vec::new(),
            Self::V6(_) => spans(self.network())
                .skip(1)
                .map(|span| (span.network, span.rate))
                .collect(),
        }
    }
}

impl ClientAddress {
    /// The same as [`Self::network`], for limits that hold for the networks around it, too.
    #[must_use]
    pub fn counted(self) -> IpNet {
        let address = self.0.to_canonical();
        spans(address)
            .next()
            .map_or_else(|| address.into(), |span| span.network)
    }

    /// What limits per address count: an IPv4 address, or the /64 network of an IPv6 address, which one
    /// customer has as a whole.
    #[must_use]
    pub fn network(self) -> IpAddr {
        self.counted().network()
    }

    /// What rooms count people by: an IPv4 address, or the /56 network of an IPv6 address, which a home has as a whole.
    #[must_use]
    pub fn home(self) -> IpAddr {
        let home = spans(self.0).take(2).last();
        home.map_or_else(|| self.0.to_canonical(), |span| span.network.network())
    }
}

/// The machine that the connection came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
    /// Whether it is one of the declared proxies, whose headers count.
    pub trusted: bool,
}

/// Networks that an operator has named.
#[derive(Debug, Clone, Default)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Networks of proxies whose headers count.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Networks);

impl TrustedProxies {
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(Networks::new(networks))
    }

    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(address)
    }

    #[must_use]
    pub fn peer(&self, address: IpAddr) -> Peer {
        let address = address.to_canonical();
        Peer {
            address,
            trusted: self.contains(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_ipv4_addresses_and_ipv6_64s() {
        let network = |text: &str| ClientAddress(text.parse().unwrap()).network().to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        let home = ClientAddress("2001:db8:1:234::7".parse().unwrap()).home();
        assert_eq!(home.to_string(), "2001:db8:1:200::");
    }

    #[test]
    fn the_networks_around_an_address_are_counted_too() {
        let address = |text: &str| ClientAddress(text.parse().expect("an address"));
        let around = |text: &str| -> Vec<_> {
            let around = address(text).counted().around().into_iter();
            around
                .map(|(network, rate)| (network.to_string(), rate))
                .collect()
        };
        assert_eq!(
            address("2001:db8:1:1122::7").counted().to_string(),
            "2001:db8:1:1122::/64"
        );
        let expected = [("2001:db8:1:1100::/56", 4), ("2001:db8:1::/48", 16)];
        assert_eq!(
            around("2001:db8:1:1122::7"),
            expected.map(|(network, rate)| (network.to_owned(), rate))
        );
        assert_eq!(address("::ffff:192.0.2.1").counted().to_string(), "192.0.2.1/32");
        assert!(around("192.0.2.1").is_empty());
    }

    #[test]
    fn mapped_addresses_match_ipv4_networks() {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(proxies.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!proxies.contains("11.0.0.1".parse().unwrap()));
        assert!(!TrustedProxies::default().contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn networks_are_what_a_client_can_not_change() {
        let network = |text: &str| ClientAddress(text.parse().expect("address")).network();
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
