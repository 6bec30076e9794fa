//! What a job can be told.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Job;

/// The longest time that a job looks back, in days: a century.
const DAYS_MAX: u64 = 36_500;

/// What a job was told, or its defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// How old something is before it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Whether rooms are deleted that have assets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_assets: Option<bool>,
}

/// Why a job can't be told that.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    #[error("not a JSON object: {0}")]
    NoObject(String),
    #[error("unknown parameter `{name}`; known are {known}")]
    Unknown { name: String, known: String },
    #[error("`{name}` must be {expected}")]
    Value {
        name: &'static str,
        expected: &'static str,
    },
}

impl Job {
    /// The parameters that the job has, with their defaults.
    #[must_use]
    pub const fn defaults(self) -> Parameters {
        let (days, with_assets) = match self {
            Self::EventCleanup | Self::VoteMinutesCleanup => (Some(365), None),
            Self::AdhocEventCleanup => (Some(1), None),
            Self::InviteCleanup => (Some(90), None),
            Self::RoomCleanup => (Some(365), Some(false)),
            Self::UserCleanup | Self::OutboxCleanup => (Some(30), None),
            Self::CounterCleanup => (Some(7), None),
            Self::OrphanedAssets | Self::LoginCleanup | Self::SharedFolderCleanup => (None, None),
        };
        Parameters { days, with_assets }
    }

    /// Reads parameters from a JSON object; those that are absent have their defaults.
    pub fn parameters(self, text: &str) -> Result<Parameters, ParametersError> {
        let given: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| ParametersError::NoObject(error.to_string()))?;
        let mut parameters = self.defaults();
        for (name, value) in given {
            match (&*name, &mut parameters) {
                (
                    "days",
                    Parameters {
                        days: Some(known), ..
                    },
                ) => *known = days(&value)?,
                (
                    "with_assets",
                    Parameters {
                        with_assets: Some(known),
                        ..
                    },
                ) => *known = flag(&value)?,
                _ => {
                    return Err(ParametersError::Unknown {
                        known: self.known(),
                        name,
                    });
                }
            }
        }
        Ok(parameters)
    }

    fn known(self) -> String {
        let defaults = json!(self.defaults());
        let names: Vec<_> = defaults
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect();
        names.join(", ")
    }
}

fn days(value: &Value) -> Result<u32, ParametersError> {
    let days = value.as_u64().filter(|days| *days <= DAYS_MAX);
    days.and_then(|days| u32::try_from(days).ok())
        .ok_or(ParametersError::Value {
            name: "days",
            expected: "a whole number from 0 to 36500",
        })
}

fn flag(value: &Value) -> Result<bool, ParametersError> {
    value.as_bool().ok_or(ParametersError::Value {
        name: "with_assets",
        expected: "true or false",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_over_the_defaults() {
        let room = |text| {
            Job::RoomCleanup
                .parameters(text)
                .map(|read| (read.days, read.with_assets))
        };
        assert_eq!(room("{}"), Ok((Some(365), Some(false))));
        assert_eq!(
            room(r#"{"days":0,"with_assets":true}"#),
            Ok((Some(0), Some(true)))
        );
        assert_eq!(
            Job::OutboxCleanup
                .parameters(r#"{"days":7}"#)
                .map(|read| read.days),
            Ok(Some(7))
        );
        assert_eq!(Job::VoteMinutesCleanup.defaults().days, Some(365));
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for (job, text, message) in [
            (Job::RoomCleanup, "[]", "not a JSON object"),
            (Job::RoomCleanup, "", "not a JSON object"),
            (
                Job::RoomCleanup,
                r#"{"day":1}"#,
                "unknown parameter `day`; known are days, with_assets",
            ),
            (
                Job::EventCleanup,
                r#"{"with_assets":true}"#,
                "unknown parameter `with_assets`; known are days",
            ),
            (
                Job::OrphanedAssets,
                r#"{"days":1}"#,
                "unknown parameter `days`; known are ",
            ),
            (
                Job::EventCleanup,
                r#"{"days":-1}"#,
                "`days` must be a whole number from 0 to 36500",
            ),
            (
                Job::EventCleanup,
                r#"{"days":36501}"#,
                "`days` must be a whole number from 0 to 36500",
            ),
            (
                Job::EventCleanup,
                r#"{"days":"1"}"#,
                "`days` must be a whole number from 0 to 36500",
            ),
            (
                Job::RoomCleanup,
                r#"{"with_assets":1}"#,
                "`with_assets` must be true or false",
            ),
        ] {
            let error = job.parameters(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
