//! Every field of a body that is missing or of a wrong type. Parsers stop at the first; so what was found is replaced by
//! something that fits, and the body is read again.

use std::{borrow::Cow, collections::VecDeque};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment};

use super::super::error::FieldError;

/// More wrong fields are not told: a body is read several times for each.
const FINDINGS_MAX: usize = 20;

/// A mistake, and where it was met.
struct Finding {
    path: Vec<Step>,
    error: FieldError,
    /// Texts that the parser says it would have taken.
    expected: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// What is wrong with the fields of a JSON text that does not become a `T`, the first at least.
pub(super) fn findings<T: DeserializeOwned>(text: &str, first: FieldError) -> Vec<FieldError> {
    let Ok(mut body) = serde_json::from_str::<Value>(text) else {
        return vec![first];
    };
    let mut found: Vec<FieldError> = Vec::new();
    while found.len() < FINDINGS_MAX {
        let Some(finding) = next::<T>(&body) else { break };
        let is_mended = mend::<T>(&mut body, &finding);
        found.push(finding.error);
        if !is_mended {
            break;
        }
    }
    if found.is_empty() { vec![first] } else { found }
}

fn next<T: DeserializeOwned>(body: &Value) -> Option<Finding> {
    let error = serde_path_to_error::deserialize::<_, T>(body).err()?;
    let error_at = field_error(Some(error.path().to_string()), error.inner());
    let mut path = steps(error.path())?;
    let text = error.inner().to_string();
    if let Some(missing) = missing_field(&text) {
        path.push(Step::Key(missing.to_owned()));
    }
    let expected = text.split("expected").nth(1).unwrap_or_default();
    Some(Finding {
        path,
        error: error_at,
        expected: expected
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect(),
    })
}

/// Puts something acceptable in the place of a finding; whether there is something.
fn mend<T: DeserializeOwned>(body: &mut Value, finding: &Finding) -> bool {
    let guesses = [
        Value::Null,
        json!(""),
        json!(0),
        json!(false),
        json!([]),
        json!({}),
        json!("00000000-0000-4000-8000-000000000000"),
        json!("2000-01-01T00:00:00Z"),
        json!("a"),
    ];
    let mut guesses = VecDeque::from(guesses);
    let mut known = vec![finding.expected.clone()];
    let mut told = finding.expected.clone();
    loop {
        // What the parser names itself is tried first.
        for text in told.drain(..) {
            guesses.push_front(json!(text));
        }
        let (Some(guess), Some(place)) = (guesses.pop_front(), place(body, &finding.path)) else {
            return false;
        };
        *place = guess;
        match next::<T>(body) {
            Some(other) if other.path.starts_with(&finding.path) => {
                let is_news = other.path == finding.path && !known.contains(&other.expected);
                if is_news {
                    known.push(other.expected.clone());
                    told = other.expected;
                }
            }
            _ => return true,
        }
    }
}

/// The value at a path; what the last step names is made when it is not there.
fn place<'a>(body: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    let (last, parents) = path.split_last()?;
    let parent = parents.iter().try_fold(body, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    })?;
    match last {
        Step::Key(key) => Some(parent.as_object_mut()?.entry(key).or_insert(Value::Null)),
        Step::Index(index) => parent.get_mut(index),
    }
}

/// `None` where the parser lost its way, e.g. inside of an untagged enum.
fn steps(path: &Path) -> Option<Vec<Step>> {
    path.iter()
        .map(|segment| match segment {
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// What a parser's error says of a field.
pub(super) fn field_error(path: Option<String>, error: &serde_json::Error) -> FieldError {
    let text = error.to_string();
    let path = path.filter(|path| path != ".");
    // A missing field is reported at its parent; the message names it.
    if let Some(missing) = missing_field(&text) {
        let parent = path.map_or_else(String::new, |path| path + ".");
        return FieldError {
            field: Some(parent + missing),
            code: Cow::Borrowed("value_required"),
            message: Some("is required".to_owned()),
        };
    }
    FieldError {
        field: path,
        code: Cow::Borrowed("invalid_value"),
        message: Some(text),
    }
}

fn missing_field(text: &str) -> Option<&str> {
    text.strip_prefix("missing field `")?.split('`').next()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Role {
        User,
        Moderator,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        size: u8,
        at: DateTime<Utc>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Sample {
        name: String,
        id: Uuid,
        role: Role,
        count: Option<u32>,
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
    }

    fn told(body: &Value) -> Vec<String> {
        let text = body.to_string();
        let error = serde_json::from_str::<Sample>(&text).expect_err("wrong");
        findings::<Sample>(&text, field_error(None, &error))
            .into_iter()
            .map(|error| format!("{} {}", error.field.unwrap_or_default(), error.code))
            .collect()
    }

    #[test]
    fn every_wrong_field_is_told() {
        let wrong = json!({"name": 1, "id": "x", "role": "king", "count": -1, "inner": 5, "list": {}});
        let expected =
            ["count", "id", "inner", "list", "name", "role"].map(|field| format!("{field} invalid_value"));
        let mut found = told(&wrong);
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_missing_field_is_told_beside_wrong_ones() {
        let mut found = told(&json!({"count": "x", "inner": {"size": 300}, "list": [{}]}));
        found.sort();
        let expected = [
            "count invalid_value",
            "id value_required",
            "inner.at value_required",
            "inner.size invalid_value",
            "list[0].at value_required",
            "list[0].size value_required",
            "name value_required",
            "role value_required",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn elements_of_lists_are_named() {
        let good = json!({"size": 1, "at": "2000-01-01T00:00:00Z"});
        let id = Uuid::nil();
        let found = told(&json!({
            "name": "", "id": id, "role": "user", "list": [good, {"size": "x", "at": "y"}, 5],
        }));
        assert_eq!(
            found,
            [
                "list[1].at invalid_value",
                "list[1].size invalid_value",
                "list[2] invalid_value"
            ]
        );
    }

    #[test]
    fn a_huge_list_of_mistakes_is_cut() {
        let list: Vec<_> = (0..1000).map(|_| json!({"size": "x", "at": "y"})).collect();
        let found = told(&json!({"name": "", "id": Uuid::nil(), "role": "user", "list": list}));
        assert_eq!(found.len(), FINDINGS_MAX);
    }
}
