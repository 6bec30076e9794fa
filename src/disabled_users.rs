//! Who is locked out, known to a running server without asking the database. The command line writes it there, in a
//! process of its own; this server looks every few seconds.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use colloquy_actors::live::Live;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::{
    Db, StoreError,
    disabled_subjects::{self, DisabledSubject},
    users::{self, DisabledUser},
};

/// Between two looks: with the look itself, and one that fails, well below the ten seconds that operators are promised.
const INTERVAL: Duration = Duration::from_secs(3);

/// The users and services that are disabled, as the database last said. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct DisabledUsers {
    known: Arc<RwLock<Arc<Known>>>,
    /// Names that the issuer had. Until what is stored under them is the present one's, whoever was locked out under one is.
    former: Arc<[String]>,
}

#[derive(Debug, Default)]
struct Known {
    ids: HashSet<Uuid>,
    /// Subjects by issuer without a slash at its end: a token may be the first that this server sees of a user, and services
    /// have nothing else.
    subjects: HashMap<String, HashSet<String>>,
}

impl Known {
    fn new(users: Vec<DisabledUser>, services: Vec<DisabledSubject>) -> Self {
        let mut known = Self::default();
        for user in users {
            known.ids.insert(user.id);
            known.add(&user.issuer, user.subject);
        }
        for service in services {
            known.add(&service.issuer, service.subject);
        }
        known
    }

    fn add(&mut self, issuer: &str, subject: String) {
        self.subjects
            .entry(plain(issuer).to_owned())
            .or_default()
            .insert(subject);
    }
}

/// The name of an issuer, which may stand with a slash at its end.
fn plain(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

impl DisabledUsers {
    /// Those who are disabled when the server starts: nobody is let in before this is known.
    pub async fn load(db: &Db, former_issuers: &[String]) -> Result<Self, StoreError> {
        let this = Self {
            former: former_issuers.iter().map(|name| plain(name).to_owned()).collect(),
            ..Self::default()
        };
        this.look(db).await?;
        Ok(this)
    }

    /// Whether the user with this id is disabled.
    #[must_use]
    pub fn has(&self, user: Uuid) -> bool {
        self.known().ids.contains(&user)
    }

    /// Whether the user or service that this issuer calls `subject` is disabled.
    #[must_use]
    pub fn has_subject(&self, issuer: &str, subject: &str) -> bool {
        let known = self.known();
        let names = std::iter::once(plain(issuer)).chain(self.former.iter().map(String::as_str));
        let mut subjects = names.filter_map(|name| known.subjects.get(name));
        subjects.any(|subjects| subjects.contains(subject))
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the database; the answer has those who were not disabled at the last look. An error leaves all as it was.
    pub async fn look(&self, db: &Db) -> Result<Vec<Uuid>, StoreError> {
        let services = disabled_subjects::all(db).await?;
        let now = Known::new(users::all_disabled(db).await?, services);
        let before = self.known();
        let new = now.ids.difference(&before.ids).copied().collect();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
        Ok(new)
    }

    /// Looks until the stop, and tells the living rooms of those who were disabled. While the database is away, what was known
    /// last holds.
    pub async fn watch(self, db: Db, live: Live, stop: CancellationToken) {
        let mut looks = interval(INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_blind = false;
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let Some(looked) = stop.run_until_cancelled(self.look(&db)).await else {
                return;
            };
            let was_blind = std::mem::replace(&mut is_blind, looked.is_err());
            match looked {
                Ok(new) => shut_out(&new, &live),
                Err(error) if !was_blind => {
                    tracing::warn!(%error, "the database can't say who is disabled; what it said last holds");
                }
                Err(_) => {}
            }
        }
    }
}

/// Ends what the users have going on. The log does not say who they are: whoever disabled them knows.
fn shut_out(users: &[Uuid], live: &Live) {
    if !users.is_empty() {
        tracing::info!(users = users.len(), "disabled: sessions end, tokens are void");
    }
    for user in users {
        live.user_disabled((*user).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_known_by_id_and_by_what_their_issuer_calls_them() {
        let user = |subject: &str, issuer: &str| DisabledUser {
            id: Uuid::from_u128(7),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        };
        let disabled = DisabledUsers {
            former: Arc::new(["d".to_owned()]),
            ..DisabledUsers::default()
        };
        assert!(!disabled.has(Uuid::from_u128(7)) && !disabled.has_subject("a", "ada"));
        *disabled.known.write().unwrap() = Arc::new(Known::new(
            vec![user("ada", "a"), user("bob", "b/"), user("cleo", "d/")],
            vec![DisabledSubject {
                issuer: "a".to_owned(),
                subject: "gateway".to_owned(),
                at: chrono::DateTime::UNIX_EPOCH,
            }],
        ));
        assert!(disabled.has(Uuid::from_u128(7)) && !disabled.has(Uuid::from_u128(8)));
        for (issuer, subject, is_disabled) in [
            ("a", "ada", true),
            ("b", "bob", true),
            ("a/", "gateway", true),
            ("b", "gateway", false),
            ("a", "bob", false),
            ("c", "ada", false),
            ("c", "cleo", true),
            ("a", "cleo", true),
        ] {
            assert_eq!(
                disabled.has_subject(issuer, subject),
                is_disabled,
                "{issuer} {subject}"
            );
        }
    }
}
