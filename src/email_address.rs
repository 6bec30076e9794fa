//! E-mail addresses as they are compared, kept and written on envelopes: of a domain with letters beyond ASCII counts its
//! A-label (`xn--…`, RFC 5890), by which every mail server finds it.

use idna::AsciiDenyList;
use unicode_normalization::UnicodeNormalization as _;

/// An address in the form in which addresses are compared: ASCII letters small, the domain as A-label. `None` where the domain
/// is none, such as an address of a machine in brackets.
#[must_use]
pub fn canonical(email: &str) -> Option<String> {
    let (local, domain) = parts(email)?;
    let local: String = local.nfc().collect();
    Some(format!("{}@{domain}", local.to_ascii_lowercase()))
}

/// The same of whatever somebody calls an address.
#[must_use]
pub fn compared(email: &str) -> String {
    canonical(email).unwrap_or_else(|| email.to_ascii_lowercase())
}

/// An address as a mail server understands it: only before the `@` may it have letters beyond ASCII.
#[must_use]
pub fn on_envelope(email: &str) -> String {
    parts(email).map_or_else(|| email.to_owned(), |(local, domain)| format!("{local}@{domain}"))
}

fn parts(email: &str) -> Option<(String, String)> {
    let (local, domain) = email.rsplit_once('@')?;
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::URL).ok()?;
    (!local.is_empty() && !domain.is_empty()).then(|| (plainly(local), domain.into_owned()))
}

/// A local part in the shortest of the ways in which it can be written: quotes, and backslashes between them, say nothing by
/// themselves (RFC 5321, section 4.1.2).
fn plainly(local: &str) -> String {
    let between = local.strip_prefix('"').and_then(|local| local.strip_suffix('"'));
    let Some(quoted) = between else {
        return local.to_owned();
    };
    let mut text = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' {
            letters.next()
        } else {
            Some(letter)
        });
    }
    if text.split('.').all(is_atom) {
        return text;
    }
    let escaped = text.chars().flat_map(|letter| {
        let backslash = ['"', '\\'].contains(&letter).then_some('\\');
        backslash.into_iter().chain([letter])
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// RFC 5322, section 3.2.3, and RFC 6532 for what is not ASCII.
fn is_atom(text: &str) -> bool {
    let is_of_atom = |letter: char| {
        letter.is_ascii_alphanumeric() || !letter.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(letter)
    };
    !text.is_empty() && text.chars().all(is_of_atom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_one_form() {
        for (email, form) in [
            ("Bob@Example.ORG", "bob@example.org"),
            ("idn@bücher.example", "idn@xn--bcher-kva.example"),
            ("IDN@BÜCHER.example", "idn@xn--bcher-kva.example"),
            ("idn@bu\u{308}cher.example", "idn@xn--bcher-kva.example"),
            ("idn@xn--bcher-kva.example", "idn@xn--bcher-kva.example"),
            ("bo\u{308}b@example.org", "böb@example.org"),
            ("a@b@example.org", "a@b@example.org"),
            (r#""Bob"@example.org"#, "bob@example.org"),
            (r#""b\o\b.x"@example.org"#, "bob.x@example.org"),
            (r#""a b"@example.org"#, r#""a b"@example.org"#),
            (r#""\a\ b"@example.org"#, r#""a b"@example.org"#),
            (r#""a\"\\b"@example.org"#, r#""a\"\\b"@example.org"#),
            (r#""a@b"@example.org"#, r#""a@b"@example.org"#),
            (r#""a..b"@example.org"#, r#""a..b"@example.org"#),
            (r#"""@example.org"#, r#"""@example.org"#),
        ] {
            assert_eq!(canonical(email).as_deref(), Some(form), "{email}");
            assert_eq!(compared(email), form);
        }
    }

    #[test]
    fn what_has_no_domain_has_none() {
        for email in [
            "",
            "a",
            "a@",
            "@example.org",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@xn--a",
        ] {
            assert_eq!(canonical(email), None, "{email}");
            assert_eq!(compared(email), email.to_ascii_lowercase());
            assert_eq!(on_envelope(email), email);
        }
    }

    #[test]
    fn envelopes_keep_what_the_mail_server_of_the_receiver_reads() {
        assert_eq!(on_envelope("Böb.X@Bücher.example"), "Böb.X@xn--bcher-kva.example");
        assert_eq!(on_envelope("Bob@example.org"), "Bob@example.org");
    }
}
