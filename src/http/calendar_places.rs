//! Who computes calendars, which take as much of the processor as they get: a few at once, and nobody more than a share of the time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::DashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::{ApiError, inventions::too_soon};

/// After a calendar its owner rests for so many times as long as it took.
const REST_FACTOR: u32 = 9;

/// What takes less is free, as the calendars of nearly everybody.
const FREE: Duration = Duration::from_millis(100);

/// How long a request waits for the end of a rest: programs that show the same calendar may ask at once.
const REST_WAIT_MAX: Duration = Duration::from_secs(15);

/// Owners who rest above which those who do no more are forgotten.
const OWNERS_KEPT: usize = 1_000;

/// Places for calendars that are computed. Clones are one.
#[derive(Debug, Clone)]
pub struct CalendarPlaces {
    places: Arc<Semaphore>,
    /// Until when owners rest.
    rests: Arc<DashMap<Uuid, Instant>>,
}

/// Given back when the calendar is ready.
#[derive(Debug)]
pub(super) struct CalendarPlace {
    _place: OwnedSemaphorePermit,
    rests: Arc<DashMap<Uuid, Instant>>,
    owner: Uuid,
    since: Instant,
}

impl CalendarPlaces {
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            rests: Arc::default(),
        }
    }

    /// Waits for a place. Whoever had one for long before others did is refused for a while.
    pub(super) async fn take(&self, owner: Uuid) -> Result<CalendarPlace, ApiError> {
        loop {
            let rest = self.rest(owner);
            if rest > REST_WAIT_MAX {
                return Err(too_soon(rest));
            }
            tokio::time::sleep(rest).await;
            let place = Arc::clone(&self.places).acquire_owned().await;
            let place = place.map_err(ApiError::internal)?;
            // Who waited behind another calendar of the same owner rests after that one, too.
            if self.rest(owner).is_zero() {
                return Ok(CalendarPlace {
                    _place: place,
                    rests: Arc::clone(&self.rests),
                    owner,
                    since: Instant::now(),
                });
            }
        }
    }

    fn rest(&self, owner: Uuid) -> Duration {
        let until = self.rests.get(&owner).map(|until| *until);
        until.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }
}

impl Drop for CalendarPlace {
    fn drop(&mut self) {
        let now = Instant::now();
        let took = now - self.since;
        if took < FREE {
            return;
        }
        if self.rests.len() > OWNERS_KEPT {
            self.rests.retain(|_, until| *until > now);
        }
        self.rests.insert(self.owner, now + REST_FACTOR * took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_took_long_lets_others_go_first() {
        let places = CalendarPlaces::new(1);
        let [costly, other] = [1, 2].map(Uuid::from_u128);
        let rests = |owner| places.rests.get(&owner).map(|until| *until);
        drop(places.take(other).await.unwrap());
        assert_eq!(rests(other), None, "it took no time");
        let mut place = places.take(costly).await.unwrap();
        place.since -= Duration::from_secs(2);
        drop(place);
        let rest = rests(costly).unwrap() - Instant::now();
        assert!(rest > Duration::from_secs(17), "{rest:?}");
        assert!(places.take(costly).await.is_err());
        drop(places.take(other).await.unwrap());
    }

    #[tokio::test]
    async fn who_waited_behind_its_own_calendar_rests_as_well() {
        let places = CalendarPlaces::new(1);
        let owner = Uuid::from_u128(1);
        let mut first = places.take(owner).await.unwrap();
        let second = tokio::spawn({
            let places = places.clone();
            async move { places.take(owner).await.map(drop) }
        });
        tokio::task::yield_now().await;
        first.since -= Duration::from_secs(2);
        drop(first);
        second.await.unwrap().expect_err("it rests");
    }

    #[tokio::test]
    async fn a_short_rest_is_waited_for() {
        let places = CalendarPlaces::new(1);
        let owner = Uuid::from_u128(1);
        let mut place = places.take(owner).await.unwrap();
        place.since -= FREE;
        drop(place);
        let began = Instant::now();
        drop(places.take(owner).await.unwrap());
        assert!(began.elapsed() > 8 * FREE);
    }
}
