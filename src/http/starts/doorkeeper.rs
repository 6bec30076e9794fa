//! Who may ask for tickets, and how often.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Instant};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use uuid::Uuid;

use crate::{
    config::Config,
    http::{
        ApiError,
        guessing::{FailureLimit, Guess, RoomGuesser},
    },
    listener::ClientAddress,
    readiness::Readiness,
};

/// Requests per minute for calendars from one address, all at once or one by one.
const READS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// Addresses that are remembered before those with nothing to remember are forgotten.
const ADDRESSES_SWEEP: usize = 10_000;

/// Guards the operations that need no access token or cost much. Clones are one.
#[derive(Debug, Clone)]
pub struct Doorkeeper {
    readiness: Readiness,
    tickets: Arc<DefaultKeyedRateLimiter<IpAddr>>,
    reads: Arc<DefaultKeyedRateLimiter<IpAddr>>,
    guesses: Arc<FailureLimit<RoomGuesser>>,
    pins: Arc<FailureLimit<String>>,
    loopback_exempt: bool,
}

impl Doorkeeper {
    #[must_use]
    pub fn new(config: &Config, readiness: Readiness) -> Self {
        let per_second = NonZeroU32::new(config.signaling.tickets_per_address_per_second);
        let quota = Quota::per_second(per_second.unwrap_or(NonZeroU32::MIN));
        Self {
            readiness,
            tickets: Arc::new(RateLimiter::keyed(quota)),
            reads: Arc::new(RateLimiter::keyed(Quota::per_minute(READS_PER_MINUTE))),
            guesses: Arc::default(),
            pins: Arc::default(),
            loopback_exempt: config.dev_issuer_enabled(),
        }
    }

    /// Refuses while the server stops: for services, each of which is one address for many people.
    pub fn admit_service(&self) -> Result<(), ApiError> {
        if self.readiness.is_stopping() {
            Err(ApiError::unavailable("The server is stopping"))
        } else {
            Ok(())
        }
    }

    /// Refuses while the server stops, and an address that asks too often.
    pub fn admit(&self, address: ClientAddress) -> Result<(), ApiError> {
        self.admit_service()?;
        if self.loopback_exempt && address.0.is_loopback() {
            return Ok(());
        }
        within(&self.tickets, address)
    }

    /// Refuses an address that reads calendars too often.
    pub fn admit_reader(&self, address: ClientAddress) -> Result<(), ApiError> {
        within(&self.reads, address)
    }

    /// Lets `is_right` look at a room's password unless this address has failed too often.
    pub fn guess(&self, address: ClientAddress, room: Uuid, is_right: impl FnOnce() -> bool) -> Guess {
        self.guesses
            .guess((address.network(), room), Instant::now(), is_right)
    }

    /// Lets `is_right` look at the pin of a SIP id, known or not, unless callers have failed too often at it.
    pub fn guess_pin(&self, sip_id: &str, is_right: impl FnOnce() -> bool) -> Guess {
        self.pins.guess(sip_id.to_owned(), Instant::now(), is_right)
    }
}

fn within(limiter: &DefaultKeyedRateLimiter<IpAddr>, address: ClientAddress) -> Result<(), ApiError> {
    if limiter.len() > ADDRESSES_SWEEP {
        limiter.retain_recent();
    }
    let checked = limiter.check_key(&address.network());
    checked.map_err(|_| ApiError::too_many_requests(1))
}
