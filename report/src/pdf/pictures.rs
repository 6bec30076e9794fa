//! Fonts of coloured pictures, which are how emoji come on Linux. A PDF has them as glyphs that draw an image.

use std::{collections::HashMap, io::Cursor};

use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::{
    Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str,
    types::{SystemInfo, UnicodeCmap},
};
use read_fonts::{
    TableProvider as _,
    tables::bitmap::{BitmapContent, BitmapDataFormat, BitmapMetrics},
    types::GlyphId,
};

use super::{COMPRESSION, Code, thousandths, write_stream};
use crate::{face::Face, text::ToldGlyph};

/// Glyphs of a font whose codes are bytes.
const PART: usize = 256;

/// Pixels of a picture's longer side. Noto's have 136.
const SIDE_MAX: u32 = 512;

/// What is used of a font, in the order of its codes.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    codes: Vec<(u16, String)>,
    known: HashMap<(u16, String), usize>,
}

/// A picture with where it stands, in thousandths of an em.
struct Picture {
    width: u32,
    height: u32,
    colors: Vec<u8>,
    opacity: Vec<u8>,
    bounds: Rect,
}

impl Pictures {
    pub(super) fn code(&mut self, told: &ToldGlyph) -> Option<Code> {
        let next = self.codes.len();
        let key = (told.glyph.id, told.text.clone());
        let at = *self.known.entry(key.clone()).or_insert(next);
        if at == next {
            self.codes.push(key);
        }
        Some(Code {
            part: at / PART,
            bytes: vec![u8::try_from(at % PART).ok()?],
            is_told_otherwise: false,
        })
    }

    /// Writes the font, in as many parts as it takes.
    pub(super) fn write(self, face: &Face, pdf: &mut Pdf, next: &mut Ref) -> Vec<Ref> {
        let mut images = HashMap::new();
        let parts = self.codes.chunks(PART);
        parts
            .map(|codes| write_part(face, codes, &mut images, pdf, next))
            .collect()
    }
}

fn write_part(
    face: &Face,
    codes: &[(u16, String)],
    images: &mut HashMap<u16, Option<(Ref, Rect)>>,
    pdf: &mut Pdf,
    next: &mut Ref,
) -> Ref {
    let (id, to_unicode) = (next.bump(), next.bump());
    let mut procedures = Vec::new();
    for (glyph, _) in codes {
        let image = *images
            .entry(*glyph)
            .or_insert_with(|| picture(face, *glyph).map(|picture| write_image(&picture, pdf, next)));
        let mut content = Content::new();
        content.start_color_glyph(thousandths(face.advance(*glyph)));
        if let Some((image, bounds)) = image {
            let (width, height) = (bounds.x2 - bounds.x1, bounds.y2 - bounds.y1);
            content
                .save_state()
                .transform([width, 0.0, 0.0, height, bounds.x1, bounds.y1])
                .x_object(Name(image_name(image).as_bytes()))
                .restore_state();
        }
        let procedure = next.bump();
        write_stream(pdf, procedure, &content.finish());
        procedures.push(procedure);
    }
    let names: Vec<String> = (0..codes.len()).map(|code| format!("g{code}")).collect();
    let mut font = pdf.type3_font(id);
    font.bbox(Rect::new(0.0, 0.0, 0.0, 0.0))
        .matrix([0.001, 0.0, 0.0, 0.001, 0.0, 0.0])
        .to_unicode(to_unicode)
        .first_char(0)
        .last_char(u8::try_from(codes.len().saturating_sub(1)).unwrap_or(u8::MAX))
        .widths(codes.iter().map(|(glyph, _)| thousandths(face.advance(*glyph))));
    let mut drawn = font.char_procs();
    for (name, procedure) in names.iter().zip(procedures) {
        drawn.pair(Name(name.as_bytes()), procedure);
    }
    drawn.finish();
    font.encoding_custom()
        .differences()
        .consecutive(0, names.iter().map(|name| Name(name.as_bytes())));
    let mut resources = font.resources();
    let mut objects = resources.x_objects();
    let of_part = codes.iter().filter_map(|(glyph, _)| *images.get(glyph)?);
    let unique: std::collections::BTreeSet<Ref> = of_part.map(|(image, _)| image).collect();
    for image in unique {
        objects.pair(Name(image_name(image).as_bytes()), image);
    }
    objects.finish();
    resources.finish();
    font.finish();
    write_stream(pdf, to_unicode, &texts(codes));
    id
}

fn texts(codes: &[(u16, String)]) -> Vec<u8> {
    let system = SystemInfo {
        registry: Str(b"Adobe"),
        ordering: Str(b"UCS"),
        supplement: 0,
    };
    let mut texts = UnicodeCmap::<u8>::new(Name(b"Colloquy"), system);
    for (code, (_, text)) in (0..=u8::MAX).zip(codes) {
        if !text.is_empty() {
            texts.pair_with_multiple(code, text.chars());
        }
    }
    texts.finish().to_vec()
}

fn image_name(image: Ref) -> String {
    format!("I{}", image.get())
}

/// Adds an image with its transparency.
fn write_image(picture: &Picture, pdf: &mut Pdf, next: &mut Ref) -> (Ref, Rect) {
    let (id, mask) = (next.bump(), next.bump());
    let size = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    let (width, height) = (size(picture.width), size(picture.height));
    let colors = compress_to_vec_zlib(&picture.colors, COMPRESSION);
    let mut image = pdf.image_xobject(id, &colors);
    image.filter(Filter::FlateDecode);
    image
        .width(width)
        .height(height)
        .bits_per_component(8)
        .s_mask(mask);
    image.color_space().device_rgb();
    image.finish();
    let opacity = compress_to_vec_zlib(&picture.opacity, COMPRESSION);
    let mut image = pdf.image_xobject(mask, &opacity);
    image.filter(Filter::FlateDecode);
    image.width(width).height(height).bits_per_component(8);
    image.color_space().device_gray();
    image.finish();
    (id, picture.bounds)
}

/// The largest picture that the font has of a glyph; `None` where it has none, or one in a format that we do not read.
fn picture(face: &Face, glyph: u16) -> Option<Picture> {
    let font = face.font()?;
    let (places, pictures) = (font.cblc().ok()?, font.cbdt().ok()?);
    let glyph = GlyphId::from(glyph);
    let sizes = places.bitmap_sizes().iter();
    let found = sizes.filter_map(|size| {
        let place = size.location(places.offset_data(), glyph).ok()?;
        Some((size.ppem_y(), place))
    });
    let (pixels_per_em, place) = found.max_by_key(|(pixels, _)| *pixels)?;
    let data = pictures.data(&place).ok()?;
    let (bearing_x, bearing_y) = match &data.metrics {
        BitmapMetrics::Small(metrics) => (metrics.bearing_x(), metrics.bearing_y()),
        BitmapMetrics::Big(metrics) => (metrics.hori_bearing_x(), metrics.hori_bearing_y()),
    };
    let BitmapContent::Data(BitmapDataFormat::Png, bytes) = data.content else {
        return None;
    };
    let scale = 1_000.0 / f32::from(pixels_per_em.max(1));
    let (left, top) = (f32::from(bearing_x) * scale, f32::from(bearing_y) * scale);
    let (width, height, colors, opacity) = decode(bytes)?;
    let side = |pixels: u32| f32::from(u16::try_from(pixels).unwrap_or(u16::MAX)) * scale;
    Some(Picture {
        width,
        height,
        colors,
        opacity,
        bounds: Rect::new(left, top - side(height), left + side(width), top),
    })
}

/// Width, height, red-green-blue and opacity of each pixel.
type Pixels = (u32, u32, Vec<u8>, Vec<u8>);

fn decode(bytes: &[u8]) -> Option<Pixels> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width.max(height) > SIDE_MAX {
        return None;
    }
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut pixels).ok()?;
    pixels.truncate(info.buffer_size());
    let (mut colors, mut opacity) = (Vec::new(), Vec::new());
    match info.color_type {
        png::ColorType::Rgba => {
            for pixel in pixels.chunks_exact(4) {
                colors.extend_from_slice(&pixel[..3]);
                opacity.push(pixel[3]);
            }
        }
        png::ColorType::GrayscaleAlpha => {
            for pixel in pixels.chunks_exact(2) {
                colors.extend_from_slice(&[pixel[0]; 3]);
                opacity.push(pixel[1]);
            }
        }
        _ => return None,
    }
    Some((width, height, colors, opacity))
}
