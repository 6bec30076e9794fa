//! Texts of people as they are stored, compared and searched. The same letter can be written by several sequences of characters:
//! `ö` is one, or an `o` with two dots that combine with it, and which of them comes depends on the keyboard or the provider.

use icu_casemap::CaseMapper;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark, is_nfc};

/// A text in the form in which texts are stored: NFC, the shortest way to write each letter.
#[must_use]
pub fn composed(text: String) -> String {
    if is_nfc(&text) { text } else { text.nfc().collect() }
}

/// The form in which texts are searched: whatever their case, their accents and other marks, and the look of their letters
/// (NFKC, full case folding, without what combines). Databases fold differently, so it is done here.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Folding gives some letters marks of their own: `İ` becomes an `i` with a dot.
    let plain = bare(text);
    bare(&CaseMapper::new().fold_string(&plain)).nfc().collect()
}

/// A text without marks.
fn bare(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_stored_composed() {
        assert_eq!(composed("Bjo\u{308}rn".to_owned()), "Björn");
        assert_eq!(composed("Björn".to_owned()), "Björn");
    }

    #[test]
    fn what_people_take_for_the_same_is_found() {
        for (written, searched) in [
            ("ÄRGER", "ärger"),
            ("Größe", "GRÖSSE"),
            ("Bjo\u{308}rn", "Björn"),
            ("Björn", "bjorn"),
            ("İbrahim", "ibrahim"),
            ("Σίσυφος", "σισυφοσ"),
            ("ﬁnance Ｔｅａｍ", "Finance Team"),
            ("Nguyễn", "nguyen"),
            ("हिन्दी", "हिन\u{94d}दी"),
            ("Ada@Example.ORG", "ada@example.org"),
        ] {
            assert_eq!(fold(written), fold(searched), "{written}");
        }
        assert_ne!(fold("Øst"), fold("Ost"), "a letter of its own");
        assert_eq!(fold("a\nb"), "a\nb", "lines stay lines");
    }
}
