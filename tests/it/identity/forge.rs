//! Tokens made by hand, right and wrong, without the library that checks them.

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A private key of a test's issuer, or of somebody who would like to be it.
pub enum Key {
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Ed(Ed25519KeyPair),
}

impl Key {
    pub fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    pub fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")))
    }

    pub fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().expect("a key"))
    }

    /// The public part as JWK.
    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Ec(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": encode(x), "y": encode(y)})
            }
            Self::Rsa(key) => {
                let n = key.public_key().modulus().big_endian_without_leading_zero();
                json!({"kty": "RSA", "kid": kid, "n": encode(n), "e": "AQAB"})
            }
            Self::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encode(key.public_key().as_ref())})
            }
        }
    }

    /// The public part as an attacker would feed it to an HMAC.
    pub fn public_der(&self) -> Vec<u8> {
        match self {
            Self::Ec(key) => key.public_key().as_der().expect("DER").as_ref().to_vec(),
            Self::Rsa(key) => key.public_key().as_der().expect("DER").as_ref().to_vec(),
            Self::Ed(key) => key.public_key().as_der().expect("DER").as_ref().to_vec(),
        }
    }

    /// A token with the signature that its header announces, as far as this key can make one.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        self.token_signed_as(header["alg"].as_str().unwrap_or_default(), header, claims)
    }

    /// A token with the signature of `algorithm`, whatever its header announces.
    pub fn token_signed_as(&self, algorithm: &str, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.sign(algorithm, message.as_bytes());
        format!("{message}.{}", encode(&signature))
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ec(key) => key
                .sign(&SystemRandom::new(), message)
                .expect("signed")
                .as_ref()
                .to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
            Self::Rsa(key) => {
                let padding: &'static dyn RsaEncoding = if algorithm.starts_with("PS") {
                    &RSA_PSS_SHA256
                } else {
                    &RSA_PKCS1_SHA256
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &SystemRandom::new(), message, &mut signature)
                    .expect("signed");
                signature
            }
        }
    }
}

/// A token whose signature is an HMAC with `secret`.
pub fn hmac_token(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = message(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", encode(tag.as_ref()))
}

/// A token without a signature.
pub fn unsigned_token(header: &Value, claims: &Value) -> String {
    format!("{}.", message(header, claims))
}

/// The claims of a token, unchecked.
pub fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON")
}

/// The header of a token, unchecked.
pub fn header_of(token: &str) -> Value {
    let header = token.split('.').next().expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64")).expect("JSON")
}

pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn message(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    )
}
