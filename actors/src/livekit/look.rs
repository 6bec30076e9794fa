//! Looking at who is in a room of LiveKit: what it shows is compared with who should be there, and how.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Source;
use crate::{
    ids::ParticipantId,
    protocol::limits::{LIVEKIT_SID_CHARS_MAX, LOOK_DIFFERENCES_MAX},
};

/// Whoever is in a room of LiveKit for us: a participant, or one of its popout windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MediaIdentity {
    pub participant: ParticipantId,
    /// Counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub popout: Option<u32>,
}

impl MediaIdentity {
    /// A participant and its popout windows up to this number.
    #[must_use]
    pub fn with_popouts(participant: ParticipantId, popouts: u32) -> Vec<Self> {
        let windows = (1..=popouts).map(Some);
        let all = std::iter::once(None).chain(windows);
        all.map(|popout| Self { participant, popout }).collect()
    }
}

impl From<ParticipantId> for MediaIdentity {
    fn from(participant: ParticipantId) -> Self {
        Self {
            participant,
            popout: None,
        }
    }
}

impl fmt::Display for MediaIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.participant.fmt(f)?;
        match self.popout {
            None => Ok(()),
            Some(number) => write!(f, "-popout{number}"),
        }
    }
}

/// An identity that no token of ours has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOurs;

impl FromStr for MediaIdentity {
    type Err = NotOurs;

    /// Exactly what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let (id, popout) = match text.split_once("-popout") {
            None => (text, None),
            Some((id, number)) => (id, Some(number.parse().map_err(|_| NotOurs)?)),
        };
        let participant = ParticipantId(id.parse().map_err(|_| NotOurs)?);
        let identity = Self { participant, popout };
        (identity.to_string() == text).then_some(identity).ok_or(NotOurs)
    }
}

/// Somebody who should be in a room of LiveKit, and what it may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub id: ParticipantId,
    /// In the order of [`Source`].
    pub sources: Vec<Source>,
    pub is_hidden: bool,
    /// The highest number of a popout window that it has a token for.
    pub popouts: u32,
}

/// What whoever looks at a room must know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brief {
    /// Who should be there, in the order of ids.
    pub expected: Vec<Expected>,
    /// Connections that LiveKit does not reach itself: it is no use to tell of them.
    pub ghosts: Vec<(MediaIdentity, String)>,
}

/// Somebody whom LiveKit shows in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub identity: String,
    /// LiveKit's number of this connection.
    pub sid: String,
    /// A client with a token, and no telephone, recorder or other program that LiveKit itself knows of.
    pub is_standard: bool,
    /// None where LiveKit does not say.
    pub permission: Option<Permission>,
    pub tracks: Vec<Track>,
}

/// What LiveKit lets somebody do.
#[expect(clippy::struct_excessive_bools, reason = "the names and types are LiveKit's")]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Permission {
    pub can_subscribe: bool,
    pub can_publish: bool,
    pub can_publish_data: bool,
    /// None: a source that we know nothing of is among them.
    pub sources: Option<Vec<Source>>,
    pub is_hidden: bool,
}

impl Permission {
    /// Whether it is what somebody visible with these sources should have. LiveKit takes an empty list of sources for all of them.
    fn is_for(&self, sources: &[Source]) -> bool {
        let has_sources = || {
            let mut has = self.sources.clone()?;
            has.sort_unstable();
            has.dedup();
            Some(has == sources)
        };
        let may_publish = !sources.is_empty();
        self.can_subscribe
            && !self.can_publish_data
            && self.can_publish == may_publish
            && (!may_publish || has_sources() == Some(true))
    }
}

/// A published track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    pub sid: String,
    pub is_audio: bool,
    /// What it says that it comes from.
    pub source: Option<Source>,
    pub is_muted: bool,
}

impl Track {
    /// Whether it is a voice, as far as anybody can tell: any sound but that of a shared screen.
    #[must_use]
    pub fn is_voice(&self) -> bool {
        self.is_audio && self.source != Some(Source::ScreenShareAudio)
    }

    /// Whether it can be heard.
    #[must_use]
    pub fn is_live_voice(&self) -> bool {
        self.is_voice() && !self.is_muted
    }
}

/// What is not as it should be in a room of LiveKit: at most [`LOOK_DIFFERENCES_MAX`] of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Differences {
    /// Those who should not be there, each with LiveKit's number of the connection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strays: Vec<(MediaIdentity, String)>,
    /// Those who belong there unseen and mute, and are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exposed: Vec<(MediaIdentity, String)>,
    /// Those who may do something else there than they should.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<ParticipantId>,
    /// Those who publish sound as what is silent, while they may use no microphone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disguised: Vec<(ParticipantId, Source)>,
    /// There are more differences than these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

impl Differences {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn push<T>(list: &mut Vec<T>, more: &mut bool, one: T) {
        if list.len() < LOOK_DIFFERENCES_MAX {
            list.push(one);
        } else {
            *more = true;
        }
    }

    /// What differs between who should be in a room and who LiveKit shows there. Other programs with the key are left alone: SIP
    /// bridges, recorders of LiveKit's own, agents.
    #[must_use]
    pub fn of<'a>(brief: &Brief, seen: impl IntoIterator<Item = &'a Seen>) -> Self {
        let is_ghost = |identity: &MediaIdentity, seen: &Seen| {
            let mut ghosts = brief.ghosts.iter();
            ghosts.any(|(ghost, sid)| ghost == identity && *sid == seen.sid)
        };
        let mut found = Self::default();
        for one in seen {
            let Ok(identity) = one.identity.parse::<MediaIdentity>() else {
                continue;
            };
            if !one.is_standard || is_ghost(&identity, one) {
                continue;
            }
            let here = brief
                .expected
                .binary_search_by_key(&identity.participant, |one| one.id);
            let here = here.ok().and_then(|index| brief.expected.get(index));
            found.compare(here, identity, one);
        }
        found
    }

    fn compare(&mut self, expected: Option<&Expected>, identity: MediaIdentity, seen: &Seen) {
        let permission = seen.permission.as_ref();
        let sid = || seen.sid.chars().take(LIVEKIT_SID_CHARS_MAX).collect();
        let expected = expected.filter(|expected| match identity.popout {
            Some(number) => (1..=expected.popouts).contains(&number),
            None => true,
        });
        let Some(expected) = expected else {
            Self::push(&mut self.strays, &mut self.more, (identity, sid()));
            return;
        };
        if identity.popout.is_some() || expected.is_hidden {
            if !permission.is_none_or(is_unseen_and_mute) {
                Self::push(&mut self.exposed, &mut self.more, (identity, sid()));
            }
            return;
        }
        if let Some(source) = disguise(&expected.sources, &seen.tracks) {
            Self::push(&mut self.disguised, &mut self.more, (expected.id, source));
        } else if permission.is_some_and(|permission| !permission.is_for(&expected.sources)) {
            Self::push(&mut self.wrong, &mut self.more, expected.id);
        }
    }
}

/// As recorders and popout windows must be.
fn is_unseen_and_mute(permission: &Permission) -> bool {
    permission.is_hidden && !permission.can_publish
}

/// The source under which somebody publishes sound that has no microphone: a camera has none, and a screen that nobody sees neither.
fn disguise(allowed: &[Source], tracks: &[Track]) -> Option<Source> {
    if allowed.contains(&Source::Microphone) {
        return None;
    }
    let shows_screen = tracks
        .iter()
        .any(|track| !track.is_audio && track.source == Some(Source::ScreenShare));
    let claims = tracks.iter().filter(|track| track.is_audio);
    claims
        .filter_map(|track| track.source)
        .find(|source| match source {
            Source::Camera => true,
            Source::ScreenShare | Source::ScreenShareAudio => !shows_screen,
            Source::Microphone => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: &[Source] = &[Source::Camera];

    fn id(number: u128) -> ParticipantId {
        ParticipantId(uuid::Uuid::from_u128(number))
    }

    fn of<'a>(expected: &[Expected], seen: impl IntoIterator<Item = &'a Seen>) -> Differences {
        let brief = Brief {
            expected: expected.to_vec(),
            ghosts: Vec::new(),
        };
        Differences::of(&brief, seen)
    }

    fn expected(number: u128, sources: &[Source]) -> Expected {
        Expected {
            id: id(number),
            sources: sources.to_vec(),
            is_hidden: false,
            popouts: 2,
        }
    }

    fn seen(identity: &str, sources: &[Source]) -> Seen {
        let permission = Permission {
            can_subscribe: true,
            can_publish: !sources.is_empty(),
            sources: Some(sources.to_vec()),
            ..Permission::default()
        };
        Seen {
            identity: identity.to_owned(),
            sid: format!("PA_{identity}"),
            is_standard: true,
            permission: Some(permission),
            tracks: Vec::new(),
        }
    }

    fn hidden(identity: &str) -> Seen {
        let permission = Permission {
            can_subscribe: true,
            is_hidden: true,
            ..Permission::default()
        };
        Seen {
            permission: Some(permission),
            ..seen(identity, &[])
        }
    }

    fn sound(source: Source) -> Track {
        Track {
            sid: "TR_1".to_owned(),
            is_audio: true,
            source: Some(source),
            is_muted: false,
        }
    }

    #[test]
    fn an_identity_is_read_as_it_is_written_and_no_other_way() {
        for popout in [None, Some(1), Some(12)] {
            let identity = MediaIdentity {
                participant: id(7),
                popout,
            };
            assert_eq!(identity.to_string().parse(), Ok(identity));
        }
        for other in [
            "",
            "bot",
            "sip_+491234",
            "EG_abc",
            "00000000000000000000000000000007",
            "00000000-0000-0000-0000-00000000000A",
            "00000000-0000-0000-0000-000000000007-popout",
            "00000000-0000-0000-0000-000000000007-popout01",
            "00000000-0000-0000-0000-000000000007-popout+1",
            "{00000000-0000-0000-0000-000000000007}",
        ] {
            assert_eq!(other.parse::<MediaIdentity>(), Err(NotOurs), "{other}");
        }
    }

    #[test]
    fn who_should_not_be_there_is_a_stray_and_other_programs_are_not() {
        let here = [expected(1, CAMERA), expected(2, CAMERA)];
        let name = |number: u128| id(number).to_string();
        let list = [
            seen(&name(1), CAMERA),
            seen(&name(3), CAMERA),
            hidden(&format!("{}-popout2", name(1))),
            hidden(&format!("{}-popout3", name(1))),
            hidden(&format!("{}-popout0", name(1))),
            hidden(&format!("{}-popout1", name(3))),
            seen(&format!("{}-popout1", name(2)), &[]),
            seen("bot", CAMERA),
            Seen {
                is_standard: false,
                ..seen(&name(4), CAMERA)
            },
        ];
        let found = of(&here, &list);
        let strays: Vec<_> = found
            .strays
            .iter()
            .map(|(one, _)| (one.participant, one.popout))
            .collect();
        let popout = |number, popout| (id(number), Some(popout));
        assert_eq!(strays, [(id(3), None), popout(1, 3), popout(1, 0), popout(3, 1)]);
        let exposed: Vec<_> = found
            .exposed
            .iter()
            .map(|(one, _)| (one.participant, one.popout))
            .collect();
        assert_eq!(exposed, [popout(2, 1)], "it is not hidden");
        assert!(found.wrong.is_empty() && found.disguised.is_empty() && !found.more);
    }

    #[test]
    fn permissions_are_compared_as_sets_and_a_recorder_must_be_unseen() {
        let recorder = Expected {
            is_hidden: true,
            popouts: 0,
            ..expected(4, &[])
        };
        let here = [
            expected(1, &[Source::Camera, Source::Microphone]),
            expected(2, CAMERA),
            expected(3, &[]),
            recorder,
        ];
        let name = |number: u128| id(number).to_string();
        let turned = seen(&name(1), &[Source::Microphone, Source::Camera, Source::Camera]);
        let silent = seen(&name(3), &[]);
        assert!(
            of(
                &here,
                [&turned, &seen(&name(2), CAMERA), &silent, &hidden(&name(4))]
            )
            .is_empty()
        );
        let data = |of: &Seen| {
            let mut of = of.clone();
            of.permission.as_mut().unwrap().can_publish_data = true;
            of
        };
        for (number, wrong) in [
            (1, seen(&name(1), CAMERA)),
            (1, data(&turned)),
            (2, seen(&name(2), &[Source::Camera, Source::ScreenShare])),
            (2, seen(&name(2), &[])),
            (3, seen(&name(3), CAMERA)),
        ] {
            assert_eq!(of(&here, [&wrong]).wrong, [id(number)], "{wrong:?}");
        }
        let found = of(&here, [&seen(&name(4), CAMERA)]);
        assert_eq!((found.exposed.len(), found.wrong.len()), (1, 0));
    }

    #[test]
    fn a_voice_that_says_it_is_a_camera_is_found_out() {
        let here = [expected(
            1,
            &[Source::Camera, Source::ScreenShare, Source::ScreenShareAudio],
        )];
        let screen = Track {
            is_audio: false,
            ..sound(Source::ScreenShare)
        };
        for (tracks, source) in [
            (vec![sound(Source::Camera)], Some(Source::Camera)),
            (
                vec![sound(Source::ScreenShareAudio)],
                Some(Source::ScreenShareAudio),
            ),
            (vec![sound(Source::ScreenShare)], Some(Source::ScreenShare)),
            (vec![sound(Source::ScreenShareAudio), screen.clone()], None),
            (vec![sound(Source::Camera), screen], Some(Source::Camera)),
            (vec![sound(Source::Microphone)], None),
        ] {
            let one = Seen {
                tracks,
                ..seen(&id(1).to_string(), &here[0].sources)
            };
            let found = of(&here, [&one]).disguised;
            assert_eq!(found.first().map(|(_, source)| *source), source, "{one:?}");
        }
        let speaker = [expected(1, &[Source::Camera, Source::Microphone])];
        let one = Seen {
            tracks: vec![sound(Source::Camera)],
            ..seen(&id(1).to_string(), &speaker[0].sources)
        };
        assert!(of(&speaker, [&one]).is_empty(), "it may speak anyhow");
    }

    #[test]
    fn what_is_told_is_bounded_and_ghosts_do_not_count() {
        let list: Vec<_> = (1..=400)
            .map(|number| seen(&id(number).to_string(), CAMERA))
            .collect();
        let found = of(&[], &list);
        assert_eq!((found.strays.len(), found.more), (LOOK_DIFFERENCES_MAX, true));
        assert!(!of(&[], &list[..LOOK_DIFFERENCES_MAX]).more, "just as many");
        let ghosts = list[..300]
            .iter()
            .map(|one| (one.identity.parse().unwrap(), one.sid.clone()));
        let brief = Brief {
            expected: Vec::new(),
            ghosts: ghosts.collect(),
        };
        let found = Differences::of(&brief, &list);
        assert_eq!((found.strays.len(), found.more), (100, false));
    }
}
