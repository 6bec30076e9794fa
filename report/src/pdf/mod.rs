//! A PDF (ISO 32000-1) of pages with text and lines on them.

mod outlines;
mod pictures;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::{Chunk, Content, Date, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use self::{outlines::Outlines, pictures::Pictures};
use crate::{
    face::Drawing,
    fonts::{FaceId, Fonts},
    text::{Line, Run, ToldGlyph},
};

/// A4, in points of 1/72 inch.
pub(crate) const PAGE: (f32, f32) = (595.28, 841.89);

/// As quick as a report needs it; better compression gains little.
const COMPRESSION: u8 = 6;

/// Glyphs of the machine's fonts that one document has: taking many out of a large font takes much memory.
const SYSTEM_GLYPHS_MAX: usize = 10_000;

/// Who made the file, in its properties.
const PRODUCER: &str = concat!("colloquy-report ", env!("CARGO_PKG_VERSION"));

/// Where a text stands: the left end of its baseline from the page's lower left corner, in points, with its look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) size: f32,
    pub(crate) ink: Ink,
}

/// How dark something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Dark,
    /// What is said beside.
    Pale,
    Rule,
    /// Behind a text.
    Ground,
}

impl Ink {
    /// From black to white.
    const fn gray(self) -> f32 {
        match self {
            Self::Dark => 0.1,
            Self::Pale => 0.42,
            Self::Rule => 0.8,
            Self::Ground => 0.94,
        }
    }
}

/// A PDF in the making. What is on a page is compressed as soon as the next one begins.
pub(crate) struct Writer<'a> {
    fonts: &'a Fonts,
    pdf: Pdf,
    next: Ref,
    used: BTreeMap<FaceId, Used>,
    /// Glyphs of the machine's fonts among these.
    taken: HashSet<(FaceId, u16)>,
    /// Contents of the finished pages.
    pages: Vec<Vec<Ref>>,
    content: Content,
}

/// What a document uses of a font.
enum Used {
    Outlines(Outlines),
    Pictures(Pictures),
}

/// What a PDF is called in its properties.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Properties<'a> {
    pub(crate) title: &'a str,
    pub(crate) creator: &'a str,
    pub(crate) made_at: DateTime<Utc>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(fonts: &'a Fonts) -> Self {
        Self {
            fonts,
            pdf: Pdf::new(),
            next: Ref::new(1),
            used: BTreeMap::new(),
            taken: HashSet::new(),
            pages: Vec::new(),
            content: Content::new(),
        }
    }

    /// What comes next is on another page.
    pub(crate) fn next_page(&mut self) {
        let content = std::mem::replace(&mut self.content, Content::new());
        let id = self.stream(&content.finish());
        self.pages.push(vec![id]);
    }

    /// Writes the same place of every page when all are there: `draw` is told which one, from 1, and how many there are.
    pub(crate) fn on_every_page(&mut self, draw: impl Fn(&mut Self, usize, usize)) {
        self.next_page();
        let count = self.pages.len();
        for at in 0..count {
            draw(self, at + 1, count);
            let content = std::mem::replace(&mut self.content, Content::new());
            let id = self.stream(&content.finish());
            self.pages[at].push(id);
        }
    }

    pub(crate) fn rule(&mut self, (from, to): (f32, f32), y: f32) {
        self.content
            .save_state()
            .set_stroke_gray(Ink::Rule.gray())
            .set_line_width(0.5)
            .move_to(from, y)
            .line_to(to, y)
            .stroke()
            .restore_state();
    }

    /// Fills a rectangle: its lower left corner, width and height.
    pub(crate) fn ground(&mut self, x: f32, y: f32, width: f32, height: f32) {
        self.content
            .save_state()
            .set_fill_gray(Ink::Ground.gray())
            .rect(x, y, width, height)
            .fill_nonzero()
            .restore_state();
    }

    pub(crate) fn text(&mut self, line: &Line, place: Place) {
        if line.runs.is_empty() {
            return;
        }
        self.content.begin_text().set_fill_gray(place.ink.gray());
        let mut x = place.x;
        for run in &line.runs {
            let width: f32 = run.glyphs.iter().map(|told| told.glyph.advance).sum();
            self.run(run, Place { x, ..place });
            x += width * place.size;
        }
        self.content.end_text();
    }

    fn run(&mut self, run: &Run, mut place: Place) {
        for told in &run.glyphs {
            if self.takes(run.face, told.glyph.id) {
                self.glyph(run.face, told, place);
            } else if !told.text.is_empty() {
                // As if no font had it: seen as replaced, and found as it was written.
                let (face, glyph) = self.fonts.replacement(told.glyph.cluster);
                let replaced = ToldGlyph {
                    glyph,
                    ..told.clone()
                };
                self.glyph(face, &replaced, place);
            }
            place.x += told.glyph.advance * place.size;
        }
    }

    /// Whether a glyph is one of those that the document has, or becomes one.
    fn takes(&mut self, face: FaceId, glyph: u16) -> bool {
        if face.is_embedded() || self.taken.contains(&(face, glyph)) {
            return true;
        }
        let takes = self.taken.len() < SYSTEM_GLYPHS_MAX;
        if takes {
            self.taken.insert((face, glyph));
        }
        takes
    }

    fn glyph(&mut self, face: FaceId, told: &ToldGlyph, place: Place) {
        let drawing = self.fonts.face(face).drawing;
        let used = self.used.entry(face).or_insert_with(|| match drawing {
            Drawing::Pictures => Used::Pictures(Pictures::default()),
            drawing => Used::Outlines(Outlines::new(drawing)),
        });
        let code = match used {
            Used::Outlines(outlines) => outlines.code(told),
            Used::Pictures(pictures) => pictures.code(told),
        };
        if let Some(code) = code {
            show(&mut self.content, face, &code, told, place);
        }
    }

    fn stream(&mut self, data: &[u8]) -> Ref {
        let id = self.next.bump();
        write_stream(&mut self.pdf, id, data);
        id
    }

    /// The whole file.
    pub(crate) fn finish(mut self, properties: Properties<'_>) -> Result<Vec<u8>, FontError> {
        let (catalog, tree) = (self.next.bump(), self.next.bump());
        let mut names = Vec::new();
        for (id, used) in std::mem::take(&mut self.used) {
            let face = self.fonts.face(id);
            let (pdf, next) = (&mut self.pdf, &mut self.next);
            match used {
                Used::Outlines(outlines) => {
                    names.push((resource(id, 0), outlines.write(face, id, pdf, next)?));
                }
                Used::Pictures(pictures) => {
                    let written = pictures.write(face, pdf, next);
                    let numbered = written.into_iter().enumerate();
                    names.extend(numbered.map(|(part, font)| (resource(id, part), font)));
                }
            }
        }
        self.write_pages(tree, &names);
        let mut written = self.pdf.catalog(catalog);
        written.pages(tree).lang(TextStr("en"));
        written.viewer_preferences().display_doc_title(true);
        written.finish();
        let at = properties.made_at;
        let two = |number: u32| u8::try_from(number).unwrap_or_default();
        let made = Date::new(u16::try_from(at.year()).unwrap_or_default())
            .month(two(at.month()))
            .day(two(at.day()))
            .hour(two(at.hour()))
            .minute(two(at.minute()))
            .second(two(at.second()))
            .utc_offset_hour(0);
        self.pdf
            .document_info(self.next.bump())
            .title(TextStr(properties.title))
            .creator(TextStr(properties.creator))
            .producer(TextStr(PRODUCER))
            .creation_date(made);
        Ok(self.pdf.finish())
    }

    fn write_pages(&mut self, tree: Ref, fonts: &[(String, Ref)]) {
        let kids: Vec<Ref> = self.pages.iter().map(|_| self.next.bump()).collect();
        let count = i32::try_from(kids.len()).unwrap_or(i32::MAX);
        let mut pages = self.pdf.pages(tree);
        pages.kids(kids.iter().copied()).count(count);
        pages.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1));
        let mut resources = pages.resources();
        let mut dictionary = resources.fonts();
        for (name, font) in fonts {
            dictionary.pair(Name(name.as_bytes()), *font);
        }
        dictionary.finish();
        resources.finish();
        pages.finish();
        for (page, contents) in kids.into_iter().zip(&self.pages) {
            let mut page = self.pdf.page(page);
            page.parent(tree).contents_array(contents.iter().copied());
        }
    }
}

/// A font can't be taken apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the font {name} can't be embedded: {reason}")]
pub struct FontError {
    name: String,
    reason: String,
}

/// How the content of a page names a glyph.
struct Code {
    /// Which part of the font has it.
    part: usize,
    bytes: Vec<u8>,
    /// Whether whoever reads the font is told another text than this glyph's.
    is_told_otherwise: bool,
}

fn show(content: &mut Content, face: FaceId, code: &Code, told: &ToldGlyph, place: Place) {
    if code.is_told_otherwise {
        let mut marked = content.begin_marked_content_with_properties(Name(b"Span"));
        marked.properties().actual_text(TextStr(&told.text));
    }
    let (beside, above) = told.glyph.offset;
    let (x, y) = (place.x + beside * place.size, place.y + above * place.size);
    content
        .set_font(Name(resource(face, code.part).as_bytes()), place.size)
        .set_text_matrix([1.0, 0.0, 0.0, 1.0, x, y])
        .show(Str(&code.bytes));
    if code.is_told_otherwise {
        content.end_marked_content();
    }
}

/// What pages call a part of a font.
fn resource(face: FaceId, part: usize) -> String {
    format!("F{}.{part}", face.number())
}

/// Adds a compressed stream.
fn write_stream(chunk: &mut Chunk, id: Ref, data: &[u8]) {
    let data = compress_to_vec_zlib(data, COMPRESSION);
    chunk.stream(id, &data).filter(Filter::FlateDecode);
}

/// Lengths in ems as fonts in PDFs count them.
fn thousandths(ems: f32) -> f32 {
    (ems * 1_000.0).round()
}
