//! What a namespace brings to a meeting: its own state, and what it does when something happens to the meeting. The core
//! calls all modules by the table (`modules.rs`); a module knows the core by [`Around`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Room, RoomSettings,
    access::Access,
    agenda::{Agenda, Due},
    effects::{Cx, Secret},
    missed::Missed,
    rations::Rations,
    refusal::Refusal,
    roster::Roster,
    tasks::{Pending, Tasks},
};
use crate::{
    encoding::{self, EncodeError},
    ids::{ParticipantId, RoomId, Space, Timestamp, UserId},
    protocol::{Namespace, control::LeaveReason, meeting::MeetingFacts},
    task::{Outcome, Work},
};

/// The state that a namespace keeps of a meeting, and its rules. All but [`Module::command`] have empty defaults.
pub(super) trait Module: Default {
    /// What clients ask for; see [`Namespace`].
    type Command;

    /// The state of a meeting that begins.
    fn begin(_facts: &MeetingFacts) -> Self {
        Self::default()
    }

    /// Carries out a command of somebody inside.
    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: Self::Command,
    ) -> Result<(), Refusal>;

    /// Somebody has come into a room of the meeting, and everybody there knows.
    fn joined(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, _who: ParticipantId) {}

    /// Somebody who was inside all the time has come back and was told the state anew: its client may have forgotten the rest.
    fn came_back(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, _who: ParticipantId) {}

    /// Somebody who was inside all the time goes on with a new connection, from what it knew.
    fn went_on(&mut self, _who: ParticipantId) {}

    /// Somebody has left a room of the meeting, and everybody there knows.
    fn left(
        &mut self,
        _cx: &mut Cx,
        _around: &mut Around<'_>,
        _who: ParticipantId,
        _space: Space,
        _reason: LeaveReason,
    ) {
    }

    /// Whether somebody who has left must stay known for what is kept.
    fn names(&self, _who: ParticipantId) -> bool {
        false
    }

    /// Somebody who has left is no longer remembered.
    fn forgotten(&mut self, _who: ParticipantId) {}

    /// The role of moderator was granted to, or taken from, somebody.
    fn role_changed(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, _who: ParticipantId) {}

    /// Somebody has another role and is about to hear of it: what it must know before.
    fn role_is_told(&self, _cx: &mut Cx, _people: &mut Roster, _who: ParticipantId) {}

    /// Hands went up or down: these participants', whatever rooms they are in.
    fn hands_changed(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, _whose: &[ParticipantId]) {}

    /// A breakout room is gone with all that was in it.
    fn space_closed(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, _space: Space) {}

    /// The meeting is over; its state goes. `spaces`: its rooms that anybody was in.
    fn meeting_over(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, _spaces: &[Space]) {}

    /// What the module has set a deadline for ([`Around::remind`]) is due.
    fn due(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, _space: Space, _tag: u8) {}

    /// A task of the module has ended.
    fn task_done(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, _task: Pending, _outcome: &Outcome) {}

    /// The process that held the sockets is gone. Of what was under way, what still makes sense is asked for again. `spaces`: rooms of the
    /// meeting that anybody was in.
    fn restarted(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, _spaces: &[Space]) {}

    /// Whether a task that a process left behind still makes sense.
    fn still_wants(&self, _around: &Around<'_>, _work: &Work) -> bool {
        true
    }

    /// What `join_success` says under the namespace's name.
    fn join_state(&mut self, _cx: &Cx, _around: &Around<'_>, _who: ParticipantId) -> Option<State> {
        None
    }

    /// What follows `join_success` because clients do not read it there.
    fn beside_join_state(&self, _cx: &mut Cx, _around: &mut Around<'_>, _who: ParticipantId) {}

    /// What a participant's entry says under the namespace's name to those in a room; whoever changes it has entries made anew
    /// ([`Roster::forget_entry`]).
    fn peer_state(&self, _space: Space, _who: ParticipantId) -> Option<Box<RawValue>> {
        None
    }

    /// What clients in a room show until they are told of its end.
    fn shown(&self, _space: Space) -> Option<uuid::Uuid> {
        None
    }

    /// Tells somebody who is back what `join_success` does not.
    fn tell_missed(&self, _cx: &mut Cx, _around: &Around<'_>, _who: ParticipantId, _missed: &Missed) {}

    /// Describes what is wrong with the state.
    fn check(&self, _settings: &RoomSettings, _agenda: &Agenda) -> Result<(), String> {
        Ok(())
    }
}

/// What is around a module: its meeting and room, without the states of modules.
pub(super) struct Around<'a> {
    pub room: RoomId,
    pub settings: &'a RoomSettings,
    pub facts: &'a MeetingFacts,
    /// When the meeting began; none for one that an earlier version has begun.
    pub began: Option<Timestamp>,
    pub access: &'a Access,
    pub people: &'a mut Roster,
    pub agenda: &'a mut Agenda,
    pub tasks: &'a mut Tasks,
    pub rations: &'a mut Rations,
}

impl Around<'_> {
    /// Whether the tariff allows a module.
    pub fn has(&self, namespace: Namespace) -> bool {
        self.facts.tariff.has_module(namespace.name())
    }

    /// The registered user who takes part as this participant.
    pub fn user(&self, who: ParticipantId) -> Option<UserId> {
        self.access.get(who)?.caller.user(None)
    }

    /// Calls [`Module::due`] at this time: one deadline for each namespace, room and tag.
    pub fn remind(&mut self, of: (Namespace, Space, u8), at: Timestamp) {
        let (namespace, space, tag) = of;
        self.agenda.set(Due::Module(namespace, space, tag), at);
    }

    /// [`Around::remind`], or [`Around::forget`] where nothing is due.
    pub fn set_deadline(&mut self, of: (Namespace, Space, u8), at: Option<Timestamp>) {
        match at {
            Some(at) => self.remind(of, at),
            None => self.forget(of),
        }
    }

    /// The deadline will not be needed.
    pub fn forget(&mut self, (namespace, space, tag): (Namespace, Space, u8)) {
        self.agenda.clear(Due::Module(namespace, space, tag));
    }

    pub fn deadline(&self, (namespace, space, tag): (Namespace, Space, u8)) -> Option<Timestamp> {
        self.agenda.get(Due::Module(namespace, space, tag))
    }
}

/// What a module says in `join_success`.
#[derive(Debug)]
pub(super) struct State {
    pub json: Box<RawValue>,
    /// What is secret in it.
    pub secrets: Vec<Secret>,
}

impl State {
    pub fn of(state: &impl Serialize) -> Self {
        Self {
            json: encoding::encode_raw(state).unwrap_or_else(EncodeError::undo),
            secrets: Vec::new(),
        }
    }
}

/// What each room of a meeting has for itself; those that nobody has asked for have the default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct PerSpace<T>(
    #[serde(
        with = "super::pairs",
        bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>")
    )]
    BTreeMap<Space, T>,
);

impl<T> Default for PerSpace<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Default> PerSpace<T> {
    pub fn of(&mut self, space: Space) -> &mut T {
        self.0.entry(space).or_default()
    }
}

impl<T> PerSpace<T> {
    pub fn get(&self, space: Space) -> Option<&T> {
        self.0.get(&space)
    }

    pub fn get_mut(&mut self, space: Space) -> Option<&mut T> {
        self.0.get_mut(&space)
    }

    pub fn remove(&mut self, space: Space) -> Option<T> {
        self.0.remove(&space)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Space, &T)> {
        self.0.iter().map(|(space, of)| (*space, of))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Space, &mut T)> {
        self.0.iter_mut().map(|(space, of)| (*space, of))
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values()
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.values_mut()
    }
}

impl<T: Default + PartialEq> FromIterator<(Space, T)> for PerSpace<T> {
    fn from_iter<I: IntoIterator<Item = (Space, T)>>(all: I) -> Self {
        let nothing = T::default();
        Self(all.into_iter().filter(|(_, of)| *of != nothing).collect())
    }
}
