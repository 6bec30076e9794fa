//! A section: its heading and its table, whose head stands on each page that has rows of it.

use super::{
    Flow, HEADING, Look, NOTE, SIDE, WIDTH,
    columns::{Wish, share},
};
use crate::{
    document::{Cell, Section},
    pdf::Ink,
    text::{Line, Paragraphs},
};

/// Free space left and right of a text in its column, and above and below it in its row.
const BESIDE: f32 = 5.0;
const ABOVE: f32 = 1.5;

/// A column that is narrower would be a letter a line.
const WORD_MAX: f32 = 90.0;

const HEAD: Look = Look::new(8.5, true, Ink::Dark);

/// A cell that is not broken into lines yet.
struct Wide<'a> {
    text: Paragraphs<'a>,
    look: Look,
}

/// A cell's lines, and how they look.
struct Tall {
    lines: Vec<Line>,
    look: Look,
    is_alone: bool,
}

/// A table's columns: where they begin and how wide their texts are.
type Columns = Vec<(f32, f32)>;

pub(super) fn write(flow: &mut Flow<'_>, section: &Section) {
    let heads: Vec<_> = section
        .columns
        .iter()
        .map(|head| wide(flow, head, HEAD))
        .collect();
    let rows: Vec<Vec<_>> = section
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| of_cell(flow, cell)).collect())
        .collect();
    let columns = columns(&heads, &rows);
    let head = broken(&heads, &columns);
    let mut rows = rows.iter().map(|row| broken(row, &columns)).peekable();
    let heading_height = 18.0 + HEADING.leading + 4.0;
    let first = rows.peek().map_or(NOTE.leading, |row| height(row).min(120.0));
    flow.need(heading_height + height(&head) + first);
    flow.heading(&section.heading);
    if rows.peek().is_none() {
        let none = flow.paragraphs("—", NOTE);
        for line in NOTE.lines(&none, WIDTH) {
            flow.line(&line, (SIDE, WIDTH), flow.y, NOTE, true);
            flow.y -= NOTE.leading;
        }
        return;
    }
    write_head(flow, &head, &columns);
    for row in rows {
        write_row(flow, &row, &head, &columns);
    }
}

fn wide<'a>(flow: &Flow<'a>, text: &str, look: Look) -> Wide<'a> {
    Wide {
        text: flow.paragraphs(text, look),
        look,
    }
}

fn of_cell<'a>(flow: &Flow<'a>, cell: &Cell) -> Wide<'a> {
    wide(flow, cell.text(), Look::of(cell))
}

fn columns(heads: &[Wide<'_>], rows: &[Vec<Wide<'_>>]) -> Columns {
    let wishes: Vec<_> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            let width = |cell: &Wide<'_>| cell.text.width() * cell.look.size;
            let cells = rows.iter().filter_map(|row| row.get(at));
            let whole = cells.map(width).fold(width(head), f32::max);
            let word = head.text.widest_word() * head.look.size;
            Wish {
                least: word.min(WORD_MAX) + 2.0 * BESIDE,
                // A hair more, as lines are measured anew when they are broken.
                whole: whole + 2.0 * BESIDE + 0.1,
            }
        })
        .collect();
    let mut x = SIDE;
    let widths = share(&wishes, WIDTH).into_iter();
    widths
        .map(|width| {
            let column = (x + BESIDE, width - 2.0 * BESIDE);
            x += width;
            column
        })
        .collect()
}

fn broken(row: &[Wide<'_>], columns: &Columns) -> Vec<Tall> {
    let cells = row.iter().zip(columns);
    cells
        .map(|(cell, (_, width))| {
            let lines = cell.look.lines(&cell.text, *width);
            Tall {
                is_alone: lines.len() == 1,
                lines,
                look: cell.look,
            }
        })
        .collect()
}

fn height(row: &[Tall]) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "lines of a text")]
    let heights = row.iter().map(|cell| cell.lines.len() as f32 * cell.look.leading);
    heights.fold(0.0, f32::max) + 2.0 * ABOVE
}

fn write_head(flow: &mut Flow<'_>, head: &[Tall], columns: &Columns) {
    let height = height(head) + 2.0 * ABOVE;
    flow.writer.ground(SIDE, flow.y - height, WIDTH, height);
    let top = flow.y - 2.0 * ABOVE;
    write_lines(flow, head, columns, top, 0..usize::MAX);
    flow.y -= height;
}

/// Writes a row where it has place: on this page, else whole on the next one, else from page to page.
fn write_row(flow: &mut Flow<'_>, row: &[Tall], head: &[Tall], columns: &Columns) {
    let whole = height(row);
    let page = super::PAGE.1 - super::TOP - super::BOTTOM - height(head) - 2.0 * ABOVE;
    if whole > flow.left() && whole <= page {
        flow.next_page();
        write_head(flow, head, columns);
    }
    let lines = row.iter().map(|cell| cell.lines.len()).max().unwrap_or_default();
    let leading = row.iter().map(|cell| cell.look.leading).fold(1.0, f32::max);
    let (mut done, mut is_new_page) = (0, false);
    while done < lines {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "lines of a page"
        )]
        let fitting = ((flow.left() - 2.0 * ABOVE + 0.01) / leading).max(0.0) as usize;
        if fitting == 0 && !is_new_page {
            flow.next_page();
            write_head(flow, head, columns);
            is_new_page = true;
            continue;
        }
        is_new_page = false;
        // Below a head that takes the whole page something must come, too.
        let end = lines.min(done + fitting.max(1));
        let top = flow.y - ABOVE;
        write_lines(flow, row, columns, top, done..end);
        #[expect(clippy::cast_precision_loss, reason = "lines of a page")]
        let taken = (end - done) as f32 * leading;
        flow.y -= taken + 2.0 * ABOVE;
        done = end;
    }
    flow.writer.rule((SIDE, SIDE + WIDTH), flow.y);
}

/// Writes these lines of all cells.
fn write_lines(
    flow: &mut Flow<'_>,
    row: &[Tall],
    columns: &Columns,
    top: f32,
    lines: std::ops::Range<usize>,
) {
    for (cell, column) in row.iter().zip(columns) {
        let mut top = top;
        let skipped = cell.lines.iter().skip(lines.start);
        for line in skipped.take(lines.end.saturating_sub(lines.start)) {
            flow.line(line, *column, top, cell.look, cell.is_alone);
            top -= cell.look.leading;
        }
    }
}
