//! The room's end of a session: a bounded queue of frames, and a few flags that both sides read.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use ractor::ActorRef;
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc},
    time::Instant,
};

use super::{
    Finder, Mailbox, RateLimits, RedeemedTicket, SessionMsg, finder,
    networks::{Audience, LimitOf},
    replies::Replies,
    unread::Unread,
};
use crate::{
    frame::Frame,
    ids::{ParticipantId, SessionNo, TokenHash},
    protocol::{
        Command, Namespace, Namespaces, codes::CloseCode, control::ControlCommand,
        limits::SESSION_QUEUE_FRAMES_MAX,
    },
    room::input::{Ending, Input, Reattach},
    shell::{SessionLink, outbox::Outbox},
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
    seat: Mutex<Option<Seated>>,
    /// Of the life of the room that it takes part in, and the number of the last event that it was brought.
    nonce: AtomicU64,
    brought: AtomicU64,
    /// The namespaces that are open: none before the join ([`Namespaces::bits`]).
    opened: AtomicU32,
    /// Whether the session has been inside, and whether it has got anywhere at all: inside or into the waiting room.
    has_ever_joined: AtomicBool,
    is_seated: AtomicBool,
    /// A place among the sockets that have yet to join, given back when this one has.
    until_seated: Mutex<Option<Box<dyn Send>>>,
    /// Whether the session is to end although its client does not hear it.
    is_cut: AtomicBool,
    /// What the library answers by itself.
    pub replies: Replies,
    /// Bytes that the socket has taken: it goes up while the client reads.
    pub taken: AtomicU64,
    /// Wakes a writer that waits for a client that takes nothing.
    pub cut_now: Notify,
}

/// Where a session's commands go.
#[derive(Debug)]
struct Seated {
    room: Arc<dyn Mailbox>,
    session: SessionNo,
    participant: ParticipantId,
    token: TokenHash,
    /// Whose limits count for it, if any do.
    sender: Option<LimitOf>,
    rates: RateLimits,
    /// Since when the room has no shell that knows the session.
    lost_at: Option<Instant>,
    finder: Arc<dyn Finder>,
    outbox: Outbox,
    /// How the socket ended.
    ended: Option<Ending>,
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
        (seat, rates, finder): (&RedeemedTicket, RateLimits, Arc<dyn Finder>),
        until_seated: Box<dyn Send>,
    ) -> (Link, mpsc::Receiver<Outgoing>) {
        let (queue, receiver) = mpsc::channel(SESSION_QUEUE_FRAMES_MAX);
        let seated = Seated {
            room: Arc::clone(&seat.room),
            session: seat.taken.session,
            participant: seat.taken.grant.participant,
            token: seat.taken.grant.token,
            sender: LimitOf::of(seat),
            rates,
            lost_at: None,
            finder,
            outbox: Outbox::default(),
            ended: None,
        };
        let shared = Self {
            seat: Mutex::new(Some(seated)),
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

    /// Bytes that the socket has taken.
    pub(super) fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// Whether the session is inside or waits.
    pub(super) fn is_seated(&self) -> bool {
        self.shared.is_seated.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn has_joined(&self) -> bool {
        self.is_open(Namespace::Control)
    }

    pub(super) fn is_open(&self, namespace: Namespace) -> bool {
        Namespaces::of_bits(self.shared.opened.load(Ordering::Acquire)).has(namespace)
    }

    fn seat(&self) -> MutexGuard<'_, Option<Seated>> {
        self.shared.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a command to the room, or keeps it for its next life; false when too many are on their way.
    pub(super) fn command(&self, command: Command, bytes: usize) -> bool {
        let mut shared = self.seat();
        let Some(seat) = shared.as_mut().filter(|seat| seat.room.has_room_for_input()) else {
            return false;
        };
        let is_join = matches!(command, Command::Control(ControlCommand::Join { .. }));
        let (who, sender) = (seat.participant, seat.sender);
        match sender {
            Some(sender) if is_join && !seat.room.lets_join(who, sender) => {
                // Clients of today do not ask again when a join is refused; this they do.
                drop(shared);
                self.close(CloseCode::TryAgain);
                return true;
            }
            sender
                if !is_join
                    && !seat
                        .room
                        .takes_from((who, sender), seat.rates, Audience::of(&command)) =>
            {
                return false;
            }
            _ => {}
        }
        let Some(numbered) = seat.outbox.add(command, bytes) else {
            return false;
        };
        if seat.lost_at.is_none() {
            seat.room.command(seat.session, numbered);
        }
        true
    }

    /// Tells the room how the socket has ended, and its next life too.
    pub(super) fn end(&self, how: Ending) {
        if let Some(seat) = self.seat().as_mut() {
            let session = seat.session;
            // It may get lost on its way.
            seat.ended = Some(how);
            if seat.lost_at.is_none() {
                seat.room.input(Input::Ended { session, how });
            }
        }
    }

    /// Since when it looks for its room, and the life that is over.
    pub(super) fn lost_room(&self) -> Option<(Instant, Arc<dyn Mailbox>)> {
        let seat = self.seat();
        let seat = seat.as_ref()?;
        Some((seat.lost_at?, Arc::clone(&seat.room)))
    }

    /// Asks the room's next life to go on there.
    pub(super) fn ask_to_go_on(&self, room: &Arc<dyn Mailbox>) {
        let asked = self.seat().as_mut().map(|seat| {
            seat.room = Arc::clone(room);
            Reattach {
                session: seat.session,
                token: seat.token,
                nonce: self.shared.nonce.load(Ordering::Relaxed),
                from: self.shared.brought.load(Ordering::Relaxed),
            }
        });
        // Where this life is over too, the link hears of it at once.
        if let Some(asked) = asked {
            room.reattach(asked, Arriving::new(self.clone()));
        }
    }

    /// The session's actor.
    #[must_use]
    pub fn actor(&self) -> &ActorRef<SessionMsg> {
        &self.actor
    }
}

impl SessionLink for Link {
    fn takes_part_in(&self, nonce: u64) {
        self.shared.nonce.store(nonce, Ordering::Relaxed);
    }

    fn bring(&self, seq: u64, frame: Frame) {
        self.shared.brought.store(seq, Ordering::Relaxed);
        self.push(frame);
    }

    fn goes_on(&self, handled: u64) {
        let mut seat = self.seat();
        let Some(seat) = seat.as_mut() else { return };
        seat.lost_at = None;
        let (room, session) = (&seat.room, seat.session);
        for sent in seat.outbox.go_on_after(handled) {
            room.command(session, sent.clone());
        }
        if let Some(how) = seat.ended {
            room.input(Input::Ended { session, how });
        }
    }

    fn lost(&self) {
        let finder = self.seat().as_mut().map(|seat| {
            seat.lost_at.get_or_insert_with(Instant::now);
            Arc::clone(&seat.finder)
        });
        // Also for a session that has ended meanwhile: what it sent before is to be handled.
        match (finder, Handle::try_current()) {
            (Some(finder), Ok(runtime)) => {
                runtime.spawn(finder::go_on(self.clone(), finder));
            }
            // The process ends.
            _ => self.close(CloseCode::Restart),
        }
    }

    fn push(&self, frame: Frame) {
        if self.is_cut() {
            return;
        }
        // A closed queue means that the writer has ended; whoever is cut then is cut already.
        if !self.shared.unread.takes(&frame) || self.queue.try_send(Outgoing::Text(frame)).is_err() {
            self.shared.cut();
        }
    }

    fn open_namespaces(&self, namespaces: Namespaces) {
        self.shared.has_ever_joined.store(true, Ordering::Relaxed);
        self.shared.opened.store(namespaces.bits(), Ordering::Release);
        self.shared.seat();
    }

    fn close_namespaces(&self) {
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
        if let Some(seat) = self.seat().as_mut() {
            seat.outbox.handled();
        }
    }
}

/// A link on its way to its room. Where it does not get there, that room has ended meanwhile, and maybe lives on.
#[derive(Debug)]
pub struct Arriving<L: SessionLink>(Option<L>);

impl<L: SessionLink> Arriving<L> {
    pub(crate) fn new(link: L) -> Self {
        Self(Some(link))
    }

    /// The room has it.
    pub(crate) fn arrive(mut self) -> Option<L> {
        self.0.take()
    }

    /// On its way as something else.
    pub(crate) fn map<M: SessionLink>(self, as_what: impl FnOnce(L) -> M) -> Arriving<M> {
        Arriving(self.arrive().map(as_what))
    }
}

impl<L: SessionLink> Drop for Arriving<L> {
    fn drop(&mut self) {
        if let Some(link) = self.0.take() {
            link.lost();
        }
    }
}
