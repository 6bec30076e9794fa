//! What LiveKit is told: whom to remove, to mute, and what to let people publish.

use super::{media::SpaceMedia, media_room, watched::MediaSpace};
use crate::{
    ids::{ParticipantId, Space},
    livekit::{Call, MediaIdentity, MediaRoom, Removal},
    protocol::{
        Namespace,
        limits::{PERMITS_AT_ONCE, REMOVALS_AT_ONCE},
        livekit::{LivekitError, LivekitEvent},
        names::Named,
    },
    room::{effects::Cx, module::Around},
    task::Work,
};

fn ask<S: MediaSpace>(
    cx: &mut Cx,
    around: &mut Around<'_>,
    call: Call,
    asked_by: Option<ParticipantId>,
) -> bool {
    around.tasks.ask(cx, S::work(call), asked_by)
}

/// What LiveKit is being asked about a room.
pub(super) fn under_way<'a>(around: &'a Around<'_>, space: Space) -> impl Iterator<Item = &'a Call> {
    let room = media_room(around, space);
    let calls = around.tasks.iter().filter_map(Work::livekit);
    calls.filter(move |call| call.room() == room)
}

/// Removes these; false where so many removals are under way that a look should see who is left.
pub(in crate::room) fn remove<S: MediaSpace>(
    cx: &mut Cx,
    around: &mut Around<'_>,
    room: MediaRoom,
    who: Vec<MediaIdentity>,
    warn: bool,
) -> bool {
    let removals = under_way(around, room.space).filter(|call| matches!(call, Call::Remove(_)));
    removals.count() < REMOVALS_AT_ONCE
        && ask::<S>(cx, around, Call::Remove(Removal { room, who, warn }), None)
}

/// Somebody is here (again): it is not removed, and the room is not deleted. Whether others were to be removed with it, who now are not.
pub(super) fn spare(cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId, here: Space) -> bool {
    let (mut with_others, room_here) = (false, media_room(around, here));
    around.tasks.cancel(cx, |work| match work.livekit() {
        Some(Call::Remove(Removal { room, who: named, .. })) if *room == room_here => {
            let is_named = named.iter().any(|one| one.participant == who);
            with_others |= is_named && named.iter().any(|one| one.participant != who);
            is_named
        }
        Some(Call::Delete { room }) => *room == room_here,
        _ => false,
    });
    with_others
}

/// Whether LiveKit is just being told what somebody may publish.
pub(super) fn is_being_permitted(around: &Around<'_>, who: ParticipantId, here: Space) -> bool {
    under_way(around, here).any(|call| match call {
        Call::Permit { participants, .. } => participants.iter().any(|(named, _)| *named == who),
        _ => false,
    })
}

/// Tells LiveKit of some of those of whom it has yet to hear what they may publish, a piece at a time, so that the last word about each
/// arrives last.
pub(super) fn permit_some<S: MediaSpace>(cx: &mut Cx, media: &mut S, around: &mut Around<'_>, space: Space) {
    let room = media_room(around, space);
    if under_way(around, space).any(|call| matches!(call, Call::Permit { .. })) {
        return;
    }
    let mut participants = Vec::new();
    while participants.len() < PERMITS_AT_ONCE
        && let Some(id) = media.watched().to_permit.pop_first()
    {
        let here = media.expected(around, space, id).filter(|one| !one.is_hidden);
        participants.extend(here.map(|one| (id, one.sources)));
    }
    if !participants.is_empty() && !ask::<S>(cx, around, Call::Permit { room, participants }, None) {
        media.watched().looks.after_failure(cx.at);
    }
}

/// Nobody comes into a room any more: it is deleted in LiveKit, and nothing else that was to happen there makes sense.
pub(in crate::room) fn delete<S: MediaSpace>(cx: &mut Cx, around: &mut Around<'_>, room: MediaRoom) {
    if !around.has(Namespace::Livekit) {
        return;
    }
    let is_there = |work: &Work| work.livekit().is_some_and(|call| call.room() == room);
    around.tasks.cancel(cx, is_there);
    // Where too much is under way, nobody is told: the sweep finds it.
    let _ = ask::<S>(cx, around, Call::Delete { room }, None);
}

pub(super) fn force_mute(
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
    let to = around.people.these(participants.iter().copied());
    cx.send(to, &LivekitEvent::ForceMuted { moderator: who });
    let room = media_room(around, space);
    if ask::<SpaceMedia>(cx, around, Call::Mute { room, participants }, Some(who)) {
        Ok(())
    } else {
        Err(LivekitError::LivekitUnavailable)
    }
}
