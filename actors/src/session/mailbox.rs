//! A room as its sessions see it.

use std::fmt;

use super::{
    Arriving, Link, RateLimits,
    networks::{Audience, LimitOf},
};
use crate::{
    ids::{ParticipantId, RoomId, SessionNo, UserId},
    registry::Life,
    room::input::{Input, Reattach, SeatTaken},
    shell::outbox::SentCommand,
};

/// What sessions tell one life of a room. A room that has just ended hears nothing more, rightly.
pub trait Mailbox: fmt::Debug + Send + Sync {
    fn id(&self) -> RoomId;
    fn life(&self) -> Life;
    /// Whether nobody hears any more.
    fn is_gone(&self) -> bool;
    /// Whose room it is; none where that is not known.
    fn owner(&self) -> Option<UserId>;
    /// Whether another input may wait.
    fn has_room_for_input(&self) -> bool;
    /// Whether one more command of this participant is taken.
    fn takes_from(
        &self,
        who: (ParticipantId, Option<LimitOf>),
        rates: RateLimits,
        audience: Audience,
    ) -> bool;
    /// Whether one more session of this participant may join.
    fn lets_join(&self, who: ParticipantId, from: LimitOf) -> bool;
    /// A redeemed ticket's socket stands. A room that ends before it has the link, or later, tells it so: nothing watches the room.
    fn attach(&self, taken: SeatTaken, link: Arriving<Link>);
    /// A session that has outlived an earlier life of the room asks to go on.
    fn reattach(&self, asked: Reattach, link: Arriving<Link>);
    fn command(&self, session: SessionNo, sent: SentCommand);
    fn input(&self, input: Input);
}
