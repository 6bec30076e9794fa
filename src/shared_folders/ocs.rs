//! What NextCloud answers: JSON of the OCS share API, and errors of WebDAV as XML.

use serde::Deserialize;
use url::Url;

use super::StorageError;

/// Characters of a provider's words that are kept for the log.
const WORDS_CHARS_MAX: usize = 200;

/// A public link.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub id: String,
    pub url: Url,
}

#[derive(Deserialize)]
struct Envelope {
    ocs: Ocs,
}

#[derive(Deserialize)]
struct Ocs {
    meta: Meta,
    #[serde(default)]
    data: serde_json::Value,
}

#[derive(Deserialize)]
struct Meta {
    statuscode: u16,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct Share {
    id: ShareId,
    url: Url,
}

/// A text or a number, by version.
#[derive(Deserialize)]
#[serde(untagged)]
enum ShareId {
    Text(String),
    Number(u64),
}

/// An error of `sabre/dav`, on which NextCloud's WebDAV is built.
#[derive(Deserialize)]
struct DavError {
    message: String,
}

/// Reads the answer to the creation of a share.
pub(super) fn link(body: &[u8]) -> Result<Link, StorageError> {
    let Envelope { ocs } = serde_json::from_slice(body).map_err(|_| StorageError::Nonsense)?;
    // 100 is "ok" in the first version of the API, 200 in the second.
    if !matches!(ocs.meta.statuscode, 100 | 200) {
        return Err(StorageError::Nonsense);
    }
    let share: Share = serde_json::from_value(ocs.data).map_err(|_| StorageError::Nonsense)?;
    let id = match share.id {
        ShareId::Text(id) => id,
        ShareId::Number(id) => id.to_string(),
    };
    // The id becomes part of a path, the URL is shown to people.
    let is_sane = !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_sane || !matches!(share.url.scheme(), "http" | "https") {
        return Err(StorageError::Nonsense);
    }
    Ok(Link { id, url: share.url })
}

/// What the provider says about a refusal; empty when it says nothing.
pub(super) fn words(body: &[u8]) -> String {
    let from_json = || {
        let envelope: Envelope = serde_json::from_slice(body).ok()?;
        envelope.ocs.meta.message
    };
    let from_xml = || {
        let text = std::str::from_utf8(body).ok()?;
        let error: DavError = quick_xml::de::from_str(text).ok()?;
        Some(error.message)
    };
    let words = from_json().or_else(from_xml).unwrap_or_default();
    words
        .chars()
        .filter(|c| !c.is_control())
        .take(WORDS_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(data: &str) -> Vec<u8> {
        format!(r#"{{"ocs":{{"meta":{{"status":"ok","statuscode":200,"message":"OK"}},"data":{data}}}}}"#)
            .into_bytes()
    }

    #[test]
    fn links_are_read_from_all_versions() {
        for id in ["\"17\"", "17"] {
            let body = answer(&format!(
                r#"{{"id":{id},"token":"x","url":"https://c.example/s/x"}}"#
            ));
            let link = link(&body).expect("a link");
            assert_eq!(
                (link.id.as_str(), link.url.as_str()),
                ("17", "https://c.example/s/x")
            );
        }
    }

    #[test]
    fn nonsense_is_no_link() {
        let refused = br#"{"ocs":{"meta":{"statuscode":404,"message":"gone"},"data":{"id":1,"url":"https://a.example"}}}"#;
        for body in [
            b"<html>".to_vec(),
            b"{}".to_vec(),
            refused.to_vec(),
            answer("[]"),
            answer(r#"{"id":"1"}"#),
            answer(r#"{"id":"","url":"https://a.example"}"#),
            answer(r#"{"id":"1/..","url":"https://a.example"}"#),
            answer(r#"{"id":"1","url":"javascript:alert(1)"}"#),
        ] {
            assert_eq!(
                link(&body),
                Err(StorageError::Nonsense),
                "{}",
                String::from_utf8_lossy(&body)
            );
        }
    }

    #[test]
    fn refusals_have_words_in_two_languages() {
        let json = br#"{"ocs":{"meta":{"statuscode":403,"message":"Public upload\n disabled"},"data":[]}}"#;
        assert_eq!(words(json), "Public upload disabled");
        let xml = r#"<?xml version="1.0" encoding="utf-8"?>
            <d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">
              <s:exception>Sabre\DAV\Exception\InsufficientStorage</s:exception>
              <s:message>No &lt;space&gt;</s:message>
            </d:error>"#;
        assert_eq!(words(xml.as_bytes()), "No <space>");
        assert_eq!(words(b"<html><body>Bad gateway"), "");
        assert_eq!(words(b"\xff"), "");
        let long = format!("<e><message>{}</message></e>", "x".repeat(1_000));
        assert_eq!(words(long.as_bytes()).len(), WORDS_CHARS_MAX);
    }
}
