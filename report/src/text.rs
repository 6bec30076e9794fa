//! From a text to lines of glyphs: in which order its letters stand, in which fonts, and where it may break.

use std::ops::Range;

use unicode_bidi::{Level, ParagraphBidiInfo};
use unicode_linebreak::{BreakOpportunity, linebreaks};
use unicode_script::{Script, UnicodeScript as _};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::{
    face::{Glyph, Piece},
    fonts::{FaceId, Fonts, REPLACEMENT},
};

/// Letters around a piece that may change its form.
const CONTEXT_CHARS: usize = 8;

/// Glyphs of one font that follow each other from the left to the right.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) face: FaceId,
    pub(crate) glyphs: Vec<ToldGlyph>,
}

/// A glyph and the text that it stands for, for whoever searches or copies; several glyphs of a cluster have it once.
#[derive(Debug, Clone)]
pub(crate) struct ToldGlyph {
    pub(crate) glyph: Glyph,
    pub(crate) text: String,
    /// What the text takes in ems, from the glyph to the right.
    pub(crate) width: f32,
}

/// What stands on one line, from the left to the right.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) runs: Vec<Run>,
    /// In ems.
    pub(crate) width: f32,
    /// Whether its paragraph begins at the right.
    pub(crate) rtl: bool,
}

/// A text that is ready to be broken into lines.
#[derive(Debug)]
pub(crate) struct Paragraphs<'a> {
    fonts: &'a Fonts,
    bold: bool,
    all: Vec<Paragraph>,
}

#[derive(Debug)]
struct Paragraph {
    text: String,
    /// Where its clusters end, how wide each is in ems, and whether the text may break there.
    clusters: Vec<Cluster>,
}

#[derive(Debug, Clone, Copy)]
struct Cluster {
    end: usize,
    width: f32,
    is_space: bool,
    may_break: bool,
}

/// A part of a text in one direction, script and font; without a font it is replaced.
#[derive(Debug)]
struct Item {
    range: Range<usize>,
    script: Script,
    face: Option<FaceId>,
}

impl<'a> Paragraphs<'a> {
    /// Reads a text, whatever is in it.
    pub(crate) fn new(fonts: &'a Fonts, text: &str, bold: bool) -> Self {
        let all = cleaned(text)
            .split('\n')
            .map(|text| Paragraph::new(fonts, text, bold))
            .collect();
        Self { fonts, bold, all }
    }

    /// How wide it is when it does not break, in ems.
    pub(crate) fn width(&self) -> f32 {
        let widths = self.all.iter().map(|paragraph| {
            let widths = paragraph.clusters.iter().map(|cluster| cluster.width);
            widths.sum()
        });
        widths.fold(0.0, f32::max)
    }

    /// How wide what never breaks is, in ems.
    pub(crate) fn widest_word(&self) -> f32 {
        let mut widest: f32 = 0.0;
        for paragraph in &self.all {
            let mut width = 0.0;
            for cluster in &paragraph.clusters {
                if !cluster.is_space {
                    width += cluster.width;
                }
                widest = widest.max(width);
                if cluster.may_break {
                    width = 0.0;
                }
            }
        }
        widest
    }

    /// Its lines, none wider than this many ems, unless a single letter is.
    pub(crate) fn lines(&self, width_max: f32) -> Vec<Line> {
        let lines = self.all.iter().flat_map(|paragraph| {
            let bidi = ParagraphBidiInfo::new(&paragraph.text, None);
            let ranges = paragraph.broken(width_max).into_iter();
            ranges
                .map(move |range| line(self.fonts, &paragraph.text, &bidi, range, self.bold))
                .collect::<Vec<_>>()
        });
        lines.collect()
    }
}

impl Paragraph {
    fn new(fonts: &Fonts, text: &str, bold: bool) -> Self {
        let bidi = ParagraphBidiInfo::new(text, None);
        let shaped = line(fonts, text, &bidi, 0..text.len(), bold);
        // Where clusters of glyphs begin is no matter: a glyph counts for the letters that it begins with.
        let mut starts: Vec<(usize, f32)> = shaped.positions(text);
        starts.sort_by_key(|(start, _)| *start);
        let mut starts = starts.into_iter().peekable();
        let mut breaks = linebreaks(text).filter(|(_, kind)| *kind == BreakOpportunity::Allowed);
        let mut next_break = breaks.next();
        let clusters = text.grapheme_indices(true).map(|(start, cluster)| {
            let end = start + cluster.len();
            let mut width = 0.0;
            while let Some((_, advance)) = starts.next_if(|(start, _)| *start < end) {
                width += advance;
            }
            while next_break.is_some_and(|(at, _)| at < end) {
                next_break = breaks.next();
            }
            Cluster {
                end,
                width,
                is_space: cluster.chars().all(char::is_whitespace),
                may_break: next_break.is_some_and(|(at, _)| at == end),
            }
        });
        Self {
            clusters: clusters.collect(),
            text: text.to_owned(),
        }
    }

    /// Where its lines are. There is at least one; spaces at an end are not counted.
    fn broken(&self, width_max: f32) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let (mut begin, mut begin_cluster) = (0, 0);
        let mut width = 0.0;
        // The cluster after which the line may end.
        let mut last_break = None;
        let mut at = 0;
        while let Some(cluster) = self.clusters.get(at) {
            width += cluster.width;
            if width > width_max && !cluster.is_space && at > begin_cluster {
                let end = last_break.unwrap_or(at - 1);
                ranges.push(begin..self.clusters[end].end);
                (begin, begin_cluster) = (self.clusters[end].end, end + 1);
                (width, last_break, at) = (0.0, None, begin_cluster);
                continue;
            }
            if cluster.may_break {
                last_break = Some(at);
            }
            at += 1;
        }
        if begin < self.text.len() || ranges.is_empty() {
            ranges.push(begin..self.text.len());
        }
        for range in &mut ranges {
            range.end = range.start + self.text[range.clone()].trim_end().len();
        }
        ranges
    }
}

impl Line {
    /// Where in the text each glyph's cluster begins, and how wide the glyph is.
    fn positions(&self, text: &str) -> Vec<(usize, f32)> {
        let glyphs = self.runs.iter().flat_map(|run| &run.glyphs);
        let within = |start: usize| start.min(text.len());
        glyphs
            .map(|told| (within(told.glyph.cluster), told.glyph.advance))
            .collect()
    }
}

/// What stands for the text, without what only steers printers of old.
fn cleaned(text: &str) -> String {
    let text = text.trim().replace("\r\n", "\n");
    let shown = |c: char| match c {
        '\t' => ' ',
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        c if c.is_control() => REPLACEMENT,
        c => c,
    };
    text.chars().map(shown).collect()
}

/// One line of a paragraph.
fn line(fonts: &Fonts, text: &str, bidi: &ParagraphBidiInfo<'_>, range: Range<usize>, bold: bool) -> Line {
    let (levels, level_runs) = if range.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        bidi.visual_runs(range)
    };
    let mut runs = Vec::new();
    for level_run in level_runs {
        let rtl = levels.get(level_run.start).is_some_and(Level::is_rtl);
        let mut items = items(fonts, text, level_run, bold);
        if rtl {
            items.reverse();
        }
        runs.extend(items.iter().map(|item| shape(fonts, text, item, rtl)));
    }
    let glyphs = runs.iter().flat_map(|run: &Run| &run.glyphs);
    Line {
        width: glyphs.map(|told| told.glyph.advance).sum(),
        rtl: bidi.paragraph_level.is_rtl(),
        runs,
    }
}

/// The parts of a range, in the order of the text.
fn items(fonts: &Fonts, text: &str, range: Range<usize>, bold: bool) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut add = |range: Range<usize>, face: Option<FaceId>, script: Script| {
        let is_common = |script| matches!(script, Script::Common | Script::Inherited | Script::Unknown);
        match items.last_mut() {
            // Each replaced cluster is seen as one.
            Some(last)
                if face.is_some()
                    && last.face == face
                    && (is_common(script) || is_common(last.script) || last.script == script) =>
            {
                last.range.end = range.end;
                if is_common(last.script) {
                    last.script = script;
                }
            }
            _ => items.push(Item { range, script, face }),
        }
    };
    let mut before = None;
    for (start, cluster) in text[range.clone()].grapheme_indices(true) {
        let start = range.start + start;
        let script_of = |cluster: &str| cluster.chars().next().map_or(Script::Common, |c| c.script());
        let chosen = fonts.choose(cluster, bold, before);
        if chosen.is_some() || cluster.chars().nth(1).is_none() {
            add(start..start + cluster.len(), chosen, script_of(cluster));
            before = chosen.or(before);
            continue;
        }
        // No font has all of it: each by itself, so that nothing is lost that can be shown.
        for (at, c) in cluster.char_indices() {
            let alone = &cluster[at..at + c.len_utf8()];
            let chosen = fonts.choose(alone, bold, before);
            add(start + at..start + at + alone.len(), chosen, c.script());
            before = chosen.or(before);
        }
    }
    items
}

fn shape(fonts: &Fonts, text: &str, item: &Item, rtl: bool) -> Run {
    let piece_text = &text[item.range.clone()];
    let Some(face) = item.face else {
        let (id, glyph) = fonts.replacement(item.range.start);
        let text = piece_text.to_owned();
        return Run {
            face: id,
            glyphs: vec![ToldGlyph {
                width: glyph.advance,
                glyph,
                text,
            }],
        };
    };
    let before = &text[..item.range.start];
    let context = before.char_indices().rev().take(CONTEXT_CHARS).last();
    let after = &text[item.range.end..];
    let context_end = after.char_indices().nth(CONTEXT_CHARS);
    let invisible = fonts.face(face).glyph(' ');
    let mut glyphs = fonts.face(face).shape(Piece {
        before: context.map_or("", |(at, _)| &before[at..]),
        text: piece_text,
        after: context_end.map_or(after, |(at, _)| &after[..at]),
        script: item.script,
        rtl,
    });
    for glyph in &mut glyphs {
        glyph.cluster += item.range.start;
    }
    Run {
        face,
        glyphs: told(&glyphs, text, &item.range, invisible.filter(|_| rtl)),
    }
}

/// Says of each glyph what it stands for: the first of a cluster for all of it. Who reads a PDF turns text around letter by letter
/// where it runs to the left; so letters that have become one glyph there are told one by one, by a glyph that is not seen.
fn told(glyphs: &[Glyph], text: &str, range: &Range<usize>, invisible: Option<u16>) -> Vec<ToldGlyph> {
    let mut starts: Vec<_> = glyphs.iter().map(|glyph| glyph.cluster).collect();
    starts.sort_unstable();
    starts.dedup();
    let end_of = |start: usize| {
        let next = starts.partition_point(|other| *other <= start);
        starts.get(next).copied().unwrap_or(range.end)
    };
    let mut all = Vec::with_capacity(glyphs.len());
    for group in glyphs.chunk_by(|a, b| a.cluster == b.cluster) {
        let start = group[0].cluster;
        let text = &text[start..end_of(start)];
        let width: f32 = group.iter().map(|glyph| glyph.advance).sum();
        let letters = invisible.filter(|_| text.chars().nth(1).is_some());
        all.extend(group.iter().enumerate().map(|(at, glyph)| {
            let is_told = at == 0 && letters.is_none();
            ToldGlyph {
                glyph: glyph.clone(),
                text: if is_told { text.to_owned() } else { String::new() },
                width: if is_told { width } else { 0.0 },
            }
        }));
        if let Some(invisible) = letters {
            all.extend(letter_by_letter(text, invisible, start, width));
        }
    }
    all
}

/// The letters of a cluster that runs to the left, as glyphs that are not seen, over the width that is drawn already.
fn letter_by_letter(text: &str, invisible: u16, cluster: usize, width: f32) -> Vec<ToldGlyph> {
    #[expect(clippy::cast_precision_loss, reason = "letters of a cluster")]
    let part = width / text.chars().count().max(1) as f32;
    let mut beside = -width;
    let letters = text.chars().rev().map(|letter| {
        let told = ToldGlyph {
            glyph: Glyph {
                id: invisible,
                advance: 0.0,
                offset: (beside, 0.0),
                cluster,
            },
            text: letter.to_string(),
            width: part,
        };
        beside += part;
        told
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands on each line, as it is told, in the order in which it is drawn.
    fn lines(text: &str, width_max: f32) -> Vec<String> {
        let fonts = Fonts::embedded();
        let lines = Paragraphs::new(&fonts, text, false).lines(width_max);
        let told = |line: Line| {
            let glyphs = line.runs.into_iter().flat_map(|run| run.glyphs);
            glyphs.map(|told| told.text).collect()
        };
        lines.into_iter().map(told).collect()
    }

    #[test]
    fn text_breaks_at_words() {
        assert_eq!(lines("one two three", 4.5), ["one two", "three"]);
        assert_eq!(lines("one two three", 100.0), ["one two three"]);
        assert_eq!(lines("one\r\n\ntwo", 100.0), ["one", "", "two"]);
        assert_eq!(lines("", 100.0), [""]);
    }

    #[test]
    fn long_words_break_anywhere_but_within_a_letter() {
        let all = lines(&"e\u{301}".repeat(40), 5.0);
        assert!(all.len() > 3);
        assert!(
            all.iter()
                .all(|line| line.starts_with('e') && line.ends_with('\u{301}')),
            "{all:?}"
        );
        assert_eq!(all.concat(), "e\u{301}".repeat(40));
        // Not even one letter has its place.
        assert_eq!(lines("abc", 0.1), ["a", "b", "c"]);
    }

    #[test]
    fn lines_keep_to_their_width() {
        let fonts = Fonts::embedded();
        let text = "Lorem ipsum dolor sit amet, سلام عليكم ورحمة الله وبركاته प्रियंका शर्मा สมชายน้ำผึ้งกำลังน้ำใจ שלום עולם ".repeat(5);
        let text = Paragraphs::new(&fonts, &text, false);
        assert!(text.width() > 100.0);
        for width in [10.0, 15.0, 40.0] {
            for line in text.lines(width) {
                // A word that is broken may end in another form.
                assert!(line.width < width + 0.5, "{} in {width}", line.width);
            }
        }
    }

    #[test]
    fn what_runs_to_the_left_is_drawn_from_its_end() {
        assert_eq!(lines("שלום abc", 100.0), ["abc םולש"]);
        assert_eq!(lines("abc שלום", 100.0), ["abc םולש"]);
        let fonts = Fonts::embedded();
        let is_rtl = |text: &str| Paragraphs::new(&fonts, text, false).lines(100.0)[0].rtl;
        assert!(is_rtl("שלום abc") && !is_rtl("abc שלום"));
    }

    #[test]
    fn ligatures_of_what_runs_to_the_left_are_told_letter_by_letter() {
        // Lam and alef are one glyph.
        assert_eq!(lines("لا", 100.0), ["ال"]);
        let fonts = Fonts::embedded();
        let line = Paragraphs::new(&fonts, "لا", false).lines(100.0).remove(0);
        let glyphs = &line.runs[0].glyphs;
        assert_eq!(glyphs.iter().filter(|told| told.glyph.advance > 0.0).count(), 1);
        assert_eq!(glyphs.iter().filter(|told| !told.text.is_empty()).count(), 2);
        let told: f32 = glyphs.iter().map(|told| told.width).sum();
        assert!((told - line.width).abs() < 0.001);
    }

    #[test]
    fn letters_join() {
        let fonts = Fonts::embedded();
        let glyphs = |text: &str| -> Vec<u16> {
            let line = Paragraphs::new(&fonts, text, false).lines(100.0).remove(0);
            let glyphs = line.runs.iter().flat_map(|run| &run.glyphs);
            glyphs.map(|told| told.glyph.id).collect()
        };
        // Alone, at the begin and at the end a letter has other forms.
        let alone = glyphs("ب");
        let joined = glyphs("ببب");
        assert_eq!(joined.len(), 3);
        assert!(!joined.contains(&alone[0]) && joined[0] != joined[1] && joined[1] != joined[2]);
        // The vowel that is written after stands before, and the conjunct is less than its parts.
        assert_eq!(lines("कि", 100.0), ["कि"]);
        assert!(glyphs("क्ष").len() < 3);
    }

    #[test]
    fn what_no_font_has_is_replaced_one_by_one() {
        let fonts = Fonts::embedded();
        let line = Paragraphs::new(&fonts, "a中文b", false).lines(100.0).remove(0);
        let (_, face) = fonts.regular();
        let replacement = face.glyph(REPLACEMENT);
        let glyphs: Vec<_> = line.runs.iter().flat_map(|run| &run.glyphs).collect();
        let replaced = glyphs.iter().filter(|told| Some(told.glyph.id) == replacement);
        let replaced: Vec<_> = replaced.map(|told| told.text.as_str()).collect();
        // Seen as replaced, and found as they were written.
        assert_eq!(replaced, ["中", "文"]);
        assert_eq!(lines("a\u{0}\u{1b}[31mb\tc", 100.0), ["a\u{fffd}\u{fffd}[31mb c"]);
    }

    #[test]
    fn any_text_is_set() {
        let odd = [
            "\u{202e}abc\u{202c}",
            "\u{200d}\u{200d}",
            "\u{301}",
            "\u{fe0f}",
            "\u{64e}\u{64e}\u{64e}",
            "\u{94d}\u{93f}",
            "\u{e33}",
            "\u{1f1e9}",
            "\u{10ffff}\u{e000}",
            "a\u{2028}b\u{85}c",
            " \t ",
        ];
        for text in odd {
            for width in [0.0, 1.0, 100.0] {
                assert!(!lines(text, width).is_empty(), "{text:?}");
            }
        }
    }
}
