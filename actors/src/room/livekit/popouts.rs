//! Tokens for popout windows. They are given out when their participant has been here for a while: somebody who is removed
//! soon after its coming has none that it could come back with unseen.

use super::{POPOUT, SpaceMedia, media_room};
use crate::{
    ids::{ParticipantId, Space, Timestamp},
    livekit::{MediaAccess, MediaIdentity, VideoGrant},
    protocol::{
        Namespace,
        limits::{POPOUT_AFTER_SECS, POPOUTS_PER_PARTICIPANT_MAX, POPOUTS_WAITING_MAX},
        livekit::LivekitEvent,
    },
    room::{
        effects::{Cx, Receivers},
        module::Around,
    },
};

/// When a participant may have popout windows.
fn from(around: &Around<'_>, who: ParticipantId) -> Timestamp {
    let participant = around.people.get(who);
    let visit = participant.and_then(|p| p.visit(p.space));
    visit.map_or(Timestamp::from_micros(0), |visit| {
        visit.joined_at.plus_secs(POPOUT_AFTER_SECS)
    })
}

/// Sets the deadline of the next token.
pub(super) fn arm(media: &SpaceMedia, around: &mut Around<'_>, space: Space) {
    let next = media.next_popout(|who| from(around, who));
    around.set_deadline((Namespace::Livekit, space, POPOUT), next);
}

/// Somebody asks for a token: now, or when it has been here for long enough. It is never refused, since its client would show a
/// picture that is none; who asks again and again meanwhile gets so many at most.
pub(super) fn ask(cx: &mut Cx, media: &mut SpaceMedia, around: &mut Around<'_>, who: ParticipantId) {
    if from(around, who) <= cx.at {
        return send(cx, around, who);
    }
    let waiting = media.popouts.entry(who).or_default();
    *waiting = waiting.saturating_add(1).min(POPOUTS_WAITING_MAX);
    arm(media, around, around.people.space(who));
}

/// Some have been here for long enough.
pub(super) fn due(cx: &mut Cx, media: &mut SpaceMedia, around: &mut Around<'_>, space: Space) {
    let waiting = std::mem::take(&mut media.popouts);
    for (who, count) in waiting {
        if from(around, who) > cx.at {
            media.popouts.insert(who, count);
            continue;
        }
        for _ in 0..count {
            send(cx, around, who);
        }
    }
    arm(media, around, space);
}

/// The next of the numbers in turn: a further window ends the first.
fn send(cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
    let Some(line) = around.people.line(who) else {
        return;
    };
    let popout = around.people.change(who, |p| {
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
    let identity = MediaIdentity {
        participant: who,
        popout,
    };
    let identity = identity.to_string();
    let (secret, token) = cx.media_secret(MediaAccess { identity, grant });
    let seq = cx.send_secret(
        Receivers::One(line),
        &LivekitEvent::PopoutStreamAccessToken { token },
        vec![secret],
    );
    around.people.set_whole_since(who, seq);
}
