//! The writer task: the only one that writes to a socket.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ractor::ActorRef;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
};

use super::{
    SessionMsg,
    batch::{Batch, Until},
    link::{Outgoing, Shared},
    pieces,
};
use crate::protocol::{
    codes::CloseCode,
    limits::{CLOSE_WAIT_SECS, WRITE_STALL_SECS, WRITER_BATCH_FRAMES},
};

/// Runs until the session is closed, the socket fails or the client takes nothing for too long.
pub(super) async fn run<W: AsyncWrite + Unpin>(
    mut socket: W,
    mut queue: mpsc::Receiver<Outgoing>,
    shared: Arc<Shared>,
    actor: ActorRef<SessionMsg>,
) {
    let mut batch = Batch::default();
    let last = drain(&mut socket, &mut queue, &mut batch, &shared).await;
    // Waiting for the other side keeps nothing of what is not sent, but the frame that is begun.
    drop(queue);
    shared.unread.give_up();
    batch.keep_what_is_begun();
    let is_answered = last.is_some() && shared.replies.close();
    if let Some(code) = last {
        // Whoever does not take the close frame in time does without.
        let ours = (!is_answered).then_some(code);
        let closing = close(&mut socket, &mut batch, &shared, ours);
        let _ = tokio::time::timeout(Duration::from_secs(CLOSE_WAIT_SECS), closing).await;
    }
    // The actor may have stopped already.
    let _ = actor.cast(SessionMsg::Written { is_answered });
}

/// The last frame, behind the rest of one that is begun: the answer to the client's close frame, or ours.
async fn close<W: AsyncWrite + Unpin>(
    socket: &mut W,
    batch: &mut Batch,
    shared: &Shared,
    ours: Option<CloseCode>,
) -> io::Result<()> {
    poll_fn(|cx| batch.poll(cx, Pin::new(socket), shared, Until::EndOfFrame)).await?;
    if let Some(replies) = shared.replies.take() {
        socket.write_all(&replies).await?;
    }
    if let Some(code) = ours {
        let [high, low] = code.number().to_be_bytes();
        socket.write_all(&pieces::close_frame([high, low])).await?;
    }
    socket.flush().await
}

/// Writes until it must stop; returns the code to close with, none when the socket is broken.
async fn drain<W: AsyncWrite + Unpin>(
    socket: &mut W,
    queue: &mut mpsc::Receiver<Outgoing>,
    batch: &mut Batch,
    shared: &Shared,
) -> Option<CloseCode> {
    loop {
        // Also of who is cut while nothing waits for it: what it was to get did not fit.
        tokio::select! {
            biased;
            () = shared.cut_now.notified() => return Some(CloseCode::TryAgain),
            received = queue.recv_many(&mut batch.queued, WRITER_BATCH_FRAMES) => {
                if received == 0 {
                    return None;
                }
            }
            () = shared.replies.arrived.notified() => {}
        }
        shared.unread.writes();
        let written = tokio::select! {
            biased;
            () = shared.cut_now.notified() => return Some(CloseCode::TryAgain),
            written = while_taken(shared, write(socket, batch, shared)) => written,
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

/// Writes a batch, and what the library answers meanwhile. Returns the code when the batch says to close, or the client has.
async fn write<W: AsyncWrite + Unpin>(
    socket: &mut W,
    batch: &mut Batch,
    shared: &Shared,
) -> io::Result<Option<CloseCode>> {
    poll_fn(|cx| batch.poll(cx, Pin::new(socket), shared, Until::EndOfBatch)).await?;
    // What was queued behind the end is not sent.
    let last = match batch.queued.get(batch.index) {
        _ if batch.is_over => Some(CloseCode::Normal),
        Some(Outgoing::Close(code)) => Some(*code),
        _ => None,
    };
    batch.queued.clear();
    batch.index = 0;
    socket.flush().await?;
    Ok(last)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use tokio::io::AsyncReadExt as _;
    use tokio_tungstenite::{
        WebSocketStream,
        tungstenite::{Message, protocol::Role},
    };

    use super::*;
    use crate::frame::Frame;

    /// What it was to get did not fit: nothing else will wake its writer for a while.
    #[tokio::test(start_paused = true)]
    async fn who_is_cut_while_nothing_waits_is_closed_at_once() {
        let (mut ours, _theirs) = tokio::io::duplex(1_024);
        let (_queue, mut receiver) = mpsc::channel(1);
        let shared = Shared::default();
        let mut batch = Batch::default();
        let draining = drain(&mut ours, &mut receiver, &mut batch, &shared);
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
        let (mut ours, mut theirs) = tokio::io::duplex(1_024);
        let shared = Shared::default();
        let frame = Frame::new("x".repeat(BYTES).into(), 1);
        assert!(shared.unread.takes(&frame));
        let mut batch = of(vec![Outgoing::Text(frame)]);
        let mut writing = std::pin::pin!(write(&mut ours, &mut batch, &shared));
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

    fn of(queued: Vec<Outgoing>) -> Batch {
        Batch::of(queued)
    }

    /// Closes as [`run`] does.
    async fn end<W: AsyncWrite + Unpin>(socket: &mut W, batch: &mut Batch, shared: &Shared, code: CloseCode) {
        batch.keep_what_is_begun();
        let ours = (!shared.replies.close()).then_some(code);
        let closed = close(socket, batch, shared, ours).await;
        closed.expect("closed");
    }

    fn text(length: usize) -> Outgoing {
        Outgoing::Text(Frame::new(
            "aä€😀".chars().cycle().take(length).collect::<String>().into(),
            1,
        ))
    }

    /// Batches of all kinds through a pipe that takes a few bytes at a time, read by the library.
    #[tokio::test(start_paused = true)]
    async fn batches_arrive_as_they_were_queued() {
        for pipe in [1, 7, 1_000, 1_000_000] {
            let (mut ours, theirs) = tokio::io::duplex(pipe);
            let lengths = [0, 1, 50, 125, 3_000, 40_000, 2];
            let mut batch: Vec<_> = (0..70).flat_map(|_| [text(3), Outgoing::Ping]).collect();
            batch.extend(lengths.map(text));
            let length = batch.len();
            batch.extend([Outgoing::Close(CloseCode::Restart), text(9), Outgoing::Ping]);
            let expected = batch[..length].iter().filter_map(|outgoing| match outgoing {
                Outgoing::Text(frame) => Some(Message::Text(frame.text().clone())),
                Outgoing::Ping => Some(Message::Ping(bytes::Bytes::new())),
                Outgoing::Close(_) => None,
            });
            let expected: Vec<_> = expected.collect();
            let writing = async {
                let shared = Shared::default();
                let mut batch = of(batch);
                let last = write(&mut ours, &mut batch, &shared).await.expect("written");
                assert_eq!(last, Some(CloseCode::Restart));
                end(&mut ours, &mut batch, &shared, CloseCode::Restart).await;
                drop(ours);
            };
            let mut theirs = theirs;
            let mut bytes = Vec::new();
            let ((), read) = tokio::join!(writing, theirs.read_to_end(&mut bytes));
            read.expect("all");
            // It answers pings.
            let (to_client, mut from_us) = tokio::io::duplex(1_000_000);
            from_us.write_all(&bytes).await.expect("room");
            let client = WebSocketStream::from_raw_socket(to_client, Role::Client, None).await;
            let read = client
                .map(|message| message.expect("whole"))
                .take(expected.len() + 1);
            let read: Vec<_> = read.collect().await;
            assert_eq!(read[..expected.len()], expected, "a pipe of {pipe}");
            let Message::Close(Some(frame)) = &read[expected.len()] else {
                panic!("no close frame: {:?}", read.last());
            };
            assert_eq!(u16::from(frame.code), CloseCode::Restart.number());
        }
    }

    /// Who is cut in the middle of a frame gets its rest, and then the close frame.
    #[tokio::test(start_paused = true)]
    async fn who_is_cut_amid_a_frame_hears_why() {
        const PONG: &[u8] = &[0x8a, 5, b'h', b'e', b'l', b'l', b'o'];
        for (pipe, pong) in [(1, false), (7, false), (1_000, false), (3, true)] {
            let (mut ours, mut theirs) = tokio::io::duplex(pipe);
            let shared = Shared::default();
            let mut batch = of(vec![text(900), text(40_000), text(5)]);
            if pong {
                shared.replies.add(PONG);
            }
            let stuck = tokio::time::timeout(Duration::from_secs(1), write(&mut ours, &mut batch, &shared));
            assert!(stuck.await.is_err(), "it is in the middle");
            let ending = async {
                end(&mut ours, &mut batch, &shared, CloseCode::TryAgain).await;
                drop(ours);
            };
            let mut bytes = Vec::new();
            let ((), read) = tokio::join!(ending, theirs.read_to_end(&mut bytes));
            read.expect("all");
            let (to_client, mut from_us) = tokio::io::duplex(1_000_000);
            from_us.write_all(&bytes).await.expect("room");
            let mut client = WebSocketStream::from_raw_socket(to_client, Role::Client, None).await;
            let first = client.next().await.expect("more").expect("whole");
            match first {
                Message::Pong(payload) => assert!(pong && payload == "hello"),
                Message::Text(whole) => assert!(!pong && whole.chars().count() == 900),
                other => panic!("{other:?}"),
            }
            let Some(Ok(Message::Close(Some(frame)))) = client.next().await else {
                panic!("no close frame");
            };
            assert_eq!(u16::from(frame.code), CloseCode::TryAgain.number());
        }
    }

    /// A pong waits for one piece of a long message, not for all of it.
    #[tokio::test(start_paused = true)]
    async fn a_pong_gets_through_amid_a_long_message() {
        const PONG: &[u8] = &[0x8a, 0];
        let (mut ours, mut theirs) = tokio::io::duplex(1_024);
        let shared = Shared::default();
        let mut batch = of(vec![text(400_000)]);
        let writing = async {
            write(&mut ours, &mut batch, &shared).await.expect("written");
            drop(ours);
        };
        let reading = async {
            let mut read = vec![0; 20_000];
            theirs.read_exact(&mut read).await.expect("more");
            shared.replies.add(PONG);
            let before = read.len();
            theirs.read_to_end(&mut read).await.expect("all");
            let mut at = 0;
            // The heads, one after the other.
            while read[at] != PONG[0] {
                let length = match read[at + 1] {
                    126 => 4 + usize::from(u16::from_be_bytes([read[at + 2], read[at + 3]])),
                    short => 2 + usize::from(short),
                };
                at += length;
            }
            assert!((before..before + 20_000).contains(&at), "{at}");
        };
        tokio::join!(writing, reading);
    }

    /// Whoever closes hears nothing behind the answer to that, however much waits.
    #[tokio::test(start_paused = true)]
    async fn nothing_follows_the_answer_to_a_close_frame() {
        const ANSWER: &[u8] = &[0x88, 2, 0x03, 0xe8];
        let (mut ours, mut theirs) = tokio::io::duplex(16);
        let shared = Shared::default();
        let mut batch = of((0..64).map(|_| text(30)).collect());
        let writing = async {
            let last = write(&mut ours, &mut batch, &shared).await.expect("written");
            assert_eq!(last, Some(CloseCode::Normal));
            end(&mut ours, &mut batch, &shared, CloseCode::Normal).await;
            drop(ours);
        };
        let reading = async {
            let mut read = vec![0; 100];
            theirs.read_exact(&mut read).await.expect("more");
            shared.replies.add(ANSWER);
            theirs.read_to_end(&mut read).await.expect("all");
            assert!(read.ends_with(ANSWER) && read.len() < 6_000, "{}", read.len());
        };
        tokio::join!(writing, reading);
    }

    /// The client's close frame has one answer, whoever was faster.
    #[tokio::test]
    async fn a_close_frame_has_one_answer() {
        const ANSWER: &[u8] = &[0x88, 2, 0x0f, 0xa0];
        for (answered, expected) in [(true, ANSWER), (false, &[0x88, 2, 0x03, 0xe8][..])] {
            let (mut ours, mut theirs) = tokio::io::duplex(1_024);
            let shared = Shared::default();
            if answered {
                shared.replies.add(ANSWER);
            }
            end(&mut ours, &mut Batch::default(), &shared, CloseCode::Normal).await;
            shared.replies.add(ANSWER);
            assert_eq!(shared.replies.take(), None);
            drop(ours);
            let mut read = Vec::new();
            theirs.read_to_end(&mut read).await.expect("all");
            assert_eq!(read, expected);
        }
    }
}
