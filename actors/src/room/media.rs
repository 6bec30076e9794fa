//! Namespace `livekit`: who gets which access token, and what LiveKit is asked to do. Nobody waits for LiveKit.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Meeting, Room, RoomSettings,
    calls::Pending,
    effects::{Cx, Receivers, Secret},
    roster::Participant,
};
use crate::{
    ids::{ParticipantId, SessionNo, Space},
    livekit::{self, Call, Livekit, MediaAccess, MediaRoom, Outcome, Source, VideoGrant},
    protocol::{
        limits::POPOUTS_PER_PARTICIPANT_MAX,
        livekit::{Credentials, LivekitCommand, LivekitError, LivekitEvent, MicrophoneRestrictions},
        meeting::ParticipationKind,
        names::Named,
    },
};

/// The name of the module.
const MODULE: &str = "livekit";

/// What moderators have decided about the media of one room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Media {
    pub restrictions: MicrophoneRestrictions,
    /// Who may share the screen where that needs a permission.
    screen_share: BTreeSet<ParticipantId>,
}

impl Media {
    fn sources(&self, id: ParticipantId, participant: &Participant, settings: &RoomSettings) -> Vec<Source> {
        if participant.is_hidden() {
            return Vec::new();
        }
        let free = participant.is_moderator();
        let may_speak = match &self.restrictions {
            MicrophoneRestrictions::Disabled => true,
            MicrophoneRestrictions::Enabled {
                unrestricted_participants,
            } => free || unrestricted_participants.contains(&id),
        };
        let may_share = free || !settings.screen_share_requires_permission || self.screen_share.contains(&id);
        let mut sources = vec![Source::Camera];
        sources.extend(may_speak.then_some(Source::Microphone));
        if may_share {
            sources.extend([Source::ScreenShare, Source::ScreenShareAudio]);
        }
        sources
    }

    /// The participant is no longer remembered.
    pub(super) fn forget(&mut self, id: ParticipantId) {
        self.screen_share.remove(&id);
    }

    /// The credentials of a participant, and the secret in them.
    pub(super) fn credentials(
        &self,
        cx: &Cx,
        room: MediaRoom,
        id: ParticipantId,
        participant: &Participant,
        settings: &RoomSettings,
    ) -> (Credentials, Secret) {
        let grant = VideoGrant {
            room_join: true,
            room: room.to_string(),
            can_publish: !participant.is_hidden(),
            can_subscribe: true,
            can_publish_data: false,
            can_publish_sources: self.sources(id, participant, settings),
            hidden: participant.is_hidden(),
        };
        let Livekit {
            public_url,
            service_url,
            ..
        } = &*cx.livekit;
        let is_inside = matches!(
            participant.kind,
            ParticipationKind::Sip | ParticipationKind::Recorder
        );
        let room = grant.room.clone();
        let identity = livekit::identity(id, None);
        let (secret, token) = cx.secret(MediaAccess { identity, grant });
        let credentials = Credentials {
            token,
            room,
            public_url: public_url.clone(),
            service_url: is_inside.then(|| service_url.clone()),
        };
        (credentials, secret)
    }
}

impl Room {
    pub(super) fn livekit(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        command: &LivekitCommand,
    ) -> Result<(), LivekitError> {
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        let space = meeting.people.space(who);
        match command {
            LivekitCommand::CreateNewAccessToken => self.send_credentials(cx, who),
            LivekitCommand::RequestPopoutStreamAccessToken => self.send_popout_token(cx, who),
            _ if !meeting.people.is_moderator(who) => return Err(LivekitError::InsufficientPermissions),
            LivekitCommand::ForceMute { participants } => return self.force_mute(cx, who, participants),
            LivekitCommand::GrantScreenSharePermission { participants } => {
                // Strangers are not remembered: what is kept is bounded by who is.
                let known: Vec<_> = participants
                    .iter()
                    .filter(|id| meeting.people.get(*id).is_some())
                    .collect();
                meeting.space(space).media.screen_share.extend(known);
                return self.permit(cx, space, Some(who), |id, _| participants.contains(id));
            }
            LivekitCommand::RevokeScreenSharePermission { participants } => {
                let allowed = &mut meeting.space(space).media.screen_share;
                allowed.retain(|id| !participants.contains(*id));
                return self.permit(cx, space, Some(who), |id, _| participants.contains(id));
            }
            LivekitCommand::EnableMicrophoneRestrictions {
                unrestricted_participants,
            } => {
                meeting.space(space).media.restrictions = MicrophoneRestrictions::Enabled {
                    unrestricted_participants: unrestricted_participants.iter().collect(),
                };
                let event = LivekitEvent::MicrophoneRestrictionsEnabled {
                    unrestricted_participants,
                };
                cx.send(meeting.people.around(who), &event);
                return self.permit(cx, space, Some(who), |_, p| !p.is_moderator());
            }
            LivekitCommand::DisableMicrophoneRestrictions => {
                let restrictions = &mut meeting.space(space).media.restrictions;
                if std::mem::take(restrictions) == MicrophoneRestrictions::Disabled {
                    return Ok(());
                }
                cx.send(
                    meeting.people.around(who),
                    &LivekitEvent::MicrophoneRestrictionsDisabled,
                );
                return self.permit(cx, space, Some(who), |_, p| !p.is_moderator());
            }
        }
        Ok(())
    }

    fn media_room(&self, space: Space) -> MediaRoom {
        MediaRoom { room: self.id, space }
    }

    /// The credentials of a participant for the room that it is in.
    pub(super) fn credentials(&self, cx: &Cx, id: ParticipantId) -> Option<(Credentials, Secret)> {
        let meeting = self.meeting.as_ref().filter(|meeting| meeting.has_media())?;
        let participant = meeting.people.get(id)?;
        let none = Media::default();
        let media = meeting
            .spaces
            .get(&participant.space)
            .map_or(&none, |state| &state.media);
        let room = self.media_room(participant.space);
        Some(media.credentials(cx, room, id, participant, &self.settings))
    }

    fn send_credentials(&mut self, cx: &mut Cx, who: ParticipantId) {
        if let (Some((credentials, secret)), Some(line)) = (self.credentials(cx, who), self.line(who))
            && let Some(meeting) = &mut self.meeting
        {
            let seq = cx.send_secret(line, &LivekitEvent::Credentials(&credentials), secret);
            meeting.people.set_whole_since(who, seq);
        }
    }

    fn send_popout_token(&mut self, cx: &mut Cx, who: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        let space = meeting.people.space(who);
        let number = meeting.people.change(who, |p| {
            let number = p.popouts % POPOUTS_PER_PARTICIPANT_MAX + 1;
            p.popouts = p.popouts.saturating_add(1);
            number
        });
        let grant = VideoGrant {
            room_join: true,
            room: self.media_room(space).to_string(),
            can_publish: false,
            can_subscribe: true,
            can_publish_data: false,
            can_publish_sources: Vec::new(),
            hidden: true,
        };
        let identity = livekit::identity(who, number);
        let (secret, token) = cx.secret(MediaAccess { identity, grant });
        let (Some(line), Some(meeting)) = (self.line(who), &mut self.meeting) else {
            return;
        };
        let seq = cx.send_secret(line, &LivekitEvent::PopoutStreamAccessToken { token }, secret);
        meeting.people.set_whole_since(who, seq);
    }

    pub(super) fn line(&self, id: ParticipantId) -> Option<SessionNo> {
        self.meeting.as_ref()?.people.line(id)
    }

    fn force_mute(&mut self, cx: &mut Cx, who: ParticipantId, named: &Named) -> Result<(), LivekitError> {
        let Some(meeting) = &self.meeting else {
            return Ok(());
        };
        let space = meeting.people.space(who);
        let is_there = |id: &ParticipantId| {
            let participant = meeting.people.get(*id);
            participant.is_some_and(|p| p.is_inside(space) && !p.is_hidden())
        };
        let participants: Vec<_> = named.iter().filter(is_there).collect();
        if participants.is_empty() {
            return Ok(());
        }
        // Each hears it at once: its client turns the microphone off, whatever LiveKit knows of it.
        let to: Vec<_> = participants
            .iter()
            .filter_map(|id| meeting.line_inside(*id))
            .collect();
        cx.send(Receivers::from(to), &LivekitEvent::ForceMuted { moderator: who });
        let room = self.media_room(space);
        self.call(cx, Call::Mute { room, participants }, Some(who))
    }

    /// Tells LiveKit what some of those in a room may publish now.
    fn permit(
        &mut self,
        cx: &mut Cx,
        space: Space,
        asked_by: Option<ParticipantId>,
        concerns: impl Fn(ParticipantId, &Participant) -> bool,
    ) -> Result<(), LivekitError> {
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        // A room that is over has nobody in it, and is not begun again by a call that was late.
        let there = meeting.spaces.get(&space);
        let media = there.map(|there| there.media.clone()).unwrap_or_default();
        let there = meeting
            .people
            .iter()
            .filter(|(id, p)| p.is_inside(space) && !p.is_hidden() && concerns(*id, p));
        let participants: Vec<_> = there
            .map(|(id, p)| (id, media.sources(id, p, &self.settings)))
            .collect();
        if participants.is_empty() {
            return Ok(());
        }
        let room = MediaRoom { room: self.id, space };
        if self
            .calls
            .postpone(room, participants.iter().map(|(id, _)| *id), asked_by)
        {
            return Ok(());
        }
        self.call(cx, Call::Permit { room, participants }, asked_by)
    }

    fn call(&mut self, cx: &mut Cx, call: Call, asked_by: Option<ParticipantId>) -> Result<(), LivekitError> {
        if self.calls.make(cx, call, asked_by) {
            Ok(())
        } else {
            Err(LivekitError::LivekitUnavailable)
        }
    }

    /// A role was granted or revoked: where roles decide about sources, LiveKit hears of it.
    pub(super) fn role_changed(&mut self, cx: &mut Cx, id: ParticipantId) {
        let Some(meeting) = self.meeting.as_mut().filter(|meeting| meeting.has_media()) else {
            return;
        };
        let space = meeting.people.space(id);
        let restricted = meeting.space(space).media.restrictions != MicrophoneRestrictions::Disabled;
        if restricted || self.settings.screen_share_requires_permission {
            // Nobody asked LiveKit for anything: nobody is told when it does not answer.
            let _ = self.permit(cx, space, None, |other, _| other == id);
        }
    }

    /// A participant has left a room: it is removed from LiveKit, with its popouts.
    pub(super) fn remove_media(&mut self, cx: &mut Cx, id: ParticipantId, space: Space) {
        let Some(meeting) = self.meeting.as_mut().filter(|meeting| meeting.has_media()) else {
            return;
        };
        let popouts = meeting.people.get(id).map_or(0, |p| p.popouts);
        let popouts = popouts.min(POPOUTS_PER_PARTICIPANT_MAX);
        let room = self.media_room(space);
        let call = Call::Remove {
            room,
            participant: id,
            popouts,
        };
        // Where too many calls are under way, LiveKit finds out by itself that the client is gone.
        let _ = self.call(cx, call, None);
    }

    /// Nobody comes into a room any more: it is deleted in LiveKit, and nothing else that was to happen there makes sense. The
    /// meeting had LiveKit, or there is nothing.
    pub(super) fn delete_media_room(&mut self, cx: &mut Cx, space: Space) {
        let room = self.media_room(space);
        self.calls.cancel(cx, |call| call.room() == room);
        let _ = self.call(cx, Call::Delete { room }, None);
    }

    pub(super) fn call_done(&mut self, cx: &mut Cx, id: u64, outcome: &Outcome) {
        let Some(Pending {
            call,
            asked_by,
            changed_since,
        }) = self.calls.done(id)
        else {
            return;
        };
        if let Call::Permit { room, .. } = &call
            && !changed_since.is_empty()
        {
            // There is place: one call has just ended.
            let _ = self.permit(cx, room.space, asked_by, |id, _| changed_since.contains(&id));
        }
        self.end_calls();
        let (Some(meeting), Some(moderator)) = (&self.meeting, asked_by) else {
            return;
        };
        if *outcome == Outcome::Unavailable {
            let error = LivekitEvent::Error(LivekitError::LivekitUnavailable);
            cx.send_one(meeting.line_inside(moderator), &error);
        }
    }

    /// Whoever waits for the last call of a dropped meeting waits no longer.
    pub(super) fn end_calls(&mut self) {
        if self.calls.is_empty() {
            self.agenda.clear(super::agenda::Due::Calls);
        }
    }

    /// Calls that a process left behind are made again, as far as they still make sense.
    pub(super) fn repeat_calls(&mut self, cx: &mut Cx) {
        let meeting = &self.meeting;
        let is_there = |id: ParticipantId, space| {
            let people = meeting.as_ref().map(|meeting| &meeting.people);
            people.is_some_and(|people| people.get(id).is_some_and(|p| p.is_inside(space)))
        };
        let is_used = |space| {
            meeting
                .as_ref()
                .is_some_and(|meeting| meeting.people.anybody_in(space))
        };
        self.calls.cancel(cx, |call| match call {
            Call::Remove {
                room, participant, ..
            } => is_there(*participant, room.space),
            Call::Delete { room } => is_used(room.space),
            Call::Mute { .. } | Call::Permit { .. } => meeting.is_none(),
        });
        self.calls.repeat(cx);
    }
}

impl Meeting {
    pub(super) fn has_media(&self) -> bool {
        self.facts.tariff.has_module(MODULE)
    }

    /// Where events go for somebody who is inside.
    pub(super) fn line_inside(&self, id: ParticipantId) -> Option<SessionNo> {
        let participant = self.people.get(id)?;
        (participant.place == super::Place::Inside).then_some(participant.line)
    }
}
