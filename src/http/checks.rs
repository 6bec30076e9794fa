//! Collects what is wrong with the fields of a body, so that a client learns all of it at once.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::error::{ApiError, FieldError};
use crate::{
    email_address::canonical,
    store::{TIME_MAX, TIME_MIN, micros, users::EMAIL_CHARS_MAX},
};

/// Findings so far. `finish` turns them into the answer.
#[derive(Debug, Default)]
pub struct Checks(Vec<FieldError>);

impl Checks {
    /// A text of at most `chars_max` characters without NUL.
    pub fn text(&mut self, field: &str, text: &str, chars_max: usize) {
        if text.contains('\0') {
            self.refuse(field, "invalid_value", "must not contain NUL");
        }
        if text.chars().count() > chars_max {
            self.refuse(
                field,
                "too_long",
                format!("must have at most {chars_max} characters"),
            );
        }
    }

    /// A text as [`Self::text`] that must not be empty.
    pub fn filled(&mut self, field: &str, text: &str, chars_max: usize) {
        if text.is_empty() {
            self.refuse(field, "invalid_value", "must not be empty");
        }
        self.text(field, text, chars_max);
    }

    /// An e-mail address without a display name (RFC 5321: at most 254 characters).
    pub fn email(&mut self, field: &str, email: &str) {
        // A domain that no mail server can be asked for, such as `[127.0.0.1]`, is none.
        let is_address = email.parse::<lettre::Address>().is_ok() && canonical(email).is_some();
        if email.chars().count() > EMAIL_CHARS_MAX {
            self.refuse(
                field,
                "too_long",
                format!("must have at most {EMAIL_CHARS_MAX} characters"),
            );
        } else if !is_address || email.contains(|c: char| c.is_control() || c.is_whitespace()) {
            self.refuse(field, "invalid_email", "must be an e-mail address");
        }
    }

    /// A time that the store keeps: 1970–2999, cut to microseconds.
    pub fn time(&mut self, field: &str, time: DateTime<Utc>) -> DateTime<Utc> {
        if !(TIME_MIN..=TIME_MAX).contains(&time) {
            self.refuse(field, "invalid_value", "must lie between the years 1970 and 2999");
        }
        micros(time)
    }

    /// Anything else that is wrong with a field.
    pub fn refuse(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.0.push(FieldError {
            field: Some(field.to_owned()),
            code: Cow::Borrowed(code),
            message: Some(message.into()),
        });
    }

    /// 422 when something was found.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.refused())
        }
    }

    /// The answer to what was found, when that is known to be something.
    #[must_use]
    pub fn refused(self) -> ApiError {
        ApiError::validation(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(check: impl FnOnce(&mut Checks)) -> Vec<String> {
        let mut checks = Checks::default();
        check(&mut checks);
        checks
            .0
            .into_iter()
            .map(|error| error.code.into_owned())
            .collect()
    }

    #[test]
    fn lengths_count_characters() {
        assert!(codes(|c| c.text("title", &"ü".repeat(255), 255)).is_empty());
        assert_eq!(codes(|c| c.text("title", &"ü".repeat(256), 255)), ["too_long"]);
    }

    #[test]
    fn nul_and_emptiness_are_refused() {
        assert_eq!(codes(|c| c.text("title", "a\0b", 255)), ["invalid_value"]);
        assert_eq!(codes(|c| c.filled("password", "", 255)), ["invalid_value"]);
        assert!(codes(|c| c.text("title", "", 255)).is_empty());
    }

    #[test]
    fn addresses_are_addresses() {
        for good in [
            "a@example.org",
            "A.B+c@sub.example.org",
            "ü@example.org",
            "a@bücher.example",
        ] {
            assert!(codes(|c| c.email("email", good)).is_empty(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@example.org",
            "a b@example.org",
            "A <a@example.org>",
            "a@example.org\r\nBcc: b@example.org",
            "a\0@example.org",
            " a@example.org",
            "a@example.org,b@example.org",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "\"a b\"@example.org",
        ] {
            assert_eq!(codes(|c| c.email("email", bad)), ["invalid_email"], "{bad:?}");
        }
        let long = format!("a@{}.org", "x".repeat(254));
        assert_eq!(codes(|c| c.email("email", &long)), ["too_long"]);
    }

    #[test]
    fn times_have_bounds() {
        assert!(codes(|c| assert_eq!(c.time("at", TIME_MAX), TIME_MAX)).is_empty());
        let after = TIME_MAX + chrono::TimeDelta::seconds(1);
        assert_eq!(
            codes(|c| assert_eq!(c.time("at", after), after)),
            ["invalid_value"]
        );
    }
}
