//! The keys of a remote issuer: fetched when needed, shared by all callers, kept while the issuer is down.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout_at},
};
use url::Url;

use super::{
    IssuerReport, IssuerUrls, Reachability, TokenError,
    discovery::{self, Metadata},
    fetch::{self, FetchError},
    keys::{Found, KeySet, Thumbprint, Wanted},
    limits::{ISSUER_RESPONSE_SECS_MAX, KEYS_FIRST_FETCH_MIN, KEYS_FRESH, KEYS_REFETCH_MIN, KEYS_STALE_MAX},
};
use crate::{
    clock::Clock,
    config::Outgoing,
    outgoing::{self, Waits},
};

/// Between two tries of somebody who waits for the issuer.
const PAUSE: Duration = Duration::from_millis(200);

/// A remote issuer. Shared by all requests.
#[derive(Debug)]
pub(super) struct RemoteIssuer {
    place: IssuerUrls,
    http: reqwest::Client,
    clock: Clock,
    state: RwLock<State>,
    /// Counts how often keys have left the set.
    generation: AtomicU64,
    /// Unix seconds from which on the keys are to be looked up again.
    look_at: AtomicI64,
    /// Held by the one fetch that is under way; waiting for it is waiting for the fetch.
    fetching: Arc<Mutex<()>>,
}

/// The key that has signed a token, and when it was last seen among the issuer's.
#[derive(Debug)]
pub(super) struct SignedBy {
    key: Thumbprint,
    generation: AtomicU64,
}

/// What one fetch brought.
#[derive(Debug)]
pub(super) struct IssuerKeys {
    pub metadata: Metadata,
    pub keys: KeySet,
    fetched_at: DateTime<Utc>,
}

impl IssuerKeys {
    pub fn report(&self) -> IssuerReport {
        IssuerReport {
            issuer: self.metadata.issuer.clone(),
            keys: self.keys.algorithms(),
            userinfo: self.metadata.userinfo_endpoint.clone(),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    current: Option<Arc<IssuerKeys>>,
    attempted_at: Option<DateTime<Utc>>,
    failed: bool,
    /// Fetches that brought keys.
    fetches: u64,
}

impl SignedBy {
    /// By a key of the set that was current at this generation.
    pub fn new(key: Thumbprint, generation: u64) -> Self {
        Self {
            key,
            generation: AtomicU64::new(generation),
        }
    }

    /// The same key was seen again.
    pub fn renew(&self, again: &Self) {
        let generation = again.generation.load(Ordering::Relaxed);
        self.generation.fetch_max(generation, Ordering::Relaxed);
    }
}

impl RemoteIssuer {
    pub fn new(place: IssuerUrls, outgoing: &Outgoing, clock: Clock) -> Result<Self, reqwest::Error> {
        let waits = Waits {
            connect: Duration::from_secs(ISSUER_RESPONSE_SECS_MAX),
            // Each request limits the whole of its exchange.
            read: None,
        };
        Ok(Self {
            http: outgoing::client(outgoing, place.asked(), waits)?,
            place,
            clock,
            state: RwLock::default(),
            generation: AtomicU64::new(0),
            look_at: AtomicI64::new(i64::MAX),
            fetching: Arc::default(),
        })
    }

    /// Keys among which is the wanted one.
    ///
    /// # Errors
    /// [`TokenError::Unavailable`] while the issuer can't be asked, [`TokenError::TooSoon`] while it was asked too recently:
    /// then nobody knows whether the key is a new one.
    pub async fn keys(self: &Arc<Self>, wanted: Wanted<'_>) -> Result<Arc<IssuerKeys>, TokenError> {
        let fetches_before = self.read(|state| state.fetches);
        if let Some(current) = self.usable() {
            match current.keys.look(wanted) {
                Found::Key => return Ok(current),
                Found::Unfit => {
                    return Err(TokenError::Invalid("the signing key does not fit the token"));
                }
                Found::Nothing => {}
            }
        }
        self.start_fetch_if_due();
        drop(self.fetching.lock().await);
        let Some(current) = self.usable() else {
            return Err(TokenError::Unavailable);
        };
        match current.keys.look(wanted) {
            Found::Key => Ok(current),
            Found::Unfit => Err(TokenError::Invalid("the signing key does not fit the token")),
            Found::Nothing if self.read(|state| state.fetches) > fetches_before => {
                Err(TokenError::Invalid("the signing key is unknown"))
            }
            // The key may be a new one that we could not fetch, or not yet.
            Found::Nothing if self.read(|state| state.failed) => Err(TokenError::Unavailable),
            Found::Nothing => Err(TokenError::TooSoon {
                retry_after_secs: self.secs_until_fetch(),
            }),
        }
    }

    /// The same, for somebody who can't come again: waits so long for an issuer that can't be asked at this moment.
    pub async fn keys_within(
        self: &Arc<Self>,
        wanted: Wanted<'_>,
        time_limit: Duration,
    ) -> Result<Arc<IssuerKeys>, TokenError> {
        let deadline = Instant::now() + time_limit;
        loop {
            let Ok(keys) = timeout_at(deadline, self.keys(wanted)).await else {
                return Err(TokenError::Unavailable);
            };
            match keys {
                Err(error) if error.is_undecided() && Instant::now() + PAUSE < deadline => sleep(PAUSE).await,
                keys => return keys,
            }
        }
    }

    /// How often keys have left the set so far; to be read before the keys themselves.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether the key is still one of the issuer's, as far as is known here. Costs a look at a number while no key leaves.
    pub fn has(&self, signed: &SignedBy) -> bool {
        let generation = self.generation();
        if signed.generation.load(Ordering::Relaxed) == generation {
            return true;
        }
        let is_there = self.read(|state| {
            let current = state.current.as_ref();
            current.is_some_and(|current| current.keys.has(&signed.key))
        });
        if is_there {
            signed.generation.store(generation, Ordering::Relaxed);
        }
        is_there
    }

    /// Looks the keys up in the background when it is time to, so that keys that were withdrawn are noticed, also by those
    /// whose tokens are remembered. Costs a look at a number while it is not.
    pub fn look_again_if_due(self: &Arc<Self>, now: DateTime<Utc>) {
        if now.timestamp() > self.look_at.load(Ordering::Relaxed) {
            self.start_fetch_if_due();
        }
    }

    /// Asks for the keys, unless they are young or it was just asked, and waits for what comes of it.
    pub async fn look(self: &Arc<Self>) {
        let is_fresh = |current: &Arc<IssuerKeys>| self.age(current.fetched_at) <= KEYS_FRESH;
        if self.read(|state| state.failed || !state.current.as_ref().is_some_and(is_fresh)) {
            self.start_fetch_if_due();
            drop(self.fetching.lock().await);
        }
    }

    /// What became of the last fetch.
    pub fn reachability(&self) -> Reachability {
        self.read(|state| Reachability {
            is_away: state.failed,
            issuer: (state.current.as_ref()).map(|current| current.metadata.issuer.clone()),
        })
    }

    /// Where userinfo is served, as far as a fetch has told.
    pub fn userinfo_endpoint(&self) -> Option<Url> {
        self.read(|state| state.current.as_ref()?.metadata.userinfo_endpoint.clone())
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn usable(&self) -> Option<Arc<IssuerKeys>> {
        self.read(|state| state.current.clone())
            .filter(|current| self.age(current.fetched_at) <= KEYS_STALE_MAX)
    }

    /// Starts a fetch unless one is under way or the last one was too recent. It runs in a task of its own: a caller that
    /// goes away must not take the answer from the others.
    fn start_fetch_if_due(self: &Arc<Self>) {
        let Ok(guard) = Arc::clone(&self.fetching).try_lock_owned() else {
            return;
        };
        if self.wait_for_fetch() > TimeDelta::zero() {
            return;
        }
        self.write(|state| state.attempted_at = Some(self.clock.now()));
        let issuer = Arc::clone(self);
        tokio::spawn(async move {
            let fetched = issuer.fetch().await;
            issuer.store(fetched);
            drop(guard);
        });
    }

    /// How long the issuer may not be asked yet.
    fn wait_for_fetch(&self) -> TimeDelta {
        let pause = if self.usable().is_some() {
            KEYS_REFETCH_MIN
        } else {
            KEYS_FIRST_FETCH_MIN
        };
        let age = self.read(|state| state.attempted_at).map(|at| self.age(at));
        // A clock that was set back is no reason to wait.
        let age = age.filter(|age| *age >= TimeDelta::zero());
        age.map_or(TimeDelta::zero(), |age| pause - age)
    }

    /// The same in whole seconds, for who comes again.
    fn secs_until_fetch(&self) -> u64 {
        let millis = u64::try_from(self.wait_for_fetch().num_milliseconds()).unwrap_or_default();
        millis.div_ceil(1_000).max(1)
    }

    /// Asks once, whatever is known.
    pub(super) async fn fetch(&self) -> Result<IssuerKeys, FetchError> {
        let metadata = discovery::discover(&self.http, &self.place).await?;
        let keys = KeySet::parse(&fetch::body(self.http.get(metadata.jwks_uri.clone())).await?)?;
        if keys.is_empty() {
            return Err(FetchError::Unfit("the key set holds no usable key"));
        }
        Ok(IssuerKeys {
            metadata,
            keys,
            fetched_at: self.clock.now(),
        })
    }

    /// Keeps what a fetch brought. The log tells when an issuer is found, goes and comes back, not each question.
    fn store(&self, fetched: Result<IssuerKeys, FetchError>) {
        match fetched {
            Ok(keys) => self.keep(keys),
            Err(error) => {
                let had_failed = self.write(|state| std::mem::replace(&mut state.failed, true));
                self.look_at_after(KEYS_REFETCH_MIN);
                let error: &dyn std::error::Error = &error;
                // Told once while it lasts: it is asked every few seconds.
                let asked = self.place.discovery();
                if had_failed {
                    tracing::debug!(
                        oidc.asked = asked,
                        error,
                        "the identity provider is still not usable"
                    );
                } else {
                    tracing::warn!(oidc.asked = asked, error, "the identity provider is not usable");
                }
            }
        }
    }

    fn keep(&self, keys: IssuerKeys) {
        let report = keys.report();
        let (was_known, had_failed, has_lost) = self.write(|state| {
            let was_known = state.current.is_some();
            let has_lost = state
                .current
                .as_ref()
                .is_some_and(|before| !keys.keys.has_all_of(&before.keys));
            state.fetches += 1;
            state.current = Some(Arc::new(keys));
            (was_known, std::mem::replace(&mut state.failed, false), has_lost)
        });
        if has_lost {
            // After the set: who sees the number sees the set.
            self.generation.fetch_add(1, Ordering::Release);
        }
        self.look_at_after(KEYS_FRESH);
        if had_failed || !was_known {
            report.log(had_failed);
        }
    }

    fn look_at_after(&self, pause: TimeDelta) {
        let at = (self.clock.now() + pause).timestamp();
        self.look_at.store(at, Ordering::Relaxed);
    }

    fn age(&self, at: DateTime<Utc>) -> TimeDelta {
        self.clock.now() - at
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}
