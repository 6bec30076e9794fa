//! Participant ids whose first ticket nobody has redeemed yet: how many one caller may have under way.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::access::Origin;
use crate::{
    ids::{OriginHash, ParticipantId, UserId},
    protocol::{
        limits::{UNREDEEMED_PER_NETWORK_MAX, UNREDEEMED_PER_ROOM_MAX, UNREDEEMED_PER_USER_MAX},
        meeting::Caller,
    },
};

/// Who has asked for an id. Whoever asks too often pushes out its own oldest one, and nobody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asker {
    User(UserId),
    Network(OriginHash),
    /// Services, and clients on the machine itself while it is developed on.
    Uncounted,
}

impl Asker {
    fn of(caller: Caller, origin: Option<Origin>) -> Self {
        match (caller, origin.filter(|origin| origin.counted)) {
            (Caller::User(user), _) => Self::User(user),
            (Caller::Guest(_), Some(origin)) => Self::Network(origin.network),
            (Caller::Guest(_) | Caller::Sip | Caller::Recorder, _) => Self::Uncounted,
        }
    }

    const fn max(self) -> usize {
        match self {
            Self::User(_) => UNREDEEMED_PER_USER_MAX,
            Self::Network(_) => UNREDEEMED_PER_NETWORK_MAX,
            Self::Uncounted => UNREDEEMED_PER_ROOM_MAX,
        }
    }
}

/// The ids by asker, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unredeemed {
    #[serde(with = "super::pairs")]
    by_asker: BTreeMap<Asker, VecDeque<ParticipantId>>,
    len: usize,
}

impl Unredeemed {
    /// Adds an id. The one that must go for it is returned: the oldest of the same asker, or, where very many networks ask
    /// at once, of the network that has most.
    pub fn add(
        &mut self,
        id: ParticipantId,
        caller: Caller,
        origin: Option<Origin>,
    ) -> Option<ParticipantId> {
        let asker = Asker::of(caller, origin);
        let own = self.by_asker.entry(asker).or_default();
        own.push_back(id);
        self.len += 1;
        if own.len() > asker.max() {
            return own.front().copied();
        }
        if self.len <= UNREDEEMED_PER_ROOM_MAX {
            return None;
        }
        let most = self.by_asker.values().max_by_key(|ids| ids.len());
        most.and_then(|ids| ids.front().copied())
    }

    /// A socket came for the id, or it is forgotten.
    pub fn remove(&mut self, id: ParticipantId, caller: Caller, origin: Option<Origin>) {
        let asker = Asker::of(caller, origin);
        let Some(own) = self.by_asker.get_mut(&asker) else {
            return;
        };
        if let Some(index) = own.iter().position(|other| *other == id) {
            own.remove(index);
            self.len -= 1;
        }
        if own.is_empty() {
            self.by_asker.remove(&asker);
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::InviteCode;

    fn id(number: usize) -> ParticipantId {
        ParticipantId(Uuid::from_u128(number as u128))
    }

    fn network(number: u8) -> Option<Origin> {
        let network = OriginHash::new([number; 32]);
        (number > 0).then_some(Origin {
            network,
            counted: true,
        })
    }

    #[test]
    fn who_asks_too_often_pushes_out_its_own_oldest() {
        let (mut ids, guest) = (Unredeemed::default(), Caller::Guest(InviteCode(Uuid::nil())));
        let user = Caller::User(UserId(Uuid::nil()));
        assert_eq!(ids.add(id(900_000), user, network(1)), None);
        assert_eq!(ids.add(id(900_001), guest, network(2)), None);
        for number in 0..UNREDEEMED_PER_NETWORK_MAX {
            assert_eq!(ids.add(id(number), guest, network(1)), None);
        }
        for number in 0..10 {
            let pushed_out = ids.add(id(1_000 + number), guest, network(1));
            assert_eq!(pushed_out, Some(id(number)));
            ids.remove(id(number), guest, network(1));
        }
        assert_eq!(ids.len(), UNREDEEMED_PER_NETWORK_MAX + 2);
        for number in 1..UNREDEEMED_PER_USER_MAX {
            assert_eq!(ids.add(id(2_000 + number), user, None), None);
        }
        assert_eq!(ids.add(id(3_000), user, network(9)), Some(id(900_000)));
    }

    #[test]
    fn all_networks_together_are_bounded() {
        let (mut ids, guest) = (Unredeemed::default(), Caller::Guest(InviteCode(Uuid::nil())));
        for number in 0..UNREDEEMED_PER_ROOM_MAX {
            let [low, high, ..] = number.to_le_bytes();
            let mut hash = [0; 32];
            (hash[0], hash[1]) = (low, high);
            let origin = Origin {
                network: OriginHash::new(hash),
                counted: true,
            };
            assert_eq!(ids.add(id(number), guest, Some(origin)), None);
        }
        assert!(ids.add(id(UNREDEEMED_PER_ROOM_MAX), guest, network(7)).is_some());
    }
}
