//! Tokens of votes: whoever shows one has one vote.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Bitcoin's alphabet: no `0`, `O`, `I`, `l`.
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// 64 bits take that many digits.
const DIGITS: usize = 11;

/// A random number of 64 bits, written as eleven base58 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoteToken([u8; DIGITS]);

impl VoteToken {
    #[must_use]
    pub fn of(mut number: u64) -> Self {
        let mut digits = [ALPHABET[0]; DIGITS];
        for digit in digits.iter_mut().rev() {
            // Below 58.
            let index = usize::try_from(number % 58).unwrap_or_default();
            *digit = ALPHABET[index];
            number /= 58;
        }
        Self(digits)
    }

    /// A token as somebody wrote it, also without leading zeros.
    fn parse(text: &str) -> Option<Self> {
        let given = text.as_bytes();
        let from = DIGITS.checked_sub(given.len()).filter(|_| !given.is_empty())?;
        if !given.iter().all(|digit| ALPHABET.contains(digit)) {
            return None;
        }
        let mut digits = [ALPHABET[0]; DIGITS];
        digits[from..].copy_from_slice(given);
        Some(Self(digits))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        // Digits are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; DIGITS] {
        &self.0
    }
}

/// Whose vote it is may be a secret.
impl fmt::Debug for VoteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoteToken")
    }
}

impl Serialize for VoteToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for VoteToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a token has at most 11 base58 digits"))
    }
}

impl schemars::JsonSchema for VoteToken {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "VoteToken".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A random number as eleven base58 digits.",
            "examples": ["1111Cn8eVZg"],
            "pattern": "^[1-9A-HJ-NP-Za-km-z]{1,11}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_eleven_digits() {
        for (number, text) in [
            (0, "11111111111"),
            (0x30, "1111111111q"),
            (0x0068_656c_6c6f, "1111Cn8eVZg"),
        ] {
            let token = VoteToken::of(number);
            assert_eq!(token.as_str(), text);
            let short = text.trim_start_matches('1');
            if !short.is_empty() {
                assert_eq!(VoteToken::parse(short), Some(token));
            }
            assert_eq!(VoteToken::parse(text), Some(token));
        }
        assert_eq!(VoteToken::of(u64::MAX).as_str().len(), DIGITS);
        for bad in ["", "0", "111111111111", "O", "1 1", "ä"] {
            assert_eq!(VoteToken::parse(bad), None, "{bad}");
        }
        assert_eq!(format!("{:?}", VoteToken::of(7)), "VoteToken");
    }
}
