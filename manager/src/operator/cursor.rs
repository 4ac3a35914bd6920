//! Where a page of a list ended. A cursor is for handing back only; what stands in it may change.

use std::fmt;
use std::str::FromStr;

use platen_protocol::identity::DeviceId;

/// Items on a page unless the request says otherwise.
pub(super) const DEFAULT_LIMIT: u32 = 50;
/// The most items on a page.
pub(super) const MAX_LIMIT: u32 = 200;

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cursor {
    /// At a row of a list that goes back in time.
    Row(i64),
    /// At a device.
    Device(DeviceId),
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cursor does not belong to this list: send `next_cursor` unchanged, or leave it out for the first page"
)]
pub(super) struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(key) => write!(f, "r{key}"),
            Self::Device(device) => write!(f, "d{device}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let row = text
            .strip_prefix('r')
            .filter(|digits| !digits.starts_with(['+', '0']))
            .and_then(|digits| digits.parse().ok())
            .filter(|key| *key > 0);
        let device = text.strip_prefix('d').and_then(|device| device.parse().ok());
        row.map(Self::Row).or(device.map(Self::Device)).ok_or(InvalidCursor)
    }
}

impl Cursor {
    pub(super) fn row(self) -> Result<i64, InvalidCursor> {
        match self {
            Self::Row(key) => Ok(key),
            Self::Device(_) => Err(InvalidCursor),
        }
    }

    pub(super) fn device(self) -> Result<DeviceId, InvalidCursor> {
        match self {
            Self::Device(device) => Ok(device),
            Self::Row(_) => Err(InvalidCursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_not_handed_out_is_refused() {
        for text in ["", "r", "r0", "r-1", "r+1", "r01", "x1", "d", "d../x", "r1 ", "r99999999999999999999"] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_row_comes_back(key in 1_i64..) {
            prop_assert_eq!(Cursor::Row(key).to_string().parse(), Ok(Cursor::Row(key)));
        }

        #[test]
        fn any_text_is_either_a_cursor_that_prints_the_same_or_an_error(text in "[rd]?.{0,40}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}
