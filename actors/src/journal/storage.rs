//! A place for a log that its owner brings along: what the nodes of a cluster have in common, or the simulator's disk, which fails.

use std::{fmt, io};

use super::Doing;

/// Bytes that outlive the room which writes them. What is begun and takes time is over before the next is begun.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Puts these bytes in place of all that is there: wholly, or not at all. On a blocking thread.
    fn reset(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The same, beside the room.
    fn replace(&mut self, bytes: Vec<u8>) -> Doing;

    /// On a blocking thread.
    fn read(&self) -> io::Result<Vec<u8>>;

    /// The bytes are there when this is done. After a failure, nothing, all or a part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> Doing;

    /// Cuts off what is behind so many bytes. On a blocking thread.
    fn cut(&mut self, bytes: usize) -> io::Result<()>;

    fn delete(&self) -> Doing;

    /// The room lives: a quiet log must not look old.
    fn touch(&self) -> Doing {
        Doing::Over(Ok(()))
    }

    /// Whether several nodes have it in common: then it may be taken from the room, and [`Storage::touch`] says so.
    fn is_in_common(&self) -> bool {
        false
    }

    /// The log is kept for post-mortem, where there is a place for that.
    fn set_aside(&self) -> Doing {
        self.delete()
    }
}
