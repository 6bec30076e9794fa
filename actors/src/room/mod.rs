//! A room as a deterministic state machine: `handle` turns an input into a new state and effects,
//! without I/O, clock or randomness of its own.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod access;
mod agenda;
mod chat;
mod control;
pub mod effects;
pub mod input;
mod invariants;
mod join_success;
mod moderation;
mod presence;
mod roster;
mod seats;

use serde::{Deserialize, Serialize};

use self::{
    access::Access,
    agenda::Agenda,
    chat::Chat,
    effects::{Cx, Effects},
    input::{Input, Notice, Stamped},
    moderation::Moderation,
    roster::{Place, Roster},
};
use crate::{
    ids::{RoomId, SessionNo, Timestamp},
    protocol::{
        Command,
        chat::ChatEvent,
        control::{ControlCommand, ControlError, ControlEvent},
        limits,
        meeting::MeetingFacts,
        moderation::ModerationEvent,
    },
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
    /// Plain lists instead of chunks in `join_success`, for clients up to 2.5.
    pub chat_history_as_list: bool,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self {
            reconnect_grace_secs: limits::RECONNECT_GRACE_SECS,
            meeting_grace_secs: limits::MEETING_GRACE_SECS,
            chat_messages_per_scope_max: limits::CHAT_MESSAGES_PER_SCOPE_MAX,
            chat_history_as_list: false,
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
}

/// The state that is dropped when everybody has gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meeting {
    facts: MeetingFacts,
    #[serde(default)]
    people: Roster,
    moderation: Moderation,
    #[serde(default)]
    chat: Chat,
}

impl Meeting {
    fn new(facts: MeetingFacts) -> Self {
        let moderation = Moderation::new(facts.waiting_room);
        Self {
            facts,
            people: Roster::default(),
            moderation,
            chat: Chat::default(),
        }
    }
}

/// Why a command was not carried out: the error event of its namespace goes to the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Control(ControlError),
    Moderation(crate::protocol::moderation::ModerationError),
    Chat(crate::protocol::chat::ChatError),
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
        }
    }

    /// Handles one input. Its number must follow the last one's and its time must be later.
    pub fn handle(&mut self, stamped: Stamped) -> Effects {
        assert_eq!(
            stamped.seq,
            self.input_seq + 1,
            "inputs are handled in the order of the log"
        );
        assert!(stamped.at > self.at, "time never goes back");
        self.input_seq = stamped.seq;
        self.at = stamped.at;
        let mut cx = Cx::new(stamped.at, stamped.seed, self.event_seq);
        match stamped.input {
            Input::Start(start) => self.start(&mut cx, *start),
            Input::SeatTaken {
                participant,
                token,
                session,
            } => self.seat_taken(&mut cx, participant, token, session),
            Input::Command { session, command } => self.command(&mut cx, session, command),
            Input::Ended { session, how } => self.ended(&mut cx, session, how),
            Input::Tick => self.tick(&mut cx),
            Input::Restarted => self.restarted(&mut cx),
            Input::Notice(Notice::RoomDeleted) => self.delete(&mut cx),
            Input::Notice(Notice::InviteWithdrawn(code)) => {
                self.withdraw(crate::protocol::meeting::Caller::Guest(code));
            }
            Input::Notice(Notice::UserWithdrawn(user)) => {
                self.withdraw(crate::protocol::meeting::Caller::User(user));
            }
        }
        self.event_seq = cx.event_seq;
        cx.effects
    }

    /// Skips an input that must not be handled (again).
    pub fn skip(&mut self, seq: u64, at: Timestamp) {
        self.input_seq = seq;
        self.at = self.at.max(at);
    }

    fn command(&mut self, cx: &mut Cx, session: SessionNo, command: Command) {
        // A session that has ended or was taken over says nothing more.
        let Some((id, seat)) = self.access.of_session(session) else {
            return;
        };
        let place = self
            .meeting
            .as_ref()
            .and_then(|m| m.people.get(id))
            .map(|p| p.place);
        let done = match (command, place.filter(|_| seat.joined)) {
            (Command::Control(ControlCommand::Join { display_name }), _) => self
                .join(cx, id, seat, display_name.as_deref())
                .map_err(Refusal::Control),
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
        match done {
            Ok(()) => {}
            Err(Refusal::Control(error)) => cx.send_one(Some(session), &ControlEvent::Error(error)),
            Err(Refusal::Moderation(error)) => cx.send_one(Some(session), &ModerationEvent::Error(error)),
            Err(Refusal::Chat(error)) => cx.send_one(Some(session), &ChatEvent::Error(error)),
        }
    }

    fn inside_command(
        &mut self,
        cx: &mut Cx,
        who: crate::ids::ParticipantId,
        command: Command,
    ) -> Result<(), Refusal> {
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        match command {
            Command::Control(command) => meeting.control(cx, who, &command).map_err(Refusal::Control),
            Command::Chat(command) => {
                let max = self.settings.chat_messages_per_scope_max;
                meeting
                    .chat
                    .handle(cx, &mut meeting.people, who, command, max)
                    .map_err(Refusal::Chat)
            }
            Command::Breakout(_) | Command::Timer(_) | Command::Polls(_) | Command::Livekit(_) => Ok(()),
            Command::Moderation(command) => self.moderate(cx, who, &command).map_err(Refusal::Moderation),
        }
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

    /// When the room wants a [`Input::Tick`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    /// Neither a meeting nor a token is left: the actor may end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.meeting.is_none() && self.access.is_empty()
    }

    /// Whether `start` must bring the facts of the meeting.
    #[must_use]
    pub fn has_meeting(&self) -> bool {
        self.meeting.is_some()
    }

    /// Modules of the running meeting, which decide about namespaces.
    #[must_use]
    pub fn has_module(&self, name: &str) -> bool {
        self.meeting
            .as_ref()
            .is_some_and(|meeting| meeting.facts.tariff.has_module(name))
    }

    /// The owner of a participant id, for the session that takes its seat.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
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
