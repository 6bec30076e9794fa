//! Namespace `subroom_audio`: whisper groups. Each has a room of LiveKit of its own, in which its creator and who has accepted talk. The
//! others know nothing of it: it is in no state that they are told.

mod group;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::group::{Group, media_space};
use super::{
    Room, RoomSettings,
    agenda::Agenda,
    effects::Cx,
    input::MediaTold,
    livekit::{orders, watch, watched::MediaSpace},
    module::{Around, Module},
    refusal::Refusal,
    tasks::Pending,
};
use crate::{
    ids::{ParticipantId, Space, WhisperId},
    livekit::{Call, Expected, MediaIdentity, Removal},
    protocol::{
        Namespace,
        control::LeaveReason,
        limits::{WHISPER_GROUPS_MAX, WHISPER_GROUPS_PER_PARTICIPANT_MAX, WHISPER_MEMBERS_MAX},
        names::Named,
        subroom_audio::{
            SubroomAudioCommand, SubroomAudioError, SubroomAudioEvent, WhisperParticipantInfo, WhisperState,
        },
    },
    task::{Outcome, Work},
};

/// The whisper groups of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WhisperGroups(BTreeMap<WhisperId, Group>);

impl Module for WhisperGroups {
    type Command = SubroomAudioCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: SubroomAudioCommand,
    ) -> Result<(), Refusal> {
        match room.modules() {
            Some((modules, mut around)) => Ok(modules.subroom_audio.obey(cx, &mut around, who, &command)?),
            None => Ok(()),
        }
    }

    /// Its client may have forgotten its groups. It stays in them, and is told nothing of what it may not know.
    fn came_back(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, who: ParticipantId) {
        for group in self.0.values_mut() {
            group.came_back(who, true);
        }
    }

    /// Its client has forgotten nothing, and may have lost its media with its connection.
    fn went_on(&mut self, who: ParticipantId) {
        for group in self.0.values_mut() {
            group.came_back(who, false);
        }
    }

    fn left(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        _space: Space,
        reason: LeaveReason,
    ) {
        let its = self.0.iter().filter(|(_, group)| group.has(who));
        let its: Vec<_> = its.map(|(id, _)| *id).collect();
        let by_moderator = !matches!(reason, LeaveReason::Quit | LeaveReason::Timeout);
        for id in its {
            self.depart(
                cx,
                around,
                (id, &[who]),
                by_moderator,
                SubroomAudioEvent::LeftWhisperGroup,
            );
        }
    }

    /// Whoever was there has left.
    fn space_closed(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        let there = self.0.iter().filter(|(_, group)| group.space() == space);
        let there: Vec<_> = there.map(|(id, _)| *id).collect();
        for id in there {
            self.close(cx, around, id);
        }
        self.make_next(cx, around);
    }

    fn meeting_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, _spaces: &[Space]) {
        while let Some(id) = self.0.keys().next().copied() {
            self.close(cx, around, id);
        }
    }

    fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, _tag: u8) {
        if let Some(group) = self.in_media(space) {
            watch::due(cx, group, around, space);
        }
    }

    fn restarted(&mut self, cx: &mut Cx, around: &mut Around<'_>, _spaces: &[Space]) {
        for (id, group) in &mut self.0 {
            if !group.is_being_made() {
                group.watched().looks.restarted(cx.at);
                watch::arm(group, around, media_space(*id));
            }
        }
    }

    fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
        let Some(call) = task.work.livekit() else { return };
        let space = call.room().space;
        match (call, self.in_media(space)) {
            (_, None) => {}
            (Call::Create { .. }, Some(_)) => self.made(cx, around, space, outcome),
            (_, Some(group)) => watch::task_done(cx, group, around, (call, outcome)),
        }
    }

    fn still_wants(&self, around: &Around<'_>, work: &Work) -> bool {
        let Some(call) = work.livekit() else { return false };
        let space = call.room().space;
        let group = self.of_media(space);
        match call {
            Call::Create { .. } => group.is_some_and(Group::is_being_made),
            Call::Remove(Removal { who, .. }) => group.is_some_and(|group| {
                let is_there = |id| group.expected(around, space, id).is_some();
                !who.iter().any(|one| is_there(one.participant))
            }),
            Call::Delete { .. } => group.is_none(),
            Call::Permit { .. } => group.is_some(),
            Call::Look { .. } | Call::Mute { .. } => false,
        }
    }

    fn check(&self, _settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
        if self.0.len() > WHISPER_GROUPS_MAX {
            return Err(format!("{} whisper groups", self.0.len()));
        }
        self.0.iter().try_for_each(|(id, group)| group.check(agenda, *id))
    }
}

impl WhisperGroups {
    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: &SubroomAudioCommand,
    ) -> Result<(), SubroomAudioError> {
        match command {
            SubroomAudioCommand::CreateWhisperGroup { participant_ids } => {
                self.create(cx, around, who, participant_ids)
            }
            SubroomAudioCommand::InviteToWhisperGroup {
                whisper_id,
                participant_ids,
            } => self.invite(cx, around, (*whisper_id, who), participant_ids),
            SubroomAudioCommand::KickWhisperParticipants {
                whisper_id,
                participant_ids,
            } => self.kick(cx, around, (*whisper_id, who), participant_ids),
            SubroomAudioCommand::AcceptWhisperInvite { whisper_id } => {
                self.accept(cx, around, (*whisper_id, who))
            }
            SubroomAudioCommand::DeclineWhisperInvite { whisper_id } => {
                let (_, state) = self.as_member(*whisper_id, who)?;
                let event = match state {
                    WhisperState::Invited => SubroomAudioEvent::WhisperInviteDeclined,
                    // It was there, and the others must not take it for somebody who never came.
                    WhisperState::Creator | WhisperState::Accepted => SubroomAudioEvent::LeftWhisperGroup,
                };
                self.depart(cx, around, (*whisper_id, &[who]), false, event);
                Ok(())
            }
            SubroomAudioCommand::LeaveWhisperGroup { whisper_id } => {
                self.as_member(*whisper_id, who)?;
                let event = SubroomAudioEvent::LeftWhisperGroup;
                self.depart(cx, around, (*whisper_id, &[who]), false, event);
                Ok(())
            }
        }
    }

    /// Somebody who names a group that it is in, and as what. One that is being made is known to nobody yet.
    fn as_member(
        &mut self,
        id: WhisperId,
        who: ParticipantId,
    ) -> Result<(&mut Group, WhisperState), SubroomAudioError> {
        let group = self.0.get_mut(&id).filter(|group| !group.is_being_made());
        let group = group.ok_or(SubroomAudioError::InvalidWhisperId)?;
        let state = group.state(who).ok_or(SubroomAudioError::NotInvited)?;
        group.remembers(who);
        Ok((group, state))
    }

    /// Whether somebody talks, or could, in as many groups as one may. Those that its client has forgotten, and could never leave, it
    /// leaves before that is too much.
    fn is_full(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) -> bool {
        cx.cost.entries(self.0.len());
        let its = |group: &Group| group.is_inside(who);
        if self.0.values().filter(|group| its(group)).count() < WHISPER_GROUPS_PER_PARTICIPANT_MAX {
            return false;
        }
        let forgotten = self.0.iter().filter(|(_, group)| group.is_inside_unknowing(who));
        let forgotten: Vec<_> = forgotten.map(|(id, _)| *id).collect();
        for id in &forgotten {
            self.depart(
                cx,
                around,
                (*id, &[who]),
                false,
                SubroomAudioEvent::LeftWhisperGroup,
            );
        }
        forgotten.is_empty()
    }

    /// The group has members when LiveKit has its room.
    fn create(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        named: &Named,
    ) -> Result<(), SubroomAudioError> {
        let is_member = around.people.get(who).is_some_and(|p| !p.is_hidden());
        let invited = others(around, who, named, |_| false)?;
        if !is_member
            || invited.len() >= WHISPER_MEMBERS_MAX
            || self.0.len() >= WHISPER_GROUPS_MAX
            || self.is_full(cx, around, who)
        {
            return Err(SubroomAudioError::InsufficientPermissions);
        }
        if !around.has(Namespace::Livekit) {
            return Err(SubroomAudioError::LivekitUnavailable);
        }
        let space = around.people.space(who);
        self.0
            .insert(WhisperId(cx.new_id()), Group::new(space, who, invited));
        self.make_next(cx, around);
        Ok(())
    }

    /// LiveKit makes one room after the other: others want something of it, too.
    fn make_next(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        let creates = |work: &Work| matches!(work, Work::Whisper(Call::Create { .. }));
        if around.tasks.iter().any(creates) {
            return;
        }
        let next = self.0.iter().find(|(_, group)| group.is_being_made());
        let Some((id, creator)) = next.map(|(id, group)| (*id, group.creator())) else {
            return;
        };
        let room = group::media_room(around, id);
        let call = Group::work(Call::Create { room });
        if !around.tasks.ask(cx, call, creator) {
            self.fail(cx, around, id);
        }
    }

    /// A group can't be made.
    fn fail(&mut self, cx: &mut Cx, around: &mut Around<'_>, id: WhisperId) {
        let creator = self.0.get(&id).and_then(Group::creator);
        // Where LiveKit's answer was lost, it deletes the room by itself when nobody enters.
        self.forget(around, id);
        let line = creator.and_then(|who| around.people.line_inside(who));
        cx.send_one(
            line,
            &SubroomAudioEvent::Error(SubroomAudioError::LivekitUnavailable),
        );
    }

    /// LiveKit has made a group's room, or has not.
    fn made(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, outcome: &Outcome) {
        let Some(id) = group::of_space(space) else { return };
        let Some(group) = self.0.get_mut(&id) else { return };
        if *outcome == Outcome::Done {
            group.begin(cx, around, id);
        } else {
            self.fail(cx, around, id);
        }
        self.make_next(cx, around);
    }

    fn invite(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (id, who): (WhisperId, ParticipantId),
        named: &Named,
    ) -> Result<(), SubroomAudioError> {
        let (group, state) = self.as_member(id, who)?;
        let mut invited = others(around, who, named, |_| false)?;
        if state != WhisperState::Creator {
            return Err(SubroomAudioError::InsufficientPermissions);
        }
        invited.retain(|one| !group.knows(*one));
        let new = invited.iter().filter(|one| !group.has(**one)).count();
        if group.len() + new > WHISPER_MEMBERS_MAX {
            return Err(SubroomAudioError::InsufficientPermissions);
        }
        group.invite(cx, around, (id, who), &invited);
        Ok(())
    }

    fn kick(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (id, who): (WhisperId, ParticipantId),
        named: &Named,
    ) -> Result<(), SubroomAudioError> {
        let (group, state) = self.as_member(id, who)?;
        if state != WhisperState::Creator {
            return Err(SubroomAudioError::InsufficientPermissions);
        }
        let mut kicked = others(around, who, named, |one| group.has(one))?;
        kicked.retain(|one| group.has(*one));
        let to = group.lines_of(around, |one| kicked.contains(&one));
        cx.send(to, &SubroomAudioEvent::Kicked { whisper_id: id });
        let event = SubroomAudioEvent::LeftWhisperGroup;
        self.depart(cx, around, (id, &kicked), false, event);
        Ok(())
    }

    fn accept(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (id, who): (WhisperId, ParticipantId),
    ) -> Result<(), SubroomAudioError> {
        let (group, state) = self.as_member(id, who)?;
        if state != WhisperState::Invited && !group.is_back(who) {
            return Err(SubroomAudioError::AlreadyAccepted);
        }
        if state == WhisperState::Invited {
            if self.is_full(cx, around, who) {
                return Err(SubroomAudioError::InsufficientPermissions);
            }
            let (group, _) = self.as_member(id, who)?;
            group.accept(cx, around, (id, who));
        }
        group::send_token(cx, around, (id, who));
        Ok(())
    }

    /// These leave a group, of which the rest hear so. Where nobody is left to talk with, the invitations end. `by_moderator`: they may
    /// want to come back.
    fn depart(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (id, gone): (WhisperId, &[ParticipantId]),
        by_moderator: bool,
        event: fn(WhisperParticipantInfo) -> SubroomAudioEvent<'static>,
    ) {
        let Some(group) = self.0.get_mut(&id) else { return };
        cx.cost.entries(group.len());
        let mut were_inside = Vec::new();
        for who in gone {
            if group.remove(*who) {
                were_inside.push(MediaIdentity::from(*who));
            }
        }
        if !group.is_being_made() {
            let rest = group.lines(around);
            for who in gone {
                let event = event(WhisperParticipantInfo {
                    whisper_id: id,
                    participant_id: *who,
                });
                cx.send(rest.clone(), &event);
            }
        }
        if !group.is_anybody_inside() {
            if !group.is_being_made() {
                cx.send(group.lines(around), &SubroomAudioEvent::Kicked { whisper_id: id });
            }
            self.close(cx, around, id);
            self.make_next(cx, around);
        } else if !were_inside.is_empty() {
            watch::went_out(cx, group, around, (media_space(id), were_inside), by_moderator);
        }
    }

    /// A group is gone, and its room in LiveKit goes too.
    fn close(&mut self, cx: &mut Cx, around: &mut Around<'_>, id: WhisperId) {
        self.forget(around, id);
        orders::delete::<Group>(cx, around, group::media_room(around, id));
    }

    fn forget(&mut self, around: &mut Around<'_>, id: WhisperId) {
        self.0.remove(&id);
        group::forget_look(around, id);
    }

    /// The group whose room in LiveKit has this space in its name.
    fn in_media(&mut self, space: Space) -> Option<&mut Group> {
        self.0.get_mut(&group::of_space(space)?)
    }

    fn of_media(&self, space: Space) -> Option<&Group> {
        self.0.get(&group::of_space(space)?)
    }

    /// Whether a room of LiveKit with this space in its name is that of a group.
    pub(super) fn has_media_space(&self, space: Space) -> bool {
        self.of_media(space).is_some()
    }

    /// How somebody should be in a group's room of LiveKit; none for who should not be there.
    pub(super) fn expected(&self, space: Space, who: ParticipantId) -> Option<Expected> {
        self.of_media(space)?.shown(who)
    }

    /// LiveKit tells by itself what is not as it should be in a group's room.
    pub(super) fn told(&mut self, cx: &mut Cx, around: &mut Around<'_>, told: &MediaTold) {
        let space = told.room.space;
        if let Some(group) = self.in_media(space) {
            watch::told(cx, group, around, space, told.found.as_ref());
        }
    }
}

/// Those who are named but the sender. All of them are there, or what `is_known` says.
fn others(
    around: &Around<'_>,
    who: ParticipantId,
    named: &Named,
    is_known: impl Fn(ParticipantId) -> bool,
) -> Result<Vec<ParticipantId>, SubroomAudioError> {
    let space = around.people.space(who);
    let is_there = |id: &ParticipantId| {
        let there = around.people.get(*id);
        *id == who || is_known(*id) || there.is_some_and(|p| p.is_inside(space) && !p.is_hidden())
    };
    let unknown: Vec<_> = named.iter().filter(|id| !is_there(id)).collect();
    if !unknown.is_empty() {
        return Err(SubroomAudioError::InvalidParticipantTargets {
            participant_ids: unknown,
        });
    }
    let others: Vec<_> = named.iter().filter(|id| *id != who).collect();
    if others.is_empty() {
        return Err(SubroomAudioError::EmptyParticipantList);
    }
    Ok(others)
}
