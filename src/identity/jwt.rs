//! The outer form of a JWT: three parts, a header we understand, claims as a JSON object.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{TokenError, TokenRefusal, limits::TOKEN_BYTES_MAX};

/// Claims of a token, by name.
pub(super) type Claims = Map<String, Value>;

/// A token taken apart. Nothing in it can be believed yet.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    pub header: Header,
    pub claims: Claims,
    /// What the signature covers: header and payload as sent.
    pub message: &'a str,
    /// Still in base64.
    pub signature: &'a str,
}

/// The header parameters that we act on. `jwk`, `jku`, `x5c` and `x5u` are not among them: keys come from the issuer.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub alg: String,
    #[serde(default)]
    pub typ: Option<String>,
    #[serde(default)]
    pub kid: Option<String>,
    /// Extensions that must be understood; we understand none.
    #[serde(default)]
    pub crit: Option<Value>,
}

impl<'a> Unverified<'a> {
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Refused(TokenRefusal::TooLarge));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
        // A dot that is left over is no base64 and fails here.
        let header: Header = decode(header)?;
        let claims: Claims = decode(payload)?;
        if header.crit.is_some() {
            return Err(TokenError::Invalid("the header asks for an unknown extension"));
        }
        Ok(Self {
            header,
            claims,
            message,
            signature,
        })
    }
}

impl Header {
    /// The signature algorithm; `none` and what we have never heard of are no algorithms.
    pub fn algorithm(&self) -> Result<Algorithm, TokenError> {
        self.alg
            .parse()
            .map_err(|_| TokenError::Invalid("the signature algorithm is not allowed"))
    }

    /// The media type without its optional prefix (RFC 7515, section 4.1.9), in lower case.
    pub fn media_type(&self) -> Option<String> {
        let typ = self.typ.as_deref()?.to_ascii_lowercase();
        Some(typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ))
    }
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(header), part(payload))
    }

    fn refusal(token: &str) -> TokenError {
        Unverified::parse(token).expect_err("must be refused")
    }

    #[test]
    fn takes_a_token_apart() {
        let text = token(
            r#"{"alg":"ES256","typ":"application/AT+JWT","kid":"k"}"#,
            r#"{"sub":"s"}"#,
        );
        let parsed = Unverified::parse(&text).expect("a token");
        assert_eq!(parsed.header.media_type().as_deref(), Some("at+jwt"));
        assert_eq!(parsed.header.kid.as_deref(), Some("k"));
        assert_eq!(parsed.claims["sub"], "s");
        assert_eq!(format!("{}.{}", parsed.message, parsed.signature), text);
    }

    #[test]
    fn refuses_what_is_no_token() {
        let whole = token(r#"{"alg":"ES256"}"#, "{}");
        for text in [
            "",
            ".",
            "..",
            "...",
            "a.b",
            "7e1bba0e-3a40-4f4c-9a0c-7f6e0bca4c7d",
            &format!("{whole}.x"),
            &format!("x.{whole}"),
            &whole.replacen('.', "..", 1),
            &token("[]", "{}"),
            &token("{}", "{}"),
            &token(r#"{"alg":"ES256"}"#, "[]"),
            &token(r#"{"alg":"ES256"}"#, "null"),
            &token(r#"{"alg":"ES256","alg":"none"}"#, "{}"),
            &token(r#"{"alg":5}"#, "{}"),
        ] {
            assert_eq!(refusal(text), TokenError::Malformed, "{text}");
        }
    }

    #[test]
    fn refuses_extensions_and_size() {
        let critical = token(r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, "{}");
        assert!(matches!(refusal(&critical), TokenError::Invalid(_)));
        assert_eq!(
            refusal(&"a".repeat(TOKEN_BYTES_MAX + 1)),
            TokenError::Refused(TokenRefusal::TooLarge)
        );
    }
}
