//! SIGTERM, SIGINT and SIGHUP: the first asks for an orderly stop, the second ends the process. SIGUSR1 asks to drain.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code after a second signal.
const EXIT_CODE_FORCED: i32 = 1;

/// Handlers, in place from their creation on.
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
    /// The terminal is closed; absent where the process was started to outlive it (`nohup`).
    #[cfg(unix)]
    hangup: Option<Signal>,
}

/// Asks to drain; in place from its creation on.
#[derive(Debug)]
pub(super) struct DrainSignal {
    #[cfg(unix)]
    user: Signal,
}

impl DrainSignal {
    #[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "fails on unix"))]
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Resolves at the first signal; where there are no such signals, never.
    #[cfg(unix)]
    pub(super) async fn asked(mut self) {
        self.user.recv().await;
    }

    #[cfg(not(unix))]
    pub(super) async fn asked(self) {
        std::future::pending::<()>().await;
    }
}

impl Signals {
    #[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "fails on unix"))]
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            hangup: (!is_hangup_ignored(&process_status()))
                .then(|| signal(SignalKind::hangup()))
                .transpose()?,
        })
    }

    /// Resolves at the first signal. From then on a second one ends the process at once.
    pub(super) async fn stop(mut self) {
        let name = self.next().await;
        tracing::info!(signal = name, "asked to stop; a second signal stops at once");
        tokio::spawn(async move {
            let name = self.next().await;
            tracing::warn!(signal = name, "stopping at once");
            std::process::exit(EXIT_CODE_FORCED);
        });
    }

    #[cfg(unix)]
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            () = received(self.hangup.as_mut()) => "SIGHUP",
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler nobody can ask.
            std::future::pending::<()>().await;
        }
        "CTRL-C"
    }
}

/// Resolves at the signal; never where nobody listens to it.
#[cfg(unix)]
async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// What Linux tells of this process. Empty elsewhere.
#[cfg(unix)]
fn process_status() -> String {
    std::fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// Whether SIGHUP was ignored before this process was started; where the system does not tell, it was not.
#[cfg(unix)]
fn is_hangup_ignored(process_status: &str) -> bool {
    let mask = process_status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The first signal is the lowest bit.
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_to_outlive_its_terminal_is_known() {
        let status = |mask: &str| format!("Name:\tcolloquy\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(is_hangup_ignored(&status("0000000000001001")));
        for other in [&status("0000000000001000"), &status("x"), ""] {
            assert!(!is_hangup_ignored(other), "{other}");
        }
    }
}
