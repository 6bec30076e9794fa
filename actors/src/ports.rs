//! The few things that the core needs from outside.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use rand::{Rng, RngExt, distr::Alphanumeric};

use crate::{
    ids::{OriginHash, RoomId, Timestamp},
    livekit,
};

/// A boxed future, as traits that are used as objects need.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The time.
pub trait Clock: fmt::Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}

/// Randomness: seeds of inputs, and secrets.
pub trait Random: fmt::Debug + Send + Sync {
    fn seed(&self) -> u64;

    /// Random letters and digits; cryptographically strong, 5.95 bits each.
    fn secret(&self, chars: usize) -> String;
}

/// What the database knows of rooms.
pub trait Directory: fmt::Debug + Send + Sync {
    /// Which of these rooms do not exist (any more).
    fn missing_rooms(&self, rooms: Vec<RoomId>) -> BoxFuture<'_, Result<Vec<RoomId>, Unavailable>>;
}

/// The database can't say at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the directory of rooms is unavailable")]
pub struct Unavailable;

/// LiveKit's `RoomService`. An implementation answers within its own time limits, also when LiveKit does not.
pub trait Media: fmt::Debug + Send + Sync {
    fn call(&self, call: livekit::Call) -> BoxFuture<'_, livekit::Outcome>;
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
    pub media: Arc<dyn Media>,
    pub callers: Arc<dyn CallerNames>,
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
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
