//! Looking at LiveKit, and mending what is not as it should be.

use std::sync::Arc;

use super::{
    LOOK,
    looks::{LookResult, Looks},
    media_room, orders,
    watched::MediaSpace,
};
use crate::{
    ids::{ParticipantId, Space, Timestamp},
    livekit::{Brief, Call, Differences, MediaIdentity, Source},
    protocol::{Namespace, limits::STRAY_LEAVES_SECS},
    room::{
        agenda::{Agenda, Due},
        effects::Cx,
        module::Around,
    },
    task::Outcome,
};

/// Removals that one call names.
const REMOVED_TOGETHER: usize = 32;

/// Sets the deadline of the next look.
pub(in crate::room) fn arm<S: MediaSpace>(media: &mut S, around: &mut Around<'_>, space: Space) {
    around.set_deadline((S::NAMESPACE, space, LOOK), media.watched().looks.next());
}

/// Whether one is under way.
pub(super) fn is_looking(around: &Around<'_>, space: Space) -> bool {
    orders::under_way(around, space).any(|call| matches!(call, Call::Look { .. }))
}

/// A look is due.
pub(in crate::room) fn due<S: MediaSpace>(cx: &mut Cx, media: &mut S, around: &mut Around<'_>, space: Space) {
    if std::mem::replace(&mut cx.has_looked, true) {
        media.watched().looks.put_off(cx.at);
    } else {
        let urgent = media.watched().looks.is_unsettled();
        if urgent {
            // One that waits for its turn among the others is not waited for.
            around.tasks.cancel(cx, |work| {
                matches!(work.livekit(), Some(Call::Look { room, urgent: false, .. }) if room.space == space)
            });
        }
        let is_under_way = is_looking(around, space);
        if media.watched().looks.begin(cx.at, is_under_way) && !look(cx, media, around, space) {
            media.watched().looks.postpone(cx.at);
        }
    }
    arm(media, around, space);
}

/// Asks for a look; false where too much is under way.
fn look<S: MediaSpace>(cx: &mut Cx, media: &mut S, around: &mut Around<'_>, space: Space) -> bool {
    let room = media_room(around, space);
    let brief = Brief {
        expected: media.all_expected(cx, around, space),
        ghosts: media.watched().strays.ghosts(cx.at),
    };
    let urgent = media.watched().looks.is_unsettled();
    let look = |brief| S::work(Call::Look { room, urgent, brief });
    // Who is expected is no part of the state: the next look asks for others.
    around
        .tasks
        .ask_briefed(cx, look(Arc::default()), look(Arc::new(brief)))
}

/// A look has ended.
pub(super) fn looked<S: MediaSpace>(
    cx: &mut Cx,
    media: &mut S,
    around: &mut Around<'_>,
    space: Space,
    outcome: &Outcome,
) {
    let mut came_to = LookResult::Nothing;
    if let Outcome::Seen { found, webhooks } = outcome {
        media.watched().looks.has_webhooks = *webhooks;
        came_to = match mend(cx, media, around, space, (found, !found.more)) {
            true => LookResult::AsItShouldBe,
            false if found.more => LookResult::More,
            false => LookResult::Differences,
        };
        if came_to != LookResult::AsItShouldBe {
            media.watched().looks.unsettle();
        }
    }
    let (is_watched, is_strict) = (media.expects_anybody(around, space), media.is_restricted(around));
    media
        .watched()
        .looks
        .done(cx.at, came_to, (is_watched, is_strict));
}

/// LiveKit tells by itself of somebody, or (`None`) that its room is new, or of more than can be looked at one by one.
pub(in crate::room) fn told<S: MediaSpace>(
    cx: &mut Cx,
    media: &mut S,
    around: &mut Around<'_>,
    space: Space,
    found: Option<&Differences>,
) {
    if let Some(found) = found {
        if !mend(cx, media, around, space, (found, false)) {
            // What is being done for it is seen to.
            media.watched().looks.after_failure(cx.at);
        }
    } else {
        media.watched().looks.unsettle();
        media.watched().looks.not_later(cx.at);
    }
    arm(media, around, space);
}

/// Has LiveKit mend what it shows of all (`are_all`) or of some who are there; true if nothing can be done, or need be.
pub(super) fn mend<S: MediaSpace>(
    cx: &mut Cx,
    media: &mut S,
    around: &mut Around<'_>,
    space: Space,
    (found, are_all): (&Differences, bool),
) -> bool {
    // Who has come in meanwhile is no stray.
    let is_gone = |one: &MediaIdentity| {
        let here = media.expected(around, space, one.participant);
        here.is_none_or(|here| one.popout.is_some_and(|number| number > here.popouts))
    };
    let mut shown: Vec<_> = found
        .strays
        .iter()
        .filter(|(one, _)| is_gone(one))
        .cloned()
        .collect();
    shown.extend(found.exposed.iter().cloned());
    let (to_remove, new) = media.watched().strays.seen(&shown, are_all, cx.at);
    // That somebody is out is known of the meeting's rooms, and told once of each.
    let is_of_meeting = S::NAMESPACE == Namespace::Livekit;
    let has_returned = note_returns(around, (&new, is_of_meeting), cx.at);
    let mut warn = has_returned && is_of_meeting && !media.watched().looks.has_warned;
    let room = media_room(around, space);
    for piece in to_remove.chunks(REMOVED_TOGETHER) {
        // Where too many are under way, the next look finds who is left.
        if orders::remove::<S>(cx, around, room, piece.to_vec(), warn) {
            media.watched().looks.has_warned |= std::mem::take(&mut warn);
        }
    }
    for (id, source) in &found.disguised {
        let here = media.expected(around, space, *id);
        if here.is_some_and(|here| !here.sources.contains(&Source::Microphone)) {
            media.unmask(*id, *source);
            media.watched().to_permit.insert(*id);
        }
    }
    // Of whom LiveKit has yet to hear, it shows what was so before.
    let to_be_told = &media.watched().to_permit;
    let being_told =
        |id: &ParticipantId| to_be_told.contains(id) || orders::is_being_permitted(around, *id, space);
    let wrong: Vec<_> = found.wrong.iter().filter(|id| !being_told(id)).collect();
    let is_right = wrong.is_empty() && found.disguised.is_empty() && !found.more;
    media.watched().to_permit.extend(wrong);
    orders::permit_some(cx, media, around, space);
    is_right && media.watched().strays.are_ghosts(cx.at)
}

/// Notes who of those that LiveKit shows anew has come back after a moderator had removed it; whether there is one. Who was not known to
/// be out, or is seen shortly after it left, may not have gone yet; another connection than the last (`is_another`) is a return.
fn note_returns(
    around: &mut Around<'_>,
    (new, is_of_meeting): (&[(MediaIdentity, bool)], bool),
    now: Timestamp,
) -> bool {
    let mut has_returned = false;
    for (one, is_another) in new {
        let participant = around.people.get(one.participant);
        let is_back = participant.is_some_and(|p| {
            let gone = p
                .left_at
                .is_some_and(|left| left.plus_secs(STRAY_LEAVES_SECS) <= now);
            gone && (*is_another || is_of_meeting && p.is_out_of_media) && !p.traces.is_empty()
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
pub(super) fn removed<S: MediaSpace>(
    cx: &Cx,
    media: &mut S,
    around: &mut Around<'_>,
    (who, stayed): (&[MediaIdentity], &[(MediaIdentity, bool)]),
) {
    let has_stayed = |one: &MediaIdentity| stayed.iter().any(|(other, _)| other == one);
    // Who is in another room of the meeting, or in the meeting still, is not out.
    let is_out = |one: &MediaIdentity| {
        let participant = around.people.get(one.participant);
        S::NAMESPACE == Namespace::Livekit && participant.is_some_and(|p| !p.is_inside(p.space))
    };
    let out = who
        .iter()
        .filter(|one| one.popout.is_none() && !has_stayed(one) && is_out(one));
    for one in out.copied().collect::<Vec<_>>() {
        around.people.set_out_of_media(one.participant);
    }
    for (identity, refused) in stayed {
        media.watched().strays.stayed(*identity, *refused);
    }
    if !stayed.is_empty() {
        media.watched().looks.after_failure(cx.at);
    }
}

/// Somebody is there (again): it must not be removed, nor the room deleted. It came with a token of now: what a call under way says of it
/// is older, so LiveKit is told anew when that is done. `is_alone`: nobody else of ours is there.
pub(in crate::room) fn came_in<S: MediaSpace>(
    cx: &mut Cx,
    media: &mut S,
    around: &mut Around<'_>,
    (space, who): (Space, ParticipantId),
    is_alone: bool,
) {
    let spared = orders::spare(cx, around, who, space);
    if orders::is_being_permitted(around, who, space) {
        media.watched().to_permit.insert(who);
    }
    let looks = &mut media.watched().looks;
    if spared {
        // Others were to be removed with it.
        looks.unsettle();
        looks.not_later(cx.at);
    } else if is_alone && !is_looking(around, space) {
        // Somebody may be waiting there.
        looks.not_later(cx.at);
    }
    arm(media, around, space);
}

/// Somebody is not there any more: it is removed, with its popout windows. `by_force`: it may want to come back.
pub(in crate::room) fn went_out<S: MediaSpace>(
    cx: &mut Cx,
    media: &mut S,
    around: &mut Around<'_>,
    (space, who): (Space, Vec<MediaIdentity>),
    by_force: bool,
) {
    let looks = &mut media.watched().looks;
    if by_force {
        looks.after_removal(cx.at);
    } else {
        looks.after_change(cx.at);
    }
    if !orders::remove::<S>(cx, around, media_room(around, space), who, false) {
        // Many are found by one look.
        let looks = &mut media.watched().looks;
        looks.unsettle();
        looks.not_later(cx.at);
    }
    arm(media, around, space);
}

/// A call has ended.
pub(in crate::room) fn task_done<S: MediaSpace>(
    cx: &mut Cx,
    media: &mut S,
    around: &mut Around<'_>,
    (call, outcome): (&Call, &Outcome),
) {
    let space = call.room().space;
    match (call, outcome) {
        (Call::Permit { .. }, _) => {
            if *outcome == Outcome::Unavailable {
                media.watched().looks.after_failure(cx.at);
            }
            orders::permit_some(cx, media, around, space);
        }
        (Call::Look { .. }, _) => looked(cx, media, around, space, outcome),
        (Call::Remove(removal), Outcome::Removed { stayed }) => {
            removed(cx, media, around, (&removal.who, stayed));
        }
        (Call::Remove(removal), Outcome::Done) => removed(cx, media, around, (&removal.who, &[])),
        (Call::Remove(_), Outcome::Unavailable) => media.watched().looks.after_failure(cx.at),
        (Call::Mute { .. } | Call::Create { .. } | Call::Delete { .. } | Call::Remove(_), _) => {}
    }
    arm(media, around, space);
}

/// Describes what is wrong with looks, and with the deadline of the next one.
pub(in crate::room) fn check<S: MediaSpace>(
    looks: &Looks,
    agenda: &Agenda,
    space: Space,
) -> Result<(), String> {
    looks.check()?;
    let (set, planned) = (agenda.get(Due::Module(S::NAMESPACE, space, LOOK)), looks.next());
    if set == planned {
        Ok(())
    } else {
        Err(format!("the next look is set to {set:?}, planned {planned:?}"))
    }
}
