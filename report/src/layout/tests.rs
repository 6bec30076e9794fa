use chrono::DateTime;

use super::write;
use crate::{Cell, Document, Fact, Fonts, Section};

fn document(rows: Vec<Vec<Cell>>, columns: usize) -> Document {
    Document {
        title: "Report".to_owned(),
        made_at: DateTime::UNIX_EPOCH,
        made_by: "test".to_owned(),
        facts: vec![Fact {
            label: "Meeting".to_owned(),
            value: "Jour fixe".into(),
        }],
        sections: vec![Section {
            heading: "Participants".to_owned(),
            columns: (0..columns).map(|at| format!("Column {at}")).collect(),
            rows,
        }],
    }
}

/// How many pages there are.
fn pages(document: &Document) -> usize {
    let pdf = write(document, &Fonts::embedded()).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.7") && pdf.trim_ascii_end().ends_with(b"%%EOF"));
    pdf.windows(11).filter(|bytes| bytes == b"/Type /Page").count() - 1
}

#[test]
fn pages_fill_with_rows() {
    let rows = |count: usize| {
        (0..count)
            .map(|at| vec![Cell::from(at.to_string()), Cell::none()])
            .collect()
    };
    assert_eq!(pages(&document(rows(0), 2)), 1);
    assert_eq!(pages(&document(rows(20), 2)), 1);
    assert_eq!(pages(&document(rows(200), 2)), 6);
}

#[test]
fn what_is_higher_than_a_page_goes_on_on_the_next() {
    let long = "word ".repeat(5_000);
    assert!(pages(&document(vec![vec![long.as_str().into()]], 1)) > 4);
    let mut facts = document(Vec::new(), 1);
    facts.facts[0].value = long.replace(' ', "\n").into();
    assert!(pages(&facts) > 80);
}

/// Nothing that a document says makes it go on for ever.
#[test]
fn odd_tables_end() {
    let row = |cells: usize| (0..cells).map(|_| Cell::from("a long text")).collect::<Vec<_>>();
    for (columns, cells) in [(0, 0), (0, 3), (3, 1), (1, 3), (100, 100)] {
        assert!(
            pages(&document(vec![row(cells); 3], columns)) < 200,
            "{columns} {cells}"
        );
    }
}

#[test]
fn the_same_document_is_the_same_file() {
    let made = || write(&document(vec![vec!["Zoë محمد".into()]], 1), &Fonts::embedded()).unwrap();
    assert_eq!(made(), made());
}
