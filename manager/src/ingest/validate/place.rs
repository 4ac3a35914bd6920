//! The words of a refusal: which report, which field, why.

use std::fmt::Display;

use platen_protocol::limits::MAX_ID_CHARS;
pub use platen_protocol::limits::MAX_TEXT_CHARS;
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::text;

/// The longest name or unit of something measured, in characters.
pub const MAX_MEASURE_CHARS: usize = 120;

/// The highest count: above it, JSON no longer carries every whole number exactly (RFC 8259, section 6).
pub const MAX_COUNT: u64 = (1 << 53) - 1;
/// The longest time since a boot that is believed, in milliseconds: a hundred years.
pub const MAX_UPTIME_MS: u64 = 100 * 366 * 24 * 3600 * 1000;

pub(super) fn invalid(sequence: u64, field: impl Display, why: impl Display) -> Problem {
    Problem::new(ProblemKind::InvalidReport, format!("report {sequence}, {field}: {why}"))
}

/// Where in the batch a check is.
pub(super) struct Place {
    pub(super) sequence: u64,
}

impl Place {
    pub(super) fn refuse(&self, field: impl Display, why: impl Display) -> Problem {
        invalid(self.sequence, field, why)
    }

    pub(super) fn text(&self, field: impl Display, text: &str, most: usize) -> Result<(), Problem> {
        text::check(text, most).map_err(|why| self.refuse(field, why))
    }

    /// No count is so high that it cannot be told exactly.
    pub(super) fn number(&self, field: impl Display, number: u64) -> Result<(), Problem> {
        self.at_most(field, number, MAX_COUNT)
    }

    pub(super) fn at_most(&self, field: impl Display, number: u64, most: u64) -> Result<(), Problem> {
        if number > most {
            return Err(self.refuse(field, format!("{number} is above {most}")));
        }
        Ok(())
    }

    pub(super) fn name(&self, field: impl Display, text: &str) -> Result<(), Problem> {
        if text.is_empty() {
            return Err(self.refuse(field, "is empty"));
        }
        self.text(field, text, MAX_ID_CHARS)
    }

    pub(super) fn short(&self, field: impl Display, text: Option<&String>) -> Result<(), Problem> {
        text.map_or(Ok(()), |text| self.text(field, text, MAX_ID_CHARS))
    }

    /// Every list has an end.
    pub(super) fn count(&self, list: impl Display, found: usize, most: usize) -> Result<(), Problem> {
        if found > most {
            return Err(self.refuse(list, format!("holds {found}; at most {most} are allowed")));
        }
        Ok(())
    }

    /// Names tell readings apart.
    pub(super) fn unlike<'a>(
        &self,
        list: &str,
        names: impl ExactSizeIterator<Item = &'a str>,
        most: usize,
    ) -> Result<(), Problem> {
        self.count(list, names.len(), most)?;
        let mut seen: Vec<&str> = Vec::with_capacity(names.len());
        for name in names {
            self.name(format_args!("{list}.name"), name)?;
            if seen.contains(&name) {
                return Err(self.refuse(list, format!("{name:?} appears twice")));
            }
            seen.push(name);
        }
        Ok(())
    }
}
