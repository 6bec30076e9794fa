//! Authorization codes: bound to their request, good once, for a minute.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::limits::{ACCESS_LIFETIME, CODE_LIFETIME, CODES_MAX};

/// Codes that were issued and not yet forgotten, by the SHA-256 of their text.
#[derive(Debug, Default)]
pub(super) struct Codes(HashMap<[u8; 32], Code>);

#[derive(Debug)]
struct Code {
    grant: Grant,
    issued_at: DateTime<Utc>,
    used: bool,
}

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// Session that the code's tokens will belong to.
    pub session: String,
    pub username: String,
    pub client_id: String,
    pub redirect_uri: String,
    /// PKCE challenge, method S256.
    pub challenge: String,
    pub nonce: Option<String>,
    pub scope: String,
}

/// Who wants tokens for a code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Redemption<'a> {
    pub client_id: &'a str,
    pub redirect_uri: &'a str,
    pub verifier: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum CodeRefusal {
    Unknown,
    Expired,
    Mismatch(&'static str),
    /// Presented a second time: the tokens of this session are void (RFC 6749, section 4.1.2).
    Reused(String),
}

impl Codes {
    /// Remembers what `code` stands for.
    pub fn issue(&mut self, code: &str, grant: Grant, now: DateTime<Utc>) {
        if self.0.len() >= CODES_MAX {
            // A used code is known at least as long as its first access token lives, so that a second use is noticed.
            let known = CODE_LIFETIME + ACCESS_LIFETIME;
            self.0.retain(|_, code| code.issued_at + known > now);
        }
        if self.0.len() >= CODES_MAX {
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, code)| code.issued_at)
                .map(|(key, _)| *key);
            oldest.and_then(|key| self.0.remove(&key));
        }
        let code_entry = Code {
            grant,
            issued_at: now,
            used: false,
        };
        self.0.insert(key(code), code_entry);
    }

    /// Redeems a code. It is used up even when the rest does not fit, so that nothing can be tried twice.
    pub fn redeem(
        &mut self,
        code: &str,
        by: Redemption<'_>,
        now: DateTime<Utc>,
    ) -> Result<Grant, CodeRefusal> {
        let code = self.0.get_mut(&key(code)).ok_or(CodeRefusal::Unknown)?;
        if code.used {
            return Err(CodeRefusal::Reused(code.grant.session.clone()));
        }
        code.used = true;
        if now >= code.issued_at + CODE_LIFETIME {
            return Err(CodeRefusal::Expired);
        }
        check(&code.grant, by)?;
        Ok(code.grant.clone())
    }
}

fn check(grant: &Grant, by: Redemption<'_>) -> Result<(), CodeRefusal> {
    if grant.client_id != by.client_id {
        return Err(CodeRefusal::Mismatch("the code was issued to another client"));
    }
    if grant.redirect_uri != by.redirect_uri {
        return Err(CodeRefusal::Mismatch(
            "redirect_uri differs from the authorization request",
        ));
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(by.verifier));
    if !bool::from(challenge.as_bytes().ct_eq(grant.challenge.as_bytes())) {
        return Err(CodeRefusal::Mismatch(
            "code_verifier does not fit the code_challenge",
        ));
    }
    Ok(())
}

fn key(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    const GOOD: Redemption<'static> = Redemption {
        client_id: "Frontend",
        redirect_uri: "http://localhost/cb",
        verifier: VERIFIER,
    };

    fn grant() -> Grant {
        Grant {
            session: "s".to_owned(),
            username: "alice".to_owned(),
            client_id: GOOD.client_id.to_owned(),
            redirect_uri: GOOD.redirect_uri.to_owned(),
            challenge: CHALLENGE.to_owned(),
            nonce: None,
            scope: "openid".to_owned(),
        }
    }

    fn issued() -> (Codes, DateTime<Utc>) {
        let (mut codes, now) = (Codes::default(), Utc::now());
        codes.issue("code", grant(), now);
        (codes, now)
    }

    #[test]
    fn a_code_is_good_once() {
        let (mut codes, now) = issued();
        assert_eq!(codes.redeem("code", GOOD, now), Ok(grant()));
        assert_eq!(
            codes.redeem("code", GOOD, now),
            Err(CodeRefusal::Reused("s".to_owned()))
        );
        assert_eq!(codes.redeem("edoc", GOOD, now), Err(CodeRefusal::Unknown));
    }

    #[test]
    fn a_code_is_good_for_a_minute() {
        let (mut codes, now) = issued();
        let late = now + CODE_LIFETIME;
        assert_eq!(codes.redeem("code", GOOD, late), Err(CodeRefusal::Expired));
        let (mut codes, now) = issued();
        assert!(
            codes
                .redeem("code", GOOD, now + CODE_LIFETIME - TimeDelta::seconds(1))
                .is_ok()
        );
    }

    #[test]
    fn a_code_is_bound_to_its_request_and_used_up_by_a_wrong_one() {
        for wrong in [
            Redemption {
                client_id: "Other",
                ..GOOD
            },
            Redemption {
                redirect_uri: "http://localhost/cb2",
                ..GOOD
            },
            Redemption {
                verifier: CHALLENGE,
                ..GOOD
            },
            Redemption { verifier: "", ..GOOD },
        ] {
            let (mut codes, now) = issued();
            assert!(
                matches!(codes.redeem("code", wrong, now), Err(CodeRefusal::Mismatch(_))),
                "{wrong:?}"
            );
            assert!(
                matches!(codes.redeem("code", GOOD, now), Err(CodeRefusal::Reused(_))),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn codes_are_bounded_and_forgotten() {
        let (mut codes, now) = (Codes::default(), Utc::now());
        for index in 0..=CODES_MAX {
            codes.issue(&index.to_string(), grant(), now);
        }
        assert_eq!(codes.0.len(), CODES_MAX);
        codes.issue("late", grant(), now + CODE_LIFETIME + ACCESS_LIFETIME);
        assert_eq!(codes.0.len(), 1);
    }
}
