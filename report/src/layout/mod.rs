//! Where everything stands: from the top of the first page down, over as many pages as it takes.

mod columns;
mod table;
#[cfg(test)]
mod tests;

use crate::{
    document::{Cell, Document, Fact},
    fonts::Fonts,
    pdf::{FontError, Ink, PAGE, Place, Properties, Writer},
    text::{Line, Paragraphs},
};

/// Free space at the sides, above and below, in points (20 mm, 20 mm, 22 mm).
const SIDE: f32 = 56.7;
const TOP: f32 = 56.7;
const BOTTOM: f32 = 62.4;

/// What is between [`SIDE`] and its like.
const WIDTH: f32 = PAGE.0 - 2.0 * SIDE;

/// Where the names of facts end and what is said of them begins.
const LABEL_WIDTH: f32 = 132.0;

/// The foot's baseline.
const FOOT: f32 = 36.0;

/// How a text looks: its size in points, whether it is bold, how dark it is, and how far its lines are from each other.
#[derive(Debug, Clone, Copy)]
struct Look {
    size: f32,
    bold: bool,
    ink: Ink,
    leading: f32,
}

const TITLE: Look = Look::new(20.0, true, Ink::Dark);
const HEADING: Look = Look::new(12.5, true, Ink::Dark);
const LABEL: Look = Look::new(9.5, false, Ink::Pale);
const VALUE: Look = Look::new(9.5, false, Ink::Dark);
const NOTE: Look = Look::new(9.5, false, Ink::Pale);
const SMALL: Look = Look::new(8.0, false, Ink::Pale);

impl Look {
    const fn new(size: f32, bold: bool, ink: Ink) -> Self {
        Self {
            size,
            bold,
            ink,
            // Letters of Arabic, Devanagari and Thai reach farther up and down than ours.
            leading: size * 1.5,
        }
    }

    const fn of(cell: &Cell) -> Self {
        match cell {
            Cell::Text(_) => VALUE,
            Cell::Note(_) => NOTE,
        }
    }

    /// The lines of a text that is this many points wide.
    fn lines(self, text: &Paragraphs<'_>, width: f32) -> Vec<Line> {
        text.lines(width / self.size)
    }
}

/// A page that fills from the top.
struct Flow<'a> {
    fonts: &'a Fonts,
    writer: Writer<'a>,
    /// Where the next thing begins, from the bottom of the page.
    y: f32,
}

/// The PDF of a document.
pub(crate) fn write(document: &Document, fonts: &Fonts) -> Result<Vec<u8>, FontError> {
    let mut flow = Flow {
        fonts,
        writer: Writer::new(fonts),
        y: PAGE.1 - TOP,
    };
    flow.title(&document.title);
    for fact in &document.facts {
        flow.fact(fact);
    }
    for section in &document.sections {
        table::write(&mut flow, section);
    }
    flow.feet(&document.title);
    flow.writer.finish(Properties {
        title: &document.title,
        creator: &document.made_by,
        made_at: document.made_at,
    })
}

impl<'a> Flow<'a> {
    fn paragraphs(&self, text: &str, look: Look) -> Paragraphs<'a> {
        Paragraphs::new(self.fonts, text, look.bold)
    }

    /// How much of the page is left, in points.
    const fn left(&self) -> f32 {
        self.y - BOTTOM
    }

    fn next_page(&mut self) {
        self.writer.next_page();
        self.y = PAGE.1 - TOP;
    }

    /// Begins another page unless this one has so much left.
    fn need(&mut self, height: f32) -> bool {
        let is_full = self.left() < height;
        if is_full {
            self.next_page();
        }
        is_full
    }

    /// Writes a line whose upper edge is `top` into a column of this width. Of a paragraph of several lines, each begins where
    /// its script does.
    fn line(&mut self, line: &Line, (x, width): (f32, f32), top: f32, look: Look, is_alone: bool) {
        let indent = if line.rtl && !is_alone {
            (width - line.width * look.size).max(0.0)
        } else {
            0.0
        };
        // Letters stand in the middle of what their line takes, those that reach low included.
        let y = top - look.leading * 0.5 - look.size * 0.36;
        self.writer.text(
            line,
            Place {
                x: x + indent,
                y,
                size: look.size,
                ink: look.ink,
            },
        );
    }

    fn title(&mut self, title: &str) {
        let text = self.paragraphs(title, TITLE);
        for line in TITLE.lines(&text, WIDTH) {
            self.line(&line, (SIDE, WIDTH), self.y, TITLE, true);
            self.y -= TITLE.leading;
        }
        self.y -= 6.0;
        self.writer.rule((SIDE, SIDE + WIDTH), self.y);
        self.y -= 10.0;
    }

    fn heading(&mut self, heading: &str) {
        self.y -= 18.0;
        let text = self.paragraphs(heading, HEADING);
        for line in HEADING.lines(&text, WIDTH) {
            self.line(&line, (SIDE, WIDTH), self.y, HEADING, true);
            self.y -= HEADING.leading;
        }
        self.y -= 4.0;
    }

    fn fact(&mut self, fact: &Fact) {
        let look = Look::of(&fact.value);
        let width = WIDTH - LABEL_WIDTH;
        let label = self.paragraphs(&fact.label, LABEL);
        let mut label = LABEL.lines(&label, LABEL_WIDTH - 10.0).into_iter();
        let value = self.paragraphs(fact.value.text(), look);
        let value = look.lines(&value, width);
        let is_alone = value.len() == 1;
        let mut value = value.into_iter();
        loop {
            let (named, said) = (label.next(), value.next());
            if named.is_none() && said.is_none() {
                break;
            }
            self.need(look.leading);
            if let Some(line) = named {
                self.line(&line, (SIDE, LABEL_WIDTH), self.y, LABEL, true);
            }
            if let Some(line) = said {
                self.line(&line, (SIDE + LABEL_WIDTH, width), self.y, look, is_alone);
            }
            self.y -= look.leading;
        }
        self.y -= 1.5;
    }

    fn feet(&mut self, title: &str) {
        let fonts = self.fonts;
        let one_line = |text: &str, width: f32| {
            let text = Paragraphs::new(fonts, text, SMALL.bold);
            SMALL.lines(&text, width).into_iter().next().unwrap_or_default()
        };
        let title = one_line(title, WIDTH - 100.0);
        self.writer.on_every_page(|writer, page, pages| {
            let number = one_line(&format!("Page {page} of {pages}"), WIDTH);
            let x = SIDE + WIDTH - number.width * SMALL.size;
            for (line, x) in [(&title, SIDE), (&number, x)] {
                let place = Place {
                    x,
                    y: FOOT,
                    size: SMALL.size,
                    ink: SMALL.ink,
                };
                writer.text(line, place);
            }
        });
    }
}
