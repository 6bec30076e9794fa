//! Passwords that rooms keep without knowing them: sealed here on their way in, and opened on their way to clients. Neither the state of
//! a room nor its journal, nor what is put aside of one, holds a password that leads elsewhere.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use colloquy_actors::sealed::{Sealed, Unsealer};

use crate::{
    secrets::Secret,
    store::{Db, StoreError, server_keys},
};

/// The name of the key among those of the installation.
const KEY: &str = "seals";

/// Seals and opens passwords, by AES-256-GCM with random nonces. Clones are one.
#[derive(Clone)]
pub struct Seals(Arc<RandomizedNonceKey>);

impl Seals {
    /// With the key of the installation, which is made at its first start: what a room keeps is read after a restart.
    pub async fn load(db: &Db) -> Result<Self, StoreError> {
        let key = server_keys::get_or_make(db, KEY).await?;
        Self::new(&key).map_err(|_| StoreError::Unreadable(format!("server_keys: {KEY} is no key")))
    }

    /// With a key of 32 octets.
    pub fn new(key: &[u8]) -> Result<Self, Unspecified> {
        Ok(Self(Arc::new(RandomizedNonceKey::new(&AES_256_GCM, key)?)))
    }

    /// What a room keeps of a password: nonce, encrypted text and tag. Where it can't be sealed, nothing.
    #[must_use]
    pub fn seal(&self, password: &Secret) -> Sealed {
        let mut sealed = password.reveal().as_bytes().to_vec();
        let Ok(nonce) = self.0.seal_in_place_append_tag(Aad::empty(), &mut sealed) else {
            tracing::error!("a password could not be sealed");
            return Sealed::new(String::new());
        };
        sealed.splice(..0, *nonce.as_ref());
        Sealed::new(STANDARD_NO_PAD.encode(sealed))
    }

    fn opened(&self, sealed: &Sealed) -> Option<String> {
        let mut bytes = STANDARD_NO_PAD.decode(sealed.as_str()).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.0.open_in_place(nonce, Aad::empty(), text).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

impl Unsealer for Seals {
    fn open(&self, sealed: &Sealed) -> String {
        self.opened(sealed).unwrap_or_else(|| {
            tracing::warn!("a sealed password can't be read: it is of another installation");
            String::new()
        })
    }
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seals(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_alone() {
        let (seals, others) = (Seals::new(&[1; 32]).unwrap(), Seals::new(&[2; 32]).unwrap());
        let password = Secret::new("grüße \"1\"");
        let (sealed, again) = (seals.seal(&password), seals.seal(&password));
        assert_ne!(sealed, again, "nonces are random");
        assert_eq!(seals.open(&sealed), password.reveal());
        assert_eq!(seals.open(&again), password.reveal());
        assert_eq!(others.open(&sealed), "");
        for broken in ["", "AAAA", "no base64!", &sealed.as_str()[4..]] {
            assert_eq!(seals.open(&Sealed::new(broken.to_owned())), "");
        }
        assert!(Seals::new(&[1; 31]).is_err());
    }
}
