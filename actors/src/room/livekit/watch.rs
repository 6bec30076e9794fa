//! Looking at LiveKit, and mending what is not as it should be.

use std::sync::Arc;

use super::{LOOK, SpaceMedia, looks::LookResult, media_room, orders};
use crate::{
    ids::{ParticipantId, Space, Timestamp},
    livekit::{Brief, Call, Differences, MediaIdentity, Source},
    protocol::{Namespace, limits::STRAY_LEAVES_SECS},
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
    around.set_deadline((Namespace::Livekit, space, LOOK), media.looks.next());
}

/// Whether one is under way.
pub(super) fn is_looking(around: &Around<'_>, space: Space) -> bool {
    orders::under_way(around, space).any(|call| matches!(call, Call::Look { .. }))
}

/// A look is due.
pub(super) fn due(cx: &mut Cx, media: &mut SpaceMedia, around: &mut Around<'_>, space: Space) {
    if std::mem::replace(&mut cx.has_looked, true) {
        media.looks.put_off(cx.at);
    } else {
        let urgent = media.looks.is_unsettled();
        if urgent {
            // One that waits for its turn among the others is not waited for.
            around.tasks.cancel(cx, |work| {
                matches!(work.livekit(), Some(Call::Look { room, urgent: false, .. }) if room.space == space)
            });
        }
        let is_under_way = is_looking(around, space);
        if media.looks.begin(cx.at, is_under_way) && !look(cx, media, around, space) {
            media.looks.postpone(cx.at);
        }
    }
    arm(media, around, space);
}

/// Asks for a look; false where too much is under way.
fn look(cx: &mut Cx, media: &SpaceMedia, around: &mut Around<'_>, space: Space) -> bool {
    let room = media_room(around, space);
    let brief = Brief {
        expected: media.all_expected(cx, around, room),
        ghosts: media.strays.ghosts(cx.at),
    };
    let urgent = media.looks.is_unsettled();
    let look = |brief| Work::Livekit(Call::Look { room, urgent, brief });
    // Who is expected is no part of the state: the next look asks for others.
    around
        .tasks
        .ask_briefed(cx, look(Arc::default()), look(Arc::new(brief)))
}

/// A look has ended.
pub(super) fn looked(
    cx: &mut Cx,
    media: &mut SpaceMedia,
    around: &mut Around<'_>,
    space: Space,
    outcome: &Outcome,
) {
    let mut came_to = LookResult::Nothing;
    if let Outcome::Seen { found, webhooks } = outcome {
        media.looks.has_webhooks = *webhooks;
        came_to = match mend(cx, media, around, space, (found, !found.more)) {
            true => LookResult::AsItShouldBe,
            false if found.more => LookResult::More,
            false => LookResult::Differences,
        };
        if came_to != LookResult::AsItShouldBe {
            media.looks.unsettle();
        }
    }
    let (is_watched, is_strict) = (
        around.people.anybody_in(space),
        media.is_restricted(around.settings),
    );
    media.looks.done(cx.at, came_to, (is_watched, is_strict));
}

/// LiveKit tells by itself of somebody, or (`None`) that its room is new, or of more than can be looked at one by one.
pub(super) fn told(
    cx: &mut Cx,
    media: &mut SpaceMedia,
    around: &mut Around<'_>,
    space: Space,
    found: Option<&Differences>,
) {
    if let Some(found) = found {
        if !mend(cx, media, around, space, (found, false)) {
            // What is being done for it is seen to.
            media.looks.after_failure(cx.at);
        }
    } else {
        media.looks.unsettle();
        media.looks.not_later(cx.at);
    }
    arm(media, around, space);
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
    let is_gone = |one: &MediaIdentity| {
        let here = around.people.get(one.participant).filter(|p| p.is_inside(space));
        here.is_none_or(|p| one.popout.is_some_and(|number| number > p.popout_windows()))
    };
    let mut shown: Vec<_> = found
        .strays
        .iter()
        .filter(|(one, _)| is_gone(one))
        .cloned()
        .collect();
    shown.extend(found.exposed.iter().cloned());
    let (to_remove, new) = media.strays.seen(&shown, are_all, cx.at);
    let mut warn = note_returns(around, &new, cx.at) && !media.looks.has_warned;
    let room = media_room(around, space);
    for piece in to_remove.chunks(REMOVED_TOGETHER) {
        // Where too many are under way, the next look finds who is left.
        if orders::remove(cx, around, room, piece.to_vec(), warn) {
            media.looks.has_warned |= std::mem::take(&mut warn);
        }
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
    // Of whom LiveKit has yet to hear, it shows what was so before.
    let being_told =
        |id: &ParticipantId| media.to_permit.contains(id) || orders::is_being_permitted(around, *id, space);
    let wrong: Vec<_> = found.wrong.iter().filter(|id| !being_told(id)).collect();
    let is_right = wrong.is_empty() && found.disguised.is_empty() && !found.more;
    media.to_permit.extend(wrong);
    orders::permit_some(cx, media, around, space);
    is_right && media.strays.are_ghosts(cx.at)
}

/// Notes who of those that LiveKit shows anew has come back after a moderator had removed it; whether there is one. Who was not known to
/// be out, or is seen shortly after it left, may not have gone yet; another connection than the last (`is_another`) is a return.
fn note_returns(around: &mut Around<'_>, new: &[(MediaIdentity, bool)], now: Timestamp) -> bool {
    let mut has_returned = false;
    for (one, is_another) in new {
        let participant = around.people.get(one.participant);
        let is_back = participant.is_some_and(|p| {
            let gone = p
                .left_at
                .is_some_and(|left| left.plus_secs(STRAY_LEAVES_SECS) <= now);
            gone && (*is_another || p.is_out_of_media) && !p.traces.is_empty()
        });
        if is_back {
            around
                .people
                .change(one.participant, |p| p.is_back_unasked = true);
            has_returned = true;
        }
    }
    has_returned
}

/// A call to remove some has ended; of these some stayed.
pub(super) fn removed(
    cx: &Cx,
    media: &mut SpaceMedia,
    around: &mut Around<'_>,
    (who, stayed): (&[MediaIdentity], &[(MediaIdentity, bool)]),
) {
    let has_stayed = |one: &MediaIdentity| stayed.iter().any(|(other, _)| other == one);
    for one in who.iter().filter(|one| one.popout.is_none() && !has_stayed(one)) {
        around.people.set_out_of_media(one.participant);
    }
    for (identity, refused) in stayed {
        media.strays.stayed(*identity, *refused);
    }
    if !stayed.is_empty() {
        media.looks.after_failure(cx.at);
    }
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
