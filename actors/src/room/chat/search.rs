//! Searching the kept history of a scope: case-insensitive, bounded by what is kept and by what is looked at in a second.

use super::{
    Around, Chat, Refusal, answer_long, budget::Limits, fold::Term, history::Chunk, leaves_out, readable,
};
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

impl Chat {
    /// Searches for a term in a scope, from the match with the index `last` on.
    pub(super) fn search(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        (term, last, scope): (&str, Option<u64>, &Scope),
    ) -> Result<(), Refusal> {
        let key = readable(around, who, scope)?;
        if term.chars().take(SEARCH_TERM_CHARS_MIN).count() < SEARCH_TERM_CHARS_MIN {
            let min = SEARCH_TERM_CHARS_MIN;
            return Err(ChatError::InvalidSearchTermLength { min }.into());
        }
        let bytes = self
            .kept(around, who, key)
            .map_or(0, |store| store.searched_bytes(key));
        let limits = searches(around.settings.search_bytes_per_second);
        if !self.searches.one_more(who, bytes as u64, cx.at, &limits) {
            return Err(Refusal::TooMuch);
        }
        if leaves_out(cx, around, who) {
            return Ok(());
        }
        cx.cost.bytes(bytes);
        let term = Term::new(term);
        let matches = self
            .kept(around, who, key)
            .map_or_else(Chunk::default, |store| store.matches(key, last, &term));
        cx.cost.bytes(matches.bytes());
        let event = ChatEvent::SearchResults {
            matches: &matches.to_raw(false),
            scope,
        };
        answer_long(cx, around, who, &event);
        Ok(())
    }
}
