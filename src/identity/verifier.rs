//! Turns bearer tokens into verified claims.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    KeySource, TokenError, VerifiedToken, VerifierSettings,
    dev_issuer::{DevIssuer, SESSION_CLAIM},
    jwks::RemoteIssuer,
    jwt::{Claims, Header, Unverified},
    keys::Wanted,
    limits::{USERINFO_RETRY, VERIFIED_TOKENS_MAX},
    rules::{self, Expected},
    token_cache::{CachedToken, Fingerprint, TokenCache},
    userinfo,
};
use crate::{clock::Clock, config::Outgoing};

/// Verifies tokens of one issuer. Cheap to clone; clones share keys and verified tokens.
#[derive(Debug, Clone)]
pub struct Verifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: VerifierSettings,
    issuer: Issuer,
    clock: Clock,
    verified: TokenCache,
}

#[derive(Debug)]
enum Issuer {
    Remote(Arc<RemoteIssuer>),
    Local(Arc<DevIssuer>),
}

/// A token whose signature is right, with the name under which its issuer goes.
struct Signed {
    issuer: String,
    header: Header,
    claims: Claims,
}

impl Verifier {
    /// # Errors
    /// When no HTTP client can be made that asks the issuer.
    pub fn new(
        settings: VerifierSettings,
        outgoing: &Outgoing,
        clock: Clock,
    ) -> Result<Self, reqwest::Error> {
        let issuer = match &settings.source {
            KeySource::Remote(authority) => {
                let remote = RemoteIssuer::new(authority.clone(), outgoing, clock.clone())?;
                Issuer::Remote(Arc::new(remote))
            }
            KeySource::Local(issuer) => Issuer::Local(Arc::clone(issuer)),
        };
        Ok(Self(Arc::new(Inner {
            settings,
            issuer,
            clock,
            verified: TokenCache::new(VERIFIED_TOKENS_MAX),
        })))
    }

    /// Verifies the access token of a request. The profile is completed from userinfo where the token lacks it.
    pub async fn verify_access_token(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        let now = self.0.clock.now();
        let fingerprint = Fingerprint::of(token);
        let cached = if let Some(cached) = self.0.verified.get(fingerprint, now) {
            cached
        } else {
            // Boxed: what is rare must not make the future of every request a large one.
            let checked = Box::pin(self.0.check_access_token(token, now)).await?;
            self.0.verified.insert(fingerprint, checked, now)
        };
        self.0.refuse_voided(cached.session.as_deref())?;
        self.complete_profile(&cached, token, now).await;
        Ok(cached.known())
    }

    /// Verifies the ID token of a login; its profile is what the token says.
    pub async fn verify_id_token(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        let signed = self.0.check_signature(token).await?;
        self.0.refuse_voided(session(&signed.claims))?;
        let audience = Some(self.0.settings.client_id.as_str());
        let expected = self.0.expected(&signed.issuer, audience);
        rules::id_token(&signed.header, &signed.claims, expected, self.0.clock.now())
    }

    /// Completes the profile as far as possible. Callers with the same token share one request, and it runs in a task of
    /// its own: a caller that goes away must not take the answer from the others.
    async fn complete_profile(&self, cached: &Arc<CachedToken>, token: &str, now: DateTime<Utc>) {
        // The development issuer puts everything it knows into its tokens.
        let Issuer::Remote(issuer) = &self.0.issuer else {
            return;
        };
        if !userinfo::is_lacking(&cached.verified.profile) || !cached.may_ask_userinfo(now) {
            return;
        }
        let (inner, issuer) = (Arc::clone(&self.0), Arc::clone(issuer));
        let (cached, token) = (Arc::clone(cached), token.to_owned());
        let task = tokio::spawn(async move { inner.complete(&issuer, &cached, &token).await });
        if let Err(error) = task.await {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "completing a profile broke off");
        }
    }
}

impl Inner {
    async fn check_access_token(&self, token: &str, now: DateTime<Utc>) -> Result<CachedToken, TokenError> {
        let signed = self.check_signature(token).await?;
        let expected = self.expected(&signed.issuer, self.settings.audience.as_deref());
        let verified = rules::access_token(&signed.header, &signed.claims, expected, now)?;
        let session = match &self.issuer {
            Issuer::Local(_) => session(&signed.claims).map(str::to_owned),
            Issuer::Remote(_) => None,
        };
        Ok(CachedToken::new(verified, session))
    }

    async fn check_signature(&self, token: &str) -> Result<Signed, TokenError> {
        let unverified = Unverified::parse(token)?;
        let algorithm = unverified.header.algorithm()?;
        if !self.settings.algorithms.contains(&algorithm) {
            return Err(TokenError::Invalid("the signature algorithm is not allowed"));
        }
        let wanted = Wanted {
            id: unverified.header.kid.as_deref(),
            algorithm,
        };
        let issuer = match &self.issuer {
            Issuer::Remote(issuer) => {
                let current = issuer.keys(wanted).await?;
                current.keys.verify(&unverified, wanted)?;
                current.metadata.issuer.clone()
            }
            Issuer::Local(issuer) => {
                issuer.keys().verify(&unverified, wanted)?;
                issuer.issuer().to_owned()
            }
        };
        Ok(Signed {
            issuer,
            header: unverified.header,
            claims: unverified.claims,
        })
    }

    fn expected<'a>(&'a self, issuer: &'a str, audience: Option<&'a str>) -> Expected<'a> {
        Expected {
            issuer,
            audience,
            names: &self.settings.claims,
        }
    }

    fn refuse_voided(&self, session: Option<&str>) -> Result<(), TokenError> {
        match (&self.issuer, session) {
            (Issuer::Local(issuer), Some(session)) if issuer.is_voided(session) => {
                Err(TokenError::Invalid("the session has ended"))
            }
            _ => Ok(()),
        }
    }

    /// Asks userinfo what the token lacks, unless somebody just did.
    async fn complete(&self, issuer: &RemoteIssuer, cached: &CachedToken, token: &str) {
        let _turn = cached.completing.lock().await;
        let now = self.clock.now();
        let Some(endpoint) = issuer
            .userinfo_endpoint()
            .filter(|_| cached.may_ask_userinfo(now))
        else {
            return;
        };
        match userinfo::fetch(issuer.http(), endpoint, token).await {
            Ok(claims) => self.keep_completed(cached, &claims),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    error,
                    "could not fetch userinfo; going on with the token's profile"
                );
            }
        }
        cached.ask_userinfo_again_at(now + USERINFO_RETRY);
    }

    fn keep_completed(&self, cached: &CachedToken, claims: &Claims) {
        if let Some(completed) = userinfo::complete(&cached.verified, claims, &self.settings.claims) {
            // Set once only, by the holder of `completing`.
            let _ = cached.completed.set(Arc::new(completed));
        } else {
            tracing::warn!("userinfo answered about another subject; ignoring it");
        }
    }
}

fn session(claims: &Claims) -> Option<&str> {
    claims.get(SESSION_CLAIM)?.as_str()
}
