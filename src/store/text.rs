//! Texts as they are stored and searched.

/// Folds case for searching. Databases fold differently (SQLite's `lower` knows ASCII only), so it is done here.
#[must_use]
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// A text of foreign origin made fit for storing: no NUL, no surrounding space, at most `chars_max` characters.
/// Nothing is left of an empty one.
pub(super) fn cleaned(text: Option<&str>, chars_max: usize) -> Option<String> {
    let without_nul: String = text?.chars().filter(|&c| c != '\0').collect();
    let cut: String = without_nul.trim().chars().take(chars_max).collect();
    let cut = cut.trim_end();
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// A pattern for `LIKE … ESCAPE '\\'` that matches texts which contain `part`.
pub(super) fn like_pattern(part: &str) -> String {
    let mut pattern = like_pattern_at_end(part);
    pattern.push('%');
    pattern
}

/// The same for texts that end with `part`.
pub(super) fn like_pattern_at_end(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_goes_beyond_ascii() {
        assert_eq!(fold("ÄRGER Øst"), "ärger øst");
    }

    #[test]
    fn patterns_match_their_text_only() {
        assert_eq!(like_pattern("ab"), "%ab%");
        assert_eq!(like_pattern(r"5%_\"), r"%5\%\_\\%");
        assert_eq!(like_pattern_at_end("a_b"), r"%a\_b");
    }

    #[test]
    fn foreign_texts_are_trimmed_and_cut_by_characters() {
        assert_eq!(cleaned(Some(" a\0b "), 9).as_deref(), Some("ab"));
        assert_eq!(cleaned(Some("üüü"), 2).as_deref(), Some("üü"));
        assert_eq!(cleaned(Some("a b"), 2).as_deref(), Some("a"));
        assert_eq!(cleaned(Some(" \0 "), 9), None);
        assert_eq!(cleaned(None, 9), None);
    }
}
