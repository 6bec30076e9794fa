//! The keys of a remote issuer: fetched when needed, shared by all callers, kept while the issuer is down.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use url::Url;

use super::{
    TokenError,
    discovery::{self, Metadata},
    fetch::{self, FetchError},
    keys::{KeySet, Wanted},
    limits::{ISSUER_RESPONSE_SECS_MAX, KEYS_FIRST_FETCH_MIN, KEYS_FRESH, KEYS_REFETCH_MIN, KEYS_STALE_MAX},
};
use crate::{
    clock::Clock,
    config::Outgoing,
    outgoing::{self, Waits},
};

/// A remote issuer. Shared by all requests.
#[derive(Debug)]
pub(super) struct RemoteIssuer {
    authority: Url,
    http: reqwest::Client,
    clock: Clock,
    state: RwLock<State>,
    /// Held by the one fetch that is under way; waiting for it is waiting for the fetch.
    fetching: Arc<Mutex<()>>,
}

/// What one fetch brought.
#[derive(Debug)]
pub(super) struct IssuerKeys {
    pub metadata: Metadata,
    pub keys: KeySet,
    fetched_at: DateTime<Utc>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Arc<IssuerKeys>>,
    attempted_at: Option<DateTime<Utc>>,
    failed: bool,
}

impl RemoteIssuer {
    pub fn new(authority: Url, outgoing: &Outgoing, clock: Clock) -> Result<Self, reqwest::Error> {
        let waits = Waits {
            connect: Duration::from_secs(ISSUER_RESPONSE_SECS_MAX),
            // Each request limits the whole of its exchange.
            read: None,
        };
        Ok(Self {
            http: outgoing::client(outgoing, &authority, waits)?,
            authority,
            clock,
            state: RwLock::default(),
            fetching: Arc::default(),
        })
    }

    /// Keys among which is the wanted one.
    pub async fn keys(self: &Arc<Self>, wanted: Wanted<'_>) -> Result<Arc<IssuerKeys>, TokenError> {
        if let Some(current) = self.usable().filter(|current| current.keys.contains(wanted)) {
            if self.age(current.fetched_at) > KEYS_FRESH {
                self.start_fetch_if_due();
            }
            return Ok(current);
        }
        self.start_fetch_if_due();
        drop(self.fetching.lock().await);
        match self.usable() {
            Some(current) if current.keys.contains(wanted) => Ok(current),
            // The key may be a new one that we could not fetch.
            _ if self.read(|state| state.failed || state.current.is_none()) => Err(TokenError::Unavailable),
            Some(_) => Err(TokenError::Invalid("the signing key is unknown")),
            None => Err(TokenError::Unavailable),
        }
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
        let pause = if self.usable().is_some() {
            KEYS_REFETCH_MIN
        } else {
            KEYS_FIRST_FETCH_MIN
        };
        let recent = |at: DateTime<Utc>| (TimeDelta::zero()..pause).contains(&self.age(at));
        if self.read(|state| state.attempted_at.is_some_and(recent)) {
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

    async fn fetch(&self) -> Result<IssuerKeys, FetchError> {
        let metadata = discovery::discover(&self.http, &self.authority).await?;
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

    fn store(&self, fetched: Result<IssuerKeys, FetchError>) {
        match fetched {
            Ok(keys) => {
                tracing::debug!(oidc.authority = %self.authority, "fetched the issuer's keys");
                self.write(|state| {
                    state.failed = false;
                    state.current = Some(Arc::new(keys));
                });
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(oidc.authority = %self.authority, error, "could not fetch the issuer's keys");
                self.write(|state| state.failed = true);
            }
        }
    }

    fn age(&self, at: DateTime<Utc>) -> TimeDelta {
        self.clock.now() - at
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }
}
