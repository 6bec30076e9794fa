//! Those whom LiveKit goes on showing although they are not here any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::Timestamp,
    livekit::MediaIdentity,
    protocol::limits::{GHOST_AFTER_REFUSALS, GHOST_AFTER_SECS, GHOST_RETRY_SECS, STRAYS_MAX},
};

/// Those whom LiveKit shows and who are not here, as the last look found them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Strays(#[serde(with = "crate::room::pairs")] BTreeMap<MediaIdentity, Stray>);

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
    /// It was tried in vain so often that it is left alone for a while.
    fn rests(&self, now: Timestamp) -> bool {
        self.is_ghost(now) && self.tried_at.plus_secs(GHOST_RETRY_SECS) > now
    }

    /// LiveKit itself does not reach it: it was on a node that is dead. A LiveKit that is merely busy says the same for a while.
    fn is_ghost(&self, now: Timestamp) -> bool {
        self.refusals >= GHOST_AFTER_REFUSALS && self.since.plus_secs(GHOST_AFTER_SECS) <= now
    }
}

impl Strays {
    /// A look shows these, and, if it saw everybody, nobody else but the ghosts that it knew of. Returns those whose removal is to be
    /// tried now, and those of whom this connection was not known, each with whether another one was.
    pub fn seen(
        &mut self,
        shown: &[(MediaIdentity, String)],
        are_all: bool,
        now: Timestamp,
    ) -> (Vec<MediaIdentity>, Vec<(MediaIdentity, bool)>) {
        if are_all {
            let is_shown = |one: &MediaIdentity| shown.iter().any(|(shown, _)| shown == one);
            self.0.retain(|one, stray| stray.rests(now) || is_shown(one));
        }
        let (mut to_remove, mut new) = (Vec::new(), Vec::new());
        for (identity, sid) in shown {
            if !self.0.contains_key(identity) && self.0.len() >= STRAYS_MAX {
                // It is tried nevertheless, only not remembered.
                to_remove.push(*identity);
                continue;
            }
            if self.0.get(identity).is_none_or(|known| known.sid != *sid) {
                let before = self.0.insert(*identity, Stray::new(sid, now));
                new.push((*identity, before.is_some()));
            }
            if let Some(stray) = self.0.get_mut(identity).filter(|stray| !stray.rests(now)) {
                stray.tried_at = now;
                to_remove.push(*identity);
            }
        }
        (to_remove, new)
    }

    /// Those whom it is no use to look for now.
    pub fn ghosts(&self, now: Timestamp) -> Vec<(MediaIdentity, String)> {
        let ghosts = self.0.iter().filter(|(_, stray)| stray.rests(now));
        ghosts.map(|(one, stray)| (*one, stray.sid.clone())).collect()
    }

    /// LiveKit did not remove somebody: it said that it can't (`refused`), or nothing of use.
    pub fn stayed(&mut self, identity: MediaIdentity, refused: bool) {
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
        let one = MediaIdentity::from(ParticipantId(uuid::Uuid::from_u128(1)));
        let shown = |sid: &str| [(one, sid.to_owned())];
        let all = |strays: &mut Strays, sid: &str, now| strays.seen(&shown(sid), true, now).0;
        for step in 0..u64::from(GHOST_AFTER_REFUSALS) {
            let now = start.plus_secs(step * 60);
            assert_eq!(all(&mut strays, "PA_1", now), [one]);
            assert!(!strays.are_ghosts(now) && strays.ghosts(now).is_empty());
            strays.stayed(one, true);
        }
        let tried = start.plus_secs(60 * u64::from(GHOST_AFTER_REFUSALS - 1));
        let now = tried.plus_secs(60);
        assert!(strays.are_ghosts(now));
        assert_eq!(strays.ghosts(now), shown("PA_1"));
        assert!(all(&mut strays, "PA_1", now).is_empty());
        // A look that knows of it does not name it.
        assert!(strays.seen(&[], true, now).0.is_empty());
        assert_eq!(strays.ghosts(now), shown("PA_1"));
        assert_eq!(all(&mut strays, "PA_1", tried.plus_secs(GHOST_RETRY_SECS)), [one]);
        let (tried, new) = strays.seen(&shown("PA_2"), true, now);
        assert_eq!((tried, new), (vec![one], vec![(one, true)]), "it has come again");
        assert!(!strays.are_ghosts(now));
        assert!(strays.seen(&[], true, now).0.is_empty());
        assert_eq!(strays, Strays::default());
    }

    #[test]
    fn failures_of_another_kind_make_no_ghost() {
        let (mut strays, start) = (Strays::default(), Timestamp::from_micros(0));
        let one = MediaIdentity::from(ParticipantId(uuid::Uuid::from_u128(1)));
        for step in 0..20 {
            strays.seen(&[(one, "PA_1".to_owned())], true, start.plus_secs(step * 60));
            strays.stayed(one, step % 4 != 0);
        }
        assert!(!strays.are_ghosts(start.plus_secs(3_600)));
    }
}
