//! A recorder: on the socket where it is handed its work, and on that where it delivers what it has recorded.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use super::{rest::Rest, server::Server};

/// How long anything expected may take; far beyond what a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(20);

/// Opens a socket of recorders, or tells status and body of the refusal.
async fn socket(server: &Server, who: &Rest, path: &str) -> Result<WebSocketStream<TcpStream>, (u16, Value)> {
    let address = server.address();
    let url = format!("ws://{address}/v1/services/recording/{path}");
    let mut request = url.into_client_request().expect("a request");
    if let Some(authorization) = who.authorization() {
        let authorization = authorization.parse().expect("a header");
        request.headers_mut().insert("authorization", authorization);
    }
    let stream = TcpStream::connect(&address).await.expect("a connection");
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(refusal)) => {
            let body = refusal.body().as_deref().unwrap_or_default();
            let body = serde_json::from_slice(body).unwrap_or_default();
            Err((refusal.status().as_u16(), body))
        }
        Err(error) => panic!("no answer: {error}"),
    }
}

/// Where a recorder is handed its work.
pub struct Jobs(WebSocketStream<TcpStream>);

impl Jobs {
    /// Opens the socket, or tells status and body of the refusal.
    pub async fn open(server: &Server, who: &Rest) -> Result<Self, (u16, Value)> {
        socket(server, who, "jobs").await.map(Self)
    }

    pub async fn say(&mut self, message: &Value) {
        let sent = self.0.send(Message::text(message.to_string()));
        sent.await.expect("an open socket");
    }

    /// The next message.
    pub async fn hear(&mut self) -> Value {
        loop {
            match timeout(DEADLINE, self.0.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Says that it is ready, and accepts the job that comes; tells the room.
    pub async fn take(&mut self) -> String {
        self.say(&json!({"action": "ready"})).await;
        let offer = self.hear().await;
        assert_eq!(
            (&offer["message"], &offer["breakout"]),
            (&json!("job"), &Value::Null),
            "{offer}"
        );
        self.say(&json!({"action": "accept", "job": offer["job"]})).await;
        offer["room"].as_str().expect("a room").to_owned()
    }
}

/// A WebSocket that sends chunks.
pub struct Upload(WebSocketStream<TcpStream>);

impl Upload {
    /// Opens the socket, or tells status and body of the refusal.
    pub async fn open(server: &Server, who: &Rest, query: &str) -> Result<Self, (u16, Value)> {
        socket(server, who, &format!("upload?{query}")).await.map(Self)
    }

    /// Sends a chunk under this number.
    pub async fn chunk(&mut self, number: i32, data: &[u8]) {
        let bytes = [&number.to_be_bytes()[..], data].concat();
        self.send(Message::binary(bytes)).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.expect("an open socket");
    }

    /// Sends bytes past the library: parts of frames.
    pub async fn raw(&mut self, bytes: &[u8]) {
        let stream = self.0.get_mut();
        stream.write_all(bytes).await.expect("an open socket");
    }

    /// The head of a frame that announces so many bytes, for [`Self::raw`]. Its masking key is zero.
    pub fn head(bytes: u64) -> Vec<u8> {
        const FINAL_BINARY: u8 = 0x82;
        const MASKED_LONG: u8 = 0xff;
        [&[FINAL_BINARY, MASKED_LONG][..], &bytes.to_be_bytes(), &[0; 4]].concat()
    }

    /// Closes, and tells the code of the server's answer.
    pub async fn close(mut self) -> Option<u16> {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: tungstenite::Utf8Bytes::default(),
        };
        self.send(Message::Close(Some(frame))).await;
        self.closed().await
    }

    /// The code with which the server closes.
    pub async fn closed(mut self) -> Option<u16> {
        loop {
            match timeout(DEADLINE, self.0.next()).await.expect("an end in time") {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}
