//! What moderators have decided about the media of one room, and the tokens that follow from it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::watched::{MediaSpace, Watched};
use crate::{
    ids::{ParticipantId, Space, Timestamp},
    livekit::{Call, Expected, Livekit, MediaAccess, MediaIdentity, MediaRoom, Source, VideoGrant},
    protocol::{
        Namespace,
        livekit::{Credentials, MicrophoneRestrictions},
        meeting::ParticipationKind,
    },
    room::{
        RoomSettings,
        effects::{Cx, Secret},
        module::Around,
        participant::Participant,
    },
    task::Work,
};

/// What moderators have decided about the media of one room, and how far LiveKit has followed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpaceMedia {
    pub(super) restrictions: MicrophoneRestrictions,
    /// Who may share the screen where that needs a permission.
    pub(super) screen_share: BTreeSet<ParticipantId>,
    /// Under which sources somebody has published its voice that had no microphone: it may not use them until it leaves.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) disguises: BTreeMap<ParticipantId, BTreeSet<Source>>,
    /// Popout windows that wait for a token until their participant has been here for a while, and how many of each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) popouts: BTreeMap<ParticipantId, u8>,
    #[serde(flatten)]
    pub(super) watched: Watched,
}

impl MediaSpace for SpaceMedia {
    const NAMESPACE: Namespace = Namespace::Livekit;

    fn work(call: Call) -> Work {
        Work::Livekit(call)
    }

    fn watched(&mut self) -> &mut Watched {
        &mut self.watched
    }

    fn expected(&self, around: &Around<'_>, space: Space, who: ParticipantId) -> Option<Expected> {
        let participant = around.people.get(who).filter(|p| p.is_inside(space))?;
        Some(self.shown(who, participant, around.settings))
    }

    fn all_expected(&self, cx: &mut Cx, around: &Around<'_>, space: Space) -> Vec<Expected> {
        cx.cost.entries(around.people.iter().count());
        let here = around.people.iter().filter(|(_, p)| p.is_inside(space));
        here.map(|(id, p)| self.shown(id, p, around.settings)).collect()
    }

    fn expects_anybody(&self, around: &Around<'_>, space: Space) -> bool {
        around.people.anybody_in(space)
    }

    fn is_restricted(&self, around: &Around<'_>) -> bool {
        self.restrictions != MicrophoneRestrictions::Disabled
            || around.settings.screen_share_requires_permission
    }

    /// The source is taken away, and with it whatever belongs to it.
    fn unmask(&mut self, who: ParticipantId, source: Source) {
        let disguises = self.disguises.entry(who).or_default();
        match source {
            Source::ScreenShare | Source::ScreenShareAudio => {
                disguises.extend([Source::ScreenShare, Source::ScreenShareAudio]);
            }
            source => {
                disguises.insert(source);
            }
        }
    }
}

impl SpaceMedia {
    /// What a participant may publish, in the order of [`Source`].
    pub(super) fn sources(
        &self,
        id: ParticipantId,
        participant: &Participant,
        settings: &RoomSettings,
    ) -> Vec<Source> {
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
        let mut sources = Vec::new();
        // A telephone has nothing to show.
        let has_pictures = participant.kind != ParticipationKind::Sip;
        sources.extend(has_pictures.then_some(Source::Camera));
        sources.extend(may_speak.then_some(Source::Microphone));
        let may_share = free || !settings.screen_share_requires_permission || self.screen_share.contains(&id);
        if has_pictures && may_share {
            sources.extend([Source::ScreenShare, Source::ScreenShareAudio]);
        }
        if let Some(disguises) = self.disguises.get(&id) {
            sources.retain(|source| !disguises.contains(source));
        }
        sources
    }

    /// How a participant should be in this room's counterpart.
    pub(in crate::room) fn shown(
        &self,
        id: ParticipantId,
        participant: &Participant,
        settings: &RoomSettings,
    ) -> Expected {
        Expected {
            id,
            sources: self.sources(id, participant, settings),
            is_hidden: participant.is_hidden(),
            popouts: participant.popout_windows(),
        }
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
        let sources = self.sources(id, participant, settings);
        let grant = VideoGrant {
            room_join: true,
            room: room.to_string(),
            // LiveKit takes an empty list of sources for all of them.
            can_publish: !sources.is_empty(),
            can_subscribe: true,
            can_publish_data: false,
            can_publish_sources: sources,
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
        let identity = MediaIdentity::from(id).to_string();
        let (secret, token) = cx.media_secret(MediaAccess { identity, grant });
        let credentials = Credentials {
            token,
            room,
            public_url: public_url.clone(),
            service_url: is_inside.then(|| service_url.clone()),
        };
        (credentials, secret)
    }

    /// Somebody is not in this room any more: what is about its connection goes.
    pub(super) fn left(&mut self, who: ParticipantId) {
        self.disguises.remove(&who);
        self.watched.to_permit.remove(&who);
        self.popouts.remove(&who);
    }

    /// When the first of the popout windows that wait gets its token.
    pub(super) fn next_popout(&self, when: impl Fn(ParticipantId) -> Timestamp) -> Option<Timestamp> {
        self.popouts.keys().map(|id| when(*id)).min()
    }
}
