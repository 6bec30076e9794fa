//! Searching the kept history of a scope: case-insensitive, bounded by what is kept and by a rate.

use serde::{Deserialize, Serialize};

use super::{Meeting, Refusal};
use crate::{
    ids::{ParticipantId, Timestamp},
    protocol::{
        chat::{ChatError, ChatEvent, Scope},
        limits::{SEARCH_TERM_CHARS_MIN, SEARCHES_PER_ROOM_SECOND},
    },
    room::effects::Cx,
};

/// How many searches the meeting has done in this second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Searches {
    second: i64,
    count: u32,
}

impl Searches {
    fn one_more(&mut self, now: Timestamp) -> bool {
        if self.second != now.as_secs() {
            (self.second, self.count) = (now.as_secs(), 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= SEARCHES_PER_ROOM_SECOND
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
        if !self.searches.one_more(cx.at) {
            return Err(Refusal::TooMuch);
        }
        let space = self.people.space(who);
        let term = Term::new(term);
        let matches = self
            .space(space)
            .chat
            .store
            .matches(key, last, |text| term.is_in(text));
        let event = ChatEvent::SearchResults {
            matches: &matches.to_raw(false),
            scope,
        };
        self.answer_long(cx, who, &event);
        Ok(())
    }
}

/// What is looked for, in lower case.
struct Term(String);

impl Term {
    fn new(term: &str) -> Self {
        Self(term.to_lowercase())
    }

    fn is_in(&self, text: &str) -> bool {
        if text.is_ascii() {
            // Most texts: nothing is copied.
            let term = self.0.as_bytes();
            return text
                .as_bytes()
                .windows(term.len())
                .any(|part| part.eq_ignore_ascii_case(term));
        }
        text.to_lowercase().contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_match_whatever_their_case() {
        for (term, text, found) in [
            ("hello", "Well, HELLO there", true),
            ("HELLO", "well, hello", true),
            ("ÄRGER", "viel ärger", true),
            ("hello", "help", false),
            ("hello", "hell", false),
            ("straße", "STRASSE", false),
        ] {
            assert_eq!(Term::new(term).is_in(text), found, "{term} in {text}");
        }
    }
}
