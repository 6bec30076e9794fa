//! The participants of a meeting, and who of them receives what.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::effects::Receivers;
use crate::{
    ids::{ParticipantId, SessionNo, Timestamp},
    protocol::{
        limits::DEPARTED_PARTICIPANTS_MAX,
        meeting::{ControlState, ParticipationKind, Role},
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Participant {
    pub kind: ParticipationKind,
    pub display_name: DisplayName,
    pub avatar_url: Option<Arc<str>>,
    pub is_room_owner: bool,
    pub role: Role,
    /// A role that a moderator granted or revoked: sticks while the meeting lives.
    pub granted: Option<Role>,
    pub place: Place,
    /// The session that receives events; none while lost.
    pub session: Option<SessionNo>,
    /// When the first `join_success` went out: those who only waited are not listed.
    pub ever_inside: bool,
    pub joined_at: Timestamp,
    pub left_at: Option<Timestamp>,
    pub hand_is_up: bool,
    pub hand_updated_at: Timestamp,
    /// The entry as `participants`, `joined` and `update` show it, encoded when it last changed.
    #[serde(skip)]
    entry: Cache<Arc<RawValue>>,
}

/// Something that follows from the state: no part of it, and not compared.
#[derive(Debug, Clone)]
struct Cache<T>(Option<T>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> PartialEq for Cache<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Participant {
    #[expect(
        clippy::too_many_arguments,
        reason = "one place constructs a participant, from three sources"
    )]
    pub fn new(
        kind: ParticipationKind,
        display_name: DisplayName,
        avatar_url: Option<Arc<str>>,
        is_room_owner: bool,
        role: Role,
        granted: Option<Role>,
        session: SessionNo,
        at: Timestamp,
    ) -> Self {
        Self {
            kind,
            display_name,
            avatar_url,
            is_room_owner,
            role,
            granted,
            place: Place::Outside,
            session: Some(session),
            ever_inside: false,
            joined_at: at,
            left_at: None,
            hand_is_up: false,
            hand_updated_at: at,
            entry: Cache::default(),
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

    #[must_use]
    pub fn is_present(&self) -> bool {
        self.place != Place::Outside
    }

    /// Listed to the others: visible and once inside.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.ever_inside && !self.is_hidden()
    }

    #[must_use]
    pub fn control_state(&self) -> ControlState<'_> {
        ControlState {
            display_name: &self.display_name,
            role: self.role,
            avatar_url: self.avatar_url.as_deref(),
            participation_kind: self.kind,
            hand_is_up: self.hand_is_up,
            joined_at: self.joined_at,
            left_at: self.left_at,
            hand_updated_at: self.hand_updated_at,
            is_room_owner: self.is_room_owner,
        }
    }

    /// The encoded entry; made anew after a change only.
    pub fn entry(&mut self, id: ParticipantId) -> Arc<RawValue> {
        #[derive(Serialize)]
        struct Entry<'a> {
            id: ParticipantId,
            control: ControlState<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            chat: Option<ChatPeer>,
        }
        #[derive(Serialize)]
        struct ChatPeer {
            groups: [&'static str; 0],
        }
        if let Some(entry) = &self.entry.0 {
            return Arc::clone(entry);
        }
        let chat = (self.kind == ParticipationKind::User).then_some(ChatPeer { groups: [] });
        let encoded = serde_json::value::to_raw_value(&Entry {
            id,
            control: self.control_state(),
            chat,
        });
        // A struct of strings, numbers and times always encodes.
        let entry: Arc<RawValue> = Arc::from(encoded.unwrap_or_default());
        self.entry.0 = Some(Arc::clone(&entry));
        entry
    }
}

/// All participants of one meeting in the order of their ids, with cached lists of receivers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roster {
    people: BTreeMap<ParticipantId, Participant>,
    #[serde(skip)]
    inside: Cache<Arc<[SessionNo]>>,
}

impl Roster {
    #[must_use]
    pub fn get(&self, id: ParticipantId) -> Option<&Participant> {
        self.people.get(&id)
    }

    pub fn insert(&mut self, id: ParticipantId, participant: Participant) {
        self.forget_lists();
        self.people.insert(id, participant);
    }

    /// Changes a participant; its entry and the lists of receivers are made anew when they are next needed.
    pub fn change<T>(&mut self, id: ParticipantId, change: impl FnOnce(&mut Participant) -> T) -> Option<T> {
        let participant = self.people.get_mut(&id)?;
        participant.entry.0 = None;
        let before = (participant.place, participant.session);
        let result = change(participant);
        if before != (participant.place, participant.session) {
            self.forget_lists();
        }
        Some(result)
    }

    /// Gives a participant another session, or none: its entry shows nothing of that and stays encoded.
    pub fn set_session(&mut self, id: ParticipantId, session: Option<SessionNo>) {
        if let Some(participant) = self.people.get_mut(&id) {
            participant.session = session;
            self.forget_lists();
        }
    }

    pub fn entry(&mut self, id: ParticipantId) -> Option<Arc<RawValue>> {
        Some(self.people.get_mut(&id)?.entry(id))
    }

    pub fn iter(&self) -> impl Iterator<Item = (ParticipantId, &Participant)> {
        self.people.iter().map(|(id, participant)| (*id, participant))
    }

    /// Encoded entries of all who are listed, except one.
    pub fn entries_but(&mut self, me: ParticipantId) -> impl Iterator<Item = Arc<RawValue>> {
        let listed = self
            .people
            .iter_mut()
            .filter(move |(id, other)| **id != me && other.is_listed());
        listed.map(|(id, other)| other.entry(*id))
    }

    fn forget_lists(&mut self) {
        self.inside.0 = None;
    }

    /// Everybody who joined, hidden ones too.
    pub fn all(&mut self) -> Receivers {
        let people = &self.people;
        let sessions = self.inside.0.get_or_insert_with(|| {
            people
                .values()
                .filter(|p| p.place == Place::Inside)
                .filter_map(|p| p.session)
                .collect()
        });
        Receivers::Many {
            sessions: Arc::clone(sessions),
            except: None,
        }
    }

    /// Everybody who joined but this participant.
    pub fn others(&mut self, me: ParticipantId) -> Receivers {
        let session = self.people.get(&me).and_then(|p| p.session);
        self.all().but(session)
    }

    /// The session of a participant, if it is connected.
    #[must_use]
    pub fn session(&self, id: ParticipantId) -> Option<SessionNo> {
        self.people.get(&id)?.session
    }

    /// The session of a participant, if it is connected and does not wait.
    #[must_use]
    pub fn session_inside(&self, id: ParticipantId) -> Option<SessionNo> {
        let participant = self.people.get(&id)?;
        participant.session.filter(|_| participant.place == Place::Inside)
    }

    /// Whether anybody is inside or waiting; the recorder alone keeps no meeting alive.
    #[must_use]
    pub fn anybody_present(&self) -> bool {
        self.people.values().any(|p| p.is_present() && !p.is_hidden())
    }

    #[must_use]
    pub fn count(&self, place: Place) -> usize {
        self.people.values().filter(|p| p.place == place).count()
    }

    /// Forgets the oldest departed participants above the limit.
    pub fn trim_departed(&mut self) -> Vec<ParticipantId> {
        let gone = self.people.iter().filter(|(_, p)| !p.is_present());
        let mut departed: Vec<_> = gone.map(|(id, p)| (p.left_at, *id)).collect();
        let excess = departed.len().saturating_sub(DEPARTED_PARTICIPANTS_MAX);
        if excess == 0 {
            return Vec::new();
        }
        departed.sort_unstable();
        departed.truncate(excess);
        for (_, id) in &departed {
            self.people.remove(id);
        }
        departed.into_iter().map(|(_, id)| id).collect()
    }
}
