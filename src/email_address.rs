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

fn parts(email: &str) -> Option<(&str, String)> {
    let (local, domain) = email.rsplit_once('@')?;
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::URL).ok()?;
    (!local.is_empty() && !domain.is_empty()).then(|| (local, domain.into_owned()))
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
