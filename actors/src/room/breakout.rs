//! Namespace `breakout`: rooms beside the main room. One room actor holds them all, so there is one order and one log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Meeting, Place, Room,
    agenda::Due,
    effects::{Cx, Receivers},
    missed::Missed,
    module::{Around, Module, State},
    refusal::Refusal,
    roster::{Circle, Participant},
};
use crate::{
    ids::{BreakoutRoomId, ParticipantId, SessionNo, Space, Timestamp},
    protocol::{
        breakout::{BreakoutCommand, BreakoutError, BreakoutEvent, BreakoutRoom, BreakoutState, Plan},
        codes::CloseCode,
        control::LeaveReason,
        limits::BREAKOUT_LEAVE_SECS,
    },
};

/// The breakout rooms of a meeting, while some run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BreakoutRooms(pub(super) Option<Breakout>);

impl BreakoutRooms {
    pub(super) fn running(&self) -> Option<&Breakout> {
        self.0.as_ref()
    }
}

/// Breakout rooms that are running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breakout {
    rooms: Vec<BreakoutRoom>,
    expires: Option<Timestamp>,
    /// Where moderators want participants to go.
    #[serde(default)]
    assignments: BTreeMap<ParticipantId, BreakoutRoomId>,
    #[serde(default)]
    began: Option<Timestamp>,
}

impl Breakout {
    #[must_use]
    pub fn has(&self, id: BreakoutRoomId) -> bool {
        self.rooms.iter().any(|room| room.id == id)
    }

    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.expires
    }
}

impl Module for BreakoutRooms {
    type Command = BreakoutCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: BreakoutCommand,
    ) -> Result<(), Refusal> {
        Ok(room.breakout(cx, who, &command)?)
    }

    /// Those in the other rooms hear that somebody came.
    fn joined(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        let beside = Circle::Beside(around.people.space(who));
        let to = around.people.circle(beside);
        if let Some(participant) = around.people.get(who).filter(|p| !p.is_hidden()) {
            cx.send(to, &BreakoutEvent::Joined(participant.in_other_room(who)));
        }
    }

    /// Those in the other rooms hear that somebody went.
    fn left(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        space: Space,
        _reason: LeaveReason,
    ) {
        if around.people.get(who).is_some_and(|p| !p.is_hidden()) {
            let event = BreakoutEvent::Left {
                breakout_room: space.0,
                id: who,
            };
            cx.send(around.people.circle(Circle::Beside(space)), &event);
        }
    }

    fn join_state(&mut self, _cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        let breakout = self.running()?;
        let space = around.people.space(who);
        // Whoever has not left yet a room that is closed is in none that a client knows.
        let elsewhere = |p: &Participant| {
            p.place == Place::Inside
                && p.space != space
                && !p.is_hidden()
                && p.space.0.is_none_or(|id| breakout.has(id))
        };
        let others = around.people.iter().filter(|(_, p)| elsewhere(p));
        Some(State::of(&BreakoutState {
            current: space.0,
            expires: breakout.expires,
            rooms: &breakout.rooms,
            participants: others.map(|(id, p)| p.in_other_room(id)).collect(),
        }))
    }

    /// Somebody who was away when these rooms began hears where it is to go. Who is in one of them, or was, knows of them, and goes where it
    /// wants to.
    fn tell_missed(&self, cx: &mut Cx, around: &Around<'_>, who: ParticipantId, missed: &Missed) {
        let (Some(breakout), Some(me), Missed::Since(away)) =
            (self.running(), around.people.get(who), missed)
        else {
            return;
        };
        let is_of_now = |space: Space| space.0.is_some_and(|id| breakout.has(id));
        let has_been_there = is_of_now(me.space) || away.spaces().any(is_of_now);
        if has_been_there || breakout.began.is_none_or(|began| began <= away.since()) {
            return;
        }
        if let Some(assignment) = breakout.assignments.get(&who) {
            let event = BreakoutEvent::Started {
                rooms: &breakout.rooms,
                expires: breakout.expires,
                assignment: Some(*assignment),
            };
            cx.send_one(Some(me.line), &event);
        }
    }
}

impl Meeting {
    /// The room that a ticket leads to: the main room when the breakout room has ended meanwhile.
    pub(super) fn destination(&self, asked: Space) -> Space {
        let running = self.modules.breakout.running();
        let runs = |id| running.is_some_and(|breakout| breakout.has(id));
        Space(asked.0.filter(|id| runs(*id)))
    }

    fn begin_breakout(&mut self, cx: &mut Cx, plan: &Plan, duration: Option<u64>) {
        let mut assignments: BTreeMap<ParticipantId, BreakoutRoomId> = BTreeMap::new();
        let mut rooms = Vec::with_capacity(plan.rooms().len());
        for planned in plan.rooms() {
            let id = BreakoutRoomId(cx.new_id());
            assignments.extend(planned.assignments.iter().map(|participant| (*participant, id)));
            let name = planned.name.shared();
            rooms.push(BreakoutRoom { id, name });
        }
        let expires = duration.map(|secs| cx.at.plus_secs(secs));
        // One encoding for all who are sent to the same room.
        let mut by_room: BTreeMap<Option<BreakoutRoomId>, Vec<SessionNo>> = BTreeMap::new();
        for (id, participant) in self.people.iter().filter(|(_, p)| p.place == Place::Inside) {
            let assignment = assignments.get(&id).copied();
            by_room.entry(assignment).or_default().push(participant.line);
        }
        for (assignment, sessions) in by_room {
            let event = BreakoutEvent::Started {
                rooms: &rooms,
                expires,
                assignment,
            };
            cx.send(Receivers::from(sessions), &event);
        }
        self.modules.breakout.0 = Some(Breakout {
            rooms,
            expires,
            assignments,
            began: Some(cx.at),
        });
    }
}

impl Room {
    fn breakout(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        command: &BreakoutCommand,
    ) -> Result<(), BreakoutError> {
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        if !meeting.people.is_moderator(who) {
            return Err(BreakoutError::InsufficientPermissions);
        }
        match command {
            BreakoutCommand::Start { rooms, .. } if rooms.rooms().is_empty() => {}
            BreakoutCommand::Start { rooms, lasting } => {
                self.close_breakout_rooms(cx);
                if let Some(meeting) = &mut self.meeting {
                    meeting.begin_breakout(cx, rooms, lasting.duration);
                    if let Some(expires) = meeting.modules.breakout.running().and_then(Breakout::expires) {
                        self.agenda.set(Due::Breakout, expires);
                    }
                }
            }
            BreakoutCommand::Stop if meeting.modules.breakout.0.is_none() => {
                return Err(BreakoutError::Inactive);
            }
            BreakoutCommand::Stop => self.end_breakout(cx, &BreakoutEvent::Stopped),
        }
        Ok(())
    }

    /// Stopped or expired: everybody hears it and has time to go back.
    pub(super) fn end_breakout(&mut self, cx: &mut Cx, event: &BreakoutEvent<'_>) {
        self.close_breakout_rooms(cx);
        if let Some(meeting) = &mut self.meeting {
            cx.send(meeting.people.all(), event);
        }
    }

    /// Nobody comes in any more. What happened in an empty room is forgotten at once.
    fn close_breakout_rooms(&mut self, cx: &mut Cx) {
        self.agenda.clear(Due::Breakout);
        let Some(breakout) = self.meeting.as_mut().and_then(|m| m.modules.breakout.0.take()) else {
            return;
        };
        for room in breakout.rooms {
            let is_used = |meeting: &Meeting| meeting.people.anybody_in(Space(Some(room.id)));
            if self.meeting.as_ref().is_some_and(is_used) {
                self.agenda
                    .set(Due::Leave(room.id), cx.at.plus_secs(BREAKOUT_LEAVE_SECS));
            } else {
                self.drop_space(cx, Space(Some(room.id)));
            }
        }
    }

    /// Whoever is still in a breakout room that closed five minutes ago is sent out.
    pub(super) fn clear_breakout_room(&mut self, cx: &mut Cx, id: BreakoutRoomId) {
        let space = Space(Some(id));
        let people = self.meeting.iter().flat_map(|meeting| meeting.people.iter());
        let late: Vec<_> = people
            .filter(|(_, p)| p.is_inside(space))
            .map(|(id, _)| id)
            .collect();
        for participant in late {
            // Its client comes back, and finds itself in the main room.
            if let Some(seat) = self.access.get(participant).and_then(|holder| holder.seat) {
                self.access.stand_up(seat.session);
                cx.close(seat.session, CloseCode::Restart);
            }
            self.leave(cx, participant, LeaveReason::Quit);
        }
        self.drop_space(cx, space);
    }

    /// A breakout room is gone with all that was in it.
    fn drop_space(&mut self, cx: &mut Cx, space: Space) {
        let Some(meeting) = &mut self.meeting else { return };
        if meeting.visited.remove(&space) {
            meeting.people.forget_space(space);
            if let Some((modules, mut around)) = self.modules() {
                modules.space_closed(cx, &mut around, space);
            }
        }
    }
}
