//! One font: what it covers, and how it shapes text.

use harfrust::{Buffer, BufferFlags, Direction, Font, Script, ShapeOptions, ShaperFont, font::Blob, shape};
use read_fonts::{
    FontRef, TableProvider as _,
    types::{GlyphId, NameId, Tag},
};
use subsetter::GlyphRemapper;

/// Characters of a name in a PDF are few (ISO 32000-1, annex C).
const NAME_CHARS_MAX: usize = 60;

/// How the glyphs of a font are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// Outlines of TrueType.
    TrueType,
    /// Outlines of PostScript.
    Cff,
    /// Coloured pictures.
    Pictures,
}

/// A font in memory.
pub(crate) struct Face {
    data: Blob,
    index: u32,
    shaped: Font,
    pub(crate) drawing: Drawing,
    /// Units in which the font measures, to an em.
    units: f32,
    pub(crate) metrics: Metrics,
}

/// What a PDF says of a font, in thousandths of an em.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metrics {
    pub(crate) ascent: f32,
    pub(crate) descent: f32,
    pub(crate) bounds: [f32; 4],
}

/// A glyph at its place in a run. Lengths are in ems.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Glyph {
    pub(crate) id: u16,
    pub(crate) advance: f32,
    /// Where it is drawn, beside and above the pen.
    pub(crate) offset: (f32, f32),
    /// Where its cluster begins in the text that was shaped, in bytes.
    pub(crate) cluster: usize,
}

/// A piece of text that is shaped by itself, with what stands around it: letters join over its ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) before: &'a str,
    pub(crate) text: &'a str,
    pub(crate) after: &'a str,
    pub(crate) script: unicode_script::Script,
    pub(crate) rtl: bool,
}

impl Face {
    /// A font in a file's content; `None` where it can't be read or drawn.
    pub(crate) fn new(data: impl Into<Blob>, index: u32) -> Option<Self> {
        let data = data.into();
        let font = FontRef::from_index(&data, index).ok()?;
        let has = |tag: &[u8; 4]| font.table_data(Tag::new(tag)).is_some();
        let drawing = if has(b"glyf") {
            Drawing::TrueType
        } else if has(b"CFF ") {
            Drawing::Cff
        } else if has(b"CBDT") {
            Drawing::Pictures
        } else {
            return None;
        };
        let head = font.head().ok()?;
        let hhea = font.hhea().ok()?;
        let units = f32::from(head.units_per_em());
        if units < 1.0 || font.cmap().is_err() {
            return None;
        }
        let thousandths = |value: i16| f32::from(value) * 1_000.0 / units;
        let metrics = Metrics {
            ascent: thousandths(hhea.ascender().to_i16()),
            descent: thousandths(hhea.descender().to_i16()),
            bounds: [head.x_min(), head.y_min(), head.x_max(), head.y_max()].map(thousandths),
        };
        let shaped = Font::new(data.clone(), index)?;
        Some(Self {
            data,
            index,
            shaped,
            drawing,
            units,
            metrics,
        })
    }

    /// Whether a PDF can have a part of it: better known before a text counts on it.
    pub(crate) fn can_be_embedded(&self) -> bool {
        let none = GlyphRemapper::new();
        self.drawing == Drawing::Pictures || subsetter::subset(&self.data, self.index, &none).is_ok()
    }

    /// The file, and which of its fonts it is.
    pub(crate) fn data(&self) -> (&[u8], u32) {
        (&self.data, self.index)
    }

    pub(crate) fn font(&self) -> Option<FontRef<'_>> {
        FontRef::from_index(&self.data, self.index).ok()
    }

    /// What programs call it.
    pub(crate) fn name(&self) -> String {
        let font = self.font();
        let name = font.as_ref().and_then(|font| {
            let table = font.name().ok()?;
            let is_postscript = |id: NameId| id == NameId::POSTSCRIPT_NAME;
            let mut records = table.name_record().iter();
            let record = records.find(|record| is_postscript(record.name_id()))?;
            let name = record.string(table.string_data()).ok()?;
            let plain = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-');
            Some(plain.take(NAME_CHARS_MAX).collect::<String>())
        });
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| "Font".to_owned())
    }

    /// The glyph of a character by itself.
    pub(crate) fn glyph(&self, c: char) -> Option<u16> {
        let id = self.font()?.cmap().ok()?.map_codepoint(c)?;
        u16::try_from(id.to_u32()).ok().filter(|id| *id != 0)
    }

    /// How far a glyph moves the pen, in ems.
    pub(crate) fn advance(&self, id: u16) -> f32 {
        let font = self.font();
        let advance = font.and_then(|font| font.hmtx().ok()?.advance(GlyphId::from(id)));
        f32::from(advance.unwrap_or_default()) / self.units
    }

    /// The glyphs of a piece from the left to the right.
    pub(crate) fn shape(&self, piece: Piece<'_>) -> Vec<Glyph> {
        let mut buffer = Buffer::new();
        buffer.push_str(piece.text);
        buffer.set_pre_context(piece.before);
        buffer.set_post_context(piece.after);
        buffer.set_direction(if piece.rtl {
            Direction::RightToLeft
        } else {
            Direction::LeftToRight
        });
        let mut flags = BufferFlags::default();
        flags.set(BufferFlags::BEGINNING_OF_TEXT, piece.before.is_empty());
        flags.set(BufferFlags::END_OF_TEXT, piece.after.is_empty());
        buffer.set_flags(flags);
        buffer.set_script(script_of(piece.script));
        if shape(&ShaperFont::new(&self.shaped), &mut buffer, ShapeOptions::new()).is_err() {
            return Vec::new();
        }
        let positions = buffer.glyph_positions().iter();
        let glyphs = buffer.glyph_infos().iter().zip(positions);
        glyphs
            .map(|(info, position)| Glyph {
                // Fonts have at most 65,536 glyphs.
                id: u16::try_from(info.glyph_id).unwrap_or_default(),
                advance: self.ems(position.x_advance),
                offset: (self.ems(position.x_offset), self.ems(position.y_offset)),
                cluster: info.cluster as usize,
            })
            .collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "lengths within a font are small")]
    fn ems(&self, units: i32) -> f32 {
        units as f32 / self.units
    }
}

impl std::fmt::Debug for Face {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Face")
            .field("bytes", &self.data.len())
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

/// The script as fonts call it.
fn script_of(script: unicode_script::Script) -> Option<Script> {
    let name: [u8; 4] = script.short_name().as_bytes().try_into().ok()?;
    Script::from_iso15924_tag(Tag::new(&name))
}
