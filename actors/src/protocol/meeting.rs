//! What a meeting and its participants bring along from REST.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Namespace, chat::GroupName, names::DisplayName, shared_folder::FolderLinks,
    training_participation_report::TrainingParameters,
};
use crate::ids::{GroupId, InviteCode, RoomId, StreamingTargetId, Timestamp, UserId};

/// A participant's rights.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Guest,
    User,
    Moderator,
}

/// How somebody takes part. A recorder is hidden from everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParticipationKind {
    User,
    Guest,
    Sip,
    Recorder,
}

impl ParticipationKind {
    /// What somebody is called of whom no name is known.
    #[must_use]
    pub fn nameless(self) -> DisplayName {
        DisplayName::from_profile(match self {
            Self::User => "",
            Self::Guest | Self::Sip => "Guest",
            Self::Recorder => "Recorder",
        })
    }
}

/// Whose right it is to be here. A resumption token works only for the caller it was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    User(UserId),
    Guest(InviteCode),
    Sip,
    Recorder,
}

impl Caller {
    /// The user who calls: a guest may have said who it is, by an access token beside the invite.
    #[must_use]
    pub fn user(self, signed_in: Option<UserId>) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Guest(_) | Self::Sip | Self::Recorder => signed_in,
        }
    }
}

/// Somebody who may join, as read from the database when the ticket was issued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    pub kind: ParticipationKind,
    /// The role at join: moderator for the owner, else that of the invitation.
    pub role: Role,
    /// Name from the profile of a registered user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_name: Option<DisplayName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    #[serde(default)]
    pub is_room_owner: bool,
    /// Groups of a registered user, for group chats.
    #[serde(default, skip_serializing_if = "<[Group]>::is_empty")]
    pub groups: Arc<[Group]>,
}

/// A group of users, as the identity provider names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub id: GroupId,
    pub name: GroupName,
}

/// What is fixed for a meeting when it begins: later changes count from the next meeting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "settings of a room, each of its own"
)]
pub struct MeetingFacts {
    /// Whose room it is. Journals of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    pub room: RoomInfo,
    pub tariff: Tariff,
    #[serde(default)]
    pub event: Option<EventInfo>,
    #[serde(default)]
    pub waiting_room: bool,
    /// Whether newcomers by a link wait even if nobody else does.
    #[serde(default, skip_serializing_if = "is_false")]
    pub guests_wait: bool,
    /// Whether callers wait even if nobody else does.
    #[serde(default)]
    pub sip_lobby: bool,
    /// Whether registered users may join under another name than their profile's.
    pub custom_display_names: bool,
    /// When trainees are asked whether they are there; none where the event does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingParameters>,
    /// The folder of the room's event. It may change during the meeting: what is so now is the module's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_folder: Option<FolderLinks>,
    /// What may be recorded and streamed; none where the server has no recorders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingFacts>,
}

/// What a meeting may be recorded and streamed to, as far as the tariff has the features for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingFacts {
    /// The id of the meeting's own recording.
    pub id: StreamingTargetId,
    /// Where the room's owner lets it be streamed to.
    #[serde(default)]
    pub livestreams: Vec<Livestream>,
}

/// Where a meeting may be streamed to, without what only a recorder may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Livestream {
    pub id: StreamingTargetId,
    pub name: String,
    /// Where it can be watched.
    pub public_url: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde's `skip_serializing_if` asks for"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// How a room takes people who come by a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestAccess {
    /// As all others.
    DirectAccess,
    /// They wait until a moderator accepts them, whatever the waiting room's flag says.
    WaitingRoom,
    /// Nobody comes in by a link.
    Disabled,
}

/// `room_info` of `join_success`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoomInfo {
    pub id: RoomId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    pub created_by: UserInfo,
}

impl RoomInfo {
    /// What this kind of participant is told. Callers came without the password, and a gateway may show what it gets.
    #[must_use]
    pub fn told_to(&self, kind: ParticipationKind) -> Cow<'_, Self> {
        if kind == ParticipationKind::Sip && self.password.is_some() {
            Cow::Owned(Self {
                password: None,
                ..self.clone()
            })
        } else {
            Cow::Borrowed(self)
        }
    }
}

/// The room's creator as participants see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UserInfo {
    pub title: String,
    pub firstname: String,
    pub lastname: String,
    pub display_name: String,
    pub avatar_url: String,
}

/// `event_info` of `join_success`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EventInfo {
    pub id: Uuid,
    pub room_id: RoomId,
    pub title: String,
    pub is_adhoc: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meeting_details: Option<MeetingDetails>,
    pub e2e_encryption: bool,
}

impl EventInfo {
    /// What this caller is told. A code that ends, or that one address alone has, must not give away one that does not.
    #[must_use]
    pub fn told_to(&self, caller: Caller) -> Cow<'_, Self> {
        match (caller, &self.meeting_details) {
            (Caller::Guest(own), Some(details)) if details.invite_code_id.is_some_and(|code| code != own) => {
                let details = MeetingDetails {
                    invite_code_id: None,
                    ..details.clone()
                };
                Cow::Owned(Self {
                    meeting_details: Some(details),
                    ..self.clone()
                })
            }
            _ => Cow::Borrowed(self),
        }
    }
}

/// How to reach the meeting by other ways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MeetingDetails {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_code_id: Option<InviteCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_in: Option<CallInInfo>,
    pub streaming_links: Vec<StreamingLink>,
}

/// The telephone number of a meeting, with what a caller types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CallInInfo {
    pub tel: String,
    pub id: String,
    pub password: String,
}

/// Where a meeting can be watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StreamingLink {
    pub name: String,
    pub url: String,
}

/// The owner's tariff: modules with their features, and quotas. Older clients read the two lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tariff {
    pub id: Uuid,
    pub name: String,
    pub quotas: BTreeMap<String, u64>,
    pub modules: BTreeMap<String, ModuleFeatures>,
    #[serde(default)]
    pub enabled_modules: BTreeSet<String>,
    #[serde(default)]
    pub disabled_features: BTreeSet<String>,
}

/// Features of one module that are on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModuleFeatures {
    pub features: BTreeSet<String>,
}

impl Tariff {
    /// What this kind of participant is told: the modules that it may use.
    #[must_use]
    pub fn told_to(&self, kind: ParticipationKind) -> Cow<'_, Self> {
        let exists =
            |name: &String| Namespace::named(name).is_none_or(|namespace| namespace.exists_for(kind));
        if self.modules.keys().chain(&self.enabled_modules).all(exists) {
            return Cow::Borrowed(self);
        }
        let mut told = self.clone();
        told.modules.retain(|name, _| exists(name));
        told.enabled_modules.retain(exists);
        Cow::Owned(told)
    }

    #[must_use]
    pub fn has_module(&self, name: &str) -> bool {
        self.modules.contains_key(name)
    }

    #[must_use]
    pub fn has_feature(&self, module: &str, feature: &str) -> bool {
        let module = self.modules.get(module);
        module.is_some_and(|module| module.features.contains(feature))
    }

    /// Participants of a meeting at the same time; none is no limit.
    #[must_use]
    pub fn participants_max(&self) -> Option<u64> {
        self.quotas.get("room_participant_limit").copied()
    }

    /// Seconds that a meeting may last from its first join; none is no limit.
    #[must_use]
    pub fn seconds_max(&self) -> Option<u64> {
        self.quotas.get("room_time_limit_secs").copied()
    }
}

/// A participant's `control` data.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ControlState<'a> {
    pub display_name: &'a DisplayName,
    pub role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<&'a str>,
    pub participation_kind: ParticipationKind,
    pub hand_is_up: bool,
    pub joined_at: Timestamp,
    /// Null while present: clients compare with null.
    pub left_at: Option<Timestamp>,
    pub hand_updated_at: Timestamp,
    pub is_room_owner: bool,
}
