//! Namespace `moderation`: the waiting room, removing participants, names and raised hands.

mod hands;
mod removals;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Meeting, Place, Room,
    access::Holder,
    effects::Cx,
    missed::{Changed, Missed},
    module::{Around, Module, State},
    refusal::Refusal,
    roster::{Participant, Roster, Shown},
    traces::{Trace, Traces},
};
use crate::{
    ids::{OriginHash, ParticipantId, Timestamp, UserId},
    protocol::{
        Event, Namespace,
        meeting::{Caller, ControlState, MeetingFacts, ParticipationKind},
        moderation::{ModerationCommand, ModerationEvent, WaitingRoomState},
    },
};

/// What moderators have decided for the whole meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moderation {
    pub waiting_room: bool,
    /// Whether newcomers by a link wait, whatever the flag above says.
    #[serde(default)]
    pub guests_wait: bool,
    pub raise_hands_enabled: bool,
    /// Who allowed or forbade raising hands last.
    #[serde(default)]
    pub raise_hands_switched: Option<Changed>,
    /// Users who may not come back.
    #[serde(default)]
    pub banned: BTreeSet<UserId>,
    /// Users whose role of a moderator was taken away.
    #[serde(default)]
    pub revoked: BTreeSet<UserId>,
    /// Users who were sent out to wait, until a moderator accepts them.
    #[serde(default)]
    pub sent_out: BTreeSet<UserId>,
    #[serde(default)]
    pub traces: Traces,
}

impl Default for Moderation {
    fn default() -> Self {
        Self {
            waiting_room: false,
            guests_wait: false,
            raise_hands_enabled: true,
            raise_hands_switched: None,
            banned: BTreeSet::new(),
            revoked: BTreeSet::new(),
            sent_out: BTreeSet::new(),
            traces: Traces::default(),
        }
    }
}

impl Moderation {
    fn state_for_moderators<'a>(&self, around: &'a Around<'_>) -> ModeratorState<'a> {
        let waiting = around.people.iter().filter(|(_, p)| p.place == Place::Waiting);
        let state = |id| {
            let accepted = around.access.get(id).is_some_and(|holder| holder.accepted);
            if accepted {
                WaitingRoomState::Accepted
            } else {
                WaitingRoomState::Waiting
            }
        };
        ModeratorState {
            waiting_room_enabled: self.waiting_room,
            waiting_room_participants: waiting
                .map(|(id, p)| Waiting {
                    id,
                    control: p.waiting_state(),
                    state: state(id),
                })
                .collect(),
        }
    }

    pub(in crate::room) fn has_revoked(&self, caller: Caller) -> bool {
        matches!(caller, Caller::User(user) if self.revoked.contains(&user))
    }
}

/// Where a participant has come from, and where its sockets that have yet to join do.
fn networks_of(holder: &Holder, participant: &Participant) -> BTreeSet<OriginHash> {
    let pending = holder.sockets().filter_map(|seat| seat.origin);
    let pending = pending.map(|origin| origin.network);
    participant.networks.iter().copied().chain(pending).collect()
}

/// What a newcomer brings along of the traces that a kick leaves.
fn traces_of(holder: &Holder, participant: &Participant) -> Vec<Trace> {
    let mut traces = match (holder.caller, participant.number) {
        (Caller::Guest(code), _) => {
            let networks = networks_of(holder, participant).into_iter();
            let of_network = |network| [Trace::Guest(code, network), Trace::Network(network)];
            networks.flat_map(of_network).collect()
        }
        (Caller::Sip, Some(number)) => vec![Trace::Caller(number)],
        (Caller::User(_) | Caller::Sip | Caller::Recorder, _) => Vec::new(),
    };
    traces.extend(holder.user().map(Trace::User));
    traces
}

/// What moderators, and nobody else, see of the waiting room.
#[derive(Serialize)]
struct ModeratorState<'a> {
    waiting_room_enabled: bool,
    waiting_room_participants: Vec<Waiting<'a>>,
}

#[derive(Serialize)]
struct ModerationState<'a> {
    #[serde(flatten)]
    moderator: Option<ModeratorState<'a>>,
    raise_hands_enabled: bool,
}

#[derive(Serialize)]
struct Waiting<'a> {
    id: ParticipantId,
    control: ControlState<'a>,
    #[serde(rename = "waiting_room_state")]
    state: WaitingRoomState,
}

impl Module for Moderation {
    type Command = ModerationCommand;

    fn begin(facts: &MeetingFacts) -> Self {
        // Where nobody can let anybody in, nobody waits.
        let has_moderation = facts.tariff.has_module(Namespace::Moderation.name());
        Self {
            waiting_room: facts.waiting_room && has_moderation,
            guests_wait: facts.guests_wait,
            ..Self::default()
        }
    }

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: ModerationCommand,
    ) -> Result<(), Refusal> {
        Ok(room.moderate(cx, who, command)?)
    }

    fn join_state(&mut self, _cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        let is_moderator = around.people.is_moderator(who);
        around.has(Namespace::Moderation).then(|| {
            State::of(&ModerationState {
                moderator: is_moderator.then(|| self.state_for_moderators(around)),
                raise_hands_enabled: self.raise_hands_enabled,
            })
        })
    }

    fn beside_join_state(&self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        let Some(me) = around
            .people
            .get(who)
            .filter(|_| around.has(Namespace::Moderation))
        else {
            return;
        };
        if !self.raise_hands_enabled {
            // `raise_hands_enabled` of the state is read by no client.
            let issued_by = self.raise_hands_switched.map_or(who, |changed| changed.by);
            cx.send_one(Some(me.line), &ModerationEvent::RaiseHandsDisabled { issued_by });
        }
        if me.is_moderator() && !self.waiting_room {
            // Clients look at the list of the state only where the waiting room is on.
            show_waiting(cx, around.people, who);
        }
    }

    fn tell_missed(&self, cx: &mut Cx, around: &Around<'_>, who: ParticipantId, missed: &Missed) {
        let enabled_by = match missed {
            Missed::AnotherMeeting => around.has(Namespace::Moderation).then_some(who),
            Missed::Since(away) => away.missed(self.raise_hands_switched).map(|changed| changed.by),
        };
        if let (Some(issued_by), Some(me)) = (
            enabled_by.filter(|_| self.raise_hands_enabled),
            around.people.get(who),
        ) {
            cx.send_one(Some(me.line), &ModerationEvent::RaiseHandsEnabled { issued_by });
        }
    }
}

impl Meeting {
    /// Whether a newcomer whom nobody has accepted must wait. Callers wait where the room's lobby is on, and whoever comes by
    /// a link where the room says so, even if nobody else does; who was sent out, or looks like somebody who was kicked, whatever the flag says. A moderator does so
    /// only while another one is there to let it in.
    pub(in crate::room) fn must_wait(&self, holder: &Holder, newcomer: &Participant, now: Timestamp) -> bool {
        if newcomer.is_hidden() || newcomer.is_room_owner || !self.has_moderation() {
            return false;
        }
        let user = holder.user();
        let was_sent_out = user.is_some_and(|user| self.modules.moderation.sent_out.contains(&user));
        let is_known = self
            .modules
            .moderation
            .traces
            .match_any(&traces_of(holder, newcomer), now);
        if newcomer.is_moderator() {
            let is_led = || {
                let inside = self.people.iter().filter(|(_, p)| p.place == Place::Inside);
                inside.into_iter().any(|(_, p)| p.is_moderator())
            };
            return (holder.must_wait || was_sent_out || is_known) && is_led();
        }
        let lobby = newcomer.kind == ParticipationKind::Sip && self.facts.sip_lobby;
        let by_link = matches!(holder.caller, Caller::Guest(_)) && self.modules.moderation.guests_wait;
        self.modules.moderation.waiting_room
            || lobby
            || by_link
            || holder.must_wait
            || was_sent_out
            || is_known
    }

    pub(in crate::room) fn has_moderation(&self) -> bool {
        self.facts.tariff.has_module("moderation")
    }

    /// Whether the caller, or the user whom a guest is signed in as, is banned.
    pub(in crate::room) fn is_banned(&self, caller: Caller, signed_in: Option<UserId>) -> bool {
        let user = caller.user(signed_in);
        user.is_some_and(|user| self.modules.moderation.banned.contains(&user))
    }
}

/// Shows those who wait to somebody who may let them in.
pub(in crate::room) fn show_waiting(cx: &mut Cx, people: &Roster, to: ParticipantId) {
    let waiting = people.iter().filter(|(_, p)| p.place == Place::Waiting);
    for (id, participant) in waiting {
        let entry = participant.waiting_entry(id);
        people.show_one(cx, to, participant, &entry, Shown::JoinedWaitingRoom);
    }
}

/// A flag was set: everybody hears it, or only the sender where nothing changed.
pub(in crate::room) fn tell_flag(
    cx: &mut Cx,
    people: &mut Roster,
    changed: bool,
    who: Option<ParticipantId>,
    event: &impl Event,
) {
    if changed {
        cx.send(people.all(), event);
    } else {
        cx.send_one(who.and_then(|who| people.line(who)), event);
    }
}
