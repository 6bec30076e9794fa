//! A turn: take what waits, log it as one batch, handle each input, release its effects at once.

use ractor::ActorRef;

use super::{From, Phase, RoomMsg, Shell, Waiting, release};
use crate::{
    journal::{JournalError, file::Staged},
    livekit::Outcome,
    logged::{Handled, RoomFailure},
    protocol::{codes::CloseCode, limits::TURN_INPUTS_MAX},
    registry::RegistryMsg,
    room::input::{Ending, Input},
};

pub(super) async fn run(shell: &mut Shell, myself: &ActorRef<RoomMsg>) {
    shell.turn_cast = false;
    if shell.phase == Phase::Stopped {
        return;
    }
    let (inputs, senders) = take(shell);
    let random = std::sync::Arc::clone(&shell.ports.random);
    let (now, wall) = (shell.ports.clock.now(), shell.ports.clock.wall());
    let ahead = shell.room.time(now).as_micros() - wall.as_micros();
    shell.room.livekit().set_ahead(ahead);
    let batch = shell.room.stamp(inputs, now, || random.seed());
    if let Err(error) = shell.room.log(&batch).await {
        return fail(shell, myself, &RoomFailure::Rebuild(error));
    }
    shell.show_disk();
    let asked = senders.iter().any(|from| matches!(from, From::Start { .. }));
    for (stamped, from) in batch.into_iter().zip(senders) {
        shell.gauge.down();
        if let From::Session(session) = &from
            && let Some(link) = shell.links.of_session(*session)
        {
            link.command_handled();
        }
        let mut arriving = None;
        match stamped.input {
            Input::SeatTaken { session, .. } => arriving = Some(session),
            Input::Ended { session, .. } => {
                shell.links.remove(session);
            }
            Input::CallDone { call, .. } => {
                shell.calls.remove(&call);
            }
            // The alarm has rung; what is still due rings again.
            Input::Tick => shell.alarm = None,
            _ => {}
        }
        match shell.room.handle(stamped).await {
            Ok(Handled::Done(effects)) => {
                if matches!(from, From::Start { .. }) {
                    shell.note_owner();
                }
                release::effects(shell, myself, effects, from);
            }
            Ok(Handled::Panicked { cut }) => {
                release::internal_error(shell, from);
                release::after_panic(shell, myself, arriving, cut);
            }
            Err(failure) => return fail(shell, myself, &failure),
        }
    }
    // Whoever was told to bring the facts of the meeting is about to come back.
    after(shell, myself, !asked);
}

/// Takes what waits, as much as a turn may have.
fn take(shell: &mut Shell) -> (Vec<Input>, Vec<From>) {
    let count = shell.queue.len().min(TURN_INPUTS_MAX);
    let (mut inputs, mut senders) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for Waiting { input, from } in shell.queue.drain(..count) {
        if let From::Session(session) = &from
            && let Some(link) = shell.links.of_session(*session).filter(|link| link.is_cut())
        {
            // Whoever does not take the answers to what it asked for gets no more of them made.
            link.command_handled();
            shell.gauge.down();
            continue;
        }
        inputs.push(input);
        senders.push(from);
    }
    (inputs, senders)
}

fn after(shell: &mut Shell, myself: &ActorRef<RoomMsg>, may_end: bool) {
    if !shell.queue.is_empty() && !std::mem::replace(&mut shell.turn_cast, true) {
        let _ = myself.cast(RoomMsg::Turn);
    }
    if shell.room.journal().wants_snapshot() {
        let stage = shell.room.stage_snapshot();
        write(shell, myself, stage);
    }
    shell.set_alarm(myself);
    if may_end && is_over(shell) {
        shell.phase = Phase::Ending;
        shell.registry.cast(RegistryMsg::Ending(shell.id()));
    }
}

/// Writes a snapshot on another thread.
fn write(
    shell: &Shell,
    myself: &ActorRef<RoomMsg>,
    stage: impl FnOnce() -> Result<Staged, JournalError> + Send + 'static,
) {
    let (number, actor) = (shell.room.journal().last_snapshot(), myself.clone());
    tokio::task::spawn_blocking(move || {
        // The room may have ended meanwhile.
        let _ = actor.cast(RoomMsg::Staged(number, stage()));
    });
}

/// Looks whether seats and sockets, and calls and those who make them, still belong together: an input that panicked may
/// have torn them apart.
fn mend(shell: &mut Shell, myself: &ActorRef<RoomMsg>) {
    if !shell.queue.is_empty() {
        return;
    }
    let room = shell.room.room();
    let seats = room.access().sessions().map(|(session, _)| session);
    let ghosts: Vec<_> = seats
        .filter(|session| shell.links.of_session(*session).is_none())
        .collect();
    let sockets = shell.links.sessions();
    let strays: Vec<_> = sockets
        .filter(|session| room.access().of_session(*session).is_none())
        .collect();
    let given_up: Vec<_> = room
        .pending_calls()
        .filter(|call| !shell.calls.contains_key(call))
        .collect();
    if ghosts.len() + strays.len() + given_up.len() > 0 {
        tracing::warn!(
            room.id = %shell.id(),
            seats = ghosts.len(), sockets = strays.len(), calls = given_up.len(),
            "mended what a panic tore apart"
        );
    }
    for session in strays {
        if let Some((_, link)) = shell.links.remove(session) {
            link.close(CloseCode::Restart);
        }
    }
    for session in ghosts {
        let how = Ending::Lost;
        shell.input(myself, Input::Ended { session, how });
    }
    for call in given_up {
        let outcome = Outcome::Unavailable;
        shell.input(myself, Input::CallDone { call, outcome });
    }
}

/// A room that lives in memory because the disk failed tries to get a journal again.
fn return_to_disk(shell: &mut Shell, myself: &ActorRef<RoomMsg>) {
    let Some(folder) = shell.folder.clone().filter(|_| shell.room.disk_failed()) else {
        return;
    };
    if !shell.room.journal().is_staging() {
        let stage = shell.room.stage_into(folder.stage(shell.id()));
        write(shell, myself, stage);
    }
}

/// Keeps the journal young and the room in order, and lets a room end that nobody entered.
pub(super) fn sweep(shell: &mut Shell, myself: &ActorRef<RoomMsg>) {
    if shell.phase == Phase::Stopped {
        return;
    }
    if let Err(error) = shell.room.journal().touch() {
        tracing::warn!(room.id = %shell.id(), %error, "journal can't be touched");
    }
    return_to_disk(shell, myself);
    mend(shell, myself);
    after(shell, myself, true);
}

fn is_over(shell: &Shell) -> bool {
    shell.room.room().is_over() && shell.queue.is_empty()
}

/// The registry knows the room no more: it ends, unless something came meanwhile.
pub(super) fn end_if_over(shell: &mut Shell, myself: &ActorRef<RoomMsg>) {
    if !is_over(shell) {
        shell.phase = Phase::Running;
        shell.registry.cast(RegistryMsg::Stays(shell.id()));
        return;
    }
    end(shell, myself, true);
}

fn end(shell: &mut Shell, myself: &ActorRef<RoomMsg>, delete: bool) {
    shell.phase = Phase::Stopped;
    if delete && let Err(error) = shell.room.delete_log() {
        tracing::error!(room.id = %shell.id(), %error, "journal could not be deleted");
    }
    shell.registry.cast(RegistryMsg::Ended(shell.id()));
    myself.stop(None);
}

/// The room can't go on: everybody is sent away to come back, and its journal is kept for post-mortem.
fn fail(shell: &mut Shell, myself: &ActorRef<RoomMsg>, failure: &RoomFailure) {
    tracing::error!(room.id = %shell.id(), %failure, "room ended");
    shell.queue.clear();
    shell.close_all(CloseCode::Restart);
    if let Err(error) = shell.room.set_log_aside(shell.ports.clock.now()) {
        tracing::error!(room.id = %shell.id(), %error, "journal could not be put aside");
    }
    end(shell, myself, false);
}
