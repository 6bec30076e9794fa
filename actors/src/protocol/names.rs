//! Names of participants, and other texts and lists with a limit.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::limits::{COMMAND_PARTICIPANTS_MAX, DISPLAY_NAME_CHARS_MAX};
use crate::ids::ParticipantId;

/// A display name: trimmed, 1 to 100 Unicode scalar values, no NUL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String")]
#[schemars(!try_from, extend("minLength" = 1, "maxLength" = DISPLAY_NAME_CHARS_MAX))]
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

/// A text of at most `MAX` Unicode scalar values without NUL, as given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String")]
#[schemars(!try_from, inline, description = "Holds no NUL.", extend("maxLength" = MAX))]
pub struct Text<const MAX: usize>(Arc<str>);

/// A text that is too long or holds a NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {0} characters")]
pub struct InvalidText(usize);

impl<const MAX: usize> Text<MAX> {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        let fits = text.chars().take(MAX + 1).count() <= MAX;
        if fits && !text.contains('\0') {
            Ok(Self(text.into()))
        } else {
            Err(InvalidText(MAX))
        }
    }
}

/// The participants that a command names: at most [`COMMAND_PARTICIPANTS_MAX`], each once, in the order of their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Vec<ParticipantId>")]
#[schemars(!try_from, inline, description = "", extend("maxItems" = COMMAND_PARTICIPANTS_MAX))]
pub struct Named(BTreeSet<ParticipantId>);

/// A command that names too many participants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {COMMAND_PARTICIPANTS_MAX} participants")]
pub struct TooManyNamed;

impl Named {
    #[must_use]
    pub fn contains(&self, id: ParticipantId) -> bool {
        self.0.contains(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = ParticipantId> {
        self.0.iter().copied()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<ParticipantId> for Named {
    fn from(id: ParticipantId) -> Self {
        Self(BTreeSet::from([id]))
    }
}

impl TryFrom<Vec<ParticipantId>> for Named {
    type Error = TooManyNamed;

    fn try_from(list: Vec<ParticipantId>) -> Result<Self, TooManyNamed> {
        if list.len() > COMMAND_PARTICIPANTS_MAX {
            return Err(TooManyNamed);
        }
        Ok(Self(list.into_iter().collect()))
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
