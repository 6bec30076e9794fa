//! The edge's end of a connection to an owner: calls with their answers, and the rooms that sessions of this node are in.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{
    RemoteRoom,
    wire::{self, Answer, Down, NodeCall, Nonsense, Read, RoomLife, Up},
};
use crate::{frame::Frame, ids::UserId, protocol::codes::CloseCode, registry::Life};

/// A call that was not answered: the connection is gone, or the other node takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other node does not answer")]
pub struct CallFailed;

/// A connection to an owner.
#[derive(Debug)]
pub struct Uplink {
    writer: mpsc::UnboundedSender<Bytes>,
    state: Mutex<State>,
    is_cut: AtomicBool,
    cut_now: Notify,
}

#[derive(Debug, Default)]
struct State {
    last_call: u64,
    calls: HashMap<u64, oneshot::Sender<Answer>>,
    rooms: HashMap<RoomLife, Arc<RemoteRoom>>,
    /// Rooms after those that nobody uses were last forgotten.
    kept: usize,
}

impl Uplink {
    /// The connection, and what its writer takes.
    #[must_use]
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Bytes>) {
        let (sender, writer) = mpsc::unbounded_channel();
        let this = Self {
            writer: sender,
            state: Mutex::default(),
            is_cut: AtomicBool::new(false),
            cut_now: Notify::new(),
        };
        (Arc::new(this), writer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    pub(super) fn send(&self, message: &Up) {
        let mut frame = BytesMut::new();
        wire::put_message(&mut frame, message);
        let _ = self.writer.send(frame.freeze());
    }

    /// Asks the owner something.
    pub async fn call(&self, call: NodeCall, within: Duration) -> Result<Answer, CallFailed> {
        let (sender, answer) = oneshot::channel();
        let number = {
            let mut state = self.state();
            if self.is_cut() {
                return Err(CallFailed);
            }
            state.last_call += 1;
            let number = state.last_call;
            state.calls.insert(number, sender);
            number
        };
        self.send(&Up::Call { number, call });
        let answered = timeout(within, answer).await;
        self.state().calls.remove(&number);
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(CallFailed),
        }
    }

    /// The room of this life at the owner, whose number here is made where it is not known yet.
    pub fn room(
        self: &Arc<Self>,
        of: RoomLife,
        owner: Option<UserId>,
        number: impl FnOnce() -> Life,
    ) -> Arc<RemoteRoom> {
        let mut state = self.state();
        if let Some(room) = state.rooms.get(&of).filter(|room| !room.is_over()) {
            room.set_owner(owner);
            return Arc::clone(room);
        }
        if state.rooms.len() > 2 * state.kept + 16 {
            state
                .rooms
                .retain(|_, room| Arc::strong_count(room) > 1 || !room.is_empty());
            state.kept = state.rooms.len();
        }
        let room = Arc::new(RemoteRoom::new(of, (number(), owner), Arc::downgrade(self)));
        if self.is_cut() {
            room.end();
        } else {
            state.rooms.insert(of, Arc::clone(&room));
        }
        room
    }

    /// The owner says something.
    pub fn receive(&self, read: Read<Down>) -> Result<(), Nonsense> {
        match read {
            Read::Heartbeat => {}
            Read::Message(Down::Answer { number, answer }) => {
                if let Some(asker) = self.state().calls.remove(&number) {
                    // Whoever asked may have gone.
                    let _ = asker.send(answer);
                }
            }
            Read::Message(Down::Note(of, session, note)) => {
                if let Some(room) = self.known(of) {
                    room.note(session, &note);
                    if room.is_over() {
                        self.state().rooms.remove(&of);
                    }
                }
            }
            Read::Delivery {
                of,
                seq,
                sessions,
                text,
            } => {
                let frame = frame(text, sessions.len())?;
                if let Some(room) = self.known(of) {
                    room.deliver(seq, &sessions, &frame);
                }
            }
            Read::Told { of, session, text } => {
                let frame = frame(text, 1)?;
                if let Some(room) = self.known(of) {
                    room.tell(session, frame);
                }
            }
        }
        Ok(())
    }

    fn known(&self, of: RoomLife) -> Option<Arc<RemoteRoom>> {
        self.state().rooms.get(&of).cloned()
    }

    /// Waits until somebody has no use for the connection any more.
    pub async fn until_cut(&self) {
        while !self.is_cut() {
            self.cut_now.notified().await;
        }
    }

    /// This node stops: its sessions end, and their rooms hear of it.
    pub fn close_sessions(&self, code: CloseCode) {
        let rooms: Vec<_> = self.state().rooms.values().cloned().collect();
        for room in rooms {
            room.close_sessions(code);
        }
    }

    /// The connection is over: sessions look for their rooms, and calls have failed.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        self.cut_now.notify_one();
        let state = mem::take(&mut *self.state());
        drop(state.calls);
        for room in state.rooms.into_values() {
            room.end();
        }
    }
}

/// What a client gets must be text.
fn frame(text: Bytes, receivers: usize) -> Result<Frame, Nonsense> {
    let text = Utf8Bytes::try_from(text).map_err(|_| Nonsense("an event that is no text".to_owned()))?;
    Ok(Frame::new(text, u32::try_from(receivers).unwrap_or(u32::MAX)))
}

/// What a room needs of its connection.
pub(super) fn send(uplink: &Weak<Uplink>, message: &Up) {
    if let Some(uplink) = uplink.upgrade() {
        uplink.send(message);
    }
}
