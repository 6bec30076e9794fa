//! Where lines of the log go: stderr, as long as somebody reads it. A pipe that nobody empties must not stop the server, every thread
//! of which writes lines.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a pipe that is ready takes without making its writer wait (`PIPE_BUF` of Linux; POSIX promises 512).
const PIECE_BYTES: usize = 4096;

/// How long the first line waits for a reader that is only slow. The next ones do not wait until it reads again.
const TIME_LIMIT: Duration = Duration::from_millis(200);

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
}

impl<W> Patient<W> {
    pub const fn new(to: W) -> Self {
        Self {
            to,
            is_stuck: AtomicBool::new(false),
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
        let mut time_limit = if was_stuck { Duration::ZERO } else { TIME_LIMIT };
        // A line that was cut must not run into the next.
        let begin: &[u8] = if was_stuck { b"\n" } else { b"" };
        for piece in std::iter::once(begin).chain(line.chunks(PIECE_BYTES)) {
            if piece.is_empty() {
                continue;
            }
            if !takes(&to, time_limit) {
                self.is_stuck.store(true, Ordering::Relaxed);
                LOST.fetch_add(1, Ordering::Relaxed);
                return Ok(line.len());
            }
            to.write_all(piece)?;
            time_limit = TIME_LIMIT;
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
    use std::{
        fs::File,
        io::Read as _,
        sync::{Mutex, MutexGuard},
        time::Instant,
    };

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
