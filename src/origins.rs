//! Where clients come from, as rooms compare it: keyed hashes, so that neither journals nor memory dumps hold addresses.

use std::{fmt, sync::Arc};

use aws_lc_rs::hmac;
use colloquy_actors::{ids::OriginHash, room::access::Origin};

use crate::{
    client_address::ClientAddress,
    config::Config,
    store::{Db, StoreError, server_keys},
};

/// The name of the key among those of the installation.
const KEY: &str = "origins";

/// Makes origins of addresses and numbers. Clones are one.
#[derive(Clone)]
pub struct Origins {
    key: Arc<hmac::Key>,
    loopback_exempt: bool,
}

impl Origins {
    /// With the key of the installation, which is made at its first start: what a room remembers survives a restart.
    pub async fn load(db: &Db, config: &Config) -> Result<Self, StoreError> {
        let key = server_keys::get_or_make(db, KEY).await?;
        Ok(Self::new(&key, config))
    }

    #[must_use]
    pub fn new(key: &[u8], config: &Config) -> Self {
        Self {
            key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key)),
            loopback_exempt: config.dev_issuer_enabled(),
        }
    }

    /// The network of a client. That of the machine itself is not counted while the development issuer is on.
    #[must_use]
    pub fn of(&self, address: ClientAddress) -> Origin {
        Origin {
            network: self.hash("network", &address.home().to_string()),
            counted: !(self.loopback_exempt && address.0.is_loopback()),
        }
    }

    /// A caller by telephone, by the digits of the number; without any, by what the gateway says of it.
    #[must_use]
    pub fn of_caller(&self, given: &str) -> OriginHash {
        let digits: String = given.chars().filter(char::is_ascii_digit).collect();
        let caller = if digits.is_empty() { given } else { &digits };
        self.hash("caller", caller)
    }

    fn hash(&self, kind: &str, origin: &str) -> OriginHash {
        let mut mac = [0; 32];
        let tag = hmac::sign(&self.key, format!("{kind} {origin}").as_bytes());
        mac.copy_from_slice(tag.as_ref());
        OriginHash::new(mac)
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origins(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_networks_under_a_key() {
        let config = Config::default();
        let (one, other) = (Origins::new(b"one", &config), Origins::new(b"other", &config));
        let of = |origins: &Origins, address: &str| origins.of(ClientAddress(address.parse().unwrap()));
        assert_eq!(of(&one, "2001:db8::1"), of(&one, "2001:db8:0:ff::2"));
        assert_ne!(of(&one, "2001:db8::1"), of(&one, "2001:db8:0:100::1"));
        assert_ne!(of(&one, "192.0.2.1"), of(&one, "192.0.2.2"));
        assert_ne!(of(&one, "192.0.2.1"), of(&other, "192.0.2.1"));
        assert!(of(&one, "192.0.2.1").counted && !of(&one, "127.0.0.1").counted);
        assert_eq!(one.of_caller("+49 30 123"), one.of_caller("49(30)123"));
        assert_ne!(one.of_caller("anonymous"), one.of_caller("unknown"));
    }
}
