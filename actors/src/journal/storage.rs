//! A place for a log that its owner brings along: the simulator's disk, which fails.

use std::{fmt, io};

use crate::ports::BoxFuture;

/// Bytes that outlive the room which writes them.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Puts these bytes in place of all that is there: wholly, or not at all.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;

    fn read(&self) -> io::Result<Vec<u8>>;

    /// The bytes are there when this is done. After a failure, nothing, all or a part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> BoxFuture<'static, io::Result<()>>;

    /// Cuts off what is behind so many bytes.
    fn cut(&mut self, bytes: usize) -> io::Result<()>;

    fn delete(&self) -> io::Result<()>;
}
