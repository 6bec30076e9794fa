//! SIGTERM and SIGINT: the first asks for an orderly stop, the second ends the process. SIGUSR1 asks to drain.

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
