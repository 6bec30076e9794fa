//! The writer task: drains the queue and flushes once per batch.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{SinkExt, stream::SplitSink};
use ractor::ActorRef;
use tokio::sync::mpsc;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message, Utf8Bytes,
        protocol::{CloseFrame, frame::coding},
    },
};

use super::{
    SessionMsg, Socket,
    link::{Outgoing, Shared},
    pieces,
};
use crate::protocol::{
    codes::CloseCode,
    limits::{
        CLOSE_WAIT_SECS, SOCKET_FRAME_BYTES_MAX, SOCKET_LONG_FRAME_BYTES, WRITE_STALL_SECS,
        WRITER_BATCH_FRAMES,
    },
};

type Sink<S> = SplitSink<WebSocketStream<S>, Message>;

/// Runs until the session is closed, the socket fails or the client takes nothing for too long.
pub(super) async fn run<S: Socket>(
    mut sink: Sink<S>,
    mut queue: mpsc::Receiver<Outgoing>,
    shared: Arc<Shared>,
    actor: ActorRef<SessionMsg>,
) {
    let last = drain(&mut sink, &mut queue, &shared).await;
    // Waiting for the other side keeps nothing of what is not sent.
    drop(queue);
    shared.unread.give_up();
    if let Some(code) = last {
        let closing = async {
            sink.send(Message::Close(Some(CloseFrame {
                code: code.into(),
                reason: "".into(),
            })))
            .await?;
            sink.close().await
        };
        // Whoever does not take the close frame in time does without.
        let _ = tokio::time::timeout(Duration::from_secs(CLOSE_WAIT_SECS), closing).await;
    }
    // The actor may have stopped already.
    let _ = actor.cast(SessionMsg::Written);
}

/// Writes until it must stop; returns the code to close with, none when the socket is broken.
async fn drain<S: Socket>(
    sink: &mut Sink<S>,
    queue: &mut mpsc::Receiver<Outgoing>,
    shared: &Shared,
) -> Option<CloseCode> {
    let mut batch = Vec::new();
    loop {
        // Also of who is cut while nothing waits for it: what it was to get did not fit.
        let received = tokio::select! {
            biased;
            () = shared.cut_now.notified() => return Some(CloseCode::TryAgain),
            received = queue.recv_many(&mut batch, WRITER_BATCH_FRAMES) => received,
        };
        if received == 0 {
            return None;
        }
        shared.unread.writes();
        let written = tokio::select! {
            biased;
            () = shared.cut_now.notified() => return Some(CloseCode::TryAgain),
            written = while_taken(shared, write(sink, &mut batch, shared)) => written,
        };
        shared.unread.written();
        match written {
            None => return Some(CloseCode::TryAgain),
            Some(Err(_broken)) => return None,
            Some(Ok(Some(code))) => return Some(code),
            Some(Ok(None)) => {}
        }
    }
}

/// Does something as long as the client takes anything of it; none when it does not.
async fn while_taken<T>(shared: &Shared, writing: impl Future<Output = T>) -> Option<T> {
    let mut writing = pin!(writing);
    let (mut taken, mut looks) = (shared.taken.load(Ordering::Relaxed), 0);
    while looks < WRITE_STALL_SECS {
        if let Ok(written) = tokio::time::timeout(Duration::from_secs(1), writing.as_mut()).await {
            return Some(written);
        }
        let now = shared.taken.load(Ordering::Relaxed);
        looks = if now == taken { looks + 1 } else { 0 };
        taken = now;
    }
    None
}

/// Feeds a batch and flushes once. Returns the code when the batch says to close.
async fn write<S: Socket>(
    sink: &mut Sink<S>,
    batch: &mut Vec<Outgoing>,
    shared: &Shared,
) -> Result<Option<CloseCode>, tungstenite::Error> {
    for outgoing in batch.drain(..) {
        match outgoing {
            Outgoing::Text(frame) => {
                // It is held, and counts, until it is with the socket.
                feed(sink, frame.text()).await?;
                shared.unread.taken(frame.bytes());
            }
            Outgoing::Ping => sink.feed(Message::Ping(bytes::Bytes::new())).await?,
            Outgoing::Close(code) => return Ok(Some(code)),
        }
    }
    sink.flush().await?;
    Ok(None)
}

/// Feeds a frame of any length; a long one is with the socket then.
async fn feed<S: Socket>(sink: &mut Sink<S>, frame: &Utf8Bytes) -> Result<(), tungstenite::Error> {
    let bytes = frame.len();
    if bytes <= SOCKET_FRAME_BYTES_MAX {
        sink.feed(Message::Text(frame.clone())).await?;
    } else {
        for piece in pieces::messages(frame.clone()) {
            sink.feed(piece).await?;
        }
    }
    if bytes >= SOCKET_LONG_FRAME_BYTES {
        sink.flush().await?;
    }
    Ok(())
}

impl From<CloseCode> for coding::CloseCode {
    fn from(code: CloseCode) -> Self {
        code.number().into()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use tokio::io::AsyncReadExt as _;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;
    use crate::{frame::Frame, session::socket_config};

    /// What it was to get did not fit: nothing else will wake its writer for a while.
    #[tokio::test(start_paused = true)]
    async fn who_is_cut_while_nothing_waits_is_closed_at_once() {
        let (ours, _theirs) = tokio::io::duplex(1_024);
        let socket = WebSocketStream::from_raw_socket(ours, Role::Server, Some(socket_config())).await;
        let (mut sink, _stream) = socket.split();
        let (_queue, mut receiver) = mpsc::channel(1);
        let shared = Shared::default();
        let draining = drain(&mut sink, &mut receiver, &shared);
        let cutting = async {
            tokio::task::yield_now().await;
            shared.cut_now.notify_one();
            std::future::pending::<()>().await;
        };
        let closed = tokio::select! {
            code = draining => code,
            () = cutting => None,
            () = tokio::time::sleep(Duration::from_secs(1)) => panic!("it sleeps"),
        };
        assert_eq!(closed, Some(CloseCode::TryAgain));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_anything_is_waited_for_and_who_takes_nothing_is_not() {
        let shared = Shared::default();
        let slow = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(WRITE_STALL_SECS - 1)).await;
                shared.taken.fetch_add(1, Ordering::Relaxed);
            }
        };
        assert_eq!(while_taken(&shared, slow).await, Some(()));
        let began = tokio::time::Instant::now();
        assert_eq!(while_taken(&shared, std::future::pending::<()>()).await, None);
        assert_eq!(began.elapsed().as_secs(), WRITE_STALL_SECS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_counts_until_it_is_with_the_socket() {
        const BYTES: usize = 100_000;
        let (ours, mut theirs) = tokio::io::duplex(1_024);
        let socket = WebSocketStream::from_raw_socket(ours, Role::Server, Some(socket_config())).await;
        let (mut sink, _stream) = socket.split();
        let shared = Shared::default();
        let frame = Frame::new("x".repeat(BYTES).into(), 1);
        assert!(shared.unread.takes(&frame));
        let mut batch = vec![Outgoing::Text(frame)];
        let mut writing = std::pin::pin!(write(&mut sink, &mut batch, &shared));
        let stuck = tokio::time::timeout(Duration::from_secs(1), writing.as_mut()).await;
        assert!(stuck.is_err());
        assert!(shared.unread.bytes() > BYTES);
        let mut read = vec![0; 2 * BYTES];
        let reading = async { while theirs.read(&mut read).await.expect("more") > 0 {} };
        tokio::select! {
            () = reading => panic!("closed"),
            written = writing => assert!(written.expect("written").is_none()),
        }
        assert_eq!(shared.unread.bytes(), 0);
    }
}
