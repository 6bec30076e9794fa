//! What a report says, without how it looks. Texts are shown as they are: nothing in them is markup.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A whole report, as it is handed to whoever makes the PDF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Stands on top of the first page, at the foot of all, and in the properties of the file.
    pub title: String,
    /// In the properties of the file.
    pub made_at: DateTime<Utc>,
    /// The program that wanted it, in the properties of the file.
    pub made_by: String,
    /// What is said before the first section, a line each.
    pub facts: Vec<Fact>,
    pub sections: Vec<Section>,
}

/// A name and what it is for this report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    pub label: String,
    pub value: Cell,
}

/// A heading with a table below it. Its head is repeated on each page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub heading: String,
    /// What the columns are called.
    pub columns: Vec<String>,
    /// Each with a cell for each column. Without rows the section says that there is nothing.
    pub rows: Vec<Vec<Cell>>,
}

/// A text in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// What is so, often people's words.
    Text(String),
    /// Our own word where there is none of theirs ("Unknown"), shown paler: nobody who is called so is taken for it.
    Note(String),
}

impl Cell {
    /// Its words.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Note(text) => text,
        }
    }

    /// Where something is not known, or does not apply.
    #[must_use]
    pub fn none() -> Self {
        Self::Note("—".to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Document {
    /// All that is shown of it.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let facts = self.facts.iter();
        let facts = facts.flat_map(|fact| [fact.label.as_str(), fact.value.text()]);
        let sections = self.sections.iter().flat_map(|section| {
            let heads = section.columns.iter().map(String::as_str);
            let cells = section.rows.iter().flatten().map(Cell::text);
            std::iter::once(section.heading.as_str())
                .chain(heads)
                .chain(cells)
        });
        std::iter::once(self.title.as_str()).chain(facts).chain(sections)
    }
}
