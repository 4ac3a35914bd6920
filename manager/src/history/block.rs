//! How rows of one block are written down: as JSON, a column after the other and each number as what it differs from
//! the one before, so that what does not change takes next to nothing.
//!
//! What is read was written by us, and may be damaged: it is an error, and never a number that nobody measured.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rows::{Cell, Column, Known, OTHERS, Row, Rows};
use super::{HOUR_MS, Resolution, SubjectKind};

/// The first way of writing it.
const VERSION: u8 = 1;
/// The most rows of a block: more than there are milliseconds between two reports of a device at its quota.
const MAX_ROWS: usize = 1_000_000;
/// In the list of what was seen: there was a value.
const KNOWN: u8 = OTHERS + 1;
/// In the list of what was seen: the column is not in that row.
const ABSENT: u8 = 0;

#[derive(Serialize, Deserialize)]
struct Packed {
    v: u8,
    /// The first moment of each row, from the beginning of the block or the row before.
    t: Vec<i64>,
    /// From the first to the last moment of each row; left out where each has but one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    l: Vec<i64>,
    /// Within how many seconds the next report was due, and for how many rows.
    w: Vec<(u32, usize)>,
    /// The rows before or in which something is missing, and from their first moment where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    x: Vec<(usize, i64, i64)>,
    /// The hours of each row; left out where its moments tell them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    h: Vec<u32>,
    c: Vec<PackedColumn>,
}

#[derive(Serialize, Deserialize)]
struct PackedColumn {
    k: SubjectKind,
    n: String,
    u: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    o: Option<u32>,
    #[serde(default, skip_serializing_if = "is_zero")]
    e: u32,
    /// What was seen, and in how many rows.
    s: Vec<(u8, usize)>,
    /// The last value of each row that has one, from the one before.
    v: Vec<i64>,
    /// When it was read, back from the row's last moment; left out where that is so for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    a: Vec<i64>,
    /// By how much it was lower; left out where it never was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    d: Vec<i64>,
    /// By how much it was higher.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    g: Vec<i64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A block that is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// It is no JSON, or other JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Its lists do not fit each other.
    #[error("the lists of a block of history do not fit each other")]
    Lists,
    /// A later version wrote it.
    #[error("a block of history has version {0}, which this manager does not know")]
    Version(u8),
}

/// Numbers that are all 0 are left out.
fn unless_flat(numbers: Vec<i64>) -> Vec<i64> {
    if numbers.iter().all(|number| *number == 0) { Vec::new() } else { numbers }
}

/// Puts what is the same in a row of rows together.
fn runs<T: Copy + PartialEq>(each: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut runs: Vec<(T, usize)> = Vec::new();
    for one in each {
        match runs.last_mut() {
            Some((last, count)) if *last == one => *count += 1,
            _ => runs.push((one, 1)),
        }
    }
    runs
}

/// The other way; there must be exactly so many.
fn unrolled<T: Copy>(runs: &[(T, usize)], count: usize) -> Result<Vec<T>, Damaged> {
    let mut left = count;
    for (_, length) in runs {
        left = left.checked_sub(*length).ok_or(Damaged::Lists)?;
    }
    if left > 0 {
        return Err(Damaged::Lists);
    }
    Ok(runs.iter().flat_map(|(one, length)| std::iter::repeat_n(*one, *length)).collect())
}

/// Writes the rows of one block, which begins at `start`.
pub fn write(rows: &Rows, start: i64) -> Result<String, Damaged> {
    let all = || rows.rows.values();
    let mut before = start;
    let moments = all().map(|row| row.first.wrapping_sub(std::mem::replace(&mut before, row.first)));
    let moments: Vec<i64> = moments.collect();
    let broken = all().enumerate().filter_map(|(index, row)| {
        let (first, last) = row.broken?;
        Some((index, first.wrapping_sub(row.first), last.wrapping_sub(row.first)))
    });
    let columns: BTreeSet<&Column> = all().flat_map(|row| row.cells.keys()).collect();
    let hours =
        if rows.resolution == Resolution::Day { all().map(|row| row.hours).collect() } else { Vec::new() };
    let packed = Packed {
        v: VERSION,
        t: moments,
        l: unless_flat(all().map(|row| row.last.wrapping_sub(row.first)).collect()),
        w: runs(all().map(|row| row.within)),
        x: broken.collect(),
        h: hours,
        c: columns.into_iter().map(|column| pack(rows, column)).collect(),
    };
    Ok(serde_json::to_string(&packed)?)
}

fn pack(rows: &Rows, column: &Column) -> PackedColumn {
    let cells = || rows.rows.values().map(|row| row.cells.get(column));
    let known = || rows.rows.values().filter_map(|row| Some((row.last, row.cells.get(column)?.known?)));
    let code = |cell: Option<&Cell>| {
        cell.map_or(ABSENT, |cell| cell.other | if cell.known.is_some() { KNOWN } else { 0 })
    };
    let mut before = 0;
    let values =
        known().map(|(_, known)| known.last.wrapping_sub(std::mem::replace(&mut before, known.last)));
    PackedColumn {
        k: column.kind,
        n: column.name.clone(),
        u: column.unit,
        o: column.of,
        e: column.epoch,
        s: runs(cells().map(code)),
        v: values.collect(),
        a: unless_flat(known().map(|(last, known)| last.wrapping_sub(known.at)).collect()),
        d: unless_flat(known().map(|(_, known)| known.last.wrapping_sub(known.low)).collect()),
        g: unless_flat(known().map(|(_, known)| known.high.wrapping_sub(known.last)).collect()),
    }
}

/// Reads a block, which begins at `start`.
pub fn read(text: &str, resolution: Resolution, start: i64) -> Result<Rows, Damaged> {
    let packed: Packed = serde_json::from_str(text)?;
    if packed.v != VERSION {
        return Err(Damaged::Version(packed.v));
    }
    let count = packed.t.len();
    let fits = |list: usize| list == count || list == 0;
    if count > MAX_ROWS || !fits(packed.l.len()) || !fits(packed.h.len()) {
        return Err(Damaged::Lists);
    }
    let within = unrolled(&packed.w, count)?;
    let mut first = start;
    let mut rows: Vec<Row> = Vec::with_capacity(count);
    for (index, (step, within)) in packed.t.iter().zip(within).enumerate() {
        first = first.wrapping_add(*step);
        let mut row = Row::at(first, within, false, BTreeMap::new());
        row.last = first.wrapping_add(packed.l.get(index).copied().unwrap_or(0));
        if let Some(hours) = packed.h.get(index) {
            row.hours = *hours;
        } else if resolution == Resolution::Day {
            return Err(Damaged::Lists);
        }
        rows.push(row);
    }
    for (index, first, last) in packed.x {
        let row = rows.get_mut(index).ok_or(Damaged::Lists)?;
        row.broken = Some((row.first.wrapping_add(first), row.first.wrapping_add(last)));
    }
    for column in packed.c {
        unpack(column, &mut rows)?;
    }
    let buckets = |row: Row| (resolution.bucket(row.first), row);
    let found = Rows { resolution, rows: rows.into_iter().map(buckets).collect() };
    // Each has its own bucket, in this block: else they are not what was written.
    let own = found.rows.len() == count
        && found.rows.keys().all(|bucket| resolution.block_of(*bucket) == start)
        && found.rows.values().all(|row| {
            row.last.checked_sub(row.first).is_some_and(|length| (0..24 * HOUR_MS).contains(&length))
        });
    if own { Ok(found) } else { Err(Damaged::Lists) }
}

fn unpack(packed: PackedColumn, rows: &mut [Row]) -> Result<(), Damaged> {
    let seen = unrolled(&packed.s, rows.len())?;
    let known = seen.iter().filter(|code| **code & KNOWN != 0).count();
    let fits = |list: usize| list == known || list == 0;
    let lists = [packed.a.len(), packed.d.len(), packed.g.len()];
    if packed.v.len() != known
        || !lists.into_iter().all(fits)
        || seen.iter().any(|code| *code > KNOWN | OTHERS)
    {
        return Err(Damaged::Lists);
    }
    let column = Column { kind: packed.k, name: packed.n, unit: packed.u, of: packed.o, epoch: packed.e };
    let at = |list: &[i64], index: usize| list.get(index).copied().unwrap_or(0);
    let mut values = packed.v.iter().enumerate();
    let mut last = 0_i64;
    for (row, code) in rows.iter_mut().zip(seen).filter(|(_, code)| *code != ABSENT) {
        let known = if code & KNOWN != 0 {
            let (index, step) = values.next().ok_or(Damaged::Lists)?;
            last = last.wrapping_add(*step);
            Some(Known {
                at: row.last.wrapping_sub(at(&packed.a, index)),
                last,
                low: last.wrapping_sub(at(&packed.d, index)),
                high: last.wrapping_add(at(&packed.g, index)),
            })
        } else {
            None
        };
        row.cells.insert(column.clone(), Cell { known, other: code & OTHERS });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{reports, rows};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_idle_day_takes_little_and_each_number_is_short() {
        let start = 20_422 * 86_400_000;
        let mut day = Rows::new(Resolution::Raw);
        for quarter in 0..96 {
            let at = start + quarter * 900_000;
            let cells = (0..10)
                .map(|index| {
                    let column = super::super::rows::tests::column(&format!("supply-{index}"), Some(1000));
                    (column, Cell::value(at, 812))
                })
                .collect();
            day.add(Row::at(at, 960, false, cells));
        }
        let text = write(&day, start).unwrap();
        assert!(text.len() < 96 * 10 * 3 + 600, "{} bytes", text.len());
        assert_eq!(read(&text, Resolution::Raw, start).unwrap(), day);
    }

    #[test]
    fn what_does_not_fit_is_damaged_and_no_number() {
        for text in [
            "",
            "{}",
            r#"{"v":2,"t":[],"w":[],"c":[]}"#,
            r#"{"v":1,"t":[5],"w":[],"c":[]}"#,
            r#"{"v":1,"t":[5],"w":[[0,18446744073709551615]],"c":[]}"#,
            r#"{"v":1,"t":[5],"w":[[0,1]],"l":[-1],"c":[]}"#,
            r#"{"v":1,"t":[5,0],"w":[[0,2]],"c":[]}"#,
            r#"{"v":1,"t":[86400000],"w":[[0,1]],"c":[]}"#,
            r#"{"v":1,"t":[5],"w":[[0,1]],"x":[[1,0,0]],"c":[]}"#,
            r#"{"v":1,"t":[5],"w":[[0,1]],"c":[{"k":"supply","n":"a","u":1,"s":[[16,1]],"v":[]}]}"#,
            r#"{"v":1,"t":[5],"w":[[0,1]],"c":[{"k":"supply","n":"a","u":1,"s":[[32,1]],"v":[]}]}"#,
            r#"{"v":1,"t":[5],"w":[[0,1]],"c":[{"k":"supply","n":"a","u":1,"s":[[16,2]],"v":[1]}]}"#,
        ] {
            assert!(read(text, Resolution::Raw, 0).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(reports in reports()) {
            for resolution in Resolution::ALL {
                for (start, block) in rows(resolution, &reports).into_blocks() {
                    let text = write(&block, start).unwrap();
                    prop_assert_eq!(read(&text, resolution, start).unwrap(), block);
                }
            }
        }

        #[test]
        fn no_damage_makes_a_panic(reports in reports(), place: prop::sample::Index, byte in 32_u8..127) {
            for (start, block) in rows(Resolution::Day, &reports).into_blocks() {
                let mut text = write(&block, start).unwrap().into_bytes();
                let place = place.index(text.len());
                text[place] = byte;
                let _ = read(&String::from_utf8(text).unwrap(), Resolution::Day, start);
            }
        }
    }
}
