//! Texts that are shown in one line, such as names: written in one way only, and without what nobody can see.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// Zero width non-joiner and joiner: words of Persian or Hindi and many emoji are not the same without them.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Letters and a symbol that are blank.
const BLANKS: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];

/// Whether a byte of a text is like that. Looks at many at once, so that a test of every message costs nearly nothing.
#[must_use]
pub fn has_byte(text: &str, is_it: impl Fn(u8) -> bool) -> bool {
    let any_of = |bytes: &[u8]| bytes.iter().fold(false, |any, byte| any | is_it(*byte));
    text.as_bytes().chunks(64).any(any_of)
}

/// A text in Unicode's normal form C. White space is one space between words; control and format characters (general
/// categories Cc and Cf) are gone, but joiners inside words and emoji. None when nothing of it can be seen.
///
/// What is plain stays as it is.
#[must_use]
pub fn plain(text: &str) -> Option<String> {
    let mut kept = String::with_capacity(text.len());
    // A space or a joiner, once something follows.
    let mut between = None;
    for c in text.chars() {
        if c.is_whitespace() {
            between = Some(' ');
        } else if JOINERS.contains(&c) {
            between = between.or(Some(c));
        } else if !is_control(c) {
            kept.extend(between.take().filter(|_| !kept.is_empty()));
            kept.push(c);
        }
    }
    // At the very end: what was removed may have stood between a letter and its accent.
    let plain: String = kept.nfc().collect();
    plain.chars().any(is_visible).then_some(plain)
}

fn is_control(c: char) -> bool {
    matches!(
        c.general_category(),
        GeneralCategory::Control | GeneralCategory::Format
    )
}

/// Whether a character shows something by itself: marks need a letter.
fn is_visible(c: char) -> bool {
    let is_blank = BLANKS.contains(&c)
        // Never shown, though not assigned yet (Default_Ignorable_Code_Point).
        || matches!(c, '\u{2065}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}');
    !is_blank
        && !c.is_whitespace()
        && !is_control(c)
        && c.general_category_group() != GeneralCategoryGroup::Mark
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_written_in_one_way() {
        for (given, expected) in [
            ("Ann", Some("Ann")),
            ("  Ann \t\r\n Lee\u{a0}\u{3000}", Some("Ann Lee")),
            ("Zoe\u{308}", Some("Zoë")),
            // The accent was parted from its letter.
            ("Zoe\u{200b}\u{308}", Some("Zoë")),
            ("a\0b\u{7}c\u{9f}", Some("abc")),
            ("a\u{85}b\u{2028}c", Some("a b c")),
            // Written from right to left, after a left-to-right name.
            ("Ann\u{202e}\u{2066}nnA\u{2069}", Some("AnnnnA")),
            ("soft\u{ad}hyphen\u{feff}", Some("softhyphen")),
            // Joiners stay inside.
            ("می\u{200c}خواهم", Some("می\u{200c}خواهم")),
            ("क्\u{200d}ष", Some("क्\u{200d}ष")),
            ("👩\u{200d}💻", Some("👩\u{200d}💻")),
            ("❤\u{fe0f}\u{200d}🔥", Some("❤\u{fe0f}\u{200d}🔥")),
            ("\u{200d}Ann\u{200c}", Some("Ann")),
            ("Ann\u{200d} \u{200d}Lee", Some("Ann Lee")),
            ("a\u{200d}\u{200d}\u{200c}b", Some("a\u{200d}b")),
            // Not assigned, or for private use: somebody may have a font.
            ("\u{e000}\u{378}", Some("\u{e000}\u{378}")),
            ("", None),
            (" \t ", None),
            ("\u{200b}\u{200d}\u{2060}\u{feff}", None),
            ("\u{3164}\u{115f}\u{ffa0}\u{2800}", None),
            ("\u{301}\u{fe0f}\u{34f}", None),
            ("\u{e0001}\u{e0041}\u{e0fff}", None),
        ] {
            assert_eq!(plain(given).as_deref(), expected, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_plain_stays_as_it_is(text in "[ \\t\\u{200b}-\\u{200f}a\\u{300}-\\u{345}\\u{1d15e}👩\\u{fe0f}가-힣ᄀ-ᇿ\\PC]{0,40}") {
            let once = plain(&text);
            let twice = once.as_deref().and_then(plain);
            prop_assert_eq!(once, twice);
        }
    }
}
