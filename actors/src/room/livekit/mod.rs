//! Namespace `livekit`: who gets which access token, and what LiveKit is asked to do. Nobody waits for LiveKit, and what it fails to do
//! is found by looking at it again (`looks.rs`) until it is as it should be.

mod looks;
mod media;
pub(super) mod orders;
mod popouts;
mod strays;
mod told;
pub(super) mod watch;
pub(super) mod watched;

use serde::{Deserialize, Serialize};

pub use self::media::SpaceMedia;
use self::watched::MediaSpace as _;
use super::{
    Room, RoomSettings,
    agenda::Agenda,
    effects::{Cx, Receivers, Secret},
    input::MediaTold,
    module::{Around, Module, PerSpace, State},
    refusal::Refusal,
    roster::Participant,
    tasks::Pending,
};
use crate::{
    ids::{ParticipantId, Space},
    livekit::{Call, MediaIdentity, MediaRoom, Removal},
    protocol::{
        Namespace,
        control::LeaveReason,
        limits::LOOK_EVERY_SECS,
        livekit::{
            Credentials, LivekitCommand, LivekitError, LivekitEvent, LivekitState, MicrophoneRestrictions,
        },
    },
    task::{Outcome, Work},
};

/// Deadlines of a room: the next look, and the next token for a popout window.
pub(super) const LOOK: u8 = 0;
const POPOUT: u8 = 1;

/// What moderators have decided about the media of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Media(PerSpace<SpaceMedia>);

impl Module for Media {
    type Command = LivekitCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: LivekitCommand,
    ) -> Result<(), Refusal> {
        match room.modules() {
            Some((modules, mut around)) => Ok(modules.livekit.obey(cx, &mut around, who, &command)?),
            None => Ok(()),
        }
    }

    fn joined(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        if around.has(Namespace::Livekit) {
            let (here, is_alone) = (around.people.space(who), around.people.is_alone(who));
            watch::came_in(cx, self.0.of(here), around, (here, who), is_alone);
        }
    }

    /// It is removed from LiveKit, with its popout windows.
    fn left(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        space: Space,
        reason: LeaveReason,
    ) {
        if !around.has(Namespace::Livekit) {
            return;
        }
        let media = self.0.of(space);
        media.left(who);
        let by_force = match reason {
            LeaveReason::Kicked | LeaveReason::Banned | LeaveReason::SentToWaitingRoom => true,
            LeaveReason::Quit | LeaveReason::Timeout => false,
        };
        let windows = around.people.get(who).map_or(0, Participant::popout_windows);
        let all = MediaIdentity::with_popouts(who, windows);
        watch::went_out(cx, media, around, (space, all), by_force);
        popouts::arm(media, around, space);
    }

    fn forgotten(&mut self, who: ParticipantId) {
        for media in self.0.values_mut() {
            media.screen_share.remove(&who);
        }
    }

    /// Where roles decide about sources, LiveKit hears of it.
    fn role_changed(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        let space = around.people.space(who);
        let media = self.0.get(space);
        if media.is_some_and(|media| media.is_restricted(around)) {
            self.permit(cx, around, space, |other, _| other == who);
        }
    }

    fn space_closed(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        self.0.remove(space);
        for tag in [LOOK, POPOUT] {
            around.forget((Namespace::Livekit, space, tag));
        }
        orders::delete::<SpaceMedia>(cx, around, media_room(around, space));
    }

    fn meeting_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, spaces: &[Space]) {
        for space in spaces {
            orders::delete::<SpaceMedia>(cx, around, media_room(around, *space));
        }
    }

    fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, tag: u8) {
        let Some(media) = self.0.get_mut(space) else {
            return;
        };
        if tag == POPOUT {
            popouts::due(cx, media, around, space);
        } else {
            watch::due(cx, media, around, space);
        }
    }

    fn restarted(&mut self, cx: &mut Cx, around: &mut Around<'_>, spaces: &[Space]) {
        if !around.has(Namespace::Livekit) {
            return;
        }
        for space in spaces {
            let media = self.0.of(*space);
            media.watched.looks.restarted(cx.at);
            watch::arm(media, around, *space);
        }
    }

    fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
        let Some(call) = task.work.livekit() else { return };
        let space = call.room().space;
        let Some(media) = self.0.get_mut(space) else {
            return;
        };
        if let (Call::Mute { .. }, Outcome::Unavailable) = (call, outcome) {
            let line = task.asked_by.and_then(|who| around.people.line_inside(who));
            cx.send_one(line, &LivekitEvent::Error(LivekitError::LivekitUnavailable));
        }
        watch::task_done(cx, media, around, (call, outcome));
    }

    fn still_wants(&self, around: &Around<'_>, work: &Work) -> bool {
        let Some(call) = work.livekit() else { return false };
        let is_there = |id: ParticipantId, space| around.people.get(id).is_some_and(|p| p.is_inside(space));
        match call {
            Call::Remove(Removal { room, who, .. }) => {
                !who.iter().any(|one| is_there(one.participant, room.space))
            }
            Call::Delete { room } => {
                *room != media_room(around, room.space) || !around.people.anybody_in(room.space)
            }
            Call::Look { .. } | Call::Create { .. } => false,
            Call::Mute { .. } | Call::Permit { .. } => true,
        }
    }

    fn join_state(&mut self, cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        let (credentials, secret) = self.credentials(cx, around, who)?;
        let none = SpaceMedia::default();
        let media = self.0.get(around.people.space(who)).unwrap_or(&none);
        let state = LivekitState {
            credentials: &credentials,
            microphone_restriction_state: &media.restrictions,
        };
        Some(State {
            secrets: vec![secret],
            ..State::of(&state)
        })
    }

    fn check(&self, _settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
        for (space, media) in self.0.iter() {
            watch::check::<SpaceMedia>(&media.watched.looks, agenda, space)?;
        }
        Ok(())
    }
}

impl Media {
    /// As an earlier version kept it.
    pub(super) fn of_older(of: impl Iterator<Item = (Space, SpaceMedia)>) -> Self {
        Self(of.collect())
    }

    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: &LivekitCommand,
    ) -> Result<(), LivekitError> {
        let space = around.people.space(who);
        match command {
            LivekitCommand::CreateNewAccessToken => self.send_credentials(cx, around, who),
            LivekitCommand::RequestPopoutStreamAccessToken => {
                popouts::ask(cx, self.0.of(space), around, who);
            }
            _ if !around.people.is_moderator(who) => return Err(LivekitError::InsufficientPermissions),
            LivekitCommand::ForceMute { participants } => {
                return orders::force_mute(cx, around, who, participants);
            }
            LivekitCommand::GrantScreenSharePermission { participants } => {
                // Strangers are not remembered: what is kept is bounded by who is.
                let known: Vec<_> = participants
                    .iter()
                    .filter(|id| around.people.get(*id).is_some())
                    .collect();
                self.0.of(space).screen_share.extend(known);
                self.permit(cx, around, space, |id, _| participants.contains(id));
            }
            LivekitCommand::RevokeScreenSharePermission { participants } => {
                let allowed = &mut self.0.of(space).screen_share;
                allowed.retain(|id| !participants.contains(*id));
                self.permit(cx, around, space, |id, _| participants.contains(id));
            }
            LivekitCommand::EnableMicrophoneRestrictions {
                unrestricted_participants,
            } => {
                self.0.of(space).restrictions = MicrophoneRestrictions::Enabled {
                    unrestricted_participants: unrestricted_participants.iter().collect(),
                };
                let event = LivekitEvent::MicrophoneRestrictionsEnabled {
                    unrestricted_participants,
                };
                cx.send(around.people.around(who), &event);
                self.permit(cx, around, space, |_, p| !p.is_moderator());
            }
            LivekitCommand::DisableMicrophoneRestrictions => {
                let restrictions = &mut self.0.of(space).restrictions;
                if std::mem::take(restrictions) == MicrophoneRestrictions::Disabled {
                    return Ok(());
                }
                let to = around.people.around(who);
                cx.send(to, &LivekitEvent::MicrophoneRestrictionsDisabled);
                self.permit(cx, around, space, |_, p| !p.is_moderator());
            }
        }
        Ok(())
    }

    /// The credentials of a participant for the room that it is in.
    fn credentials(&self, cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<(Credentials, Secret)> {
        if !around.has(Namespace::Livekit) {
            return None;
        }
        let participant = around.people.get(who)?;
        let none = SpaceMedia::default();
        let media = self.0.get(participant.space).unwrap_or(&none);
        let room = media_room(around, participant.space);
        Some(media.credentials(cx, room, who, participant, around.settings))
    }

    fn send_credentials(&self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        if let (Some((credentials, secret)), Some(line)) =
            (self.credentials(cx, around, who), around.people.line(who))
        {
            let seq = cx.send_secret(
                Receivers::One(line),
                &LivekitEvent::Credentials(&credentials),
                vec![secret],
            );
            around.people.set_whole_since(who, seq);
        }
    }

    /// LiveKit is to hear what some of those in a room may publish now.
    fn permit(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        space: Space,
        concerns: impl Fn(ParticipantId, &Participant) -> bool,
    ) {
        if !around.has(Namespace::Livekit) {
            return;
        }
        // Whoever is inside has made it.
        let Some(media) = self.0.get_mut(space) else {
            return;
        };
        let there = around
            .people
            .iter()
            .filter(|(id, p)| p.is_inside(space) && !p.is_hidden() && concerns(*id, p));
        media.watched.to_permit.extend(there.map(|(id, _)| id));
        if media.is_restricted(around) {
            // Also where LiveKit tells who comes: of what people publish it tells nothing.
            media.watched.looks.not_later(cx.at.plus_secs(LOOK_EVERY_SECS));
        }
        orders::permit_some(cx, media, around, space);
        watch::arm(media, around, space);
    }

    pub(super) fn of_space(&self, space: Space) -> Option<&SpaceMedia> {
        self.0.get(space)
    }

    /// LiveKit tells by itself what is not as it should be in one of this meeting's rooms.
    pub(super) fn told(&mut self, cx: &mut Cx, around: &mut Around<'_>, told: &MediaTold) {
        let space = told.room.space;
        if let Some(media) = self.0.get_mut(space) {
            watch::told(cx, media, around, space, told.found.as_ref());
        }
    }
}

pub(super) fn media_room(around: &Around<'_>, space: Space) -> MediaRoom {
    MediaRoom::new(around.room, space, around.began)
}
