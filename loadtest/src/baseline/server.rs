//! A broadcast server without rules: whoever connects to a path receives what anybody on that path says, in one order.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Message, Utf8Bytes,
        handshake::server::{Callback, ErrorResponse, Request, Response},
        protocol::WebSocketConfig,
    },
};

const SOCKET_BUFFER_BYTES: usize = 4096;
/// Frames that wait for a socket at the most; whoever reads slower is cut.
const QUEUE_FRAMES_MAX: usize = 4096;
/// Frames that are written before one flush.
const BATCH_FRAMES_MAX: usize = 64;

/// Frames are as long as Colloquy's: what stands before and behind the content of a message.
const FRAME_BEGIN: &str = r#"{"namespace":"chat","timestamp":"2026-01-01T00:00:00.000001Z","seq":100000,"payload":{"message":"message_sent","id":"00000000-0000-4000-8000-000000000000","source":"00000000-0000-4000-8000-000000000000","#;
const FRAME_END: &str = r#","scope":"global"}}"#;
/// The first frame of every socket: from now on it receives everything.
const WELCOME: &str = r#"{"namespace":"echo","payload":{}}"#;

/// Those who receive what is said on one path.
#[derive(Default)]
struct Room(Mutex<Vec<Sender<Utf8Bytes>>>);

type Rooms = Arc<Mutex<HashMap<String, Arc<Room>>>>;

/// Serves on a free port of the loopback, prints it, and ends when its standard input does.
pub async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    std::thread::spawn(end_with_the_parent);
    let rooms = Rooms::default();
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(attend(stream, Arc::clone(&rooms)));
    }
}

/// The pipe from the parent ends with it, however it ended.
pub fn end_with_the_parent() {
    let mut rest = Vec::new();
    // An error is an end, too.
    let _ = io::stdin().read_to_end(&mut rest);
    std::process::exit(0);
}

/// Keeps the path of the request.
struct PathOf<'a>(&'a mut String);

impl Callback for PathOf<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        request.uri().path().clone_into(self.0);
        Ok(response)
    }
}

/// Serves one socket until it breaks; then there is nobody to tell.
async fn attend(stream: TcpStream, rooms: Rooms) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let config = WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES);
    let mut path = String::new();
    let socket = accept_hdr_async_with_config(stream, PathOf(&mut path), Some(config))
        .await
        .ok()?;
    let room = {
        let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rooms.entry(path).or_default())
    };
    let (sink, mut frames) = socket.split();
    let (outbox, inbox) = channel(QUEUE_FRAMES_MAX);
    outbox.send(Utf8Bytes::from_static(WELCOME)).await.ok()?;
    room.add(outbox);
    let writer = tokio::spawn(write(sink, inbox));
    while let Some(Ok(message)) = frames.next().await {
        if let Message::Text(command) = message {
            room.broadcast(&command);
        }
    }
    writer.abort();
    Some(())
}

async fn write(
    mut sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    mut inbox: Receiver<Utf8Bytes>,
) -> Option<()> {
    let mut batch = Vec::with_capacity(BATCH_FRAMES_MAX);
    while inbox.recv_many(&mut batch, BATCH_FRAMES_MAX).await > 0 {
        for frame in batch.drain(..) {
            sink.feed(Message::Text(frame)).await.ok()?;
        }
        sink.flush().await.ok()?;
    }
    // The queue was cut.
    sink.close().await.ok()
}

impl Room {
    fn add(&self, outbox: Sender<Utf8Bytes>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(outbox);
    }

    /// To everyone, in the order of the lock; those who have gone or lag behind are forgotten.
    fn broadcast(&self, command: &str) {
        let Some(frame) = frame(command) else {
            return;
        };
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|outbox| outbox.try_send(frame.clone()).is_ok());
    }
}

/// The event of a `send_message`; its content is copied as it stands.
fn frame(command: &str) -> Option<Utf8Bytes> {
    let begin = command.find(r#""content":"#)?;
    let end = command.rfind(r#","scope""#)?;
    let content = command.get(begin..end)?;
    let mut frame = String::with_capacity(FRAME_BEGIN.len() + content.len() + FRAME_END.len());
    frame.push_str(FRAME_BEGIN);
    frame.push_str(content);
    frame.push_str(FRAME_END);
    Some(frame.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Moment,
        commands,
        frame_kind::{FrameKind, look},
        ledger::MessageId,
        stamp,
    };

    #[test]
    fn a_command_becomes_the_event_that_the_load_test_looks_for() {
        let id = MessageId {
            sender: 1,
            counter: 2,
        };
        let command = commands::send_message(&stamp::write(id, Moment(3), 200)).unwrap();
        let event = frame(&command).unwrap();
        assert_eq!(look(&event, 200), FrameKind::Message(id, Moment(3)));
        let json: serde_json::Value = serde_json::from_str(&event).unwrap();
        assert_eq!(json["payload"]["scope"], "global");
    }

    #[test]
    fn what_is_no_message_is_not_broadcast() {
        for command in ["", commands::RAISE_HAND, r#"","scope" "content":""#] {
            assert_eq!(frame(command), None, "{command}");
        }
    }
}
