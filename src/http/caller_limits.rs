//! How fast one user may change things, and how many requests of one caller are answered at once. How often somebody reads or enters a
//! room is never limited: clients do both again and again.

use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::MatchedPath,
    http::{Method, request::Parts},
};
use dashmap::DashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::{ApiError, deadline::is_unhurried, inventions::too_soon};
use crate::{client_address::ClientAddress, throttle::Throttle, verified_token::VerifiedToken};

/// Changes that a user may make at once. Web clients save a whole form with a few.
const BURST: u32 = 100;

/// Invitations to events that a user may make or withdraw at once: web clients send one request for each person.
const INVITATIONS_BURST: u32 = 500;

/// Changes of one user that are under way at the same time; further ones wait. Each may hold a connection to the database, or wait
/// for it with one, and there are few of these.
const UNDER_WAY_MAX: usize = 4;

/// The same of requests that change nothing: of a user, or of the guests of one invite code and network. Where there are few connections to
/// the database, a quarter of them, so that two callers never have all.
const READS_UNDER_WAY_MAX: usize = 8;

/// The same of calendars of one user.
const CALENDARS_UNDER_WAY_MAX: usize = 1;

/// How long a request waits for others of the same caller: less than a request may take.
const UNDER_WAY_WAIT: Duration = Duration::from_secs(20);

/// Users with changes under way above which those without any are forgotten.
const USERS_KEPT: usize = 1_000;

/// Path below which invitations to events are changed.
const INVITATIONS: &str = "/v1/events/{event_id}/invites";

/// What web clients ask all the time, and what takes as little as finding out who asks: it has places of its own.
const LIGHT: &str = "/v1/users/me";

/// As many as nobody needs; no more than half of the connections.
const LIGHT_UNDER_WAY_MAX: usize = 32;

/// Refuses changes of users who make too many. Clones are one.
#[derive(Debug, Clone)]
pub struct CallerLimits {
    limiters: Option<Arc<Limiters>>,
    changes: Arc<UnderWay>,
    reads: Arc<UnderWay>,
    light: Arc<UnderWay>,
    calendars: Arc<UnderWay>,
}

/// By a hash of the user, as in [`Limiters`].
#[derive(Debug)]
struct UnderWay {
    max: usize,
    places: DashMap<u64, Arc<Semaphore>>,
    hasher: RandomState,
}

impl UnderWay {
    fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            places: DashMap::new(),
            hasher: RandomState::new(),
        })
    }

    /// Waits for a place among the requests of this caller, which is held until the request has been answered.
    async fn hold(&self, caller: impl Hash, held: &Held) -> Result<(), ApiError> {
        let caller = self.hasher.hash_one(caller);
        let _ = held.caller.set(caller);
        let place = self.places(caller).acquire_owned();
        let place = tokio::time::timeout(UNDER_WAY_WAIT, place).await;
        let place = place.map_err(|_| too_soon(Duration::from_secs(1)))?;
        *held.place.lock().unwrap_or_else(PoisonError::into_inner) = place.ok();
        Ok(())
    }

    fn places(&self, caller: u64) -> Arc<Semaphore> {
        if self.places.len() > USERS_KEPT {
            self.places.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let new = || Arc::new(Semaphore::new(self.max));
        Arc::clone(&self.places.entry(caller).or_insert_with(new))
    }
}

/// A caller's part of what all have together.
fn share(of_all: usize, max: usize) -> usize {
    (of_all / 4).clamp(1, max)
}

/// The place of a request among those of its user, given back when it has been answered, and when all has ended that it asked of the
/// database.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    place: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
    /// A hash of whose request it is.
    caller: Arc<OnceLock<u64>>,
}

impl Held {
    /// Nobody, where the handler did not ask who calls.
    pub(super) fn caller(&self) -> Option<u64> {
        self.caller.get().copied()
    }
}

/// By a hash of the user: two that share one share their limits, which is next to impossible.
#[derive(Debug)]
struct Limiters {
    writes: Throttle<u64>,
    invitations: Throttle<u64>,
    hasher: RandomState,
}

impl CallerLimits {
    /// So many per second in the long run; 0: any number.
    #[must_use]
    pub fn new(writes_per_second: u32, reads_max: usize) -> Self {
        let limiters = (writes_per_second > 0).then(|| {
            let interval = Duration::from_secs(1) / writes_per_second;
            Arc::new(Limiters {
                writes: Throttle::new(interval, BURST),
                invitations: Throttle::new(interval, INVITATIONS_BURST),
                hasher: RandomState::new(),
            })
        });
        Self {
            limiters,
            changes: UnderWay::new(share(reads_max, UNDER_WAY_MAX)),
            reads: UnderWay::new(share(reads_max, READS_UNDER_WAY_MAX)),
            light: UnderWay::new((reads_max / 2).clamp(1, LIGHT_UNDER_WAY_MAX)),
            calendars: UnderWay::new(CALENDARS_UNDER_WAY_MAX),
        }
    }

    /// Counts the request if it changes something, and refuses one too many. Then it waits until few others of
    /// the same user are under way; uploads, which take as long as they take, have limits of their own.
    pub(super) async fn admit(&self, request: &Parts, token: &VerifiedToken) -> Result<(), ApiError> {
        let path = request.extensions.get::<MatchedPath>();
        let path = path.map(MatchedPath::as_str).unwrap_or_default();
        let user = (token.issuer.as_str(), token.subject.as_str());
        self.count(&request.method, path, user, Instant::now())?;
        let held = request.extensions.get::<Held>();
        let Some(held) = held.filter(|_| !is_unhurried(&request.method, path)) else {
            return Ok(());
        };
        self.under_way(&request.method, path).hold(user, held).await
    }

    fn under_way(&self, method: &Method, path: &str) -> &UnderWay {
        match method.is_safe() {
            true if path == LIGHT => &self.light,
            true => &self.reads,
            false => &self.changes,
        }
    }

    /// The same for whoever reads the calendar of this user: few at a time, of whom each takes a part of the processor.
    pub(super) async fn admit_calendar(&self, owner: Uuid, held: &Held) -> Result<(), ApiError> {
        self.calendars.hold(owner, held).await
    }

    /// The same for a guest with an invite code, who changes nothing.
    pub(super) async fn admit_guest(
        &self,
        held: Option<&Held>,
        code: Uuid,
        address: ClientAddress,
    ) -> Result<(), ApiError> {
        match held {
            Some(held) => self.reads.hold((code, address.home()), held).await,
            None => Ok(()),
        }
    }

    fn count(&self, method: &Method, path: &str, user: (&str, &str), now: Instant) -> Result<(), ApiError> {
        let Some(limiters) = self.limiters.as_deref().filter(|_| !method.is_safe()) else {
            return Ok(());
        };
        let limiter = if path.starts_with(INVITATIONS) {
            &limiters.invitations
        } else {
            &limiters.writes
        };
        limiter
            .take(limiters.hasher.hash_one(user), now)
            .map_err(too_soon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: (&str, &str) = ("https://issuer.example", "ann");
    const BEN: (&str, &str) = ("https://issuer.example", "ben");
    const ROOMS: &str = "/v1/rooms";

    struct World {
        limits: CallerLimits,
        now: Instant,
    }

    impl World {
        fn new(writes_per_second: u32) -> Self {
            Self {
                limits: CallerLimits::new(writes_per_second, 64),
                now: Instant::now(),
            }
        }

        /// How many of so many get in.
        fn admitted(&self, number: usize, method: &Method, path: &str, user: (&str, &str)) -> usize {
            let count = |_: &usize| self.limits.count(method, path, user, self.now).is_ok();
            (0..number).filter(count).count()
        }
    }

    #[test]
    fn a_burst_gets_in_and_then_so_many_per_second() {
        let mut world = World::new(20);
        assert_eq!(world.admitted(150, &Method::POST, ROOMS, ANN), 100);
        let refusal = world
            .limits
            .count(&Method::DELETE, "/v1/rooms/{room_id}", ANN, world.now);
        assert_eq!(refusal.expect_err("refused").status().as_u16(), 429);
        world.now += Duration::from_secs(1);
        assert_eq!(world.admitted(50, &Method::PATCH, ROOMS, ANN), 20);
        world.now += Duration::from_mins(1);
        assert_eq!(world.admitted(150, &Method::PUT, ROOMS, ANN), 100);
    }

    #[test]
    fn each_user_has_limits_of_its_own_and_reading_has_none() {
        let world = World::new(1);
        assert_eq!(world.admitted(101, &Method::POST, ROOMS, ANN), 100);
        assert_eq!(world.admitted(1_000, &Method::GET, ROOMS, ANN), 1_000);
        assert_eq!(world.admitted(1_000, &Method::HEAD, ROOMS, ANN), 1_000);
        assert_eq!(world.admitted(101, &Method::POST, ROOMS, BEN), 100);
    }

    #[test]
    fn invitations_to_events_have_a_larger_one_beside() {
        let world = World::new(20);
        assert_eq!(world.admitted(600, &Method::POST, INVITATIONS, ANN), 500);
        let one = "/v1/events/{event_id}/invites/{user_id}";
        assert_eq!(world.admitted(1, &Method::DELETE, one, ANN), 0, "the same limit");
        assert_eq!(world.admitted(101, &Method::POST, ROOMS, ANN), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_has_so_many_requests_answered_at_once() {
        let reads = UnderWay::new(READS_UNDER_WAY_MAX);
        let held: Vec<_> = (0..=READS_UNDER_WAY_MAX).map(|_| Held::default()).collect();
        for one in &held[1..] {
            reads.hold(ANN, one).await.expect("a place");
        }
        let refused = reads.hold(ANN, &held[0]).await.expect_err("refused");
        assert_eq!(refused.status().as_u16(), 429);
        reads
            .hold(BEN, &Held::default())
            .await
            .expect("a place of its own");
        let answered = async { drop(held[1].place.lock().unwrap().take()) };
        let (waits, ()) = tokio::join!(reads.hold(ANN, &held[0]), answered);
        waits.expect("the place of the one that was answered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_calendar_is_made_for_one_at_a_time() {
        let limits = CallerLimits::new(0, 64);
        let (ann, ben) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let held: Vec<_> = (0..3).map(|_| Held::default()).collect();
        limits.admit_calendar(ann, &held[0]).await.expect("a place");
        let refused = limits.admit_calendar(ann, &held[1]).await.expect_err("refused");
        assert_eq!(refused.status().as_u16(), 429);
        limits
            .admit_calendar(ben, &held[2])
            .await
            .expect("a place of its own");
    }

    #[test]
    fn changes_reads_and_what_is_light_have_places_of_their_own() {
        let limits = CallerLimits::new(0, 64);
        let max = |method: Method, path| limits.under_way(&method, path).max;
        assert_eq!(max(Method::POST, ROOMS), UNDER_WAY_MAX);
        assert_eq!(max(Method::GET, ROOMS), READS_UNDER_WAY_MAX);
        assert_eq!(max(Method::GET, LIGHT), LIGHT_UNDER_WAY_MAX);
    }

    #[test]
    fn without_a_rate_there_is_none() {
        let world = World::new(0);
        assert_eq!(world.admitted(10_000, &Method::POST, ROOMS, ANN), 10_000);
    }
}
