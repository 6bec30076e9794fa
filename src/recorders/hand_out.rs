//! The hand-out: recorders that are ready, and meetings that wait for one. Each side waits in its order: no meeting is asked for twice
//! before another, and the recorder that has rested longest comes first.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colloquy_actors::ids::RoomId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};
use uuid::Uuid;

/// Recorders that are connected at the same time.
const RECORDERS_MAX: usize = 256;

/// Meetings that wait for a recorder at the same time: each waits for seconds.
const WAITING_MAX: usize = 1_000;

/// For a recorder's answer; then another one is asked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A meeting wants a recorder.
#[derive(Debug)]
pub struct RecorderJob {
    pub id: Uuid,
    pub room: RoomId,
    /// Whoever offers it waits for this. Dropped: it declines.
    pub verdict: oneshot::Sender<Verdict>,
}

/// What a recorder says to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    Declined,
}

/// A recorder that is ready for one job.
#[derive(Debug)]
pub struct Recorder(mpsc::Sender<RecorderJob>);

/// The right to be connected.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// As many recorders are connected as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{RECORDERS_MAX} recorders are connected")]
pub struct NoPlace;

/// Who waits for whom; clones are one.
#[derive(Debug, Clone)]
pub struct HandOut {
    waiting: Arc<Mutex<Waiting>>,
    places: Arc<Semaphore>,
}

/// One of the two is empty.
#[derive(Debug, Default)]
struct Waiting {
    recorders: VecDeque<Recorder>,
    meetings: VecDeque<oneshot::Sender<Recorder>>,
}

impl Default for HandOut {
    fn default() -> Self {
        Self {
            waiting: Arc::default(),
            places: Arc::new(Semaphore::new(RECORDERS_MAX)),
        }
    }
}

impl HandOut {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A recorder connects.
    pub fn connect(&self) -> Result<Place, NoPlace> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map(Place).map_err(|_| NoPlace)
    }

    /// Whether a recorder is ready.
    #[must_use]
    pub fn has_anybody(&self) -> bool {
        self.waiting().recorders.iter().any(Recorder::is_there)
    }

    /// A recorder is ready for one job, which comes by the receiver; whoever drops that is not ready any more.
    #[must_use]
    pub fn ready(&self) -> mpsc::Receiver<RecorderJob> {
        let (jobs, receiver) = mpsc::channel(1);
        self.add(Recorder(jobs));
        receiver
    }

    fn add(&self, mut recorder: Recorder) {
        let mut waiting = self.waiting();
        while let Some(meeting) = waiting.meetings.pop_front() {
            match meeting.send(recorder) {
                Ok(()) => return,
                // It waits no more.
                Err(back) => recorder = back,
            }
        }
        // Those that are gone must not pile up.
        waiting.recorders.retain(Recorder::is_there);
        waiting.recorders.push_back(recorder);
    }

    /// The recorder whose turn it is, as soon as there is one; none where too many wait for that.
    async fn next(&self) -> Option<Recorder> {
        let recorder = {
            let mut waiting = self.waiting();
            loop {
                match waiting.recorders.pop_front() {
                    Some(recorder) if recorder.is_there() => return Some(recorder),
                    Some(_) => {}
                    None => break,
                }
            }
            waiting.meetings.retain(|meeting| !meeting.is_closed());
            if waiting.meetings.len() >= WAITING_MAX {
                return None;
            }
            let (meeting, recorder) = oneshot::channel();
            waiting.meetings.push_back(meeting);
            Returned {
                hand_out: self,
                recorder: Some(recorder),
            }
        };
        recorder.wait().await
    }

    /// Offers a job to one recorder after the other until one takes it.
    pub async fn ask(&self, room: RoomId) -> bool {
        loop {
            let Some(recorder) = self.next().await else {
                return false;
            };
            let (verdict, said) = oneshot::channel();
            let job = RecorderJob {
                id: Uuid::new_v4(),
                room,
                verdict,
            };
            if recorder.0.try_send(job).is_err() {
                // It has gone just now.
                continue;
            }
            match timeout(ANSWER_TIMEOUT, said).await {
                Ok(Ok(Verdict::Accepted)) => return true,
                Ok(Ok(Verdict::Declined) | Err(_)) => {}
                Err(_) => tracing::debug!(room.id = %room, "a recorder does not answer"),
            }
        }
    }
}

impl Recorder {
    fn is_there(&self) -> bool {
        !self.0.is_closed()
    }
}

/// Waits for a recorder. Whoever stops waiting gives back the one that was just coming.
struct Returned<'h> {
    hand_out: &'h HandOut,
    recorder: Option<oneshot::Receiver<Recorder>>,
}

impl Returned<'_> {
    async fn wait(mut self) -> Option<Recorder> {
        let receiver = self.recorder.as_mut()?;
        let recorder = receiver.await.ok();
        self.recorder = None;
        recorder
    }
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        let Some(mut receiver) = self.recorder.take() else {
            return;
        };
        receiver.close();
        if let Ok(recorder) = receiver.try_recv() {
            self.hand_out.add(recorder);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn room(number: u128) -> RoomId {
        RoomId(Uuid::from_u128(number))
    }

    /// What a recorder is handed, and its answer.
    async fn answer(jobs: &mut mpsc::Receiver<RecorderJob>, verdict: Verdict) -> RoomId {
        let job = jobs.recv().await.unwrap();
        job.verdict.send(verdict).unwrap();
        job.room
    }

    #[tokio::test(start_paused = true)]
    async fn meetings_and_recorders_have_their_turns() {
        let hand_out = HandOut::default();
        assert!(!hand_out.has_anybody());
        let (mut one, mut two) = (hand_out.ready(), hand_out.ready());
        assert!(hand_out.has_anybody());
        let asked = async {
            tokio::join!(
                hand_out.ask(room(1)),
                hand_out.ask(room(2)),
                hand_out.ask(room(3))
            )
        };
        let recorders = async {
            assert_eq!(answer(&mut one, Verdict::Accepted).await, room(1));
            assert_eq!(answer(&mut two, Verdict::Accepted).await, room(2));
            let mut three = hand_out.ready();
            assert_eq!(answer(&mut three, Verdict::Accepted).await, room(3));
        };
        let (asked, ()) = tokio::join!(asked, recorders);
        assert_eq!(asked, (true, true, true));
    }

    #[tokio::test(start_paused = true)]
    async fn who_declines_or_does_not_answer_is_passed_over() {
        let hand_out = HandOut::default();
        let (mut one, mut two, three, mut four) = (
            hand_out.ready(),
            hand_out.ready(),
            hand_out.ready(),
            hand_out.ready(),
        );
        drop(three);
        let recorders = async {
            assert_eq!(answer(&mut one, Verdict::Declined).await, room(1));
            let silent = two.recv().await.unwrap();
            assert_eq!(answer(&mut four, Verdict::Accepted).await, room(1));
            // It hears that its answer counts no more.
            assert!(silent.verdict.is_closed());
        };
        let (taken, ()) = tokio::join!(hand_out.ask(room(1)), recorders);
        assert!(taken && !hand_out.has_anybody());
    }

    #[tokio::test(start_paused = true)]
    async fn a_recorder_is_not_lost_with_a_meeting_that_waits_no_more() {
        let hand_out = HandOut::default();
        let mut gone = Box::pin(hand_out.ask(room(1)));
        assert!(gone.as_mut().now_or_never().is_none());
        let mut one = hand_out.ready();
        // It has the recorder, and does not get to offering anything.
        drop(gone);
        let (taken, asked_for) = tokio::join!(hand_out.ask(room(2)), answer(&mut one, Verdict::Accepted));
        assert!(taken);
        assert_eq!(asked_for, room(2));
    }

    #[tokio::test(start_paused = true)]
    async fn places_and_waits_are_bounded() {
        let hand_out = HandOut::default();
        let mut places: Vec<_> = (0..RECORDERS_MAX).map(|_| hand_out.connect().unwrap()).collect();
        assert_eq!(hand_out.connect().err(), Some(NoPlace));
        places.pop();
        assert!(hand_out.connect().is_ok());
        let mut asked: Vec<_> = (0..WAITING_MAX)
            .map(|_| Box::pin(hand_out.ask(room(1))))
            .collect();
        for one in &mut asked {
            assert!(one.as_mut().now_or_never().is_none());
        }
        assert!(!hand_out.ask(room(2)).await);
        asked.clear();
        assert!(hand_out.ask(room(2)).now_or_never().is_none());
        for _ in 0..1_000 {
            drop(hand_out.ready());
        }
        assert!(hand_out.waiting().recorders.len() <= 1);
    }
}
