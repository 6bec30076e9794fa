//! Passwords of links.

use crate::secrets::Secret;

/// Without those that look alike: people type them.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.!";

/// 24 of 61: 142 bits.
const CHARS: usize = 24;

/// A random password that satisfies providers who want each kind of character.
pub(super) fn random() -> Secret {
    loop {
        let text: String = (0..CHARS)
            .map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())]))
            .collect();
        if is_mixed(&text) {
            return Secret::new(text);
        }
    }
}

fn is_mixed(text: &str) -> bool {
    let has = |kind: fn(&char) -> bool| text.chars().any(|c| kind(&c));
    has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit)
        && has(char::is_ascii_punctuation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_mixed_and_new() {
        let passwords: std::collections::BTreeSet<String> =
            (0..100).map(|_| random().reveal().to_owned()).collect();
        assert_eq!(passwords.len(), 100);
        assert!(passwords.iter().all(|text| text.len() == CHARS && is_mixed(text)));
        for bad in ["", "abc", "ABCabc123", "abc123-", "ABC123-", "ABCabc-"] {
            assert!(!is_mixed(bad), "{bad}");
        }
    }
}
