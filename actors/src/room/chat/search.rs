//! Searching the kept history of a scope: case-insensitive, bounded by what is kept and by what is looked at in a second.

use super::{Meeting, Refusal, budget::Limits, fold::Term, history::Chunk};
use crate::{
    ids::ParticipantId,
    protocol::{
        chat::{ChatError, ChatEvent, Scope},
        limits::{SEARCH_BYTES_PER_SESSION_SECOND, SEARCH_TERM_CHARS_MIN, SEARCHES_PER_ROOM_SECOND},
    },
    room::effects::Cx,
};

/// What searches a second has in a room that may look at so much.
fn searches(of_all: u64) -> Limits {
    Limits {
        count: SEARCHES_PER_ROOM_SECOND,
        // Whoever searches all the time leaves most of it to the others.
        of_one: SEARCH_BYTES_PER_SESSION_SECOND.min(of_all / 4),
        of_all,
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
        bytes_of_second: u64,
    ) -> Result<(), Refusal> {
        let key = self.readable(who, scope).map_err(Refusal::Chat)?;
        if term.chars().take(SEARCH_TERM_CHARS_MIN).count() < SEARCH_TERM_CHARS_MIN {
            let min = SEARCH_TERM_CHARS_MIN;
            return Err(Refusal::Chat(ChatError::InvalidSearchTermLength { min }));
        }
        let bytes = self.kept(who, key).map_or(0, |store| store.searched_bytes(key));
        if !self
            .searches
            .one_more(who, bytes as u64, cx.at, &searches(bytes_of_second))
        {
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
