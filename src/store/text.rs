//! Texts as they are stored and searched.

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
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_their_text_only() {
        assert_eq!(like_pattern("ab"), "%ab%");
        assert_eq!(like_pattern(r"5%_\"), r"%5\%\_\\%");
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
