//! A recorder's WebSocket, from its first chunk to its end.

use std::{error::Error, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Bytes, Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    chunk::{Chunk, ChunkRefusal},
    heard::{Heard, LastHeard, heard},
    pieces::{PIECE_BYTES, Parts, Pieces},
};
use crate::assets::Recording;

/// Buffer of a socket: chunks are large.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Between pings.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// For a sign of life after a ping.
pub(super) const PONG_TIMEOUT: Duration = Duration::from_secs(20);

/// For the other side's close frame after ours.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

type Socket<S> = WebSocketStream<Pieces<Heard<S>>>;

/// Why nothing comes any more.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The recorder has closed, and waits for our close frame.
    Closed,
    /// The recorder has vanished.
    Lost,
    /// The recorder broke a rule.
    Refused(CloseCode),
    /// The server stops.
    Stopping,
    /// What came could not be kept.
    Failed,
}

/// Takes chunks until the end, and makes an asset of them.
pub(super) async fn receive<S>(stream: S, mut recording: Recording, stopping: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut socket, line) = socket(stream).await;
    let end = take_chunks(&mut socket, &mut recording, &stopping, &line).await;
    if end == End::Stopping {
        // It goes on from the spool after the next start: there is no time for it now.
        drop(recording);
        return close(&mut socket, CloseCode::Away).await;
    }
    let is_stored = store(recording).await;
    let code = |code| if is_stored { code } else { CloseCode::Error };
    match end {
        End::Closed => answer_close(&mut socket, code(CloseCode::Normal)).await,
        End::Refused(refusal) => close(&mut socket, code(refusal)).await,
        End::Failed => close(&mut socket, CloseCode::Error).await,
        End::Lost | End::Stopping => {}
    }
}

/// What is known of a connection beside its messages.
struct Line {
    heard: LastHeard,
    parts: Parts,
}

async fn socket<S>(stream: S) -> (Socket<S>, Line)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (stream, heard) = heard(stream);
    let (stream, parts) = Pieces::new(stream);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(PIECE_BYTES))
        .max_frame_size(Some(PIECE_BYTES));
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    (socket, Line { heard, parts })
}

async fn store(recording: Recording) -> bool {
    match recording.finish().await {
        Ok(Some(asset)) => {
            tracing::info!(asset.id = %asset.id, asset.size = asset.size, "stored a recording");
            true
        }
        Ok(None) => true,
        Err(error) => {
            let error: &dyn Error = &error;
            tracing::error!(error, "a recording stays in the spool");
            false
        }
    }
}

async fn take_chunks<S>(
    socket: &mut Socket<S>,
    recording: &mut Recording,
    stopping: &CancellationToken,
    Line { heard, parts }: &Line,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut pings = pings();
    let mut under_way = Chunk::default();
    let mut pinged_at = None;
    loop {
        let silence_ends = pinged_at.map(|at: Instant| at + PONG_TIMEOUT);
        tokio::select! {
            biased;
            () = stopping.cancelled() => return End::Stopping,
            message = socket.next() => match content(message) {
                Ok(Some(bytes)) => {
                    // Each message was announced; one that was not is nobody's.
                    let Some(piece) = parts.next() else { return End::Lost };
                    if let Err(refusal) = under_way.take(recording, piece, &bytes).await {
                        return refused(refusal);
                    }
                }
                Ok(None) => {}
                Err(end) => return end,
            },
            _ = pings.tick() => {
                if socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    return End::Lost;
                }
                pinged_at = pinged_at.filter(|at| heard.at() < *at).or(Some(Instant::now()));
            }
            () = until(silence_ends) => {
                if pinged_at.is_some_and(|at| heard.at() < at) {
                    return End::Lost;
                }
                pinged_at = None;
            }
        }
    }
}

pub(super) fn pings() -> Interval {
    let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings
}

pub(super) async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// The bytes of a piece, if it is one: texts come as binary messages too.
fn content(message: Option<tungstenite::Result<Message>>) -> Result<Option<Bytes>, End> {
    match message {
        Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes)),
        Some(Ok(Message::Close(_))) => Err(End::Closed),
        Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        // The reason of a close frame; texts are looked at piece by piece.
        Some(Err(tungstenite::Error::Utf8(_))) => Err(End::Refused(CloseCode::Invalid)),
        Some(Err(tungstenite::Error::Protocol(error))) => {
            tracing::debug!(%error, "a recorder does not speak as it should");
            Err(End::Lost)
        }
        Some(Err(_)) | None => Err(End::Lost),
    }
}

fn refused(refusal: ChunkRefusal) -> End {
    match refusal {
        ChunkRefusal::Rule(code) => End::Refused(code),
        ChunkRefusal::Failed(error) => {
            let error: &dyn Error = &error;
            tracing::error!(error, "a recording can't be spooled");
            End::Failed
        }
    }
}

/// Sends our close frame first, and waits a little for the other side's.
async fn close<S>(socket: &mut Socket<S>, code: CloseCode)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let frame = CloseFrame {
        code,
        reason: tungstenite::Utf8Bytes::default(),
    };
    let closing = async {
        socket.close(Some(frame)).await?;
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
        Ok::<_, tungstenite::Error>(())
    };
    // Whoever does not answer is gone.
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}

/// Answers the other side's close frame. The library would answer with the code that came, at once; ours says whether the
/// recording is stored, so it is written past the library, which has sent nothing yet.
async fn answer_close<S>(socket: &mut Socket<S>, code: CloseCode)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    const FINAL_CLOSE: u8 = 0x88;
    let [high, low] = u16::from(code).to_be_bytes();
    let stream = socket.get_mut();
    let answering = async {
        stream.write_all(&[FINAL_CLOSE, 2, high, low]).await?;
        stream.flush().await?;
        stream.shutdown().await
    };
    // Whoever does not wait for it is gone.
    let _ = timeout(CLOSE_TIMEOUT, answering).await;
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tempfile::TempDir;
    use tokio::io::DuplexStream;
    use uuid::Uuid;

    use super::*;
    use crate::{
        assets::{Assets, NewAsset, Objects, Recordings},
        config,
        store::Db,
    };

    #[test]
    fn what_is_no_piece_is_nothing_or_the_end() {
        let of = |message| content(Some(Ok(message)));
        assert_eq!(of(Message::binary(&b"x"[..])), Ok(Some(Bytes::from("x"))));
        assert_eq!(of(Message::Pong(Bytes::new())), Ok(None));
        assert_eq!(of(Message::Close(None)), Err(End::Closed));
        assert_eq!(content(None), Err(End::Lost));
    }

    /// A recording in a spool, in real time; then the clock waits for the test.
    async fn recording() -> (TempDir, Recording) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::connect(&config::Database::default(), folder.path())
            .await
            .unwrap();
        let settings = config::AssetSettings::default();
        let objects = Objects::open(&config::Outgoing::default(), &settings, folder.path()).unwrap();
        let assets = Assets::new(db, objects, &settings);
        let recordings = Recordings::open(assets, folder.path(), 0).unwrap();
        let asset = NewAsset {
            id: Uuid::from_u128(1),
            room: Uuid::from_u128(2),
            created_at: DateTime::UNIX_EPOCH,
            namespace: "recording".to_owned(),
            kind: "recording".to_owned(),
            filename: "x".to_owned(),
        };
        let recording = recordings.begin(asset, Uuid::from_u128(3)).await.unwrap();
        tokio::time::pause();
        (folder, recording)
    }

    async fn taken(stream: DuplexStream, recording: &mut Recording) -> End {
        let (mut socket, line) = socket(stream).await;
        take_chunks(&mut socket, recording, &CancellationToken::new(), &line).await
    }

    #[tokio::test]
    async fn who_answers_no_ping_is_lost() {
        let (_folder, mut recording) = recording().await;
        let (ours, _theirs) = tokio::io::duplex(1024);
        let begin = Instant::now();
        assert_eq!(taken(ours, &mut recording).await, End::Lost);
        assert_eq!(
            begin.elapsed().as_secs(),
            (PING_INTERVAL + PONG_TIMEOUT).as_secs()
        );
    }

    #[tokio::test]
    async fn who_answers_stays_and_so_does_who_sends_slowly() {
        let (_folder, mut recording) = recording().await;
        let (ours, theirs) = tokio::io::duplex(1024);
        let client = async move {
            let mut socket = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
            // Reading answers pings.
            let listening = async { while socket.next().await.is_some_and(|message| message.is_ok()) {} };
            let _ = timeout(Duration::from_mins(5), listening).await;
            // A frame of 40 bytes, one every ten seconds, and no pong all the while.
            let stream = socket.get_mut();
            let frame = [&[0x82, 0x80 + 34, 0, 0, 0, 0, 0, 0, 0, 1][..], &[7; 30]].concat();
            for byte in frame {
                tokio::time::sleep(Duration::from_secs(10)).await;
                stream.write_all(&[byte]).await.unwrap();
            }
            socket.close(None).await.unwrap();
            socket
        };
        let (end, _socket) = tokio::join!(taken(ours, &mut recording), client);
        assert_eq!(end, End::Closed);
        assert!(recording.has_come());
    }
}
