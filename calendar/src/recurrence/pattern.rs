//! The pattern of an event: its lines, read and checked.

use serde::{Deserialize, Serialize};

use crate::zones::Zone;

use super::{
    LINE_CHARS_MAX, LINES_MAX,
    dates::Dates,
    error::{LineError, RecurrenceError},
    rule::Rule,
};

/// How an event recurs: at most [`LINES_MAX`] lines of RRULE, RDATE, EXRULE and EXDATE, an RRULE in front. Without any, an
/// event takes place once.
///
/// To read one costs little: nothing of it is computed. As text it is canonical.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Recurrence {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Rule(Rule),
    Dates(Dates),
    ExcludedRule(Rule),
    ExcludedDates(Dates),
}

impl Recurrence {
    /// Reads lines in whatever case and order, with blanks where there may be none, and rules without their name
    /// (`FREQ=WEEKLY`), as some clients write them.
    pub fn parse<Text: AsRef<str>>(lines: &[Text]) -> Result<Self, RecurrenceError> {
        if lines.len() > LINES_MAX {
            return Err(RecurrenceError::LineCount);
        }
        let read = |(line, number): (&Text, usize)| {
            let line = Line::parse(line.as_ref());
            line.map_err(|problem| RecurrenceError::Line { number, problem })
        };
        let lines = lines.iter().zip(1..).map(read);
        let mut lines = lines.collect::<Result<Vec<_>, _>>()?;
        // Clients look for the rule in front; the others stay in their order.
        lines.sort_by_key(|line| !matches!(line, Line::Rule(_)));
        Ok(Self { lines })
    }

    /// The canonical text: each line is as long as the one that was read, or shorter, but for its name.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().map(Line::text).collect()
    }

    /// Whether there is nothing but one occurrence.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The rule that alone says everything, if one does.
    #[must_use]
    pub fn only_rule(&self) -> Option<&Rule> {
        match self.lines.as_slice() {
            [Line::Rule(rule)] => Some(rule),
            _ => None,
        }
    }

    /// The rule in front.
    pub(super) fn first_rule(&self) -> Option<&Rule> {
        match self.lines.first() {
            Some(Line::Rule(rule)) => Some(rule),
            _ => None,
        }
    }

    pub(super) fn entries(&self) -> &[Line] {
        &self.lines
    }
}

impl TryFrom<Vec<String>> for Recurrence {
    type Error = RecurrenceError;

    fn try_from(lines: Vec<String>) -> Result<Self, RecurrenceError> {
        Self::parse(&lines)
    }
}

impl From<Recurrence> for Vec<String> {
    fn from(recurrence: Recurrence) -> Self {
        recurrence.lines()
    }
}

impl Line {
    /// Reads `RDATE;TZID=Europe/Berlin:20260131T100000`.
    fn parse(text: &str) -> Result<Self, LineError> {
        if text.chars().count() > LINE_CHARS_MAX || text.contains(['\r', '\n', '\0']) {
            return Err(LineError::TooLong);
        }
        let text = text.trim();
        let name_end = text.find([':', ';']).unwrap_or(text.len());
        let (name, rest) = text.split_at(name_end);
        let name = name.trim_end().to_ascii_uppercase();
        if name.contains('=') {
            return Rule::parse(text).map(Self::Rule);
        }
        let is_known = ["RRULE", "RDATE", "EXRULE", "EXDATE"].contains(&name.as_str());
        if !is_known {
            return Err(LineError::UnknownProperty);
        }
        let (parameters, value) = rest.split_once(':').ok_or(LineError::NoValue)?;
        let holds_dates = name.ends_with("DATE");
        let mut zone = None;
        for parameter in parameters.split(';').skip(1) {
            zone = zone_in(parameter, holds_dates)?.or(zone);
        }
        let value = value.trim();
        if value.is_empty() {
            return Err(LineError::NoValue);
        }
        match name.as_str() {
            "RRULE" => Rule::parse(value).map(Self::Rule),
            "EXRULE" => Rule::parse(value).map(Self::ExcludedRule),
            "RDATE" => Dates::parse(zone, value).map(Self::Dates),
            _ => Dates::parse(zone, value).map(Self::ExcludedDates),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Rule(rule) => format!("RRULE:{rule}"),
            Self::ExcludedRule(rule) => format!("EXRULE:{rule}"),
            Self::Dates(dates) => dates.line("RDATE"),
            Self::ExcludedDates(dates) => dates.line("EXDATE"),
        }
    }
}

/// The zone in a parameter of a line: nothing else is kept of them.
fn zone_in(text: &str, holds_dates: bool) -> Result<Option<Zone>, LineError> {
    let refused = || LineError::Parameter(text.chars().take(40).collect());
    let (name, value) = text.split_once('=').ok_or_else(refused)?;
    match name.trim().to_ascii_uppercase().as_str() {
        "TZID" if holds_dates => {
            let name = value.trim().trim_matches('"');
            let zone = name
                .parse()
                .map_err(|_| LineError::UnknownZone(name.chars().take(40).collect()))?;
            Ok(Some(zone))
        }
        "VALUE" if holds_dates => match value.trim().to_ascii_uppercase().as_str() {
            // Each value tells by its form what it is.
            "DATE" | "DATE-TIME" => Ok(None),
            "PERIOD" => Err(LineError::Period),
            _ => Err(refused()),
        },
        name if name.starts_with("X-") => Ok(None),
        _ => Err(refused()),
    }
}
