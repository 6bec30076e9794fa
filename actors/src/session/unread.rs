//! Bytes of frames that clients have not taken yet: of a session, of the networks that it comes from, and of all.
//!
//! A frame counts from the moment it is queued until it is with the socket; one that is refused does not count. What many get lies in
//! memory once: each of them is charged its part. Short frames that so many get that a part is next to nothing are bounded by their
//! number, and nothing is counted for them.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    ids::OriginHash,
    protocol::limits::{
        ALL_QUEUES_BYTES_MAX, NETWORK_QUEUES_PART, REGION_QUEUES_PART, SESSION_QUEUE_BYTES_MAX,
        SOCKET_LONG_FRAME_BYTES,
    },
};

/// Of all sessions of this process.
static OF_ALL: AtomicUsize = AtomicUsize::new(0);

/// Of networks with open sessions, by how many of these they have.
static NETWORKS: LazyLock<Mutex<HashMap<OriginHash, (Network, usize)>>> = LazyLock::new(Mutex::default);

type Network = Arc<AtomicUsize>;

fn networks() -> MutexGuard<'static, HashMap<OriginHash, (Network, usize)>> {
    NETWORKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a frame counts for one of those who get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// Its bytes, where it is a long one.
    own: usize,
    /// Its part of them.
    charge: usize,
}

impl Cost {
    /// None of a frame that is bounded by its number.
    pub fn of(bytes: usize, receivers: usize) -> Option<Self> {
        let is_long = bytes >= SOCKET_LONG_FRAME_BYTES;
        (is_long || receivers < FEW_RECEIVERS).then(|| Self {
            own: if is_long { bytes } else { 0 },
            charge: bytes.div_ceil(receivers.max(1)),
        })
    }
}

/// Receivers from which on the parts of a short frame are not worth counting.
const FEW_RECEIVERS: usize = 16;

/// What a session has not taken yet.
#[derive(Default)]
pub(super) struct Unread {
    /// Bytes of its long frames, whoever else gets them.
    own: AtomicUsize,
    /// What it is charged for all that is counted.
    charged: AtomicUsize,
    /// Networks that it comes from, each with the part of what is free that its clients may have.
    networks: Vec<(OriginHash, Network, usize)>,
}

impl Unread {
    /// Of a session from these networks, the narrowest first; none where limits by network do not hold.
    pub fn from(networks: &[OriginHash]) -> Self {
        let parts = [NETWORK_QUEUES_PART, REGION_QUEUES_PART];
        let mut counted = self::networks();
        let networks = networks.iter().zip(parts).map(|(network, part)| {
            let (bytes, sessions) = counted.entry(*network).or_default();
            *sessions += 1;
            (*network, Arc::clone(bytes), part)
        });
        Self {
            own: AtomicUsize::new(0),
            charged: AtomicUsize::new(0),
            networks: networks.collect(),
        }
    }

    /// Counts a frame that is to be queued, if it still fits. A network may have a part of what nobody has: whatever some take, something is
    /// left for others. Who has a frame waiting leaves half of that to those who have none.
    pub fn takes(&self, cost: Cost) -> bool {
        let (own, charged) = (
            self.own.load(Ordering::Relaxed),
            self.charged.load(Ordering::Relaxed),
        );
        // What is counted last is taken away first, so that no counter is ever below what is in it.
        let of_all = OF_ALL.fetch_add(cost.charge, Ordering::Relaxed);
        let share = if charged == 0 { 1 } else { 2 };
        let free = ALL_QUEUES_BYTES_MAX.saturating_sub(of_all);
        let mut fits = (own == 0 || own + cost.own <= SESSION_QUEUE_BYTES_MAX) && cost.charge <= free;
        for (_, network, part) in &self.networks {
            let of_network = network.fetch_add(cost.charge, Ordering::Relaxed);
            fits &= of_network + cost.charge <= free / (part * share);
        }
        if fits {
            self.charged.fetch_add(cost.charge, Ordering::Relaxed);
            self.own.fetch_add(cost.own, Ordering::Relaxed);
        } else {
            self.remove(cost.charge);
        }
        fits
    }

    /// A frame is with the socket.
    pub fn taken(&self, cost: Cost) {
        self.own.fetch_sub(cost.own, Ordering::Relaxed);
        self.charged.fetch_sub(cost.charge, Ordering::Relaxed);
        self.remove(cost.charge);
    }

    fn remove(&self, bytes: usize) {
        for (_, network, _) in &self.networks {
            network.fetch_sub(bytes, Ordering::Relaxed);
        }
        OF_ALL.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.charged.load(Ordering::Relaxed)
    }

    /// Nothing of what waits is sent any more.
    pub fn give_up(&self) {
        self.own.store(0, Ordering::Relaxed);
        self.remove(self.charged.swap(0, Ordering::Relaxed));
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.give_up();
        let mut counted = networks();
        for (network, ..) in &self.networks {
            if let Some((_, sessions)) = counted.get_mut(network) {
                *sessions -= 1;
                if *sessions == 0 {
                    counted.remove(network);
                }
            }
        }
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unread").field(&self.own).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = SESSION_QUEUE_BYTES_MAX / 2;

    /// What a network has at the most where no other has anything: so much that the rest is three times as much.
    const ALONE: usize = ALL_QUEUES_BYTES_MAX / (NETWORK_QUEUES_PART + 1) / FRAME;

    /// The tests count in the same place.
    static TURN: Mutex<()> = Mutex::new(());

    fn turn() -> MutexGuard<'static, ()> {
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions of a network of their own.
    fn sessions(network: u8, count: usize) -> Vec<Unread> {
        let network = [OriginHash::new([network; 32])];
        (0..count).map(|_| Unread::from(&network)).collect()
    }

    /// A frame for one session.
    fn one(bytes: usize) -> Cost {
        Cost::of(bytes, 1).expect("it counts")
    }

    #[test]
    fn what_many_get_is_charged_once() {
        let _turn = turn();
        let room = sessions(1, 700);
        let message = Cost::of(4_300, room.len()).expect("a long one");
        for _ in 0..240 {
            assert!(room.iter().all(|session| session.takes(message)));
        }
        assert!(OF_ALL.load(Ordering::Relaxed) < 240 * 5_000);
        // For each of them, it waits whole.
        let session = &room[0];
        assert!((0..5_000).any(|_| !session.takes(message)));
        assert_eq!(Cost::of(500, 16), None);
        assert_eq!(Cost::of(500, 2), Some(Cost { own: 0, charge: 250 }));
    }

    fn accepted(sessions: &[Unread]) -> usize {
        sessions
            .iter()
            .filter(|session| session.takes(one(FRAME)))
            .count()
    }

    #[test]
    fn a_session_takes_a_frame_of_any_size_and_then_so_much() {
        let _turn = turn();
        let session = Unread::default();
        assert!(session.takes(one(SESSION_QUEUE_BYTES_MAX + 1)));
        assert!(!session.takes(one(SOCKET_LONG_FRAME_BYTES)));
        session.give_up();
        assert!(session.takes(one(FRAME)) && session.takes(one(FRAME)) && !session.takes(one(FRAME)));
        session.taken(one(FRAME));
        assert!(session.takes(one(FRAME)) && !session.takes(one(FRAME)));
    }

    #[test]
    fn a_network_has_a_part_of_what_is_free_and_what_is_refused_takes_nothing() {
        let _turn = turn();
        let greedy = sessions(1, 10 * ALONE);
        let took = accepted(&greedy);
        assert!((ALONE - 1..=ALONE + 1).contains(&took), "{took}");
        assert_eq!(OF_ALL.load(Ordering::Relaxed), took * FRAME);
        // However many are greedy, somebody else gets something.
        let others: Vec<_> = (2..9).map(|network| sessions(network, 10 * ALONE)).collect();
        let took: Vec<_> = others.iter().map(|network| accepted(network)).collect();
        assert!(took[0] > ALONE / 2, "{took:?}");
        let late = sessions(50, 2);
        assert_eq!(accepted(&late), 2);
        drop((greedy, others, late));
        assert_eq!(OF_ALL.load(Ordering::Relaxed), 0);
        assert!(networks().is_empty());
    }

    #[test]
    fn networks_of_one_region_share_half_of_what_is_free() {
        let _turn = turn();
        let region = OriginHash::new([255; 32]);
        let of_region = |network: u8| -> Vec<_> {
            let networks = [OriginHash::new([network; 32]), region];
            (0..ALONE).map(|_| Unread::from(&networks)).collect()
        };
        let greedy: Vec<_> = (0..100).map(of_region).collect();
        let took: usize = greedy.iter().map(|network| accepted(network)).sum();
        let most = ALL_QUEUES_BYTES_MAX / (REGION_QUEUES_PART + 1) / FRAME;
        assert!((most - 1..=most + 1).contains(&took), "{took}");
        assert!(accepted(&sessions(200, ALONE)) > ALONE / 2);
    }

    #[test]
    fn who_has_something_waiting_leaves_half_to_others() {
        let _turn = turn();
        let network = sessions(1, ALONE);
        let first = accepted(&network[..ALONE / 4]);
        let second = accepted(&network[..ALONE / 4]);
        assert_eq!((first, second), (ALONE / 4, ALONE / 4));
        assert!(!network[0].takes(one(SOCKET_LONG_FRAME_BYTES)) || !network[1].takes(one(FRAME)));
        assert!(accepted(&network[ALONE / 4..]) >= ALONE / 4);
    }
}
