//! All modules of a meeting, made from the table of namespaces (`protocol/namespaces.rs`).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{
    Room, RoomSettings,
    agenda::Agenda,
    effects::{Cx, Secret},
    missed::Missed,
    module::{Around, Module, State},
    refusal::Refusal,
    roster::Roster,
    tasks::Pending,
};
use crate::{
    ids::{ParticipantId, Space},
    protocol::{Command, Namespace, control::LeaveReason, meeting::MeetingFacts, with_namespaces},
    task::{Outcome, Work},
};

macro_rules! make {
    (
        control $Control:ident($($of_control:tt)*) $about:literal;
        $($name:ident $Module:ident($($types:tt)*) keeps $State:ident for $sessions:ident $mabout:literal;)*
    ) => {
        /// The states of all modules, each under its namespace's name.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub(super) struct Modules {
            $(#[serde(default)] pub $name: super::$name::$State,)*
        }

        impl Modules {
            pub fn begin(facts: &MeetingFacts) -> Self {
                Self { $($name: Module::begin(facts),)* }
            }

            pub fn joined(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
                $(self.$name.joined(cx, around, who);)*
            }

            pub fn came_back(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
                $(self.$name.came_back(cx, around, who);)*
            }

            pub fn went_on(&mut self, who: ParticipantId) {
                $(self.$name.went_on(who);)*
            }

            pub fn left(
                &mut self,
                cx: &mut Cx,
                around: &mut Around<'_>,
                (who, space, reason): (ParticipantId, Space, LeaveReason),
            ) {
                $(self.$name.left(cx, around, who, space, reason);)*
            }

            pub fn restarted(&mut self, cx: &mut Cx, around: &mut Around<'_>, spaces: &[Space]) {
                $(self.$name.restarted(cx, around, spaces);)*
            }

            pub fn names(&self, who: ParticipantId) -> bool {
                false $(|| self.$name.names(who))*
            }

            pub fn forgotten(&mut self, who: ParticipantId) {
                $(self.$name.forgotten(who);)*
            }

            pub fn role_changed(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
                $(self.$name.role_changed(cx, around, who);)*
            }

            pub fn role_is_told(&self, cx: &mut Cx, people: &mut Roster, who: ParticipantId) {
                $(self.$name.role_is_told(cx, people, who);)*
            }

            pub fn hands_changed(&mut self, cx: &mut Cx, around: &mut Around<'_>, whose: &[ParticipantId]) {
                $(self.$name.hands_changed(cx, around, whose);)*
            }

            pub fn space_closed(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
                $(self.$name.space_closed(cx, around, space);)*
            }

            pub fn meeting_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, spaces: &[Space]) {
                $(self.$name.meeting_over(cx, around, spaces);)*
            }

            pub fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, (of, space, tag): (Namespace, Space, u8)) {
                match of {
                    Namespace::Control => {}
                    $(Namespace::$Module => self.$name.due(cx, around, space, tag),)*
                }
            }

            pub fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
                match task.work.namespace() {
                    Namespace::Control => {}
                    $(Namespace::$Module => self.$name.task_done(cx, around, task, outcome),)*
                }
            }

            pub fn still_want(&self, around: &Around<'_>, work: &Work) -> bool {
                match work.namespace() {
                    Namespace::Control => false,
                    $(Namespace::$Module => self.$name.still_wants(around, work),)*
                }
            }

            pub fn beside_join_states(&self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
                $(self.$name.beside_join_state(cx, around, who);)*
            }

            pub fn shown(&self, space: Space) -> Vec<(Namespace, uuid::Uuid)> {
                let shown = [$((Namespace::$Module, self.$name.shown(space)),)*];
                shown.into_iter().filter_map(|(of, id)| Some((of, id?))).collect()
            }

            pub fn tell_missed(&self, cx: &mut Cx, around: &Around<'_>, who: ParticipantId, missed: &Missed) {
                $(self.$name.tell_missed(cx, around, who, missed);)*
            }

            pub fn check(&self, settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
                $(self.$name.check(settings, agenda)?;)*
                Ok(())
            }

            fn join_states(&mut self, cx: &Cx, around: &Around<'_>, who: ParticipantId, mut each: impl FnMut(Namespace, State)) {
                $(if let Some(state) = self.$name.join_state(cx, around, who) {
                    each(Namespace::$Module, state);
                })*
            }

            /// What entries say of a participant beside what the core does: fields, each with a comma before it.
            pub fn peer_states(&self, space: Space, who: ParticipantId) -> String {
                let mut text = String::new();
                $(if let Some(state) = self.$name.peer_state(space, who) {
                    push_field(&mut text, Namespace::$Module, state.get());
                })*
                text
            }
        }

        impl Room {
            /// Carries out a command of somebody inside.
            pub(super) fn inside_command(&mut self, cx: &mut Cx, who: ParticipantId, command: Command) -> Result<(), Refusal> {
                match command {
                    Command::Control(command) => self.control(cx, who, &command).map_err(Refusal::Control),
                    $(Command::$Module(command) => super::$name::$State::command(self, cx, who, command),)*
                }
            }
        }
    };
}
with_namespaces!(make);

fn push_field(text: &mut String, namespace: Namespace, json: &str) {
    // Writing to a string does not fail.
    let _ = write!(text, r#","{}":{json}"#, namespace.name());
}

impl Modules {
    /// What all modules say to who joins: fields, each with a comma before it, and the secrets among them.
    pub fn join_fields(&mut self, cx: &Cx, around: &Around<'_>, who: ParticipantId) -> (String, Vec<Secret>) {
        let (mut text, mut secrets) = (String::new(), Vec::new());
        let mut add = |namespace, state: State| {
            push_field(&mut text, namespace, state.json.get());
            secrets.extend(state.secrets);
        };
        self.join_states(cx, around, who, &mut add);
        // What a recorder is told is of the targets that another namespace keeps.
        if let Some(orders) = self.recording.orders(cx, around, who) {
            add(Namespace::RecordingService, orders);
        }
        (text, secrets)
    }
}

impl Room {
    /// The modules of the running meeting, and what is around them.
    pub(super) fn modules(&mut self) -> Option<(&mut Modules, Around<'_>)> {
        let meeting = self.meeting.as_mut()?;
        let around = Around {
            room: self.id,
            settings: &self.settings,
            facts: &meeting.facts,
            began: meeting.began,
            access: &self.access,
            people: &mut meeting.people,
            agenda: &mut self.agenda,
            tasks: &mut self.tasks,
            rations: &mut self.rations,
        };
        Some((&mut meeting.modules, around))
    }
}
