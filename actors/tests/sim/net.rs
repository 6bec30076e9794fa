//! Sockets between clients and a room, and what was sent to each line: the truth that receivers are measured by.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

use colloquy_actors::{
    frame,
    ids::{SessionNo, Timestamp},
    protocol::codes::CloseCode,
    room::{effects::Receivers, input::Ending, ring::Ring},
    shell::SessionLink,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// A frame on its way: an event of the room, or an answer without a number.
#[derive(Debug, Clone)]
pub struct Frame {
    pub text: Utf8Bytes,
    pub line: SessionNo,
    pub seq: Option<u64>,
}

/// What the room does with a session, until the world brings it to the socket.
#[derive(Debug)]
pub enum Out {
    /// An event, now or once more, or something without a number.
    Text(Utf8Bytes),
    Open(Vec<&'static str>),
    Shut,
    Close(CloseCode),
}

type Outbox = Rc<RefCell<VecDeque<(SessionNo, Out)>>>;

/// The room's end of a socket.
#[derive(Debug)]
pub struct SimLink {
    session: SessionNo,
    outbox: Outbox,
    is_cut: Rc<Cell<bool>>,
    unhandled: Rc<Cell<usize>>,
}

impl SimLink {
    fn put(&self, out: Out) {
        self.outbox.borrow_mut().push_back((self.session, out));
    }

    /// Commands that were sent and did not come to an end.
    pub fn unhandled(&self) -> usize {
        self.unhandled.get()
    }
}

impl SessionLink for SimLink {
    fn push(&self, frame: frame::Frame) {
        self.put(Out::Text(frame.text().clone()));
    }

    fn open(&self, has_module: impl Fn(&str) -> bool) {
        let modules = ["moderation", "breakout", "chat", "timer", "polls", "livekit"];
        self.put(Out::Open(
            modules.into_iter().filter(|module| has_module(module)).collect(),
        ));
    }

    fn shut(&self) {
        self.put(Out::Shut);
    }

    fn close(&self, code: CloseCode) {
        self.put(Out::Close(code));
    }

    fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    fn command_handled(&self) {
        let unhandled = self.unhandled.get().checked_sub(1);
        self.unhandled.set(unhandled.expect("what was sent before"));
    }
}

/// One WebSocket.
#[derive(Debug)]
pub struct Socket {
    /// The index of the client.
    pub client: usize,
    /// The line that it brings.
    pub line: SessionNo,
    pub queue: VecDeque<Frame>,
    /// Namespaces that are open to it: none before the join.
    pub open: Vec<&'static str>,
    /// The client takes nothing.
    pub stalled: bool,
    /// The queue ran over: nothing more is written.
    cut: Rc<Cell<bool>>,
    unhandled: Rc<Cell<usize>>,
    /// The server's close frame, behind what is queued.
    pub close: Option<CloseCode>,
}

impl Socket {
    fn push(&mut self, frame: Frame, frames_max: usize) {
        if !self.is_whole() {
            return;
        }
        if self.queue.len() < frames_max {
            self.queue.push_back(frame);
        } else {
            self.cut.set(true);
        }
    }

    /// A command goes out to the room.
    pub fn begin_command(&self) {
        self.unhandled.set(self.unhandled.get() + 1);
    }

    /// Whether it can still bring its client anything.
    pub fn is_whole(&self) -> bool {
        !self.cut.get() && self.close.is_none()
    }
}

/// All sockets, and everything that was ever sent to a line.
#[derive(Debug, Default)]
pub struct Net {
    pub sockets: BTreeMap<SessionNo, Socket>,
    /// Ends of sockets that the room has not heard of.
    pub endings: VecDeque<(SessionNo, Ending)>,
    records: BTreeMap<SessionNo, Vec<(u64, Utf8Bytes)>>,
    /// What was sent to lines before a disk lost it: it never happened, although somebody may have heard it.
    lost: BTreeSet<(SessionNo, u64, String)>,
    outbox: Outbox,
    /// Frames that a queue holds.
    pub frames_max: usize,
}

impl Net {
    /// Opens a socket; the room's end of it.
    pub fn attach(&mut self, session: SessionNo, client: usize) -> SimLink {
        let link = SimLink {
            session,
            outbox: Rc::clone(&self.outbox),
            is_cut: Rc::default(),
            unhandled: Rc::default(),
        };
        let socket = Socket {
            client,
            line: session,
            queue: VecDeque::new(),
            open: Vec::new(),
            stalled: false,
            cut: Rc::clone(&link.is_cut),
            unhandled: Rc::clone(&link.unhandled),
            close: None,
        };
        self.sockets.insert(session, socket);
        link
    }

    /// The session receives this line from now on.
    pub fn bound(&mut self, session: SessionNo, line: SessionNo) {
        if let Some(socket) = self.sockets.get_mut(&session) {
            socket.line = line;
        }
    }

    /// Notes what is sent to lines, whether somebody receives it or not.
    pub fn sent(&mut self, seq: u64, text: &str, to: &Receivers) {
        let text = Utf8Bytes::from(text);
        for line in to.iter() {
            self.records.entry(line).or_default().push((seq, text.clone()));
        }
    }

    /// Brings to the sockets what the room did with their sessions.
    pub fn carry(&mut self) {
        let outs = std::mem::take(&mut *self.outbox.borrow_mut());
        for (session, out) in outs {
            let Some(socket) = self.sockets.get_mut(&session) else {
                continue;
            };
            let line = socket.line;
            match out {
                Out::Text(text) => {
                    let seq = sequence(&text);
                    socket.push(Frame { text, line, seq }, self.frames_max);
                }
                Out::Open(modules) => socket.open = modules,
                Out::Shut => socket.open = Vec::new(),
                Out::Close(code) if socket.is_whole() => socket.close = Some(code),
                Out::Close(_) => {}
            }
        }
    }

    /// All sessions of a process that ends end: with a close frame, or with it.
    pub fn close_all(&mut self, code: Option<CloseCode>) {
        self.outbox.borrow_mut().clear();
        for socket in self.sockets.values_mut().filter(|socket| socket.is_whole()) {
            match code {
                Some(_) => socket.close = code,
                None => socket.cut.set(true),
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

    /// What came of inputs that were logged, and that nobody handled before their process died: it happened.
    pub fn sent_by_nobody(&mut self, ring: &Ring, numbered: u64) {
        for (line, record) in &mut self.records {
            let events = ring.after(numbered, *line).into_iter();
            record.extend(events.map(|(seq, event)| (seq, Utf8Bytes::from(&*event))));
        }
    }

    /// What came after this number was lost.
    pub fn lose_after(&mut self, last: u64) {
        for (line, record) in &mut self.records {
            let lost = record.split_off(record.partition_point(|(seq, _)| *seq <= last));
            let lost = lost.into_iter().map(|(seq, text)| (*line, seq, text.to_string()));
            self.lost.extend(lost);
        }
    }

    /// Whether a frame brings what was lost.
    pub fn is_lost(&self, frame: &Frame) -> bool {
        let (line, text) = (frame.line, frame.text.to_string());
        frame
            .seq
            .is_some_and(|seq| self.lost.contains(&(line, seq, text)))
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

/// The number in an envelope.
fn sequence(frame: &str) -> Option<u64> {
    let envelope: serde_json::Value = serde_json::from_str(frame).ok()?;
    envelope["seq"].as_u64()
}
