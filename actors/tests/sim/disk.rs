//! A disk that is slow, fails, says that it failed when it did not, and loses or garbles what was written last.

use std::{
    future::poll_fn,
    io,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
};

use colloquy_actors::journal::{Doing, Log, storage::Storage};

use super::chance::Chance;

/// A handle on the disk: it outlives every process that writes to it.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    /// The log; none when there is no file.
    log: Option<Vec<u8>>,
    /// Bytes of it that were put there as a whole: a crash does not lose them.
    whole: usize,
    /// Bytes of the snapshot that the log begins with.
    snapshot: usize,
    /// Appends do not end for now.
    busy: bool,
    /// A busy disk has the bytes long before it says so, or gets them only then.
    eager: bool,
    /// The next write fails.
    fault: Option<Fault>,
    delete_fails: bool,
}

/// What is written by an append that fails.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Nothing,
    /// So many thousandths.
    Part(usize),
    All,
}

/// What is left after the machine has lost its power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Nothing,
    Tail,
    Flipped,
    Garbage,
    /// Also what the file began with.
    Snapshot,
}

impl Disk {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().expect("a single thread")
    }

    pub fn log(&self) -> Log {
        Log::Port(Box::new(self.clone()))
    }

    pub fn has_log(&self) -> bool {
        self.platter().log.is_some()
    }

    pub fn is_busy(&self) -> bool {
        self.platter().busy
    }

    pub fn set_busy(&self, busy: bool, eager: bool) {
        let mut platter = self.platter();
        (platter.busy, platter.eager) = (busy, eager);
    }

    pub fn fail_next(&self, fault: Fault, delete_too: bool) {
        let mut platter = self.platter();
        (platter.fault, platter.delete_fails) = (Some(fault), delete_too);
    }

    /// Works again.
    pub fn heal(&self) {
        let mut platter = self.platter();
        (platter.busy, platter.fault, platter.delete_fails) = (false, None, false);
    }

    pub fn forget(&self) {
        self.platter().log = None;
    }

    /// The process is gone, and maybe the machine was.
    pub fn crash(&self, loss: Loss, chance: &mut Chance) {
        self.heal();
        let mut platter = self.platter();
        let (whole, snapshot) = (platter.whole, platter.snapshot);
        let Some(log) = &mut platter.log else { return };
        let tail = log.len() - whole;
        match loss {
            Loss::Tail => log.truncate(whole + chance.below(tail + 1)),
            Loss::Flipped if tail > 0 => log[whole + chance.below(tail)] ^= 1 << chance.below(8),
            Loss::Flipped | Loss::Nothing => {}
            Loss::Garbage => {
                let garbage = (0..chance.below(40)).map(|_| chance.number().to_le_bytes()[0]);
                log.extend(garbage.collect::<Vec<_>>());
            }
            // A snapshot that can't be read costs the whole log.
            Loss::Snapshot => log[chance.below(snapshot)] ^= 1 << chance.below(8),
        }
    }
}

impl Platter {
    fn write(&mut self, bytes: &[u8]) {
        self.log.get_or_insert_default().extend_from_slice(bytes);
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Beside the log, so that it stays as it was.
        if self.fault.take().is_some() {
            return Err(io::Error::other("the disk is full"));
        }
        (self.whole, self.snapshot) = (bytes.len(), bytes.len());
        self.log = Some(bytes.to_vec());
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = match self.fault.take() {
            None => {
                self.write(bytes);
                return Ok(());
            }
            Some(Fault::Nothing) => 0,
            Some(Fault::Part(thousandths)) => bytes.len() * thousandths / 1_000,
            Some(Fault::All) => bytes.len(),
        };
        self.write(&bytes[..written]);
        Err(io::Error::other("the disk is full"))
    }
}

impl Disk {
    /// Does something when the disk is not busy any more; an eager one does it before.
    fn when_ready(&self, mut work: impl FnMut(&mut Platter) -> io::Result<()> + Send + 'static) -> Doing {
        let (disk, mut done) = (self.clone(), None);
        Doing::UnderWay(Box::pin(poll_fn(move |_| {
            let mut platter = disk.platter();
            if done.is_none() && (platter.eager || !platter.busy) {
                done = Some(work(&mut platter));
            }
            if platter.busy {
                return Poll::Pending;
            }
            done.take().map_or(Poll::Pending, Poll::Ready)
        })))
    }
}

impl Storage for Disk {
    fn reset(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.platter().replace(bytes)
    }

    fn replace(&mut self, bytes: Vec<u8>) -> Doing {
        self.when_ready(move |platter| platter.replace(&bytes))
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let log = self.platter().log.clone();
        log.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn append(&mut self, bytes: &[u8]) -> Doing {
        let bytes = bytes.to_vec();
        self.when_ready(move |platter| platter.append(&bytes))
    }

    fn cut(&mut self, bytes: usize) -> io::Result<()> {
        let mut platter = self.platter();
        if platter.fault.take().is_some() {
            return Err(io::Error::other("the disk takes nothing"));
        }
        if let Some(log) = &mut platter.log {
            log.truncate(bytes);
        }
        platter.whole = platter.whole.min(bytes);
        Ok(())
    }

    fn delete(&self) -> Doing {
        self.when_ready(|platter| {
            if platter.delete_fails {
                return Err(io::Error::other("the disk takes nothing"));
            }
            platter.log = None;
            Ok(())
        })
    }
}
