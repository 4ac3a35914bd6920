//! Draws the blocks of a page.

use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{ArtifactType, ContentTag, Identifier, SpanTag};

use super::document::{Document, Section};
use super::fonts::{Face, Fonts};
use super::layout::{
    Block, CELL, CELL_SIDE, CELL_TOP, HEADING, LEADING, NAMES, Page, Placed, TEXT, TITLE, lines,
};
use super::tags::Tags;

const BLACK: (u8, u8, u8) = (0x16, 0x1b, 0x22);
const GREY: (u8, u8, u8) = (0x57, 0x60, 0x6a);
const RULE: (u8, u8, u8) = (0xd0, 0xd7, 0xde);
const SHADE: (u8, u8, u8) = (0xf3, 0xf5, 0xf7);
/// Where the foot of letters is below the top of their line, as a share of the size.
const FOOT: f32 = 0.98;
/// The size of what stands at the head and foot of each page.
const EDGE: f32 = 7.5;

/// The sheet, in points.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) margin: f32,
    /// The top of what stands on it, below its head.
    pub(super) top: f32,
}

impl Sheet {
    pub(super) fn inner(self) -> f32 {
        self.width - 2.0 * self.margin
    }
}

/// What draws: the document, and how it is set.
pub(super) struct Drawer<'a> {
    pub(super) document: &'a Document,
    pub(super) fonts: &'a Fonts,
    pub(super) columns: &'a [Vec<f32>],
    pub(super) sheet: Sheet,
    pub(super) tags: Tags,
}

/// A text that stands somewhere.
struct Text<'a> {
    face: &'a Face,
    size: f32,
    colour: (u8, u8, u8),
    /// Ends there, in place of beginning there.
    right: bool,
}

fn fill(surface: &mut Surface<'_>, (red, green, blue): (u8, u8, u8)) {
    let paint = rgb::Color::new(red, green, blue).into();
    surface.set_fill(Some(Fill { paint, ..Fill::default() }));
}

impl Text<'_> {
    fn line(&self, surface: &mut Surface<'_>, text: &str, x: f32, top: f32) {
        if text.is_empty() {
            return;
        }
        let x = if self.right { x - self.face.width(text, self.size) } else { x };
        fill(surface, self.colour);
        let glyphs = self.face.glyphs(text);
        let foot = Point::from_xy(x, top + self.size * FOOT);
        surface.draw_glyphs(foot, &glyphs, self.face.font(), text, self.size, false);
    }

    /// Draws a text in lines, and names the pieces that they are.
    fn tagged(
        &self,
        surface: &mut Surface<'_>,
        text: &str,
        (x, top, width): (f32, f32, f32),
    ) -> Vec<Identifier> {
        let mut top = top;
        let mut pieces = Vec::new();
        for range in lines(self.face, self.size, width, text) {
            let line = text.get(range).unwrap_or("");
            pieces.push(surface.start_tagged(ContentTag::Span(SpanTag::empty())));
            let x = if self.right { x + width } else { x };
            self.line(surface, line, x, top);
            surface.end_tagged();
            top += self.size * LEADING;
        }
        pieces
    }
}

fn bar(surface: &mut Surface<'_>, colour: (u8, u8, u8), (x, y, width, height): (f32, f32, f32, f32)) {
    let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
    let mut path = PathBuilder::new();
    path.push_rect(rect);
    let Some(path) = path.finish() else { return };
    surface.start_tagged(ContentTag::Artifact(ArtifactType::Other));
    fill(surface, colour);
    surface.draw_path(&path);
    surface.end_tagged();
}

impl Drawer<'_> {
    /// One page, of so many.
    pub(super) fn page(&mut self, surface: &mut Surface<'_>, page: &Page, (number, of): (usize, usize)) {
        self.edges(surface, number, of);
        for placed in page {
            self.block(surface, *placed);
        }
    }

    fn edges(&self, surface: &mut Surface<'_>, number: usize, of: usize) {
        let Sheet { width, height, margin, .. } = self.sheet;
        let text = |right| Text { face: &self.fonts.regular, size: EDGE, colour: GREY, right };
        let made = self.document.made.strftime("%d %b %Y, %H:%M UTC");
        if number > 1 {
            surface.start_tagged(ContentTag::Artifact(ArtifactType::Header));
            let head = lines(&self.fonts.regular, EDGE, self.sheet.inner(), &self.document.title);
            let title = head.into_iter().next().and_then(|range| self.document.title.get(range));
            text(false).line(surface, title.unwrap_or(""), margin, margin * 0.62);
            surface.end_tagged();
        }
        let foot = height - margin * 0.8;
        surface.start_tagged(ContentTag::Artifact(ArtifactType::Footer));
        text(false).line(surface, &format!("Platen · made {made}"), margin, foot);
        text(true).line(surface, &format!("{number} of {of}"), width - margin, foot);
        surface.end_tagged();
    }

    fn section(&self, number: usize) -> Option<&Section> {
        self.document.sections.get(number)
    }

    fn block(&mut self, surface: &mut Surface<'_>, placed: Placed) {
        let (x, width, top) = (self.sheet.margin, self.sheet.inner(), self.sheet.top + placed.top);
        let fonts = self.fonts;
        let text = |size, colour| Text { face: &fonts.regular, size, colour, right: false };
        let loud = |size| Text { face: &fonts.bold, size, colour: BLACK, right: false };
        match placed.block {
            Block::Title => {
                let title = self.document.title.as_str();
                let pieces = loud(TITLE).tagged(surface, title, (x, top, width));
                self.tags.heading(1, title, pieces);
            }
            Block::About(line) => {
                let about = self.document.about.get(line).map_or("", String::as_str);
                let pieces = text(TEXT, GREY).tagged(surface, about, (x, top, width));
                self.tags.paragraph(pieces);
            }
            Block::Heading(section) => {
                let title = self.section(section).map(|section| section.title.clone()).unwrap_or_default();
                let pieces = loud(HEADING).tagged(surface, &title, (x, top, width));
                self.tags.heading(2, &title, pieces);
            }
            Block::Note(section) => {
                let note = self.section(section).and_then(|section| section.note.as_deref());
                let pieces = text(TEXT, GREY).tagged(surface, note.unwrap_or(""), (x, top, width));
                self.tags.paragraph(pieces);
            }
            Block::Fact(section, fact) => self.fact(surface, (section, fact), top),
            Block::Head(section, again) => self.head(surface, (section, again), top, placed.height),
            Block::Row(section, row) => self.row(surface, (section, row), top, placed.height),
        }
    }

    fn fact(&mut self, surface: &mut Surface<'_>, (section, fact): (usize, usize), top: f32) {
        let (x, width) = (self.sheet.margin, self.sheet.inner());
        let Some(told) = self.document.sections.get(section).and_then(|section| section.facts.get(fact))
        else {
            return;
        };
        if fact == 0 || !self.tags.has_table() {
            self.tags.begin_table();
        }
        let text = |colour| Text { face: &self.fonts.regular, size: TEXT, colour, right: false };
        let name = text(GREY).tagged(surface, &told.name, (x, top, width * NAMES - CELL_SIDE));
        let (from, width) = (x + width * NAMES, width * (1.0 - NAMES));
        let value = text(BLACK).tagged(surface, &told.value, (from, top, width));
        self.tags.begin_row();
        self.tags.head_cell(false, name);
        self.tags.cell(value);
        self.tags.end_row();
    }

    /// The head of a table. Where it is repeated it is nothing to be read out again.
    fn head(&mut self, surface: &mut Surface<'_>, (section, again): (usize, bool), top: f32, height: f32) {
        let Some(table) = self.document.sections.get(section).and_then(|section| section.table.as_ref())
        else {
            return;
        };
        let (mut x, width) = (self.sheet.margin, self.sheet.inner());
        bar(surface, SHADE, (x, top, width, height));
        bar(surface, GREY, (x, top + height - 0.6, width, 0.6));
        if !again {
            self.tags.begin_table();
            self.tags.begin_row();
        }
        let widths = self.columns.get(section).map_or(&[][..], Vec::as_slice);
        for (column, wide) in table.columns.iter().zip(widths) {
            let text = Text { face: &self.fonts.bold, size: CELL, colour: BLACK, right: column.number };
            let inner = wide - 2.0 * CELL_SIDE;
            // One line: a head that is narrower than its words is cut.
            let first = lines(text.face, CELL, inner.max(1.0), &column.name).into_iter().next();
            let name = first.and_then(|range| column.name.get(range)).unwrap_or("");
            if again {
                surface.start_tagged(ContentTag::Artifact(ArtifactType::Other));
                let from = if column.number { x + CELL_SIDE + inner } else { x + CELL_SIDE };
                text.line(surface, name, from, top + CELL_TOP);
                surface.end_tagged();
            } else {
                let pieces = text.tagged(surface, name, (x + CELL_SIDE, top + CELL_TOP, inner.max(1.0)));
                self.tags.head_cell(true, pieces);
            }
            x += wide;
        }
        if !again {
            self.tags.end_row();
        }
    }

    fn row(&mut self, surface: &mut Surface<'_>, (section, row): (usize, usize), top: f32, height: f32) {
        let Some(table) = self.document.sections.get(section).and_then(|section| section.table.as_ref())
        else {
            return;
        };
        let Some(cells) = table.rows.get(row) else { return };
        let mut x = self.sheet.margin;
        bar(surface, RULE, (x, top + height - 0.4, self.sheet.inner(), 0.4));
        self.tags.begin_row();
        let widths = self.columns.get(section).map_or(&[][..], Vec::as_slice);
        for ((column, cell), wide) in table.columns.iter().zip(cells).zip(widths) {
            let text = Text { face: &self.fonts.regular, size: CELL, colour: BLACK, right: column.number };
            let place = (x + CELL_SIDE, top + CELL_TOP, wide - 2.0 * CELL_SIDE);
            let pieces = text.tagged(surface, cell, place);
            self.tags.cell(pieces);
            x += wide;
        }
        self.tags.end_row();
    }
}
