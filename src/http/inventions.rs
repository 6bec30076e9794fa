//! Invented tickets and invite codes: nobody guesses one, but each costs a look.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ipnet::IpNet;

use super::ApiError;
use crate::{
    client_address::ClientAddress,
    config::Config,
    throttle::{Throttle, whole_secs},
};

/// Invented secrets of a network in a second, all at once or one by one.
const PER_SECOND: u32 = 50;

/// Counts what opened nothing, per client network. What is good costs nothing. Clones are one.
#[derive(Debug, Clone)]
pub struct Inventions {
    failures: Arc<Throttle<IpNet>>,
    loopback_exempt: bool,
}

impl Inventions {
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            loopback_exempt: config.dev_issuer_enabled(),
            ..Self::of_everybody()
        }
    }

    /// The same, and of this machine too.
    #[must_use]
    pub fn of_everybody() -> Self {
        Self {
            failures: Arc::new(Throttle::per_second(PER_SECOND, 1)),
            loopback_exempt: false,
        }
    }

    /// Refuses a network that has invented too much.
    pub fn admit(&self, address: ClientAddress) -> Result<(), ApiError> {
        if self.is_exempt(address) {
            return Ok(());
        }
        self.failures
            .look(&address.counted(), Instant::now())
            .map_err(too_soon)
    }

    /// What this network came with opened nothing.
    pub fn count(&self, address: ClientAddress) {
        if !self.is_exempt(address) {
            self.failures.charge(address.counted(), Instant::now());
        }
    }

    fn is_exempt(&self, address: ClientAddress) -> bool {
        self.loopback_exempt && address.0.is_loopback()
    }
}

/// The refusal of whoever has to wait for so long.
pub(super) fn too_soon(wait: Duration) -> ApiError {
    ApiError::too_many_requests(whole_secs(wait))
}
