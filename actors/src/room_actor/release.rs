//! Effects leave the room: frames into the queues of sessions, answers to REST.

use super::{From, Shell, StartReply};
use crate::{
    protocol::{
        self,
        control::{ControlError, ControlEvent},
    },
    room::{
        effects::{Effect, Effects},
        input::StartOutcome,
    },
    ticket::Claim,
};

pub(super) fn effects(shell: &mut Shell, effects: Effects, mut from: From) {
    for effect in effects.list {
        match effect {
            Effect::Send { frame, to, .. } => {
                for session in to.iter() {
                    if let Some(link) = shell.links.get(&session) {
                        link.push(frame.clone());
                    }
                }
            }
            Effect::Joined(session) => {
                if let Some(link) = shell.links.get(&session) {
                    let room = shell.room.room();
                    link.open(|module| room.has_module(module));
                }
            }
            Effect::Close(session, code) => {
                if let Some(link) = shell.links.remove(&session) {
                    link.close(code);
                }
            }
            Effect::Answer(outcome) => answer(shell, outcome, std::mem::replace(&mut from, From::Nobody)),
        }
    }
}

fn answer(shell: &mut Shell, outcome: StartOutcome, from: From) {
    let From::Start {
        ticket,
        claim_token,
        reply,
    } = from
    else {
        return;
    };
    let answer = match outcome {
        StartOutcome::Issued(participant) => {
            let claim = Claim {
                participant,
                token: claim_token,
            };
            shell.tickets.add(&ticket, claim, shell.ports.clock.now());
            StartReply::Issued(participant)
        }
        StartOutcome::NeedsIdentity => StartReply::NeedsIdentity,
        StartOutcome::NeedsFacts => StartReply::NeedsFacts,
        StartOutcome::NoBreakoutRooms => StartReply::NoBreakoutRooms,
        StartOutcome::Busy => StartReply::Unavailable,
    };
    // Whoever asked may have gone.
    let _ = reply.send(answer);
}

/// A rule panicked and was undone: its sender hears of it, nobody else notices.
pub(super) fn internal_error(shell: &Shell, from: From) {
    match from {
        From::Session(session) => {
            if let Some(link) = shell.links.get(&session) {
                let error = ControlEvent::Error(ControlError::Internal);
                link.push(protocol::encode(&error, shell.room.room().at(), None));
            }
        }
        From::Start { reply, .. } => {
            let _ = reply.send(StartReply::Unavailable);
        }
        From::Nobody => {}
    }
}
