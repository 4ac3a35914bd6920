//! Where a page of a list ended. A cursor is for handing back only; what stands in it may change.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use platen_protocol::identity::DeviceId;
use platen_protocol::text;

use crate::history::Resolution;
use crate::store::{FleetKey, FleetOrder, FleetPlace, FleetValue, NowPlace};

/// Items on a page unless the request says otherwise.
pub(super) const DEFAULT_LIMIT: u32 = 50;
/// The most items on a page.
pub(super) const MAX_LIMIT: u32 = 200;

/// Where a page of a list that goes back in time ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowCursor(pub(super) i64);

/// Where a page of the fleet ended, and the order that it was in: a list goes on in the order in which it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FleetCursor {
    pub(super) order: FleetOrder,
    pub(super) place: FleetPlace,
}

/// Where a page of a history of this resolution ended: at a moment, in milliseconds, behind so many points of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistoryCursor {
    pub(super) resolution: Resolution,
    pub(super) begin: i64,
    pub(super) skip: usize,
}

/// Where a page of what needs a person ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NowCursor(pub(super) NowPlace);

/// The letter for each order.
const ORDERS: [(char, FleetKey); 7] = [
    ('w', FleetKey::Worst),
    ('n', FleetKey::Name),
    ('c', FleetKey::LastContact),
    ('s', FleetKey::Supply),
    ('m', FleetKey::Model),
    ('p', FleetKey::Place),
    ('v', FleetKey::AgentVersion),
];

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cursor does not belong to this list: send `next_cursor` unchanged, or leave it out for the first page"
)]
pub(super) struct InvalidCursor;

/// Where a page of a list in the order of names ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameCursor(pub(super) String);

impl fmt::Display for NameCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", HEXLOWER.encode(self.0.as_bytes()))
    }
}

impl FromStr for NameCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = text.strip_prefix('n').and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok());
        let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        name.filter(|name| text::is_operator_name(name)).map(Self).ok_or(InvalidCursor)
    }
}

impl fmt::Display for RowCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "h{}{}.{}", letter(self.resolution), self.begin, self.skip)
    }
}

const fn letter(resolution: Resolution) -> char {
    match resolution {
        Resolution::Raw => 'r',
        Resolution::Hour => 'h',
        Resolution::Day => 'd',
    }
}

/// A number as it is printed.
fn number<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

impl fmt::Display for NowCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NowPlace { shelf, urgency, since, key } = self.0;
        write!(f, "n{shelf}.{urgency}.{since}.{key}")
    }
}

impl FromStr for NowCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let read = || {
            let parts: Vec<i64> =
                text.strip_prefix('n')?.split('.').map(number).collect::<Option<Vec<i64>>>()?;
            match parts.as_slice() {
                [shelf, urgency, since, key] => {
                    Some(Self(NowPlace { shelf: *shelf, urgency: *urgency, since: *since, key: *key }))
                }
                _ => None,
            }
        };
        read().ok_or(InvalidCursor)
    }
}

impl FromStr for HistoryCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let read = || {
            let mut rest = text.strip_prefix('h')?.chars();
            let letter_there = rest.next()?;
            let resolution = Resolution::ALL.into_iter().find(|known| letter(*known) == letter_there)?;
            let (begin, skip) = rest.as_str().split_once('.')?;
            Some(Self { resolution, begin: number(begin)?, skip: number(skip)? })
        };
        read().ok_or(InvalidCursor)
    }
}

impl FromStr for RowCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let row = text
            .strip_prefix('r')
            .filter(|digits| !digits.starts_with(['+', '0']))
            .and_then(|digits| digits.parse().ok())
            .filter(|key| *key > 0);
        row.map(Self).ok_or(InvalidCursor)
    }
}

impl fmt::Display for FleetCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = ORDERS.iter().find(|(_, key)| *key == self.order.by).map_or('w', |(letter, _)| *letter);
        write!(f, "f{}{letter}", if self.order.backwards { "-" } else { "" })?;
        match &self.place.value {
            FleetValue::Number(number) => write!(f, "{number}")?,
            // The name comes behind it anyway.
            FleetValue::Text(_) if self.order.by == FleetKey::Name => {}
            FleetValue::Text(text) => f.write_str(&HEXLOWER.encode(text.as_bytes()))?,
        }
        write!(f, ".{}", self.place.device)
    }
}

impl FromStr for FleetCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let read = || {
            let text = text.strip_prefix('f')?;
            let (text, backwards) = text.strip_prefix('-').map_or((text, false), |text| (text, true));
            let by = ORDERS.iter().find(|(letter, _)| text.starts_with(*letter))?.1;
            // The first dot: there is none before the device's name, which may have more.
            let (value, device) = text.get(1..)?.split_once('.')?;
            let device: DeviceId = device.parse().ok()?;
            let value = match by {
                FleetKey::Name if value.is_empty() => FleetValue::Text(device.as_str().to_owned()),
                FleetKey::Name => return None,
                by if by.is_number() => {
                    FleetValue::Number(value.parse().ok().filter(|number: &i64| number.to_string() == value)?)
                }
                _ => {
                    let text = HEXLOWER.decode(value.as_bytes()).ok()?;
                    FleetValue::Text(String::from_utf8_lossy(&text).replace('\0', ""))
                }
            };
            Some(Self { order: FleetOrder { by, backwards }, place: FleetPlace { value, device } })
        };
        read().ok_or(InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_not_handed_out_is_refused() {
        for text in ["", "r", "r0", "r-1", "r+1", "r01", "x1", "d", "d../x", "r1 ", "r99999999999999999999"] {
            assert_eq!(text.parse::<RowCursor>(), Err(InvalidCursor), "{text:?}");
        }
        for text in [
            "f",
            "fw",
            "fw4",
            "fw4.",
            "fw.lobby",
            "fw04.lobby",
            "fw+4.lobby",
            "fx4.lobby",
            "fn4.lobby",
            "fm4.lobby",
            "fmGG.lobby",
            "fw4.../x",
            "f--w4.lobby",
            "fw99999999999999999999.lobby",
            "r1",
            "dlobby",
        ] {
            assert_eq!(text.parse::<FleetCursor>(), Err(InvalidCursor), "{text:?}");
        }
    }

    #[test]
    fn a_place_in_the_fleet_reads_as_it_was_reviewed() {
        let cursor = |by, backwards, value| {
            let order = FleetOrder { by, backwards };
            FleetCursor { order, place: FleetPlace { value, device: "b.1".parse().unwrap() } }.to_string()
        };
        assert_eq!(cursor(FleetKey::Worst, false, FleetValue::Number(4)), "fw4.b.1");
        assert_eq!(cursor(FleetKey::Name, true, FleetValue::Text("b.1".into())), "f-n.b.1");
        assert_eq!(cursor(FleetKey::Model, false, FleetValue::Text("A ü".into())), "fm4120c3bc.b.1");
    }

    fn cursor() -> impl Strategy<Value = FleetCursor> {
        (0..ORDERS.len(), any::<bool>(), any::<i64>(), "[^\0]{0,40}", "[A-Za-z0-9][A-Za-z0-9._-]{0,20}")
            .prop_map(|(order, backwards, number, text, device)| {
                let by = ORDERS[order].1;
                let value = match by {
                    FleetKey::Name => FleetValue::Text(device.clone()),
                    by if by.is_number() => FleetValue::Number(number),
                    _ => FleetValue::Text(text),
                };
                let order = FleetOrder { by, backwards };
                FleetCursor { order, place: FleetPlace { value, device: device.parse().unwrap() } }
            })
    }

    proptest! {
        #[test]
        fn a_row_comes_back(key in 1_i64..) {
            prop_assert_eq!(RowCursor(key).to_string().parse(), Ok(RowCursor(key)));
        }

        #[test]
        fn a_place_among_what_needs_a_person_comes_back(
            shelf in 0_i64..4, urgency in 0_i64..8, since: i64, key in 1_i64..,
        ) {
            let cursor = NowCursor(NowPlace { shelf, urgency, since, key });
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn a_place_in_a_history_comes_back(resolution in 0_usize..3, begin: i64, skip: usize) {
            let cursor = HistoryCursor { resolution: Resolution::ALL[resolution], begin, skip };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn a_place_in_the_fleet_comes_back(cursor in cursor()) {
            let text = cursor.to_string();
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
            prop_assert_eq!(text.parse(), Ok(cursor));
        }

        #[test]
        fn any_text_is_either_a_cursor_that_prints_the_same_or_an_error(text in "[rfh]?[rhd]?[0-9]{0,9}.{0,40}") {
            if let Ok(cursor) = text.parse::<HistoryCursor>() {
                prop_assert_eq!(cursor.to_string(), text.as_str());
            }
            if let Ok(cursor) = text.parse::<RowCursor>() {
                prop_assert_eq!(cursor.to_string(), text.as_str());
            }
            let _ = text.parse::<FleetCursor>();
        }
    }
}
