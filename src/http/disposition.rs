//! `Content-Disposition` of downloads (RFC 6266).

use std::fmt::Write as _;

use axum::http::HeaderValue;

/// `attachment` under this name: the exact one in UTF-8 (RFC 8187), and one of plain characters for old clients.
pub(super) fn attachment(name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || ".-_ ".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        // attr-char of RFC 8187, section 3.2.1.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            value.push(char::from(byte));
        } else {
            // Writing into a String does not fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_quotes() {
        for (name, plain, exact) in [
            ("a b.pdf", "a b.pdf", "a%20b.pdf"),
            ("Grüße.mkv", "Gr__e.mkv", "Gr%C3%BC%C3%9Fe.mkv"),
            ("a\"b\\c.x", "a_b_c.x", "a%22b%5Cc.x"),
            (
                "x\r\nSet-Cookie: a=b",
                "x__Set-Cookie_ a_b",
                "x%0D%0ASet-Cookie%3A%20a%3Db",
            ),
            ("世界'%", "____", "%E4%B8%96%E7%95%8C%27%25"),
            ("a;b,c/../d", "a_b_c_.._d", "a%3Bb%2Cc%2F..%2Fd"),
            ("\0", "_", "%00"),
        ] {
            let expected = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}");
            assert_eq!(attachment(name), expected, "{name:?}");
        }
    }
}
