//! Names of participants.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::limits::DISPLAY_NAME_CHARS_MAX;

/// A display name: trimmed, 1 to 100 Unicode scalar values, no NUL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DisplayName(Arc<str>);

/// A name that is empty, too long or holds a NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a display name has 1 to {DISPLAY_NAME_CHARS_MAX} characters")]
pub struct InvalidDisplayName;

impl DisplayName {
    pub fn parse(name: &str) -> Result<Self, InvalidDisplayName> {
        let name = name.trim();
        let fits = name.chars().take(DISPLAY_NAME_CHARS_MAX + 1).count() <= DISPLAY_NAME_CHARS_MAX;
        if name.is_empty() || !fits || name.contains('\0') {
            Err(InvalidDisplayName)
        } else {
            Ok(Self(name.into()))
        }
    }

    /// A name from a profile: cut to the limit, `User` when nothing is left.
    #[must_use]
    pub fn from_profile(name: &str) -> Self {
        let cut: String = name
            .trim()
            .chars()
            .filter(|c| *c != '\0')
            .take(DISPLAY_NAME_CHARS_MAX)
            .collect();
        Self::parse(&cut).unwrap_or_else(|InvalidDisplayName| Self("User".into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DisplayName {
    type Error = InvalidDisplayName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_count_not_bytes() {
        assert!(DisplayName::parse(&"ü".repeat(100)).is_ok());
        assert!(DisplayName::parse(&"ü".repeat(101)).is_err());
        assert!(DisplayName::parse(" \t ").is_err());
        assert!(DisplayName::parse("a\0b").is_err());
        assert_eq!(DisplayName::parse("  Ann ").unwrap().as_str(), "Ann");
    }

    #[test]
    fn names_from_profiles_always_fit() {
        assert_eq!(DisplayName::from_profile("").as_str(), "User");
        assert_eq!(DisplayName::from_profile(&"x".repeat(300)).as_str().len(), 100);
    }
}
