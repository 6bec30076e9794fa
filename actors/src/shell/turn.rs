//! A turn: take what waits, log it as one batch, handle each input, release its effects at once.

use std::{collections::VecDeque, io};

use super::{Batch, Carrier, Phase, ReplyTo, SessionLink, Shell, Stage, Undoing, Waiting};
use crate::{
    ballots::Ballots,
    ids::SessionNo,
    journal::{Doing, JournalError, LogLost},
    logged::{Handled, RoomFailure},
    protocol::{
        Command,
        codes::CloseCode,
        legal_vote::LegalVoteCommand,
        limits::{TURN_BYTES_MAX, TURN_INPUTS_MAX},
    },
    room::{
        Room,
        input::{Ending, Input, Reattach, SeatTaken, Stamped},
    },
    task::Outcome,
};

impl<C: Carrier> Shell<C> {
    /// A turn was asked for: takes what waits, or goes on where the thread was given back.
    pub fn turn(&mut self, carrier: &mut C) {
        self.is_turn_asked_for = false;
        match std::mem::replace(&mut self.stage, Stage::Between) {
            Stage::Between if self.is_running() => self.log_what_waits(carrier),
            Stage::Handling(batch) => self.handle(carrier, batch),
            other => self.stage = other,
        }
    }

    fn log_what_waits(&mut self, carrier: &mut C) {
        let (inputs, reply_to) = self.take(carrier);
        let (now, wall) = (carrier.now(), carrier.wall());
        let ahead = self.room.time(now).as_micros() - wall.as_micros();
        self.room.livekit().set_ahead(ahead);
        let batch = self.room.stamp(inputs, now, || carrier.seed());
        if C::LOOKS {
            carrier.look_at_batch(&batch);
        }
        let append = self.room.log(&batch);
        self.stage = Stage::Logging(Batch {
            has_start: reply_to.iter().any(|to| matches!(to, ReplyTo::Start(_))),
            rest: batch.into_iter().zip(reply_to).collect(),
        });
        self.wait_for(carrier, append);
    }

    /// What is being appended ends at once, or later.
    fn wait_for(&mut self, carrier: &mut C, append: Result<Doing, JournalError>) {
        match append {
            Ok(Doing::Over(written)) => self.written(carrier, written),
            Ok(Doing::UnderWay(append)) => carrier.write(append),
            Err(error) => self.fail(carrier, &error.into()),
        }
    }

    /// Takes what waits, as much as a turn may have.
    fn take(&mut self, carrier: &mut C) -> (Vec<Input>, Vec<ReplyTo<C::Asker>>) {
        let count = self.count_of_turn();
        let (mut inputs, mut all_reply_to) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let ballots = carrier.ballots().clone();
        for Waiting {
            input,
            reply_to,
            bytes,
        } in self.queue.drain(..count)
        {
            carrier.takes_bytes(bytes);
            if let ReplyTo::Session(session) = &reply_to
                && let Some(link) = self.links.of_session(*session).filter(|link| link.is_cut())
            {
                // Whoever does not take the answers to what it asked for gets no more of them made.
                link.command_handled();
                carrier.waits_no_more();
                continue;
            }
            inputs.push(sealed(self.room.room(), &ballots, || carrier.seed(), input));
            all_reply_to.push(reply_to);
        }
        (inputs, all_reply_to)
    }

    /// How many of what waits a turn may have.
    fn count_of_turn(&self) -> usize {
        let mut bytes = 0;
        let fits = |waiting: &&Waiting<C::Asker>| {
            let is_first = bytes == 0;
            bytes += waiting.bytes;
            is_first || bytes <= TURN_BYTES_MAX
        };
        self.queue.iter().take(TURN_INPUTS_MAX).take_while(fits).count()
    }

    /// What was being done with the log is over.
    pub fn written(&mut self, carrier: &mut C, written: io::Result<()>) {
        match std::mem::replace(&mut self.stage, Stage::Between) {
            // Nothing of it was handled, and nobody has heard of it: the file is good, whatever became of this.
            Stage::Logging(_) if self.phase == Phase::Stopping => {
                self.room.log_in_vain();
                self.save(carrier);
            }
            Stage::LeavingFile(_) if self.phase == Phase::Stopping => self.save(carrier),
            Stage::Logging(batch) => match self.room.logged(written) {
                Ok(None) => self.handle(carrier, batch),
                Ok(Some(leaving)) => {
                    self.stage = Stage::LeavingFile(batch);
                    self.wait_for(carrier, Ok(leaving));
                }
                Err(error) => self.fail(carrier, &error.into()),
            },
            Stage::LeavingFile(batch) => {
                carrier.show_disk(self.room.disk_failed());
                self.handle(carrier, batch);
            }
            Stage::Skipping(undoing, batch) => match self.room.skip_logged(written) {
                Ok(()) => self.rebuild(carrier, undoing, batch),
                Err(error) => self.fail(carrier, &error.into()),
            },
            Stage::Adopting { may_end } => {
                let adopted = self.room.adopted(written);
                self.adopted(carrier, adopted, may_end);
            }
            Stage::Saving => {
                let saved = self.room.adopted(written);
                self.saved(carrier, saved);
            }
            Stage::Touching => self.touched(carrier, written.map_err(JournalError::from)),
            Stage::Giving => self.given(carrier, written),
            Stage::Closing => self.ended(carrier),
            other => self.stage = other,
        }
    }

    /// Handles what is logged, until the thread should be given back.
    fn handle(&mut self, carrier: &mut C, mut batch: Batch<C::Asker>) {
        while let Some((stamped, reply_to)) = batch.rest.pop_front() {
            carrier.waits_no_more();
            let arriving = self.note(&stamped, &reply_to);
            let seen = C::LOOKS.then(|| stamped.clone());
            match self.room.handle(stamped) {
                Handled::Done(effects) => {
                    if let Some(seen) = seen {
                        carrier.look(self.room.room(), seen, &effects);
                    }
                    self.release(carrier, effects, reply_to);
                }
                Handled::Panicked(panicked) => {
                    if let Some(seen) = seen {
                        carrier.look_at_panic(&seen);
                    }
                    let undoing = Undoing {
                        panicked,
                        reply_to,
                        arriving,
                    };
                    return self.skip(carrier, undoing, batch);
                }
            }
            if !batch.rest.is_empty() && carrier.is_slice_over() {
                self.stage = Stage::Handling(batch);
                return self.ask_for_turn(carrier);
            }
        }
        self.stage = Stage::Between;
        // Whoever was told to bring the facts of the meeting is about to come back.
        self.after_turn(carrier, !batch.has_start);
    }

    /// What the shell itself knows changes by an input; the session that takes a seat.
    fn note(&mut self, stamped: &Stamped, reply_to: &ReplyTo<C::Asker>) -> Option<SessionNo> {
        if let ReplyTo::Session(session) = reply_to
            && let Some(link) = self.links.of_session(*session)
        {
            link.command_handled();
        }
        match stamped.input {
            Input::SeatTaken(SeatTaken { session, .. }) | Input::Reattach(Reattach { session, .. }) => {
                return Some(session);
            }
            // One that is on its way back tells of its end once more when it is there.
            Input::Ended { session, .. } => {
                self.links.remove_settled(session);
            }
            Input::EdgeLost { ref sessions } => {
                for session in sessions {
                    self.links.remove_settled(*session);
                }
            }
            Input::TaskDone { task, .. } => {
                self.tasks.remove(&task);
            }
            // The alarm has rung; what is still due rings again.
            Input::Tick => self.alarm = None,
            _ => {}
        }
        None
    }

    /// A rule panicked: the input is skipped, and the room read anew.
    fn skip(&mut self, carrier: &mut C, undoing: Undoing<C::Asker>, batch: Batch<C::Asker>) {
        let append = self.room.skip(&undoing.panicked);
        self.stage = Stage::Skipping(undoing, batch);
        self.wait_for(carrier, append);
    }

    fn rebuild(&mut self, carrier: &mut C, undoing: Undoing<C::Asker>, batch: Batch<C::Asker>) {
        carrier.rebuild(self.room.rebuild(&undoing.panicked));
        self.stage = Stage::Rebuilding(undoing, batch);
    }

    /// The room was read anew, as it was before the input that panicked.
    pub fn rebuilt(&mut self, carrier: &mut C, room: Result<Room, JournalError>) {
        let (undoing, batch) = match std::mem::replace(&mut self.stage, Stage::Between) {
            Stage::Rebuilding(undoing, batch) => (undoing, batch),
            other => return self.stage = other,
        };
        let Undoing {
            panicked,
            reply_to,
            arriving,
        } = undoing;
        let room = room.map_err(RoomFailure::from);
        match room.and_then(|room| self.room.rebuilt(panicked, room)) {
            Ok(_) if self.phase == Phase::Stopping => self.save(carrier),
            Ok(cut) => {
                self.internal_error(carrier, reply_to);
                self.after_panic(carrier, arriving, cut);
                self.handle(carrier, batch);
            }
            Err(failure) => self.fail(carrier, &failure),
        }
    }

    pub(super) fn after_turn(&mut self, carrier: &mut C, may_end: bool) {
        if let Some(snapshot) = self.staged.take() {
            return self.adopt(carrier, snapshot, may_end);
        }
        if !self.queue.is_empty() {
            self.ask_for_turn(carrier);
        }
        if self.room.wants_snapshot() {
            self.begin_snapshot(carrier, None);
        }
        if carrier.keeps(self.links.len(), self.room.room().ring().bytes()) && self.is_running() {
            self.own_input(carrier, Input::LetGo);
        }
        self.set_alarm(carrier);
        if may_end && self.is_over() {
            self.phase = Phase::Ending;
            carrier.wants_to_end(self.id());
        }
    }

    /// Looks whether seats and sockets, and tasks and those who do them, still belong together: an input that panicked may
    /// have torn them apart.
    pub(super) fn mend(&mut self, carrier: &mut C) {
        if !self.queue.is_empty() {
            return;
        }
        let room = self.room.room();
        let seats = room.access().sessions().map(|(session, _)| session);
        let ghosts: Vec<_> = seats
            .filter(|session| self.links.of_session(*session).is_none())
            .collect();
        let sockets = self.links.sessions();
        let strays: Vec<_> = sockets
            .filter(|session| room.access().of_session(*session).is_none())
            .collect();
        let given_up: Vec<_> = room
            .pending_tasks()
            .filter(|task| !self.tasks.contains(task))
            .collect();
        if ghosts.len() + strays.len() + given_up.len() > 0 {
            tracing::warn!(
                room.id = %self.id(),
                seats = ghosts.len(), sockets = strays.len(), tasks = given_up.len(),
                "mended what a panic tore apart"
            );
        }
        for session in strays {
            if let Some((_, link)) = self.links.remove(session) {
                link.close(CloseCode::Restart);
            }
        }
        for session in ghosts {
            self.own_input(
                carrier,
                Input::Ended {
                    session,
                    how: Ending::Lost,
                },
            );
        }
        for task in given_up {
            let outcome = Outcome::Unavailable;
            self.own_input(carrier, Input::TaskDone { task, outcome });
        }
    }

    /// The room can't go on: everybody is sent away to come back, and its journal is kept for post-mortem.
    pub(super) fn fail(&mut self, carrier: &mut C, failure: &RoomFailure) {
        // One that the store is ahead of has broken the rules itself, and is put aside like others.
        if let Some(lost) = failure.log_lost().filter(|lost| *lost != LogLost::Ahead) {
            return self.let_go(carrier, lost);
        }
        tracing::error!(room.id = %self.id(), %failure, "room ended");
        carrier.ballots().forget_room(self.id());
        self.queue = VecDeque::new();
        self.close_all(CloseCode::Restart);
        let putting_aside = self.room.set_log_aside(carrier.now());
        self.end(carrier, putting_aside);
    }
}

impl<C: Carrier> Shell<C> {
    /// The log is the room's no more: nothing that was not logged has left, and the sessions look for their room elsewhere.
    pub(super) fn let_go(&mut self, carrier: &mut C, lost: LogLost) {
        tracing::info!(room.id = %self.id(), %lost, "a room is not carried on here");
        carrier.ballots().forget_room(self.id());
        self.queue = VecDeque::new();
        for link in self.links.drain() {
            link.lost();
        }
        self.end(carrier, Doing::Over(Ok(())));
    }
}

/// An input as it is logged: of a secret vote nobody reads there who has voted for what. Between two turns the room says which
/// votes are open; a vote that is no such is taken for a secret one.
#[must_use]
pub fn sealed(room: &Room, ballots: &Ballots, random: impl FnMut() -> u64, input: Input) -> Input {
    match input {
        Input::Command {
            session,
            number,
            command: Command::LegalVote(LegalVoteCommand::Vote(vote)),
        } if !room.votes_openly(vote.legal_vote_id) => {
            let ballot = ballots.seal(room.id(), &vote, random);
            Input::Command {
                session,
                number,
                command: Command::LegalVote(LegalVoteCommand::Ballot(ballot)),
            }
        }
        input => input,
    }
}
