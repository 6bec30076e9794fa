//! A room, wherever it runs.

use std::sync::Arc;

use ractor::rpc::CallResult;

use super::CALL_TIMEOUT;
use crate::{
    access_revision::{AccessRevision, AsOf},
    edge::{
        RemoteRoom,
        wire::{Answer, NodeCall},
    },
    ids::TokenHash,
    livekit::MediaRoom,
    protocol::meeting::Caller,
    room::input::{Start, StartOutcome},
    room_actor::{RoomMsg, RoomRef},
    session::Mailbox,
    shell::Redeemed,
};

/// A room that lives.
#[derive(Debug)]
pub(super) enum Located {
    Here(RoomRef),
    /// At another node.
    There(Arc<RemoteRoom>),
}

impl Located {
    pub fn has_room_for_input(&self) -> bool {
        match self {
            Self::Here(room) => room.has_room_for_input(),
            Self::There(room) => room.has_room_for_input(),
        }
    }

    /// What sessions tell it.
    pub fn mailbox(&self) -> Arc<dyn Mailbox> {
        match self {
            Self::Here(room) => Arc::new(room.clone()),
            Self::There(room) => Arc::clone(room) as Arc<dyn Mailbox>,
        }
    }

    /// A call of `start`; none where the room is gone.
    pub async fn start(&self, start: Box<Start>, as_of: Option<AsOf>) -> Option<StartOutcome> {
        match self {
            Self::Here(room) => {
                let as_of = as_of.map(|as_of| as_of.revision);
                start_here(room, start, as_of).await
            }
            Self::There(room) => {
                let millis = |as_of: AsOf| u64::try_from(as_of.ago().as_millis()).unwrap_or(u64::MAX);
                let call = NodeCall::Start {
                    of: room.of(),
                    start,
                    read_millis_ago: as_of.map(millis),
                };
                match ask(room, call).await {
                    Some(Answer::Started(outcome)) => Some(outcome),
                    _ => None,
                }
            }
        }
    }

    /// Whether a resumption token speaks for a caller.
    pub async fn knows(&self, token: TokenHash, caller: Caller) -> bool {
        match self {
            Self::Here(room) => {
                let message = |reply| RoomMsg::Knows { token, caller, reply };
                let known = room.actor().call(message, Some(CALL_TIMEOUT)).await;
                matches!(known, Ok(CallResult::Success(true)))
            }
            Self::There(room) => {
                let of = room.of();
                let known = ask(room, NodeCall::Knows { of, token, caller }).await;
                matches!(known, Some(Answer::Says(Some(true))))
            }
        }
    }

    /// Redeems a ticket, once: nothing where the room is gone, and nothing in it where it does not know the ticket.
    pub async fn redeem(&self, ticket: TokenHash) -> Option<Option<Redeemed>> {
        match self {
            Self::Here(room) => {
                let redeem = |reply| RoomMsg::Redeem { ticket, reply };
                match room.actor().call(redeem, Some(CALL_TIMEOUT)).await {
                    Ok(CallResult::Success(redeemed)) => Some(redeemed),
                    _ => None,
                }
            }
            Self::There(room) => {
                let of = room.of();
                match ask(room, NodeCall::Redeem { of, ticket }).await {
                    Some(Answer::Redeemed(redeemed)) => Some(redeemed),
                    _ => None,
                }
            }
        }
    }

    /// Whether a room of LiveKit belongs to it; none where that can't be said at the moment.
    pub async fn has_media_room(&self, media: MediaRoom) -> Option<bool> {
        match self {
            Self::Here(room) => {
                let has = |reply| RoomMsg::HasMediaRoom(media, reply);
                match room.actor().call(has, Some(CALL_TIMEOUT)).await {
                    Ok(CallResult::Success(has)) => has,
                    _ => None,
                }
            }
            Self::There(room) => match ask(room, NodeCall::HasMediaRoom(media)).await {
                Some(Answer::Says(has)) => has,
                _ => None,
            },
        }
    }
}

/// A call of `start` for a room of this node.
pub(super) async fn start_here(
    room: &RoomRef,
    start: Box<Start>,
    as_of: Option<AccessRevision>,
) -> Option<StartOutcome> {
    let message = |reply| RoomMsg::Start { start, as_of, reply };
    match room.call(message, CALL_TIMEOUT).await {
        Ok(CallResult::Success(outcome)) => Some(outcome),
        _ => None,
    }
}

async fn ask(room: &RemoteRoom, call: NodeCall) -> Option<Answer> {
    room.uplink()?.call(call, CALL_TIMEOUT).await.ok()
}
