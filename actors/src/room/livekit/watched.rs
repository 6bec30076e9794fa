//! What all rooms of LiveKit have that are counterparts of something in a meeting.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{looks::Looks, strays::Strays};
use crate::{
    ids::{ParticipantId, Space},
    livekit::{Call, Expected, Source},
    protocol::Namespace,
    room::{effects::Cx, module::Around},
    task::Work,
};

/// How far LiveKit has followed in one of its rooms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// Those of whom LiveKit has yet to hear what they may publish.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(in crate::room) to_permit: BTreeSet<ParticipantId>,
    pub(in crate::room) looks: Looks,
    pub(in crate::room) strays: Strays,
}

/// A room of LiveKit, and who should be in it: people of a room of the meeting, or a whisper group. Its space is the one of its name.
pub(in crate::room) trait MediaSpace {
    /// Whose deadlines its looks are.
    const NAMESPACE: Namespace;

    /// A call as the namespace's work.
    fn work(call: Call) -> Work;

    fn watched(&mut self) -> &mut Watched;

    /// How somebody should be there; none for who should not.
    fn expected(&self, around: &Around<'_>, space: Space, who: ParticipantId) -> Option<Expected>;

    /// All who should be there, in the order of ids.
    fn all_expected(&self, cx: &mut Cx, around: &Around<'_>, space: Space) -> Vec<Expected>;

    /// Whether anybody should.
    fn expects_anybody(&self, around: &Around<'_>, space: Space) -> bool;

    /// Whether somebody may not publish all that it could.
    fn is_restricted(&self, around: &Around<'_>) -> bool;

    /// Somebody who has no microphone speaks under the name of this source.
    fn unmask(&mut self, who: ParticipantId, source: Source);
}
