//! Searching the kept history of a scope: case-insensitive, bounded by what is kept and by what is looked at in a second.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Meeting, Refusal, fold::Term, history::Chunk};
use crate::{
    ids::{ParticipantId, Timestamp},
    protocol::{
        chat::{ChatError, ChatEvent, Scope},
        limits::{
            SEARCH_BYTES_PER_ROOM_SECOND, SEARCH_BYTES_PER_SESSION_SECOND, SEARCH_TERM_CHARS_MIN,
            SEARCHES_PER_ROOM_SECOND,
        },
    },
    room::effects::Cx,
};

/// What the searches of the meeting have cost in this second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Searches {
    second: i64,
    count: u32,
    /// Bytes looked at.
    bytes: u64,
    /// By whom.
    by: BTreeMap<ParticipantId, u64>,
}

impl Searches {
    /// One more that looks at so many bytes; false when it must not.
    fn one_more(&mut self, who: ParticipantId, bytes: u64, now: Timestamp) -> bool {
        if self.second != now.as_secs() {
            *self = Self {
                second: now.as_secs(),
                ..Self::default()
            };
        }
        self.count = self.count.saturating_add(1);
        let own = self.by.get(&who).copied().unwrap_or(0);
        let fits = |spent: u64, max| spent == 0 || spent.saturating_add(bytes) <= max;
        let may = self.count <= SEARCHES_PER_ROOM_SECOND
            && fits(own, SEARCH_BYTES_PER_SESSION_SECOND)
            && fits(self.bytes, SEARCH_BYTES_PER_ROOM_SECOND);
        if may {
            self.bytes = self.bytes.saturating_add(bytes);
            self.by.insert(who, own.saturating_add(bytes));
        }
        may
    }
}

impl Meeting {
    pub(super) fn search(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        term: &str,
        last: Option<u64>,
        scope: &Scope,
    ) -> Result<(), Refusal> {
        let key = self.readable(who, scope).map_err(Refusal::Chat)?;
        if term.chars().take(SEARCH_TERM_CHARS_MIN).count() < SEARCH_TERM_CHARS_MIN {
            let min = SEARCH_TERM_CHARS_MIN;
            return Err(Refusal::Chat(ChatError::InvalidSearchTermLength { min }));
        }
        let bytes = self.kept(who, key).map_or(0, |store| store.searched_bytes(key));
        if !self.searches.one_more(who, bytes as u64, cx.at) {
            return Err(Refusal::TooMuch);
        }
        if self.leaves_out(cx, who) {
            return Ok(());
        }
        cx.cost.bytes(bytes);
        let term = Term::new(term);
        let matches = self
            .kept(who, key)
            .map_or_else(Chunk::default, |store| store.matches(key, last, &term));
        cx.cost.bytes(matches.bytes());
        let event = ChatEvent::SearchResults {
            matches: &matches.to_raw(false),
            scope,
        };
        self.answer_long(cx, who, &event);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn searches_are_bounded_by_what_they_look_at() {
        let (ann, bob) = (
            ParticipantId(Uuid::from_u128(1)),
            ParticipantId(Uuid::from_u128(2)),
        );
        let now = Timestamp::from_micros(1_000_000);
        let mut searches = Searches::default();
        let half = SEARCH_BYTES_PER_SESSION_SECOND / 2;
        assert!(searches.one_more(ann, half, now));
        assert!(searches.one_more(ann, half, now));
        assert!(!searches.one_more(ann, 1, now), "her own limit");
        assert!(searches.one_more(bob, half, now));
        assert!(!searches.one_more(bob, half + 1, now), "he may go on with less");
        assert!(searches.one_more(bob, half, now));
        let carol = ParticipantId(Uuid::from_u128(3));
        assert!(!searches.one_more(carol, 1, now), "the room's limit");
        // The first of a second may look at everything.
        let later = now.plus_secs(1);
        assert!(searches.one_more(ann, u64::MAX, later));
        assert!(!searches.one_more(ann, 1, later));
    }
}
