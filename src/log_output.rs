//! Where lines of the log go: stderr, as long as somebody reads it. A pipe that nobody empties must not stop the server, every thread
//! of which writes lines.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a pipe that is ready takes without making its writer wait (`PIPE_BUF` of Linux; POSIX promises 512).
const PIECE_BYTES: usize = 4096;

/// How long the first line waits for a reader that is only slow. The next ones do not wait until it reads again.
const TIME_LIMIT: Duration = Duration::from_millis(200);

/// Of the time, one part in so many is spent with waiting at most, however slow the reader is: it is the time of threads that have
/// something else to do.
const WAITS_OF: u32 = 20;

/// Lines that were lost since they were last told.
static LOST: AtomicU64 = AtomicU64::new(0);

/// The number of lines that were lost since this was last asked, as nobody read them.
pub fn take_lost() -> u64 {
    LOST.swap(0, Ordering::Relaxed)
}

/// A writer that gives a line up rather than wait for long. Each `write` is a whole line.
#[derive(Debug)]
pub struct Patient<W> {
    to: W,
    /// Nobody read when it last tried.
    is_stuck: AtomicBool,
    patience: Mutex<Patience>,
}

/// How long lines may still wait.
#[derive(Debug)]
struct Patience {
    left: Duration,
    as_of: Option<Instant>,
}

impl Patience {
    /// What is left now.
    fn left(&mut self) -> Duration {
        let now = Instant::now();
        let passed = self
            .as_of
            .replace(now)
            .map_or(Duration::ZERO, |before| now - before);
        self.left = (self.left + passed / WAITS_OF).min(TIME_LIMIT);
        self.left
    }
}

impl<W> Patient<W> {
    pub const fn new(to: W) -> Self {
        Self {
            to,
            is_stuck: AtomicBool::new(false),
            patience: Mutex::new(Patience {
                left: TIME_LIMIT,
                as_of: None,
            }),
        }
    }
}

/// The log's own.
pub static STDERR: Patient<Stderr> = Patient::new(Stderr);

/// Standard error, whose lock keeps lines whole.
#[derive(Debug)]
pub struct Stderr;

/// Something that several threads may write lines to.
pub trait Lines {
    type Lock<'a>: Write + AsFd
    where
        Self: 'a;

    fn lock(&self) -> Self::Lock<'_>;
}

impl Lines for Stderr {
    type Lock<'a> = io::StderrLock<'a>;

    fn lock(&self) -> io::StderrLock<'_> {
        io::stderr().lock()
    }
}

impl<W: Lines> Write for &Patient<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut to = self.to.lock();
        let was_stuck = self.is_stuck.load(Ordering::Relaxed);
        let mut patience = self.patience.lock().unwrap_or_else(PoisonError::into_inner);
        let left = patience.left();
        let mut time_limit = if was_stuck { Duration::ZERO } else { left };
        // A line that was cut must not run into the next.
        let begin: &[u8] = if was_stuck { b"\n" } else { b"" };
        for piece in std::iter::once(begin).chain(line.chunks(PIECE_BYTES)) {
            if piece.is_empty() {
                continue;
            }
            let waits_since = Instant::now();
            let is_taken = takes(&to, time_limit);
            patience.left = patience.left.saturating_sub(waits_since.elapsed());
            if !is_taken {
                self.is_stuck.store(true, Ordering::Relaxed);
                LOST.fetch_add(1, Ordering::Relaxed);
                return Ok(line.len());
            }
            to.write_all(piece)?;
            time_limit = patience.left;
        }
        self.is_stuck.store(false, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a piece can be written without waiting, within so long. Where that can't be told, it is tried.
fn takes(to: &impl AsFd, time_limit: Duration) -> bool {
    let timeout = Timespec::try_from(time_limit).ok();
    let mut waits_for = [PollFd::new(to, PollFlags::OUT)];
    match poll(&mut waits_for, timeout.as_ref()) {
        Ok(ready) => ready > 0,
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read as _, sync::MutexGuard, thread};

    use super::*;

    /// The writing end of a pipe.
    struct Pipe(Mutex<io::PipeWriter>);

    struct Locked<'a>(MutexGuard<'a, io::PipeWriter>);

    impl Write for Locked<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    impl AsFd for Locked<'_> {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl Lines for Pipe {
        type Lock<'a> = Locked<'a>;

        fn lock(&self) -> Locked<'_> {
            Locked(self.0.lock().unwrap())
        }
    }

    #[test]
    fn a_pipe_that_nobody_reads_stops_nobody() {
        let (mut reader, writer) = io::pipe().unwrap();
        let log = Patient::new(Pipe(Mutex::new(writer)));
        let line = [&[b'x'; 999][..], b"\n"].concat();
        let before = Instant::now();
        for _ in 0..10_000 {
            (&log).write_all(&line).unwrap();
        }
        // One wait, not ten thousand.
        assert!(before.elapsed() < TIME_LIMIT * 25, "{:?}", before.elapsed());
        assert!(take_lost() > 9_000);
        // Whoever reads again gets whole lines.
        let mut read = vec![0; 64 * 1024];
        let first = reader.read(&mut read).unwrap();
        assert!(first > 0);
        (&log).write_all(b"again\n").unwrap();
        drop(log);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("\nagain\n"), "{rest}");
    }

    /// One that reads a little now and then, so that lines come through and the pipe is always full.
    #[test]
    fn a_slow_reader_costs_little_time() {
        let (mut reader, writer) = io::pipe().unwrap();
        let log = Patient::new(Pipe(Mutex::new(writer)));
        let reading = thread::spawn(move || {
            let mut piece = [0; PIECE_BYTES];
            while reader.read(&mut piece).is_ok_and(|read| read > 0) {
                thread::sleep(Duration::from_millis(50));
            }
        });
        let line = [&[b'z'; 999][..], b"\n"].concat();
        let (began, mut waited) = (Instant::now(), Duration::ZERO);
        while began.elapsed() < Duration::from_secs(2) {
            let before = Instant::now();
            (&log).write_all(&line).unwrap();
            waited += before.elapsed();
            thread::sleep(Duration::from_millis(1));
        }
        // 200 ms at first, and a twentieth of the time.
        assert!(
            waited < 5 * (TIME_LIMIT + began.elapsed() / WAITS_OF),
            "{waited:?}"
        );
        drop(log);
        reading.join().unwrap();
    }

    #[test]
    fn a_file_takes_everything() {
        struct Whole(File);
        impl Lines for Whole {
            type Lock<'a> = &'a File;
            fn lock(&self) -> &File {
                &self.0
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let log = Patient::new(Whole(file.reopen().unwrap()));
        let line = vec![b'y'; 1_000_000];
        (&log).write_all(&line).unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), line);
    }
}
