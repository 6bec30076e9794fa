//! Bytes of long frames that clients have not taken yet: of a session, of the network that it comes from, and of all.
//!
//! A frame counts from the moment it is queued until it is with the socket. Short ones are bounded by their number: nothing is counted
//! for them.

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
    protocol::limits::{ALL_QUEUES_BYTES_MAX, NETWORK_QUEUES_BYTES_MAX, SESSION_QUEUE_BYTES_MAX},
    room::access::Origin,
};

/// Of all sessions of this process.
static OF_ALL: AtomicUsize = AtomicUsize::new(0);

/// Of networks with open sessions, by how many of these they have.
static NETWORKS: LazyLock<Mutex<HashMap<OriginHash, (Network, usize)>>> = LazyLock::new(Mutex::default);

type Network = Arc<AtomicUsize>;

fn networks() -> MutexGuard<'static, HashMap<OriginHash, (Network, usize)>> {
    NETWORKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a session has not taken yet.
#[derive(Default)]
pub(super) struct Unread {
    own: AtomicUsize,
    /// None where limits by network do not hold.
    network: Option<(OriginHash, Network)>,
}

impl Unread {
    pub fn from(origin: Option<Origin>) -> Self {
        let counted = origin.filter(|origin| origin.counted);
        let network = counted.map(|Origin { network, .. }| {
            let mut networks = networks();
            let (bytes, sessions) = networks.entry(network).or_default();
            *sessions += 1;
            (network, Arc::clone(bytes))
        });
        Self {
            own: AtomicUsize::new(0),
            network,
        }
    }

    /// Counts a frame that is queued. Whether it still fits: who has one waiting leaves half of the place to those who have none.
    pub fn takes(&self, bytes: usize) -> bool {
        let before = self.own.fetch_add(bytes, Ordering::Relaxed);
        let of_network = self.network.as_ref();
        let of_network = of_network.map_or(0, |(_, network)| network.fetch_add(bytes, Ordering::Relaxed));
        let of_all = OF_ALL.fetch_add(bytes, Ordering::Relaxed);
        let share = if before == 0 { 1 } else { 2 };
        (before == 0 || before + bytes <= SESSION_QUEUE_BYTES_MAX)
            && of_network + bytes <= NETWORK_QUEUES_BYTES_MAX / share
            && of_all + bytes <= ALL_QUEUES_BYTES_MAX / share
    }

    /// So much is with the socket.
    pub fn taken(&self, bytes: usize) {
        self.own.fetch_sub(bytes, Ordering::Relaxed);
        self.remove(bytes);
    }

    fn remove(&self, bytes: usize) {
        if let Some((_, network)) = &self.network {
            network.fetch_sub(bytes, Ordering::Relaxed);
        }
        OF_ALL.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.own.load(Ordering::Relaxed)
    }

    /// Nothing of what waits is sent any more.
    pub fn give_up(&self) {
        self.remove(self.own.swap(0, Ordering::Relaxed));
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // What did not fit, too.
        self.give_up();
        let Some((network, _)) = self.network.take() else {
            return;
        };
        let mut networks = networks();
        if let Some((_, sessions)) = networks.get_mut(&network) {
            *sessions -= 1;
            if *sessions == 0 {
                networks.remove(&network);
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

    /// Sessions of a network of their own.
    fn sessions(network: u8, count: usize) -> Vec<Unread> {
        let origin = Origin {
            network: OriginHash::new([network; 32]),
            counted: true,
        };
        (0..count).map(|_| Unread::from(Some(origin))).collect()
    }

    fn accepted(sessions: &[Unread]) -> usize {
        sessions.iter().filter(|session| session.takes(FRAME)).count()
    }

    #[test]
    fn a_session_takes_a_frame_of_any_size_and_then_so_much() {
        let session = Unread::default();
        assert!(session.takes(SESSION_QUEUE_BYTES_MAX + 1));
        assert!(!session.takes(1));
        session.give_up();
        assert!(session.takes(FRAME) && session.takes(FRAME) && !session.takes(FRAME));
    }

    #[test]
    fn a_network_has_a_share_of_all_and_second_frames_have_half_of_it() {
        const SHARE: usize = NETWORK_QUEUES_BYTES_MAX / FRAME;
        let first = sessions(1, SHARE + 5);
        assert_eq!(accepted(&first[..SHARE / 4]), SHARE / 4);
        // Second ones, until half of it is taken; what does not fit counts until its session ends.
        assert_eq!(accepted(&first[..SHARE / 4]), SHARE / 4);
        assert_eq!(accepted(&first[..1]), 0);
        // First ones, until all is taken.
        assert_eq!(accepted(&first[SHARE / 4..]), SHARE / 2 - 1);
        let other = sessions(2, 1);
        assert_eq!(accepted(&other), 1, "another network has a share of its own");
        drop((first, other));
        assert!(!networks().contains_key(&OriginHash::new([1; 32])));
        assert_eq!(accepted(&sessions(1, 1)), 1);
    }

    #[test]
    fn what_is_taken_makes_place() {
        let session = &sessions(3, 1)[0];
        assert!(session.takes(FRAME) && session.takes(FRAME));
        session.taken(FRAME);
        assert!(session.takes(FRAME) && !session.takes(FRAME));
    }
}
