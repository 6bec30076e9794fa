//! Sessions: who is logged in, and which refresh token of each is the valid one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::limits::{ACCESS_LIFETIME, REFRESH_LIFETIME, REFRESH_REPEAT, SESSIONS_MAX, VOIDED_SESSIONS_MAX};
use crate::identity::limits::LEEWAY;

/// All sessions. Pure: ids and the time are arguments.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Sessions {
    live: BTreeMap<String, Session>,
    /// Ended sessions and when their last access token is over.
    voided: BTreeMap<String, DateTime<Utc>>,
}

/// One login.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Session {
    pub username: String,
    pub scope: String,
    pub logged_in_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// Id of the refresh token that is valid now.
    pub refresh_id: String,
    /// The one before, and when it was replaced.
    replaced: Option<(String, DateTime<Utc>)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionRefusal {
    /// Ended, expired or never there.
    Unknown,
    /// A refresh token that was replaced before came back: the session is void now.
    Reused,
}

impl Session {
    pub fn new(username: &str, scope: &str, refresh_id: String, now: DateTime<Utc>) -> Self {
        Self {
            username: username.to_owned(),
            scope: scope.to_owned(),
            logged_in_at: now,
            expires_at: now + REFRESH_LIFETIME,
            refresh_id,
            replaced: None,
        }
    }
}

impl Sessions {
    /// Adds a session, unless it was voided before it began (its code came twice).
    pub fn begin(&mut self, id: &str, session: Session, now: DateTime<Utc>) -> Result<(), SessionRefusal> {
        self.forget_expired(now);
        if self.is_voided(id) {
            return Err(SessionRefusal::Unknown);
        }
        if self.live.len() >= SESSIONS_MAX {
            let next = self.live.iter().min_by_key(|(_, session)| session.expires_at);
            let next = next.map(|(id, _)| id.clone());
            next.and_then(|id| self.live.remove(&id));
        }
        self.live.insert(id.to_owned(), session);
        Ok(())
    }

    /// Takes the refresh token `presented` and makes `next` the valid one. Within [`REFRESH_REPEAT`] the token before still
    /// yields the valid one: both askers end with the same successor, so the chain never forks.
    pub fn rotate(
        &mut self,
        id: &str,
        presented: &str,
        next: String,
        now: DateTime<Utc>,
    ) -> Result<Session, SessionRefusal> {
        self.forget_expired(now);
        let session = self.live.get_mut(id).ok_or(SessionRefusal::Unknown)?;
        if session.refresh_id == presented {
            session.replaced = Some((std::mem::replace(&mut session.refresh_id, next), now));
            session.expires_at = now + REFRESH_LIFETIME;
            return Ok(session.clone());
        }
        let repeated = (session.replaced.as_ref())
            .is_some_and(|(before, at)| before == presented && now < *at + REFRESH_REPEAT);
        if repeated {
            return Ok(session.clone());
        }
        self.void(id, now);
        Err(SessionRefusal::Reused)
    }

    /// Ends a session: its refresh token is gone, its access tokens are refused.
    pub fn void(&mut self, id: &str, now: DateTime<Utc>) {
        self.live.remove(id);
        if self.voided.len() >= VOIDED_SESSIONS_MAX {
            self.forget_expired(now);
        }
        if self.voided.len() < VOIDED_SESSIONS_MAX {
            self.voided.insert(id.to_owned(), now + ACCESS_LIFETIME + LEEWAY);
        }
    }

    pub fn is_voided(&self, id: &str) -> bool {
        self.voided.contains_key(id)
    }

    pub fn forget_expired(&mut self, now: DateTime<Utc>) {
        self.live.retain(|_, session| session.expires_at > now);
        self.voided.retain(|_, over_at| *over_at > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn begun() -> (Sessions, DateTime<Utc>) {
        let (mut sessions, now) = (Sessions::default(), Utc::now());
        let session = Session::new("alice", "openid", "r1".to_owned(), now);
        sessions.begin("s", session, now).expect("a new session");
        (sessions, now)
    }

    fn rotate(
        sessions: &mut Sessions,
        presented: &str,
        next: &str,
        now: DateTime<Utc>,
    ) -> Result<String, SessionRefusal> {
        let rotated = sessions.rotate("s", presented, next.to_owned(), now);
        rotated.map(|session| session.refresh_id)
    }

    #[test]
    fn a_refresh_token_is_replaced_on_use() {
        let (mut sessions, now) = begun();
        assert_eq!(rotate(&mut sessions, "r1", "r2", now), Ok("r2".to_owned()));
        assert_eq!(rotate(&mut sessions, "r2", "r3", now), Ok("r3".to_owned()));
        assert_eq!(
            rotate(&mut sessions, "r1", "r4", now),
            Err(SessionRefusal::Reused)
        );
        assert_eq!(
            rotate(&mut sessions, "r3", "r4", now),
            Err(SessionRefusal::Unknown)
        );
        assert!(sessions.is_voided("s"));
    }

    #[test]
    fn a_lost_answer_may_be_asked_for_again_shortly() {
        let (mut sessions, now) = begun();
        assert_eq!(rotate(&mut sessions, "r1", "r2", now), Ok("r2".to_owned()));
        let soon = now + REFRESH_REPEAT - TimeDelta::seconds(1);
        assert_eq!(rotate(&mut sessions, "r1", "r3", soon), Ok("r2".to_owned()));
        assert_eq!(
            rotate(&mut sessions, "r1", "r3", now + REFRESH_REPEAT),
            Err(SessionRefusal::Reused)
        );
    }

    #[test]
    fn a_session_that_nobody_uses_ends() {
        let (mut sessions, now) = begun();
        let later = now + REFRESH_LIFETIME - TimeDelta::seconds(1);
        assert_eq!(rotate(&mut sessions, "r1", "r2", later), Ok("r2".to_owned()));
        let end = later + REFRESH_LIFETIME;
        assert_eq!(
            rotate(&mut sessions, "r2", "r3", end),
            Err(SessionRefusal::Unknown)
        );
    }

    #[test]
    fn a_voided_session_is_remembered_while_its_access_tokens_live() {
        let (mut sessions, now) = begun();
        sessions.void("s", now);
        sessions.forget_expired(now + ACCESS_LIFETIME);
        assert!(sessions.is_voided("s"));
        let again = Session::new("alice", "openid", "r".to_owned(), now);
        assert_eq!(sessions.begin("s", again, now), Err(SessionRefusal::Unknown));
        sessions.forget_expired(now + ACCESS_LIFETIME + LEEWAY);
        assert!(!sessions.is_voided("s"));
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let (mut sessions, now) = (Sessions::default(), Utc::now());
        for index in 0..=i32::try_from(SESSIONS_MAX).expect("fits") {
            let at = now + TimeDelta::milliseconds(index.into());
            let session = Session::new("alice", "openid", "r".to_owned(), at);
            sessions.live.insert(index.to_string(), session);
        }
        let session = Session::new("alice", "openid", "r".to_owned(), now);
        sessions.begin("last", session, now).expect("a new session");
        assert!(sessions.live.contains_key("last"));
        assert!(!sessions.live.contains_key("0"), "the one next to expire goes");
    }
}
