//! How much of a costly answer a meeting, and each participant, gets: so much a second, and what costs more is paid in the time after it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ParticipantId, Timestamp};

/// What answers of one kind have cost, and by when that is paid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    second: i64,
    count: u32,
    /// When what all have cost so far is paid, in microseconds.
    paid: i64,
    /// The same of each.
    paid_by: BTreeMap<ParticipantId, i64>,
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

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// What costs more is paid like what takes this long, in microseconds.
const LONGEST: i64 = 3_600 * SECOND;

/// When something is paid that costs so much, if it may be had now: after a pause a second's worth at once, or anything, for which the next
/// then waits the longer.
fn paid_with(paid: i64, cost: u64, of_second: u64, now: i64) -> Option<i64> {
    let takes = u128::from(cost) * u128::from(SECOND.unsigned_abs()) / u128::from(of_second.max(1));
    let takes = i64::try_from(takes).unwrap_or(LONGEST).min(LONGEST);
    let with = paid.max(now).saturating_add(takes);
    (paid <= now || with <= now.saturating_add(SECOND)).then_some(with)
}

impl Budget {
    /// One more of this cost; false when it must not.
    pub(super) fn one_more(
        &mut self,
        who: ParticipantId,
        cost: u64,
        now: Timestamp,
        limits: &Limits,
    ) -> bool {
        let micros = now.as_micros();
        if self.second != now.as_secs() {
            (self.second, self.count) = (now.as_secs(), 0);
            self.paid_by.retain(|_, paid| *paid > micros);
        }
        let own = self.paid_by.get(&who).copied().unwrap_or(0);
        let own = paid_with(own, cost, limits.of_one, micros);
        let all = paid_with(self.paid, cost, limits.of_all, micros);
        let (true, Some(own), Some(all)) = (self.count < limits.count, own, all) else {
            return false;
        };
        self.count += 1;
        self.paid = all;
        self.paid_by.insert(who, own);
        true
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
        // After a pause one may look at everything, and then waits until that is paid.
        let later = now.plus_secs(1);
        assert!(budget.one_more(ann, 160, later, &limits));
        assert!(!budget.one_more(ann, 1, later.plus_secs(9), &limits));
        assert!(
            !budget.one_more(bob, 1, later.plus_secs(4), &limits),
            "the room's"
        );
        assert!(budget.one_more(bob, 1, later.plus_secs(5), &limits));
        assert!(budget.one_more(ann, u64::MAX, later.plus_secs(10), &limits));
    }
}
