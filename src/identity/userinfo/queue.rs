//! Who may ask userinfo now, and who waits: a provider that is slow must not be flooded, and who needs an answer goes first.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::identity::limits::{USERINFO_AT_ONCE, USERINFO_AWAITED_MAX, USERINFO_BESIDE_MAX};

/// Whether somebody waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::identity) enum Urgency {
    Awaited,
    Beside,
}

/// Gives out [`USERINFO_AT_ONCE`] places. Clones are one.
#[derive(Debug, Clone, Default)]
pub(in crate::identity) struct Queue(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    taken: usize,
    last_ticket: u64,
    awaited: VecDeque<Waiter>,
    beside: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    place: oneshot::Sender<Place>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(in crate::identity) struct Place(Option<Queue>);

/// Somebody in the queue.
#[derive(Debug)]
pub(in crate::identity) struct Turn {
    pub ticket: u64,
    place: oneshot::Receiver<Place>,
}

impl Turn {
    /// Waits for the place. `None` when the queue is gone.
    pub async fn come(self) -> Option<Place> {
        self.place.await.ok()
    }
}

impl Queue {
    /// `None` when too many wait already.
    pub fn enter(&self, urgency: Urgency) -> Option<Turn> {
        let mut waiting = self.lock();
        waiting.last_ticket += 1;
        let ticket = waiting.last_ticket;
        let (sender, receiver) = oneshot::channel();
        let turn = Turn {
            ticket,
            place: receiver,
        };
        if waiting.taken < USERINFO_AT_ONCE {
            waiting.taken += 1;
            drop(waiting);
            // The receiver is right here.
            let _ = sender.send(Place(Some(self.clone())));
            return Some(turn);
        }
        let (line, waiters_max) = match urgency {
            Urgency::Awaited => (&mut waiting.awaited, USERINFO_AWAITED_MAX),
            Urgency::Beside => (&mut waiting.beside, USERINFO_BESIDE_MAX),
        };
        if line.len() >= waiters_max {
            return None;
        }
        line.push_back(Waiter {
            ticket,
            place: sender,
        });
        Some(turn)
    }

    /// Somebody waits now for an answer that was to be asked for beside.
    pub fn hurry(&self, ticket: u64) {
        let waiting = &mut *self.lock();
        if waiting.awaited.len() >= USERINFO_AWAITED_MAX {
            return;
        }
        let index = waiting.beside.iter().position(|waiter| waiter.ticket == ticket);
        let waiter = index.and_then(|index| waiting.beside.remove(index));
        waiting.awaited.extend(waiter);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Waiter> {
        let waiting = &mut *self.lock();
        let next = waiting.awaited.pop_front().or_else(|| waiting.beside.pop_front());
        if next.is_none() {
            waiting.taken -= 1;
        }
        next
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(queue) = self.0.take() else { return };
        while let Some(next) = queue.next() {
            match next.place.send(Self(Some(queue.clone()))) {
                Ok(()) => return,
                // Whoever does not wait any more is passed over: this one must not look for the next by itself.
                Err(mut returned) => returned.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn filled(queue: &Queue) -> Vec<Place> {
        let mut places = Vec::new();
        for _ in 0..USERINFO_AT_ONCE {
            let turn = queue.enter(Urgency::Beside).expect("a place");
            places.push(turn.come().await.expect("a place"));
        }
        places
    }

    fn is_there(turn: &mut Turn) -> bool {
        !matches!(turn.place.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    #[tokio::test]
    async fn who_is_awaited_goes_first_and_who_went_away_is_passed_over() {
        let queue = Queue::default();
        let mut places = filled(&queue).await;
        let enter = |urgency| queue.enter(urgency).expect("room to wait");
        let mut beside = enter(Urgency::Beside);
        let gone = enter(Urgency::Awaited);
        let mut awaited = enter(Urgency::Awaited);
        let mut hurried = enter(Urgency::Beside);
        queue.hurry(hurried.ticket);
        drop(gone);
        for next in [&mut awaited, &mut hurried, &mut beside] {
            assert!(!is_there(next));
            // Dropped at once: the place that came with it goes on to the next.
            drop(places.pop());
            let place = next.place.try_recv().expect("the next place");
            places.insert(0, place);
        }
    }

    #[tokio::test]
    async fn places_come_back_and_the_line_has_an_end() {
        let queue = Queue::default();
        let places = filled(&queue).await;
        let turns: Vec<_> = (0..USERINFO_BESIDE_MAX)
            .map(|_| queue.enter(Urgency::Beside).expect("room to wait"))
            .collect();
        assert!(queue.enter(Urgency::Beside).is_none());
        assert!(queue.enter(Urgency::Awaited).is_some());
        drop((turns, places));
        assert_eq!(queue.lock().taken, 0);
        assert_eq!(filled(&queue).await.len(), USERINFO_AT_ONCE);
    }
}
