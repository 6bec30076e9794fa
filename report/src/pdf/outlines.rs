//! Fonts of outlines, less the glyphs that nobody used.

use std::collections::HashMap;

use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::{
    Filter, Finish as _, Name, Pdf, Rect, Ref, Str,
    types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap},
};
use read_fonts::{FontRef, types::Tag};
use subsetter::GlyphRemapper;

use super::{COMPRESSION, Code, FontError, write_stream};
use crate::{
    face::{Drawing, Face},
    fonts::FaceId,
    text::ToldGlyph,
};

/// Identity between codes and numbers of characters.
const IDENTITY: SystemInfo<'static> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};

/// What is used of a font.
#[derive(Debug)]
pub(super) struct Outlines {
    drawing: Drawing,
    glyphs: GlyphRemapper,
    /// By code, from 0. Code 0 is what fonts show where they lack something.
    codes: Vec<Told>,
    known: HashMap<Told, u16>,
}

/// A glyph of the font, what it stands for, and how wide that is, in thousandths of an em.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Told {
    glyph: u16,
    text: String,
    width: i32,
}

impl Outlines {
    pub(super) fn new(drawing: Drawing) -> Self {
        Self {
            drawing,
            glyphs: GlyphRemapper::new(),
            codes: vec![Told::default()],
            known: HashMap::new(),
        }
    }

    /// The code of a glyph. One that stands for several texts has several codes, so that each of them is found and copied,
    /// where the kind of font has a table for it; else the page says what it stands for.
    pub(super) fn code(&mut self, told: &ToldGlyph) -> Option<Code> {
        let new = self.glyphs.remap(told.glyph.id);
        #[expect(clippy::cast_possible_truncation, reason = "the width of a letter")]
        let wanted = Told {
            glyph: told.glyph.id,
            text: told.text.clone(),
            width: (told.width * 1_000.0).round() as i32,
        };
        let code = if self.drawing == Drawing::Cff {
            let codes = self.codes.len().max(usize::from(new) + 1);
            self.codes.resize(codes, Told::default());
            let known = &mut self.codes[usize::from(new)];
            if known.glyph == 0 {
                *known = wanted;
            }
            new
        } else {
            let next = u16::try_from(self.codes.len()).ok()?;
            let code = *self.known.entry(wanted.clone()).or_insert(next);
            if code == next {
                self.codes.push(wanted);
            }
            code
        };
        Some(Code {
            part: 0,
            bytes: code.to_be_bytes().to_vec(),
            is_told_otherwise: self.codes[usize::from(code)].text != told.text,
        })
    }

    /// Writes the font.
    pub(super) fn write(
        self,
        face: &Face,
        id: FaceId,
        pdf: &mut Pdf,
        next: &mut Ref,
    ) -> Result<Ref, FontError> {
        let name = format!("{}+{}", tag(id), face.name());
        let (data, index) = face.data();
        let subset = subsetter::subset(data, index, &self.glyphs).map_err(|error| FontError {
            name: face.name(),
            reason: error.to_string(),
        })?;
        let (font, cid_font, descriptor) = (next.bump(), next.bump(), next.bump());
        let (to_unicode, file) = (next.bump(), next.bump());
        pdf.type0_font(font)
            .base_font(Name(name.as_bytes()))
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid_font)
            .to_unicode(to_unicode);
        self.write_cid_font(&name, (cid_font, descriptor), pdf, next);
        write_descriptor(face, &name, (descriptor, file), pdf);
        let mut texts = UnicodeCmap::new(Name(b"Colloquy"), IDENTITY);
        for (code, told) in (0_u16..).zip(&self.codes) {
            if !told.text.is_empty() {
                texts.pair_with_multiple(code, told.text.chars());
            }
        }
        write_stream(pdf, to_unicode, &texts.finish());
        self.write_file(&subset, file, pdf);
        Ok(font)
    }

    fn write_file(&self, subset: &[u8], id: Ref, pdf: &mut Pdf) {
        let is_cff = self.drawing == Drawing::Cff;
        // Of outlines of PostScript a PDF wants no more than these.
        let cff = FontRef::new(subset)
            .ok()
            .and_then(|font| font.table_data(Tag::new(b"CFF ")));
        let data = cff.filter(|_| is_cff).map_or(subset, |table| table.as_bytes());
        let compressed = compress_to_vec_zlib(data, COMPRESSION);
        let mut stream = pdf.stream(id, &compressed);
        stream.filter(Filter::FlateDecode);
        if is_cff {
            stream.pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
        } else {
            stream.pair(Name(b"Length1"), i32::try_from(data.len()).unwrap_or(i32::MAX));
        }
    }

    fn write_cid_font(&self, name: &str, (id, descriptor): (Ref, Ref), pdf: &mut Pdf, next: &mut Ref) {
        let map = next.bump();
        let mut font = pdf.cid_font(id);
        let is_truetype = self.drawing == Drawing::TrueType;
        font.subtype(if is_truetype {
            CidFontType::Type2
        } else {
            CidFontType::Type0
        });
        font.base_font(Name(name.as_bytes()))
            .system_info(IDENTITY)
            .font_descriptor(descriptor)
            .default_width(0.0);
        if is_truetype {
            font.cid_to_gid_map_stream(map);
        }
        #[expect(clippy::cast_precision_loss, reason = "the width of a letter")]
        let widths = self.codes.iter().map(|told| told.width as f32);
        font.widths().consecutive(0, widths);
        font.finish();
        if is_truetype {
            let glyphs = self.codes.iter();
            let glyphs =
                glyphs.flat_map(|told| self.glyphs.get(told.glyph).unwrap_or_default().to_be_bytes());
            write_stream(pdf, map, &glyphs.collect::<Vec<u8>>());
        }
    }
}

fn write_descriptor(face: &Face, name: &str, (id, file): (Ref, Ref), pdf: &mut Pdf) {
    let metrics = face.metrics;
    let [left, bottom, right, top] = metrics.bounds;
    let mut descriptor = pdf.font_descriptor(id);
    descriptor
        .name(Name(name.as_bytes()))
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(left, bottom, right, top))
        .italic_angle(0.0)
        .ascent(metrics.ascent)
        .descent(metrics.descent)
        .cap_height(metrics.ascent)
        // What it is for where somebody draws the font anew, which nobody does who has it.
        .stem_v(80.0);
    if face.drawing == Drawing::Cff {
        descriptor.font_file3(file);
    } else {
        descriptor.font_file2(file);
    }
}

/// Six letters before the name of a font that is not whole.
fn tag(id: FaceId) -> String {
    let number = id.number();
    let letter =
        |place: u32| char::from(b'A' + u8::try_from(number / 26_usize.pow(place) % 26).unwrap_or_default());
    (0..6).rev().map(letter).collect()
}
