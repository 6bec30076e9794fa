//! Credentials for TURN servers by the TURN REST scheme: a name that holds its own end, and its MAC as the password.

use std::fmt;

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::secrets::Secret;

/// Bytes of a hash that make a pseudonym.
const PSEUDONYM_BYTES: usize = 16;

/// How a TURN server, and whoever reads its log, knows a caller: always the same, and it says nothing about the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pseudonym(String);

/// What a client presents to a TURN server.
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Pseudonym {
    #[must_use]
    pub fn of_user(id: Uuid) -> Self {
        Self::of("user", id)
    }

    /// The code itself opens a room: a TURN server must not learn it.
    #[must_use]
    pub fn of_guest(invite_code: Uuid) -> Self {
        Self::of("guest", invite_code)
    }

    /// Ids have 122 random bits: nobody finds one by trying.
    fn of(kind: &str, id: Uuid) -> Self {
        let hash = Sha256::new()
            .chain_update(kind)
            .chain_update(id.as_bytes())
            .finalize();
        Self(hex::encode(&hash[..PSEUDONYM_BYTES]))
    }
}

/// Credentials that a server with this shared secret accepts for `lifetime_secs` from `now`.
#[must_use]
pub fn credentials(secret: &Secret, who: &Pseudonym, now: DateTime<Utc>, lifetime_secs: u64) -> Credentials {
    let expiry = now.timestamp().saturating_add_unsigned(lifetime_secs);
    let username = format!("{expiry}:{}", who.0);
    Credentials {
        password: mac(secret.reveal().as_bytes(), username.as_bytes()),
        username,
    }
}

/// HMAC-SHA1 in base64: the scheme knows no other.
fn mac(secret: &[u8], text: &[u8]) -> String {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    STANDARD.encode(hmac::sign(&key, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_those_of_rfc_2202() {
        let hex = |text: &str| -> Vec<u8> {
            let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
            (0..text.len()).step_by(2).map(digit).collect()
        };
        for (secret, text, expected) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b617318655057264e28bc0b6fb378c8ef146be00",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
            ),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
        ] {
            assert_eq!(mac(secret, text), STANDARD.encode(hex(expected)));
        }
    }

    #[test]
    fn a_name_holds_its_end() {
        let now = DateTime::from_timestamp(1_800_000_000, 999_999_999).expect("a time");
        let who = Pseudonym("abc".to_owned());
        let good = credentials(&Secret::new("north"), &who, now, 3_600);
        assert_eq!(good.username, "1800003600:abc");
        assert_eq!(good.password, mac(b"north", b"1800003600:abc"));
        let endless = credentials(&Secret::new("north"), &who, now, u64::MAX);
        assert_eq!(endless.username, format!("{}:abc", i64::MAX));
    }

    #[test]
    fn pseudonyms_are_stable_and_tell_nothing() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(Pseudonym::of_user(one), Pseudonym::of_user(one));
        assert_ne!(Pseudonym::of_user(one), Pseudonym::of_user(other));
        assert_ne!(Pseudonym::of_user(one), Pseudonym::of_guest(one));
        let Pseudonym(name) = Pseudonym::of_guest(one);
        assert_eq!(name.len(), 32);
        assert!(!name.contains(&one.simple().to_string()));
    }
}
