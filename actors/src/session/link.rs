//! The room's end of a session: a bounded queue of frames, and a few flags that both sides read.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use ractor::ActorRef;
use tokio::sync::{Notify, mpsc};

use super::{SessionMsg, unread::Unread};
use crate::{
    frame::Frame,
    protocol::{
        codes::CloseCode,
        limits::{SESSION_QUEUE_FRAMES_MAX, SESSION_UNHANDLED_COMMANDS_MAX},
    },
    shell::SessionLink,
};

/// What waits for the writer.
#[derive(Debug)]
pub(super) enum Outgoing {
    Text(Frame),
    Ping,
    /// The last thing that is written.
    Close(CloseCode),
}

/// State that room, reader and writer of one session share.
#[derive(Default)]
pub(super) struct Shared {
    pub unread: Unread,
    unhandled: AtomicU32,
    /// 0 before the join; then [`JOINED`] and the modules that the tariff allows.
    opened: AtomicU32,
    /// Whether the session has been inside, and whether it has got anywhere at all: inside or into the waiting room.
    has_ever_joined: AtomicBool,
    is_seated: AtomicBool,
    /// A place among the sockets that have yet to join, given back when this one has.
    until_seated: Mutex<Option<Box<dyn Send>>>,
    /// Whether the session is to end although its client does not hear it.
    is_cut: AtomicBool,
    /// Wakes a writer that waits for a client that takes nothing.
    pub cut_now: Notify,
}

const JOINED: u32 = 1;

/// The namespaces that a tariff allows or not: each has a bit.
const MODULES: [&str; 6] = ["moderation", "breakout", "chat", "timer", "polls", "livekit"];

/// The bit of a namespace; 0 when there is no such.
fn bit(namespace: &str) -> u32 {
    if namespace == "control" {
        return JOINED;
    }
    let index = MODULES.iter().position(|module| *module == namespace);
    index.map_or(0, |index| JOINED << (index + 1))
}

/// A handle on a session, cheap to clone.
#[derive(Debug, Clone)]
pub struct Link {
    queue: mpsc::Sender<Outgoing>,
    shared: Arc<Shared>,
    actor: ActorRef<SessionMsg>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn link(
        actor: ActorRef<SessionMsg>,
        until_seated: Box<dyn Send>,
    ) -> (Link, mpsc::Receiver<Outgoing>) {
        let (queue, receiver) = mpsc::channel(SESSION_QUEUE_FRAMES_MAX);
        let shared = Self {
            until_seated: Mutex::new(Some(until_seated)),
            ..Self::default()
        };
        let shared = Arc::new(shared);
        shared.unread.register(Arc::downgrade(&shared));
        (Link { queue, shared, actor }, receiver)
    }

    /// Whether the client has ever been inside: it may send larger messages from then on.
    pub(super) fn has_ever_joined(&self) -> bool {
        self.has_ever_joined.load(Ordering::Relaxed)
    }

    /// Ends the session although its client does not hear it.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        self.cut_now.notify_one();
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    fn seat(&self) {
        if !self.is_seated.swap(true, Ordering::Relaxed) {
            *self.until_seated.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl Link {
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn ping(&self) {
        if self.queue.try_send(Outgoing::Ping).is_err() {
            self.shared.cut();
        }
    }

    /// Whether the session is inside or waits.
    pub(super) fn is_seated(&self) -> bool {
        self.shared.is_seated.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn has_joined(&self) -> bool {
        self.shared.opened.load(Ordering::Acquire) != 0
    }

    pub(super) fn has_module(&self, name: &str) -> bool {
        self.shared.opened.load(Ordering::Acquire) & bit(name) != 0
    }

    /// Counts a command on its way to the room; false when too many are.
    pub(super) fn begin_command(&self) -> bool {
        let one_more = |count| (count < SESSION_UNHANDLED_COMMANDS_MAX).then_some(count + 1);
        self.shared
            .unhandled
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
    }

    /// The session's actor.
    #[must_use]
    pub fn actor(&self) -> &ActorRef<SessionMsg> {
        &self.actor
    }
}

impl SessionLink for Link {
    fn push(&self, frame: Frame) {
        if self.is_cut() {
            return;
        }
        // A closed queue means that the writer has ended; whoever is cut then is cut already.
        if !self.shared.unread.takes(&frame) || self.queue.try_send(Outgoing::Text(frame)).is_err() {
            self.shared.cut();
        }
    }

    fn open(&self, has_module: impl Fn(&str) -> bool) {
        let on = MODULES.iter().filter(|module| has_module(module));
        let bits = on.fold(JOINED, |all, module| all | bit(module));
        self.shared.has_ever_joined.store(true, Ordering::Relaxed);
        self.shared.opened.store(bits, Ordering::Release);
        self.shared.seat();
    }

    fn shut(&self) {
        self.shared.opened.store(0, Ordering::Release);
        self.shared.seat();
    }

    fn close(&self, code: CloseCode) {
        // A full queue means a client that takes nothing; a closed one, that the writer has ended.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(Outgoing::Close(code)) {
            self.shared.cut();
        }
    }

    fn is_cut(&self) -> bool {
        self.shared.is_cut()
    }

    fn command_handled(&self) {
        self.shared.unhandled.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A link on its way to its room. Where it does not get there, the room has ended meanwhile: the client comes back.
#[derive(Debug)]
pub struct Arriving(Option<Link>);

impl Arriving {
    pub(super) fn new(link: Link) -> Self {
        Self(Some(link))
    }

    /// The room has it.
    pub(crate) fn arrive(mut self) -> Option<Link> {
        self.0.take()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if let Some(link) = self.0.take() {
            link.close(CloseCode::Restart);
        }
    }
}
