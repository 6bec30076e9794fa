//! Texts of people in the heads of mails.
//!
//! `=?utf-8?q?x?=` in a head means `x` (RFC 2047), so a text that only looks like that must itself be encoded: mail programs
//! would show what it hides. The mail library encodes only what is not ASCII.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lettre::{
    Address,
    message::{
        Mailbox,
        header::{HeaderName, HeaderValue},
    },
};

/// What an encoded word begins with.
const BEGIN: &str = "=?";

/// Bytes of a text in one encoded word: in base64, with what stands around them, 68 characters of the 75 that there may be.
const WORD_BYTES: usize = 42;

/// Whether a head must not have this text as it is.
pub(super) fn is_look_alike(text: &str) -> bool {
    text.contains(BEGIN)
}

/// A header whose text is encoded, whatever it is.
pub(super) fn header(name: HeaderName, text: &str) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(name, text.to_owned(), words(text))
}

/// A header of one mailbox whose name is encoded, whatever it is.
pub(super) fn mailbox_header(name: HeaderName, whose: &str, address: &Address) -> HeaderValue {
    let plain = Mailbox::new(Some(whose.to_owned()), address.clone()).to_string();
    let encoded = format!("{}\r\n <{address}>", words(whose));
    HeaderValue::dangerous_new_pre_encoded(name, plain, encoded)
}

/// A text as encoded words, each on a line of its own; programs leave out what stands between them.
fn words(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take_while(|end| *end <= WORD_BYTES)
            .last()
            .unwrap_or(rest.len());
        let (word, left) = rest.split_at(end);
        words.push(format!("{BEGIN}utf-8?b?{}?=", STANDARD.encode(word)));
        rest = left;
    }
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_short_and_whole() {
        assert_eq!(words("=?utf-8?q?x?="), "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?=");
        let long = words(&format!("=?{}", "ü".repeat(100)));
        for word in long.split("\r\n ") {
            assert!(word.len() <= 75, "{word}");
            let inside = word
                .strip_prefix("=?utf-8?b?")
                .and_then(|word| word.strip_suffix("?="));
            let bytes = STANDARD.decode(inside.unwrap()).unwrap();
            assert!(std::str::from_utf8(&bytes).is_ok(), "no letter is torn apart");
        }
    }
}
