//! Reports as PDFs: a title, what is so, and tables, on pages of A4.
//!
//! People's words may be of any script: they are put in their order (bidirectional algorithm), shaped as their script wants it, and shown
//! in fonts that are part of the program or of the machine. What no font has is replaced where it can be seen. Nothing that
//! anybody wrote is markup. Whoever searches or copies finds the words as they were written.
//!
//! Everything is computed by whoever calls; the only I/O is that [`SystemFonts`] reads fonts.

mod document;
mod face;
mod fonts;
mod layout;
mod pdf;
mod system;
mod text;

pub use self::{
    document::{Cell, Document, Fact, Section},
    fonts::Fonts,
    pdf::FontError,
    system::SystemFonts,
};

/// The PDF of a document, with the machine's fonts for what ours lack.
pub fn render(document: &Document, system: &SystemFonts) -> Result<Vec<u8>, FontError> {
    let mut fonts = Fonts::embedded();
    system.complete(&mut fonts, document.texts());
    layout::write(document, &fonts)
}
