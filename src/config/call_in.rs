//! Callers by telephone.

use phonenumber::country;
use serde::{Deserialize, Serialize};

/// How people call in, and how they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallInSettings {
    /// Number of the gateway, as participants see it; without one, meeting details do not speak of calling in.
    pub tel: Option<String>,
    /// Country of numbers that name none (ISO 3166-1).
    pub default_country: country::Id,
    /// Whether a caller with the number of exactly one user of the tenant is shown under that user's name.
    pub show_names_of_users: bool,
    /// Whether the last three digits of a caller's number are masked.
    pub mask_numbers: bool,
    /// Whether the rooms of new events can be called, where there is a number and the creator's tariff allows it.
    pub for_new_events: bool,
}

impl Default for CallInSettings {
    fn default() -> Self {
        Self {
            tel: None,
            default_country: country::Id::DE,
            show_names_of_users: false,
            mask_numbers: true,
            for_new_events: true,
        }
    }
}
