//! Disks that are slow for single rooms: only in builds with the feature `fault-injection`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

static WAITS: Mutex<BTreeMap<PathBuf, Duration>> = Mutex::new(BTreeMap::new());

/// Each write to this log takes so long.
pub fn slow_down(log: PathBuf, wait: Duration) {
    if let Ok(mut waits) = WAITS.lock() {
        waits.insert(log, wait);
    }
}

/// Waits as long as it was asked for.
pub(super) fn wait(log: &Path) {
    let wait = WAITS.lock().ok().and_then(|waits| waits.get(log).copied());
    if let Some(wait) = wait {
        std::thread::sleep(wait);
    }
}
