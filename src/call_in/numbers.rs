//! Telephone numbers as people and gateways write them.

use phonenumber::{Mode, PhoneNumber, country};

/// Longer texts are no numbers: 15 digits (E.164), a prefix to dial, and what is written between digits.
const TEXT_CHARS_MAX: usize = 40;

/// How many digits at the end of a number are masked.
const MASKED_DIGITS: usize = 3;

/// What is written between digits and means nothing.
const SEPARATORS: [char; 6] = [' ', '-', '.', '/', '(', ')'];

/// A number that can be dialled from everywhere. Equal ones are the same line, however they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    e164: String,
    international: String,
}

impl Number {
    /// Reads a number; one that names no country is of `default_country`. `None` for texts that are no valid number.
    #[must_use]
    pub fn parse(text: &str, default_country: country::Id) -> Option<Self> {
        let dialled = digits(text)?;
        let number = phonenumber::parse(Some(default_country), dialled).ok()?;
        number.is_valid().then(|| Self::of(&number))
    }

    fn of(number: &PhoneNumber) -> Self {
        let written = |mode| number.format().mode(mode).to_string();
        Self {
            e164: written(Mode::E164),
            international: written(Mode::International),
        }
    }

    /// For people, such as `+49 30 1234567`.
    #[must_use]
    pub fn international(&self) -> &str {
        &self.international
    }

    /// For people who need not know the whole number, such as `+49 30 1234***`.
    #[must_use]
    pub fn masked(&self) -> String {
        let digits = self.international.bytes().filter(u8::is_ascii_digit).count();
        let mut seen = 0;
        let masked = self.international.chars().map(|c| {
            seen += usize::from(c.is_ascii_digit());
            if c.is_ascii_digit() && seen + MASKED_DIGITS > digits {
                '*'
            } else {
                c
            }
        });
        masked.collect()
    }

    /// For programs, such as `+49301234567`.
    #[must_use]
    pub fn e164(&self) -> &str {
        &self.e164
    }
}

/// The digits of what looks like a number, after a plus if it begins with one.
fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    if text.chars().count() > TEXT_CHARS_MAX {
        return None;
    }
    let (plus, rest) = text.strip_prefix('+').map_or(("", text), |rest| ("+", rest));
    let is_number = |c: char| c.is_ascii_digit() || SEPARATORS.contains(&c);
    if !rest.chars().all(is_number) {
        return None;
    }
    let digits = rest.chars().filter(char::is_ascii_digit);
    Some(plus.chars().chain(digits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, country: country::Id) -> Option<String> {
        Number::parse(text, country).map(|number| number.international().to_owned())
    }

    #[test]
    fn numbers_are_shown_in_international_format() {
        use country::Id::{AT, CH, DE, FR, GB, US};
        for (given, country, expected) in [
            ("+493012345678", DE, "+49 30 12345678"),
            ("030 12345678", DE, "+49 30 12345678"),
            ("(030) 123-456-78", DE, "+49 30 12345678"),
            ("030/12345678", DE, "+49 30 12345678"),
            (" 0049 30 12345678 ", DE, "+49 30 12345678"),
            ("01512 3456789", DE, "+49 1512 3456789"),
            ("+1 (202) 555-0143", DE, "+1 202-555-0143"),
            ("202-555-0143", US, "+1 202-555-0143"),
            ("011 49 30 12345678", US, "+49 30 12345678"),
            ("020 7946 0958", GB, "+44 20 7946 0958"),
            ("044 668 18 00", CH, "+41 44 668 18 00"),
            ("01 42 68 53 00", FR, "+33 1 42 68 53 00"),
            ("+41 44 668 18 00", AT, "+41 44 668 18 00"),
        ] {
            assert_eq!(shown(given, country).as_deref(), Some(expected), "{given:?}");
        }
    }

    #[test]
    fn the_last_three_digits_are_masked() {
        for (given, shown) in [
            ("03012345678", "+49 30 12345***"),
            ("+1 202 555 0143", "+1 202-555-0***"),
            ("+41 44 668 18 00", "+41 44 668 1* **"),
        ] {
            let number = Number::parse(given, country::Id::DE).expect("a number");
            assert_eq!(number.masked(), shown);
        }
    }

    #[test]
    fn what_is_no_number_stays_as_it_is() {
        let long = "0".repeat(1_000_000);
        for given in [
            "",
            " ",
            "+",
            "-",
            "Alice",
            "anonymous",
            "Room 42",
            "42",
            "110",
            "+49",
            "++493012345678",
            "49+3012345678",
            "030 12345678 ext. 5",
            "tel:+493012345678",
            "sip:030@example.org",
            "0800-FLOWERS",
            "٠٣٠١٢٣٤٥٦٧٨",
            "030 12345678\0",
            "+999 12345678",
            "1234567890123456789012345678901234567890",
            &long,
        ] {
            let given: &str = given;
            assert_eq!(shown(given, country::Id::DE), None, "{given:.40?}");
        }
    }

    #[test]
    fn one_line_is_one_number_however_it_is_written() {
        let number = |text| Number::parse(text, country::Id::DE).expect("a number");
        assert_eq!(number("030 12345678"), number("+49 (30) 1234-5678"));
        assert_eq!(number("030 12345678").e164(), "+493012345678");
        assert_ne!(number("030 12345678"), number("030 12345679"));
    }

    #[test]
    fn no_text_of_digits_and_separators_brings_it_down() {
        let alphabet: Vec<char> = "+0123456789 -./()".chars().collect();
        let mut state = 1_u64;
        for _ in 0..5_000 {
            let mut draw = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                usize::try_from(state >> 33).unwrap_or_default() % below
            };
            let text: String = (0..draw(24)).map(|_| alphabet[draw(alphabet.len())]).collect();
            if let Some(shown) = shown(&text, country::Id::DE) {
                assert!(shown.starts_with('+') && shown.len() <= 40, "{text:?} {shown}");
            }
        }
    }
}
