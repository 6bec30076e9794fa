//! A room as a deterministic state machine: `handle` turns an input into a new state and effects,
//! without I/O, clock or randomness of its own.
//!
//! Its words ([docs/architecture.md](../../../docs/architecture.md) has all of them):
//!
//! - A *holder* has a *seat*: it is a caller with tokens, and the sockets that show them (`access.rs`, `seats.rs`). A *grant* is what a
//!   `start` gives it, a *ticket* what its socket shows once (`tickets.rs`).
//! - A *participant* is what the others see of a holder that has joined (`participant.rs`); all of them are the *roster* (`roster.rs`).
//! - A *space* is the main room or a breakout room; a *visit* is when somebody was there.
//! - A *circle* is a part of the roster that hears the same events (`roster.rs`). What one participant hears goes along its *line*, which
//!   has the number of the *session* (one WebSocket) that came in; sessions that resume are bound to it.
//! - The *ring* keeps the last events of all lines (`ring.rs`), the *agenda* the deadlines (`agenda.rs`), *tasks* are what is being
//!   done outside (`tasks.rs`).
//! - A *module* is what a namespace brings: its state and its rules (`module.rs`, `modules.rs`).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod access;
mod agenda;
mod automod;
mod breakout;
mod chat;
mod control;
pub mod cost;
mod debrief;
pub mod effects;
#[cfg(feature = "fault-injection")]
pub mod faults;
mod groups;
mod guests;
pub mod input;
mod invariants;
mod join_success;
mod legal_vote;
mod livekit;
pub mod locations;
mod meeting_notes;
mod meeting_report;
mod missed;
mod moderation;
mod module;
mod modules;
mod older;
mod pairs;
mod participant;
mod polls;
mod presence;
mod rations;
mod reattach;
mod recording;
mod recording_service;
mod refusal;
mod reports;
pub mod ring;
mod roster;
mod seats;
mod shared_folder;
mod space;
mod subroom_audio;
mod tasks;
pub mod tickets;
mod timer;
mod traces;
mod training_participation_report;
mod unredeemed;
mod whiteboard;

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

pub use self::roster::Place;
use self::{
    access::Access,
    agenda::{Agenda, Due},
    cost::Cost,
    effects::{Cx, Effect, Effects},
    input::{Input, Notice, Stamped},
    modules::Modules,
    rations::Rations,
    refusal::{Refusal, Sender},
    ring::Ring,
    roster::Roster,
    tasks::Tasks,
};
use crate::{
    ids::{ParticipantId, RoomId, SessionNo, Space, TaskId, Timestamp, UserId},
    livekit::Livekit,
    protocol::{
        Command, Namespace, Namespaces,
        control::{ControlCommand, ControlError},
        limits,
        meeting::{Caller, MeetingFacts},
    },
    task::Outcome,
};

/// What an operator decides about all rooms; part of the state, so that a replay decides the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoomSettings {
    /// Seconds for which a lost participant stays listed; 0 = none.
    pub reconnect_grace_secs: u64,
    /// Seconds for which the state of an empty meeting is kept.
    pub meeting_grace_secs: u64,
    /// Messages kept per chat scope.
    pub chat_messages_per_scope_max: usize,
    /// Bytes of all messages that a meeting keeps, as a snapshot writes them.
    pub chat_bytes_max: usize,
    /// What searches in the meeting look through in a second.
    pub search_bytes_per_second: u64,
    /// Plain lists instead of chunks in `join_success`, for clients up to 2.5.
    pub chat_history_as_list: bool,
    /// Whether only moderators, and whom they permit it, may share their screen.
    pub screen_share_requires_permission: bool,
    /// Participants who wait in a meeting, of them with one invite code, and of these from one network.
    pub waiting_max: usize,
    pub waiting_per_code_max: usize,
    pub waiting_per_network_max: usize,
    /// So many of one network wait whatever others with their code do.
    pub waiting_per_network_kept: usize,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self {
            reconnect_grace_secs: limits::RECONNECT_GRACE_SECS,
            meeting_grace_secs: limits::MEETING_GRACE_SECS,
            chat_messages_per_scope_max: limits::CHAT_MESSAGES_PER_SCOPE_MAX,
            chat_bytes_max: limits::CHAT_BYTES_MAX,
            search_bytes_per_second: limits::SEARCH_BYTES_PER_ROOM_SECOND,
            chat_history_as_list: false,
            screen_share_requires_permission: false,
            waiting_max: limits::WAITING_MAX,
            waiting_per_code_max: limits::WAITING_PER_CODE_MAX,
            waiting_per_network_max: limits::WAITING_PER_NETWORK_MAX,
            waiting_per_network_kept: limits::WAITING_PER_NETWORK_KEPT,
        }
    }
}

/// The state of a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Room {
    id: RoomId,
    settings: RoomSettings,
    /// Position and time of the last input.
    input_seq: u64,
    at: Timestamp,
    event_seq: u64,
    #[serde(default)]
    access: Access,
    #[serde(default)]
    agenda: Agenda,
    #[serde(default)]
    meeting: Option<Meeting>,
    #[serde(default)]
    ring: Ring,
    /// As it was called when LiveKit alone was asked for anything.
    #[serde(default, alias = "calls")]
    tasks: Tasks,
    #[serde(default, skip_serializing_if = "Rations::is_empty")]
    rations: Rations,
}

/// The state that is dropped when everybody has gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "older::StoredMeeting")]
pub struct Meeting {
    facts: MeetingFacts,
    people: Roster,
    /// None where an earlier version has begun it.
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<Timestamp>,
    /// Set by the first join, where the tariff has a time limit.
    closes_at: Option<Timestamp>,
    /// Its rooms that anybody has been in, as far as they are not gone.
    visited: BTreeSet<Space>,
    modules: Modules,
}

impl Meeting {
    fn new(facts: MeetingFacts, at: Timestamp) -> Self {
        Self {
            modules: Modules::begin(&facts),
            facts,
            people: Roster::default(),
            began: Some(at),
            closes_at: None,
            visited: BTreeSet::new(),
        }
    }
}

impl Room {
    #[must_use]
    pub fn new(id: RoomId, settings: RoomSettings) -> Self {
        Self {
            id,
            settings,
            input_seq: 0,
            at: Timestamp::from_micros(0),
            event_seq: 0,
            access: Access::default(),
            agenda: Agenda::default(),
            meeting: None,
            ring: Ring::default(),
            tasks: Tasks::default(),
            rations: Rations::default(),
        }
    }

    /// Handles one input. Its number must follow the last one's and its time must be later. Of the media server only its addresses
    /// are read, which are told to clients.
    pub fn handle(&mut self, livekit: &Arc<Livekit>, stamped: Stamped) -> Effects {
        self.handle_in(livekit, stamped, false)
    }

    /// Handles an input of the log again. The room becomes what it became then; answers that leave no trace in it are not
    /// made, only numbered. Returns what it cost.
    pub fn replay(&mut self, livekit: &Arc<Livekit>, stamped: Stamped) -> Cost {
        self.handle_in(livekit, stamped, true).cost
    }

    fn handle_in(&mut self, livekit: &Arc<Livekit>, stamped: Stamped, replays: bool) -> Effects {
        assert_eq!(
            stamped.seq,
            self.input_seq + 1,
            "inputs are handled in the order of the log"
        );
        assert!(stamped.at > self.at, "time never goes back");
        self.input_seq = stamped.seq;
        let before = std::mem::replace(&mut self.at, stamped.at);
        let mut cx = Cx::new((before, stamped.at), stamped.seed, self.event_seq, livekit);
        cx.replays = replays;
        self.input(&mut cx, stamped.input);
        if let Some(meeting) = &mut self.meeting {
            meeting.tell_announced(&mut cx);
        }
        #[cfg(feature = "fault-injection")]
        faults::behind(stamped.seq);
        self.event_seq = cx.event_seq;
        cx.effects.cost = cx.cost;
        self.keep(&cx.effects.list);
        cx.effects
    }

    /// Keeps what whoever comes back gets again.
    fn keep(&mut self, effects: &[Effect]) {
        let mut people = None;
        for effect in effects {
            if let Effect::Send {
                seq,
                frame,
                to,
                kept: true,
                ..
            } = effect
            {
                let meeting = &mut self.meeting;
                let count = || meeting.as_mut().map_or(0, |meeting| meeting.people.all().count());
                let people = *people.get_or_insert_with(count);
                self.ring.add((*seq, self.at), frame.clone(), to.clone(), people);
            }
        }
    }

    fn input(&mut self, cx: &mut Cx, input: Input) {
        match input {
            Input::Start(start) => self.start(cx, *start),
            Input::SeatTaken(taken) => self.seat_taken(cx, taken),
            Input::Command {
                session,
                number,
                command,
            } => self.command(cx, (session, number), command),
            Input::Reattach(asked) => self.reattach(cx, &asked),
            Input::Ended { session, how } => {
                #[cfg(feature = "fault-injection")]
                faults::at_end(self.id);
                self.ended(cx, session, how);
            }
            Input::Tick => self.tick(cx),
            Input::TaskDone { task, outcome } => self.task_done(cx, task, &outcome),
            Input::MediaTold(told) => self.media_told(cx, &told),
            Input::Restarted => self.restarted(cx),
            Input::EdgeLost { sessions } => self.edge_lost(cx, &sessions),
            Input::LetGo => self.ring.let_go(),
            Input::Notice(Notice::RoomDeleted) => self.delete(cx),
            Input::Notice(Notice::InviteWithdrawn(code)) => {
                self.withdraw(cx, |one| one == Caller::Guest(code));
            }
            Input::Notice(Notice::UserWithdrawn(user)) => self.withdraw(cx, |one| one == Caller::User(user)),
            Input::Notice(Notice::InviteClosed(code)) => self.lock_out(cx, Caller::Guest(code)),
            Input::Notice(Notice::UserDisabled(user)) => self.lock_out(cx, Caller::User(user)),
            Input::Notice(Notice::GuestAccess(access)) => self.set_guest_access(cx, access),
            Input::Notice(Notice::SharedFolder(folder)) => {
                self.set_shared_folder(cx, folder.map(|folder| *folder));
            }
            Input::Notice(Notice::StreamingTargets) => self.look_up_livestreams(cx),
        }
    }

    /// Skips an input that must not be handled (again).
    pub fn skip(&mut self, seq: u64, at: Timestamp) {
        self.input_seq = seq;
        self.at = self.at.max(at);
    }

    fn command(&mut self, cx: &mut Cx, (session, number): (SessionNo, u64), command: Command) {
        // A session that has ended or was taken over says nothing more, and nothing twice.
        let Some((id, seat)) = self.access.commanded(session, number) else {
            return;
        };
        let place = self
            .meeting
            .as_ref()
            .and_then(|m| m.people.get(id))
            .map(|p| p.place);
        let done = match (command, place.filter(|_| seat.joined)) {
            (Command::Control(ControlCommand::Join { display_name, number }), _) => {
                self.access.asked(id, session);
                self.join(cx, id, seat, display_name.as_deref(), number)
                    .map_err(Refusal::Control)
            }
            (Command::Control(ControlCommand::EnterRoom), place) => {
                self.enter_room(cx, id, place).map_err(Refusal::Control)
            }
            #[cfg(feature = "fault-injection")]
            (Command::Control(ControlCommand::Panic), _) => {
                if let Some(meeting) = &mut self.meeting {
                    // Leaves the state half-changed, as a real fault would.
                    meeting.people = Roster::default();
                }
                panic!("injected fault");
            }
            (command, Some(Place::Inside)) => self.inside_command(cx, id, command),
            (Command::Control(_), _) => Err(Refusal::Control(ControlError::NotYetJoined)),
            (_, _) => Ok(()),
        };
        if let Err(refusal) = done {
            let people = self.meeting.as_ref().map(|meeting| &meeting.people);
            let line = people.and_then(|people| people.line(id)).filter(|_| seat.joined);
            refusal.tell(cx, line.map_or(Sender::Session(session), Sender::Line));
        }
    }

    fn task_done(&mut self, cx: &mut Cx, id: TaskId, outcome: &Outcome) {
        let Some(task) = self.tasks.done(id) else { return };
        if let Some((modules, mut around)) = self.modules() {
            modules.task_done(cx, &mut around, task, outcome);
        }
        if let Outcome::Seen { found, .. } = outcome {
            self.remember_strays(cx, found);
        }
        if self.tasks.is_empty() {
            self.agenda.clear(Due::Tasks);
        }
    }

    /// What a process left undone is asked for again, as far as it still makes sense.
    fn ask_again_for_tasks(&mut self, cx: &mut Cx) {
        let spaces = self.visited();
        if let Some((modules, mut around)) = self.modules() {
            let mut tasks = std::mem::take(around.tasks);
            tasks.cancel(cx, |work| !modules.still_want(&around, work));
            *around.tasks = tasks;
            modules.restarted(cx, &mut around, &spaces);
        } else {
            self.tasks.cancel(cx, |work| !work.outlives_meeting());
            self.agenda.clear(Due::Tasks);
            self.wait_for_tasks(cx);
        }
        self.tasks.ask_again(cx);
    }

    /// The rooms of the meeting that anybody was in.
    fn visited(&self) -> Vec<Space> {
        let visited = self.meeting.iter().flat_map(|meeting| &meeting.visited);
        visited.copied().collect()
    }

    #[must_use]
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// Number of the last input.
    #[must_use]
    pub fn input_seq(&self) -> u64 {
        self.input_seq
    }

    /// Time of the last input.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Number of the last event.
    #[must_use]
    pub fn event_seq(&self) -> u64 {
        self.event_seq
    }

    /// The number of the `nth` session that comes in this life of the room. Not by the epoch: sockets may outlive a life whose begin a
    /// disk has lost, and whose epoch begins once more.
    #[must_use]
    pub fn session_no(&self, nth: u32) -> SessionNo {
        SessionNo(self.ring.nonce() << u32::BITS | u64::from(nth))
    }

    /// The last events, for whoever goes on from one of them.
    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// When the room wants a [`Input::Tick`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    /// Neither a meeting nor a token nor a task is left: the actor may end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.meeting.is_none() && self.access.is_empty() && self.tasks.is_empty()
    }

    /// Tasks that are not done yet.
    pub fn pending_tasks(&self) -> impl Iterator<Item = TaskId> {
        self.tasks.ids()
    }

    /// Whether `start` must bring the facts of the meeting.
    #[must_use]
    pub fn has_meeting(&self) -> bool {
        self.meeting.is_some()
    }

    /// Whose room it is, as the running meeting knows it.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        self.meeting.as_ref()?.facts.owner
    }

    /// The namespaces that are open for a participant who is inside.
    fn namespaces(&self, id: ParticipantId) -> Namespaces {
        let meeting = self.meeting.as_ref();
        let Some((meeting, me)) = meeting.and_then(|meeting| Some((meeting, meeting.people.get(id)?))) else {
            return Namespaces::default();
        };
        let is_open = |namespace: &Namespace| {
            let is_on = || meeting.facts.tariff.has_module(namespace.name());
            *namespace == Namespace::Control || namespace.exists_for(me.kind) && is_on()
        };
        Namespace::ALL.iter().copied().filter(is_open).collect()
    }

    /// The owner of a participant id, for the session that takes its seat.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Participants who are known, those who have left included.
    #[must_use]
    pub fn known(&self) -> usize {
        self.meeting
            .as_ref()
            .map_or(0, |meeting| meeting.people.iter().count())
    }

    /// What the running meeting goes by, and whether anybody takes part in it: a recorder alone does not.
    #[must_use]
    pub fn facts(&self) -> Option<(&MeetingFacts, bool)> {
        let meeting = self.meeting.as_ref()?;
        Some((&meeting.facts, meeting.people.anybody_present()))
    }

    /// Participants inside and waiting.
    #[must_use]
    pub fn occupancy(&self) -> (usize, usize) {
        let people = self.meeting.as_ref().map(|meeting| &meeting.people);
        people.map_or((0, 0), |people| {
            (people.count(Place::Inside), people.count(Place::Waiting))
        })
    }
}
