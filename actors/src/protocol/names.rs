//! Names of participants, and other texts and lists with a limit.

use std::{collections::BTreeSet, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    limits::{COMMAND_PARTICIPANTS_MAX, DISPLAY_NAME_CHARS_MAX},
    plain::plain,
};
use crate::ids::ParticipantId;

/// A display name: plain text of 1 to 100 Unicode scalar values, something of which can be seen.
// Plain: see `super::plain`. What was kept under older rules is made so when it is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(from = "String")]
#[schemars(!from, extend("minLength" = 1, "maxLength" = DISPLAY_NAME_CHARS_MAX))]
pub struct DisplayName(Arc<str>);

/// A name that is empty, too long or can't be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a display name has 1 to {DISPLAY_NAME_CHARS_MAX} characters")]
pub struct InvalidDisplayName;

impl DisplayName {
    /// A name that may be refused.
    pub fn parse(name: &str) -> Result<Self, InvalidDisplayName> {
        let fits = fits(name.trim(), DISPLAY_NAME_CHARS_MAX);
        let plain = plain(name).filter(|plain| fits && self::fits(plain, DISPLAY_NAME_CHARS_MAX));
        plain.map(|name| Self(name.into())).ok_or(InvalidDisplayName)
    }

    /// The name that somebody gave to join. Refused is only what was empty or too long as it was sent: where nothing can be
    /// seen of it, its bearer is called `fallback`, and what is too long only when it is written plainly is cut.
    pub fn joined(given: &str, fallback: impl FnOnce() -> Self) -> Result<Self, InvalidDisplayName> {
        let given = given.trim();
        if given.is_empty() || !fits(given, DISPLAY_NAME_CHARS_MAX) {
            return Err(InvalidDisplayName);
        }
        Ok(Self::cut(given).unwrap_or_else(fallback))
    }

    /// A name from a profile: cut to the limit, `User` when nothing is left.
    #[must_use]
    pub fn from_profile(name: &str) -> Self {
        Self::cut(name).unwrap_or_else(|| Self("User".into()))
    }

    /// Of whom nothing is known.
    #[must_use]
    pub fn of_a_guest() -> Self {
        Self("Guest".into())
    }

    /// As much of a name as fits; none when nothing of it can be seen.
    fn cut(name: &str) -> Option<Self> {
        let whole = plain(name)?;
        if fits(&whole, DISPLAY_NAME_CHARS_MAX) {
            return Some(Self(whole.into()));
        }
        let cut: String = whole.chars().take(DISPLAY_NAME_CHARS_MAX).collect();
        // The end of a cut text may be one that no text has.
        plain(&cut).map(|name| Self(name.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for DisplayName {
    fn from(name: String) -> Self {
        Self::cut(&name).unwrap_or_else(Self::of_a_guest)
    }
}

fn fits(text: &str, chars_max: usize) -> bool {
    text.chars().take(chars_max + 1).count() <= chars_max
}

/// A text that is looked at later, by somebody who answers what is wrong with it: without white space around it, and
/// never longer than one Unicode scalar value more than it may be, which is enough to see that it is too long.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(from = "String")]
#[schemars(!from, inline, description = "", extend("maxLength" = MAX))]
pub struct Sent<const MAX: usize>(Arc<str>);

impl<const MAX: usize> Sent<MAX> {
    /// The text as it is shown; none when it is too long or nothing of it can be seen.
    #[must_use]
    pub fn plain(&self) -> Option<Arc<str>> {
        let plain = plain(self).filter(|plain| fits(self, MAX) && fits(plain, MAX))?;
        Some(plain.into())
    }
}

impl<const MAX: usize> From<String> for Sent<MAX> {
    fn from(text: String) -> Self {
        let text = text.trim();
        if fits(text, MAX + 1) {
            return Self(text.into());
        }
        // An end that is no white space, so that it is the same when it is read back.
        Self(text.chars().take(MAX).chain(['…']).collect::<String>().into())
    }
}

impl<const MAX: usize> Deref for Sent<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// One line of plain text ([`super::plain`]) of 1 to `MAX` Unicode scalar values, something of which can be seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Sent<MAX>")]
#[schemars(!try_from, inline, description = "", extend("minLength" = 1, "maxLength" = MAX))]
pub struct Line<const MAX: usize>(Arc<str>);

impl<const MAX: usize> Line<MAX> {
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl<const MAX: usize> TryFrom<Sent<MAX>> for Line<MAX> {
    type Error = InvalidText;

    fn try_from(text: Sent<MAX>) -> Result<Self, InvalidText> {
        text.plain().map(Self).ok_or(InvalidText(MAX))
    }
}

/// A text of at most `MAX` Unicode scalar values without NUL, as given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String")]
#[schemars(!try_from, inline, description = "Holds no NUL.", extend("maxLength" = MAX))]
pub struct Text<const MAX: usize>(Arc<str>);

/// A text that is too long, holds a NUL, or of which nothing can be seen where something must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {0} characters")]
pub struct InvalidText(usize);

impl<const MAX: usize> Text<MAX> {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One line of plain text ([`super::plain`]); empty where nothing of it can be seen.
    #[must_use]
    pub fn plain(&self) -> Self {
        let plain = plain(&self.0).unwrap_or_default();
        Self(plain.chars().take(MAX).collect::<String>().into())
    }

    /// Without white space around it.
    #[must_use]
    pub fn trimmed(&self) -> Self {
        Self(self.0.trim().into())
    }

    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        if fits(&text, MAX) && !text.contains('\0') {
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
    use proptest::prelude::*;

    use super::*;

    fn joined(given: &str) -> Option<String> {
        let name = DisplayName::joined(given, DisplayName::of_a_guest).ok()?;
        Some(name.as_str().to_owned())
    }

    #[test]
    fn characters_count_not_bytes() {
        assert!(DisplayName::parse(&"ü".repeat(100)).is_ok());
        assert!(DisplayName::parse(&"ü".repeat(101)).is_err());
        assert!(DisplayName::parse(" \t ").is_err());
        assert_eq!(DisplayName::parse("  Ann ").unwrap().as_str(), "Ann");
    }

    #[test]
    fn a_join_fails_only_by_what_was_sent() {
        assert_eq!(joined(""), None);
        assert_eq!(joined("  "), None);
        assert_eq!(joined(&"x".repeat(101)), None);
        assert_eq!(joined("\u{200b}\u{202e}").as_deref(), Some("Guest"));
        assert_eq!(joined("a\0b").as_deref(), Some("ab"));
        // One character as sent that is two as written: 200, of which 100 fit.
        assert_eq!(
            joined(&"\u{1d15e}".repeat(100)).map(|name| name.chars().count()),
            Some(100)
        );
    }

    #[test]
    fn another_name_may_be_refused() {
        for name in ["", " ", "\u{200b}", "\u{3164}", &"\u{1d15e}".repeat(100)] {
            assert!(DisplayName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_from_profiles_always_fit() {
        assert_eq!(DisplayName::from_profile("").as_str(), "User");
        assert_eq!(DisplayName::from_profile(&"x".repeat(300)).as_str().len(), 100);
    }

    #[test]
    fn names_of_older_rules_are_read() {
        for (kept, read) in [
            ("\"a\\u0007b\"", "ab"),
            ("\"\\u202e\"", "Guest"),
            ("\"Ann\"", "Ann"),
        ] {
            let name: DisplayName = serde_json::from_str(kept).unwrap();
            assert_eq!(name.as_str(), read);
        }
    }

    #[test]
    fn what_is_too_long_is_cut_to_one_more() {
        let sent = Sent::<3>::from(format!("  {}", "ü".repeat(1_000)));
        assert_eq!(&*sent, "üüü…");
        assert_eq!(sent.plain(), None);
        assert_eq!(
            Sent::<3>::from(" üüü ".to_owned()).plain().as_deref(),
            Some("üüü")
        );
    }

    proptest! {
        #[test]
        fn what_was_kept_is_read_as_the_same(text in any::<String>()) {
            let sent = Sent::<5>::from(text.clone());
            let again = Sent::<5>::from(sent.to_string());
            prop_assert!(sent.chars().count() <= 6);
            prop_assert_eq!(&sent, &again);
            let name = DisplayName::from_profile(&text);
            prop_assert_eq!(DisplayName::from(name.as_str().to_owned()), name.clone());
            prop_assert_eq!(DisplayName::parse(name.as_str()), Ok(name));
        }
    }
}
