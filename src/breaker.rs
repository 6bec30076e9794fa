//! Keeps a service that is down from being asked for every participant, and lets those wait whose calls must be made in the end.

use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// Failures in a row after which nobody asks any more.
pub const FAILURES_MAX: u32 = 5;

/// How a caller takes it that the service is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitLimit {
    /// Until it is up again: for what must be done in the end.
    UntilItIsUp,
    /// Only for the outcome of a call that is just trying, and so long at most.
    For(Duration),
}

/// The breaker of one service.
#[derive(Debug)]
pub struct Breaker {
    /// The service's name, for the log.
    service: &'static str,
    /// For which those who do not wait are refused; then one of them tries.
    pause: Duration,
    /// After which one of those who wait tries.
    probe: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        since: Instant,
    },
    /// One call tries.
    Trying,
}

/// What a caller hears.
enum Answer {
    /// As the one that tries, if nobody has asked since then.
    Go(Option<Instant>),
    Refused,
    /// Until something changes, or this time has come.
    Wait(Option<Instant>),
}

/// The right to make one call.
#[derive(Debug)]
#[must_use]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    /// It tries for all, while nobody has asked since then.
    trial_since: Option<Instant>,
}

impl Breaker {
    #[must_use]
    pub fn new(service: &'static str, pause: Duration, probe: Duration) -> Self {
        Self {
            service,
            pause,
            probe,
            state: Mutex::new(State::Closed { failures: 0 }),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the service is there, as far as is known.
    pub fn is_closed(&self) -> bool {
        matches!(*self.state(), State::Closed { .. })
    }

    /// Whether a call may be made; none where it is no use now.
    pub async fn enter(&self, waits: WaitLimit) -> Option<Pass<'_>> {
        let end = match waits {
            WaitLimit::UntilItIsUp => None,
            WaitLimit::For(time) => Some(Instant::now() + time),
        };
        loop {
            let mut changed = pin!(self.changed.notified());
            // Before the state is read: a change between both is not missed.
            changed.as_mut().enable();
            let until = match self.ask(Instant::now(), end.is_none()) {
                Answer::Go(trial_since) => {
                    return Some(Pass {
                        breaker: self,
                        trial_since,
                    });
                }
                Answer::Refused => return None,
                Answer::Wait(until) => until.or(end),
            };
            match until {
                None => changed.await,
                Some(until) => {
                    let _ = timeout_at(until, changed).await;
                    if end.is_some_and(|end| end <= Instant::now()) {
                        return None;
                    }
                }
            }
        }
    }

    fn ask(&self, now: Instant, is_patient: bool) -> Answer {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Answer::Go(None),
            State::Trying => Answer::Wait(None),
            State::Open { since } => {
                let from = since + if is_patient { self.probe } else { self.pause };
                if from <= now {
                    *state = State::Trying;
                    Answer::Go(Some(since))
                } else if is_patient {
                    Answer::Wait(Some(from))
                } else {
                    Answer::Refused
                }
            }
        }
    }

    /// The service has answered.
    fn succeeded(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Closed { failures: 0 });
        if !matches!(before, State::Closed { .. }) {
            tracing::info!("{} answers again", self.service);
            self.changed.notify_waiters();
        }
    }

    /// The service did not answer, or nonsense.
    fn failed(&self, is_trial: bool) {
        let open = State::Open {
            since: Instant::now(),
        };
        let mut state = self.state();
        let opens = match &mut *state {
            State::Closed { failures } => {
                *failures += 1;
                *failures >= FAILURES_MAX
            }
            // One that was under way when the others failed says nothing new.
            State::Open { .. } => false,
            State::Trying => {
                if is_trial {
                    *state = open;
                    self.changed.notify_waiters();
                }
                return;
            }
        };
        if opens {
            *state = open;
            drop(state);
            tracing::warn!("{} does not answer; calls pause", self.service);
        }
    }
}

impl Pass<'_> {
    /// Whether nobody has found out since that the service is down.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.trial_since.is_some() || matches!(*self.breaker.state(), State::Closed { .. })
    }

    /// The service lives: it answered, whatever it said.
    pub fn answered(mut self) {
        self.trial_since = None;
        self.breaker.succeeded();
    }

    pub fn failed(mut self) {
        let is_trial = self.trial_since.take().is_some();
        self.breaker.failed(is_trial);
    }
}

impl Drop for Pass<'_> {
    /// A trial that was given up says nothing: another one tries at once.
    fn drop(&mut self) {
        if let Some(since) = self.trial_since {
            let mut state = self.breaker.state();
            if *state == State::Trying {
                *state = State::Open { since };
                self.breaker.changed.notify_waiters();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);
    const PROBE: Duration = Duration::from_secs(1);
    const SHORT: WaitLimit = WaitLimit::For(Duration::from_secs(5));

    async fn broken() -> Breaker {
        let breaker = Breaker::new("It", PAUSE, PROBE);
        for _ in 0..FAILURES_MAX {
            breaker.enter(SHORT).await.unwrap().failed();
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn after_five_failures_calls_pause_and_one_tries_again() {
        let breaker = broken().await;
        assert!(breaker.enter(SHORT).await.is_none());
        tokio::time::advance(PAUSE).await;
        let trial = breaker.enter(SHORT).await.expect("one tries");
        let begin = Instant::now();
        assert!(
            breaker.enter(SHORT).await.is_none(),
            "the others wait for what becomes of it"
        );
        assert_eq!(begin.elapsed(), Duration::from_secs(5));
        trial.failed();
        assert!(breaker.enter(SHORT).await.is_none());
        tokio::time::advance(PAUSE).await;
        let trial = breaker.enter(SHORT).await.expect("one tries");
        let (other, ()) = tokio::join!(breaker.enter(SHORT), async {
            tokio::task::yield_now().await;
            trial.answered();
        });
        other.expect("it works again").answered();
    }

    #[tokio::test(start_paused = true)]
    async fn who_must_get_through_tries_each_second_and_is_never_refused() {
        let breaker = broken().await;
        let begin = Instant::now();
        for second in 1..=20 {
            let trial = breaker
                .enter(WaitLimit::UntilItIsUp)
                .await
                .expect("never refused");
            assert_eq!(begin.elapsed(), second * PROBE);
            trial.failed();
        }
        let waiting = [
            breaker.enter(WaitLimit::UntilItIsUp),
            breaker.enter(WaitLimit::UntilItIsUp),
        ];
        let [first, second] = waiting;
        let both = async {
            first.await.expect("the first tries").answered();
            second.await.expect("the second goes with it").answered();
        };
        both.await;
        assert_eq!(begin.elapsed(), 21 * PROBE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_is_given_up_lets_another_try() {
        let breaker = broken().await;
        drop(breaker.enter(WaitLimit::UntilItIsUp).await);
        let begin = Instant::now();
        breaker.enter(WaitLimit::UntilItIsUp).await.unwrap().answered();
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert!(breaker.enter(SHORT).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn only_failures_in_a_row_count() {
        let breaker = Breaker::new("It", PAUSE, PROBE);
        for _ in 0..3 {
            for _ in 1..FAILURES_MAX {
                breaker.enter(SHORT).await.unwrap().failed();
            }
            breaker.enter(SHORT).await.unwrap().answered();
        }
        drop(breaker.enter(SHORT).await);
        assert!(breaker.enter(SHORT).await.is_some());
    }
}
