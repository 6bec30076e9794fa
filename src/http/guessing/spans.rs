//! The networks that a client may have as a whole, each with a measure of its own.

use std::net::IpAddr;

use ipnet::IpNet;

use super::FAILURES_MAX;
use crate::client_address::spans;

/// A network that guesses are counted for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    network: IpNet,
    /// Failures within the window after which it is refused.
    pub(super) failures_max: usize,
    /// Guesses that are held at the same time.
    pub(super) held_max: usize,
}

/// Guesses of an IPv4 address or of a /64 that are held at the same time.
const HELD_MAX: usize = 4;

/// The spans around a client's network ([`ClientAddress::network`]), the narrowest first.
///
/// [`ClientAddress::network`]: crate::client_address::ClientAddress::network
pub(super) fn around(network: IpAddr) -> impl Iterator<Item = Span> {
    spans(network).map(|span| Span {
        network: span.network,
        failures_max: span.rate as usize * FAILURES_MAX,
        held_max: span.places * HELD_MAX,
    })
}

impl Span {
    pub(super) fn contains(&self, network: IpAddr) -> bool {
        self.network.contains(&network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_may_have_much() {
        let at = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let spans: Vec<_> = around(at("2001:db8:1:1122::")).collect();
        let measures: Vec<_> = spans
            .iter()
            .map(|span| (span.failures_max, span.held_max))
            .collect();
        assert_eq!(measures, [(10, 4), (40, 8), (160, 16)]);
        for (other, within) in [
            ("2001:db8:1:1122::", [true, true, true]),
            ("2001:db8:1:11ff::", [false, true, true]),
            ("2001:db8:1:2222::", [false, false, true]),
            ("2001:db8:2:1122::", [false, false, false]),
            ("192.0.2.1", [false, false, false]),
        ] {
            let contained: Vec<_> = spans.iter().map(|span| span.contains(at(other))).collect();
            assert_eq!(contained, within, "{other}");
        }
        let spans: Vec<_> = around(at("192.0.2.1")).collect();
        assert_eq!(spans.len(), 1);
        assert!(spans[0].contains(at("192.0.2.1")) && !spans[0].contains(at("192.0.2.2")));
    }
}
