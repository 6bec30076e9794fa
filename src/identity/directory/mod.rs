//! The identity provider's own directory of people: who has an account there, whether or not they were ever here.
//!
//! It is asked sparingly. Four questions at a time, three seconds each, and an answer is good for half a minute; while the
//! provider fails, nobody asks for some seconds. Whoever looks for people goes on without it then.

mod admin_api;
mod answers;
mod person;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;
use tokio::{sync::Semaphore, time::timeout};

pub use self::person::Person;
use self::{admin_api::AdminApi, answers::Answers};
use crate::{
    clock::Clock,
    config::{Oidc, Outgoing},
    email_address::compared,
    text::composed,
};

/// Questions at the same time.
pub const QUESTIONS_MAX: usize = 4;

/// For one question, logging in there included. Whoever waits for its turn does so for as long at the most.
pub const QUESTION_SECS_MAX: u64 = 3;

/// After a failure nobody asks for so long, in seconds: clients come again then (`Retry-After`).
pub const PAUSE_SECS: u64 = 5;

/// Fewer characters would find nearly everybody.
const WORDS_CHARS_MIN: usize = 3;

/// The directory, if one is configured. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Directory(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    api: AdminApi,
    clock: Clock,
    places: Semaphore,
    answers: Mutex<Answers>,
    condition: Mutex<Condition>,
    /// Whether somebody had the attribute that names tenants, since the start.
    has_seen_tenants: AtomicBool,
}

/// How it goes.
#[derive(Debug, Default)]
struct Condition {
    /// The last question failed, and the log says so.
    is_failing: bool,
    /// Nobody asks before this time.
    paused_until: Option<DateTime<Utc>>,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Question {
    /// A part of names or address, folded, as the provider understands it.
    Words(String),
    /// A whole folded address.
    Address(String),
}

/// What the directory knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whose subjects they are.
    pub issuer: String,
    /// In the order of the directory.
    pub people: Vec<Person>,
}

/// Why there is no answer. Neither says anything about who was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoAnswer {
    #[error("the directory is asked as often as it may be")]
    Busy,
    #[error("the directory can't be asked at the moment")]
    Away,
}

/// Who is in a hurry goes on without an answer as soon as others are asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    AtOnce,
    InTurn,
}

impl Directory {
    /// # Errors
    /// When no HTTP client can be made: without certificates of the system, for example.
    pub fn new(oidc: &Oidc, outgoing: &Outgoing, clock: Clock) -> Result<Self, reqwest::Error> {
        let Some(api) = AdminApi::new(oidc, outgoing, clock.clone())? else {
            return Ok(Self(None));
        };
        Ok(Self(Some(Arc::new(Inner {
            api,
            clock,
            places: Semaphore::new(QUESTIONS_MAX),
            answers: Mutex::default(),
            condition: Mutex::default(),
            has_seen_tenants: AtomicBool::new(false),
        }))))
    }

    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it can be told of which tenant people are: somebody had the attribute, or there is none.
    #[must_use]
    pub fn tells_tenants(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| {
            inner.has_seen_tenants.load(Relaxed) || inner.api.tenant_attribute().is_empty()
        })
    }

    /// People in whose names or address `text` stands (3 characters at least, or nobody is found); 100 at most. Asked at
    /// once or not at all.
    pub async fn matching(&self, text: &str) -> Result<Option<Arc<Found>>, NoAnswer> {
        match Question::words(text) {
            Some(question) => self.ask(question, Haste::AtOnce).await,
            None => Ok(None),
        }
    }

    /// People with exactly this address, whatever its case. Asked at once or not at all.
    pub async fn at_address(&self, email: &str) -> Result<Option<Arc<Found>>, NoAnswer> {
        match Question::address(email) {
            Some(question) => self.ask(question, Haste::AtOnce).await,
            None => Ok(None),
        }
    }

    /// The same for whoever has time to wait for its turn, three seconds at the most.
    pub async fn at_address_in_turn(&self, email: &str) -> Result<Option<Arc<Found>>, NoAnswer> {
        match Question::address(email) {
            Some(question) => self.ask(question, Haste::InTurn).await,
            None => Ok(None),
        }
    }

    async fn ask(&self, question: Question, haste: Haste) -> Result<Option<Arc<Found>>, NoAnswer> {
        match &self.0 {
            Some(inner) => inner.answer(question, haste).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Question {
    /// `*` and `"` mean something to the provider, and are in nobody's name. Whether marks count is its affair.
    fn words(text: &str) -> Option<Self> {
        let folded = composed(text.to_owned()).to_lowercase().replace(['*', '"'], "");
        let words: Vec<_> = folded.split_whitespace().collect();
        let words = words.join(" ");
        (words.chars().count() >= WORDS_CHARS_MIN).then_some(Self::Words(words))
    }

    fn address(text: &str) -> Option<Self> {
        text.contains('@').then(|| Self::Address(compared(text)))
    }

    /// Whether this person can be an answer. What the provider compares with words is its affair.
    fn is_about(&self, person: &Person) -> bool {
        match self {
            Self::Words(_) => true,
            Self::Address(email) => compared(&person.email) == *email,
        }
    }
}

impl Inner {
    async fn answer(&self, question: Question, haste: Haste) -> Result<Arc<Found>, NoAnswer> {
        if let Some(known) = self.answers().get(&question, self.clock.now()) {
            return Ok(known);
        }
        if self.is_paused() {
            return Err(NoAnswer::Away);
        }
        let limit = Duration::from_secs(QUESTION_SECS_MAX);
        let place = match haste {
            Haste::AtOnce => self.places.try_acquire().ok(),
            Haste::InTurn => timeout(limit, self.places.acquire())
                .await
                .ok()
                .and_then(Result::ok),
        };
        let Some(_place) = place else {
            return Err(NoAnswer::Busy);
        };
        // Somebody may have asked the same, or failed, before there was a place.
        if let Some(known) = self.answers().get(&question, self.clock.now()) {
            return Ok(known);
        }
        if self.is_paused() {
            return Err(NoAnswer::Away);
        }
        // Boxed: what is rare must not make the future of every request a large one.
        match timeout(limit, Box::pin(self.api.ask(&question))).await {
            Ok(Ok(found)) => Ok(self.learn(question, found)),
            Ok(Err(error)) => {
                self.failed(&error, error.is_lasting());
                Err(NoAnswer::Away)
            }
            Err(late) => {
                self.failed(&late, true);
                Err(NoAnswer::Away)
            }
        }
    }

    fn learn(&self, question: Question, found: Found) -> Arc<Found> {
        if found.people.iter().any(|person| person.tenant.is_some()) {
            self.has_seen_tenants.store(true, Relaxed);
        }
        let before = std::mem::take(&mut *self.condition());
        if before.is_failing {
            tracing::info!("the identity provider's directory of people answers again");
        }
        let found = Arc::new(found);
        self.answers()
            .insert(question, Arc::clone(&found), self.clock.now());
        found
    }

    /// One line for failures in a row.
    fn failed(&self, error: &(dyn std::error::Error + 'static), pauses: bool) {
        let mut condition = self.condition();
        if pauses {
            condition.paused_until = Some(self.clock.now() + pause());
        }
        let was_failing = std::mem::replace(&mut condition.is_failing, true);
        drop(condition);
        if !was_failing {
            tracing::warn!(
                error,
                "the identity provider's directory of people can't be asked (oidc.user_search); people are looked for \
                 in the database only"
            );
        }
    }

    fn is_paused(&self) -> bool {
        let now = self.clock.now();
        // A clock that was set back ends a pause.
        let lasts = |until: DateTime<Utc>| now < until && until <= now + pause();
        self.condition().paused_until.is_some_and(lasts)
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pause() -> TimeDelta {
    TimeDelta::seconds(PAUSE_SECS.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<String> {
        match Question::words(text)? {
            Question::Words(words) => Some(words),
            Question::Address(_) => None,
        }
    }

    #[test]
    fn signs_of_the_provider_are_taken_out() {
        for (text, expected) in [
            ("Ada", Some("ada")),
            ("  Ada \t LOVE*lace ", Some("ada lovelace")),
            ("\"ada\"", Some("ada")),
            ("***", None),
            ("*a*b*", None),
            ("\"\"\" a \"", None),
            ("üöä", Some("üöä")),
        ] {
            assert_eq!(words(text).as_deref(), expected, "{text}");
        }
        assert_eq!(Question::address("ada"), None);
        assert_eq!(
            Question::address("Ada@Example.org"),
            Some(Question::Address("ada@example.org".to_owned()))
        );
    }

    #[tokio::test]
    async fn without_a_directory_nobody_is_known() {
        let directory = Directory::new(&Oidc::default(), &Outgoing::default(), Clock::system());
        let directory = directory.expect("nothing to make");
        assert!(!directory.is_configured() && !directory.tells_tenants());
        assert_eq!(directory.matching("ada").await, Ok(None));
        assert_eq!(directory.at_address("ada@example.org").await, Ok(None));
        assert_eq!(directory.at_address_in_turn("ada@example.org").await, Ok(None));
    }
}
