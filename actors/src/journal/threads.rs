//! Threads for work on journals: nothing that may take long is done on those of the runtime.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use super::Doing;

/// Long pieces of work at once: snapshots, rooms that are read, begun or stopped.
const LONG: usize = 2;
/// Short ones: what waits for the disk after each batch.
const SHORT: usize = 32;
/// Writes at once on threads of the runtime: a disk that hangs has no more of them.
const IN_PLACE: usize = 1;
/// A write that takes longer than this has met a disk that others should not wait for.
const QUICK: Duration = Duration::from_millis(1);
/// For so long after it all writes are done elsewhere.
const SLOW: Duration = Duration::from_secs(1);

/// The threads, and how quick the disk was lately.
#[derive(Debug)]
pub struct Threads {
    long: Arc<Semaphore>,
    short: Arc<Semaphore>,
    began: Instant,
    /// In microseconds since the beginning.
    slow_until: AtomicU64,
    /// When the write began that was the first of those being done in place, in microseconds since the beginning; 0: none.
    in_place_since: AtomicU64,
    in_place: AtomicUsize,
}

impl Default for Threads {
    fn default() -> Self {
        Self {
            long: Arc::new(Semaphore::new(LONG)),
            short: Arc::new(Semaphore::new(SHORT)),
            began: Instant::now(),
            slow_until: AtomicU64::new(0),
            in_place_since: AtomicU64::new(0),
            in_place: AtomicUsize::new(0),
        }
    }
}

/// Microseconds, for ever at the end of time.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Threads {
    /// Does something that may take long, when it is its turn.
    pub async fn long<T, F>(&self, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        on_thread(Arc::clone(&self.long), work).await
    }

    /// Whether a write may be done right here: its disk was quick lately, and no other one hangs right now.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        let now = micros(self.began.elapsed());
        let since = self.in_place_since.load(Ordering::Relaxed);
        let hangs = since > 0 && now > since.saturating_add(micros(QUICK));
        !hangs
            && now >= self.slow_until.load(Ordering::Relaxed)
            && self.in_place.load(Ordering::Relaxed) < IN_PLACE
    }

    /// [`Threads::timed`] right here. Others look meanwhile whether it hangs.
    pub fn in_place<T>(&self, write: impl FnOnce() -> T) -> T {
        let now = micros(self.began.elapsed()).max(1);
        let first = self
            .in_place_since
            .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        self.in_place.fetch_add(1, Ordering::Relaxed);
        let written = self.timed(write);
        self.in_place.fetch_sub(1, Ordering::Relaxed);
        if first.is_ok() {
            self.in_place_since.store(0, Ordering::Relaxed);
        }
        written
    }

    /// Does a write and looks how long it takes.
    fn timed<T>(&self, write: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let written = write();
        if began.elapsed() > QUICK {
            let until = micros(self.began.elapsed().saturating_add(SLOW));
            self.slow_until.fetch_max(until, Ordering::Relaxed);
        }
        written
    }

    /// Does a write right here where the disk was quick lately, elsewhere otherwise, or where it `waits` for the disk anyway.
    pub fn write<F>(self: &Arc<Self>, waits: bool, write: F) -> Doing
    where
        F: FnOnce() -> io::Result<()> + Send + 'static,
    {
        if !waits && self.is_quick() {
            Doing::Over(self.in_place(write))
        } else {
            self.write_elsewhere(write)
        }
    }

    /// Does a write on another thread.
    pub fn write_elsewhere<F>(self: &Arc<Self>, write: F) -> Doing
    where
        F: FnOnce() -> io::Result<()> + Send + 'static,
    {
        let this = Arc::clone(self);
        Doing::UnderWay(Box::pin(async move {
            let short = Arc::clone(&this.short);
            on_thread(short, move || this.timed(write)).await?
        }))
    }
}

async fn on_thread<T, F>(places: Arc<Semaphore>, work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    // Nobody closes it.
    let place = places.acquire_owned().await.map_err(io::Error::other)?;
    let work = move || {
        let done = work();
        drop(place);
        done
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_a_write_hangs_others_are_not_done_in_place() {
        let threads = Arc::new(Threads::default());
        let beside = Arc::clone(&threads);
        threads.in_place(|| {
            std::thread::sleep(2 * QUICK);
            assert!(!beside.is_quick());
        });
        assert!(!threads.is_quick(), "it was slow");
    }

    #[test]
    fn one_is_done_in_place_at_a_time() {
        let threads = Threads::default();
        threads.in_place(|| assert!(!threads.is_quick()));
        assert!(threads.is_quick());
    }

    #[tokio::test]
    async fn behind_a_slow_write_others_are_done_elsewhere() {
        let threads = Arc::new(Threads::default());
        let here = std::thread::current().id();
        let is_over = |doing: &Doing| matches!(doing, Doing::Over(_));
        assert!(is_over(&threads.write(false, || Ok(()))));
        assert!(!is_over(&threads.write(true, || Ok(()))), "it waits for the disk");
        let slow = threads.write(false, || {
            std::thread::sleep(2 * QUICK);
            Ok(())
        });
        assert!(is_over(&slow));
        let Doing::UnderWay(next) = threads.write(false, move || {
            assert_ne!(std::thread::current().id(), here);
            Ok(())
        }) else {
            panic!("the disk is slow");
        };
        next.await.unwrap();
    }
}
