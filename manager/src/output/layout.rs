//! Where lines break, how wide columns are, and what comes on which page. Pure, and the same each time that it is asked.

use std::ops::Range;

use super::document::{Document, Section, Table};
use super::fonts::{Face, Fonts};

/// Sizes of letters, in points.
pub(super) const TITLE: f32 = 17.0;
pub(super) const HEADING: f32 = 11.5;
pub(super) const TEXT: f32 = 9.0;
pub(super) const CELL: f32 = 8.0;
/// From line to line, as a share of the size.
pub(super) const LEADING: f32 = 1.32;
/// Around what stands in a cell.
pub(super) const CELL_SIDE: f32 = 4.0;
pub(super) const CELL_TOP: f32 = 2.6;
/// Between sections, and between a heading and what it is of.
const BEFORE_HEADING: f32 = 14.0;
const BEHIND_HEADING: f32 = 4.0;
/// The column of names of facts, as a share of the width.
pub(super) const NAMES: f32 = 0.28;
/// Lines of a cell that are shown: a row must fit a page.
const MAX_LINES: usize = 30;
/// No column is narrower than this.
const NARROWEST: f32 = 26.0;

/// What stands at one height of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Title,
    /// A line of what it is about.
    About(usize),
    /// The heading of a section.
    Heading(usize),
    Note(usize),
    /// A fact of a section.
    Fact(usize, usize),
    /// The head of a section's table; repeated where the table goes on.
    Head(usize, bool),
    /// A row of it.
    Row(usize, usize),
}

/// A block at its height.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) block: Block,
    pub(super) top: f32,
    pub(super) height: f32,
}

/// A page, from its top.
pub(super) type Page = Vec<Placed>;

/// All pages, and how wide the columns of each section are.
pub(super) struct Layout {
    pub(super) pages: Vec<Page>,
    pub(super) columns: Vec<Vec<f32>>,
}

/// The lines of a text: where it breaks, as places in it.
pub(super) fn lines(face: &Face, size: f32, width: f32, text: &str) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut from = 0;
    for part in text.split_inclusive('\n') {
        break_up(face, size, width, (part.trim_end_matches('\n'), from), &mut all);
        from += part.len();
    }
    if all.is_empty() {
        all.push(0..0);
    }
    all.truncate(MAX_LINES);
    all
}

/// Breaks one paragraph, between words where that can be.
fn break_up(face: &Face, size: f32, width: f32, (text, from): (&str, usize), all: &mut Vec<Range<usize>>) {
    let (mut start, mut end, mut used) = (0, 0, 0.0_f32);
    let mut push = |range: Range<usize>| all.push(from + range.start..from + range.end);
    for word in text.split_inclusive(' ') {
        let (begin, bare) = (word_start(text, word), word.trim_end_matches(' '));
        let wide = face.width(bare, size);
        if used + wide > width && end > start {
            push(start..end);
            (start, used) = (begin, 0.0);
        }
        if wide > width {
            // No line has room for it: it breaks where the line ends.
            for (place, sign) in bare.char_indices() {
                let step = face.width(sign.encode_utf8(&mut [0; 4]), size);
                if used + step > width && begin + place > start {
                    push(start..begin + place);
                    (start, used) = (begin + place, 0.0);
                }
                used += step;
            }
            used += face.width(word.get(bare.len()..).unwrap_or(""), size);
        } else {
            used += face.width(word, size);
        }
        end = begin + bare.len();
    }
    push(start..end.max(start));
}

fn word_start(text: &str, word: &str) -> usize {
    word.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

/// A count of lines as a height.
fn high(count: usize, size: f32) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX)) * size * LEADING
}

/// How wide the columns are: as wide as what stands in them if that fits, else the wide ones share what is left.
fn columns(fonts: &Fonts, table: &Table, width: f32) -> Vec<f32> {
    let count = table.columns.len();
    let mut wanted = vec![NARROWEST; count];
    for (column, wanted) in table.columns.iter().zip(&mut wanted) {
        *wanted = wanted.max(fonts.bold.width(&column.name, CELL) + 2.0 * CELL_SIDE + 1.0);
    }
    let least: Vec<f32> = wanted.clone();
    for row in &table.rows {
        for (cell, wanted) in row.iter().zip(&mut wanted) {
            let widest = cell.split('\n').map(|line| fonts.regular.width(line, CELL)).fold(0.0, f32::max);
            *wanted = wanted.max(widest + 2.0 * CELL_SIDE + 1.0);
        }
    }
    let sum: f32 = wanted.iter().sum();
    if sum <= width {
        // What is over goes to the last column that is no number, so that the lines below rows reach the edge.
        let at = table.columns.iter().rposition(|column| !column.number).unwrap_or(0);
        if let Some(text) = wanted.get_mut(at) {
            *text += width - sum;
        }
        return wanted;
    }
    shrink(&wanted, &least, &numbers(table), width)
}

fn numbers(table: &Table) -> Vec<bool> {
    table.columns.iter().map(|column| column.number).collect()
}

/// Narrows the widest columns down to a common limit. Numbers do not break, so they keep what they want.
fn shrink(wanted: &[f32], least: &[f32], numbers: &[bool], width: f32) -> Vec<f32> {
    let at = |limit: f32| -> Vec<f32> {
        let one = |((wanted, least), number): ((&f32, &f32), &bool)| {
            if *number { *wanted } else { wanted.min(limit.max(*least)) }
        };
        wanted.iter().zip(least).zip(numbers).map(one).collect()
    };
    let (mut low, mut high) = (0.0_f32, width);
    for _ in 0..24 {
        let middle = f32::midpoint(low, high);
        if at(middle).iter().sum::<f32>() > width { high = middle } else { low = middle }
    }
    let found = at(low);
    let sum: f32 = found.iter().sum();
    // Where even the heads do not fit, all give way alike.
    if sum > width { found.into_iter().map(|one| one * width / sum).collect() } else { found }
}

struct Pen<'a> {
    fonts: &'a Fonts,
    width: f32,
    height: f32,
    top: f32,
    pages: Vec<Page>,
}

impl Pen<'_> {
    /// Puts a block where there is room for it and for what has to stand with it.
    fn put(&mut self, block: Block, (before, height, with): (f32, f32, f32)) {
        let is_empty = self.pages.last().is_none_or(Vec::is_empty);
        let before = if is_empty { 0.0 } else { before };
        if !is_empty && self.top + before + height + with > self.height {
            self.pages.push(Vec::new());
            self.top = 0.0;
            if let Block::Row(section, _) = block {
                self.head_again(section);
            }
            self.place(block, height);
            return;
        }
        self.top += before;
        self.place(block, height);
    }

    fn head_again(&mut self, section: usize) {
        self.place(Block::Head(section, true), high(1, CELL) + 2.0 * CELL_TOP);
    }

    fn place(&mut self, block: Block, height: f32) {
        let top = self.top;
        if let Some(page) = self.pages.last_mut() {
            page.push(Placed { block, top, height });
        }
        self.top += height;
    }

    fn section(&mut self, number: usize, section: &Section, columns: &[f32]) {
        let row = high(2, CELL) + 2.0 * CELL_TOP;
        self.put(Block::Heading(number), (BEFORE_HEADING, high(1, HEADING) + BEHIND_HEADING, 2.0 * row));
        if let Some(note) = &section.note {
            let count = lines(&self.fonts.regular, TEXT, self.width, note).len();
            self.put(Block::Note(number), (0.0, high(count, TEXT) + BEHIND_HEADING, 0.0));
        }
        for (fact, told) in section.facts.iter().enumerate() {
            let (names, values) = (self.width * NAMES - CELL_SIDE, self.width * (1.0 - NAMES));
            let count = lines(&self.fonts.regular, TEXT, values, &told.value).len();
            let count = count.max(lines(&self.fonts.regular, TEXT, names, &told.name).len());
            self.put(Block::Fact(number, fact), (0.0, high(count, TEXT) + CELL_TOP, 0.0));
        }
        let Some(table) = &section.table else { return };
        self.put(Block::Head(number, false), (CELL_TOP, high(1, CELL) + 2.0 * CELL_TOP, row));
        for (place, cells) in table.rows.iter().enumerate() {
            let count = |(cell, width): (&String, &f32)| {
                lines(&self.fonts.regular, CELL, width - 2.0 * CELL_SIDE, cell).len()
            };
            let most = cells.iter().zip(columns).map(count).max().unwrap_or(1);
            self.put(Block::Row(number, place), (0.0, high(most, CELL) + 2.0 * CELL_TOP, 0.0));
        }
    }
}

/// Puts a document on pages that have room for this.
pub(super) fn lay_out(document: &Document, fonts: &Fonts, (width, height): (f32, f32)) -> Layout {
    let columns: Vec<Vec<f32>> = document
        .sections
        .iter()
        .map(|section| section.table.as_ref().map_or_else(Vec::new, |table| columns(fonts, table, width)))
        .collect();
    let mut pen = Pen { fonts, width, height, top: 0.0, pages: vec![Vec::new()] };
    let count = lines(&fonts.bold, TITLE, width, &document.title).len();
    pen.put(Block::Title, (0.0, high(count, TITLE) + BEHIND_HEADING, 0.0));
    for (line, about) in document.about.iter().enumerate() {
        let count = lines(&fonts.regular, TEXT, width, about).len();
        pen.put(Block::About(line), (0.0, high(count, TEXT), 0.0));
    }
    for (number, (section, columns)) in document.sections.iter().zip(&columns).enumerate() {
        pen.section(number, section, columns);
    }
    Layout { pages: pen.pages, columns }
}
