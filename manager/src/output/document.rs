//! What stands in a document, without how it looks: the same for a page, a PDF, CSV and JSON.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Rows of all tables of a document. A statement of 1,000 devices with six counters each has 6,000.
pub const MAX_ROWS: usize = 20_000;
/// Characters of a cell that are shown; what is longer ends with an ellipsis.
const MAX_CELL_CHARS: usize = 1_000;

/// A document: a title, what it is about, and sections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What it is about, in lines below the title: whose, which filter, which time.
    pub about: Vec<String>,
    /// When it was made: what happened later is not in it.
    pub made: Timestamp,
    /// Its parts, in order.
    pub sections: Vec<Section>,
    /// The beginning of a file's name.
    #[serde(skip)]
    pub file: String,
    /// Whether its tables want a sheet that lies on its side.
    #[serde(skip)]
    pub is_wide: bool,
}

/// A part of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// Something to know about it; `null` without.
    pub note: Option<String>,
    /// Names with their values.
    pub facts: Vec<Fact>,
    /// A table; `null` without.
    pub table: Option<Table>,
}

/// A name with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Column {
    /// What stands at its head.
    pub name: String,
    /// Whether it holds numbers, which line up at the right.
    pub number: bool,
}

impl Document {
    /// An empty one.
    pub fn new(title: impl Into<String>, file: impl Into<String>, made: Timestamp) -> Self {
        Self { title: title.into(), file: file.into(), made, ..Self::default() }
    }

    /// Rows of all its tables.
    pub fn rows(&self) -> usize {
        self.sections.iter().filter_map(|section| section.table.as_ref()).map(|table| table.rows.len()).sum()
    }

    /// The name of a file of it: letters that every system and every header has.
    pub fn file_name(&self, extension: &str) -> String {
        let keep = |sign: char| if sign.is_ascii_alphanumeric() || sign == '.' { sign } else { '-' };
        let stem: String = self.file.chars().map(keep).take(80).collect();
        format!("{stem}.{extension}")
    }
}

impl Section {
    /// An empty one.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// One with a note instead of a table that would be empty.
    #[must_use]
    pub fn or_none(mut self, none: &str) -> Self {
        if self.facts.is_empty() && self.table.as_ref().is_none_or(|table| table.rows.is_empty()) {
            (self.table, self.note) = (None, Some(none.to_owned()));
        }
        self
    }

    /// One fact more.
    pub fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.facts.push(Fact { name: name.to_owned(), value: shown(&value.into()) });
    }
}

impl Table {
    /// An empty one with these columns: those of numbers have a `#` before their names.
    pub fn new<const N: usize>(columns: [&str; N]) -> Self {
        let column = |name: &str| {
            let bare = name.strip_prefix('#');
            Column { name: bare.unwrap_or(name).to_owned(), number: bare.is_some() }
        };
        Self { columns: columns.into_iter().map(column).collect(), rows: Vec::new() }
    }

    /// One row more.
    #[expect(clippy::needless_pass_by_value, reason = "rows are made where they are handed over")]
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| shown(cell)).collect());
    }
}

/// A text without what moves other text about, and not too long.
fn shown(text: &str) -> String {
    let quiet = |sign: &char| {
        let moves =
            matches!(sign, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        !moves && (*sign == '\n' || !sign.is_control())
    };
    let mut kept: String = text.chars().filter(quiet).take(MAX_CELL_CHARS).collect();
    if text.chars().nth(MAX_CELL_CHARS).is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_other_text_is_left_out_and_what_is_endless_is_cut() {
        assert_eq!(shown("a\u{202e}b\u{7}c\nd"), "abc\nd");
        let long = "x".repeat(10_000);
        assert_eq!(shown(&long).chars().count(), MAX_CELL_CHARS + 1);
        assert!(shown(&long).ends_with('…'));
    }

    #[test]
    fn a_file_has_a_name_that_every_system_has() {
        let document = Document::new("x", "report-\"a/../b\r\n", Timestamp::UNIX_EPOCH);
        assert_eq!(document.file_name("pdf"), "report--a-..-b--.pdf");
    }
}
