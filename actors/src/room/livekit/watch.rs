//! Looking at LiveKit, and mending what is not as it should be.

use std::sync::Arc;

use super::{LOOK, SpaceMedia, media_room, orders};
use crate::{
    ids::{ParticipantId, Space},
    livekit::{Call, Differences, Identity, Source},
    protocol::Namespace,
    room::{
        agenda::{Agenda, Due},
        effects::Cx,
        module::Around,
    },
    task::{Outcome, Work},
};

/// Removals that one call names.
const REMOVED_TOGETHER: usize = 32;

/// Sets the deadline of the next look.
pub(super) fn arm(media: &SpaceMedia, around: &mut Around<'_>, space: Space) {
    let of = (Namespace::Livekit, space, LOOK);
    match media.looks.next() {
        Some(at) if around.deadline(of) != Some(at) => around.remind(of, at),
        Some(_) => {}
        None => around.forget(of),
    }
}

/// Whether one is under way.
pub(super) fn is_looking(around: &Around<'_>, space: Space) -> bool {
    let is_look =
        |work: &Work| matches!(work.livekit(), Some(Call::Look { room, .. }) if room.space == space);
    around.tasks.find(is_look).next().is_some()
}

/// A look is due.
pub(super) fn due(cx: &mut Cx, media: &mut SpaceMedia, around: &mut Around<'_>, space: Space) {
    let is_under_way = is_looking(around, space);
    if std::mem::replace(&mut cx.has_looked, true) {
        media.looks.put_off(cx.at);
    } else if media.looks.begin(cx.at, is_under_way) {
        let room = media_room(around, space);
        let expected = media.all_expected(cx, around, room).into();
        let urgent = media.looks.is_unsettled();
        let look = |expected| {
            Work::Livekit(Call::Look {
                room,
                urgent,
                expected,
            })
        };
        // Who is expected is no part of the state: the next look asks for others.
        if !around.tasks.ask_briefed(cx, look(Arc::default()), look(expected)) {
            media.looks.postpone(cx.at);
        }
    }
    arm(media, around, space);
}

/// A look has ended.
pub(super) fn looked(
    cx: &mut Cx,
    media: &mut SpaceMedia,
    around: &mut Around<'_>,
    space: Space,
    outcome: &Outcome,
) {
    let mut settled = false;
    if let Outcome::Seen { found, webhooks } = outcome {
        media.looks.has_webhooks = *webhooks;
        settled = mend(cx, media, around, space, (found, !found.more));
        if !settled {
            media.looks.unsettle();
        }
        if found.more {
            media.looks.at_once(cx.at);
        }
    }
    let is_watched = around.people.anybody_in(space);
    media.looks.done(cx.at, settled, is_watched);
}

/// Has LiveKit mend what it shows of all (`are_all`) or of some who are there; true if nothing can be done, or need be.
pub(super) fn mend(
    cx: &mut Cx,
    media: &mut SpaceMedia,
    around: &mut Around<'_>,
    space: Space,
    (found, are_all): (&Differences, bool),
) -> bool {
    // Who has come in meanwhile is no stray.
    let is_gone = |one: &Identity| {
        let here = around.people.get(one.participant).filter(|p| p.is_inside(space));
        here.is_none_or(|p| one.popout.is_some_and(|number| number > p.popouts))
    };
    let mut shown: Vec<_> = found
        .strays
        .iter()
        .filter(|(one, _)| is_gone(one))
        .cloned()
        .collect();
    shown.extend(found.exposed.iter().cloned());
    let to_remove = media.strays.seen(&shown, are_all, cx.at);
    let was_removed = |one: &Identity| {
        around
            .people
            .get(one.participant)
            .is_some_and(|p| !p.traces.is_empty())
    };
    let mut warn = !media.looks.has_warned && to_remove.iter().any(was_removed);
    media.looks.has_warned |= warn;
    let room = media_room(around, space);
    for piece in to_remove.chunks(REMOVED_TOGETHER) {
        // Where too many are under way, the next look finds who is left.
        orders::remove(cx, around, room, piece.to_vec(), std::mem::take(&mut warn));
    }
    let may_speak = |media: &SpaceMedia, id: ParticipantId| {
        let participant = around.people.get(id).filter(|p| p.is_inside(space));
        participant.is_none_or(|p| {
            media
                .sources(id, p, around.settings)
                .contains(&Source::Microphone)
        })
    };
    for (id, source) in &found.disguised {
        if !may_speak(media, *id) {
            media.unmask(*id, *source);
            media.to_permit.insert(*id);
        }
    }
    media.to_permit.extend(&found.wrong);
    let is_right = media.to_permit.is_empty() && !found.more;
    orders::permit_some(cx, media, around, space);
    is_right && media.strays.are_ghosts(cx.at)
}

/// A call to remove some has ended; these stayed.
pub(super) fn removed(cx: &Cx, media: &mut SpaceMedia, stayed: &[(Identity, bool)]) {
    for (identity, refused) in stayed {
        media.strays.stayed(*identity, *refused);
    }
    if !stayed.is_empty() {
        removed_nobody(cx, media);
    }
}

/// A call to remove some was in vain.
pub(super) fn removed_nobody(cx: &Cx, media: &mut SpaceMedia) {
    media.looks.after_failure(cx.at);
}

/// Describes what is wrong with the deadline of the next look.
pub(super) fn check(media: &SpaceMedia, agenda: &Agenda, space: Space) -> Result<(), String> {
    let set = agenda.get(Due::Module(Namespace::Livekit, space, LOOK));
    if set == media.looks.next() {
        Ok(())
    } else {
        Err(format!(
            "the next look is set to {set:?}, planned {:?}",
            media.looks.next()
        ))
    }
}
