//! The owner's end: what a room has for the sessions of one edge.

use std::{
    collections::{HashSet, VecDeque},
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, mpsc};

use super::wire::{self, Down, Note, RoomLife};
use crate::{
    frame::Frame,
    ids::SessionNo,
    protocol::{
        Namespaces,
        codes::CloseCode,
        limits::{OUTLET_BYTES_MAX, OUTLET_TURN_BYTES},
    },
    shell::SessionLink,
};

/// What the writer of a connection is to look at.
#[derive(Debug)]
pub enum Ready {
    /// A room has something.
    Room(Arc<Outlet>),
    /// A frame that belongs to no room.
    Frame(Bytes),
}

/// An owner's connection to one edge.
#[derive(Debug)]
pub struct Downlink {
    ready: mpsc::UnboundedSender<Ready>,
    outlets: Mutex<Vec<Weak<Outlet>>>,
    is_cut: AtomicBool,
    cut_now: Notify,
}

impl Downlink {
    /// The connection, and what its writer takes.
    #[must_use]
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Ready>) {
        let (ready, writer) = mpsc::unbounded_channel();
        let this = Self {
            ready,
            outlets: Mutex::default(),
            is_cut: AtomicBool::new(false),
            cut_now: Notify::new(),
        };
        (Arc::new(this), writer)
    }

    /// Where a life of a room puts what it has for this edge. `lose` tells the room that these sessions are not reached any more.
    pub fn outlet(
        self: &Arc<Self>,
        of: RoomLife,
        lose: impl Fn(Vec<SessionNo>) + Send + Sync + 'static,
    ) -> Arc<Outlet> {
        let outlet = Arc::new_cyclic(|myself| Outlet {
            of,
            myself: Weak::clone(myself),
            downlink: Arc::downgrade(self),
            queue: Mutex::default(),
            lose: Box::new(lose),
        });
        let mut outlets = self.outlets.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_cut() {
            outlet.queue().is_over = true;
            return Arc::clone(&outlet);
        }
        if outlets.len() == outlets.capacity() {
            outlets.retain(|outlet| outlet.strong_count() > 0);
        }
        outlets.push(Arc::downgrade(&outlet));
        outlet
    }

    /// Sends something that belongs to no room.
    pub fn send(&self, message: &Down) {
        let mut frame = BytesMut::new();
        wire::put_message(&mut frame, message);
        let _ = self.ready.send(Ready::Frame(frame.freeze()));
    }

    /// A room has something, or has more than could be written at a time.
    pub fn has_something(&self, outlet: Arc<Outlet>) {
        let _ = self.ready.send(Ready::Room(outlet));
    }

    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// Waits until the connection is over for another reason than its own.
    pub async fn until_cut(&self) {
        while !self.is_cut() {
            self.cut_now.notified().await;
        }
    }

    /// All rooms have too much waiting.
    #[cfg(feature = "fault-injection")]
    pub fn give_up(&self) {
        let outlets = mem::take(&mut *self.outlets.lock().unwrap_or_else(PoisonError::into_inner));
        for outlet in outlets.iter().filter_map(Weak::upgrade) {
            outlet.lose_all();
        }
    }

    /// The connection is over: all rooms hear that they do not reach the edge's sessions any more.
    pub fn cut(&self) {
        let outlets = {
            let mut outlets = self.outlets.lock().unwrap_or_else(PoisonError::into_inner);
            self.is_cut.store(true, Ordering::Relaxed);
            mem::take(&mut *outlets)
        };
        self.cut_now.notify_one();
        for outlet in outlets.iter().filter_map(Weak::upgrade) {
            outlet.lose_all();
        }
    }
}

/// What waits, in order.
enum Waiting {
    Delivery {
        seq: u64,
        frame: Frame,
        sessions: Vec<SessionNo>,
    },
    Told {
        session: SessionNo,
        frame: Frame,
    },
    Note(SessionNo, Note),
}

impl Waiting {
    fn bytes(&self) -> usize {
        match self {
            Self::Delivery { frame, sessions, .. } => frame.bytes() + 8 * sessions.len(),
            Self::Told { frame, .. } => frame.bytes(),
            Self::Note(..) => mem::size_of::<Self>(),
        }
    }

    fn put(&self, of: RoomLife, into: &mut BytesMut) {
        match self {
            Self::Delivery { seq, frame, sessions } => {
                wire::put_delivery(into, of, *seq, sessions, frame.text().as_bytes());
            }
            Self::Told { session, frame } => wire::put_told(into, of, *session, frame.text().as_bytes()),
            Self::Note(session, note) => wire::put_message(into, &Down::Note(of, *session, note.clone())),
        }
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Whether the writer is about to look.
    is_awaited: bool,
    /// Nothing reaches the edge any more.
    is_over: bool,
    sessions: HashSet<SessionNo>,
}

/// A room's queue to one edge: bounded, and written in turns with those of other rooms.
pub struct Outlet {
    of: RoomLife,
    myself: Weak<Self>,
    downlink: Weak<Downlink>,
    queue: Mutex<Queue>,
    lose: Box<dyn Fn(Vec<SessionNo>) + Send + Sync>,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet")
            .field("of", &self.of)
            .finish_non_exhaustive()
    }
}

impl Outlet {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room's end of a session that comes by this edge.
    #[must_use]
    pub fn link(self: &Arc<Self>, session: SessionNo) -> RemoteLink {
        let mut queue = self.queue();
        if !queue.is_over {
            queue.sessions.insert(session);
        }
        drop(queue);
        RemoteLink {
            outlet: Arc::clone(self),
            session,
        }
    }

    /// Whether nothing reaches the edge by it any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.queue().is_over
    }

    /// A session has come by the edge, and the room has heard of it. Where the way back is broken already, it hears that too.
    pub fn arrived(&self, session: SessionNo) {
        if self.is_over() {
            (self.lose)(vec![session]);
        }
    }

    /// Whether no session is behind it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue().sessions.is_empty()
    }

    /// A session has ended.
    pub fn forget(&self, session: SessionNo) {
        self.queue().sessions.remove(&session);
    }

    /// An event for one more session: what goes to many is written once.
    fn bring(&self, session: SessionNo, seq: u64, frame: Frame) {
        let mut queue = self.queue();
        if let Some(Waiting::Delivery {
            seq: last,
            frame: of_last,
            sessions,
        }) = queue.waiting.back_mut()
            && *last == seq
            && of_last.is(&frame)
        {
            sessions.push(session);
            queue.bytes += 8;
            return;
        }
        let sessions = vec![session];
        self.put(queue, Waiting::Delivery { seq, frame, sessions });
    }

    fn put(&self, mut queue: MutexGuard<'_, Queue>, waiting: Waiting) {
        if queue.is_over {
            return;
        }
        queue.bytes += waiting.bytes();
        if queue.bytes > OUTLET_BYTES_MAX {
            tracing::warn!(room.id = %self.of.room, "a node does not take what a room has for it");
            drop(queue);
            return self.lose_all();
        }
        queue.waiting.push_back(waiting);
        if !mem::replace(&mut queue.is_awaited, true)
            && let (Some(downlink), Some(myself)) = (self.downlink.upgrade(), self.myself.upgrade())
        {
            downlink.has_something(myself);
        }
    }

    fn note(&self, session: SessionNo, note: Note) {
        let mut queue = self.queue();
        if let (Some(Waiting::Note(of_last, Note::Handled(handled))), Note::Handled(more)) =
            (queue.waiting.back_mut(), &note)
            && *of_last == session
        {
            *handled += more;
            return;
        }
        self.put(queue, Waiting::Note(session, note));
    }

    /// The room hears that it does not reach these sessions any more; the edge, if it still hears anything, that they are to look for it.
    fn lose_all(&self) {
        let sessions: Vec<_> = {
            let mut queue = self.queue();
            if mem::replace(&mut queue.is_over, true) {
                return;
            }
            (queue.waiting, queue.bytes) = (VecDeque::new(), 0);
            queue.sessions.drain().collect()
        };
        if let Some(downlink) = self.downlink.upgrade().filter(|downlink| !downlink.is_cut()) {
            for session in &sessions {
                downlink.send(&Down::Note(self.of, *session, Note::Lost));
            }
        }
        if !sessions.is_empty() {
            (self.lose)(sessions);
        }
    }

    /// Writes what waits, as much as a room may have at a time; whether something is left.
    pub fn write(&self, into: &mut BytesMut) -> bool {
        let mut queue = self.queue();
        let begun = into.len();
        while into.len() - begun < OUTLET_TURN_BYTES {
            let Some(waiting) = queue.waiting.pop_front() else {
                queue.is_awaited = false;
                queue.bytes = 0;
                return false;
            };
            queue.bytes = queue.bytes.saturating_sub(waiting.bytes());
            waiting.put(self.of, into);
        }
        queue.is_awaited = !queue.waiting.is_empty();
        queue.is_awaited
    }
}

/// The room's end of a session whose socket is at another node.
#[derive(Debug, Clone)]
pub struct RemoteLink {
    outlet: Arc<Outlet>,
    session: SessionNo,
}

impl SessionLink for RemoteLink {
    fn takes_part_in(&self, nonce: u64) {
        self.outlet.note(self.session, Note::TakesPartIn(nonce));
    }

    fn push(&self, frame: Frame) {
        let waiting = Waiting::Told {
            session: self.session,
            frame,
        };
        self.outlet.put(self.outlet.queue(), waiting);
    }

    fn bring(&self, seq: u64, frame: Frame) {
        self.outlet.bring(self.session, seq, frame);
    }

    fn goes_on(&self, handled: u64) {
        self.outlet.note(self.session, Note::GoesOn { handled });
    }

    fn lost(&self) {
        self.outlet.note(self.session, Note::Lost);
        self.outlet.forget(self.session);
    }

    fn open_namespaces(&self, namespaces: Namespaces) {
        self.outlet.note(self.session, Note::Opened(namespaces.bits()));
    }

    fn close_namespaces(&self) {
        self.outlet.note(self.session, Note::Shut);
    }

    fn close(&self, code: CloseCode) {
        self.outlet.note(self.session, Note::Close(code));
        self.outlet.forget(self.session);
    }

    fn node_stops(&self) {
        self.lost();
    }

    /// The edge says by itself when a session ends.
    fn is_cut(&self) -> bool {
        false
    }

    fn command_handled(&self) {
        self.outlet.note(self.session, Note::Handled(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::RoomId, registry::Life};

    fn of() -> RoomLife {
        RoomLife {
            room: RoomId(uuid::Uuid::nil()),
            life: Life(1),
        }
    }

    fn frames(outlet: &Outlet) -> Vec<String> {
        let mut written = BytesMut::new();
        while outlet.write(&mut written) {}
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = wire::take_frame::<Down>(&mut written) {
            frames.push(format!("{frame:?}"));
        }
        frames
    }

    #[test]
    fn an_event_for_many_is_written_once_and_in_order() {
        let (downlink, mut writer) = Downlink::new();
        let outlet = downlink.outlet(of(), |_| {});
        let links: Vec<_> = (0..500).map(|number| outlet.link(SessionNo(number))).collect();
        for seq in 1..=2 {
            let frame = Frame::new("{}".into(), 500);
            for link in &links {
                link.bring(seq, frame.clone());
            }
            links[0].command_handled();
            links[0].command_handled();
        }
        assert!(matches!(writer.try_recv(), Ok(Ready::Room(_))));
        assert!(writer.try_recv().is_err(), "it looks once");
        let frames = frames(&outlet);
        assert_eq!(frames.len(), 4, "{frames:?}");
        assert!(frames[0].contains("seq: 1") && frames[3].contains("Handled(2)"));
    }

    #[test]
    fn a_room_whose_edge_is_gone_hears_whom_it_does_not_reach() {
        let (downlink, _writer) = Downlink::new();
        let lost = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&lost);
        let outlet = downlink.outlet(of(), move |sessions| {
            told.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(sessions);
        });
        let (first, second) = (outlet.link(SessionNo(1)), outlet.link(SessionNo(2)));
        first.close(CloseCode::Normal);
        downlink.cut();
        second.bring(1, Frame::new("late".into(), 1));
        assert_eq!(
            *lost.lock().unwrap_or_else(PoisonError::into_inner),
            [SessionNo(2)]
        );
        assert!(frames(&outlet).is_empty());
    }

    #[test]
    fn an_edge_that_takes_nothing_costs_so_much() {
        let (downlink, _writer) = Downlink::new();
        let lost = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&lost);
        let outlet = downlink.outlet(of(), move |_| told.store(true, Ordering::Relaxed));
        let link = outlet.link(SessionNo(1));
        let text = "x".repeat(1024 * 1024);
        for seq in 0..2 * OUTLET_BYTES_MAX as u64 / (1024 * 1024) {
            link.bring(seq, Frame::new(text.clone().into(), 1));
        }
        assert!(lost.load(Ordering::Relaxed));
        assert!(outlet.queue().waiting.is_empty());
    }
}
