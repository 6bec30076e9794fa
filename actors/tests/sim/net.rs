//! Sockets between clients and a room, and what was sent to each line: the truth that receivers are measured by.

use std::collections::{BTreeMap, VecDeque};

use colloquy_actors::{
    ids::{SessionNo, Timestamp},
    protocol::codes::CloseCode,
    room::{effects::Receivers, input::Ending},
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// A frame on its way: an event of the room, or an answer without a number.
#[derive(Debug, Clone)]
pub struct Frame {
    pub text: Utf8Bytes,
    pub line: SessionNo,
    pub seq: Option<u64>,
}

/// One WebSocket.
#[derive(Debug)]
pub struct Socket {
    /// The index of the client.
    pub client: usize,
    pub queue: VecDeque<Frame>,
    /// Namespaces that are open to it: none before the join.
    pub open: Vec<String>,
    /// The client takes nothing.
    pub stalled: bool,
    /// The queue ran over: nothing more is written.
    pub cut: bool,
    /// The server's close frame, behind what is queued.
    pub close: Option<CloseCode>,
}

impl Socket {
    fn push(&mut self, frame: Frame, frames_max: usize) {
        if self.cut || self.close.is_some() {
            return;
        }
        if self.queue.len() < frames_max {
            self.queue.push_back(frame);
        } else {
            self.cut = true;
        }
    }

    /// Whether it can still bring its client anything.
    pub fn is_whole(&self) -> bool {
        !self.cut && self.close.is_none()
    }
}

/// All sockets, and everything that was ever sent to a line.
#[derive(Debug, Default)]
pub struct Net {
    pub sockets: BTreeMap<SessionNo, Socket>,
    /// Ends of sockets that the room has not heard of.
    pub endings: VecDeque<(SessionNo, Ending)>,
    records: BTreeMap<SessionNo, Vec<(u64, Utf8Bytes)>>,
    /// Who receives a line now, and the lines of sessions that resumed.
    by_line: BTreeMap<SessionNo, SessionNo>,
    moved: BTreeMap<SessionNo, SessionNo>,
    /// Frames that a queue holds.
    pub frames_max: usize,
}

impl Net {
    pub fn attach(&mut self, session: SessionNo, client: usize) {
        let socket = Socket {
            client,
            queue: VecDeque::new(),
            open: Vec::new(),
            stalled: false,
            cut: false,
            close: None,
        };
        self.sockets.insert(session, socket);
    }

    /// The room has been told of the socket.
    pub fn link(&mut self, session: SessionNo) {
        self.by_line.insert(session, session);
    }

    pub fn bind(&mut self, session: SessionNo, line: SessionNo) {
        if self.unlink(session) {
            self.by_line.insert(line, session);
            self.moved.insert(session, line);
        }
    }

    fn line(&self, session: SessionNo) -> SessionNo {
        self.moved.get(&session).copied().unwrap_or(session)
    }

    /// The line that a session receives, if it receives any.
    pub fn line_of(&self, session: SessionNo) -> Option<SessionNo> {
        let line = self.line(session);
        (self.by_line.get(&line) == Some(&session)).then_some(line)
    }

    /// The room sends this session nothing more.
    pub fn unlink(&mut self, session: SessionNo) -> bool {
        let Some(line) = self.line_of(session) else {
            return false;
        };
        self.moved.remove(&session);
        self.by_line.remove(&line);
        true
    }

    pub fn on_line(&mut self, line: SessionNo) -> Option<&mut Socket> {
        self.sockets.get_mut(self.by_line.get(&line)?)
    }

    pub fn send(&mut self, seq: u64, text: &Utf8Bytes, to: &Receivers) {
        for line in to.iter() {
            self.records.entry(line).or_default().push((seq, text.clone()));
            self.push(line, text, Some(seq));
        }
    }

    pub fn push(&mut self, line: SessionNo, text: &Utf8Bytes, seq: Option<u64>) {
        let frames_max = self.frames_max;
        if let Some(socket) = self.on_line(line) {
            let text = text.clone();
            socket.push(Frame { text, line, seq }, frames_max);
        }
    }

    /// Opens namespaces to whoever receives a line.
    pub fn open(&mut self, line: SessionNo, modules: Vec<String>) {
        if let Some(socket) = self.on_line(line) {
            socket.open = modules;
        }
    }

    /// The server ends a session after what was sent before.
    pub fn close(&mut self, session: SessionNo, code: CloseCode) {
        if self.unlink(session)
            && let Some(socket) = self.sockets.get_mut(&session)
        {
            socket.close = Some(code);
        }
    }

    /// All sessions of a process that ends end: with a close frame, or with it.
    pub fn close_all(&mut self, code: Option<CloseCode>) {
        self.by_line.clear();
        self.moved.clear();
        for socket in self.sockets.values_mut().filter(|socket| socket.is_whole()) {
            match code {
                Some(_) => socket.close = code,
                None => socket.cut = true,
            }
        }
        self.endings.clear();
    }

    /// When the oldest event happened that was sent to a line from this one on.
    pub fn oldest(&self, line: SessionNo, first: usize) -> Option<Timestamp> {
        let sent = self.record(line).get(first..).unwrap_or_default();
        sent.iter().filter_map(|(_, text)| happened_at(text)).min()
    }

    /// The socket is gone at the client's end.
    pub fn drop_socket(&mut self, session: SessionNo, how: Ending) {
        if self.sockets.remove(&session).is_some() {
            self.endings.push_back((session, how));
        }
    }

    /// Everything that was sent to a line.
    pub fn record(&self, line: SessionNo) -> &[(u64, Utf8Bytes)] {
        self.records.get(&line).map_or(&[], Vec::as_slice)
    }
}

/// The time in an envelope.
fn happened_at(text: &str) -> Option<Timestamp> {
    let mut envelope: serde_json::Value = serde_json::from_str(text).ok()?;
    serde_json::from_value(envelope["timestamp"].take()).ok()
}
