//! Coming and going as the others see it.

use super::{Place, Room, access::Seat, agenda::Due, effects::Cx, roster::Participant};
use crate::{
    ids::ParticipantId,
    protocol::{
        control::{ControlError, ControlEvent, Entry, LeaveReason},
        meeting::{ParticipationKind, Role},
        moderation::ModerationEvent,
        names::DisplayName,
    },
};

impl Room {
    /// `control/join`: into the meeting, into the waiting room, or back to where a lost participant was.
    pub(super) fn join(
        &mut self,
        cx: &mut Cx,
        id: ParticipantId,
        seat: Seat,
        name: Option<&str>,
    ) -> Result<(), ControlError> {
        if seat.joined {
            return Err(ControlError::AlreadyJoined);
        }
        let (Some(holder), Some(meeting)) = (self.access.get(id), &mut self.meeting) else {
            return Ok(());
        };
        let identity = holder.identity.clone();
        let accepted = holder.accepted;
        let place = meeting.people.get(id).map_or(Place::Outside, |p| p.place);
        if place == Place::Outside {
            let display_name = identity.join_name(name, meeting.facts.custom_display_names)?;
            let known = meeting.people.get(id);
            let granted = known.and_then(|p| p.granted);
            let role = granted.unwrap_or(identity.role);
            let avatar_url = identity.avatar_url.as_deref().map(Into::into);
            let (kind, owner) = (identity.kind, identity.is_room_owner);
            let left_at = known.filter(|p| p.ever_inside).and_then(|p| p.left_at);
            let mut newcomer = Participant::new(
                kind,
                display_name,
                avatar_url,
                owner,
                role,
                granted,
                seat.session,
                cx.at,
            );
            // Listed as left until it is inside again.
            (newcomer.ever_inside, newcomer.left_at) = (left_at.is_some(), left_at);
            let must_wait = meeting.moderation.must_wait(&newcomer) && !accepted;
            meeting.people.insert(id, newcomer);
            self.access.joined(id);
            if must_wait {
                self.wait(cx, id);
            } else {
                self.enter(cx, id);
            }
        } else {
            meeting.people.set_session(id, Some(seat.session));
            self.access.joined(id);
            self.agenda.clear(Due::Timeout(id));
            if place == Place::Inside {
                cx.joined(seat.session);
                self.send_join_success(cx, id);
            } else {
                cx.send_one(Some(seat.session), &ModerationEvent::InWaitingRoom);
                if accepted {
                    cx.send_one(Some(seat.session), &ModerationEvent::Accepted);
                }
            }
        }
        self.keep_or_drop_later(cx);
        Ok(())
    }

    fn wait(&mut self, cx: &mut Cx, id: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        meeting.people.change(id, |p| p.place = Place::Waiting);
        cx.send_one(meeting.people.session(id), &ModerationEvent::InWaitingRoom);
        if let Some(entry) = meeting.people.entry(id) {
            cx.send(
                meeting.people.all(),
                &ModerationEvent::JoinedWaitingRoom(Entry(entry.get())),
            );
        }
    }

    pub(super) fn enter_room(
        &mut self,
        cx: &mut Cx,
        id: ParticipantId,
        place: Option<Place>,
    ) -> Result<(), ControlError> {
        let accepted = self.access.get(id).is_some_and(|holder| holder.accepted);
        if place != Some(Place::Waiting) || !accepted {
            return Err(ControlError::NotAcceptedOrNotInWaitingRoom);
        }
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        cx.send(meeting.people.all(), &ModerationEvent::LeftWaitingRoom { id });
        meeting
            .people
            .change(id, |p| (p.joined_at, p.hand_updated_at) = (cx.at, cx.at));
        self.enter(cx, id);
        Ok(())
    }

    fn enter(&mut self, cx: &mut Cx, id: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        meeting.people.change(id, |p| {
            p.place = Place::Inside;
            p.ever_inside = true;
            p.left_at = None;
        });
        let Some(participant) = meeting.people.get(id) else {
            return;
        };
        let (hidden, session) = (participant.is_hidden(), participant.session);
        if let Some(session) = session {
            cx.joined(session);
        }
        self.send_join_success(cx, id);
        let Some(meeting) = &mut self.meeting else { return };
        if !hidden && let Some(entry) = meeting.people.entry(id) {
            cx.send(
                meeting.people.others(id),
                &ControlEvent::Joined(Entry(entry.get())),
            );
        }
    }

    /// The participation ends; the others hear why. The id and its tokens live on until they expire.
    pub(super) fn leave(&mut self, cx: &mut Cx, id: ParticipantId, reason: LeaveReason) {
        self.agenda.clear(Due::Timeout(id));
        if let Some(meeting) = &mut self.meeting {
            let place = meeting.people.get(id).map_or(Place::Outside, |p| p.place);
            let hidden = meeting.people.get(id).is_some_and(Participant::is_hidden);
            meeting.people.change(id, |p| {
                p.place = Place::Outside;
                p.session = None;
                p.left_at.get_or_insert(cx.at);
                p.hand_is_up = false;
            });
            match place {
                Place::Inside if !hidden => {
                    cx.send(meeting.people.all(), &ControlEvent::Left { id, reason });
                }
                Place::Waiting => cx.send(meeting.people.all(), &ModerationEvent::LeftWaitingRoom { id }),
                Place::Inside | Place::Outside => {}
            }
            for forgotten in meeting.people.trim_departed() {
                meeting.chat.forget(forgotten);
            }
        }
        self.expire_later(cx, id);
        self.keep_or_drop_later(cx);
    }

    /// An empty meeting is dropped after the grace period.
    fn keep_or_drop_later(&mut self, cx: &Cx) {
        let Some(meeting) = &self.meeting else { return };
        if meeting.people.anybody_present() {
            self.agenda.clear(Due::Drop);
        } else if self.agenda.get(Due::Drop).is_none() {
            self.agenda
                .set(Due::Drop, cx.at.plus_secs(self.settings.meeting_grace_secs));
        }
    }
}

impl crate::protocol::meeting::Identity {
    /// The name of a newcomer (signaling semantics, section 2).
    fn join_name(&self, given: Option<&str>, custom_allowed: bool) -> Result<DisplayName, ControlError> {
        match (&self.profile_name, given) {
            (Some(profile), None) => Ok(profile.clone()),
            (Some(profile), Some(_)) if !custom_allowed => Ok(profile.clone()),
            (_, Some(given)) => DisplayName::parse(given).map_err(|_| ControlError::InvalidUsername),
            (None, None) if self.kind == ParticipationKind::Recorder => {
                Ok(DisplayName::from_profile("Recorder"))
            }
            (None, None) => Err(ControlError::InvalidUsername),
        }
    }

    /// The role that remains when a granted one is taken away.
    #[must_use]
    pub(super) fn plain_role(kind: ParticipationKind) -> Role {
        if kind == ParticipationKind::User {
            Role::User
        } else {
            Role::Guest
        }
    }
}
