//! Those whom LiveKit goes on showing although they are not here any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::Timestamp,
    livekit::Identity,
    protocol::limits::{GHOST_AFTER_REFUSALS, GHOST_AFTER_SECS, GHOST_RETRY_SECS, STRAYS_MAX},
};

/// Those whom LiveKit shows and who are not here, as the last look found them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Strays(#[serde(with = "crate::room::pairs")] BTreeMap<Identity, Stray>);

/// A connection that must end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stray {
    /// LiveKit's number of it.
    sid: String,
    since: Timestamp,
    tried_at: Timestamp,
    /// How often in a row LiveKit said that it can't end it.
    refusals: u8,
}

impl Stray {
    /// LiveKit itself does not reach it: it was on a node that is dead. A LiveKit that is merely busy says the same for a while.
    fn is_ghost(&self, now: Timestamp) -> bool {
        self.refusals >= GHOST_AFTER_REFUSALS && self.since.plus_secs(GHOST_AFTER_SECS) <= now
    }
}

impl Strays {
    /// A look shows these, and, if it saw everybody, nobody else. Returns those whose removal is to be tried now.
    pub fn seen(&mut self, shown: &[(Identity, String)], are_all: bool, now: Timestamp) -> Vec<Identity> {
        if are_all {
            self.0
                .retain(|one, _| shown.iter().any(|(shown, _)| shown == one));
        }
        let mut to_remove = Vec::new();
        for (identity, sid) in shown {
            if !self.0.contains_key(identity) && self.0.len() >= STRAYS_MAX {
                // It is tried nevertheless, only not remembered.
                to_remove.push(*identity);
                continue;
            }
            let stray = self.0.entry(*identity).or_insert_with(|| Stray::new(sid, now));
            if stray.sid != *sid {
                *stray = Stray::new(sid, now);
            }
            if !stray.is_ghost(now) || stray.tried_at.plus_secs(GHOST_RETRY_SECS) <= now {
                stray.tried_at = now;
                to_remove.push(*identity);
            }
        }
        to_remove
    }

    /// LiveKit did not remove somebody: it said that it can't (`refused`), or nothing of use.
    pub fn stayed(&mut self, identity: Identity, refused: bool) {
        if let Some(stray) = self.0.get_mut(&identity) {
            stray.refusals = if refused {
                stray.refusals.saturating_add(1)
            } else {
                0
            };
        }
    }

    /// Whether only those are left whom LiveKit itself does not reach.
    pub fn are_ghosts(&self, now: Timestamp) -> bool {
        self.0.values().all(|stray| stray.is_ghost(now))
    }
}

impl Stray {
    fn new(sid: &str, now: Timestamp) -> Self {
        Self {
            sid: sid.to_owned(),
            since: now,
            tried_at: now,
            refusals: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ParticipantId;

    #[test]
    fn a_ghost_is_tried_now_and_then_and_a_new_connection_at_once() {
        let (mut strays, start) = (Strays::default(), Timestamp::from_micros(0));
        let one = Identity::from(ParticipantId(uuid::Uuid::from_u128(1)));
        let shown = |sid: &str| [(one, sid.to_owned())];
        for step in 0..u64::from(GHOST_AFTER_REFUSALS) {
            let now = start.plus_secs(step * 60);
            assert_eq!(strays.seen(&shown("PA_1"), true, now), [one]);
            assert!(!strays.are_ghosts(now));
            strays.stayed(one, true);
        }
        let tried = start.plus_secs(60 * u64::from(GHOST_AFTER_REFUSALS - 1));
        let now = tried.plus_secs(60);
        assert!(strays.are_ghosts(now));
        assert!(strays.seen(&shown("PA_1"), true, now).is_empty());
        assert_eq!(
            strays.seen(&shown("PA_1"), true, tried.plus_secs(GHOST_RETRY_SECS)),
            [one]
        );
        assert_eq!(strays.seen(&shown("PA_2"), true, now), [one], "it has come again");
        assert!(!strays.are_ghosts(now));
        assert!(strays.seen(&[], true, now).is_empty());
        assert!(strays.are_ghosts(now) && strays == Strays::default());
    }

    #[test]
    fn failures_of_another_kind_make_no_ghost() {
        let (mut strays, start) = (Strays::default(), Timestamp::from_micros(0));
        let one = Identity::from(ParticipantId(uuid::Uuid::from_u128(1)));
        for step in 0..20 {
            strays.seen(&[(one, "PA_1".to_owned())], true, start.plus_secs(step * 60));
            strays.stayed(one, step % 4 != 0);
        }
        assert!(!strays.are_ghosts(start.plus_secs(3_600)));
    }
}
