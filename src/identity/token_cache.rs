//! Tokens that passed every check, by their SHA-256, until they expire.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::VerifiedToken;

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
    pub verified: Arc<VerifiedToken>,
    /// Session of the development issuer, which can void it.
    pub session: Option<String>,
    /// The same with the profile from userinfo, once that was fetched.
    pub completed: OnceLock<Arc<VerifiedToken>>,
    /// Held by the one caller who asks userinfo.
    pub completing: tokio::sync::Mutex<()>,
    /// Unix seconds before which userinfo is not asked again.
    retry_at: AtomicI64,
}

impl CachedToken {
    pub fn new(verified: VerifiedToken, session: Option<String>) -> Self {
        Self {
            verified: Arc::new(verified),
            session,
            completed: OnceLock::new(),
            completing: tokio::sync::Mutex::default(),
            retry_at: AtomicI64::new(i64::MIN),
        }
    }

    /// The best that is known now.
    pub fn known(&self) -> Arc<VerifiedToken> {
        Arc::clone(self.completed.get().unwrap_or(&self.verified))
    }

    pub fn may_ask_userinfo(&self, now: DateTime<Utc>) -> bool {
        self.completed.get().is_none() && now.timestamp() >= self.retry_at.load(Ordering::Relaxed)
    }

    pub fn ask_userinfo_again_at(&self, at: DateTime<Utc>) {
        self.retry_at.store(at.timestamp(), Ordering::Relaxed);
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

    pub fn get(&self, fingerprint: Fingerprint, now: DateTime<Utc>) -> Option<Arc<CachedToken>> {
        let part = self.part(fingerprint);
        part.get(&fingerprint)
            .filter(|token| token.verified.expires_at > now)
            .cloned()
    }

    /// Remembers a token, and returns the one that counts: of two callers with the same token the first wins.
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
            expires_at,
            roles: Vec::new(),
            profile: ProfileClaims::default(),
        };
        CachedToken::new(verified, None)
    }

    #[test]
    fn a_token_is_gone_when_it_expires() {
        let (cache, now) = (TokenCache::new(1_000), Utc::now());
        let fingerprint = Fingerprint::of("t");
        cache.insert(fingerprint, token("s", now + TimeDelta::seconds(10)), now);
        assert!(cache.get(fingerprint, now + TimeDelta::seconds(9)).is_some());
        assert!(cache.get(fingerprint, now + TimeDelta::seconds(10)).is_none());
        assert!(cache.get(Fingerprint::of("u"), now).is_none());
    }

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let (cache, now) = (TokenCache::new(PARTS * 2), Utc::now());
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
        let (cache, now) = (TokenCache::new(1_000), Utc::now());
        let expires_at = now + TimeDelta::seconds(10);
        let first = cache.insert(Fingerprint::of("t"), token("first", expires_at), now);
        let second = cache.insert(Fingerprint::of("t"), token("second", expires_at), now);
        assert!(Arc::ptr_eq(&first, &second));
    }
}
