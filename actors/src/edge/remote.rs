//! A room that another node owns, as sessions of this node see it.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use super::{
    Uplink,
    uplink::send,
    wire::{Note, RoomLife, Up},
};
use crate::{
    frame::Frame,
    ids::{ParticipantId, RoomId, SessionNo, UserId},
    protocol::{
        Namespaces,
        codes::CloseCode,
        limits::{ROOM_WAITING_BYTES_MAX, ROOM_WAITING_INPUTS_MAX},
    },
    registry::Life,
    room::input::{Input, Reattach, SeatTaken},
    session::{
        Arriving, Link, Mailbox, RateLimits,
        networks::{Audience, LimitOf, SenderLimits},
    },
    shell::{SessionLink as _, outbox::SentCommand},
};

/// A life of a room at its owner.
#[derive(Debug)]
pub struct RemoteRoom {
    of: RoomLife,
    /// Its number among the lives that this node knows.
    life: Life,
    owner: RwLock<Option<UserId>>,
    uplink: Weak<Uplink>,
    sessions: Mutex<HashMap<SessionNo, Attached>>,
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    is_over: AtomicBool,
    /// Limits hold for each node by itself.
    senders: SenderLimits,
}

/// A session of this node in the room.
#[derive(Debug)]
struct Attached {
    link: Link,
    /// Bytes of its commands that the room has not handled, the oldest first.
    unhandled: std::collections::VecDeque<usize>,
}

impl RemoteRoom {
    pub(super) fn new(of: RoomLife, (life, owner): (Life, Option<UserId>), uplink: Weak<Uplink>) -> Self {
        Self {
            of,
            life,
            owner: RwLock::new(owner),
            uplink,
            sessions: Mutex::default(),
            waiting: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            senders: SenderLimits::default(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionNo, Attached>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How its owner names it.
    #[must_use]
    pub fn of(&self) -> RoomLife {
        self.of
    }

    /// The connection to its owner, while that stands.
    #[must_use]
    pub fn uplink(&self) -> Option<Arc<Uplink>> {
        self.uplink.upgrade().filter(|uplink| !uplink.is_cut())
    }

    pub(super) fn set_owner(&self, owner: Option<UserId>) {
        if owner.is_some() {
            *self.owner.write().unwrap_or_else(PoisonError::into_inner) = owner;
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions().is_empty()
    }

    /// Whether another input may wait.
    #[must_use]
    pub fn has_room_for_input(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < ROOM_WAITING_INPUTS_MAX
            && self.waiting_bytes.load(Ordering::Relaxed) < ROOM_WAITING_BYTES_MAX
    }

    fn arrive(&self, session: SessionNo, link: Link) -> bool {
        let attached = Attached {
            link,
            unhandled: std::collections::VecDeque::new(),
        };
        let mut sessions = self.sessions();
        if self.is_over() {
            drop(sessions);
            attached.link.lost();
            return false;
        }
        sessions.insert(session, attached);
        true
    }

    fn link(&self, session: SessionNo) -> Option<Link> {
        self.sessions()
            .get(&session)
            .map(|attached| attached.link.clone())
    }

    /// The session has ended, or is elsewhere: what it has sent waits no more.
    fn forget(&self, session: SessionNo) -> Option<Link> {
        let Attached { link, unhandled } = self.sessions().remove(&session)?;
        self.waiting.fetch_sub(unhandled.len(), Ordering::Relaxed);
        self.waiting_bytes
            .fetch_sub(unhandled.iter().sum(), Ordering::Relaxed);
        Some(link)
    }

    pub(super) fn deliver(&self, seq: u64, to: &[SessionNo], frame: &Frame) {
        let sessions = self.sessions();
        for attached in to.iter().filter_map(|session| sessions.get(session)) {
            attached.link.bring(seq, frame.clone());
        }
    }

    pub(super) fn tell(&self, session: SessionNo, frame: Frame) {
        if let Some(link) = self.link(session) {
            link.push(frame);
        }
    }

    pub(super) fn note(&self, session: SessionNo, note: &Note) {
        match *note {
            // Of one it means all: the life is over, or its way to this node is.
            Note::Lost => self.end(),
            Note::Close(code) => {
                if let Some(link) = self.forget(session) {
                    link.close(code);
                }
            }
            Note::Handled(count) => self.handled(session, count),
            Note::TakesPartIn(nonce) => self.with(session, |link| link.takes_part_in(nonce)),
            Note::GoesOn { handled } => self.with(session, |link| link.goes_on(handled)),
            Note::Opened(bits) => {
                self.with(session, |link| link.open_namespaces(Namespaces::of_bits(bits)));
            }
            Note::Shut => self.with(session, Link::close_namespaces),
        }
    }

    fn with(&self, session: SessionNo, what: impl FnOnce(&Link)) {
        // Not under the lock: the link may have something to say to the room.
        if let Some(link) = self.link(session) {
            what(&link);
        }
    }

    fn handled(&self, session: SessionNo, count: u32) {
        let link = {
            let mut sessions = self.sessions();
            let Some(attached) = sessions.get_mut(&session) else {
                return;
            };
            for _ in 0..count {
                if let Some(bytes) = attached.unhandled.pop_front() {
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                }
            }
            attached.link.clone()
        };
        for _ in 0..count {
            link.command_handled();
        }
    }

    pub(super) fn close_sessions(&self, code: CloseCode) {
        let links: Vec<_> = self
            .sessions()
            .values()
            .map(|attached| attached.link.clone())
            .collect();
        for link in links {
            link.close(code);
        }
    }

    /// The connection to the owner is gone: sessions look for the room.
    pub(super) fn end(&self) {
        let sessions = {
            let mut sessions = self.sessions();
            self.is_over.store(true, Ordering::Relaxed);
            mem::take(&mut *sessions)
        };
        for attached in sessions.into_values() {
            attached.link.lost();
        }
    }
}

impl Mailbox for RemoteRoom {
    fn id(&self) -> RoomId {
        self.of.room
    }

    fn life(&self) -> Life {
        self.life
    }

    fn is_gone(&self) -> bool {
        self.is_over()
    }

    fn owner(&self) -> Option<UserId> {
        *self.owner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room_for_input(&self) -> bool {
        Self::has_room_for_input(self)
    }

    fn takes_from(
        &self,
        who: (ParticipantId, Option<LimitOf>),
        rates: RateLimits,
        audience: Audience,
    ) -> bool {
        // How many sockets the whole room has is known to its owner alone.
        let sockets = self.sessions().len();
        self.senders.takes(who, rates, (audience, sockets))
    }

    fn lets_join(&self, who: ParticipantId, from: LimitOf) -> bool {
        self.senders.lets_join(who, from)
    }

    fn attach(&self, taken: SeatTaken, link: Arriving<Link>) {
        if let Some(link) = link.arrive()
            && self.arrive(taken.session, link)
        {
            send(&self.uplink, &Up::Attach(self.of, taken));
        }
    }

    fn reattach(&self, asked: Reattach, link: Arriving<Link>) {
        if let Some(link) = link.arrive()
            && self.arrive(asked.session, link)
        {
            send(&self.uplink, &Up::Reattach(self.of, asked));
        }
    }

    fn command(&self, session: SessionNo, sent: SentCommand) {
        if let Some(attached) = self.sessions().get_mut(&session) {
            attached.unhandled.push_back(sent.bytes);
            self.waiting.fetch_add(1, Ordering::Relaxed);
            self.waiting_bytes.fetch_add(sent.bytes, Ordering::Relaxed);
        }
        let SentCommand {
            number,
            command,
            bytes,
        } = sent;
        let message = Up::Command {
            of: self.of,
            session,
            number,
            bytes,
            command,
        };
        send(&self.uplink, &message);
    }

    fn input(&self, input: Input) {
        // Sessions tell nothing else of themselves.
        if let Input::Ended { session, how } = input {
            self.forget(session);
            send(&self.uplink, &Up::Ended(self.of, session, how));
        }
    }
}
