//! Who has been in which room of the meeting, from the first join to the last leave. The roster forgets when somebody came first, and of too
//! many who have left all that it knew of them.

use std::collections::{BTreeMap, btree_map::Entry};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ParticipantId, Space, Timestamp, UserId},
    protocol::{limits::DEPARTED_ATTENDEES_MAX, meeting::Role, names::DisplayName},
    report::Attendee,
    room::{
        cost::Cost,
        module::{Around, PerSpace},
        roster::Participant,
    },
};

/// So many of the departed go at once where there are too many: looking for them takes a look at all.
const FORGOTTEN_AT_ONCE: usize = DEPARTED_ATTENDEES_MAX / 8;

/// The stays in all rooms of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stays(PerSpace<OfSpace>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct OfSpace {
    present: BTreeMap<ParticipantId, Stay>,
    departed: BTreeMap<ParticipantId, Departed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Stay {
    /// When it came first.
    joined: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
}

/// Somebody as it was when it left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Departed {
    #[serde(flatten)]
    stay: Stay,
    left: Timestamp,
    name: DisplayName,
    role: Role,
}

impl Stays {
    pub fn joined(&mut self, around: &Around<'_>, who: ParticipantId) {
        let Some(me) = around.people.get(who).filter(|p| !p.is_hidden()) else {
            return;
        };
        let here = self.0.of(me.space);
        let before = here.departed.remove(&who).map(|departed| departed.stay);
        let stay = before.or_else(|| stay(around, who, me, me.space));
        if let Some(stay) = stay {
            here.present.entry(who).or_insert(stay);
        }
    }

    pub fn left(&mut self, around: &Around<'_>, who: ParticipantId, space: Space) {
        let stay = self.0.get_mut(space).and_then(|here| here.present.remove(&who));
        let (Some(stay), Some(me)) = (stay, around.people.get(who)) else {
            return;
        };
        let Some(left) = me.visit(space).and_then(|visit| visit.left_at) else {
            return;
        };
        let departed = Departed {
            stay,
            left,
            name: me.display_name.clone(),
            role: me.role,
        };
        self.0.of(space).departed.insert(who, departed);
        if self.departed() > DEPARTED_ATTENDEES_MAX {
            self.forget_some(FORGOTTEN_AT_ONCE);
        }
    }

    /// A room is gone.
    pub fn forget(&mut self, space: Space) {
        self.0.remove(space);
    }

    fn departed(&self) -> usize {
        self.0.values().map(|here| here.departed.len()).sum()
    }

    /// Forgets so many of those who have left: guests and callers first, and of these who stayed shortest. So nobody who comes again and again
    /// takes the place of others.
    fn forget_some(&mut self, count: usize) {
        let all = self.0.iter();
        let all = all.flat_map(|(space, here)| here.departed.iter().map(move |(id, of)| (space, *id, of)));
        let mut order: Vec<_> = all
            .map(|(space, id, Departed { stay, left, .. })| {
                let stayed = left.as_micros() - stay.joined.as_micros();
                (stay.user.is_some(), stayed, space, id)
            })
            .collect();
        order.sort_unstable();
        for (_, _, space, id) in order.into_iter().take(count) {
            self.0.of(space).departed.remove(&id);
        }
    }

    /// All who have been in a room, each participant as it is called now, and each user once.
    pub fn attendees(&self, cost: &mut Cost, around: &Around<'_>, space: Space) -> Vec<Attendee> {
        let nobody = OfSpace::default();
        let here = self.0.get(space).unwrap_or(&nobody);
        cost.entries(around.people.iter().count() + here.departed.len());
        let known = around.people.iter().filter(|(_, p)| p.is_listed(space));
        let known = known.filter_map(|(id, p)| {
            let departed = here.departed.get(&id).map(|departed| departed.stay);
            let kept = here.present.get(&id).copied().or(departed);
            // A meeting that an earlier version has begun has kept nothing.
            let stay = kept.or_else(|| stay(around, id, p, space))?;
            let left = p.visit(space)?.left_at;
            Some(attendee(stay, left, &p.display_name, p.role))
        });
        let forgotten = here
            .departed
            .iter()
            .filter(|(id, _)| around.people.get(**id).is_none());
        let forgotten = forgotten.map(|(_, of)| attendee(of.stay, Some(of.left), &of.name, of.role));
        each_once(known.chain(forgotten))
    }
}

/// The stay of somebody who is in a room, or was, as far as the roster knows.
fn stay(around: &Around<'_>, who: ParticipantId, me: &Participant, space: Space) -> Option<Stay> {
    let user = around.user(who);
    let joined = me.visit(space)?.joined_at;
    Some(Stay { joined, user })
}

fn attendee(stay: Stay, left: Option<Timestamp>, name: &DisplayName, role: Role) -> Attendee {
    Attendee {
        name: name.clone(),
        role,
        user: stay.user,
        joined: stay.joined,
        left,
    }
}

/// A user with several sessions is one: there from the first to the last of them, with the highest role, and the name of the one that is
/// there, or was last.
fn each_once(all: impl Iterator<Item = Attendee>) -> Vec<Attendee> {
    let mut others = Vec::new();
    let mut users: BTreeMap<UserId, Attendee> = BTreeMap::new();
    for one in all {
        let Some(user) = one.user else {
            others.push(one);
            continue;
        };
        match users.entry(user) {
            Entry::Vacant(place) => {
                place.insert(one);
            }
            Entry::Occupied(mut place) => {
                let known = place.get_mut();
                let is_later = |left: Option<Timestamp>| left.unwrap_or(Timestamp::END);
                if is_later(one.left) > is_later(known.left) {
                    (known.left, known.name) = (one.left, one.name);
                }
                known.joined = known.joined.min(one.joined);
                known.role = known.role.max(one.role);
            }
        }
    }
    others.extend(users.into_values());
    others
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SPACE: Space = Space::MAIN;

    fn departed(user: Option<UserId>, joined: i64, left: i64) -> Departed {
        Departed {
            stay: Stay {
                joined: Timestamp::from_micros(joined),
                user,
            },
            left: Timestamp::from_micros(left),
            name: DisplayName::of_a_guest(),
            role: Role::Guest,
        }
    }

    #[test]
    fn of_too_many_departed_guests_go_who_stayed_shortest() {
        let mut stays = Stays::default();
        let user = Some(UserId(Uuid::from_u128(7)));
        let all = [(1, None, 50), (2, None, 10), (3, user, 1), (4, None, 30)];
        for (id, user, left) in all {
            let id = ParticipantId(Uuid::from_u128(id));
            stays.0.of(SPACE).departed.insert(id, departed(user, 0, left));
        }
        stays.forget_some(2);
        let kept: Vec<_> = stays
            .0
            .of(SPACE)
            .departed
            .keys()
            .map(|id| id.0.as_u128())
            .collect();
        assert_eq!(kept, [1, 3]);
        stays.forget_some(5);
        assert_eq!(stays.departed(), 0);
    }

    #[test]
    fn a_user_with_several_sessions_is_one() {
        let name = |name| DisplayName::parse(name).unwrap();
        let user = Some(UserId(Uuid::from_u128(7)));
        let at = Timestamp::from_micros;
        let session = |named, role, joined, left: Option<i64>| Attendee {
            name: name(named),
            role,
            user,
            joined: at(joined),
            left: left.map(at),
        };
        let all = [
            session("Bob", Role::User, 3, Some(4)),
            session("Bob on the way", Role::Moderator, 1, Some(9)),
            session("Bobby", Role::User, 2, Some(5)),
        ];
        let once = each_once(all.into_iter());
        assert_eq!(once, [session("Bob on the way", Role::Moderator, 1, Some(9))]);
        let back = session("Robert", Role::User, 10, None);
        let once = each_once(once.into_iter().chain([back]));
        assert_eq!(once, [session("Robert", Role::Moderator, 1, None)]);
    }
}
