//! Settings of people who come by a link.

use serde::{Deserialize, Serialize};

/// Whether they come in, and how many may wait in one meeting; clients on the machine itself are exempt while the development issuer is on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guests {
    /// Whether anybody comes in by a link.
    pub allowed: bool,
    pub waiting_max: usize,
    /// Of them with one invite code.
    pub waiting_per_code_max: usize,
    /// Of these from one client network.
    pub waiting_per_network_max: usize,
}

impl Default for Guests {
    fn default() -> Self {
        Self {
            allowed: true,
            waiting_max: 1_000,
            waiting_per_code_max: 500,
            waiting_per_network_max: 300,
        }
    }
}
