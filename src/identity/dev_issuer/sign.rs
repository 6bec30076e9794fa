//! Signing tokens with ES256.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use serde::Serialize;

/// The one key of the issuer.
pub(super) struct Signer {
    key: EncodingKey,
    key_id: String,
    public_key: Jwk,
}

impl Signer {
    /// `None` when `pkcs8` is no private key on P-256.
    pub fn new(pkcs8: &[u8]) -> Option<Self> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?;
        let key = EncodingKey::from_ec_der(pkcs8);
        let mut public_key = Jwk::from_encoding_key(&key, Algorithm::ES256).ok()?;
        // RFC 7638: whoever has the key can compute its id.
        let key_id = public_key.thumbprint(ThumbprintHash::SHA256).ok()?;
        public_key.common.key_id = Some(key_id.clone());
        public_key.common.public_key_use = Some(PublicKeyUse::Signature);
        Some(Self {
            key,
            key_id,
            public_key,
        })
    }

    pub fn public_key(&self) -> &Jwk {
        &self.public_key
    }

    /// A token with `typ` in its header.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, claims, &self.key)
    }
}
