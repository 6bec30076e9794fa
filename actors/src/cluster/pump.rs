//! Bytes between two nodes: what both ends of a connection do alike.

use std::{io, time::Duration};

use bytes::BytesMut;
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::edge::wire::{self, Nonsense, Read};

/// A sign of life is sent so often, whatever else is.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A node that is not heard for so long is not reached.
const SILENCE: Duration = Duration::from_secs(3);

/// What is read at once.
const READ_BYTES: usize = 64 * 1024;

/// Reads until the other side ends, falls silent, or talks nonsense.
pub async fn read<S, T>(
    mut stream: S,
    mut buffer: BytesMut,
    mut receive: impl FnMut(Read<T>) -> Result<(), Nonsense>,
) -> io::Result<()>
where
    S: AsyncRead + Unpin,
    T: DeserializeOwned,
{
    loop {
        while let Some(frame) = wire::take_frame(&mut buffer)? {
            receive(frame)?;
        }
        buffer.reserve(READ_BYTES);
        if timeout(SILENCE, stream.read_buf(&mut buffer)).await?? == 0 {
            return Ok(());
        }
    }
}

/// Where what is to be written comes from.
pub trait FrameSource: Send {
    /// Waits until there is something, and appends it; false when nothing comes any more.
    fn fill(&mut self, into: &mut BytesMut) -> impl Future<Output = bool> + Send;
}

/// Writes until there is nothing more to come, or the other side does not listen.
pub async fn write<S: AsyncWrite + Unpin>(mut stream: S, mut source: impl FrameSource) -> io::Result<()> {
    let mut beats = interval(HEARTBEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut buffer = BytesMut::new();
    loop {
        tokio::select! {
            biased;
            _ = beats.tick() => wire::put_heartbeat(&mut buffer),
            is_more = source.fill(&mut buffer) => if !is_more {
                return Ok(());
            },
        }
        stream.write_all(&buffer).await?;
        buffer.clear();
    }
}
