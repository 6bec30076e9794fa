//! The fonts that a report is set in, and which of them shows a character.

use std::{cell::RefCell, collections::HashMap};

use unicode_properties::emoji::UnicodeEmoji as _;
use unicode_script::{Script, UnicodeScript as _};

use crate::face::{Drawing, Face, Glyph};

/// Our own words in headings.
const BOLD: FaceId = FaceId(0);

/// Which everything begins with, and which has [`REPLACEMENT`].
const REGULAR: FaceId = FaceId(1);

/// The fonts that are part of the program, in the order in which they are asked. The first two are [`BOLD`] and [`REGULAR`].
const EMBEDDED: [&[u8]; 6] = [
    include_bytes!("../fonts/NotoSans-Bold.ttf"),
    include_bytes!("../fonts/NotoSans-Regular.ttf"),
    include_bytes!("../fonts/NotoSansArabic-Regular.ttf"),
    include_bytes!("../fonts/NotoSansDevanagari-Regular.ttf"),
    include_bytes!("../fonts/NotoSansHebrew-Regular.ttf"),
    include_bytes!("../fonts/NotoSansThai-Regular.ttf"),
];

/// Shown in the place of what no font has.
pub(crate) const REPLACEMENT: char = '\u{fffd}';

/// One of the [`Fonts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FaceId(usize);

impl FaceId {
    /// Its place among the fonts, from 0.
    pub(crate) const fn number(self) -> usize {
        self.0
    }

    /// Whether it is part of the program.
    pub(crate) const fn is_embedded(self) -> bool {
        self.0 < EMBEDDED.len()
    }
}

/// All fonts of a report.
#[derive(Debug)]
pub struct Fonts {
    faces: Vec<Face>,
    /// Which fonts have a character, as far as it was asked.
    known: RefCell<HashMap<char, Vec<FaceId>>>,
}

impl Fonts {
    /// Those that are part of the program.
    #[must_use]
    pub fn embedded() -> Self {
        let faces = EMBEDDED.into_iter().filter_map(|data| Face::new(data, 0));
        Self {
            faces: faces.collect(),
            known: RefCell::default(),
        }
    }

    /// Adds a font that is asked after all others.
    pub(crate) fn push(&mut self, face: Face) {
        self.faces.push(face);
        self.known.borrow_mut().clear();
    }

    /// Whether some font has the character.
    pub(crate) fn has(&self, c: char) -> bool {
        is_ignorable(c) || self.first_with(c).is_some()
    }

    pub(crate) fn face(&self, id: FaceId) -> &Face {
        &self.faces[id.0]
    }

    /// The font in which nothing is missing that we say ourselves.
    pub(crate) fn regular(&self) -> (FaceId, &Face) {
        (REGULAR, self.face(REGULAR))
    }

    /// What is shown in the place of what can't be, whose cluster begins there in its text.
    pub(crate) fn replacement(&self, cluster: usize) -> (FaceId, Glyph) {
        let (face_id, face) = self.regular();
        let id = face.glyph(REPLACEMENT).unwrap_or_default();
        let glyph = Glyph {
            id,
            advance: face.advance(id),
            offset: (0.0, 0.0),
            cluster,
        };
        (face_id, glyph)
    }

    /// The font for characters that belong together (a grapheme cluster), after a text in `before`; `None`: none has them all.
    pub(crate) fn choose(&self, cluster: &str, bold: bool, before: Option<FaceId>) -> Option<FaceId> {
        let seen = |c: &char| !is_ignorable(*c);
        let is_in = |id: FaceId| cluster.chars().filter(seen).all(|c| self.with(c).contains(&id));
        let Some(first) = cluster.chars().find(seen) else {
            return Some(before.unwrap_or(REGULAR));
        };
        // A space or a point does not change the font, but of pictures, whose digits are wide.
        let is_neutral = cluster
            .chars()
            .all(|c| matches!(c.script(), Script::Common | Script::Inherited));
        let same = before.filter(|id| is_in(*id) && !self.is_of_pictures(*id));
        if is_neutral && !is_emoji(cluster) && same.is_some() {
            return same;
        }
        let mut with_first = self.with(first);
        with_first.retain(|id| bold || *id != BOLD);
        if is_emoji(cluster) {
            // Colours before what other fonts have as a sign.
            with_first.sort_by_key(|id| !self.is_of_pictures(*id));
        }
        with_first.into_iter().find(|id| is_in(*id))
    }

    fn is_of_pictures(&self, id: FaceId) -> bool {
        self.face(id).drawing == Drawing::Pictures
    }

    fn first_with(&self, c: char) -> Option<FaceId> {
        self.with(c).first().copied()
    }

    /// The fonts that have a character, in the order in which they are asked.
    fn with(&self, c: char) -> Vec<FaceId> {
        let mut known = self.known.borrow_mut();
        let find = || {
            let faces = self.faces.iter().enumerate();
            let with = faces.filter(|(_, face)| face.glyph(c).is_some());
            with.map(|(id, _)| FaceId(id)).collect()
        };
        known.entry(c).or_insert_with(find).clone()
    }
}

/// Whether these characters together are meant as a picture.
pub(crate) fn is_emoji(cluster: &str) -> bool {
    let mut chars = cluster.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    match chars.next() {
        Some('\u{fe0f}' | '\u{20e3}') => first.is_emoji_char(),
        Some('\u{fe0e}') => false,
        _ => first.is_emoji_char() && shows_as_emoji(first),
    }
}

/// Whether a character is a picture unless it is told otherwise.
fn shows_as_emoji(c: char) -> bool {
    use unicode_properties::emoji::EmojiStatus as E;
    matches!(
        c.emoji_status(),
        E::EmojiPresentation
            | E::EmojiPresentationAndModifierBase
            | E::EmojiPresentationAndEmojiComponent
            | E::EmojiPresentationAndModifierAndEmojiComponent
    )
}

/// Whether a character has no look of its own (`Default_Ignorable_Code_Point` of Unicode): nothing is missing where it is not shown.
pub(crate) const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_font_is_there() {
        let fonts = Fonts::embedded();
        assert_eq!(fonts.faces.len(), EMBEDDED.len());
        assert!(fonts.face(REGULAR).glyph(REPLACEMENT).is_some());
        let names: Vec<_> = fonts.faces.iter().map(Face::name).collect();
        assert_eq!(names[BOLD.0], "NotoSans-Bold");
        assert_eq!(names[REGULAR.0], "NotoSans-Regular");
    }

    #[test]
    fn letters_of_all_embedded_scripts_are_there() {
        let fonts = Fonts::embedded();
        for letters in [
            "Aäßøłžçǅ₤€„“–…№ﬁ",
            "Ωάἄῷ",
            "ЖёїҐӘ",
            "ابپچژگیےء٠۹؟،ﷺ",
            "אבתשׁ₪",
            "अक्षज्ञ।१",
            "กำไข๙฿",
        ] {
            for c in letters.chars() {
                assert!(fonts.has(c), "{c:?}");
            }
        }
        for c in ['中', 'の', '한', '😀', 'አ'] {
            assert!(!fonts.has(c), "{c:?}");
        }
    }

    #[test]
    fn bold_is_for_what_it_has() {
        let fonts = Fonts::embedded();
        assert_eq!(fonts.choose("N", true, None), Some(BOLD));
        assert_eq!(fonts.choose("N", false, None), Some(REGULAR));
        assert_eq!(fonts.choose("Ж", true, None), Some(REGULAR));
    }

    #[test]
    fn a_space_stays_in_its_font() {
        let fonts = Fonts::embedded();
        let hebrew = fonts.choose("ש", false, None);
        assert_ne!(hebrew, Some(REGULAR));
        assert_eq!(fonts.choose(" ", false, hebrew), hebrew);
        assert_eq!(fonts.choose(" ", false, None), Some(REGULAR));
        assert_eq!(fonts.choose("\u{200d}", false, hebrew), hebrew);
    }

    #[test]
    fn emoji_are_told_from_signs() {
        for emoji in ["😀", "🇩🇪", "1\u{fe0f}\u{20e3}", "☎\u{fe0f}", "👩\u{200d}👧"] {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for other in ["1", "☎", "a", "©", "😀\u{fe0e}", ""] {
            assert!(!is_emoji(other), "{other}");
        }
    }
}
