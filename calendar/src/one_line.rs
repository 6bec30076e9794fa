//! Titles and names that people chose, made fit for places that hold one line: headers of mails, subjects, parameters of
//! calendars.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// The text without line ends and other control characters, single spaces between words, and without characters that
/// are not seen but change how others look (Unicode's category Cf: U+202E turns a text around, U+200B parts a word).
#[must_use]
pub fn one_line(text: &str) -> String {
    let seen = text
        .chars()
        .filter(|letter| letter.general_category() != GeneralCategory::Format)
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    let seen: String = seen.collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line() {
        for (given, expected) in [
            ("Team\r\nBcc: eve@example.org", "Team Bcc: eve@example.org"),
            (" a\tb \u{2028} c\0d ", "a b c d"),
            ("a\u{85}b\u{9b}c", "a b c"),
            ("\r\n", ""),
        ] {
            assert_eq!(one_line(given), expected);
        }
    }

    #[test]
    fn nothing_unseen_is_left() {
        for (given, expected) in [
            ("\u{202e}gpj.exe\u{202c}", "gpj.exe"),
            ("Pay\u{200b}Pal \u{feff}\u{2066}Team\u{2069}", "PayPal Team"),
            ("so\u{ad}ft \u{e0041}\u{e007f}tag", "soft tag"),
            ("\u{200e} \u{202e}", ""),
            ("Grüße, 日本語 – Ωμέγα 👩", "Grüße, 日本語 – Ωμέγα 👩"),
        ] {
            assert_eq!(one_line(given), expected);
        }
    }
}
