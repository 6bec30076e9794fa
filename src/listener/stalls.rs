//! Clients that do not read: each holds a descriptor, and another one where the answer comes from a file.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

/// Watches the writes of one connection.
#[derive(Debug)]
pub(super) struct Stalls {
    limit: Duration,
    /// When time limit is over; there only while a write waits.
    until: Option<Pin<Box<Sleep>>>,
}

impl Stalls {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, until: None }
    }

    /// What a write came to: an error where it has waited for too long since the last byte was taken.
    pub(super) fn watch(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.until = None;
            return written;
        }
        let limit = self.limit;
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(until.as_mut().poll(cx));
        let message = "the client takes nothing of the answer";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::advance;

    use super::*;

    /// What a write comes to that the system does, or does not, take now.
    async fn written(stalls: &mut Stalls, is_taken: bool) -> Option<io::Result<usize>> {
        poll_fn(|cx| {
            let written = if is_taken {
                Poll::Ready(Ok(1))
            } else {
                Poll::Pending
            };
            Poll::Ready(match stalls.watch(cx, written) {
                Poll::Ready(written) => Some(written),
                Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn each_byte_gives_new_patience() {
        let mut stalls = Stalls::new(Duration::from_mins(1));
        for _ in 0..3 {
            assert!(written(&mut stalls, false).await.is_none());
            advance(Duration::from_secs(59)).await;
            assert!(written(&mut stalls, false).await.is_none());
            assert!(matches!(written(&mut stalls, true).await, Some(Ok(1))));
            // While nothing is to be written, nobody waits.
            advance(Duration::from_hours(1)).await;
        }
        assert!(written(&mut stalls, false).await.is_none());
        advance(Duration::from_secs(61)).await;
        let ended = written(&mut stalls, false).await.expect("an end");
        assert_eq!(ended.expect_err("an error").kind(), io::ErrorKind::TimedOut);
    }
}
