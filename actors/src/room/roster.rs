//! The participants of a meeting, and who of them receives what.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize};

pub use super::participant::{Participant, Place};
use super::{
    cost::Cost,
    effects::{Cx, Receivers},
    groups,
    missed::Away,
    participant::{Cache, with_groups},
};
use crate::{
    ids::{GroupId, ParticipantId, SessionNo, Space},
    protocol::{
        control::{ControlEvent, PeerEntry},
        limits::{DEPARTED_AUTHORS_MAX, DEPARTED_PARTICIPANTS_MAX},
        meeting::{Group, ParticipationKind},
        moderation::ModerationEvent,
    },
};

/// All participants of one meeting in the order of their ids, with cached lists of receivers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roster {
    #[serde(deserialize_with = "with_shared_groups")]
    people: BTreeMap<ParticipantId, Participant>,
    #[serde(skip)]
    lists: Cache<BTreeMap<Circle, Arc<[SessionNo]>>>,
    /// Those of whom the others hear at the end of the input.
    #[serde(skip)]
    announced: Cache<BTreeSet<ParticipantId>>,
}

/// Equal sets of groups lie in one place, as [`Roster::insert`] leaves them.
fn with_shared_groups<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<ParticipantId, Participant>, D::Error> {
    let mut people = BTreeMap::<ParticipantId, Participant>::deserialize(deserializer)?;
    let mut sets: BTreeMap<Vec<GroupId>, Arc<[Group]>> = BTreeMap::new();
    for participant in people.values_mut() {
        let ids = participant.groups.iter().map(|group| group.id).collect();
        let same = sets.entry(ids).or_insert_with(|| Arc::clone(&participant.groups));
        if *same == participant.groups {
            participant.groups = Arc::clone(same);
        }
    }
    Ok(people)
}

/// Who hears something. Hidden participants hear everything; whoever is lost will hear it if it resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Circle {
    /// Everybody inside.
    All,
    /// Those in one room.
    In(Space),
    /// The registered users in one room.
    Users(Space),
    /// Those in all other rooms.
    Beside(Space),
    /// The members of a group who are in one room.
    Group(Space, GroupId),
}

/// An event that shows a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Joined,
    Update,
    JoinedWaitingRoom,
}

impl Shown {
    fn send(self, cx: &mut Cx, to: Receivers, entry: &str) {
        let entry = PeerEntry(entry);
        match self {
            Self::Joined => cx.send(to, &ControlEvent::Joined(entry)),
            Self::Update => cx.send(to, &ControlEvent::Update(entry)),
            Self::JoinedWaitingRoom => cx.send(to, &ModerationEvent::JoinedWaitingRoom(entry)),
        }
    }
}

impl Circle {
    fn holds(self, participant: &Participant) -> bool {
        participant.place == Place::Inside
            && match self {
                Self::All => true,
                Self::In(space) => participant.space == space,
                Self::Users(space) => {
                    participant.space == space && participant.kind == ParticipationKind::User
                }
                Self::Beside(space) => participant.space != space,
                Self::Group(space, id) => participant.space == space && participant.in_group(id),
            }
    }
}

impl Roster {
    #[must_use]
    pub fn get(&self, id: ParticipantId) -> Option<&Participant> {
        self.people.get(&id)
    }

    /// Somebody comes. Whose groups are those of somebody else has them in the same place: what two sets have in common is looked at
    /// once for all who have them.
    pub fn insert(&mut self, id: ParticipantId, mut participant: Participant) {
        self.forget_lists();
        let same = self
            .people
            .values()
            .find(|other| other.groups == participant.groups);
        if let Some(same) = same {
            participant.groups = Arc::clone(&same.groups);
        }
        self.people.insert(id, participant);
    }

    /// Changes a participant; its entries and the lists of receivers are made anew when they are next needed.
    pub fn change<T>(&mut self, id: ParticipantId, change: impl FnOnce(&mut Participant) -> T) -> Option<T> {
        let participant = self.people.get_mut(&id)?;
        participant.entries.0.clear();
        let before = (participant.place, participant.space, participant.line);
        let result = change(participant);
        if before != (participant.place, participant.space, participant.line) {
            self.forget_lists();
        }
        Some(result)
    }

    /// Gives a participant another session, or none: its entries show nothing of that and stay encoded.
    pub fn set_session(&mut self, id: ParticipantId, session: Option<SessionNo>) {
        if let Some(participant) = self.people.get_mut(&id) {
            participant.session = session;
        }
    }

    /// Sets since when a client is away.
    pub fn set_away(&mut self, id: ParticipantId, away: Away) {
        if let Some(participant) = self.people.get_mut(&id) {
            participant.away = Some(Box::new(away));
        }
    }

    /// LiveKit has let somebody go.
    pub fn set_out_of_media(&mut self, id: ParticipantId) {
        if let Some(participant) = self.people.get_mut(&id) {
            participant.is_out_of_media = true;
        }
    }

    /// Events up to this number are not all kept for this participant.
    pub fn set_whole_since(&mut self, id: ParticipantId, seq: u64) {
        if let Some(participant) = self.people.get_mut(&id) {
            participant.whole_since = seq;
        }
    }

    /// Something in one room changed what the entries there show.
    pub fn forget_entries(&mut self, space: Space) {
        for participant in self.people.values_mut() {
            participant.entries.0.retain(|(known, _)| *known != space);
        }
    }

    pub fn forget_entry(&mut self, id: ParticipantId) {
        if let Some(participant) = self.people.get_mut(&id) {
            participant.entries.0.clear();
        }
    }

    /// A breakout room is gone: nobody was there.
    pub fn forget_space(&mut self, space: Space) {
        for participant in self.people.values_mut() {
            participant.entries.0.retain(|(known, _)| *known != space);
            participant.visits.retain(|visit| visit.space != space);
        }
    }

    /// What a module says of somebody has changed: the others there get its entry anew, once for an input.
    pub fn announce(&mut self, id: ParticipantId) {
        self.forget_entry(id);
        self.announced.0.insert(id);
    }

    pub(super) fn take_announced(&mut self) -> BTreeSet<ParticipantId> {
        std::mem::take(&mut self.announced.0)
    }

    /// The encoded entry of a participant as those in a room see it; `more` are the fields of modules, asked for where it is made anew.
    pub fn entry(
        &mut self,
        id: ParticipantId,
        space: Space,
        more: impl FnOnce() -> String,
    ) -> Option<Arc<str>> {
        Some(self.people.get_mut(&id)?.entry(id, space, more))
    }

    pub fn iter(&self) -> impl Iterator<Item = (ParticipantId, &Participant)> {
        self.people.iter().map(|(id, participant)| (*id, participant))
    }

    /// Encoded entries of all who are listed in a room, except the one who receives them, each with the names of the groups
    /// that both are in.
    pub fn entries_for(
        &mut self,
        cost: &mut Cost,
        me: ParticipantId,
        space: Space,
        more: impl Fn(ParticipantId) -> String,
    ) -> Vec<(Arc<str>, Option<Arc<str>>)> {
        let mine = self.people.get(&me).map(|p| Arc::clone(&p.groups));
        let mine = mine.as_deref().unwrap_or_default();
        let mut in_common = groups::InCommon::with(mine);
        cost.entries(self.people.len());
        let listed = self
            .people
            .iter_mut()
            .filter(|(id, other)| **id != me && other.is_listed(space));
        let entries = listed.map(|(id, other)| {
            let entry = other.entry(*id, space, || more(*id));
            if mine.is_empty() || other.groups.is_empty() {
                return (entry, None);
            }
            let names = in_common.names(&other.groups, cost);
            (entry, (!names.is_empty()).then_some(names))
        });
        entries.collect()
    }

    fn forget_lists(&mut self) {
        self.lists.0.clear();
    }

    /// The sessions of a circle.
    pub fn circle(&mut self, circle: Circle) -> Receivers {
        let people = &self.people;
        let sessions = self.lists.0.entry(circle).or_insert_with(|| {
            let inside = people.values().filter(|p| circle.holds(p));
            inside.map(|p| p.line).collect()
        });
        Receivers::Many {
            sessions: Arc::clone(sessions),
            except: None,
        }
    }

    /// Everybody inside, in whatever room.
    pub fn all(&mut self) -> Receivers {
        self.circle(Circle::All)
    }

    /// Everybody in this participant's room, itself included.
    pub fn around(&mut self, me: ParticipantId) -> Receivers {
        let space = self.space(me);
        self.circle(Circle::In(space))
    }

    /// Sends an event that shows a participant to all others of a circle. Receivers who have groups in common with it
    /// see them; the others share one encoding.
    pub fn show(&mut self, cx: &mut Cx, circle: Circle, subject: ParticipantId, entry: &str, shown: Shown) {
        let Some(participant) = self.people.get(&subject) else {
            return;
        };
        let (own, line) = (Arc::clone(&participant.groups), participant.line);
        if own.is_empty() {
            let to = self.circle(circle).but(Some(line));
            return shown.send(cx, to, entry);
        }
        let mut in_common = groups::InCommon::with(&own);
        let mut by_names: BTreeMap<Arc<str>, Vec<SessionNo>> = BTreeMap::new();
        for receiver in self.people.values().filter(|p| circle.holds(p) && p.line != line) {
            let names = in_common.names(&receiver.groups, &mut cx.cost);
            by_names.entry(names).or_default().push(receiver.line);
        }
        for (names, sessions) in by_names {
            shown.send(cx, Receivers::from(sessions), &with_groups(entry, &names));
        }
    }

    /// [`Roster::show`] to one receiver.
    pub fn show_one(&self, cx: &mut Cx, to: ParticipantId, subject: &Participant, entry: &str, shown: Shown) {
        let Some(receiver) = self.people.get(&to) else {
            return;
        };
        let common = groups::in_common(&subject.groups, &receiver.groups, &mut cx.cost);
        let entry = with_groups(entry, &groups::encode(&common));
        shown.send(cx, Receivers::One(receiver.line), &entry);
    }

    /// The line of a participant: where events for it go, if it is here.
    #[must_use]
    pub fn line(&self, id: ParticipantId) -> Option<SessionNo> {
        let participant = self.people.get(&id)?;
        participant.is_present().then_some(participant.line)
    }

    /// The same for somebody who is inside only.
    #[must_use]
    pub fn line_inside(&self, id: ParticipantId) -> Option<SessionNo> {
        let participant = self.people.get(&id)?;
        (participant.place == Place::Inside).then_some(participant.line)
    }

    /// Those of these who are inside.
    #[must_use]
    pub fn these(&self, ids: impl IntoIterator<Item = ParticipantId>) -> Receivers {
        let lines = ids.into_iter().filter_map(|id| self.line_inside(id));
        lines.collect::<Vec<_>>().into()
    }

    /// The room of a participant.
    #[must_use]
    pub fn space(&self, id: ParticipantId) -> Space {
        self.people.get(&id).map_or(Space::MAIN, |p| p.space)
    }

    #[must_use]
    pub fn is_moderator(&self, id: ParticipantId) -> bool {
        self.people.get(&id).is_some_and(Participant::is_moderator)
    }

    /// Whether anybody is inside or waiting; the recorder alone keeps no meeting alive.
    #[must_use]
    pub fn anybody_present(&self) -> bool {
        self.people.values().any(|p| p.is_present() && !p.is_hidden())
    }

    /// Whether anybody is in a room, connected or lost.
    #[must_use]
    pub fn anybody_in(&self, space: Space) -> bool {
        self.people.values().any(|p| p.is_inside(space))
    }

    /// Whether nobody else is in this participant's room.
    #[must_use]
    pub fn is_alone(&self, me: ParticipantId) -> bool {
        let space = self.space(me);
        !self.people.iter().any(|(id, p)| *id != me && p.is_inside(space))
    }

    #[must_use]
    pub fn count(&self, place: Place) -> usize {
        self.people.values().filter(|p| p.place == place).count()
    }

    /// Forgets the oldest departed participants above the limit. Whoever is named by kept messages is spared, as long as
    /// there are not too many of them either.
    pub fn trim_departed(&mut self, is_named: impl Fn(ParticipantId) -> bool) -> Vec<ParticipantId> {
        if self.people.len() <= DEPARTED_PARTICIPANTS_MAX {
            return Vec::new();
        }
        let gone = self.people.iter().filter(|(_, p)| !p.is_present());
        let mut departed: Vec<_> = gone.map(|(id, p)| (p.left_at, *id)).collect();
        let mut excess = departed.len().saturating_sub(DEPARTED_PARTICIPANTS_MAX);
        if excess == 0 {
            return Vec::new();
        }
        departed.sort_unstable();
        let (mut forgotten, mut named) = (Vec::new(), Vec::new());
        for (_, id) in departed {
            if excess == 0 {
                break;
            } else if is_named(id) {
                named.push(id);
            } else {
                forgotten.push(id);
                excess -= 1;
            }
        }
        forgotten.extend(
            named
                .into_iter()
                .take(excess.saturating_sub(DEPARTED_AUTHORS_MAX)),
        );
        for id in &forgotten {
            self.people.remove(id);
        }
        forgotten
    }
}
