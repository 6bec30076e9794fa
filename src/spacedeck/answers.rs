//! What Spacedeck answers, as far as it is read.

use colloquy_actors::whiteboard::Board;
use serde::Deserialize;
use url::Url;

use crate::outgoing;

/// Characters of an id or hash.
const ID_CHARS_MAX: usize = 128;

/// Characters of what stands behind the hash.
const SLUG_CHARS_MAX: usize = 256;

/// A space that was made.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    #[serde(rename = "_id")]
    id: String,
    edit_hash: String,
    edit_slug: String,
}

impl Made {
    /// The whiteboard, unless what should be an id is something else.
    pub(super) fn board(self, base: &Url) -> Option<Board> {
        let is_fine =
            is_id(&self.id) && is_id(&self.edit_hash) && self.edit_slug.chars().count() <= SLUG_CHARS_MAX;
        let place = format!("{}-{}", self.edit_hash, self.edit_slug);
        is_fine.then(|| Board {
            url: outgoing::below(base, &["s", &place]).into(),
            id: self.id,
        })
    }
}

/// A space of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    pub(super) name: String,
}

impl Listed {
    pub(super) fn id(self) -> Option<String> {
        is_id(&self.id).then_some(self.id)
    }
}

/// Where a PDF is.
#[derive(Debug, Deserialize)]
pub(super) struct Rendered {
    url: String,
}

impl Rendered {
    /// Its URL, where it is one below the base or at least of the same origin: nothing is fetched from anywhere else.
    pub(super) fn url(&self, base: &Url) -> Option<Url> {
        let url = match Url::parse(&self.url) {
            Ok(url) => url,
            // Relative to the base, also where it begins with a slash; two would name another host.
            Err(_) if self.url.starts_with("//") => return None,
            Err(_) => base.join(self.url.trim_start_matches('/')).ok()?,
        };
        let is_ours = url.origin() == base.origin() && url.username().is_empty() && url.password().is_none();
        is_ours.then_some(url)
    }
}

/// Ids stand in paths.
fn is_id(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://board.example.org/deck/").unwrap()
    }

    #[test]
    fn a_board_has_its_address_below_the_base() {
        let made = |id: &str, hash: &str, slug: &str| Made {
            id: id.to_owned(),
            edit_hash: hash.to_owned(),
            edit_slug: slug.to_owned(),
        };
        let board = made("5f-1", "0a1b2c3", "name of/it?").board(&base()).unwrap();
        assert_eq!(board.id, "5f-1");
        assert_eq!(
            board.url,
            "https://board.example.org/deck/s/0a1b2c3-name%20of%2Fit%3F"
        );
        let long = "x".repeat(300);
        for (id, hash, slug) in [
            ("", "a", "b"),
            ("..", "a", "b"),
            ("a/b", "a", "b"),
            ("a", "", "b"),
            ("a", "a?b", "b"),
            (&*long, "a", "b"),
            ("a", "a", &*long),
        ] {
            assert_eq!(made(id, hash, slug).board(&base()), None, "{id} {hash} {slug}");
        }
    }

    #[test]
    fn pdfs_are_fetched_from_the_base_only() {
        let url = |url: &str| Rendered { url: url.to_owned() }.url(&base()).map(String::from);
        for (given, expected) in [
            ("/storage/a.pdf", "https://board.example.org/deck/storage/a.pdf"),
            (
                "storage/a.pdf?x=1",
                "https://board.example.org/deck/storage/a.pdf?x=1",
            ),
            (
                "https://board.example.org/else/a.pdf",
                "https://board.example.org/else/a.pdf",
            ),
        ] {
            assert_eq!(url(given).as_deref(), Some(expected), "{given}");
        }
        for elsewhere in [
            "https://other.example.org/a.pdf",
            "http://board.example.org/a.pdf",
            "https://board.example.org:8443/a.pdf",
            "//other.example.org/a.pdf",
            "\\\\other.example.org/a.pdf",
            "https://u:p@board.example.org/a.pdf",
            "file:///etc/passwd",
            "http://169.254.169.254/latest",
            "javascript:alert(1)",
        ] {
            assert_eq!(url(elsewhere), None, "{elsewhere}");
        }
    }
}
