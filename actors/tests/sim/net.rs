//! Sockets between clients and a room, and what was sent to each line: the truth that receivers are measured by.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

use colloquy_actors::{
    frame,
    ids::{SessionNo, Timestamp, TokenHash},
    protocol::{Command, Namespace, Namespaces, codes::CloseCode},
    room::{
        effects::Receivers,
        input::{Ending, Reattach},
        ring::Ring,
    },
    shell::{
        SessionLink,
        outbox::{Outbox, SentCommand},
    },
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
    /// Nobody carries the room's shell any more.
    Lost,
    /// It goes on after this command.
    GoesOn(u64),
}

type Outs = Rc<RefCell<VecDeque<(SessionNo, Out)>>>;

/// What a session knows of its room.
#[derive(Debug)]
struct Seat {
    token: TokenHash,
    nonce: Cell<u64>,
    /// The number of the last event that it was brought.
    brought: Cell<u64>,
    commands: RefCell<Outbox>,
}

/// The room's end of a socket.
#[derive(Debug, Clone)]
pub struct SimLink {
    session: SessionNo,
    /// The number of its socket in the world: that of the session, unless the room has begun anew since.
    socket: Rc<Cell<SessionNo>>,
    outs: Outs,
    is_cut: Rc<Cell<bool>>,
    seat: Rc<Seat>,
    /// The connection between room and session by which it goes, and the one that stands now.
    by: u64,
    connection: Rc<Cell<u64>>,
}

impl SimLink {
    /// Whether what the room does with the session gets to it.
    fn reaches(&self) -> bool {
        self.by == self.connection.get()
    }

    fn put(&self, out: Out) {
        if !self.reaches() {
            return;
        }
        self.outs.borrow_mut().push_back((self.socket.get(), out));
    }

    /// Commands that were sent and did not come to an end.
    pub fn unhandled(&self) -> usize {
        self.seat.commands.borrow().unhandled()
    }
}

impl SessionLink for SimLink {
    fn takes_part_in(&self, nonce: u64) {
        if self.reaches() {
            self.seat.nonce.set(nonce);
        }
    }

    fn bring(&self, seq: u64, frame: frame::Frame) {
        if self.reaches() {
            self.seat.brought.set(seq);
        }
        self.push(frame);
    }

    fn goes_on(&self, handled: u64) {
        self.put(Out::GoesOn(handled));
    }

    fn lost(&self) {
        self.put(Out::Lost);
    }

    fn push(&self, frame: frame::Frame) {
        self.put(Out::Text(frame.text().clone()));
    }

    fn open_namespaces(&self, namespaces: Namespaces) {
        let modules = Namespace::ALL
            .iter()
            .filter(|namespace| **namespace != Namespace::Control);
        let open = modules.filter(|namespace| namespaces.has(**namespace));
        self.put(Out::Open(open.map(|namespace| namespace.name()).collect()));
    }

    fn close_namespaces(&self) {
        self.put(Out::Shut);
    }

    fn close(&self, code: CloseCode) {
        self.put(Out::Close(code));
    }

    fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    fn command_handled(&self) {
        if !self.reaches() {
            return;
        }
        assert!(self.unhandled() > 0, "what was sent before");
        self.seat.commands.borrow_mut().handled();
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
    link: SimLink,
    /// The room's shell is gone, and no other knows the session.
    pub is_lost: bool,
    /// It is on its way back to the room.
    pub seeks: bool,
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

    /// A command gets its number, and goes out to the room unless that is lost. None when too many are on their way.
    pub fn command(&self, command: Command, bytes: usize) -> Option<SentCommand> {
        self.link.seat.commands.borrow_mut().add(command, bytes)
    }

    /// What it shows of itself to the room's next life.
    pub fn asks_to_go_on(&mut self) -> (SimLink, Reattach) {
        self.seeks = true;
        self.link.by = self.link.connection.get();
        let seat = &self.link.seat;
        let asked = Reattach {
            session: self.link.session,
            token: seat.token,
            nonce: seat.nonce.get(),
            from: seat.brought.get(),
        };
        (self.link.clone(), asked)
    }

    /// What the room has not handled.
    fn again_after(&self, handled: u64) -> Vec<(SessionNo, SentCommand)> {
        let mut commands = self.link.seat.commands.borrow_mut();
        let again = commands.go_on_after(handled).cloned();
        again.map(|sent| (self.link.session, sent)).collect()
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
    outs: Outs,
    /// Commands that are sent once more.
    pub again: Vec<(SessionNo, SentCommand)>,
    /// Sockets that have ended, and how: a room that is lost hears of it when it is found.
    ended: BTreeMap<SessionNo, (Socket, Ending)>,
    /// Frames that a queue holds.
    pub frames_max: usize,
}

impl Net {
    /// Opens a socket; the room's end of it.
    pub fn attach(&mut self, session: SessionNo, token: TokenHash, client: usize) -> SimLink {
        let seat = Seat {
            token,
            nonce: Cell::default(),
            brought: Cell::default(),
            commands: RefCell::default(),
        };
        let link = SimLink {
            session,
            socket: Rc::new(Cell::new(session)),
            outs: Rc::clone(&self.outs),
            is_cut: Rc::default(),
            seat: Rc::new(seat),
            by: 0,
            connection: Rc::default(),
        };
        let socket = Socket {
            client,
            line: session,
            queue: VecDeque::new(),
            open: Vec::new(),
            stalled: false,
            cut: Rc::clone(&link.is_cut),
            link: link.clone(),
            is_lost: false,
            seeks: false,
            close: None,
        };
        self.sockets.insert(session, socket);
        link
    }

    /// The connection breaks by which these sessions reach their room: what the room does with them from now on is lost.
    pub fn cut_edge(&mut self, mut is_of_it: impl FnMut() -> bool) -> Vec<SessionNo> {
        let sockets = self.sockets.iter_mut();
        let of_it: Vec<_> = sockets
            .filter(|(_, socket)| socket.is_whole() && !socket.is_lost && is_of_it())
            .collect();
        let cut = of_it.into_iter().map(|(session, socket)| {
            socket.link.put(Out::Lost);
            socket.link.connection.set(socket.link.connection.get() + 1);
            *session
        });
        cut.collect()
    }

    /// A session whose room is lost, and which does not look for it.
    pub fn lost(&self) -> Option<SessionNo> {
        let ended = self.ended.iter().map(|(session, (socket, _))| (session, socket));
        let mut all = self.sockets.iter().chain(ended);
        all.find(|(_, socket)| socket.is_lost && !socket.seeks && socket.close.is_none())
            .map(|(session, _)| *session)
    }

    /// The socket of a session, also one that has ended.
    pub fn socket(&mut self, session: SessionNo) -> Option<&mut Socket> {
        let ended = self.ended.get_mut(&session).map(|(socket, _)| socket);
        self.sockets.get_mut(&session).or(ended)
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
        let outs = std::mem::take(&mut *self.outs.borrow_mut());
        for (session, out) in outs {
            if let Some((socket, how)) = self.ended.get_mut(&session) {
                match out {
                    Out::Lost => (socket.is_lost, socket.seeks) = (true, false),
                    Out::GoesOn(handled) => {
                        (socket.is_lost, socket.seeks) = (false, false);
                        self.again.extend(socket.again_after(handled));
                        self.endings.push_back((session, *how));
                    }
                    _ => {}
                }
                continue;
            }
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
                // One that is over anyway is missed when its participant does not come back.
                Out::Lost => (socket.is_lost, socket.seeks) = (socket.is_whole(), false),
                Out::GoesOn(handled) => {
                    (socket.is_lost, socket.seeks) = (false, false);
                    self.again.extend(socket.again_after(handled));
                }
            }
        }
    }

    /// The room begins anew, and gives its numbers out once more: those of before get others.
    pub fn begin_anew(&mut self) {
        self.endings.clear();
        self.ended.clear();
        self.sockets = std::mem::take(&mut self.sockets)
            .into_iter()
            .map(|(session, mut socket)| {
                socket.line = past(socket.line);
                socket.link.socket.set(past(session));
                for frame in &mut socket.queue {
                    frame.line = past(frame.line);
                }
                (past(session), socket)
            })
            .collect();
        let records = std::mem::take(&mut self.records).into_iter();
        self.records = records.map(|(line, record)| (past(line), record)).collect();
        let lost = std::mem::take(&mut self.lost).into_iter();
        self.lost = lost.map(|(line, seq, text)| (past(line), seq, text)).collect();
    }

    /// The process is gone, with all that it was about to do, and knows none of its sockets any more.
    pub fn process_gone(&mut self) {
        self.outs.borrow_mut().clear();
        self.ended.clear();
        self.endings.clear();
        let sockets = std::mem::take(&mut self.sockets).into_iter();
        self.sockets = sockets
            .map(|(session, socket)| {
                socket.link.socket.set(past(session));
                (past(session), socket)
            })
            .collect();
    }

    /// All sessions of a process that ends end: with a close frame, or with it.
    pub fn close_all(&mut self, code: Option<CloseCode>) {
        self.outs.borrow_mut().clear();
        self.ended.clear();
        for socket in self.sockets.values_mut().filter(|socket| socket.is_whole()) {
            match code {
                Some(_) => socket.close = code,
                None => socket.cut.set(true),
            }
        }
        for socket in self.sockets.values_mut() {
            socket.is_lost = false;
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
        if let Some(socket) = self.sockets.remove(&session) {
            if !socket.is_lost {
                self.endings.push_back((session, how));
            }
            self.ended.insert(session, (socket, how));
        }
    }

    /// What came of inputs that were logged, and that nobody handled before their process died: it happened.
    pub fn sent_by_nobody(&mut self, ring: &Ring, numbered: u64) {
        for (line, record) in &mut self.records {
            let known = record.last().map_or(numbered, |(seq, _)| numbered.max(*seq));
            let events = ring.after(known, *line).into_iter();
            record.extend(events.map(|(seq, event)| (seq, Utf8Bytes::from(&*event))));
        }
    }

    /// What came after this number was lost.
    pub fn lose_after(&mut self, last: u64) {
        for (line, record) in &mut self.records {
            let later = record.split_off(record.partition_point(|(seq, _)| *seq <= last));
            let later = later.into_iter();
            self.lost
                .extend(later.map(|(seq, text)| (*line, seq, text.to_string())));
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

/// The number that a session of a room has when the room has begun anew.
pub fn past(session: SessionNo) -> SessionNo {
    const ANEW: u64 = 1 << 52;
    SessionNo(session.0.wrapping_add(ANEW))
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
