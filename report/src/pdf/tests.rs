use super::*;
use crate::{face::Face, text::Paragraphs};

/// Characters of [`large_font`]: Chinese ones that no font of the program has.
const FIRST: u32 = 0x2_0000;
const COUNT: u16 = 30_000;

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A font of TrueType that has a glyph for each of the characters, and draws nothing.
fn large_font() -> Vec<u8> {
    let glyphs = COUNT + 1;
    let last = FIRST + u32::from(COUNT) - 1;
    let cmap = [
        words(&[0, 1, 3, 10, 0, 12]),
        words(&[12, 0, 0, 28, 0, 0, 0, 1]),
        FIRST.to_be_bytes().to_vec(),
        last.to_be_bytes().to_vec(),
        words(&[0, 1]),
    ];
    let mut head = [0; 27];
    (head[0], head[6], head[7], head[9]) = (1, 0x5f0f, 0x3cf5, 1_000);
    let mut hhea = [0; 18];
    (hhea[0], hhea[2], hhea[5], hhea[17]) = (1, 800, 1_000, 1);
    let mut maxp = [0; 16];
    (maxp[0], maxp[2]) = (1, glyphs);
    let mut hmtx = vec![0; 2 + usize::from(COUNT)];
    hmtx[0] = 1_000;
    let loca = vec![0; usize::from(glyphs) + 1];
    let tables: [(&[u8; 4], Vec<u8>); 7] = [
        (b"cmap", cmap.concat()),
        (b"glyf", vec![0; 4]),
        (b"head", words(&head)),
        (b"hhea", words(&hhea)),
        (b"hmtx", words(&hmtx)),
        (b"loca", words(&loca)),
        (b"maxp", words(&maxp)),
    ];
    let mut file = words(&[1, 0, 7, 64, 2, 48]);
    let begin = file.len() + 16 * tables.len();
    let mut contents = Vec::new();
    for (tag, mut table) in tables {
        let begin = u32::try_from(begin + contents.len()).unwrap();
        let length = u32::try_from(table.len()).unwrap();
        file.extend_from_slice(tag);
        for number in [0, begin, length] {
            file.extend(number.to_be_bytes());
        }
        table.resize(table.len().next_multiple_of(4), 0);
        contents.extend(table);
    }
    file.extend(contents);
    file
}

#[test]
fn a_document_has_so_many_glyphs_of_the_machines_fonts() {
    let mut fonts = Fonts::embedded();
    fonts.push(Face::new(large_font(), 0).unwrap());
    let chars: Vec<char> = (FIRST..).take(COUNT.into()).filter_map(char::from_u32).collect();
    assert!(chars.iter().all(|c| fonts.has(*c)));
    let mut writer = Writer::new(&fonts);
    let place = Place {
        x: 60.0,
        y: 700.0,
        size: 10.0,
        ink: Ink::Dark,
    };
    for name in chars.chunks(100) {
        let name: String = name.iter().collect();
        for line in Paragraphs::new(&fonts, &name, false).lines(1_000.0) {
            writer.text(&line, place);
        }
    }
    assert_eq!(writer.taken.len(), SYSTEM_GLYPHS_MAX);
    assert_eq!(writer.used.len(), 2, "the others are replaced");
    // What the document has already it may show again.
    let again = Paragraphs::new(&fonts, &chars[0].to_string(), false).lines(10.0);
    let id = again[0].runs[0].glyphs[0].glyph.id;
    assert!(writer.takes(again[0].runs[0].face, id));
    writer.next_page();
    let properties = Properties {
        title: "Report",
        creator: "test",
        made_at: DateTime::UNIX_EPOCH,
    };
    let pdf = writer.finish(properties).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.7"));
}
