//! A document as PDF.

use jiff::Zoned;
use jiff::tz::TimeZone;
use krilla::SerializeSettings;
use krilla::configure::{Configuration, Validator};
use krilla::error::KrillaError;
use krilla::metadata::{DateTime, Metadata, TextDirection};
use krilla::page::PageSettings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document::{Document, MAX_ROWS};
use super::draw::{Drawer, Sheet};
use super::fonts::Fonts;
use super::layout::lay_out;
use super::tags::Tags;

/// Around what stands on a sheet, in points: 16 mm, which all printers reach.
const MARGIN: f32 = 45.0;

/// The paper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Paper {
    /// 210 × 297 mm.
    #[default]
    A4,
    /// 8.5 × 11 inches.
    Letter,
}

impl Paper {
    /// Its width and height, in points.
    const fn size(self) -> (f32, f32) {
        match self {
            Self::A4 => (595.276, 841.89),
            Self::Letter => (612.0, 792.0),
        }
    }

    /// What IPP calls it (PWG 5101.1).
    pub const fn media(self) -> &'static str {
        match self {
            Self::A4 => "iso_a4_210x297mm",
            Self::Letter => "na_letter_8.5x11in",
        }
    }
}

/// Why there is no PDF of a document.
#[derive(Debug, thiserror::Error)]
pub enum Unprintable {
    /// It has too many rows.
    #[error(
        "the document has {0} rows and a PDF has at most {MAX_ROWS}; ask for less (one customer, one site), or take CSV or JSON"
    )]
    TooLong(usize),
    /// The library refused.
    #[error("the PDF could not be made: {0}")]
    Failed(String),
}

/// The bytes of the file.
pub fn make(document: &Document, paper: Paper) -> Result<Vec<u8>, Unprintable> {
    if document.rows() > MAX_ROWS {
        return Err(Unprintable::TooLong(document.rows()));
    }
    let failed = |error: KrillaError| Unprintable::Failed(format!("{error:?}"));
    match write(document, paper, Validator::UA1)? {
        Ok(bytes) => Ok(bytes),
        // A letter that no face has: it is there as text, but PDF/UA wants it to be seen as well.
        Err(KrillaError::Validation(_)) => write(document, paper, Validator::None)?.map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

type Written = Result<Vec<u8>, KrillaError>;

fn write(document: &Document, paper: Paper, validator: Validator) -> Result<Written, Unprintable> {
    let wrong = |what: &str| Unprintable::Failed(what.to_owned());
    let fonts = Fonts::new().ok_or_else(|| wrong("the faces that are built in cannot be read"))?;
    let (narrow, long) = paper.size();
    let (width, height) = if document.is_wide { (long, narrow) } else { (narrow, long) };
    let sheet = Sheet { width, height, margin: MARGIN, top: MARGIN };
    let layout = lay_out(document, &fonts, (sheet.inner(), height - 2.0 * MARGIN));
    let settings = SerializeSettings {
        configuration: Configuration::new_with_validator(validator),
        ..SerializeSettings::default()
    };
    let mut file = krilla::Document::new_with(settings);
    let mut drawer = Drawer { document, fonts: &fonts, columns: &layout.columns, sheet, tags: Tags::new() };
    let of = layout.pages.len();
    for (number, blocks) in layout.pages.iter().enumerate() {
        let settings = PageSettings::from_wh(width, height).ok_or_else(|| wrong("no such paper"))?;
        let mut page = file.start_page_with(settings);
        let mut surface = page.surface();
        drawer.page(&mut surface, blocks, (number + 1, of));
        surface.finish();
        page.finish();
    }
    file.set_tag_tree(drawer.tags.finish());
    file.set_outline(krilla::outline::Outline::new());
    file.set_metadata(metadata(document));
    Ok(file.finish())
}

fn metadata(document: &Document) -> Metadata {
    let made: Zoned = document.made.to_zoned(TimeZone::UTC);
    let small = |number: i8| u8::try_from(number).unwrap_or(1);
    let date = DateTime::new(u16::try_from(made.year()).unwrap_or(1970))
        .month(small(made.month()))
        .day(small(made.day()))
        .hour(small(made.hour()))
        .minute(small(made.minute()))
        .second(small(made.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(document.title.clone())
        .language("en".to_owned())
        .creator("Platen".to_owned())
        .creation_date(date)
        .text_direction(TextDirection::LeftToRight)
}
