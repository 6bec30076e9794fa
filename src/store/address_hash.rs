//! Addresses as they are counted and remembered: by a hash, whatever their case.

use sha2::{Digest as _, Sha256};

use super::fold;

/// Octets of a hash.
pub const HASH_BYTES: usize = 32;

/// SHA-256 of a folded address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressHash([u8; HASH_BYTES]);

impl AddressHash {
    #[must_use]
    pub fn of(email: &str) -> Self {
        Self(Sha256::digest(fold(email).as_bytes()).into())
    }

    /// The hash in these octets; `None` when there are more or fewer.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_makes_no_other_address() {
        assert_eq!(
            AddressHash::of("Böb@Example.ORG"),
            AddressHash::of("böb@example.org")
        );
        assert_ne!(
            AddressHash::of("bob@example.org"),
            AddressHash::of("rob@example.org")
        );
    }

    #[test]
    fn operators_can_make_it_by_hand() {
        // printf %s bob@example.org | sha256sum
        let expected = "686b5e4cf4f963adf8f51468a48028ef8d15bd02fa335f821279a3d1678c9615";
        let hash = AddressHash::of("bob@example.org");
        let hex: Vec<_> = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex.concat(), expected);
    }
}
