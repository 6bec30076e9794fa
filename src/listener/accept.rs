//! The accept loop: nothing but the shutdown ends it.

use std::{io, time::Duration};

use tokio::net::TcpListener;

use super::connection::Connections;

/// First pause after an error such as "too many open files".
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

pub(super) async fn run(listener: &TcpListener, connections: &Connections) {
    let mut backoff = Backoff::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = connections.finish.cancelled() => return,
            accepted = accept(listener, connections) => accepted,
        };
        match accepted {
            Ok(()) => backoff = Backoff::default(),
            Err(error) => {
                let Some(pause) = backoff.pause_after(&error) else {
                    continue;
                };
                tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept connections");
                tokio::select! {
                    () = connections.finish.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

async fn accept(listener: &TcpListener, connections: &Connections) -> io::Result<()> {
    // The slot comes first: a connection beyond the limit waits in the backlog and costs no descriptor.
    let Some(slot) = connections.slot().await else {
        return Ok(());
    };
    let (stream, peer) = listener.accept().await?;
    connections.start(stream, peer, slot);
    Ok(())
}

/// Growing pauses while accepting fails for reasons of this machine.
#[derive(Debug, Default)]
struct Backoff {
    last: Option<Duration>,
}

impl Backoff {
    /// How long to wait; `None` for errors of the one connection that did not come to be.
    fn pause_after(&mut self, error: &io::Error) -> Option<Duration> {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted
        ) {
            return None;
        }
        let pause = self.last.map_or(PAUSE_MIN, |last| (last * 2).min(PAUSE_MAX));
        self.last = Some(pause);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_machine_back_off_up_to_a_second() {
        const EMFILE: i32 = 24;
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..7)
            .filter_map(|_| backoff.pause_after(&io::Error::from_raw_os_error(EMFILE)))
            .map(|pause| pause.as_millis())
            .collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn errors_of_one_connection_cost_no_time() {
        let mut backoff = Backoff::default();
        for kind in [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset] {
            assert_eq!(backoff.pause_after(&kind.into()), None);
        }
    }
}
