//! Texts as they are searched: whatever their case, and however their accents are written.

use std::sync::Arc;

use memchr::memmem::Finder;
use unicode_normalization::UnicodeNormalization as _;

use crate::protocol::plain::has_byte;

/// A text in the form in which it is searched; none when it has that form already, as most have that are short.
pub fn folded(text: &str) -> Option<Arc<str>> {
    if !has_byte(text, |byte| !byte.is_ascii() || byte.is_ascii_uppercase()) {
        return None;
    }
    let folded = fold(text);
    (folded != text).then(|| folded.into())
}

fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.nfc().flat_map(char::to_lowercase);
    // A sigma is written otherwise at the end of a word, which a term may not be.
    lower.map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

/// What is looked for. Looking takes time in proportion to the text, whatever text and term are.
#[derive(Debug)]
pub struct Term(Finder<'static>);

impl Term {
    pub fn new(term: &str) -> Self {
        Self(Finder::new(&fold(term)).into_owned())
    }

    /// Whether it stands in a folded text.
    pub fn is_in(&self, folded: &str) -> bool {
        self.0.find(folded.as_bytes()).is_some()
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
            // With the accent as a character of its own.
            ("a\u{308}rger", "viel Ärger", true),
            ("ärger", "viel A\u{308}rger", true),
            ("ΟΔΟΣ", "η οδός", false),
            ("οδος", "Η ΟΔΟΣ", true),
            ("ΟΔΟΣ", "ο οδοστρωτήρας", true),
            ("hello", "help", false),
            ("hello", "hell", false),
            ("straße", "STRASSE", false),
        ] {
            let kept = folded(text);
            let searched = kept.as_deref().unwrap_or(text);
            assert_eq!(Term::new(term).is_in(searched), found, "{term} in {text}");
        }
    }

    #[test]
    fn only_what_differs_is_kept_twice() {
        for text in ["hello", "größe", "今日は", "1 + 1 = 2"] {
            assert_eq!(folded(text), None, "{text}");
        }
        assert_eq!(folded("Hello").as_deref(), Some("hello"));
        assert_eq!(folded("Größe").as_deref(), Some("größe"));
    }
}
