//! Namespace `livekit`: who gets which access token, and what LiveKit is asked to do. Nobody waits for LiveKit.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Room, RoomSettings,
    effects::{Cx, Receivers, Secret},
    module::{Around, Module, PerSpace, State},
    refusal::Refusal,
    roster::Participant,
    tasks::Pending,
};
use crate::{
    ids::{ParticipantId, Space},
    livekit::{self, Call, Livekit, MediaAccess, MediaRoom, Source, VideoGrant},
    protocol::{
        Namespace,
        limits::POPOUTS_PER_PARTICIPANT_MAX,
        livekit::{
            Credentials, LivekitCommand, LivekitError, LivekitEvent, LivekitState, MicrophoneRestrictions,
        },
        meeting::ParticipationKind,
        names::Named,
    },
    task::{Outcome, Work},
};

/// What moderators have decided about the media of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Media(PerSpace<SpaceMedia>);

/// What moderators have decided about the media of one room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpaceMedia {
    restrictions: MicrophoneRestrictions,
    /// Who may share the screen where that needs a permission.
    screen_share: BTreeSet<ParticipantId>,
}

impl SpaceMedia {
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

    /// The credentials of a participant, and the secret in them.
    fn credentials(
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

    /// Somebody is in a room (again): it must not be removed from there, nor the room deleted. It came with a token of now: what
    /// a call under way says of it is older, so it is told anew when that is done.
    fn joined(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        if around.tasks.is_empty() {
            return;
        }
        let here = around.people.space(who);
        around.tasks.cancel(cx, |work| match work.livekit() {
            Some(Call::Remove {
                room, participant, ..
            }) => *participant == who && room.space == here,
            Some(Call::Delete { room }) => room.space == here,
            _ => false,
        });
        let names = |work: &Work| match work.livekit() {
            Some(Call::Permit { room, participants }) => {
                room.space == here && participants.iter().any(|(named, _)| *named == who)
            }
            _ => false,
        };
        for permit in around.tasks.find(names) {
            permit.changed_since.insert(who);
        }
    }

    /// It is removed from LiveKit, with its popouts.
    fn left(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId, space: Space) {
        if !around.has(Namespace::Livekit) {
            return;
        }
        let popouts = around.people.get(who).map_or(0, |p| p.popouts);
        let call = Call::Remove {
            room: media_room(around, space),
            participant: who,
            popouts: popouts.min(POPOUTS_PER_PARTICIPANT_MAX),
        };
        // Where too many calls are under way, LiveKit finds out by itself that the client is gone.
        let _ = ask(cx, around, call, None);
    }

    fn forgotten(&mut self, who: ParticipantId) {
        for media in self.0.values_mut() {
            media.screen_share.remove(&who);
        }
    }

    /// Where roles decide about sources, LiveKit hears of it.
    fn role_changed(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        if !around.has(Namespace::Livekit) {
            return;
        }
        let space = around.people.space(who);
        let restricted = self.0.of(space).restrictions != MicrophoneRestrictions::Disabled;
        if restricted || around.settings.screen_share_requires_permission {
            // Nobody asked LiveKit for anything: nobody is told when it does not answer.
            let _ = self.permit(cx, around, space, None, |other, _| other == who);
        }
    }

    fn space_closed(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        self.0.remove(space);
        delete_room(cx, around, space);
    }

    fn meeting_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, spaces: &[Space]) {
        for space in spaces {
            delete_room(cx, around, *space);
        }
    }

    fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
        if let Some(Call::Permit { room, .. }) = task.work.livekit()
            && !task.changed_since.is_empty()
        {
            // There is place: one call has just ended.
            let _ = self.permit(cx, around, room.space, task.asked_by, |id, _| {
                task.changed_since.contains(&id)
            });
        }
        if let Some(moderator) = task.asked_by
            && *outcome == Outcome::Unavailable
        {
            let error = LivekitEvent::Error(LivekitError::LivekitUnavailable);
            cx.send_one(around.people.line_inside(moderator), &error);
        }
    }

    fn still_wants(&self, around: &Around<'_>, work: &Work) -> bool {
        match work.livekit() {
            Some(Call::Remove {
                room, participant, ..
            }) => {
                let gone = around.people.get(*participant);
                !gone.is_some_and(|p| p.is_inside(room.space))
            }
            Some(Call::Delete { room }) => !around.people.anybody_in(room.space),
            _ => true,
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
            secret: Some(secret),
            ..State::of(&state)
        })
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
            LivekitCommand::RequestPopoutStreamAccessToken => send_popout_token(cx, around, who),
            _ if !around.people.is_moderator(who) => return Err(LivekitError::InsufficientPermissions),
            LivekitCommand::ForceMute { participants } => return force_mute(cx, around, who, participants),
            LivekitCommand::GrantScreenSharePermission { participants } => {
                // Strangers are not remembered: what is kept is bounded by who is.
                let known: Vec<_> = participants
                    .iter()
                    .filter(|id| around.people.get(*id).is_some())
                    .collect();
                self.0.of(space).screen_share.extend(known);
                return self.permit(cx, around, space, Some(who), |id, _| participants.contains(id));
            }
            LivekitCommand::RevokeScreenSharePermission { participants } => {
                let allowed = &mut self.0.of(space).screen_share;
                allowed.retain(|id| !participants.contains(*id));
                return self.permit(cx, around, space, Some(who), |id, _| participants.contains(id));
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
                return self.permit(cx, around, space, Some(who), |_, p| !p.is_moderator());
            }
            LivekitCommand::DisableMicrophoneRestrictions => {
                let restrictions = &mut self.0.of(space).restrictions;
                if std::mem::take(restrictions) == MicrophoneRestrictions::Disabled {
                    return Ok(());
                }
                let to = around.people.around(who);
                cx.send(to, &LivekitEvent::MicrophoneRestrictionsDisabled);
                return self.permit(cx, around, space, Some(who), |_, p| !p.is_moderator());
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
            let seq = cx.send_secret(line, &LivekitEvent::Credentials(&credentials), secret);
            around.people.set_whole_since(who, seq);
        }
    }

    /// Tells LiveKit what some of those in a room may publish now.
    fn permit(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        space: Space,
        asked_by: Option<ParticipantId>,
        concerns: impl Fn(ParticipantId, &Participant) -> bool,
    ) -> Result<(), LivekitError> {
        let none = SpaceMedia::default();
        let media = self.0.get(space).unwrap_or(&none);
        let there = around
            .people
            .iter()
            .filter(|(id, p)| p.is_inside(space) && !p.is_hidden() && concerns(*id, p));
        let participants: Vec<_> = there
            .map(|(id, p)| (id, media.sources(id, p, around.settings)))
            .collect();
        if participants.is_empty() {
            return Ok(());
        }
        let room = media_room(around, space);
        // LiveKit is told of one change at a time, so that the last word arrives last.
        let is_it =
            |work: &Work| matches!(work.livekit(), Some(Call::Permit { room: other, .. }) if *other == room);
        if let Some(pending) = around.tasks.find(is_it).next() {
            pending
                .changed_since
                .extend(participants.iter().map(|(id, _)| *id));
            pending.asked_by = asked_by.or(pending.asked_by);
            return Ok(());
        }
        ask(cx, around, Call::Permit { room, participants }, asked_by)
    }
}

fn media_room(around: &Around<'_>, space: Space) -> MediaRoom {
    let room = around.room;
    MediaRoom { room, space }
}

fn ask(
    cx: &mut Cx,
    around: &mut Around<'_>,
    call: Call,
    asked_by: Option<ParticipantId>,
) -> Result<(), LivekitError> {
    if around.tasks.ask(cx, Work::Livekit(call), asked_by) {
        Ok(())
    } else {
        Err(LivekitError::LivekitUnavailable)
    }
}

/// Nobody comes into a room any more: it is deleted in LiveKit, and nothing else that was to happen there makes sense.
fn delete_room(cx: &mut Cx, around: &mut Around<'_>, space: Space) {
    if !around.has(Namespace::Livekit) {
        return;
    }
    let room = media_room(around, space);
    let is_there = |work: &Work| work.livekit().is_some_and(|call| call.room() == room);
    around.tasks.cancel(cx, is_there);
    let _ = ask(cx, around, Call::Delete { room }, None);
}

fn send_popout_token(cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
    let number = around.people.change(who, |p| {
        let number = p.popouts % POPOUTS_PER_PARTICIPANT_MAX + 1;
        p.popouts = p.popouts.saturating_add(1);
        number
    });
    let grant = VideoGrant {
        room_join: true,
        room: media_room(around, around.people.space(who)).to_string(),
        can_publish: false,
        can_subscribe: true,
        can_publish_data: false,
        can_publish_sources: Vec::new(),
        hidden: true,
    };
    let identity = livekit::identity(who, number);
    let (secret, token) = cx.secret(MediaAccess { identity, grant });
    if let Some(line) = around.people.line(who) {
        let seq = cx.send_secret(line, &LivekitEvent::PopoutStreamAccessToken { token }, secret);
        around.people.set_whole_since(who, seq);
    }
}

fn force_mute(
    cx: &mut Cx,
    around: &mut Around<'_>,
    who: ParticipantId,
    named: &Named,
) -> Result<(), LivekitError> {
    let space = around.people.space(who);
    let is_there = |id: &ParticipantId| {
        let participant = around.people.get(*id);
        participant.is_some_and(|p| p.is_inside(space) && !p.is_hidden())
    };
    let participants: Vec<_> = named.iter().filter(is_there).collect();
    if participants.is_empty() {
        return Ok(());
    }
    // Each hears it at once: its client turns the microphone off, whatever LiveKit knows of it.
    let lines = participants
        .iter()
        .filter_map(|id| around.people.line_inside(*id));
    let to = Receivers::from(lines.collect::<Vec<_>>());
    cx.send(to, &LivekitEvent::ForceMuted { moderator: who });
    let room = media_room(around, space);
    ask(cx, around, Call::Mute { room, participants }, Some(who))
}
