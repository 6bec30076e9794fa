//! An issuer's public keys, each pinned to the algorithms that fit its type.

use std::sync::Arc;

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse, ThumbprintHash},
};
use serde::Deserialize;
use serde_json::Value;

use super::{TokenError, jwt::Unverified, limits::KEYS_MAX};

/// Keys that may verify tokens.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    thumbprint: Thumbprint,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

/// What a key is known by, whatever its issuer calls it (RFC 7638).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thumbprint(Arc<str>);

/// What a set of keys says about a token's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is here.
    Key,
    /// It is not the one key that the token can mean: no other set would help.
    Unfit,
    /// It may be a new one.
    Nothing,
}

/// Which key a token asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub id: Option<&'a str>,
    pub algorithm: Algorithm,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set. Keys that we can't use (other types, for encryption) are left out, as RFC 7517, section 5, wants.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(json)?;
        let jwks = document.keys.into_iter().take(KEYS_MAX);
        Ok(jwks
            .filter_map(|value| serde_json::from_value::<Jwk>(value).ok())
            .collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The algorithms of each key, for people.
    pub fn algorithms(&self) -> Vec<String> {
        let named = |key: &Key| {
            let names: Vec<_> = key.algorithms.iter().map(|named| format!("{named:?}")).collect();
            names.join("/")
        };
        self.0.iter().map(named).collect()
    }

    pub fn look(&self, wanted: Wanted<'_>) -> Found {
        if self.find(wanted).is_some() {
            return Found::Key;
        }
        let is_meant = |key: &Key| match wanted.id {
            Some(id) => key.id.as_deref() == Some(id),
            // Several of them fit.
            None => key.algorithms.contains(&wanted.algorithm),
        };
        if self.0.iter().any(is_meant) {
            Found::Unfit
        } else {
            Found::Nothing
        }
    }

    pub fn has(&self, thumbprint: &Thumbprint) -> bool {
        self.0.iter().any(|key| key.thumbprint == *thumbprint)
    }

    /// Whether every key of `other` is here, too.
    pub fn has_all_of(&self, other: &Self) -> bool {
        other.0.iter().all(|key| self.has(&key.thumbprint))
    }

    /// Checks the signature of a token with the key that it names, and tells which one that is.
    pub fn verify(&self, token: &Unverified<'_>, wanted: Wanted<'_>) -> Result<Thumbprint, TokenError> {
        let key = self
            .find(wanted)
            .ok_or(TokenError::Invalid("the signing key is unknown"))?;
        let message = token.message.as_bytes();
        // The signature alone, without the crate's `Validation`: that one reads the machine's clock, takes lists of
        // issuers and has surprising defaults. The claims are checked in `rules`.
        match jsonwebtoken::crypto::verify(token.signature, message, &key.decoding, wanted.algorithm) {
            Ok(true) => Ok(key.thumbprint.clone()),
            Ok(false) | Err(_) => Err(TokenError::Invalid("the signature does not match")),
        }
    }

    /// A token without a key id is accepted only where one key alone can be meant (OpenID Connect Core 1.0, section 10.1).
    fn find(&self, wanted: Wanted<'_>) -> Option<&Key> {
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.algorithms.contains(&wanted.algorithm));
        match wanted.id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }
}

impl FromIterator<Jwk> for KeySet {
    fn from_iter<I: IntoIterator<Item = Jwk>>(jwks: I) -> Self {
        Self(jwks.into_iter().filter_map(Key::new).collect())
    }
}

impl Key {
    fn new(jwk: Jwk) -> Option<Self> {
        let for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let verifies = (jwk.common.key_operations.as_ref())
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !for_signatures || !verifies {
            return None;
        }
        let mut algorithms = algorithms_of(&jwk.algorithm);
        if let Some(named) = jwk.common.key_algorithm {
            let named = Algorithm::try_from(named).ok()?;
            algorithms.retain(|algorithm| *algorithm == named);
        }
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
        (!algorithms.is_empty()).then_some(Self {
            id: jwk.common.key_id,
            thumbprint: Thumbprint(thumbprint.into()),
            algorithms,
            decoding,
        })
    }
}

/// Never a symmetric one: a published key is no secret.
fn algorithms_of(parameters: &AlgorithmParameters) -> Vec<Algorithm> {
    match parameters {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms().to_vec(),
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => Vec::new(),
        },
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn set(keys: &Value) -> KeySet {
        let json = serde_json::json!({ "keys": keys }).to_string();
        KeySet::parse(json.as_bytes()).expect("a JWK set")
    }

    fn has(keys: &KeySet, wanted: Wanted<'_>) -> bool {
        keys.look(wanted) == Found::Key
    }

    fn wanted(id: Option<&str>, algorithm: Algorithm) -> Wanted<'_> {
        Wanted { id, algorithm }
    }

    #[test]
    fn a_key_serves_the_algorithm_of_its_type_only() {
        let keys = set(&serde_json::json!([{"kty": "EC", "crv": "P-256", "kid": "a", "x": X, "y": Y}]));
        assert!(has(&keys, wanted(Some("a"), Algorithm::ES256)));
        assert!(has(&keys, wanted(None, Algorithm::ES256)));
        assert!(!has(&keys, wanted(Some("b"), Algorithm::ES256)));
        for other in [
            Algorithm::ES384,
            Algorithm::RS256,
            Algorithm::HS256,
            Algorithm::EdDSA,
        ] {
            assert!(!has(&keys, wanted(Some("a"), other)), "{other:?}");
        }
    }

    #[test]
    fn an_rsa_key_that_names_its_algorithm_serves_no_other() {
        let keys =
            set(&serde_json::json!([{"kty": "RSA", "alg": "PS256", "kid": "r", "n": "AQAB", "e": "AQAB"}]));
        assert!(has(&keys, wanted(Some("r"), Algorithm::PS256)));
        assert!(!has(&keys, wanted(Some("r"), Algorithm::RS256)));
    }

    #[test]
    fn without_a_key_id_only_one_key_may_fit() {
        let key = |id: &str| serde_json::json!({"kty": "EC", "crv": "P-256", "kid": id, "x": X, "y": Y});
        let keys = set(&serde_json::json!([key("a"), key("b")]));
        assert!(!has(&keys, wanted(None, Algorithm::ES256)));
        assert!(has(&keys, wanted(Some("b"), Algorithm::ES256)));
    }

    #[test]
    fn only_what_may_be_new_is_worth_a_question() {
        let key = |id: &str| serde_json::json!({"kty": "EC", "crv": "P-256", "kid": id, "x": X, "y": Y});
        let keys = set(&serde_json::json!([key("a"), key("b")]));
        for (id, algorithm, expected) in [
            (Some("a"), Algorithm::ES256, Found::Key),
            (Some("a"), Algorithm::RS256, Found::Unfit),
            (None, Algorithm::ES256, Found::Unfit),
            (Some("c"), Algorithm::ES256, Found::Nothing),
            (None, Algorithm::RS256, Found::Nothing),
        ] {
            assert_eq!(keys.look(wanted(id, algorithm)), expected, "{id:?} {algorithm:?}");
        }
    }

    #[test]
    fn a_key_is_the_same_under_another_name() {
        let key = |id: &str| serde_json::json!({"kty": "EC", "crv": "P-256", "kid": id, "x": X, "y": Y});
        let rsa = serde_json::json!({"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"});
        let (one, renamed) = (
            set(&serde_json::json!([key("a")])),
            set(&serde_json::json!([key("b")])),
        );
        let both = set(&serde_json::json!([key("b"), rsa]));
        assert!(renamed.has_all_of(&one) && both.has_all_of(&one));
        assert!(!one.has_all_of(&both));
        assert!(
            !set(&serde_json::json!([rsa])).has_all_of(&one),
            "the name alone is nothing"
        );
    }

    #[test]
    fn useless_keys_are_left_out() {
        let keys = set(&serde_json::json!([
            {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "P-256", "kid": "enc", "use": "enc", "x": X, "y": Y},
            {"kty": "EC", "crv": "secp256k1", "kid": "other", "x": X, "y": Y},
            {"kty": "EC", "crv": "P-256", "kid": "hmac", "alg": "HS256", "x": X, "y": Y},
            {"kty": "AKP", "kid": "future"},
            "no key at all",
        ]));
        assert!(keys.is_empty());
    }
}
