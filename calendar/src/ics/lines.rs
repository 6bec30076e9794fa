//! Content lines (RFC 5545, section 3.1): at most 75 octets, ended by CR LF, nothing in a value begins another.

use crate::one_line::one_line;

/// Octets of a line without its end.
const OCTETS_MAX: usize = 75;

#[derive(Debug, Default)]
pub(super) struct Lines(String);

impl Lines {
    /// `name` with its parameters, and a value that is no text: it is not escaped.
    pub(super) fn put(&mut self, name: &str, value: &str) {
        self.put_raw(&format!("{name}:{value}"));
    }

    /// A value of type TEXT.
    pub(super) fn put_text(&mut self, name: &str, text: &str) {
        self.put(name, &escaped(text));
    }

    /// A whole line.
    pub(super) fn put_raw(&mut self, line: &str) {
        let mut octets = 0;
        for letter in line.chars().filter(|letter| !letter.is_control()) {
            if octets + letter.len_utf8() > OCTETS_MAX {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            self.0.push(letter);
            octets += letter.len_utf8();
        }
        self.0.push_str("\r\n");
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// Escapes a value of type TEXT (section 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.replace("\r\n", "\n").chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => escaped.push_str("\\n"),
            '\t' => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// A name as a parameter's value in quotes, which can't hold quotes themselves.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", one_line(name).replace('"', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, text: &str) -> String {
        let mut lines = Lines::default();
        lines.put_text(name, text);
        lines.into_text()
    }

    #[test]
    fn texts_are_escaped() {
        for (given, expected) in [
            ("a, b; c\\d: \"e\"", "X:a\\, b\\; c\\\\d: \"e\"\r\n"),
            ("one\r\ntwo\nthree\rfour", "X:one\\ntwo\\nthree\\nfour\r\n"),
            ("a\r\nEND:VEVENT", "X:a\\nEND:VEVENT\r\n"),
            ("bell\u{7} tab\tnul\0", "X:bell tab nul\r\n"),
        ] {
            assert_eq!(text("X", given), expected);
        }
    }

    #[test]
    fn lines_are_folded_between_characters() {
        for given in ["a".repeat(400), "ü".repeat(200), "👩‍👩‍👧".repeat(40), "a€".repeat(99)] {
            let folded = text("SUMMARY", &given);
            for line in folded.trim_end().split("\r\n") {
                assert!(line.len() <= OCTETS_MAX, "{line}");
            }
            assert_eq!(folded.replace("\r\n ", ""), format!("SUMMARY:{given}\r\n"));
        }
        assert_eq!(text("X", &"a".repeat(73)), format!("X:{}\r\n", "a".repeat(73)));
        assert_eq!(
            text("X", &"a".repeat(74)),
            format!("X:{}\r\n a\r\n", "a".repeat(73))
        );
    }

    #[test]
    fn values_of_other_types_begin_no_line_either() {
        let mut lines = Lines::default();
        lines.put("URL", "x\r\nATTENDEE:mailto:eve@example.org");
        assert_eq!(lines.into_text(), "URL:xATTENDEE:mailto:eve@example.org\r\n");
        assert_eq!(quoted("Ada \"the\"\r\n \u{202e}Adams"), "\"Ada 'the' Adams\"");
    }
}
