//! One log-in at the issuer: what userinfo said about it, and when it is asked again.

use std::sync::{
    Arc, Mutex, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use dashmap::DashMap;
use tokio::sync::watch;

use super::queue::{Queue, Turn, Urgency};
use crate::identity::{
    ProfileClaims, VerifiedToken,
    limits::{LOGINS_MAX, USERINFO_CROWDED_SECS, USERINFO_RETRY_SECS},
};

/// The last good answer.
#[derive(Debug)]
pub(in crate::identity) struct Answer {
    /// Counts the good answers of a login.
    pub version: u64,
    pub subject: String,
    pub profile: ProfileClaims,
    /// Unix seconds.
    pub at: i64,
}

/// A log-in by way of one client: userinfo answers by the client of the token.
#[derive(Debug)]
pub(in crate::identity) struct Login {
    /// Unix seconds when the last question was over, and before which there is no other one.
    asked_at: AtomicI64,
    next_at: AtomicI64,
    /// That of the answer; 0 while there is none.
    version: AtomicU64,
    answer: RwLock<Option<Arc<Answer>>>,
    is_refused: AtomicBool,
    asking: Mutex<Option<Asking>>,
}

/// A question that is under way or was.
#[derive(Debug)]
struct Asking {
    ticket: u64,
    over: Over,
}

/// The end of a question.
#[derive(Debug, Clone)]
pub(in crate::identity) struct Over(watch::Receiver<()>);

/// Held by whoever asks, until the answer is kept.
#[derive(Debug)]
pub(in crate::identity) struct Under(watch::Sender<()>);

/// What came of the wish to ask.
#[derive(Debug)]
pub(in crate::identity) enum Start {
    /// A question is under way.
    Running(Over),
    /// It is for the caller to ask.
    Begun { turn: Turn, under: Under, over: Over },
    /// There was one a short time ago, or too many wait.
    Not,
}

impl Over {
    fn pair() -> (Under, Self) {
        let (sender, receiver) = watch::channel(());
        (Under(sender), Self(receiver))
    }

    /// Waits for it.
    pub async fn come(&mut self) {
        // Nothing is ever sent: the end of the sender is the message.
        while self.0.changed().await.is_ok() {}
    }

    fn is_here(&self) -> bool {
        self.0.has_changed().is_err()
    }
}

impl Under {
    /// Whoever waits may look at what came of it.
    pub fn end(self) {
        drop(self.0);
    }
}

impl Default for Login {
    fn default() -> Self {
        Self {
            asked_at: AtomicI64::new(i64::MIN),
            next_at: AtomicI64::new(i64::MIN),
            version: AtomicU64::new(0),
            answer: RwLock::default(),
            is_refused: AtomicBool::new(false),
            asking: Mutex::default(),
        }
    }
}

impl Login {
    /// Whether it is time to ask; costs nothing.
    pub fn is_due(&self, now: i64) -> bool {
        now >= self.next_at.load(Ordering::Relaxed)
    }

    /// Takes part in the question that is under way, or begins one if it is time.
    pub fn start(&self, now: i64, urgency: Urgency, queue: &Queue) -> Start {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = asking.as_ref().filter(|asking| !asking.over.is_here()) {
            if urgency == Urgency::Awaited {
                queue.hurry(running.ticket);
            }
            return Start::Running(running.over.clone());
        }
        // Whoever needs an answer does not wait until it is time, but asks no faster than clients are told to.
        let is_time = match urgency {
            Urgency::Beside => self.is_due(now),
            Urgency::Awaited => {
                now >= self
                    .asked_at
                    .load(Ordering::Relaxed)
                    .saturating_add(USERINFO_RETRY_SECS)
            }
        };
        if !is_time {
            return Start::Not;
        }
        let Some(turn) = queue.enter(urgency) else {
            if urgency == Urgency::Beside {
                let next_at = now.saturating_add(USERINFO_CROWDED_SECS);
                self.next_at.store(next_at, Ordering::Relaxed);
            }
            return Start::Not;
        };
        let (under, over) = Over::pair();
        *asking = Some(Asking {
            ticket: turn.ticket,
            over: over.clone(),
        });
        Start::Begun { turn, under, over }
    }

    /// Keeps a good answer.
    pub fn keep(&self, subject: String, profile: ProfileClaims, now: i64) {
        let mut answer = self.answer.write().unwrap_or_else(PoisonError::into_inner);
        let version = self.version.load(Ordering::Relaxed) + 1;
        *answer = Some(Arc::new(Answer {
            version,
            subject,
            profile,
            at: now,
        }));
        self.version.store(version, Ordering::Release);
        self.is_refused.store(false, Ordering::Relaxed);
    }

    /// Notes that the issuer refused the token.
    pub fn note_refusal(&self) {
        self.is_refused.store(true, Ordering::Relaxed);
    }

    /// Whether the last answer was a refusal.
    pub fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    /// A question is over; the next one waits this long.
    pub fn rest(&self, now: i64, secs: i64) {
        self.asked_at.store(now, Ordering::Relaxed);
        self.next_at.store(now.saturating_add(secs), Ordering::Relaxed);
    }

    /// The number of the last good answer.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn answer(&self) -> Option<Arc<Answer>> {
        self.answer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Logins by client and session; without a session by client and subject, without a subject by the token itself.
#[derive(Debug, Default)]
pub(in crate::identity) struct Logins(DashMap<(String, Which), Arc<Login>>);

#[derive(Debug, PartialEq, Eq, Hash)]
enum Which {
    Session(String),
    Subject(String),
}

impl Logins {
    /// The login of a token. One that can't be told from others is kept with its token only.
    pub fn of(&self, token: &VerifiedToken) -> Arc<Login> {
        let which = match &token.session {
            Some(session) => Which::Session(session.clone()),
            None if token.subject.is_empty() => return Arc::default(),
            None => Which::Subject(token.subject.clone()),
        };
        if self.0.len() >= LOGINS_MAX {
            self.make_room();
        }
        let login = self.0.entry((token.client.clone(), which)).or_default();
        Arc::clone(&login)
    }

    /// Forgets logins of which no token is known any more; if that is not enough, all: they are asked about anew.
    fn make_room(&self) {
        self.0.retain(|_, login| Arc::strong_count(login) > 1);
        if self.0.len() >= LOGINS_MAX {
            self.0.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_question_at_a_time_and_the_next_after_the_rest() {
        let (login, queue) = (Login::default(), Queue::default());
        let Start::Begun {
            turn,
            under,
            mut over,
        } = login.start(0, Urgency::Beside, &queue)
        else {
            panic!("the first question");
        };
        assert!(matches!(
            login.start(0, Urgency::Awaited, &queue),
            Start::Running(_)
        ));
        let place = turn.come().await.expect("a place");
        login.keep("s".to_owned(), ProfileClaims::default(), 1);
        login.rest(1, 300);
        under.end();
        drop(place);
        over.come().await;
        assert_eq!(
            (login.version(), login.answer().map(|answer| answer.at)),
            (1, Some(1))
        );
        assert!(matches!(login.start(300, Urgency::Beside, &queue), Start::Not));
        assert!(login.is_due(301));
        assert!(matches!(login.start(5, Urgency::Awaited, &queue), Start::Not));
        assert!(matches!(
            login.start(6, Urgency::Awaited, &queue),
            Start::Begun { .. }
        ));
    }

    #[test]
    fn a_task_that_breaks_off_ends_its_question() {
        let (login, queue) = (Login::default(), Queue::default());
        drop(login.start(0, Urgency::Beside, &queue));
        assert!(matches!(
            login.start(0, Urgency::Beside, &queue),
            Start::Begun { .. }
        ));
    }
}
