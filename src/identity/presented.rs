//! A verified token in the hands of a request, and the questions to userinfo that it gives rise to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::timeout;

use super::{
    TokenError, VerifiedToken, Verifier, claims,
    jwks::RemoteIssuer,
    limits::USERINFO_NEED_MAX,
    rules,
    token_cache::CachedToken,
    userinfo::{self, Outcome, Over, Start, Turn, Under, Urgency},
    verifier::{Inner, Issuer},
};

/// Between two warnings that userinfo can't be had, in seconds.
const WARNING_INTERVAL_SECS: i64 = 60;

/// A verified token as a request brought it.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The token together with what userinfo has said so far.
    pub token: Arc<VerifiedToken>,
    /// Which answer of userinfo that is.
    version: u64,
    cached: Arc<CachedToken>,
    /// What was presented, while nobody has looked at what it says: it may be needed for a question.
    text: Option<Arc<str>>,
    question: Option<Question>,
}

/// A question to userinfo that is under way.
#[derive(Debug, Clone)]
pub struct Question(Over);

/// What it means that a token, with what userinfo has said so far, lacks a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The issuer says nothing there.
    Known,
    /// Userinfo could not be had: it may know more.
    Unknown,
    /// Userinfo may not be asked with this token.
    OutOfScope,
    /// Userinfo is never asked: absence says nothing.
    NeverSaid,
}

impl Question {
    /// Waits until it is answered or given up.
    pub async fn over(mut self) {
        self.0.come().await;
    }
}

impl Presented {
    /// The question that this request began, if it did.
    pub fn take_question(&mut self) -> Option<Question> {
        self.question.take()
    }

    /// Whether what is said here has not been compared with the user's row yet.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.cached.has_news(self.version)
    }

    /// Whether userinfo has said nothing since.
    #[must_use]
    pub fn is_newest(&self) -> bool {
        self.cached.known().version == self.version
    }

    /// What is said here is in the user's row now, or does not belong there.
    pub fn note_compared(&self) {
        self.cached.note_compared(self.version);
    }

    /// The same with what userinfo has said meanwhile.
    #[must_use]
    pub fn refreshed(&self) -> Self {
        let known = self.cached.known();
        Self {
            token: known.token.unwrap_or_else(|| Arc::clone(&self.token)),
            version: known.version,
            cached: Arc::clone(&self.cached),
            text: self.text.clone(),
            question: None,
        }
    }
}

impl Verifier {
    /// A token of a known person; userinfo is asked beside where it is time.
    pub(super) fn presented(
        &self,
        cached: Arc<CachedToken>,
        (token, version): (Arc<VerifiedToken>, u64),
        text: &str,
        now: DateTime<Utc>,
    ) -> Presented {
        let is_due = |cached: &CachedToken| {
            let login = cached.login.as_ref();
            login.is_some_and(|login| login.is_due(now.timestamp()))
        };
        let question = is_due(&cached)
            .then(|| self.start(&cached, text, Urgency::Beside))
            .flatten();
        let is_first = cached.login.is_some() && cached.is_unseen();
        Presented {
            version,
            token,
            text: is_first.then(|| text.into()),
            question: question
                .filter(|(_, is_mine)| *is_mine)
                .map(|(over, _)| Question(over)),
            cached,
        }
    }

    /// Waits for userinfo to say whom a token speaks for.
    pub(super) async fn wait_for_subject(
        &self,
        cached: Arc<CachedToken>,
        text: &str,
    ) -> Result<Presented, TokenError> {
        self.wait(&cached, text, USERINFO_NEED_MAX).await;
        let known = cached.known();
        match known.token {
            Some(token) => Ok(self.presented(cached, (token, known.version), text, self.0.clock.now())),
            None if cached.verified.expires_at <= self.0.clock.now() => Err(TokenError::Expired),
            None if cached.login.as_ref().is_some_and(|login| login.is_refused()) => Err(rules::NO_SUBJECT),
            None => Err(TokenError::Unavailable),
        }
    }

    /// Waits for what userinfo says of somebody new, if it has not answered yet.
    pub async fn hear(&self, presented: &Presented, time_max: Duration) -> Presented {
        if presented.token.profile.userinfo_at.is_none()
            && let Some(text) = &presented.text
        {
            self.wait(&presented.cached, text, time_max).await;
        }
        presented.refreshed()
    }

    /// What it means that `presented` lacks a claim.
    #[must_use]
    pub fn absence(&self, presented: &Presented) -> Absence {
        let is_ever_asked = match &self.0.issuer {
            Issuer::Local(_) => false,
            Issuer::Remote(issuer) => self.0.settings.userinfo && issuer.userinfo_endpoint().is_some(),
        };
        if presented.token.profile.userinfo_at.is_some() {
            Absence::Known
        } else if !is_ever_asked {
            Absence::NeverSaid
        } else if presented.cached.login.is_none() {
            Absence::OutOfScope
        } else {
            Absence::Unknown
        }
    }

    async fn wait(&self, cached: &Arc<CachedToken>, text: &str, time_max: Duration) {
        if let Some((mut over, _)) = self.start(cached, text, Urgency::Awaited) {
            // Whoever waits in vain goes on with what is known.
            let _ = timeout(time_max, over.come()).await;
        }
    }

    /// Takes part in the question about a token's login, or begins it; whether it was begun here. It runs in a task of its
    /// own: a caller that goes away must not take the answer from the others.
    fn start(&self, cached: &Arc<CachedToken>, text: &str, urgency: Urgency) -> Option<(Over, bool)> {
        let Issuer::Remote(issuer) = &self.0.issuer else {
            return None;
        };
        issuer.userinfo_endpoint()?;
        let now = self.0.clock.now().timestamp();
        match cached.login.as_ref()?.start(now, urgency, &self.0.questions) {
            Start::Running(over) => Some((over, false)),
            Start::Not => None,
            Start::Begun { turn, under, over } => {
                let (inner, issuer) = (Arc::clone(&self.0), Arc::clone(issuer));
                let (cached, text) = (Arc::clone(cached), text.to_owned());
                tokio::spawn(async move { inner.question(&issuer, &cached, &text, (turn, under)).await });
                Some((over, true))
            }
        }
    }
}

impl Inner {
    async fn question(
        &self,
        issuer: &RemoteIssuer,
        cached: &CachedToken,
        text: &str,
        (turn, under): (Turn, Under),
    ) {
        let Some(place) = turn.come().await else { return };
        // What expired in the line would be refused for that alone; the next token of the login is asked about.
        if cached.verified.expires_at > self.clock.now()
            && let Some(endpoint) = issuer.userinfo_endpoint()
        {
            let outcome = userinfo::ask(issuer.http(), endpoint, text).await;
            self.heard(cached, outcome);
        }
        drop(place);
        under.end();
    }

    /// The one place where the outcomes of all questions meet.
    fn heard(&self, cached: &CachedToken, outcome: Outcome) {
        let Some(login) = &cached.login else { return };
        let at = self.clock.now();
        let now = at.timestamp();
        match outcome {
            Outcome::Answered(claims) => {
                self.revocations.userinfo_answered(&cached.verified.client);
                match rules::subject(&claims) {
                    Ok(Some(subject)) if cached.may_be_of(&subject) => {
                        login.keep(subject, claims::profile(&claims, &self.settings.claims), now);
                    }
                    _ => tracing::warn!("userinfo answered about another subject; ignoring it"),
                }
            }
            Outcome::Refused => {
                let is_void = self.revocations.userinfo_refused(&cached.verified, at);
                tracing::debug!(is_void, "userinfo refuses a token");
                login.note_refusal();
            }
            Outcome::Failed(error) => self.userinfo_warning.tell(now, &error),
        }
        login.rest(now, pause_secs(self.settings.userinfo_secs));
    }
}

/// Spread by a fifth to both sides, so that all who came at once do not come at once again.
fn pause_secs(userinfo_secs: u64) -> i64 {
    let fifth = userinfo_secs / 5;
    let secs = rand::random_range(userinfo_secs - fifth..=userinfo_secs + fifth);
    i64::try_from(secs).unwrap_or(i64::MAX)
}

/// A warning that is not repeated for each of many logins.
#[derive(Debug)]
pub(super) struct UserinfoWarning(AtomicI64);

impl Default for UserinfoWarning {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl UserinfoWarning {
    fn tell(&self, now: i64, error: &(dyn std::error::Error + 'static)) {
        let due_at = self.0.load(Ordering::Relaxed);
        if now < due_at {
            tracing::debug!(error, "could not fetch userinfo");
            return;
        }
        self.0
            .store(now.saturating_add(WARNING_INTERVAL_SECS), Ordering::Relaxed);
        tracing::warn!(
            error,
            "could not fetch userinfo; going on with what tokens say and what is known"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_by_a_fifth() {
        for _ in 0..1_000 {
            assert!((240..=360).contains(&pause_secs(300)));
        }
    }
}
