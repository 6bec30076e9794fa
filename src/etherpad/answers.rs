//! What Etherpad answers, as far as it is read.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::EtherpadError;

/// Characters of an id.
const ID_CHARS_MAX: usize = 128;

/// The envelope of all answers.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
}

impl Answer<'_> {
    /// What a refusal means. Its words go no further: nobody knows what they repeat.
    pub(super) fn refusal(&self) -> Option<EtherpadError> {
        match self.code {
            0 => None,
            4 => Some(EtherpadError::WrongKey),
            _ if self.message.contains("does not exist") => Some(EtherpadError::Absent),
            _ if self.message.contains("already exist") => Some(EtherpadError::There),
            code => Some(EtherpadError::Refused(code)),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Group {
    #[serde(rename = "groupID", deserialize_with = "id")]
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Author {
    #[serde(rename = "authorID", deserialize_with = "id")]
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct MadeSession {
    #[serde(rename = "sessionID", deserialize_with = "id")]
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReadOnly {
    #[serde(rename = "readOnlyID", deserialize_with = "id")]
    pub(super) id: String,
}

/// Sessions of a group by their ids; null for those that are gone, and in place of all where there never was one.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Sessions(Option<BTreeMap<String, Option<IgnoredAny>>>);

impl Sessions {
    pub(super) fn ids(self) -> Vec<String> {
        let all = self.0.unwrap_or_default().into_iter();
        all.filter(|(id, session)| session.is_some() && is_id(id))
            .map(|(id, _)| id)
            .collect()
    }
}

/// Nothing that is read.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Nothing(IgnoredAny);

/// Ids stand in paths, queries and cookies.
fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_id(&text) {
        Ok(text)
    } else {
        Err(serde::de::Error::custom("an id"))
    }
}

fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(plain)
        && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: i64, message: &str) -> Option<EtherpadError> {
        let json = serde_json::json!({"code": code, "message": message, "data": null}).to_string();
        serde_json::from_str::<Answer<'_>>(&json).unwrap().refusal()
    }

    #[test]
    fn refusals_are_told_apart_by_code_and_words() {
        for (code, message, expected) in [
            (0, "ok", None),
            (4, "no or wrong API Key", Some(EtherpadError::WrongKey)),
            (1, "sessionID does not exist", Some(EtherpadError::Absent)),
            (1, "padName does already exist", Some(EtherpadError::There)),
            (1, "validUntil is in the past", Some(EtherpadError::Refused(1))),
            (2, "internal error", Some(EtherpadError::Refused(2))),
        ] {
            assert_eq!(refusal(code, message), expected, "{message}");
        }
    }

    #[test]
    fn ids_are_ids() {
        for (json, expected) in [
            (r#"{"groupID":"g.s8oes9dhwrvt0zif"}"#, true),
            (r#"{"groupID":""}"#, false),
            (r#"{"groupID":".."}"#, false),
            (r#"{"groupID":"g.1/../x"}"#, false),
            (r#"{"groupID":"g.1; Path=/"}"#, false),
            (r#"{"groupID":7}"#, false),
        ] {
            assert_eq!(serde_json::from_str::<Group>(json).is_ok(), expected, "{json}");
        }
        let long = serde_json::json!({"groupID": "x".repeat(200)}).to_string();
        assert!(serde_json::from_str::<Group>(&long).is_err());
    }

    #[test]
    fn sessions_that_are_gone_are_no_sessions() {
        let list: Sessions =
            serde_json::from_str(r#"{"s.1":{"groupID":"g.1"},"s.2":null,"s/3":{}}"#).unwrap();
        assert_eq!(list.ids(), ["s.1"]);
        let none: Sessions = serde_json::from_str("null").unwrap();
        assert_eq!(none.ids(), Vec::<String>::new());
    }
}
