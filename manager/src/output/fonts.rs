//! The two faces in which documents are set: `DejaVu Sans`, built into the program so that a server without a desktop needs no
//! package, without the scripts that its documents have no words of and without hinting (`manager/fonts/README.md`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::ttf_parser::GlyphId as GlyphOfFont;
use rustybuzz::{Direction, UnicodeBuffer};

static REGULAR: &[u8] = include_bytes!("../../fonts/DejaVuSans.ttf");
static BOLD: &[u8] = include_bytes!("../../fonts/DejaVuSans-Bold.ttf");

/// What is built in, read once. It cannot be wrong but by how this program was built, and a test reads both.
static FACES: LazyLock<Option<[Parts; 2]>> = LazyLock::new(|| Some([Parts::of(REGULAR)?, Parts::of(BOLD)?]));

/// Stands for a letter that no face has.
const INSTEAD: char = '□';

struct Parts {
    font: Font,
    shapes: rustybuzz::Face<'static>,
}

impl Parts {
    fn of(bytes: &'static [u8]) -> Option<Self> {
        Some(Self { font: Font::new(bytes.into(), 0)?, shapes: rustybuzz::Face::from_slice(bytes, 0)? })
    }

    fn advance(&self, glyph: GlyphOfFont) -> f32 {
        share(i32::from(self.shapes.glyph_hor_advance(glyph).unwrap_or(0)), self.shapes.units_per_em())
    }
}

/// A face, and how wide its letters are.
pub(super) struct Face {
    parts: &'static Parts,
    /// Widths of letters, in shares of the size.
    widths: RefCell<HashMap<char, f32>>,
}

/// Both.
pub(super) struct Fonts {
    pub(super) regular: Face,
    pub(super) bold: Face,
}

impl Fonts {
    /// None if those that were built in cannot be read.
    pub(super) fn new() -> Option<Self> {
        let [regular, bold] = FACES.as_ref()?;
        let face = |parts| Face { parts, widths: RefCell::default() };
        Some(Self { regular: face(regular), bold: face(bold) })
    }
}

/// A number of the font as a share of its size.
fn share(number: i32, units: i32) -> f32 {
    // Both fit 16 bits in every font: the format has no more for them.
    let narrow = |number: i32| f32::from(i16::try_from(number).unwrap_or(i16::MAX));
    narrow(number) / narrow(units.max(1))
}

impl Face {
    pub(super) fn font(&self) -> Font {
        self.parts.font.clone()
    }

    fn width_of(&self, sign: char) -> f32 {
        *self.widths.borrow_mut().entry(sign).or_insert_with(|| {
            self.parts
                .shapes
                .glyph_index(sign)
                .map_or_else(|| self.instead().1, |glyph| self.parts.advance(glyph))
        })
    }

    /// What stands for a letter that it does not have, and how wide that is. The glyph that fonts have for it is no text to a
    /// reader of PDF.
    fn instead(&self) -> (GlyphId, f32) {
        let glyph = self.parts.shapes.glyph_index(INSTEAD).unwrap_or_default();
        (GlyphId::new(u32::from(glyph.0)), self.parts.advance(glyph))
    }

    /// How wide a text is, letter by letter; kerning takes away a little of it.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|sign| self.width_of(sign)).sum::<f32>() * size
    }

    /// The glyphs of a line that is all of one direction.
    pub(super) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let backwards = buffer.direction() == Direction::RightToLeft;
        let shaped = rustybuzz::shape(&self.parts.shapes, &[], buffer);
        let units = self.parts.shapes.units_per_em();
        let mut starts: Vec<usize> = shaped.glyph_infos().iter().map(|info| at(info.cluster)).collect();
        if backwards {
            starts.reverse();
        }
        starts.dedup();
        starts.push(text.len());
        let end_of = |start: usize| starts.get(starts.partition_point(|one| *one <= start)).copied();
        let both = shaped.glyph_infos().iter().zip(shaped.glyph_positions());
        both.map(|(info, place)| {
            let start = at(info.cluster);
            let range = start..end_of(start).unwrap_or(text.len());
            let share = |number| share(number, units);
            let (advance, aside) = (share(place.x_advance), share(place.x_offset));
            let (up, down) = (share(place.y_offset), share(place.y_advance));
            if info.glyph_id == 0 {
                let (glyph, advance) = self.instead();
                return KrillaGlyph::new(glyph, advance, 0.0, 0.0, 0.0, range, None);
            }
            KrillaGlyph::new(GlyphId::new(info.glyph_id), advance, aside, up, down, range, None)
        })
        .collect()
    }
}

/// The place in a text of which the shaper speaks.
fn at(cluster: u32) -> usize {
    usize::try_from(cluster).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_faces_can_be_read_and_have_the_letters_of_europe() {
        let fonts = Fonts::new().unwrap();
        for face in [&fonts.regular, &fonts.bold] {
            for sign in "Aäßœłđşč€–…≈°×ΩЯאبԱა●▲\u{202f}\u{a0}".chars() {
                assert!(face.parts.shapes.glyph_index(sign).is_some(), "{sign:?}");
            }
        }
        assert!(fonts.bold.width("platen", 10.0) > fonts.regular.width("platen", 10.0));
    }

    #[test]
    fn each_glyph_says_of_which_letters_it_is_also_backwards() {
        use krilla::text::Glyph;
        let fonts = Fonts::new().unwrap();
        for text in ["Kiel", "fi ä", "שלום", "سلام"] {
            let glyphs = fonts.regular.glyphs(text);
            let mut ranges: Vec<_> = glyphs.iter().map(Glyph::text_range).collect();
            ranges.sort_by_key(|range| range.start);
            ranges.dedup();
            let said: String = ranges.into_iter().map(|range| &text[range]).collect();
            assert_eq!(said, text);
        }
    }
}
