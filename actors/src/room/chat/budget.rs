//! How much of a costly answer a meeting, and each participant, gets in a second.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ParticipantId, Timestamp};

/// What answers of one kind have cost in this second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    second: i64,
    count: u32,
    /// What all have cost: bytes looked at, or answers.
    #[serde(alias = "bytes")]
    cost: u64,
    /// Whose.
    by: BTreeMap<ParticipantId, u64>,
}

/// What a second has for answers of one kind.
#[derive(Debug)]
pub(super) struct Limits {
    /// Answers in the meeting.
    pub count: u32,
    /// Cost of one participant's.
    pub of_one: u64,
    /// Cost of all.
    pub of_all: u64,
}

impl Budget {
    /// One more of this cost; false when it must not. The first of a second may cost anything.
    pub(super) fn one_more(
        &mut self,
        who: ParticipantId,
        cost: u64,
        now: Timestamp,
        limits: &Limits,
    ) -> bool {
        if self.second != now.as_secs() {
            *self = Self {
                second: now.as_secs(),
                ..Self::default()
            };
        }
        self.count = self.count.saturating_add(1);
        let own = self.by.get(&who).copied().unwrap_or(0);
        let fits = |spent: u64, max| spent == 0 || spent.saturating_add(cost) <= max;
        let may = self.count <= limits.count && fits(own, limits.of_one) && fits(self.cost, limits.of_all);
        if may {
            self.cost = self.cost.saturating_add(cost);
            self.by.insert(who, own.saturating_add(cost));
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_second_has_so_much_for_each_and_for_all() {
        let id = |number| ParticipantId(Uuid::from_u128(number));
        let (ann, bob, carol) = (id(1), id(2), id(3));
        let limits = Limits {
            count: 100,
            of_one: 16,
            of_all: 32,
        };
        let now = Timestamp::from_micros(1_000_000);
        let mut budget = Budget::default();
        assert!(budget.one_more(ann, 8, now, &limits));
        assert!(budget.one_more(ann, 8, now, &limits));
        assert!(!budget.one_more(ann, 1, now, &limits), "her own limit");
        assert!(budget.one_more(bob, 8, now, &limits));
        assert!(!budget.one_more(bob, 9, now, &limits), "he may go on with less");
        assert!(budget.one_more(bob, 8, now, &limits));
        assert!(!budget.one_more(carol, 1, now, &limits), "the room's limit");
        // The first of a second may look at everything.
        let later = now.plus_secs(1);
        assert!(budget.one_more(ann, u64::MAX, later, &limits));
        assert!(!budget.one_more(ann, 1, later, &limits));
    }
}
