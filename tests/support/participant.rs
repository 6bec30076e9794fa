//! A participant on a real WebSocket, speaking raw JSON: a renamed field can't hide behind a shared type.

use std::{fmt::Write as _, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use uuid::Uuid;

/// How long anything expected may take; far beyond what a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(20);

/// Where the WebSocket is.
const PATH: &str = "/signaling";

/// Frames shown when an expectation fails.
const SHOWN: usize = 12;

type Socket = WebSocketStream<TcpStream>;

/// What a client with this ticket offers as `Sec-WebSocket-Protocol`.
pub fn protocols(ticket: &Value) -> String {
    let ticket = ticket["ticket"].as_str().expect("a ticket");
    format!("opentalk-signaling-json-v1.0, ticket#{ticket}")
}

/// One WebSocket. It reads only while something is expected: who expects nothing for long is a slow consumer.
pub struct Participant {
    /// The name in messages of failed tests.
    name: String,
    /// The participant's id, once joined.
    pub id: String,
    /// The resumption token that came with the ticket.
    pub resumption: String,
    socket: Socket,
    seen: Vec<Value>,
    closed: Option<u16>,
}

/// What ends a wait for a frame.
#[derive(Debug)]
enum End {
    Closed(Option<u16>),
    Lost(String),
    Deadline,
}

impl Participant {
    /// Redeems a ticket at `host:port`.
    pub async fn connect(address: &str, ticket: &Value) -> Self {
        Self::connect_on(Self::stream(address).await, address, PATH, ticket).await
    }

    /// Like `connect`, of a client that has seen the events of the room up to this number.
    pub async fn connect_from(address: &str, ticket: &Value, seq: u64) -> Self {
        let path = format!("{PATH}?resume_from={seq}");
        Self::connect_on(Self::stream(address).await, address, &path, ticket).await
    }

    /// Like `connect`, with a receive buffer of a few KiB: what this client does not read soon waits at the server.
    pub async fn connect_narrow(address: &str, ticket: &Value) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a socket option");
        let stream = socket.connect(address.parse().expect("an address")).await;
        Self::connect_on(stream.expect("a connection"), address, PATH, ticket).await
    }

    async fn connect_on(stream: TcpStream, address: &str, path: &str, ticket: &Value) -> Self {
        let text = |field: &str| ticket[field].as_str().expect("ticket and resumption").to_owned();
        let socket = Self::upgrade_on(stream, address, path, Some(&protocols(ticket))).await;
        Self {
            name: "somebody".to_owned(),
            id: String::new(),
            resumption: text("resumption"),
            socket: socket.unwrap_or_else(|(status, body)| panic!("upgrade refused: {status} {body}")),
            seen: Vec::new(),
            closed: None,
        }
    }

    /// Tries an upgrade with this `Sec-WebSocket-Protocol`; a refusal is status and body.
    pub async fn upgrade(address: &str, protocols: Option<&str>) -> Result<Socket, (u16, Value)> {
        Self::upgrade_at(address, PATH, protocols).await
    }

    /// `upgrade` at another path, or with a query.
    pub async fn upgrade_at(
        address: &str,
        path: &str,
        protocols: Option<&str>,
    ) -> Result<Socket, (u16, Value)> {
        Self::upgrade_on(Self::stream(address).await, address, path, protocols).await
    }

    async fn stream(address: &str) -> TcpStream {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        stream
    }

    async fn upgrade_on(
        stream: TcpStream,
        address: &str,
        path: &str,
        protocols: Option<&str>,
    ) -> Result<Socket, (u16, Value)> {
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("a request");
        if let Some(protocols) = protocols {
            let value = protocols.parse().expect("a header value");
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Err((
                    answer.status().as_u16(),
                    serde_json::from_slice(body).unwrap_or_default(),
                ))
            }
            Err(error) => panic!("upgrade: {error}"),
        }
    }

    /// Joins under this name; answers the payload of `join_success`.
    pub async fn join(&mut self, name: &str) -> Value {
        self.ask_to_join(name).await;
        self.joined().await
    }

    /// Enters from the waiting room; answers the payload of `join_success`.
    pub async fn enter_room(&mut self) -> Value {
        self.act("control", "enter_room").await;
        self.joined().await
    }

    async fn joined(&mut self) -> Value {
        let joined = self.expect("control", "join_success").await;
        joined["id"].as_str().expect("an id").clone_into(&mut self.id);
        joined
    }

    /// Asks to join and must wait; a moderator, who hears of it, tells the id and the entry.
    pub async fn wait_outside(&mut self, name: &str, moderator: &mut Self) -> Value {
        self.ask_to_join(name).await;
        self.expect_next("moderation", "in_waiting_room").await;
        let entry = moderator.expect("moderation", "joined_waiting_room").await;
        entry["id"].as_str().expect("an id").clone_into(&mut self.id);
        entry
    }

    /// Sends `join` and leaves the answer to the test.
    pub async fn ask_to_join(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        self.send("control", json!({"action": "join", "display_name": name}))
            .await;
    }

    pub async fn send(&mut self, namespace: &str, payload: Value) {
        self.send_text(&json!({"namespace": namespace, "payload": payload}).to_string())
            .await;
    }

    /// Sends a command that needs no more than its name.
    pub async fn act(&mut self, namespace: &str, action: &str) {
        self.send(namespace, json!({"action": action})).await;
    }

    /// Sends a command about a participant.
    pub async fn act_on(&mut self, namespace: &str, action: &str, target: &str) {
        self.send(namespace, json!({"action": action, "target": target}))
            .await;
    }

    /// Sends a message to one participant.
    pub async fn whisper(&mut self, target: &str, content: &str) {
        let scope =
            json!({"action": "send_message", "content": content, "scope": "private", "target": target});
        self.send("chat", scope).await;
    }

    /// Sends any text, well-formed or not.
    pub async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    pub async fn send_message(&mut self, message: Message) {
        let sent = timeout(DEADLINE, self.socket.send(message)).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail("sending", &End::Lost(error.to_string())),
            Err(_) => self.fail("sending", &End::Deadline),
        }
    }

    /// Sends a command on a connection that may end at any time; false when it has ended.
    pub async fn try_send(&mut self, namespace: &str, payload: Value) -> bool {
        let text = json!({"namespace": namespace, "payload": payload}).to_string();
        match timeout(DEADLINE, self.socket.send(Message::text(text))).await {
            Ok(sent) => sent.is_ok(),
            Err(_) => self.fail("sending", &End::Deadline),
        }
    }

    /// The next frame of a connection that may end at any time; `None` when it has ended, in whatever way.
    pub async fn try_next(&mut self) -> Option<Value> {
        match self.next(Instant::now() + DEADLINE).await {
            Ok(frame) => {
                self.seen.push(frame.clone());
                Some(frame)
            }
            Err(End::Closed(_) | End::Lost(_)) => None,
            Err(end) => self.fail("a frame or the end", &end),
        }
    }

    /// Says something to the whole room and waits until it comes back; answers the payload of `message_sent`.
    pub async fn say(&mut self, content: &str) -> Value {
        self.send(
            "chat",
            json!({"action": "send_message", "content": content, "scope": "global"}),
        )
        .await;
        let wanted = format!("one's own {content:?}");
        let deadline = Instant::now() + DEADLINE;
        loop {
            let frame = self.frame(&wanted, deadline).await;
            let sent = &frame["payload"];
            if frame["namespace"] == "chat"
                && sent["message"] == "message_sent"
                && sent["source"] == *self.id
                && sent["content"] == *content
            {
                return sent.clone();
            }
        }
    }

    /// The payload of the next event of this kind, or of an order for a recorder; other frames before it are skipped.
    pub async fn expect(&mut self, namespace: &str, message: &str) -> Value {
        self.expect_within(DEADLINE, namespace, message).await
    }

    /// `expect` for what the server does only after some time.
    pub async fn expect_within(&mut self, time: Duration, namespace: &str, message: &str) -> Value {
        let wanted = format!("{namespace}/{message}");
        let deadline = Instant::now() + time;
        loop {
            let frame = self.frame(&wanted, deadline).await;
            let payload = &frame["payload"];
            if frame["namespace"] == namespace
                && [&payload["message"], &payload["action"]].contains(&&json!(message))
            {
                return payload.clone();
            }
        }
    }

    /// Like `expect`, but this event must be the very next frame. Answers the whole frame.
    pub async fn expect_next(&mut self, namespace: &str, message: &str) -> Value {
        let wanted = format!("{namespace}/{message} as the next frame");
        let frame = self.frame(&wanted, Instant::now() + DEADLINE).await;
        if frame["namespace"] != namespace || frame["payload"]["message"] != message {
            self.fail(&wanted, &End::Lost("it was another one".to_owned()));
        }
        frame
    }

    /// The next event of this namespace must be this error.
    pub async fn expect_error(&mut self, namespace: &str, error: &str) {
        let payload = self.expect(namespace, "error").await;
        assert_eq!(payload["error"], error, "{}: {payload}", self.name);
    }

    /// Nothing is on its way from the session: an `echo` comes back before anything else. The session answers it itself, so
    /// it may overtake events of the room; for those use `expect_silence`.
    pub async fn expect_nothing(&mut self) {
        let token = Uuid::new_v4().to_string();
        self.send("echo", json!({"action": "ping", "token": token})).await;
        let frame = self.frame("only the echo", Instant::now() + DEADLINE).await;
        if frame["payload"]["token"] != *token {
            self.fail(
                "only the echo",
                &End::Lost("something else came first".to_owned()),
            );
        }
    }

    /// No event of the room is on its way: the answer of the room to a lowered hand comes before anything else.
    pub async fn expect_silence(&mut self) {
        let before = self.events_so_far().await;
        if !before.is_empty() {
            self.fail("silence", &End::Lost("something came".to_owned()));
        }
    }

    /// Every frame up to now, in order: the room's answer to a lowered hand marks the end.
    pub async fn events_so_far(&mut self) -> Vec<Value> {
        self.send("control", json!({"action": "lower_hand"})).await;
        let begin = self.seen.len();
        self.expect("control", "hand_lowered").await;
        self.seen[begin..self.seen.len() - 1].to_vec()
    }

    /// Everything that was ever read here.
    pub fn everything_seen(&self) -> &[Value] {
        &self.seen
    }

    /// The number of the last event of the room that was read here.
    pub fn last_seq(&self) -> u64 {
        let mut numbers = self.seen.iter().rev().filter_map(|frame| frame["seq"].as_u64());
        numbers.next().expect("an event of the room")
    }

    /// Reads until the server closes; answers the code, `None` for a connection that ends without a close frame.
    pub async fn close_code(&mut self) -> Option<u16> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.next(deadline).await {
                Ok(frame) => self.seen.push(frame),
                Err(End::Closed(code)) => return code,
                Err(End::Lost(_)) => return None,
                Err(end) => self.fail("the end of the connection", &end),
            }
        }
    }

    /// The code of the close frame that was read here.
    pub fn closed_with(&self) -> Option<u16> {
        self.closed
    }

    /// The server closes with this code, and says nothing more before.
    pub async fn expect_close(&mut self, code: u16) {
        let begin = self.seen.len();
        let closed = self.close_code().await;
        let more = &self.seen[begin..];
        assert!(
            closed == Some(code) && more.is_empty(),
            "{} closed with {closed:?} after {more:?}",
            self.name
        );
    }

    /// Leaves politely, with a close frame, and waits for the server's.
    pub async fn leave(mut self) -> Option<u16> {
        let goodbye = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        self.send_message(Message::Close(Some(goodbye))).await;
        self.close_code().await
    }

    /// The bare connection, for what no WebSocket would send.
    pub fn into_stream(self) -> TcpStream {
        self.socket.into_inner()
    }

    /// The connection breaks: TCP ends without a close frame.
    pub fn vanish(self) {
        drop(self.socket);
    }

    async fn frame(&mut self, wanted: &str, deadline: Instant) -> Value {
        match self.next(deadline).await {
            Ok(frame) => {
                self.seen.push(frame.clone());
                frame
            }
            Err(end) => self.fail(wanted, &end),
        }
    }

    /// The next frame as it came over the wire.
    pub async fn next_text(&mut self) -> String {
        match self.text(Instant::now() + DEADLINE).await {
            Ok(text) => text,
            Err(end) => self.fail("a frame", &end),
        }
    }

    async fn next(&mut self, deadline: Instant) -> Result<Value, End> {
        let text = self.text(deadline).await?;
        serde_json::from_str(&text).map_err(|error| End::Lost(format!("{error}: {text}")))
    }

    async fn text(&mut self, deadline: Instant) -> Result<String, End> {
        loop {
            match timeout_at(deadline, self.socket.next()).await {
                Err(_) => return Err(End::Deadline),
                Ok(None) => return Err(End::Lost("the connection ended".to_owned())),
                Ok(Some(Err(error))) => return Err(End::Lost(error.to_string())),
                Ok(Some(Ok(Message::Close(frame)))) => {
                    self.closed = frame.map(|frame| frame.code.into());
                    return Err(End::Closed(self.closed));
                }
                Ok(Some(Ok(Message::Text(text)))) => return Ok(text.as_str().to_owned()),
                Ok(Some(Ok(_))) => {}
            }
        }
    }

    fn fail(&self, wanted: &str, end: &End) -> ! {
        let mut history = String::new();
        for frame in self.seen.iter().skip(self.seen.len().saturating_sub(SHOWN)) {
            let _ = writeln!(history, "  {frame}");
        }
        panic!(
            "{} expected {wanted}, but: {end:?}; last frames:\n{history}",
            self.name
        );
    }
}
