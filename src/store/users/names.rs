//! Display names and language tags.

use colloquy_actors::protocol::plain::plain;

use super::{LANGUAGE_CHARS_MAX, NAME_CHARS_MAX, Profile};
use crate::text::composed;

/// The name of somebody of whom nothing is known.
pub(super) const NOBODY: &str = "User";

/// The name of a user who has none: first and last name, else the e-mail's part before `@`, else `User`.
pub(super) fn fallback_name(profile: &Profile) -> String {
    full_name(profile)
        .or_else(|| local_part(&profile.email))
        .unwrap_or_else(|| NOBODY.to_owned())
}

/// First and last name.
pub(super) fn full_name(profile: &Profile) -> Option<String> {
    shown(&format!("{} {}", profile.firstname, profile.lastname))
}

/// The part of an e-mail address before `@`.
pub(super) fn local_part(email: &str) -> Option<String> {
    shown(email.split('@').next().unwrap_or_default())
}

fn shown(name: &str) -> Option<String> {
    let name: String = composed(plain(name)?).chars().take(NAME_CHARS_MAX).collect();
    Some(name.trim_end().to_owned())
}

/// Whether `tag` has the shape of a language tag (RFC 5646): subtags of 1–8 letters and digits, the first of letters.
#[must_use]
pub fn is_language_tag(tag: &str) -> bool {
    let subtag =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let mut subtags = tag.split('-');
    let primary = subtags.next().unwrap_or_default();
    tag.len() <= LANGUAGE_CHARS_MAX
        && subtag(primary)
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(subtag)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn profile(firstname: &str, lastname: &str, email: &str) -> Profile {
        Profile {
            id: Uuid::nil(),
            email: email.to_owned(),
            title: String::new(),
            firstname: firstname.to_owned(),
            lastname: lastname.to_owned(),
            display_name: String::new(),
            picture: None,
            email_verified: None,
        }
    }

    #[test]
    fn a_name_is_always_found() {
        for (firstname, lastname, email, name) in [
            ("Ada", "Adams", "a@example.org", "Ada Adams"),
            ("Ada", "", "a@example.org", "Ada"),
            ("", "Adams", "", "Adams"),
            ("", "", "ada@example.org", "ada"),
            ("", "", "@example.org", "User"),
            ("", "", "", "User"),
        ] {
            assert_eq!(fallback_name(&profile(firstname, lastname, email)), name);
        }
    }

    #[test]
    fn language_tags_have_a_shape() {
        for good in ["en", "de-DE", "zh-Hant-TW", "x-pig-latin", "de-1996"] {
            assert!(is_language_tag(good), "{good}");
        }
        for bad in [
            "",
            "1",
            "en_US",
            "en-",
            "-en",
            "deutschland",
            "en us",
            "ü",
            "a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r-s",
        ] {
            assert!(!is_language_tag(bad), "{bad}");
        }
    }
}
