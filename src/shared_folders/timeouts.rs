//! How long the storage provider may take.

use std::time::Duration;

/// Time limits. A request of a client waits for a creation, and for one more call when that is undone: less than the
/// 30 s after which it would get no answer.
#[derive(Debug, Clone, Copy)]
pub struct ProviderTimeouts {
    pub connect: Duration,
    /// For one call, with its answer.
    pub call: Duration,
    /// For a folder with its links.
    pub creation: Duration,
}

impl Default for ProviderTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(4),
            call: Duration::from_secs(8),
            creation: Duration::from_secs(16),
        }
    }
}
