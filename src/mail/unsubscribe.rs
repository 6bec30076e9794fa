//! The way out of mail: every mail carries a link that only its receiver knows, by which the address is refused for good,
//! or taken back.
//!
//! A link's token is the hash of the address and a MAC over it: nothing is stored until somebody uses it, and nobody can
//! make one for an address of others.

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use crate::store::address_hash::{AddressHash, HASH_BYTES};
use crate::store::{Db, StoreError, server_keys};

/// Under which the key of the MAC is kept.
const KEY_NAME: &str = "mail_unsubscribe";

/// Makes and reads the tokens of addresses.
#[derive(Debug)]
pub struct Tokens(Key);

impl Tokens {
    /// Those of all servers with this database.
    pub async fn of(db: &Db) -> Result<Self, StoreError> {
        let key = server_keys::get_or_make(db, KEY_NAME).await?;
        Ok(Self::with_key(&key))
    }

    fn with_key(key: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA256, key))
    }

    /// The token by which the owner of an address is known.
    #[must_use]
    pub fn token(&self, address: &AddressHash) -> String {
        let mac = hmac::sign(&self.0, address.as_bytes());
        URL_SAFE_NO_PAD.encode([address.as_bytes(), mac.as_ref()].concat())
    }

    /// Whose token this is; `None` for what is no token of ours. The comparison takes the same time for all of the same
    /// length.
    #[must_use]
    pub fn owner(&self, token: &str) -> Option<AddressHash> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (address, mac) = bytes.split_at_checked(HASH_BYTES)?;
        hmac::verify(&self.0, address, mac).ok()?;
        AddressHash::from_bytes(address)
    }
}

/// The page on which an address is refused, at a server with this public URL.
pub(super) fn link(public_url: &Url, token: &str) -> String {
    let base = public_url.as_str().trim_end_matches('/');
    format!("{base}/v1/mail/unsubscribe/{token}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_address_and_one_key() {
        let (tokens, others) = (Tokens::with_key(&[1; 32]), Tokens::with_key(&[2; 32]));
        let (bob, rob) = (
            AddressHash::of("bob@example.org"),
            AddressHash::of("rob@example.org"),
        );
        let token = tokens.token(&bob);
        assert_eq!(tokens.owner(&token), Some(bob));
        assert_eq!(others.owner(&token), None);
        assert_eq!(token.len(), 86);
        let mac_of_bob = &URL_SAFE_NO_PAD.decode(&token).expect("base64")[HASH_BYTES..];
        let forged = URL_SAFE_NO_PAD.encode([rob.as_bytes(), mac_of_bob].concat());
        let cut = URL_SAFE_NO_PAD.encode([bob.as_bytes(), &mac_of_bob[..16]].concat());
        let bare = URL_SAFE_NO_PAD.encode(bob.as_bytes());
        for wrong in [
            &*forged,
            &cut,
            &bare,
            "",
            "x",
            &token[..85],
            &format!("{token}AA"),
        ] {
            assert_eq!(tokens.owner(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_link_stands_below_the_public_url() {
        let url = Url::parse("https://meet.example.org").expect("a URL");
        assert_eq!(
            link(&url, "abc"),
            "https://meet.example.org/v1/mail/unsubscribe/abc"
        );
    }
}
