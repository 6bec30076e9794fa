//! The name under which an asset is shown and downloaded.

use chrono::{DateTime, Utc};
use unicode_normalization::char::is_combining_mark;

use crate::text::composed;

/// Characters of a file name.
pub const FILENAME_CHARS_MAX: usize = 100;

/// What ends the time in a name.
const ZONE: &str = "-UTC";

/// The `number`th asset of a room with this name: `…-UTC_2.mkv` for the second. Assets of one second differ. Where there is no
/// place for the number, the title loses its first characters.
#[must_use]
pub fn numbered(name: &str, number: usize) -> String {
    let (begin, end) = name.rsplit_once(ZONE).unwrap_or((name, ""));
    let rest = format!("{ZONE}_{number}{end}");
    let chars = begin.chars().count() + rest.chars().count();
    let begin: String = begin
        .chars()
        .skip(chars.saturating_sub(FILENAME_CHARS_MAX))
        .collect();
    begin + &rest
}

/// `<title>_<kind>_<UTC time>.<extension>`: what of the title would be odd in a name becomes `_`, and it is cut so that the
/// whole has at most [`FILENAME_CHARS_MAX`] characters. Without a title the name begins with the kind; without an
/// extension there is no dot.
#[must_use]
pub fn file_name(title: Option<&str>, kind: &str, at: DateTime<Utc>, extension: &str) -> String {
    let time = format!("{}{ZONE}", at.format("%Y-%m-%d_%H-%M-%S"));
    let rest = if extension.is_empty() {
        format!("{kind}_{time}")
    } else {
        format!("{kind}_{time}.{extension}")
    };
    let chars_left = FILENAME_CHARS_MAX.saturating_sub(rest.chars().count() + 1);
    let plain = |c: char| {
        // Marks belong to the letters that they stand at.
        if c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '.' | '_' | '-' | ' ') {
            c
        } else {
            '_'
        }
    };
    let title = composed(title.unwrap_or_default().trim().to_owned());
    let title: String = title.chars().map(plain).take(chars_left).collect();
    if title.is_empty() {
        rest
    } else {
        format!("{title}_{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> DateTime<Utc> {
        "2025-01-31T14:05:09.75Z".parse().unwrap()
    }

    #[test]
    fn a_name_has_its_parts() {
        for (title, extension, expected) in [
            (
                Some("Jour fixe"),
                "pdf",
                "Jour fixe_recording_2025-01-31_14-05-09-UTC.pdf",
            ),
            (None, "pdf", "recording_2025-01-31_14-05-09-UTC.pdf"),
            (Some("  "), "mkv", "recording_2025-01-31_14-05-09-UTC.mkv"),
            (Some("a"), "", "a_recording_2025-01-31_14-05-09-UTC"),
        ] {
            assert_eq!(file_name(title, "recording", at(), extension), expected);
        }
    }

    #[test]
    fn names_are_numbered() {
        for (title, extension, expected) in [
            (Some("UTC-UTC"), "pdf", "UTC-UTC_k_2025-01-31_14-05-09-UTC_2.pdf"),
            (None, "", "k_2025-01-31_14-05-09-UTC_2"),
        ] {
            assert_eq!(numbered(&file_name(title, "k", at(), extension), 2), expected);
        }
    }

    #[test]
    fn odd_characters_become_lines() {
        for (title, expected) in [
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("a\"b\r\nSet-Cookie: x", "a_b__Set-Cookie_ x"),
            ("Grüße, 世界 1.2-3", "Grüße_ 世界 1.2-3"),
            ("a\0b;c\u{202e}d", "a_b_c_d"),
            ("Bjo\u{308}rn", "Björn"),
            ("हिन्दी", "हिन्दी"),
            ("x\u{302}\u{323}", "x\u{323}\u{302}"),
        ] {
            let name = file_name(Some(title), "k", at(), "x");
            assert_eq!(name, format!("{expected}_k_2025-01-31_14-05-09-UTC.x"));
        }
    }

    #[test]
    fn the_title_is_cut_by_characters() {
        let name = file_name(Some(&"ü".repeat(300)), "recording", at(), "mkv");
        assert_eq!(name.chars().count(), FILENAME_CHARS_MAX);
        let second = numbered(&name, 2);
        assert_eq!(second.chars().count(), FILENAME_CHARS_MAX);
        assert!(second.ends_with("ü_recording_2025-01-31_14-05-09-UTC_2.mkv"));
        assert!(name.ends_with("ü_recording_2025-01-31_14-05-09-UTC.mkv"));
        let longest = file_name(Some("title"), &"k".repeat(50), at(), "0123456789");
        assert!(longest.starts_with("title_kkk") && longest.chars().count() <= FILENAME_CHARS_MAX);
    }
}
