//! A participant: who it is, where it is, and how the others see it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    access::Origin,
    missed::{Away, Changed},
    traces::Trace,
};
use crate::{
    encoding::{self, EncodeError},
    ids::{GroupId, OriginHash, ParticipantId, SessionNo, Space, Timestamp},
    protocol::{
        breakout::InOtherRoom,
        limits::{NETWORKS_PER_PARTICIPANT_MAX, POPOUTS_PER_PARTICIPANT_MAX},
        meeting::{ControlState, Group, Identity, ParticipationKind, Role},
        names::DisplayName,
    },
};

/// Where the others see a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Outside,
    Waiting,
    Inside,
}

/// When a participant was in one of the meeting's rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    pub space: Space,
    pub joined_at: Timestamp,
    /// None while it is there.
    pub left_at: Option<Timestamp>,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that have nothing to do with one another"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Participant {
    pub kind: ParticipationKind,
    pub display_name: DisplayName,
    pub avatar_url: Option<Arc<str>>,
    pub is_room_owner: bool,
    pub role: Role,
    /// A role that a moderator granted or revoked: sticks while the meeting lives.
    pub granted: Option<Role>,
    #[serde(default)]
    pub groups: Arc<[Group]>,
    pub place: Place,
    /// The room that it is in, or was in last.
    #[serde(default)]
    pub space: Space,
    /// Where events go: the number of the session that came in, kept by those that resume it.
    pub line: SessionNo,
    /// The session that is connected; none while lost.
    pub session: Option<SessionNo>,
    /// The last event that is not kept for resuming: whoever has not seen it must start anew.
    #[serde(default)]
    pub whole_since: u64,
    /// Rooms that it has been in; those who only waited are not listed.
    #[serde(default)]
    pub visits: Vec<Visit>,
    /// When it came, into the waiting room or a room.
    pub arrived_at: Timestamp,
    /// When it left the meeting or was sent to wait.
    pub left_at: Option<Timestamp>,
    /// Shown only while it is inside, and kept for a resumption.
    pub hand_is_up: bool,
    pub hand_updated_at: Timestamp,
    /// Popout tokens that were given out.
    #[serde(default)]
    pub popouts: u32,
    /// When it closed its connection by itself.
    #[serde(default)]
    pub quit_at: Option<Timestamp>,
    /// Whether it waited when it was there last: then it comes from no room.
    #[serde(default)]
    pub has_waited: bool,
    /// Who gave it its name, and how it was called before.
    #[serde(default)]
    pub renamed: Option<Box<(Changed, DisplayName)>>,
    /// Who lowered its hand last.
    #[serde(default)]
    pub hand_lowered: Option<Changed>,
    /// Where its socket comes from, and the number that it calls from.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// All networks that it has come from, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<OriginHash>,
    #[serde(default)]
    pub number: Option<OriginHash>,
    /// By what it would be known again, if a moderator has removed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<Trace>,
    /// LiveKit is known to have let it go since it left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_out_of_media: bool,
    /// LiveKit shows that it has come back without us, and nothing has come of that yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_back_unasked: bool,
    /// Since when its client is away, or was when it came back last.
    #[serde(default)]
    pub away: Option<Box<Away>>,
    /// Encoded entries by room, as they were when the participant last changed.
    #[serde(skip)]
    pub(super) entries: Cache<Vec<(Space, Arc<str>)>>,
}

/// Something that follows from the state: no part of it, and not compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Cache<T>(pub T);

impl<T> PartialEq for Cache<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// Stands at the end of every entry of a registered user; groups in common with the receiver go between the brackets.
const NO_GROUPS: &str = r#","chat":{"groups":[]}}"#;

impl Participant {
    /// Its socket comes from here now.
    pub fn comes_from(&mut self, origin: Option<Origin>) {
        self.origin = origin;
        if let Some(origin) = origin {
            self.add_network(origin.network);
        }
    }

    fn add_network(&mut self, network: OriginHash) {
        self.networks.retain(|known| *known != network);
        if self.networks.len() >= NETWORKS_PER_PARTICIPANT_MAX {
            self.networks.remove(0);
        }
        self.networks.push(network);
    }

    pub fn new(identity: &Identity, display_name: DisplayName, session: SessionNo, at: Timestamp) -> Self {
        Self {
            kind: identity.kind,
            display_name,
            avatar_url: identity.avatar_url.as_deref().map(Into::into),
            is_room_owner: identity.is_room_owner,
            role: identity.role,
            granted: None,
            groups: super::groups::sorted(&identity.groups),
            place: Place::Outside,
            space: Space::MAIN,
            line: session,
            session: Some(session),
            whole_since: 0,
            visits: Vec::new(),
            arrived_at: at,
            left_at: None,
            hand_is_up: false,
            hand_updated_at: at,
            popouts: 0,
            quit_at: None,
            has_waited: false,
            renamed: None,
            hand_lowered: None,
            origin: None,
            networks: Vec::new(),
            number: None,
            traces: Vec::new(),
            is_out_of_media: false,
            is_back_unasked: false,
            away: None,
            entries: Cache::default(),
        }
    }

    /// The same participant comes again: what a moderator decided and what it did itself stays with its id.
    pub fn remember(&mut self, before: &Self) {
        self.granted = before.granted;
        self.role = before.granted.unwrap_or(self.role);
        self.visits.clone_from(&before.visits);
        self.left_at = before.left_at.filter(|_| before.was_inside());
        self.popouts = before.popouts;
        self.traces.clone_from(&before.traces);
        self.number = self.number.or(before.number);
        let own = std::mem::replace(&mut self.networks, before.networks.clone());
        for network in own {
            self.add_network(network);
        }
        self.hand_lowered = before.hand_lowered;
        self.away.clone_from(&before.away);
        if before.renamed.is_some() {
            self.renamed.clone_from(&before.renamed);
            self.display_name = before.display_name.clone();
        }
        if before.hand_is_up {
            (self.hand_is_up, self.hand_updated_at) = (true, before.hand_updated_at);
        }
    }

    /// Takes the role of moderator from somebody from whom it was revoked. The room's owner keeps it.
    pub fn lose_revoked_role(&mut self) {
        if self.is_moderator() && !self.is_room_owner {
            self.role = Identity::plain_role(self.kind);
        }
    }

    #[must_use]
    pub fn is_moderator(&self) -> bool {
        self.role == Role::Moderator
    }

    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.kind == ParticipationKind::Recorder
    }

    /// The highest number of a popout window that it may have.
    #[must_use]
    pub fn popout_windows(&self) -> u32 {
        self.popouts.min(POPOUTS_PER_PARTICIPANT_MAX)
    }

    #[must_use]
    pub fn is_present(&self) -> bool {
        self.place != Place::Outside
    }

    #[must_use]
    pub fn is_inside(&self, space: Space) -> bool {
        self.place == Place::Inside && self.space == space
    }

    /// Whether it has been in any room of the meeting.
    #[must_use]
    pub fn was_inside(&self) -> bool {
        !self.visits.is_empty()
    }

    #[must_use]
    pub fn visit(&self, space: Space) -> Option<&Visit> {
        self.visits.iter().find(|visit| visit.space == space)
    }

    /// Listed to those in a room: visible and once there.
    #[must_use]
    pub fn is_listed(&self, space: Space) -> bool {
        !self.is_hidden() && self.visit(space).is_some()
    }

    pub fn enter(&mut self, space: Space, at: Timestamp) {
        (self.place, self.space, self.left_at, self.has_waited) = (Place::Inside, space, None, false);
        self.traces.clear();
        self.is_out_of_media = false;
        let visit = Visit {
            space,
            joined_at: at,
            left_at: None,
        };
        match self.visits.iter_mut().find(|known| known.space == space) {
            Some(known) => *known = visit,
            None => self.visits.push(visit),
        }
    }

    /// Leaves the room that it is in, if it is in one.
    pub fn exit(&mut self, at: Timestamp) {
        let space = self.space;
        if self.place == Place::Inside
            && let Some(visit) = self.visits.iter_mut().find(|visit| visit.space == space)
        {
            visit.left_at = Some(at);
        }
    }

    pub fn in_group(&self, id: GroupId) -> bool {
        self.groups.iter().any(|group| group.id == id)
    }

    fn control_state(&self, joined_at: Timestamp, left_at: Option<Timestamp>) -> ControlState<'_> {
        ControlState {
            display_name: &self.display_name,
            role: self.role,
            avatar_url: self.avatar_url.as_deref(),
            participation_kind: self.kind,
            hand_is_up: self.hand_is_up && left_at.is_none() && self.place == Place::Inside,
            joined_at,
            left_at,
            hand_updated_at: self.hand_updated_at,
            is_room_owner: self.is_room_owner,
        }
    }

    /// As moderators see somebody who waits: since when, and when it was sent out.
    #[must_use]
    pub fn waiting_state(&self) -> ControlState<'_> {
        ControlState {
            hand_updated_at: self.arrived_at,
            ..self.control_state(self.arrived_at, self.left_at)
        }
    }

    /// As those in other rooms see it.
    #[must_use]
    pub fn in_other_room(&self, id: ParticipantId) -> InOtherRoom<'_> {
        let visit = self.visit(self.space);
        InOtherRoom {
            breakout_room: self.space.0,
            id,
            display_name: &self.display_name,
            role: self.role,
            avatar_url: self.avatar_url.as_deref(),
            participation_kind: self.kind,
            joined_at: visit.map_or(self.arrived_at, |visit| visit.joined_at),
            left_at: visit.and_then(|visit| visit.left_at),
        }
    }

    /// The encoded entry for those in a room, with the fields of modules and without groups; made anew after a change only.
    pub fn entry(&mut self, id: ParticipantId, space: Space, more: impl FnOnce() -> String) -> Arc<str> {
        if let Some((_, entry)) = self.entries.0.iter().find(|(known, _)| *known == space) {
            return Arc::clone(entry);
        }
        let (joined_at, left_at) = self
            .visit(space)
            .map_or((self.arrived_at, self.left_at), |v| (v.joined_at, v.left_at));
        let entry = self.encode(id, self.control_state(joined_at, left_at), &more());
        self.entries.0.push((space, Arc::clone(&entry)));
        entry
    }

    /// The encoded entry of somebody who waits.
    #[must_use]
    pub fn waiting_entry(&self, id: ParticipantId) -> Arc<str> {
        self.encode(id, self.waiting_state(), "")
    }

    fn encode(&self, id: ParticipantId, control: ControlState<'_>, more: &str) -> Arc<str> {
        #[derive(Serialize)]
        struct Entry<'a> {
            id: ParticipantId,
            control: ControlState<'a>,
        }
        let mut text = encoding::encode(&Entry { id, control }).unwrap_or_else(EncodeError::undo);
        // The fields of modules, and the groups, stand before the closing brace.
        text.pop();
        text.push_str(more);
        text.push_str(if self.kind == ParticipationKind::User {
            NO_GROUPS
        } else {
            "}"
        });
        text.into()
    }
}

/// An entry with the names of the groups that its participant has in common with a receiver, as [`super::groups::encode`]
/// gives them.
#[must_use]
pub fn with_groups(entry: &str, names: &str) -> String {
    let mut text = String::with_capacity(entry.len() + names.len());
    push_with_groups(&mut text, entry, names);
    text
}

/// Appends [`with_groups`] to a text.
pub fn push_with_groups(text: &mut String, entry: &str, names: &str) {
    const END: &str = "]}}";
    match entry.strip_suffix(END) {
        Some(begin) => {
            text.push_str(begin);
            text.push_str(names);
            text.push_str(END);
        }
        // Only registered users have groups.
        None => text.push_str(entry),
    }
}
