//! What the rest of the core holds of a room: where to send, and a few numbers that are read without asking.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ractor::{ActorRef, ActorStatus, MessagingErr, RpcReplyPort, rpc::CallResult};

use super::{RoomMsg, owner::Owner};
use crate::{
    access_revision::AccessRevision,
    edge::RoomLink,
    ids::{ParticipantId, RoomId, SessionNo, UserId},
    protocol::limits::{ROOM_WAITING_BYTES_MAX, ROOM_WAITING_INPUTS_MAX},
    registry::{Founder, Life, RoomHandle},
    room::input::{Input, Notice, Reattach, SeatTaken},
    session::{
        Arriving, Link, Mailbox, RateLimits,
        networks::{Audience, LimitOf, SenderLimits},
    },
    shell::outbox::SentCommand,
};

/// A handle on a room's actor, cheap to clone.
#[derive(Debug, Clone)]
pub struct RoomRef {
    pub(super) id: RoomId,
    pub(super) life: Life,
    pub(super) actor: ActorRef<RoomMsg>,
    pub(super) gauge: Arc<Gauge>,
}

/// What the senders of inputs look at before they send: the mailbox itself is not bounded.
#[derive(Debug)]
pub struct Gauge {
    pub(super) waiting: AtomicUsize,
    pub(super) waiting_bytes: AtomicUsize,
    pub(super) disk_failed: AtomicBool,
    pub(super) owner: Owner,
    /// Somebody has joined.
    pub(super) entered: AtomicBool,
    pub(super) sockets: AtomicUsize,
    pub(super) senders: SenderLimits,
}

impl Gauge {
    /// An input is about to be sent.
    pub(super) fn up(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// An input waits no more; its sender had counted it before it sent it.
    pub(super) fn down(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RoomRef {
    #[must_use]
    pub fn id(&self) -> RoomId {
        self.id
    }

    #[must_use]
    pub fn actor(&self) -> &ActorRef<RoomMsg> {
        &self.actor
    }

    /// Whether another input may wait.
    #[must_use]
    pub fn has_room_for_input(&self) -> bool {
        self.gauge.waiting.load(Ordering::Relaxed) < ROOM_WAITING_INPUTS_MAX
            && self.gauge.waiting_bytes.load(Ordering::Relaxed) < ROOM_WAITING_BYTES_MAX
    }

    /// Sends a message that becomes an input. A room that has just ended hears nothing more, rightly.
    pub fn send(&self, message: RoomMsg) {
        self.gauge.up();
        let _ = self.actor.cast(message);
    }

    /// [`RoomRef::send`] with an answer.
    pub async fn call<T: Send + 'static>(
        &self,
        message: impl FnOnce(RpcReplyPort<T>) -> RoomMsg,
        timeout: Duration,
    ) -> Result<CallResult<T>, MessagingErr<RoomMsg>> {
        self.gauge.up();
        self.actor.call(message, Some(timeout)).await
    }

    /// The room's journal failed, and it lives in memory.
    #[must_use]
    pub fn disk_failed(&self) -> bool {
        self.gauge.disk_failed.load(Ordering::Relaxed)
    }
}

impl RoomHandle for RoomRef {
    fn life(&self) -> Life {
        self.life
    }

    fn is_gone(&self) -> bool {
        self.actor.get_status() >= ActorStatus::Stopping
    }

    fn owner(&self) -> Option<UserId> {
        self.gauge.owner.get().0
    }

    fn founder(&self) -> Founder {
        self.gauge.owner.get().1
    }

    fn was_entered(&self) -> bool {
        self.gauge.entered.load(Ordering::Relaxed)
    }

    fn tell(&self, notice: Notice) {
        self.input(Input::Notice(notice));
    }

    fn notice(&self, notice: Notice, revision: AccessRevision) {
        self.send(RoomMsg::Notice(notice, revision));
    }

    fn may_end(&self) {
        let _ = self.actor.cast(RoomMsg::MayEnd);
    }

    fn sweep(&self) {
        let _ = self.actor.cast(RoomMsg::Sweep);
    }
}

impl Mailbox for RoomRef {
    fn id(&self) -> RoomId {
        self.id
    }

    fn life(&self) -> Life {
        self.life
    }

    fn is_gone(&self) -> bool {
        RoomHandle::is_gone(self)
    }

    fn owner(&self) -> Option<UserId> {
        RoomHandle::owner(self)
    }

    fn attach(&self, taken: SeatTaken, link: Arriving<Link>) {
        let link = link.map(RoomLink::Here);
        self.send(RoomMsg::Attach { taken, link });
    }

    fn reattach(&self, asked: Reattach, link: Arriving<Link>) {
        let link = link.map(RoomLink::Here);
        self.send(RoomMsg::Reattach { asked, link });
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
        let sockets = self.gauge.sockets.load(Ordering::Relaxed);
        self.gauge.senders.takes(who, rates, (audience, sockets))
    }

    fn lets_join(&self, who: ParticipantId, from: LimitOf) -> bool {
        self.gauge.senders.lets_join(who, from)
    }

    fn command(&self, session: SessionNo, sent: SentCommand) {
        self.gauge.waiting_bytes.fetch_add(sent.bytes, Ordering::Relaxed);
        self.send(RoomMsg::Command(session, sent));
    }

    fn input(&self, input: Input) {
        self.send(RoomMsg::Input(input));
    }
}
