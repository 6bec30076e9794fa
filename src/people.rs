//! People whom the identity provider knows, as somebody of a tenant may see them: those of the same tenant who never were
//! here.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use chrono::{DateTime, Utc};
use thiserror::Error;
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::Config,
    email_address::compared,
    identity::directory::{Directory, Found, NoAnswer, Person},
    store::{
        Db, StoreError,
        event_invites::Names,
        tenants::{self, DEFAULT_TENANT, Outline},
        users::{self, Profile},
    },
};

/// Searches of one user in a second that the directory is asked about.
pub const SEARCHES_PER_SECOND_MAX: u32 = 5;

/// What this server knows of people by its identity provider. Clones are one.
#[derive(Debug, Clone)]
pub struct People(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: Directory,
    clock: Clock,
    searches: Mutex<Searches>,
    /// The log says that the directory tells no tenants.
    has_told_of_tenants: AtomicBool,
    /// The log says that there are users of whom nobody says whether their addresses are theirs.
    has_told_of_addresses: AtomicBool,
}

/// How often who has searched in this second.
#[derive(Debug, Default)]
struct Searches {
    /// Unix time.
    second: i64,
    by_user: HashMap<Uuid, u32>,
}

/// What somebody looks for.
#[derive(Debug, Clone, Copy)]
pub enum Search<'a> {
    Words(&'a str),
    /// A whole address.
    Address(&'a str),
}

/// An account at the provider, of the tenant that asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// None of who has been here already, whatever became of that.
    pub names: Option<Names>,
}

/// Why it is not known whether the provider knows somebody.
#[derive(Debug, Error)]
pub enum LookupError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

impl People {
    /// # Errors
    /// When no HTTP client can be made: without certificates of the system, for example.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, reqwest::Error> {
        Ok(Self(Arc::new(Inner {
            directory: Directory::new(&config.oidc, &config.outgoing, clock.clone())?,
            clock,
            searches: Mutex::default(),
            has_told_of_tenants: AtomicBool::new(false),
            has_told_of_addresses: AtomicBool::new(false),
        })))
    }

    /// Whether the provider can be asked for people at all.
    #[must_use]
    pub fn has_directory(&self) -> bool {
        self.0.directory.is_configured()
    }

    /// Whom the provider finds in `tenant` for `searcher` besides those who were `found` here; at most `limit`. Nobody where it
    /// is not to be asked, or does not answer: a search goes on without it.
    pub async fn unregistered(
        &self,
        db: &Db,
        (searcher, tenant): (Uuid, Uuid),
        search: Search<'_>,
        found: &[Profile],
        limit: usize,
    ) -> Result<Vec<Person>, StoreError> {
        let inner = &self.0;
        if limit == 0 || !self.has_directory() || !self.may_search(searcher) {
            return Ok(Vec::new());
        }
        let answer = match search {
            Search::Words(text) => inner.directory.matching(text).await,
            Search::Address(email) => inner.directory.at_address(email).await,
        };
        let Ok(Some(answer)) = answer else {
            return Ok(Vec::new());
        };
        let people = self.of_tenant(db, tenant, &answer).await?;
        let known = known(db, tenant, &answer.issuer, &people).await?;
        let mut addresses = known.addresses;
        addresses.extend(found.iter().map(|profile| compared(profile.known_email())));
        let strangers = people
            .into_iter()
            .filter(|person| !known.subjects.contains(&person.subject))
            // Also the second account with an address.
            .filter(|person| addresses.insert(compared(&person.email)));
        Ok(strangers.take(limit).cloned().collect())
    }

    /// The account that the provider has for a folded address in this tenant, if it has one.
    pub async fn account_at(
        &self,
        db: &Db,
        tenant: Uuid,
        email: &str,
    ) -> Result<Option<Account>, LookupError> {
        let Some(answer) = self.0.directory.at_address_in_turn(email).await? else {
            return Ok(None);
        };
        let people = self.of_tenant(db, tenant, &answer).await?;
        let Some(person) = people.first() else {
            return Ok(None);
        };
        let known = known(db, tenant, &answer.issuer, &people[..1]).await?;
        let is_stranger = !known.subjects.contains(&person.subject);
        let names = is_stranger.then(|| Names {
            firstname: person.firstname.clone(),
            lastname: person.lastname.clone(),
        });
        Ok(Some(Account { names }))
    }

    /// Says once that the address of a user was invited instead of the user.
    pub fn tell_of_unverified_address(&self) {
        if !self.0.has_told_of_addresses.swap(true, Relaxed) {
            tracing::warn!(
                "somebody was invited by the address of a user for which the identity provider does not vouch: that made an \
                 invitation by e-mail, not one of the user; see oidc.email_verified and the claim email_verified"
            );
        }
    }

    fn may_search(&self, user: Uuid) -> bool {
        let searches = self.0.searches.lock();
        let mut searches = searches.unwrap_or_else(PoisonError::into_inner);
        searches.take(user, self.0.clock.now())
    }

    /// Those of an answer who are of this tenant. Nobody, with one line in the log, while there are several tenants and the
    /// directory has not told of anybody of which one it is.
    async fn of_tenant<'a>(
        &self,
        db: &Db,
        tenant: Uuid,
        answer: &'a Found,
    ) -> Result<Vec<&'a Person>, StoreError> {
        let Some(outline) = tenants::outline(db, tenant).await? else {
            return Ok(Vec::new());
        };
        if outline.tenants > 1 && !self.0.directory.tells_tenants() {
            if !answer.people.is_empty() && !self.0.has_told_of_tenants.swap(true, Relaxed) {
                tracing::warn!(
                    "the identity provider's directory says of nobody of which tenant it is, and there are several here: nobody \
                     is shown from there; see oidc.user_search.tenant_attribute"
                );
            }
            return Ok(Vec::new());
        }
        let people = answer.people.iter();
        Ok(people.filter(|person| is_of(person, tenant, &outline)).collect())
    }
}

impl Searches {
    /// Counts a search; whether it is not one too many.
    fn take(&mut self, user: Uuid, now: DateTime<Utc>) -> bool {
        if self.second != now.timestamp() {
            self.second = now.timestamp();
            self.by_user.clear();
        }
        let count = self.by_user.entry(user).or_default();
        *count = count.saturating_add(1);
        *count <= SEARCHES_PER_SECOND_MAX
    }
}

fn is_of(person: &Person, tenant: Uuid, outline: &Outline) -> bool {
    match &person.tenant {
        Some(name) => outline.external_id.as_ref() == Some(name),
        None => tenant == DEFAULT_TENANT,
    }
}

/// Who of these people is known here.
async fn known(db: &Db, tenant: Uuid, issuer: &str, people: &[&Person]) -> Result<users::Known, StoreError> {
    let folded: Vec<_> = people.iter().map(|person| compared(&person.email)).collect();
    let subjects = people.iter().map(|person| person.subject.as_str());
    let pairs: Vec<_> = subjects.zip(folded.iter().map(String::as_str)).collect();
    users::known(db, tenant, issuer, &pairs).await
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_user_searches_five_times_a_second() {
        let (mut searches, now) = (Searches::default(), DateTime::UNIX_EPOCH);
        let (ada, bea) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for _ in 0..5 {
            assert!(searches.take(ada, now));
        }
        assert!(!searches.take(ada, now + TimeDelta::milliseconds(999)));
        assert!(searches.take(bea, now), "somebody else");
        assert!(searches.take(ada, now + TimeDelta::seconds(1)));
        assert_eq!(searches.by_user.len(), 1, "who is not in a hurry is forgotten");
        assert!(searches.take(ada, now), "the clock was set back");
    }
}
