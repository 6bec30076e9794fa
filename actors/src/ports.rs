//! The few things that the core needs from outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use rand::{Rng, RngExt, distr::Alphanumeric};

use crate::{
    ballots::Ballots,
    ids::{OriginHash, RoomId, TaskId, Timestamp, UserId},
    protocol::meeting::{Caller, Role},
    room::{Room, input::Notice},
    sealed::Unsealer,
    task::{Outcome, Task},
};

/// A boxed future, as traits that are used as objects need.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Never goes back.
    fn now(&self) -> Timestamp;

    /// What other machines take for the time: for signatures.
    fn wall(&self) -> Timestamp {
        self.now()
    }
}

/// Randomness: seeds of inputs, and secrets.
pub trait Random: fmt::Debug + Send + Sync {
    fn seed(&self) -> u64;

    /// Random letters and digits; cryptographically strong, 5.95 bits each.
    fn secret(&self, chars: usize) -> String;
}

/// Rooms that [`Directory::missing_rooms`] is asked for at once, at most.
pub const MISSING_AT_ONCE: usize = 500;

/// What the database knows of rooms.
pub trait Directory: fmt::Debug + Send + Sync {
    /// Which of these rooms do not exist (any more).
    fn missing_rooms(&self, rooms: Vec<RoomId>) -> BoxFuture<'_, Result<Vec<RoomId>, Unavailable>>;

    /// What REST would have told a room while it slept: who of those whom it knows has lost access since.
    fn missed_notices(&self, slept: Slept) -> BoxFuture<'_, Result<Vec<Notice>, Unavailable>>;
}

/// What a room takes for right that has heard nothing for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slept {
    pub room: RoomId,
    /// Who may come back, each with the highest role that it was let in with.
    pub callers: Vec<(Caller, Role)>,
    /// Those of them who came by a link and are users all the same.
    pub signed_in: Vec<UserId>,
    /// Whether those who come by a link wait; absent without a meeting.
    pub guests_wait: Option<bool>,
    /// Where the read link of the event's folder leads, or that there is none; absent without a meeting.
    pub folder_url: Option<Option<String>>,
}

impl Slept {
    /// What a room takes for right now.
    #[must_use]
    pub fn of(room: &Room) -> Self {
        let (mut callers, mut signed_in) = (BTreeMap::new(), BTreeSet::new());
        // Who has no token any more, but a tab that is still open, does not come back by itself.
        let holders = room
            .access()
            .iter()
            .filter(|(_, holder)| !holder.tokens.is_empty());
        for (_, holder) in holders {
            let role = holder.identity.role;
            let highest = callers.entry(holder.caller).or_insert(role);
            *highest = role.max(*highest);
            signed_in.extend(holder.signed_in);
        }
        Self {
            room: room.id(),
            callers: callers.into_iter().collect(),
            signed_in: signed_in.into_iter().collect(),
            guests_wait: room.do_guests_wait(),
            folder_url: room.folder_url(),
        }
    }
}

/// The database can't say at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the directory of rooms is unavailable")]
pub struct Unavailable;

/// Whoever does what rooms want done outside, such as calls to LiveKit.
pub trait TaskRunner: fmt::Debug + Send + Sync {
    /// Does it, or says that it can't be done at the moment: the room does not ask again by itself. What lasts longer than
    /// [`crate::task::Work::time_limit`] is given up. It may be asked for again after a restart, under the same id.
    fn run(&self, task: Task) -> BoxFuture<'_, Outcome>;

    /// The link to what a task has made, where that is a secret: outcomes are logged, this is not. It is known as long as the process
    /// lives and what it leads to is there.
    fn link(&self, _task: TaskId) -> Option<String> {
        None
    }
}

/// How callers by telephone are shown.
pub trait CallerNames: fmt::Debug + Send + Sync {
    /// The name of a caller in this room, from what the gateway says of it, which is a number as a rule. An implementation
    /// answers within its own time limits: the session reads nothing meanwhile.
    fn name(&self, room: RoomId, given: String) -> BoxFuture<'_, String>;

    /// What tells a caller from others, from what the gateway says of it.
    fn origin(&self, given: &str) -> Option<OriginHash>;
}

/// Everything that the core reaches out through.
#[derive(Debug, Clone)]
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub directory: Arc<dyn Directory>,
    pub tasks: Arc<dyn TaskRunner>,
    pub callers: Arc<dyn CallerNames>,
    /// Not outside, but beside the rooms: it outlives each of them.
    pub ballots: Ballots,
    pub unsealer: Arc<dyn Unsealer>,
}

/// A clock that never goes back. Where the wall clock is set forward it jumps along; where that is set back, it goes on at half speed until
/// they meet: whatever has to last ten seconds lasts ten, or twenty for a while.
#[derive(Debug, Default)]
pub struct Steady(Mutex<Option<Told>>);

/// What a [`Steady`] said last.
#[derive(Debug, Clone, Copy)]
struct Told {
    elapsed_micros: i64,
    micros: i64,
}

impl Steady {
    /// The time, from the wall clock and from the microseconds that have passed since the beginning.
    pub fn now(&self, wall: Timestamp, elapsed_micros: i64) -> Timestamp {
        let wall = wall.as_micros();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let micros = told.map_or(wall, |told| {
            // Two threads may bring what they have read in another order.
            let passed = elapsed_micros.saturating_sub(told.elapsed_micros).max(0);
            let slow = told.micros.saturating_add(passed / 2);
            wall.max(slow)
        });
        let elapsed_micros = told.map_or(elapsed_micros, |told| told.elapsed_micros.max(elapsed_micros));
        *told = Some(Told {
            elapsed_micros,
            micros,
        });
        Timestamp::from_micros(micros)
    }
}

/// The system's clock, which is never set back while the process lives.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
    steady: Steady,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            steady: Steady::default(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.began.elapsed().as_micros();
        self.steady
            .now(self.wall(), i64::try_from(elapsed).unwrap_or(i64::MAX))
    }

    fn wall(&self) -> Timestamp {
        chrono::Utc::now().into()
    }
}

/// The thread's generator, which the operating system seeds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn seed(&self) -> u64 {
        rand::rng().next_u64()
    }

    fn secret(&self, chars: usize) -> String {
        rand::rng()
            .sample_iter(Alphanumeric)
            .take(chars)
            .map(char::from)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_is_set_back_stops_nothing_and_is_met_again() {
        let (steady, hour) = (Steady::default(), 3_600_000_000);
        let now = |wall, elapsed| steady.now(Timestamp::from_micros(wall), elapsed).as_micros();
        assert_eq!(now(10 * hour, 0), 10 * hour);
        assert_eq!(now(10 * hour + 5, 5), 10 * hour + 5);
        assert_eq!(now(9 * hour, 25), 10 * hour + 15, "set back by an hour");
        assert_eq!(now(9 * hour, 23), 10 * hour + 15, "read before");
        assert_eq!(now(9 * hour + 20, 45), 10 * hour + 25);
        assert_eq!(now(11 * hour, 47), 11 * hour, "set forward");
        assert_eq!(now(11 * hour - 4, 49), 11 * hour + 1, "set back a little");
        assert_eq!(now(11 * hour + 6, 59), 11 * hour + 6, "they meet");
    }
}
