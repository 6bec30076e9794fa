//! JSON of our own values, which can always be written: structs and enums with names as keys. Should one not be, a text that
//! is empty or half must not go its way in silence, to a journal or a client. Tests panic at once; in production whoever
//! asked gets an error, and ends what it was doing with it.

use std::any::type_name;

use serde::Serialize;
use serde_json::value::RawValue;

/// A value of ours that has no JSON: a mistake in its type.
#[derive(Debug, thiserror::Error)]
#[error("{type_name} can't be written as JSON: {reason}")]
pub struct EncodeError {
    type_name: &'static str,
    reason: serde_json::Error,
}

impl EncodeError {
    fn new(type_name: &'static str, reason: serde_json::Error) -> Self {
        let error = Self { type_name, reason };
        // In tests a mistake in a type is found where it is made.
        debug_assert!(false, "{error}");
        tracing::error!(%error, "a value of ours has no JSON");
        error
    }

    /// How a rule of a room ends that can't tell what it did: its input is undone like that of any other panic (`logged.rs`).
    pub(crate) fn undo<T>(self) -> T {
        panic!("{self}");
    }
}

/// The JSON of a value.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String, EncodeError> {
    serde_json::to_string(value).map_err(|reason| EncodeError::new(type_name::<T>(), reason))
}

/// The same, with line ends and blanks for people.
pub fn encode_for_people<T: Serialize + ?Sized>(value: &T) -> Result<String, EncodeError> {
    serde_json::to_string_pretty(value).map_err(|reason| EncodeError::new(type_name::<T>(), reason))
}

/// The same as [`encode`], as a piece of a larger JSON.
pub fn encode_raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, EncodeError> {
    serde_json::value::to_raw_value(value).map_err(|reason| EncodeError::new(type_name::<T>(), reason))
}

/// A text that was put together from encoded pieces, as JSON.
pub fn assembled(text: String) -> Result<Box<RawValue>, EncodeError> {
    RawValue::from_string(text).map_err(|reason| EncodeError::new("a text of pieces", reason))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A map whose keys are no texts has no JSON.
    fn without_json() -> BTreeMap<(u8, u8), u8> {
        BTreeMap::from([((1, 2), 3)])
    }

    #[test]
    fn what_has_json_is_written() {
        assert_eq!(encode(&[Some("a"), None]).unwrap(), r#"["a",null]"#);
        assert_eq!(encode_raw(&1).unwrap().get(), "1");
    }

    #[test]
    #[cfg_attr(
        debug_assertions,
        should_panic(expected = "BTreeMap<(u8, u8), u8> can't be written as JSON: key must be a string")
    )]
    fn what_has_none_is_told() {
        let error = encode(&without_json()).unwrap_err();
        assert!(error.to_string().ends_with("key must be a string"));
    }
}
