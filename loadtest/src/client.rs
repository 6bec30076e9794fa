//! One participant's WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderValue, StatusCode},
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};
use url::Url;

use crate::wire::{self, Event};

const PROTOCOL: &str = "opentalk-signaling-json-v1.0";
/// The library's 128 KiB per socket would dominate the memory of a large run.
const SOCKET_BUFFER_BYTES: usize = 4096;
/// How long the server may leave a frame in the socket's buffers.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the server may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("upgrade refused: {0}")]
    Upgrade(StatusCode),
    #[error("socket closed by the server with {0}")]
    Closed(u16),
    #[error("socket lost: {0}")]
    Lost(tungstenite::Error),
    #[error("join refused: {0}")]
    Join(String),
    #[error("no answer to join")]
    JoinTimeout,
    #[error("a frame that can't be read: {0}")]
    Frame(#[from] serde_json::Error),
    #[error("the server stopped reading")]
    SendTimeout,
    #[error("close frame not answered")]
    CloseTimeout,
}

impl ClientError {
    /// A short name for counting.
    pub fn kind(&self) -> String {
        match self {
            Self::Lost(_) => "socket lost".to_owned(),
            Self::Frame(_) => "unreadable frame".to_owned(),
            Self::Upgrade(_)
            | Self::Closed(_)
            | Self::Join(_)
            | Self::JoinTimeout
            | Self::SendTimeout
            | Self::CloseTimeout => self.to_string(),
        }
    }
}

impl From<tungstenite::Error> for ClientError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(answer) => Self::Upgrade(answer.status()),
            error => Self::Lost(error),
        }
    }
}

/// A joined participant, or one about to join. Pings are answered while it reads.
pub struct Participant {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last_seq: Option<u64>,
    /// Numbered events that did not have a higher number than the one before.
    pub seq_regressions: u64,
}

impl Participant {
    /// Redeems a ticket.
    pub async fn connect(signaling: &Url, ticket: &str) -> Result<Self, ClientError> {
        let mut request = signaling.as_str().into_client_request()?;
        let protocols = HeaderValue::from_str(&format!("{PROTOCOL}, ticket#{ticket}"))
            .map_err(|error| ClientError::Lost(tungstenite::Error::HttpFormat(error.into())))?;
        request.headers_mut().insert("sec-websocket-protocol", protocols);
        let config = WebSocketConfig::default()
            .read_buffer_size(SOCKET_BUFFER_BYTES)
            .write_buffer_size(SOCKET_BUFFER_BYTES);
        let (socket, _) = connect_async_with_config(request, Some(config), true).await?;
        Ok(Self {
            socket,
            last_seq: None,
            seq_regressions: 0,
        })
    }

    /// Joins and waits for the room's state. Answers the participant's id.
    pub async fn join(&mut self, display_name: &str, patience: Duration) -> Result<String, ClientError> {
        self.send(wire::join(display_name)?).await?;
        let answer = async {
            loop {
                match self.event().await? {
                    Event::JoinSuccess { id } => return Ok(id),
                    Event::Error(name) => return Err(ClientError::Join(name)),
                    Event::Waiting => return Err(ClientError::Join("in_waiting_room".to_owned())),
                    _ => {}
                }
            }
        };
        timeout(patience, answer)
            .await
            .unwrap_or(Err(ClientError::JoinTimeout))
    }

    pub async fn say(&mut self, content: &str) -> Result<(), ClientError> {
        self.send(wire::send_message(content)?).await
    }

    pub async fn raise_hand(&mut self) -> Result<(), ClientError> {
        self.send(wire::RAISE_HAND.to_owned()).await
    }

    pub async fn heartbeat(&mut self) -> Result<(), ClientError> {
        self.send(wire::HEARTBEAT.to_owned()).await
    }

    /// The next event. Cancel-safe.
    pub async fn event(&mut self) -> Result<Event, ClientError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = wire::read(&text)?;
                    self.follow(frame.seq);
                    return Ok(frame.event);
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(CloseCode::Status, |frame| frame.code);
                    return Err(ClientError::Closed(code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err(ClientError::Lost(tungstenite::Error::ConnectionClosed)),
            }
        }
    }

    /// Says goodbye and waits until the server has done so too.
    pub async fn close(mut self) -> Result<(), ClientError> {
        let goodbye = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        let exchange = async {
            self.socket.close(Some(goodbye)).await?;
            while let Some(message) = self.socket.next().await {
                message?;
            }
            Ok(())
        };
        match timeout(CLOSE_TIMEOUT, exchange).await {
            Ok(Ok(()) | Err(tungstenite::Error::ConnectionClosed)) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ClientError::CloseTimeout),
        }
    }

    async fn send(&mut self, text: String) -> Result<(), ClientError> {
        let sent = timeout(SEND_TIMEOUT, self.socket.send(Message::text(text))).await;
        Ok(sent.map_err(|_| ClientError::SendTimeout)??)
    }

    fn follow(&mut self, seq: Option<u64>) {
        if seq.is_some() {
            if seq <= self.last_seq {
                self.seq_regressions += 1;
            }
            self.last_seq = seq;
        }
    }
}
