//! Turns bearer tokens into verified claims.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use tokio::sync::Semaphore;

use super::{
    KeySource, LogoutToken, Reachability, Revocations, TokenError, TokenRefusal, VerifiedToken,
    VerifierSettings, claims,
    dev_issuer::{DevIssuer, SESSION_CLAIM},
    jwks::{RemoteIssuer, SignedBy},
    jwt::{Claims, Header, Unverified},
    keys::Wanted,
    limits::{LOGIN_PATIENCE, LOGOUT_PATIENCE, VERIFIED_TOKENS_MAX},
    logout_token,
    presented::{Presented, UserinfoWarning},
    refusal_log::RefusalLog,
    rules::{self, Expected},
    token_cache::{CachedToken, Fingerprint, TokenCache},
    userinfo::{self, Answer, Logins, Queue},
};
use crate::{clock::Clock, config::Outgoing};

/// Verifies tokens of one issuer. Cheap to clone; clones share keys and verified tokens.
#[derive(Debug, Clone)]
pub struct Verifier(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: VerifierSettings,
    pub(super) issuer: Issuer,
    pub(super) clock: Clock,
    verified: TokenCache,
    /// Signatures that are checked at once. Further tokens wait here and not for a thread, which others need for less.
    checks: Semaphore,
    refusals: RefusalLog,
    logins: Logins,
    pub(super) questions: Queue,
    pub(super) userinfo_warning: UserinfoWarning,
    pub(super) revocations: Revocations,
}

#[derive(Debug)]
pub(super) enum Issuer {
    Remote(Arc<RemoteIssuer>),
    Local(Arc<DevIssuer>),
}

/// As many as there are threads on a small machine.
const CHECKS: usize = 4;

/// A token whose signature is right, with the name under which its issuer goes.
struct Signed {
    issuer: String,
    header: Header,
    claims: Claims,
    by: Option<SignedBy>,
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
            KeySource::Remote(place) => {
                let remote = RemoteIssuer::new(place.clone(), outgoing, clock.clone())?;
                Issuer::Remote(Arc::new(remote))
            }
            KeySource::Local(issuer) => Issuer::Local(Arc::clone(issuer)),
        };
        Ok(Self(Arc::new(Inner {
            settings,
            issuer,
            clock,
            verified: TokenCache::new(VERIFIED_TOKENS_MAX),
            checks: Semaphore::new(CHECKS),
            refusals: RefusalLog::default(),
            logins: Logins::default(),
            questions: Queue::default(),
            userinfo_warning: UserinfoWarning::default(),
            revocations: Revocations::default(),
        })))
    }

    /// Verifies the access token of somebody's request; with it comes what userinfo has said so far.
    ///
    /// # Errors
    /// [`TokenError::Refused`] for tokens that do not speak for people, such as services'.
    pub async fn verify_access_token(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        self.verify(token).await.map(|presented| presented.token)
    }

    /// The same, in the hands of whoever may wait for userinfo, which is asked beside where it is time. A token that names no
    /// subject waits for it here.
    pub async fn verify(&self, token: &str) -> Result<Presented, TokenError> {
        let now = self.0.clock.now();
        let cached = self.cached(token, now).await?;
        if let Some(refusal) = cached.not_of_person {
            return Err(self.0.refused(&cached.verified.client, refusal, now));
        }
        let names_nobody = cached.verified.subject.is_empty();
        let known = cached.known();
        let presented = match known.token {
            Some(verified) => self.presented(cached, (verified, known.version), token, now),
            None => Box::pin(self.wait_for_subject(cached, token)).await?,
        };
        if names_nobody {
            // Only now it is known who may have been logged out.
            self.0.revocations.refuse(&presented.token)?;
        }
        Ok(presented)
    }

    /// Verifies the access token of a service's request, whatever its client and audience are: the caller must look at its
    /// roles, and then ask [`Self::admit_service`].
    pub async fn verify_service_token(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        let cached = self.cached(token, self.0.clock.now()).await?;
        Ok(Arc::clone(&cached.verified))
    }

    /// Refuses the token of a service whose client is not one of those that services may have.
    pub fn admit_service(&self, token: &VerifiedToken) -> Result<(), TokenError> {
        let admitted = self.0.settings.clients.admit_service(&token.client);
        admitted.map_err(|refusal| self.0.refused(&token.client, refusal, self.0.clock.now()))
    }

    /// Verifies the ID token of a login; its profile is what the token says. Waits for an issuer that can't be asked.
    pub async fn verify_id_token(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        self.0.look_again_if_due(self.0.clock.now());
        let signed = self.0.check_signature(token, Some(LOGIN_PATIENCE)).await?;
        self.0.refuse_voided(session(&signed.claims))?;
        let (expected, now) = (self.0.expected(&signed.issuer), self.0.clock.now());
        let verified = rules::id_token(&signed.header, &signed.claims, expected, now).map_err(|error| {
            let client = self.0.settings.clients.of_id_token(&signed.claims);
            self.0.told(client, error, now)
        })?;
        self.0.revocations.refuse(&verified)?;
        Ok(verified)
    }

    /// A token as it was remembered a short while ago, else as it is verified now.
    async fn cached(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<CachedToken>, TokenError> {
        self.0.look_again_if_due(now);
        let fingerprint = Fingerprint::of(token);
        let remembered = self.0.verified.get(fingerprint, now);
        let cached = if let Some(cached) = remembered.filter(|cached| self.0.has_key_of(cached)) {
            cached
        } else {
            // Boxed: what is rare must not make the future of every request a large one.
            let checked = Box::pin(self.0.check_access_token(token, now)).await?;
            self.0.verified.insert(fingerprint, checked, now)
        };
        self.0.refuse_voided(cached.session.as_deref())?;
        self.0.revocations.refuse(&cached.verified)?;
        Ok(cached)
    }

    /// Verifies a log-out token, by which the issuer says that a login has ended; `is_ours` says to which clients this server
    /// listens.
    pub async fn verify_logout_token(
        &self,
        token: &str,
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<LogoutToken, TokenError> {
        // The provider does not tell it again.
        let signed = self.0.check_signature(token, Some(LOGOUT_PATIENCE)).await?;
        let now = self.0.clock.now();
        logout_token::logout_token(&signed.header, &signed.claims, &signed.issuer, is_ours, now)
    }

    /// Tokens that do not count any more.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    /// Asks the issuer for its keys, unless they are young or it was just asked, and waits for the answer.
    pub async fn look_at_issuer(&self) {
        if let Issuer::Remote(issuer) = &self.0.issuer {
            issuer.look().await;
        }
    }

    /// What became of the last question to the issuer.
    #[must_use]
    pub fn reachability(&self) -> Reachability {
        match &self.0.issuer {
            Issuer::Remote(issuer) => issuer.reachability(),
            Issuer::Local(issuer) => Reachability {
                is_away: false,
                issuer: Some(issuer.issuer().to_owned()),
            },
        }
    }
}

impl Inner {
    async fn check_access_token(&self, token: &str, now: DateTime<Utc>) -> Result<CachedToken, TokenError> {
        let signed = self.check_signature(token, None).await?;
        let expected = self.expected(&signed.issuer);
        let checked = rules::access_token(&signed.header, &signed.claims, expected, now);
        let mut checked = checked.map_err(|error| {
            let client = self.settings.clients.of_access_token(&signed.claims);
            self.told(client, error, now)
        })?;
        let session = match &self.issuer {
            Issuer::Local(_) => session(&signed.claims).map(str::to_owned),
            Issuer::Remote(_) => None,
        };
        if checked.verified.subject.is_empty() && matches!(self.issuer, Issuer::Local(_)) {
            return Err(rules::NO_SUBJECT);
        }
        let login = match &self.issuer {
            Issuer::Local(issuer) => {
                checked.verified = self.completed(issuer, checked.verified, now);
                None
            }
            Issuer::Remote(_) => {
                let verified = &checked.verified;
                let may_be_asked = self.settings.userinfo
                    && checked.not_of_person.is_none()
                    && userinfo::may_be_asked(&signed.claims, verified, self.settings.wants_tenants);
                may_be_asked.then(|| self.logins.of(verified))
            }
        };
        // Of a service the role counts, whoever it is.
        if login.is_none() && checked.verified.subject.is_empty() && checked.not_of_person.is_none() {
            return Err(self.refused(&checked.verified.client, TokenRefusal::NoSubject, now));
        }
        Ok(CachedToken::new(checked, signed.by, session, login, now))
    }

    /// The development issuer's people are looked up without HTTP.
    fn completed(&self, issuer: &DevIssuer, verified: VerifiedToken, now: DateTime<Utc>) -> VerifiedToken {
        let claims = issuer.claims_of(&verified.subject);
        let answer = claims.filter(|_| self.settings.userinfo).map(|claims| Answer {
            version: 0,
            subject: verified.subject.clone(),
            profile: claims::profile(&claims, &self.settings.claims),
            at: now.timestamp(),
        });
        answer
            .and_then(|answer| userinfo::merged(&verified, &answer))
            .unwrap_or(verified)
    }

    /// Whoever can't come again has the time to wait for an issuer that can't be asked.
    async fn check_signature(&self, token: &str, time_limit: Option<Duration>) -> Result<Signed, TokenError> {
        let unverified = Unverified::parse(token)?;
        let algorithm = unverified.header.algorithm()?;
        if !self.settings.algorithms.contains(&algorithm) {
            return Err(match algorithm {
                Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                    TokenError::Invalid("the signature algorithm is not allowed")
                }
                // The issuer would sign a new token by it, too.
                _ => TokenError::Refused(TokenRefusal::Algorithm),
            });
        }
        let wanted = Wanted {
            id: unverified.header.kid.as_deref(),
            algorithm,
        };
        let (issuer, by) = match &self.issuer {
            Issuer::Remote(issuer) => {
                let generation = issuer.generation();
                let current = match time_limit {
                    Some(time_limit) => issuer.keys_within(wanted, time_limit).await?,
                    None => issuer.keys(wanted).await?,
                };
                let _place = self.checks.acquire().await;
                let key = current.keys.verify(&unverified, wanted)?;
                let by = SignedBy::new(key, generation);
                (current.metadata.issuer.clone(), Some(by))
            }
            Issuer::Local(issuer) => {
                let _place = self.checks.acquire().await;
                issuer.keys().verify(&unverified, wanted)?;
                (issuer.issuer().to_owned(), None)
            }
        };
        Ok(Signed {
            issuer,
            header: unverified.header,
            claims: unverified.claims,
            by,
        })
    }

    fn expected<'a>(&'a self, issuer: &'a str) -> Expected<'a> {
        Expected {
            issuer,
            clients: &self.settings.clients,
            lifetime_max: self.settings.lifetime_max,
            names: &self.settings.claims,
        }
    }

    /// Whether the issuer still has the key of a remembered token.
    fn has_key_of(&self, cached: &CachedToken) -> bool {
        match (&self.issuer, &cached.signed_by) {
            (Issuer::Remote(issuer), Some(signed)) => issuer.has(signed),
            _ => true,
        }
    }

    fn look_again_if_due(&self, now: DateTime<Utc>) {
        if let Issuer::Remote(issuer) = &self.issuer {
            issuer.look_again_if_due(now);
        }
    }

    /// Tells the operator of a genuine token that is refused.
    fn refused(&self, client: &str, refusal: TokenRefusal, now: DateTime<Utc>) -> TokenError {
        self.refusals.tell(client, refusal, now);
        TokenError::Refused(refusal)
    }

    /// The same of an error that may be something else.
    fn told(&self, client: Result<String, TokenError>, error: TokenError, now: DateTime<Utc>) -> TokenError {
        match (error, client) {
            (TokenError::Refused(refusal), Ok(client)) => self.refused(&client, refusal, now),
            (error, _) => error,
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
}

fn session(claims: &Claims) -> Option<&str> {
    claims.get(SESSION_CLAIM)?.as_str()
}
