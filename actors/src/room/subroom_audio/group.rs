//! One whisper group: its members, and its room in LiveKit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{BreakoutRoomId, ParticipantId, Space, WhisperId},
    livekit::{Call, Expected, MediaAccess, MediaIdentity, MediaRoom, Source, VideoGrant},
    protocol::{
        Namespace,
        limits::WHISPER_MEMBERS_MAX,
        subroom_audio::{
            SubroomAudioEvent, WhisperGroupOutgoing, WhisperParticipant, WhisperParticipantInfo, WhisperState,
        },
    },
    room::{
        agenda::Agenda,
        effects::{Cx, Receivers, Secret},
        livekit::{
            LOOK, watch,
            watched::{MediaSpace, Watched},
        },
        module::Around,
    },
    task::Work,
};

/// Those who whisper, and who may.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    /// The room of the meeting that all members are in.
    space: Space,
    members: BTreeMap<ParticipantId, Member>,
    /// LiveKit has not yet made its room, and nobody knows of the group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_being_made: bool,
    #[serde(flatten)]
    watched: Watched,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Member {
    state: WhisperState,
    /// Whether it has come back since, with a client that may have forgotten the token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_back: bool,
    /// The same of the group: of what happens there it hears when it has named it or was invited once more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_forgotten: bool,
}

impl Member {
    const fn new(state: WhisperState) -> Self {
        Self {
            state,
            is_back: false,
            has_forgotten: false,
        }
    }

    fn is_inside(self) -> bool {
        self.state != WhisperState::Invited
    }
}

/// What stands for a group in the name of its room in LiveKit. Its id is as random as that of a breakout room: none is that of another.
pub(super) fn media_space(id: WhisperId) -> Space {
    Space(Some(BreakoutRoomId(id.0)))
}

/// The group that a space stands for, if it stands for one.
pub(super) fn of_space(space: Space) -> Option<WhisperId> {
    space.0.map(|id| WhisperId(id.0))
}

pub(super) fn media_room(around: &Around<'_>, id: WhisperId) -> MediaRoom {
    MediaRoom::new(around.room, media_space(id), around.began)
}

pub(super) fn forget_look(around: &mut Around<'_>, id: WhisperId) {
    around.forget((Namespace::SubroomAudio, media_space(id), LOOK));
}

impl MediaSpace for Group {
    const NAMESPACE: Namespace = Namespace::SubroomAudio;

    fn work(call: Call) -> Work {
        Work::Whisper(call)
    }

    fn watched(&mut self) -> &mut Watched {
        &mut self.watched
    }

    fn expected(&self, _around: &Around<'_>, _space: Space, who: ParticipantId) -> Option<Expected> {
        self.shown(who)
    }

    fn all_expected(&self, cx: &mut Cx, _around: &Around<'_>, _space: Space) -> Vec<Expected> {
        cx.cost.entries(self.members.len());
        self.members.keys().filter_map(|id| self.shown(*id)).collect()
    }

    fn expects_anybody(&self, _around: &Around<'_>, _space: Space) -> bool {
        self.is_anybody_inside()
    }

    /// What moderators restrict is nothing to whisper groups, and all tokens of one say the same.
    fn is_restricted(&self, _around: &Around<'_>) -> bool {
        false
    }

    /// Everybody has a microphone.
    fn unmask(&mut self, _who: ParticipantId, _source: Source) {}
}

impl Group {
    pub fn new(space: Space, creator: ParticipantId, invited: Vec<ParticipantId>) -> Self {
        let invited = invited
            .into_iter()
            .map(|id| (id, Member::new(WhisperState::Invited)));
        let creator = (creator, Member::new(WhisperState::Creator));
        Self {
            space,
            members: invited.chain([creator]).collect(),
            is_being_made: true,
            watched: Watched::default(),
        }
    }

    pub fn space(&self) -> Space {
        self.space
    }

    pub fn is_being_made(&self) -> bool {
        self.is_being_made
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn state(&self, who: ParticipantId) -> Option<WhisperState> {
        self.members.get(&who).map(|member| member.state)
    }

    pub fn has(&self, who: ParticipantId) -> bool {
        self.members.contains_key(&who)
    }

    /// Whether somebody may talk there.
    pub fn is_inside(&self, who: ParticipantId) -> bool {
        self.members.get(&who).is_some_and(|member| member.is_inside())
    }

    pub fn is_anybody_inside(&self) -> bool {
        self.members.values().any(|member| member.is_inside())
    }

    pub fn creator(&self) -> Option<ParticipantId> {
        let mut members = self.members.iter();
        members
            .find(|(_, member)| member.state == WhisperState::Creator)
            .map(|(id, _)| *id)
    }

    /// Another connection is there for a participant; its client may have forgotten everything. Of a group that is being made nobody
    /// knows anything yet.
    pub fn came_back(&mut self, who: ParticipantId, has_forgotten: bool) {
        if let Some(member) = self.members.get_mut(&who).filter(|_| !self.is_being_made) {
            member.is_back = true;
            member.has_forgotten |= has_forgotten;
        }
    }

    /// Whether somebody is in the room in LiveKit, as far as its client knows nothing of it.
    pub fn is_inside_unknowing(&self, who: ParticipantId) -> bool {
        let member = self.members.get(&who);
        member.is_some_and(|member| member.is_inside() && member.has_forgotten)
    }

    /// Whether somebody may have lost its token.
    pub fn is_back(&self, who: ParticipantId) -> bool {
        self.members.get(&who).is_some_and(|member| member.is_back)
    }

    /// Somebody names the group: from now on it hears of it again.
    pub fn remembers(&mut self, who: ParticipantId) {
        if let Some(member) = self.members.get_mut(&who) {
            member.has_forgotten = false;
        }
    }

    /// Whether somebody is in the group, as far as its client knows.
    pub fn knows(&self, who: ParticipantId) -> bool {
        self.members.get(&who).is_some_and(|member| !member.has_forgotten)
    }

    /// How somebody should be in the room in LiveKit; none for who should not.
    pub fn shown(&self, who: ParticipantId) -> Option<Expected> {
        self.is_inside(who).then(|| Expected {
            id: who,
            sources: vec![Source::Microphone],
            is_hidden: false,
            popouts: 0,
        })
    }

    /// Whoever hears what happens in the group.
    pub fn lines(&self, around: &Around<'_>) -> Receivers {
        self.lines_of(around, |_| true)
    }

    pub fn lines_of(&self, around: &Around<'_>, are_meant: impl Fn(ParticipantId) -> bool) -> Receivers {
        let heard = self.members.iter().filter(|(_, member)| !member.has_forgotten);
        let meant = heard.map(|(id, _)| *id).filter(|id| are_meant(*id));
        around.people.these(meant)
    }

    fn told(&self, id: WhisperId) -> WhisperGroupOutgoing {
        let members = self.members.iter();
        WhisperGroupOutgoing {
            whisper_id: id,
            participants: members
                .map(|(id, member)| WhisperParticipant {
                    participant_id: *id,
                    state: member.state,
                })
                .collect(),
        }
    }

    /// The room in LiveKit is there: the creator goes in, and the others are invited.
    pub fn begin(&mut self, cx: &mut Cx, around: &mut Around<'_>, id: WhisperId) {
        self.is_being_made = false;
        let Some(creator) = self.creator() else { return };
        let group = self.told(id);
        if let Some(line) = around.people.line_inside(creator) {
            let (secret, token) = token(cx, around, (id, creator));
            let event = SubroomAudioEvent::WhisperGroupCreated {
                token: &token,
                group: &group,
            };
            let seq = cx.send_secret(Receivers::One(line), &event, vec![secret]);
            around.people.set_whole_since(creator, seq);
        }
        let event = SubroomAudioEvent::WhisperInvite {
            issuer: creator,
            group: &group,
        };
        cx.send(self.lines_of(around, |id| id != creator), &event);
        watch::came_in(cx, self, around, (media_space(id), creator), true);
    }

    /// Invites those who are not in the group, as far as they know.
    pub fn invite(
        &mut self,
        cx: &mut Cx,
        around: &Around<'_>,
        (id, who): (WhisperId, ParticipantId),
        invited: &[ParticipantId],
    ) {
        let new: Vec<_> = invited.iter().copied().filter(|one| !self.has(*one)).collect();
        if !new.is_empty() {
            let event = SubroomAudioEvent::ParticipantsInvited {
                whisper_id: id,
                participant_ids: &new,
            };
            cx.send(self.lines(around), &event);
        }
        for one in invited {
            let member = self.members.entry(*one);
            member.or_insert(Member::new(WhisperState::Invited)).has_forgotten = false;
        }
        let event = SubroomAudioEvent::WhisperInvite {
            issuer: who,
            group: &self.told(id),
        };
        cx.send(self.lines_of(around, |one| invited.contains(&one)), &event);
    }

    /// Somebody who was invited comes in.
    pub fn accept(&mut self, cx: &mut Cx, around: &mut Around<'_>, (id, who): (WhisperId, ParticipantId)) {
        self.members.insert(who, Member::new(WhisperState::Accepted));
        let event = SubroomAudioEvent::WhisperInviteAccepted(WhisperParticipantInfo {
            whisper_id: id,
            participant_id: who,
        });
        cx.send(self.lines_of(around, |id| id != who), &event);
        watch::came_in(cx, self, around, (media_space(id), who), false);
    }

    /// Takes somebody out of the group; whether it was in the room in LiveKit.
    pub fn remove(&mut self, who: ParticipantId) -> bool {
        let was_inside = self.is_inside(who) && !self.is_being_made;
        self.members.remove(&who);
        was_inside
    }

    /// Describes what is wrong with it.
    pub fn check(&self, agenda: &Agenda, id: WhisperId) -> Result<(), String> {
        if !self.is_anybody_inside() {
            return Err(format!("nobody is in the whisper group {id}"));
        }
        if self.members.len() > WHISPER_MEMBERS_MAX {
            return Err(format!("{} are in the whisper group {id}", self.members.len()));
        }
        watch::check::<Self>(&self.watched.looks, agenda, media_space(id))
    }
}

/// Sends somebody a token for the group's room in LiveKit.
pub(super) fn send_token(cx: &mut Cx, around: &mut Around<'_>, (id, who): (WhisperId, ParticipantId)) {
    let Some(line) = around.people.line_inside(who) else {
        return;
    };
    let (secret, token) = token(cx, around, (id, who));
    let event = SubroomAudioEvent::WhisperToken {
        whisper_id: id,
        token: &token,
    };
    let seq = cx.send_secret(Receivers::One(line), &event, vec![secret]);
    around.people.set_whole_since(who, seq);
}

fn token(cx: &Cx, around: &Around<'_>, (id, who): (WhisperId, ParticipantId)) -> (Secret, String) {
    cx.media_secret(MediaAccess {
        identity: MediaIdentity::from(who).to_string(),
        grant: VideoGrant {
            room_join: true,
            room: media_room(around, id).to_string(),
            can_publish: true,
            can_subscribe: true,
            can_publish_data: false,
            can_publish_sources: vec![Source::Microphone],
            hidden: false,
        },
    })
}
