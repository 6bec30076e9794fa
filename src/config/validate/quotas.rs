//! Rules of the quotas.

use super::Rules;
use crate::quotas::{Quota, Quotas};

impl Rules {
    pub(super) fn quotas(&mut self, quotas: &Quotas) {
        for quota in Quota::ALL {
            let value = quota.default_of(quotas);
            self.require(
                &format!("quotas.{}", quota.name()),
                value <= Quota::VALUE_MAX,
                format!("must be at most {}; 0: no limit", Quota::VALUE_MAX),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_database_counts_holds() {
        let broken = |quotas: Quotas| {
            let mut rules = Rules::default();
            rules.quotas(&quotas);
            rules.0.into_iter().map(|rule| rule.key).collect::<Vec<_>>()
        };
        assert!(broken(Quotas::NONE).is_empty() && broken(Quotas::default()).is_empty());
        let most = Quotas {
            rooms_max: Quota::VALUE_MAX,
            ..Quotas::NONE
        };
        assert!(broken(most).is_empty());
        let more = Quotas {
            rooms_max: Quota::VALUE_MAX + 1,
            ..Quotas::NONE
        };
        assert_eq!(broken(more), ["quotas.rooms_max"]);
    }
}
