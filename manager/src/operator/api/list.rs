//! Lists, a page at a time: which of them, and where to go on.

use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::cursor::{DEFAULT_LIMIT, InvalidCursor, MAX_LIMIT, RowCursor};
use super::super::problem::Refusal;

/// Which page of a list that goes back in time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

impl Page {
    /// The row that the page before ended with, and how many items the page may have.
    pub(super) fn place(&self) -> Result<(Option<i64>, u32), Refusal> {
        row(self.cursor.as_deref(), self.limit)
    }
}

/// Which of a list that goes back in time, and which page of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfDevice {
    /// Only those of this device.
    #[param(required = false, nullable = false, value_type = DeviceId)]
    pub(super) device: Option<DeviceId>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

impl OfDevice {
    /// The row that the page before ended with, and how many items the page may have.
    pub(super) fn place(&self) -> Result<(Option<i64>, u32), Refusal> {
        row(self.cursor.as_deref(), self.limit)
    }
}

/// Which of a list of what is open or over, and which page of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only those of this device.
    #[param(required = false, nullable = false, value_type = DeviceId)]
    pub(super) device: Option<DeviceId>,
    /// Only open ones (`true`), or only those that are over (`false`); both when left out.
    #[param(required = false, nullable = false)]
    pub(super) open: Option<bool>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

impl Which {
    /// The row that the page before ended with, and how many items the page may have.
    pub(super) fn place(&self) -> Result<(Option<i64>, u32), Refusal> {
        row(self.cursor.as_deref(), self.limit)
    }
}

pub(super) fn row(asked: Option<&str>, most: Option<u32>) -> Result<(Option<i64>, u32), Refusal> {
    let cursor = asked.map(str::parse::<RowCursor>).transpose().map_err(bad_cursor)?;
    Ok((cursor.map(|cursor| cursor.0), limit(most)?))
}

/// The number of something that is asked for, such as a customer's.
pub(super) fn number(what: &str, asked: Option<i64>) -> Result<Option<i64>, Refusal> {
    match asked {
        Some(number) if number < 1 => {
            Err(Refusal::new(ProblemKind::InvalidRequest, format!("{what} must be 1 or more, not {number}")))
        }
        asked => Ok(asked),
    }
}

/// How many items a page may have.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Refusal> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        other => Err(Refusal::new(
            ProblemKind::InvalidRequest,
            format!("limit must be between 1 and {MAX_LIMIT}, not {other}"),
        )),
    }
}

pub(super) fn bad_cursor(error: InvalidCursor) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, error.to_string())
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    /// The items on this page, in the order that the list promises.
    pub(super) items: Vec<T>,
    /// Pass it back as `cursor` for the next page; `null` on the last.
    pub(super) next_cursor: Option<String>,
}

impl<T> List<T> {
    /// From one item more than the page holds: it says that there is another page.
    pub(super) fn new<R>(
        mut records: Vec<R>,
        limit: u32,
        cursor: impl Fn(&R) -> String,
        view: impl FnMut(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = records.len() > limit;
        records.truncate(limit);
        let next_cursor = records.last().filter(|_| more).map(cursor);
        Self { items: records.into_iter().map(view).collect(), next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_in_the_document_are_those_that_hold() {
        assert_eq!((DEFAULT_LIMIT, MAX_LIMIT), (50, 200), "as in the attributes of `limit`");
        assert!(limit(Some(0)).is_err() && limit(Some(201)).is_err());
        assert_eq!(limit(None).unwrap(), 50);
    }
}
