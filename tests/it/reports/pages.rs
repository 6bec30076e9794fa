//! Pictures of pages: what a person would see at the first look.

use std::process::Command;

use serde_json::{Value, json};

use super::{NAMES, is_installed, render, text, with_input};

/// A page in grey, by rows from the top.
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Pixels of a point of 1/72 inch.
const SCALE: usize = 1;

impl Picture {
    fn of(pdf: &[u8], page: usize) -> Self {
        let page = page.to_string();
        let resolution = (72 * SCALE).to_string();
        let arguments = [
            "-gray",
            "-r",
            &resolution,
            "-f",
            &page,
            "-l",
            &page,
            "-singlefile",
            "-",
        ];
        let output = with_input(Command::new("pdftoppm").args(arguments), pdf);
        let bytes = output.stdout;
        let mut begin = 0;
        let mut numbers = Vec::new();
        while numbers.len() < 4 {
            let end = begin
                + bytes[begin..]
                    .iter()
                    .position(u8::is_ascii_whitespace)
                    .expect("a head");
            numbers.push(String::from_utf8_lossy(&bytes[begin..end]).into_owned());
            begin = end + 1;
        }
        assert_eq!((numbers[0].as_str(), numbers[3].as_str()), ("P5", "255"));
        let size = |at: usize| numbers[at].parse().expect("a size");
        Self {
            width: size(1),
            height: size(2),
            pixels: bytes[begin..].to_vec(),
        }
    }

    /// How many pixels of a part of the page, in points, are not white.
    fn ink(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> usize {
        let row = |row: usize| &self.pixels[row * self.width..(row + 1) * self.width];
        let rows = rows.start * SCALE..(rows.end * SCALE).min(self.height);
        let columns = columns.start * SCALE..(columns.end * SCALE).min(self.width);
        let pixels = rows.flat_map(|at| &row(at)[columns.clone()]);
        pixels.filter(|pixel| **pixel < 200).count()
    }
}

fn document(names: &[String]) -> Value {
    let row =
        |(at, name): (usize, &String)| json!([{"text": (at + 1).to_string()}, {"text": name}, {"note": "—"}]);
    let rows: Vec<_> = names.iter().enumerate().map(row).collect();
    json!({
        "title": "Attendance Report", "made_at": "2026-12-01T11:00:00Z", "made_by": "Colloquy",
        "facts": [{"label": "Meeting", "value": {"text": "Jour fixe"}}],
        "sections": [{"heading": "Participants", "columns": ["№", "Name", "Left"], "rows": rows}],
    })
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| NAMES[at % NAMES.len()].to_owned()).collect()
}

#[test]
fn pages_are_a4_with_margins_head_and_foot() {
    let pdf = render(&document(&names(200))).stdout;
    let all = text(&pdf);
    let pages = all.matches("Attendance Report Page ").count();
    assert!(pages > 4, "{all}");
    assert_eq!(all.matches("№ Name Left").count(), pages);
    for page in 1..=pages {
        let picture = Picture::of(&pdf, page);
        assert_eq!((picture.width, picture.height), (596, 842));
        // Nothing in the margins.
        assert_eq!(picture.ink(0..50, 0..842) + picture.ink(545..596, 0..842), 0);
        assert_eq!(picture.ink(0..596, 0..50) + picture.ink(0..596, 812..842), 0);
        assert_eq!(picture.ink(0..596, 785..795), 0, "nothing runs into the foot");
        // The number of the page at the right, the title at the left.
        assert!(picture.ink(490..545, 795..812) > 10 && picture.ink(50..150, 795..812) > 10);
        // The head of the table, or the title of the report.
        assert!(picture.ink(50..545, 56..90) > 100);
    }
}

/// A name that is not shown, or shown as boxes that are all alike, would have little ink, or the same.
#[test]
fn names_of_all_scripts_are_drawn() {
    let mut seen = Vec::new();
    for name in NAMES {
        let pdf = render(&document(&[name.to_owned()])).stdout;
        let picture = Picture::of(&pdf, 1);
        let ink = picture.ink(75..480, 150..260);
        assert!(ink > 60, "{name}: {ink}");
        let pixels: Vec<u8> = (150..260)
            .flat_map(|row| &picture.pixels[row * picture.width + 75..][..405])
            .copied()
            .collect();
        assert!(!seen.contains(&pixels), "{name} looks like another one");
        seen.push(pixels);
    }
}

/// Letters of nobody's font are seen as such, and found as they were written.
#[test]
fn what_has_no_font_is_replaced() {
    let with = |name: &str| render(&document(&[name.to_owned()])).stdout;
    // A character that Unicode has not given away.
    let pdf = with("Anna \u{50000}\u{50001} B");
    assert!(
        text(&pdf).contains("1 Anna \u{50000}\u{50001} B —"),
        "{}",
        text(&pdf)
    );
    let picture = |pdf: &[u8]| Picture::of(pdf, 1).ink(75..480, 150..260);
    assert!(picture(&pdf) > picture(&with("Anna B")) + 40);
}

#[test]
fn long_words_break_and_stay_in_their_column() {
    let mut names = names(3);
    names.push("W".repeat(100));
    names.push("ش".repeat(100));
    names.push("น้ำ".repeat(60));
    let pdf = render(&document(&names)).stdout;
    let picture = Picture::of(&pdf, 1);
    assert_eq!(picture.ink(545..596, 0..842), 0);
    let letters = text(&pdf).matches('W').count();
    assert_eq!(letters, 100);
}

/// What machines have beside: `./test` installs them.
#[test]
fn chinese_japanese_korean_and_emoji_come_from_the_machine() {
    let droid = "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf";
    let noto = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc";
    let emoji = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";
    assert!(
        (is_installed(droid) || is_installed(noto)) && is_installed(emoji),
        "please install fonts-droid-fallback and fonts-noto-color-emoji, as ./test does"
    );
    let names = [
        "王小明",
        "田中さくら",
        "김민준",
        "😀 👩\u{200d}👩\u{200d}👧 🇩🇪",
        "Zoë 王 😀",
    ]
    .map(str::to_owned);
    let output = render(&document(&names));
    assert!(output.status.success(), "{output:?}");
    let text = text(&output.stdout);
    for name in names {
        assert!(text.contains(&name), "{name}: {text}");
    }
    let fonts = with_input(Command::new("pdffonts").arg("-"), &output.stdout);
    let fonts = String::from_utf8_lossy(&fonts.stdout).into_owned();
    assert!(fonts.contains("Type 3") && !fonts.contains(" no  no "), "{fonts}");
}
