//! Effects leave the room: frames into the queues of sessions, answers to REST.

use super::{Carrier, ReplyTo, SessionLink, Shell};
use crate::{
    frame::{EncodedEvent, Frame},
    ids::{SessionNo, TaskId},
    protocol::{
        self, Namespaces,
        codes::CloseCode,
        control::{ControlError, ControlEvent},
        moderation::ModerationEvent,
    },
    room::{
        Place,
        effects::{Effect, Effects, Keys, Reattached, Secret},
        input::{Ending, Input, StartOutcome},
    },
    task::{BallotWork, Work},
};

/// Brings a session what it has missed.
fn bring_all<L: SessionLink>(link: &L, missed: Vec<(u64, EncodedEvent)>) {
    for (seq, event) in missed {
        link.bring(seq, event.frame(1));
    }
}

impl<C: Carrier> Shell<C> {
    pub(super) fn release(&mut self, carrier: &mut C, effects: Effects, mut reply_to: ReplyTo<C::Asker>) {
        for effect in effects.list {
            match effect {
                Effect::Answer(outcome) => {
                    let to = std::mem::replace(&mut reply_to, ReplyTo::Nobody);
                    self.answer(carrier, outcome, to);
                }
                Effect::Task(task) => {
                    self.tasks.insert(task.id);
                    match task.work {
                        Work::Ballots(work) => self.count_ballots(carrier, task.id, &work),
                        _ => carrier.task(*task),
                    }
                }
                Effect::CancelTask(id) => {
                    if self.tasks.remove(&id) {
                        carrier.cancel(id);
                    }
                }
                Effect::NamespacesOpened(line, namespaces) => {
                    carrier.entered();
                    self.open(line, namespaces);
                }
                Effect::OpenVote(vote) => {
                    let room = self.id();
                    let ballots = carrier.ballots().clone();
                    ballots.open(room, &vote, || carrier.seed());
                }
                Effect::ForgetVote(vote) => carrier.ballots().forget(vote),
                of_sessions => self.bring(carrier, of_sessions),
            }
        }
    }

    /// The shell does it itself, and at once: nobody else has the keys.
    fn count_ballots(&mut self, carrier: &mut C, task: TaskId, work: &BallotWork) {
        let outcome = carrier.ballots().perform(work);
        self.own_input(carrier, Input::TaskDone { task, outcome });
    }

    /// What concerns sessions alone.
    fn bring(&mut self, carrier: &C, effect: Effect) {
        match effect {
            Effect::Send {
                seq,
                frame,
                to,
                secrets,
                ..
            } => {
                let keys = Keys {
                    livekit: self.room.livekit(),
                    ballots: carrier.ballots(),
                    unsealer: carrier.unsealer(),
                    locations: &self.locations,
                    link: &|task| carrier.link(task),
                };
                let Some(frame) = Secret::put_into(&secrets, &frame, &keys) else {
                    return;
                };
                let frame = frame.frame(to.count());
                for line in to.iter() {
                    if let Some(link) = self.links.get(line) {
                        link.bring(seq, frame.clone());
                    }
                }
            }
            Effect::Tell { line, frame } => {
                if let Some(link) = self.links.get(line) {
                    link.push(Frame::new(frame, 1));
                }
            }
            Effect::Bound { session, line } => self.links.bind(session, line),
            Effect::NamespacesClosed(line) => {
                if let Some(link) = self.links.get(line) {
                    link.close_namespaces();
                }
            }
            Effect::Resume {
                line,
                from,
                resumed,
                missed,
            } => {
                if let Some(link) = self.links.get(line) {
                    link.bring(from, Frame::new(resumed, 1));
                    bring_all(link, missed);
                }
            }
            Effect::Reattached(reattached) => self.go_on(*reattached),
            Effect::Close(session, code) => {
                if let Some((_, link)) = self.links.remove(session) {
                    link.close(code);
                }
            }
            Effect::NamespacesOpened(..)
            | Effect::Answer(_)
            | Effect::Task(_)
            | Effect::CancelTask(_)
            | Effect::OpenVote(_)
            | Effect::ForgetVote(_) => {}
        }
    }

    fn open(&self, line: SessionNo, namespaces: Namespaces) {
        if let Some(link) = self.links.get(line) {
            link.open_namespaces(namespaces);
        }
    }

    /// A session that has outlived an earlier shell takes part in the room again.
    fn go_on(&mut self, reattached: Reattached) {
        let Reattached {
            session,
            line,
            place,
            open,
            missed,
            handled,
        } = reattached;
        self.links.settle(session, line);
        if place == Place::Inside {
            self.open(line, open);
        }
        if let Some(link) = self.links.get(line) {
            if place == Place::Waiting {
                link.close_namespaces();
            }
            bring_all(link, missed);
            link.takes_part_in(self.room.room().ring().nonce());
            link.goes_on(handled);
        }
    }

    fn answer(&mut self, carrier: &mut C, outcome: StartOutcome, reply_to: ReplyTo<C::Asker>) {
        let ReplyTo::Start(asker) = reply_to else {
            return;
        };
        carrier.answer(self.room.room(), asker, outcome);
    }

    /// Tells one session something without a number.
    fn push<E: protocol::Event>(&self, link: &C::Link, event: &E) {
        // What has no JSON is in the log already.
        if let Ok(frame) = protocol::encode(event, self.room.room().at(), None) {
            link.push(Frame::new(frame, 1));
        }
    }

    /// A rule panicked and was undone: its sender hears of it, nobody else notices.
    pub(super) fn internal_error(&self, carrier: &mut C, reply_to: ReplyTo<C::Asker>) {
        match reply_to {
            ReplyTo::Session(session) => {
                if let Some(link) = self.links.of_session(session) {
                    self.push(link, &ControlEvent::Error(ControlError::Internal));
                }
            }
            ReplyTo::Start(asker) => carrier.answer(self.room.room(), asker, StartOutcome::Unavailable),
            ReplyTo::Nobody => {}
        }
    }

    /// What must not stay half-done after a panic: a socket that was to take a seat, and a session that does it on purpose.
    pub(super) fn after_panic(
        &mut self,
        carrier: &mut C,
        arriving: Option<SessionNo>,
        cut: Option<SessionNo>,
    ) {
        if let Some((_, link)) = arriving.and_then(|session| self.links.remove(session)) {
            link.close(CloseCode::Restart);
        }
        let Some(session) = cut else { return };
        if let Some((_, link)) = self.links.remove(session) {
            self.push(&link, &ModerationEvent::Kicked);
            link.close(CloseCode::PolicyViolation);
            self.own_input(
                carrier,
                Input::Ended {
                    session,
                    how: Ending::Quit,
                },
            );
        }
    }
}
