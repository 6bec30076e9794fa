//! One participant's WebSocket.

use std::{net::IpAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message, Utf8Bytes,
        client::IntoClientRequest,
        handshake::client::Request,
        http::{HeaderValue, StatusCode},
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};
use url::Url;

use crate::{
    commands, forwarded,
    wire::{self, Entrance, Event},
};

const PROTOCOL: &str = "opentalk-signaling-json-v1.0";
/// The library's 128 KiB per socket would dominate the memory of a large run.
const SOCKET_BUFFER_BYTES: usize = 4096;
/// Reads many frames at once: a flood costs the load test fewer calls of the system.
const WIDE_BUFFER_BYTES: usize = 16 * 1024;
/// The least that the system takes: whoever stops reading is felt by the server soon.
const NARROW_SYSTEM_BUFFER_BYTES: u32 = 2048;
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
    #[error("error event {0}")]
    Refused(String),
    #[error("{0} did not come")]
    Missing(&'static str),
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
            | Self::CloseTimeout
            | Self::Refused(_)
            | Self::Missing(_) => self.to_string(),
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

/// How much a socket reads ahead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadBuffer {
    #[default]
    Normal,
    /// For a flood of events.
    Wide,
    /// For those who will stop reading.
    Narrow,
}

/// A joined participant, or one about to join. Pings are answered while it reads.
pub struct Participant {
    socket: WebSocketStream<TcpStream>,
    last_seq: Option<u64>,
    /// Numbered events that did not have a higher number than the one before.
    pub seq_regressions: u64,
}

/// What became of a join.
#[derive(Debug)]
pub enum Admission {
    Inside(Entrance),
    Waiting,
}

impl Participant {
    /// Redeems a ticket, seemingly `from` this address.
    pub async fn connect(
        signaling: &Url,
        ticket: &str,
        read_buffer: ReadBuffer,
        from: Option<IpAddr>,
    ) -> Result<Self, ClientError> {
        let mut request = signaling.as_str().into_client_request()?;
        let protocols = HeaderValue::from_str(&format!("{PROTOCOL}, ticket#{ticket}"))
            .map_err(|error| ClientError::Lost(tungstenite::Error::HttpFormat(error.into())))?;
        request.headers_mut().insert("sec-websocket-protocol", protocols);
        if let Some(from) = from {
            let from = HeaderValue::from_str(&from.to_string())
                .map_err(|error| ClientError::Lost(tungstenite::Error::HttpFormat(error.into())))?;
            request.headers_mut().insert(forwarded::HEADER, from);
        }
        Self::open(signaling, request, read_buffer).await
    }

    /// Goes where neither ticket nor join is needed, and waits for the first frame.
    pub async fn connect_bare(
        url: &Url,
        read_buffer: ReadBuffer,
        time_limit: Duration,
    ) -> Result<Self, ClientError> {
        let mut participant = Self::open(url, url.as_str().into_client_request()?, read_buffer).await?;
        timeout(time_limit, participant.text())
            .await
            .unwrap_or(Err(ClientError::JoinTimeout))?;
        Ok(participant)
    }

    async fn open(url: &Url, request: Request, read_buffer: ReadBuffer) -> Result<Self, ClientError> {
        let stream = tcp_stream(url, read_buffer)
            .await
            .map_err(tungstenite::Error::Io)?;
        let read_buffer_bytes = match read_buffer {
            ReadBuffer::Wide => WIDE_BUFFER_BYTES,
            ReadBuffer::Normal | ReadBuffer::Narrow => SOCKET_BUFFER_BYTES,
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(read_buffer_bytes)
            .write_buffer_size(SOCKET_BUFFER_BYTES);
        let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
        Ok(Self {
            socket,
            last_seq: None,
            seq_regressions: 0,
        })
    }

    /// Joins and waits for the room's state.
    pub async fn join(&mut self, display_name: &str, time_limit: Duration) -> Result<Entrance, ClientError> {
        self.send(commands::join(display_name)?).await?;
        match self.admission(time_limit).await? {
            Admission::Inside(entrance) => Ok(entrance),
            Admission::Waiting => Err(ClientError::Join("in_waiting_room".to_owned())),
        }
    }

    /// Joins where a waiting room may be.
    pub async fn knock(
        &mut self,
        display_name: &str,
        time_limit: Duration,
    ) -> Result<Admission, ClientError> {
        self.send(commands::join(display_name)?).await?;
        self.admission(time_limit).await
    }

    /// Leaves the waiting room for the room, after the acceptance.
    pub async fn enter_room(&mut self, time_limit: Duration) -> Result<Entrance, ClientError> {
        self.send(commands::ENTER_ROOM.to_owned()).await?;
        match self.admission(time_limit).await? {
            Admission::Inside(entrance) => Ok(entrance),
            Admission::Waiting => Err(ClientError::Join("in_waiting_room again".to_owned())),
        }
    }

    async fn admission(&mut self, time_limit: Duration) -> Result<Admission, ClientError> {
        let answer = async {
            loop {
                match self.event().await? {
                    Event::JoinSuccess(entrance) => return Ok(Admission::Inside(entrance)),
                    Event::Error(name) => return Err(ClientError::Join(name)),
                    Event::Waiting => return Ok(Admission::Waiting),
                    _ => {}
                }
            }
        };
        timeout(time_limit, answer)
            .await
            .unwrap_or(Err(ClientError::JoinTimeout))
    }

    pub async fn say(&mut self, content: &str) -> Result<(), ClientError> {
        self.send(commands::send_message(content)?).await
    }

    pub async fn raise_hand(&mut self) -> Result<(), ClientError> {
        self.send(commands::RAISE_HAND.to_owned()).await
    }

    pub async fn heartbeat(&mut self) -> Result<(), ClientError> {
        self.send(commands::HEARTBEAT.to_owned()).await
    }

    /// The next event. Cancel-safe.
    pub async fn event(&mut self) -> Result<Event, ClientError> {
        let frame = wire::read(&self.text().await?)?;
        self.follow(frame.seq);
        Ok(frame.event)
    }

    /// Reads until `choose` takes an event; a refusal on the way is an error.
    pub async fn expect<T>(
        &mut self,
        what: &'static str,
        time_limit: Duration,
        mut choose: impl FnMut(Event) -> Option<T>,
    ) -> Result<T, ClientError> {
        let chosen = async {
            loop {
                match self.event().await? {
                    Event::Error(name) => return Err(ClientError::Refused(name)),
                    event => {
                        if let Some(chosen) = choose(event) {
                            return Ok(chosen);
                        }
                    }
                }
            }
        };
        timeout(time_limit, chosen)
            .await
            .unwrap_or(Err(ClientError::Missing(what)))
    }

    /// The next frame as it came. Cancel-safe.
    pub async fn text(&mut self) -> Result<Utf8Bytes, ClientError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
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

    /// Says goodbye, waits until the server has done so too, and hangs up.
    pub async fn close(mut self) -> Result<(), ClientError> {
        self.say_goodbye().await
    }

    /// Says goodbye and waits until the server has done so too.
    pub async fn say_goodbye(&mut self) -> Result<(), ClientError> {
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

    pub async fn send(&mut self, text: String) -> Result<(), ClientError> {
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

async fn tcp_stream(url: &Url, read_buffer: ReadBuffer) -> std::io::Result<TcpStream> {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or_default();
    let mut failure = std::io::Error::other(format!("{host} has no address"));
    for address in lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        if read_buffer == ReadBuffer::Narrow {
            socket.set_recv_buffer_size(NARROW_SYSTEM_BUFFER_BYTES)?;
        }
        match socket.connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
