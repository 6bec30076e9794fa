//! Looks at rooms: at a pace that LiveKit bears, however many rooms there are, and compared off the threads that others need.

use std::{sync::Arc, time::Duration};

use colloquy_actors::{
    livekit::{Brief, Differences, MediaRoom},
    task::Outcome,
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use super::room_service::{CallError, RoomService};
use crate::breaker::WaitLimit;

/// Whose turn it is to look: those first who wait for something to be as it should be, among others whoever has waited longest.
#[derive(Debug)]
pub(super) struct Pace {
    every: Duration,
    /// When the next look may begin.
    next: Mutex<Option<Instant>>,
    /// Of those whose look is not urgent one at most waits for its turn, the others for that one.
    patient: Mutex<()>,
}

impl Pace {
    pub fn new(every: Duration) -> Self {
        Self {
            every,
            next: Mutex::default(),
            patient: Mutex::default(),
        }
    }

    async fn turn(&self, is_urgent: bool) {
        let _patient = if is_urgent {
            None
        } else {
            Some(self.patient.lock().await)
        };
        let mut next = self.next.lock().await;
        if let Some(next) = *next {
            sleep_until(next).await;
        }
        *next = Some(Instant::now() + self.every);
    }
}

impl RoomService {
    pub(super) async fn look(
        &self,
        room: MediaRoom,
        is_urgent: bool,
        brief: Arc<Brief>,
    ) -> Result<Outcome, CallError> {
        self.pace.turn(is_urgent).await;
        let waits = if is_urgent {
            WaitLimit::UntilItIsUp
        } else {
            self.soon()
        };
        let seen = self.participants(&room.to_string(), waits).await;
        if seen == Err(CallError::Unreachable) {
            self.note_absence();
        }
        let seen = seen?;
        let compared = tokio::task::spawn_blocking(move || Differences::of(&brief, &seen));
        let found = compared.await.map_err(|_| CallError::Unreadable)?;
        Ok(Outcome::Seen {
            found,
            webhooks: self.has_webhooks(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_in_a_second_and_the_urgent_ones_first() {
        let pace = Pace::new(Duration::from_millis(100));
        let begin = Instant::now();
        let done = std::sync::Mutex::new(Vec::new());
        let look = async |is_urgent: bool| {
            pace.turn(is_urgent).await;
            done.lock()
                .unwrap()
                .push((is_urgent, begin.elapsed().as_millis()));
        };
        let waiting = [false, false, false, false, true, true, true].map(look);
        futures_util::future::join_all(waiting).await;
        let done = done.into_inner().unwrap();
        let times: Vec<_> = done.iter().map(|(_, at)| *at).collect();
        assert!(times.is_sorted());
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 100), "{done:?}");
        let last_urgent = done.iter().rposition(|(is_urgent, _)| *is_urgent).unwrap();
        assert!(last_urgent <= 4, "at most two others came before: {done:?}");
    }
}
