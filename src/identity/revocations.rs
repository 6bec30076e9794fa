//! Tokens that do not count any more although they have not expired: their login has ended, or the issuer's userinfo has
//! refused them. Asked for every request, so it is kept in memory.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{TokenError, VerifiedToken};
use crate::store::void_sessions::{Ended, VoidSession};

/// Ended logins that are remembered; beyond it those go that ended first, whose tokens are the likeliest to have expired.
pub const ENDED_MAX: usize = 1_000_000;

/// Of so many parts one goes when there are too many.
const PART: usize = 10;

/// Clients of which it is remembered that userinfo answers their tokens.
const CLIENTS_MAX: usize = 1_000;

/// Log-out tokens that are looked at at once; the others wait.
pub const LOGOUTS_AT_ONCE: usize = 8;

/// What is void, as far as this server knows. Clones are one.
#[derive(Debug, Clone)]
pub struct Revocations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ended: RwLock<EndedLogins>,
    /// Clients whose tokens userinfo has answered: only there its 401 speaks of the token.
    answered: RwLock<HashSet<String>>,
    logouts: Semaphore,
}

/// What ended is known by hashes: names of subjects and logins need no place in memory.
#[derive(Debug, Default)]
struct EndedLogins(HashMap<Key, Void>);

type Key = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Void {
    /// Tokens made later than this, in Unix seconds, are good.
    iat: i64,
    /// When it was told.
    at: DateTime<Utc>,
}

impl Default for Revocations {
    fn default() -> Self {
        Self(Arc::new(Inner {
            ended: RwLock::default(),
            answered: RwLock::default(),
            logouts: Semaphore::new(LOGOUTS_AT_ONCE),
        }))
    }
}

impl Revocations {
    /// Whether a token does not count any more.
    #[must_use]
    pub fn is_void(&self, token: &VerifiedToken) -> bool {
        let ended = self.0.ended.read().unwrap_or_else(PoisonError::into_inner);
        // Nearly always nobody has logged out lately, and nothing needs to be hashed.
        !ended.0.is_empty() && ended.holds(token)
    }

    /// Refuses a token that does not count any more.
    pub(super) fn refuse(&self, token: &VerifiedToken) -> Result<(), TokenError> {
        if self.is_void(token) {
            return Err(TokenError::Invalid("the login has ended"));
        }
        Ok(())
    }

    /// Takes in what was stored, here or by another process.
    pub fn add(&self, voids: &[VoidSession]) {
        if voids.is_empty() {
            return;
        }
        self.change(|ended| {
            for void in voids {
                ended.add(key_of(void), Void::of(void), ENDED_MAX);
            }
        });
    }

    /// Forgets what was told before a time: no token of then is good any more.
    pub fn forget(&self, before: DateTime<Utc>) {
        self.change(|ended| ended.0.retain(|_, void| void.at >= before));
    }

    /// How many ended logins are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        let ended = self.0.ended.read().unwrap_or_else(PoisonError::into_inner);
        ended.0.len()
    }

    /// Whether nothing is void.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Userinfo has answered a token of this client: it answers its tokens as long as they are good.
    pub fn userinfo_answered(&self, client: &str) {
        if self.answers(client) {
            return;
        }
        let mut answered = self.0.answered.write().unwrap_or_else(PoisonError::into_inner);
        if answered.len() < CLIENTS_MAX {
            answered.insert(client.to_owned());
        }
    }

    /// Userinfo has refused a token with 401. Where it answers tokens of its client, the token is void from now on, and with it
    /// those of the same login that were made before; elsewhere this says nothing, as some issuers want another audience at
    /// userinfo. Whether the token is void now.
    #[must_use]
    pub fn userinfo_refused(&self, token: &VerifiedToken, now: DateTime<Utc>) -> bool {
        if !self.answers(&token.client) {
            return false;
        }
        let key = match &token.session {
            Some(session) => session_key(&token.issuer, &token.client, session),
            // Nothing tells logins of the subject apart: the others are asked about themselves.
            None => token_key(token),
        };
        let void = Void {
            iat: token.issued_at,
            at: now,
        };
        self.change(|ended| ended.add(key, void, ENDED_MAX));
        true
    }

    /// A turn to look at a log-out token. Waits while there are [`LOGOUTS_AT_ONCE`]; `None` only when this ends.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.0.logouts.acquire().await.ok()
    }

    fn answers(&self, client: &str) -> bool {
        let answered = self.0.answered.read().unwrap_or_else(PoisonError::into_inner);
        answered.contains(client)
    }

    fn change(&self, change: impl FnOnce(&mut EndedLogins)) {
        change(&mut self.0.ended.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl EndedLogins {
    fn holds(&self, token: &VerifiedToken) -> bool {
        let covers = |key: Key| self.0.get(&key).is_some_and(|void| token.issued_at <= void.iat);
        let session = token.session.as_deref();
        session.is_some_and(|session| covers(session_key(&token.issuer, &token.client, session)))
            || covers(subject_key(&token.issuer, &token.client, &token.subject))
            || covers(token_key(token))
    }

    fn add(&mut self, key: Key, void: Void, max: usize) {
        if let Some(known) = self.0.get_mut(&key) {
            known.iat = known.iat.max(void.iat);
            known.at = known.at.max(void.at);
            return;
        }
        if self.0.len() >= max {
            self.make_room();
        }
        self.0.insert(key, void);
    }

    /// Forgets a part, oldest first.
    fn make_room(&mut self) {
        let mut times: Vec<_> = self.0.values().map(|void| void.at).collect();
        let part = times.len() / PART;
        let (_, limit, _) = times.select_nth_unstable(part);
        let (limit, mut left) = (*limit, part + 1);
        // Many may have ended at the same time: no more go than must.
        self.0.retain(|_, void| {
            let goes = void.at <= limit && left > 0;
            left -= usize::from(goes);
            !goes
        });
        tracing::warn!(
            logins = self.0.len(),
            "more logins have ended than can be remembered; tokens of the oldest may be good again"
        );
    }
}

impl Void {
    fn of(void: &VoidSession) -> Self {
        Self {
            iat: void.iat,
            at: void.at,
        }
    }
}

fn key_of(void: &VoidSession) -> Key {
    match &void.ended {
        Ended::Session(session) => session_key(&void.issuer, &void.client, session),
        Ended::Subject(subject) => subject_key(&void.issuer, &void.client, subject),
    }
}

fn session_key(issuer: &str, client: &str, session: &str) -> Key {
    key(&[
        b"session",
        issuer.as_bytes(),
        client.as_bytes(),
        session.as_bytes(),
    ])
}

fn subject_key(issuer: &str, client: &str, subject: &str) -> Key {
    key(&[
        b"subject",
        issuer.as_bytes(),
        client.as_bytes(),
        subject.as_bytes(),
    ])
}

/// A single token, as far as its claims tell it from others.
fn token_key(token: &VerifiedToken) -> Key {
    key(&[
        b"token",
        token.issuer.as_bytes(),
        token.client.as_bytes(),
        token.subject.as_bytes(),
        &token.issued_at.to_be_bytes(),
        &token.expires_at.timestamp().to_be_bytes(),
    ])
}

/// The lengths keep parts from running into one another.
fn key(parts: &[&[u8]]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::identity::ProfileClaims;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn token(client: &str, session: Option<&str>, issued_at: i64) -> VerifiedToken {
        VerifiedToken {
            issuer: "https://issuer".to_owned(),
            subject: "ada".to_owned(),
            client: client.to_owned(),
            session: session.map(str::to_owned),
            issued_at,
            expires_at: now() + TimeDelta::seconds(issued_at),
            roles: Vec::new(),
            profile: ProfileClaims::default(),
        }
    }

    fn void(ended: Ended, iat: i64) -> VoidSession {
        VoidSession {
            issuer: "https://issuer".to_owned(),
            client: "Frontend".to_owned(),
            ended,
            iat,
            at: now(),
        }
    }

    fn session(name: &str) -> Ended {
        Ended::Session(name.to_owned())
    }

    #[test]
    fn a_login_ends_for_its_client_and_up_to_its_time() {
        let revocations = Revocations::default();
        assert!(!revocations.is_void(&token("Frontend", Some("s"), 10)));
        revocations.add(&[void(session("s"), 10)]);
        for (client, session, issued_at, is_void) in [
            ("Frontend", Some("s"), 10, true),
            ("Frontend", Some("s"), 0, true),
            ("Frontend", Some("s"), 11, false),
            ("Frontend", Some("t"), 10, false),
            ("Frontend", None, 10, false),
            ("desktop", Some("s"), 10, false),
        ] {
            let token = token(client, session, issued_at);
            assert_eq!(
                revocations.is_void(&token),
                is_void,
                "{client} {session:?} {issued_at}"
            );
        }
        let foreign = VerifiedToken {
            issuer: "https://other".to_owned(),
            ..token("Frontend", Some("s"), 10)
        };
        assert!(!revocations.is_void(&foreign));
    }

    #[test]
    fn without_a_login_all_of_the_subject_end() {
        let revocations = Revocations::default();
        revocations.add(&[void(Ended::Subject("ada".to_owned()), 10)]);
        assert!(revocations.is_void(&token("Frontend", Some("s"), 10)));
        assert!(revocations.is_void(&token("Frontend", None, 9)));
        assert!(!revocations.is_void(&token("Frontend", None, 11)));
        let other = VerifiedToken {
            subject: "bob".to_owned(),
            ..token("Frontend", None, 9)
        };
        assert!(!revocations.is_void(&other));
    }

    #[test]
    fn an_older_notice_takes_nothing_back() {
        let revocations = Revocations::default();
        revocations.add(&[void(session("s"), 10), void(session("s"), 5)]);
        assert!(revocations.is_void(&token("Frontend", Some("s"), 10)));
        assert_eq!(revocations.len(), 1);
        revocations.forget(now());
        assert!(!revocations.is_empty());
        revocations.forget(now() + TimeDelta::seconds(1));
        assert!(revocations.is_empty());
        assert!(!revocations.is_void(&token("Frontend", Some("s"), 10)));
    }

    #[test]
    fn userinfo_speaks_of_tokens_only_where_it_has_answered() {
        let revocations = Revocations::default();
        let first = token("Frontend", Some("s"), 10);
        assert!(!revocations.userinfo_refused(&first, now()));
        assert!(!revocations.is_void(&first));
        revocations.userinfo_answered("desktop");
        assert!(!revocations.userinfo_refused(&first, now()));
        revocations.userinfo_answered("Frontend");
        assert!(revocations.userinfo_refused(&first, now()));
        assert!(revocations.is_void(&first));
        assert!(revocations.is_void(&token("Frontend", Some("s"), 9)));
        assert!(!revocations.is_void(&token("Frontend", Some("s"), 11)), "renewed");
        assert!(
            !revocations.is_void(&token("Frontend", Some("t"), 9)),
            "another login"
        );
    }

    #[test]
    fn without_a_login_userinfo_refuses_one_token() {
        let revocations = Revocations::default();
        revocations.userinfo_answered("Frontend");
        assert!(revocations.userinfo_refused(&token("Frontend", None, 10), now()));
        assert!(revocations.is_void(&token("Frontend", None, 10)));
        assert!(!revocations.is_void(&token("Frontend", None, 9)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut ended = EndedLogins::default();
        for index in 0..200_u8 {
            let at = now() + TimeDelta::seconds(index.into());
            ended.add([index; 32], Void { iat: 0, at }, 100);
        }
        assert!(ended.0.len() <= 100);
        assert!(ended.0.contains_key(&[199; 32]) && !ended.0.contains_key(&[0; 32]));
    }
}
