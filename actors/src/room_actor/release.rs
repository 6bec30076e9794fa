//! Effects leave the room: frames into the queues of sessions, answers to REST.

use std::sync::atomic::Ordering;

use ractor::ActorRef;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{From, RoomMsg, Shell, StartReply};
use crate::{
    ids::SessionNo,
    protocol::{
        self,
        codes::CloseCode,
        control::{ControlError, ControlEvent},
        moderation::ModerationEvent,
    },
    room::{
        effects::{Effect, Effects, Receivers},
        input::{Ending, Input, StartOutcome},
    },
    session::Link,
    ticket::Claim,
};

pub(super) fn effects(shell: &mut Shell, myself: &ActorRef<RoomMsg>, effects: Effects, mut from: From) {
    for effect in effects.list {
        match effect {
            Effect::Send { seq, frame, to, kept } => send(shell, seq, frame, to, kept),
            Effect::Tell { line, frame } => {
                if let Some(link) = shell.links.get(line) {
                    link.push(frame);
                }
            }
            Effect::Bound { session, line } => shell.links.bind(session, line),
            Effect::Opened(line) => {
                shell.gauge.entered.store(true, Ordering::Relaxed);
                if let Some(link) = shell.links.get(line) {
                    let room = shell.room.room();
                    link.open(|module| room.has_module(module));
                }
            }
            Effect::Shut(line) => {
                if let Some(link) = shell.links.get(line) {
                    link.shut();
                }
            }
            Effect::Resume { line, from, word } => {
                if let Some(link) = shell.links.get(line) {
                    link.push(word);
                    for frame in shell.kept.after(from, line) {
                        link.push_kept(frame.clone());
                    }
                }
            }
            Effect::Close(session, code) => {
                if let Some((_, link)) = shell.links.remove(session) {
                    link.close(code);
                }
            }
            Effect::Answer(outcome) => answer(shell, outcome, std::mem::replace(&mut from, From::Nobody)),
            Effect::Call(id, call) => shell.call(myself, id, call),
            Effect::CancelCall(id) => shell.cancel_call(id),
        }
    }
    shell.kept.trim(shell.room.room().ring_base());
}

fn send(shell: &mut Shell, seq: u64, frame: Utf8Bytes, to: Receivers, kept: bool) {
    let receivers = to.count();
    for line in to.iter() {
        if let Some(link) = shell.links.get(line) {
            link.push_to_one_of(receivers, frame.clone());
        }
    }
    if kept {
        shell.kept.add(seq, frame, to);
    }
}

fn answer(shell: &mut Shell, outcome: StartOutcome, from: From) {
    let From::Start { ticket, claim, reply } = from else {
        return;
    };
    let answer = match outcome {
        StartOutcome::Issued(participant) => {
            let claim = Claim { participant, ..claim };
            shell.tickets.add(&ticket, claim, shell.ports.clock.now());
            StartReply::Issued(participant)
        }
        StartOutcome::NeedsIdentity => StartReply::NeedsIdentity,
        StartOutcome::NeedsFacts => StartReply::NeedsFacts,
        StartOutcome::NoBreakoutRooms => StartReply::NoBreakoutRooms,
        StartOutcome::Banned => StartReply::Banned,
    };
    // Whoever asked may have gone.
    let _ = reply.send(answer);
}

/// Tells one session something without a number.
fn push<E: protocol::Event>(link: &Link, event: &E, shell: &Shell) {
    // What has no JSON is in the log already.
    if let Ok(frame) = protocol::encode(event, shell.room.room().at(), None) {
        link.push(frame);
    }
}

/// A rule panicked and was undone: its sender hears of it, nobody else notices.
pub(super) fn internal_error(shell: &Shell, from: From) {
    match from {
        From::Session(session) => {
            if let Some(link) = shell.links.of_session(session) {
                let error = ControlEvent::Error(ControlError::Internal);
                push(link, &error, shell);
            }
        }
        From::Start { reply, .. } => {
            let _ = reply.send(StartReply::Unavailable);
        }
        From::Nobody => {}
    }
}

/// What must not stay half-done after a panic: a socket that was to take a seat, and a session that does it on purpose.
pub(super) fn after_panic(
    shell: &mut Shell,
    myself: &ActorRef<RoomMsg>,
    arriving: Option<SessionNo>,
    cut: Option<SessionNo>,
) {
    if let Some((_, link)) = arriving.and_then(|session| shell.links.remove(session)) {
        link.close(CloseCode::Restart);
    }
    let Some(session) = cut else { return };
    if let Some((_, link)) = shell.links.remove(session) {
        push(&link, &ModerationEvent::Kicked, shell);
        link.close(CloseCode::PolicyViolation);
        let how = Ending::Quit;
        shell.input(myself, Input::Ended { session, how });
    }
}
