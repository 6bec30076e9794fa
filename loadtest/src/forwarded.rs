//! Which address each simulated client seems to come from, as a proxy in front of the server would report it. The server
//! believes that of a machine in its `http.trusted_proxies` only.

use std::{
    fmt::{self, Display},
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

/// Header by which proxies report their client.
pub const HEADER: &str = "x-forwarded-for";

/// First of the addresses that stand for machines in benchmarks: 198.18.0.0/15 (RFC 2544).
const FIRST: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// Clients that can have an address of their own.
pub const CLIENTS_MAX: u64 = (1 << 17) - 2;

/// Where clients come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedFor {
    /// From where they are; no header is sent.
    Nobody,
    /// Each from an address of its own.
    Each,
    /// All from this one, as people behind one router.
    One(IpAddr),
}

impl ForwardedFor {
    /// All from one address.
    pub const HOUSE: Self = Self::One(IpAddr::V4(FIRST));

    /// Address of a client, by its number in the run.
    pub fn address(self, client: u64) -> Option<IpAddr> {
        match self {
            Self::Nobody => None,
            Self::One(address) => Some(address),
            Self::Each => {
                let number = u32::try_from(client % CLIENTS_MAX).unwrap_or_default();
                Some(Ipv4Addr::from_bits(FIRST.to_bits() + number).into())
            }
        }
    }
}

impl FromStr for ForwardedFor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::Nobody),
            "each" => Ok(Self::Each),
            address => address
                .parse()
                .map(Self::One)
                .map_err(|_| "expected an IP address, each or none"),
        }
    }
}

impl Display for ForwardedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("none"),
            Self::Each => f.write_str("each"),
            Self::One(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_an_address_or_all_have_one() {
        let address = |text: &str, client| {
            let forwarded: ForwardedFor = text.parse().unwrap();
            assert_eq!(forwarded.to_string(), text);
            forwarded.address(client).map(|address| address.to_string())
        };
        assert_eq!(address("none", 3), None);
        assert_eq!(address("192.0.2.7", 3).as_deref(), Some("192.0.2.7"));
        assert_eq!(address("2001:db8::1", 4).as_deref(), Some("2001:db8::1"));
        assert_eq!(address("each", 0).as_deref(), Some("198.18.0.1"));
        assert_eq!(address("each", 255).as_deref(), Some("198.18.1.0"));
        assert_eq!(
            address("each", CLIENTS_MAX - 1).as_deref(),
            Some("198.19.255.254")
        );
        assert!("everybody".parse::<ForwardedFor>().is_err());
    }
}
