//! Tokens that passed every check, by their SHA-256, until they expire; every few minutes they are to pass them again.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{
    TokenRefusal, VerifiedToken,
    jwks::SignedBy,
    limits::VERIFIED_FRESH,
    rules::AccessToken,
    userinfo::{self, Login},
};

/// SHA-256 of a token: tokens themselves are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// A verified token and what became known about it since.
#[derive(Debug)]
pub(super) struct CachedToken {
    /// What the token says by itself; its subject may be missing.
    pub verified: Arc<VerifiedToken>,
    /// Why it does not speak for a person, where it does not.
    pub not_of_person: Option<TokenRefusal>,
    /// Session of the development issuer, which can void it.
    pub session: Option<String>,
    /// The issuer's key, which may be withdrawn; none of the development issuer.
    pub signed_by: Option<SignedBy>,
    /// Unix seconds from which on it must be verified anew.
    fresh_until: AtomicI64,
    /// Where userinfo may be asked about it.
    pub login: Option<Arc<Login>>,
    known: RwLock<Known>,
    /// The version of [`Known`] that the user's row has been compared with.
    compared: AtomicU64,
}

/// The token together with what userinfo answered.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// That of the answer; 0 without one.
    pub version: u64,
    /// `None` while it is not known whom the token speaks for.
    pub token: Option<Arc<VerifiedToken>>,
}

/// No version: nothing has been compared.
const NEVER: u64 = u64::MAX;

impl CachedToken {
    /// A token that was verified at `now`.
    pub fn new(
        token: AccessToken,
        signed_by: Option<SignedBy>,
        session: Option<String>,
        login: Option<Arc<Login>>,
        now: DateTime<Utc>,
    ) -> Self {
        let fresh_until = token.verified.expires_at.min(now + VERIFIED_FRESH);
        let verified = Arc::new(token.verified);
        let is_named = !verified.subject.is_empty();
        let known = Known {
            version: 0,
            token: is_named.then(|| Arc::clone(&verified)),
        };
        Self {
            verified,
            not_of_person: token.not_of_person,
            session,
            signed_by,
            fresh_until: AtomicI64::new(fresh_until.timestamp()),
            login,
            known: RwLock::new(known),
            compared: AtomicU64::new(NEVER),
        }
    }

    /// Whether it need not be verified again yet.
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        now.timestamp() < self.fresh_until.load(Ordering::Relaxed)
    }

    /// The same token was verified again. What became known about it since the first time stays.
    fn renew(&self, again: &Self) {
        let fresh_until = again.fresh_until.load(Ordering::Relaxed);
        self.fresh_until.fetch_max(fresh_until, Ordering::Relaxed);
        if let (Some(signed), Some(again)) = (&self.signed_by, &again.signed_by) {
            signed.renew(again);
        }
    }

    /// The best that is known now.
    pub fn known(&self) -> Known {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        match &self.login {
            Some(login) if login.version() != known.version => self.learn(login),
            _ => known,
        }
    }

    fn learn(&self, login: &Login) -> Known {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = login.answer() {
            known.version = answer.version;
            // An answer about somebody else says nothing.
            if let Some(token) = userinfo::merged(&self.verified, &answer) {
                known.token = Some(Arc::new(token));
            }
        }
        known.clone()
    }

    /// Whether an answer about this subject may be about the bearer of this token.
    pub fn may_be_of(&self, subject: &str) -> bool {
        self.verified.subject.is_empty() || self.verified.subject == subject
    }

    /// Whether nobody has looked at what it says yet.
    pub fn is_unseen(&self) -> bool {
        self.compared.load(Ordering::Relaxed) == NEVER
    }

    /// Whether the user's row has not been compared with this version yet.
    pub fn has_news(&self, version: u64) -> bool {
        self.compared.load(Ordering::Relaxed) != version
    }

    pub fn note_compared(&self, version: u64) {
        self.compared.store(version, Ordering::Relaxed);
    }
}

/// Bounded; divided into parts with a lock each, so that requests seldom wait for one another.
#[derive(Debug)]
pub(super) struct TokenCache {
    parts: Vec<Mutex<Part>>,
    part_tokens_max: usize,
}

type Part = HashMap<Fingerprint, Arc<CachedToken>>;

/// The first byte of a fingerprint chooses the part.
const PARTS: usize = 64;

impl TokenCache {
    pub fn new(tokens_max: usize) -> Self {
        Self {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            part_tokens_max: (tokens_max / PARTS).max(1),
        }
    }

    /// A token that was verified a short while ago.
    pub fn get(&self, fingerprint: Fingerprint, now: DateTime<Utc>) -> Option<Arc<CachedToken>> {
        let part = self.part(fingerprint);
        part.get(&fingerprint)
            .filter(|token| token.is_fresh(now))
            .cloned()
    }

    /// Remembers a token that was just verified, and returns the one that counts: that of the first caller, also where it had
    /// to be verified anew.
    pub fn insert(
        &self,
        fingerprint: Fingerprint,
        token: CachedToken,
        now: DateTime<Utc>,
    ) -> Arc<CachedToken> {
        let token = Arc::new(token);
        if token.verified.expires_at <= now {
            return token;
        }
        let mut part = self.part(fingerprint);
        if let Some(first) = part.get(&fingerprint) {
            first.renew(&token);
            return Arc::clone(first);
        }
        if part.len() >= self.part_tokens_max {
            part.retain(|_, token| token.verified.expires_at > now);
        }
        if part.len() >= self.part_tokens_max {
            evict_next_to_expire(&mut part);
        }
        part.insert(fingerprint, Arc::clone(&token));
        token
    }

    fn part(&self, fingerprint: Fingerprint) -> MutexGuard<'_, Part> {
        let index = usize::from(fingerprint.0[0]) % self.parts.len();
        self.parts[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn evict_next_to_expire(part: &mut Part) {
    let next = part.iter().min_by_key(|(_, token)| token.verified.expires_at);
    if let Some(fingerprint) = next.map(|(fingerprint, _)| *fingerprint) {
        part.remove(&fingerprint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ProfileClaims;
    use chrono::TimeDelta;

    fn token(subject: &str, expires_at: DateTime<Utc>) -> CachedToken {
        let verified = VerifiedToken {
            issuer: "i".to_owned(),
            subject: subject.to_owned(),
            client: "Frontend".to_owned(),
            session: None,
            issued_at: 0,
            expires_at,
            roles: Vec::new(),
            profile: ProfileClaims::default(),
        };
        let token = AccessToken {
            verified,
            not_of_person: None,
        };
        CachedToken::new(token, None, None, None, now())
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
    }

    #[test]
    fn a_token_is_gone_when_it_expires() {
        let (cache, now) = (TokenCache::new(1_000), now());
        let fingerprint = Fingerprint::of("t");
        cache.insert(fingerprint, token("s", now + TimeDelta::seconds(10)), now);
        assert!(cache.get(fingerprint, now + TimeDelta::seconds(9)).is_some());
        assert!(cache.get(fingerprint, now + TimeDelta::seconds(10)).is_none());
        assert!(cache.get(Fingerprint::of("u"), now).is_none());
    }

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let (cache, now) = (TokenCache::new(PARTS * 2), now());
        for index in 0..2_000 {
            let expires_at = now + TimeDelta::seconds(60 + index);
            cache.insert(Fingerprint::of(&index.to_string()), token("s", expires_at), now);
        }
        let kept: usize = cache
            .parts
            .iter()
            .map(|part| part.lock().expect("unpoisoned").len())
            .sum();
        assert!(kept <= PARTS * 2, "{kept} kept");
        assert!(
            cache.get(Fingerprint::of("1999"), now).is_some(),
            "the newest is kept"
        );
    }

    #[test]
    fn the_first_of_two_callers_wins() {
        let (cache, now) = (TokenCache::new(1_000), now());
        let expires_at = now + TimeDelta::seconds(10);
        let first = cache.insert(Fingerprint::of("t"), token("first", expires_at), now);
        let second = cache.insert(Fingerprint::of("t"), token("second", expires_at), now);
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn a_token_must_be_verified_anew_and_stays_the_same() {
        let (cache, start) = (TokenCache::new(1_000), now());
        let at = |seconds| start + TimeDelta::seconds(seconds);
        let fingerprint = Fingerprint::of("t");
        let first = cache.insert(fingerprint, token("s", at(3_600)), start);
        assert!(cache.get(fingerprint, at(299)).is_some());
        assert!(cache.get(fingerprint, at(300)).is_none());
        let again = CachedToken {
            fresh_until: AtomicI64::new(at(600).timestamp()),
            ..token("s", at(3_600))
        };
        let again = cache.insert(fingerprint, again, at(300));
        assert!(Arc::ptr_eq(&first, &again), "what is known about it stays");
        assert!(cache.get(fingerprint, at(599)).is_some());
        assert!(cache.get(fingerprint, at(600)).is_none());
    }
}
