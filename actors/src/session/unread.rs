//! What clients have not taken yet: how much of it a session may leave, and who must go when all together leave too much.
//!
//! Nobody is refused for what others have left. Who goes first holds much and has taken nothing for long: a client that reads is never
//! among them, wherever it comes from.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, time::Instant};

use super::link::Shared;
use crate::{
    frame::{Frame, bytes_held},
    protocol::limits::{ALL_QUEUES_BYTES_MAX, SESSION_QUEUE_BYTES_MAX},
};

/// Milliseconds between two looks at who must go: those of the last one are going.
const SHED_INTERVAL_MILLIS: u64 = 50;

/// How much is free again after that, as a part of all that there may be.
const SHED_PART: usize = 8;

/// Who has just begun to wait counts as if it had waited for so long.
const WAIT_MIN: Duration = Duration::from_millis(100);

/// From which times are counted.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// When the next look may be, in milliseconds.
static NEXT_SHED: AtomicU64 = AtomicU64::new(0);

/// All sessions of this process, by a number that none has twice.
static SESSIONS: LazyLock<Mutex<HashMap<u64, Weak<Shared>>>> = LazyLock::new(Mutex::default);
static NEXT_SESSION: AtomicU64 = AtomicU64::new(1);

fn sessions() -> MutexGuard<'static, HashMap<u64, Weak<Shared>>> {
    SESSIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds; never 0.
fn now() -> u64 {
    u64::try_from(BEGAN.elapsed().as_millis()).map_or(u64::MAX, |millis| millis + 1)
}

/// What a session has not taken yet.
#[derive(Default)]
pub(super) struct Unread {
    /// Its number among [`SESSIONS`].
    number: AtomicU64,
    bytes: AtomicUsize,
    /// Since when the socket takes nothing of what is being written; 0 while nothing is.
    writing_since: AtomicU64,
}

impl Unread {
    /// The session is among those that may have to go.
    pub fn register(&self, shared: Weak<Shared>) {
        let number = NEXT_SESSION.fetch_add(1, Ordering::Relaxed);
        self.number.store(number, Ordering::Relaxed);
        sessions().insert(number, shared);
    }

    /// Counts a frame that is to be queued, if it still fits. One of any size does where nothing waits.
    pub fn takes(&self, frame: &Frame) -> bool {
        let bytes = self.bytes.fetch_add(frame.bytes(), Ordering::Relaxed);
        let fits = bytes == 0 || bytes + frame.bytes() <= SESSION_QUEUE_BYTES_MAX;
        if !fits {
            self.bytes.fetch_sub(frame.bytes(), Ordering::Relaxed);
        }
        if bytes_held() > ALL_QUEUES_BYTES_MAX {
            shed();
        }
        fits
    }

    /// A frame is with the socket.
    pub fn taken(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Something is being written from now on.
    pub fn writes(&self) {
        self.writing_since.store(now(), Ordering::Relaxed);
    }

    /// It was written.
    pub fn written(&self) {
        self.writing_since.store(0, Ordering::Relaxed);
    }

    /// Nothing of what waits is sent any more.
    pub fn give_up(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How much memory it takes from others for how long: bytes times milliseconds.
    fn weight(&self, now: u64) -> u128 {
        let since = match self.writing_since.load(Ordering::Relaxed) {
            0 => now,
            since => since,
        };
        let wait = u128::from(now.saturating_sub(since)) + WAIT_MIN.as_millis();
        self.bytes() as u128 * wait
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        sessions().remove(&self.number.load(Ordering::Relaxed));
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unread").field(&self.bytes).finish()
    }
}

/// All sessions together have left too much: those go that weigh most.
fn shed() {
    let (now, next) = (now(), NEXT_SHED.load(Ordering::Relaxed));
    let later = now + SHED_INTERVAL_MILLIS;
    let is_mine = now >= next
        && NEXT_SHED
            .compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
    if !is_mine {
        return;
    }
    // A look at all sessions takes longer than whoever pushes a frame has.
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || cut_the_heaviest(now))),
        Err(_) => cut_the_heaviest(now),
    }
}

fn cut_the_heaviest(now: u64) {
    let held = bytes_held();
    let excess = held.saturating_sub(ALL_QUEUES_BYTES_MAX - ALL_QUEUES_BYTES_MAX / SHED_PART);
    let sessions: Vec<_> = sessions().values().filter_map(Weak::upgrade).collect();
    let mut by_weight: Vec<_> = sessions
        .iter()
        .filter(|shared| shared.unread.bytes() > 0 && !shared.is_cut())
        .map(|shared| (shared.unread.weight(now), shared))
        .collect();
    by_weight.sort_unstable_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let (mut freed, mut count) = (0, 0);
    for (_, shared) in by_weight {
        if freed >= excess {
            break;
        }
        freed += shared.unread.bytes();
        count += 1;
        shared.cut();
    }
    tracing::warn!(
        bytes.held = held,
        sessions.cut = count,
        "clients do not take what is sent to them: those that hold most for longest are cut"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const FRAME: usize = 1024 * 1024;

    fn frame(bytes: usize) -> Frame {
        Frame::new("x".repeat(bytes).into(), 1)
    }

    fn session() -> Arc<Shared> {
        let shared = Arc::<Shared>::default();
        shared.unread.register(Arc::downgrade(&shared));
        shared
    }

    #[test]
    fn a_session_takes_a_frame_of_any_size_and_then_so_much() {
        let unread = Unread::default();
        let (large, half, small) = (
            frame(SESSION_QUEUE_BYTES_MAX + 1),
            frame(SESSION_QUEUE_BYTES_MAX / 2 - 200),
            frame(500),
        );
        assert!(unread.takes(&large));
        assert!(!unread.takes(&small));
        unread.give_up();
        assert!(unread.takes(&half) && unread.takes(&half) && !unread.takes(&half));
        unread.taken(half.bytes());
        assert!(unread.takes(&half) && !unread.takes(&half));
    }

    #[test]
    fn who_holds_much_for_long_goes_first_and_whoever_reads_stays() {
        let mut waiting = Vec::new();
        let mut push = |to: &Arc<Shared>, bytes| {
            let frame = frame(bytes);
            assert!(to.unread.takes(&frame));
            waiting.push(frame);
        };
        // Some read, some have just come, and one has been slow with a little for long.
        let reading: Vec<_> = (0..20).map(|_| session()).collect();
        let (newcomer, slow) = (session(), session());
        let greedy: Vec<_> = (0..200).map(|_| session()).collect();
        for shared in &greedy {
            shared.unread.writes();
        }
        slow.unread.writes();
        push(&slow, 1_000);
        std::thread::sleep(Duration::from_millis(20));
        newcomer.unread.writes();
        push(&newcomer, FRAME / 2);
        for shared in &reading {
            push(shared, 200);
        }
        let mut greedy_ones = greedy.iter().cycle();
        while !greedy.iter().any(|shared| shared.is_cut()) {
            assert!(bytes_held() < 2 * ALL_QUEUES_BYTES_MAX, "nobody is cut");
            greedy_ones
                .by_ref()
                .take(10)
                .for_each(|shared| push(shared, FRAME));
        }
        for spared in reading.iter().chain([&newcomer, &slow]) {
            assert!(!spared.is_cut());
        }
        // So many that others have room again, and no more.
        let freed: usize = greedy
            .iter()
            .filter(|shared| shared.is_cut())
            .map(|shared| shared.unread.bytes())
            .sum();
        let part = ALL_QUEUES_BYTES_MAX / SHED_PART;
        assert!((part..part + 32 * FRAME).contains(&freed), "{freed}");
        drop(greedy);
        assert!(sessions().len() < 200);
    }
}
