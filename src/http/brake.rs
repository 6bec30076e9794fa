//! How fast one user may change things. Reading is never braked, and neither is entering a room: clients do both again and
//! again.

use std::{
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU32,
    sync::Arc,
};

use axum::{
    extract::MatchedPath,
    http::{Method, request::Parts},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};

use super::ApiError;
use crate::identity::claims::VerifiedToken;

/// Changes that a user may make at once. Web clients save a whole form with a few.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// Invitations to events that a user may make or withdraw at once: web clients send one request for each person.
const INVITATIONS_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);

/// Path below which invitations to events are changed.
const INVITATIONS: &str = "/v1/events/{event_id}/invites";

/// Users that are remembered before those with nothing to remember are forgotten.
const USERS_SWEEP: usize = 10_000;

/// By a hash of the user: two that share one share their brake, which is next to impossible.
type Buckets<C> = RateLimiter<u64, DashMapStateStore<u64>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Refuses changes of users who make too many. Clones are one.
#[derive(Debug, Clone)]
pub struct WriteBrake<C: Clock = DefaultClock>(Option<Arc<Limiters<C>>>);

#[derive(Debug)]
struct Limiters<C: Clock> {
    writes: Buckets<C>,
    invitations: Buckets<C>,
    clock: C,
    hasher: RandomState,
}

impl WriteBrake {
    /// So many per second in the long run; 0: any number.
    #[must_use]
    pub fn new(writes_per_second: u32) -> Self {
        Self::with_clock(writes_per_second, DefaultClock::default())
    }
}

impl<C: Clock + Clone> WriteBrake<C> {
    fn with_clock(writes_per_second: u32, clock: C) -> Self {
        let Some(rate) = NonZeroU32::new(writes_per_second) else {
            return Self(None);
        };
        let buckets = |burst| {
            let quota = Quota::per_second(rate).allow_burst(burst);
            RateLimiter::dashmap_with_clock(quota, clock.clone())
        };
        Self(Some(Arc::new(Limiters {
            writes: buckets(BURST),
            invitations: buckets(INVITATIONS_BURST),
            clock,
            hasher: RandomState::new(),
        })))
    }

    /// Counts the request if it changes something, and refuses one too many.
    pub(super) fn admit(&self, request: &Parts, token: &VerifiedToken) -> Result<(), ApiError> {
        let path = request.extensions.get::<MatchedPath>();
        let path = path.map(MatchedPath::as_str).unwrap_or_default();
        self.count(&request.method, path, (&token.issuer, &token.subject))
    }

    fn count(&self, method: &Method, path: &str, user: (&str, &str)) -> Result<(), ApiError> {
        let Some(limiters) = self.0.as_deref().filter(|_| !method.is_safe()) else {
            return Ok(());
        };
        let buckets = if path.starts_with(INVITATIONS) {
            &limiters.invitations
        } else {
            &limiters.writes
        };
        if buckets.len() > USERS_SWEEP {
            buckets.retain_recent();
        }
        let user = limiters.hasher.hash_one(user);
        buckets.check_key(&user).map_err(|until| {
            let wait = until.wait_time_from(limiters.clock.now());
            // Rounded up: whoever waits that long gets in.
            ApiError::too_many_requests(wait.as_secs() + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    const ANN: (&str, &str) = ("https://issuer.example", "ann");
    const BEN: (&str, &str) = ("https://issuer.example", "ben");
    const ROOMS: &str = "/v1/rooms";

    struct World {
        brake: WriteBrake<FakeRelativeClock>,
        clock: FakeRelativeClock,
    }

    impl World {
        fn new(writes_per_second: u32) -> Self {
            let clock = FakeRelativeClock::default();
            Self {
                brake: WriteBrake::with_clock(writes_per_second, clock.clone()),
                clock,
            }
        }

        /// How many of so many get in.
        fn admitted(&self, number: usize, method: &Method, path: &str, user: (&str, &str)) -> usize {
            let count = |_: &usize| self.brake.count(method, path, user).is_ok();
            (0..number).filter(count).count()
        }
    }

    #[test]
    fn a_burst_gets_in_and_then_so_many_per_second() {
        let world = World::new(20);
        assert_eq!(world.admitted(150, &Method::POST, ROOMS, ANN), 100);
        let refusal = world.brake.count(&Method::DELETE, "/v1/rooms/{room_id}", ANN);
        assert_eq!(refusal.expect_err("refused").status().as_u16(), 429);
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(world.admitted(50, &Method::PATCH, ROOMS, ANN), 20);
        world.clock.advance(Duration::from_mins(1));
        assert_eq!(world.admitted(150, &Method::PUT, ROOMS, ANN), 100);
    }

    #[test]
    fn each_user_has_a_brake_of_its_own_and_reading_has_none() {
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
        assert_eq!(world.admitted(1, &Method::DELETE, one, ANN), 0, "the same brake");
        assert_eq!(world.admitted(101, &Method::POST, ROOMS, ANN), 100);
    }

    #[test]
    fn without_a_rate_there_is_none() {
        let world = World::new(0);
        assert_eq!(world.admitted(10_000, &Method::POST, ROOMS, ANN), 10_000);
    }

    #[test]
    fn memory_is_bounded_by_who_changes_things_just_now() {
        let world = World::new(20);
        for user in 0..3 * USERS_SWEEP {
            world.clock.advance(Duration::from_millis(5));
            let subject = user.to_string();
            assert_eq!(world.admitted(1, &Method::POST, ROOMS, ("issuer", &subject)), 1);
        }
        let limiters = world.brake.0.expect("limiters");
        assert!(
            limiters.writes.len() <= USERS_SWEEP + 1,
            "{}",
            limiters.writes.len()
        );
    }
}
