//! A history as it is told: values by their moments, and between them what was not known.

use std::collections::BTreeMap;

use platen_protocol::facts::Share;
use serde::{Deserialize, Serialize};

use super::rows::{Cell, Column, HELD, Row, SOME_REMAINS, UNKNOWN};
use super::{HOUR_MS, Resolution, Subject, SubjectKind};

/// A report may be so much later than the device said before something counts as missing.
const LATE_MS: i64 = 2 * 60_000;
/// A device that does not say when it reports again is expected within a day.
const UNSAID_MS: i64 = 25 * HOUR_MS;

/// What was known of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Knowledge {
    /// A value, and all the time.
    Known,
    /// A value, and for a part of the hour or the day none.
    Partly,
    /// It could not be read.
    Unknown,
    /// It was not read, because it has no power while the printer sleeps.
    Asleep,
    /// Not empty, and no more was known.
    SomeRemains,
    /// Its level has no restriction.
    Unrestricted,
    /// Nothing was heard of the device, its agent did not run, or reports were lost.
    NotHeard,
}

/// One moment, hour or day of a history, or a time of which nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Of what.
    pub subject: Subject,
    /// The beginning of the hour or day; of a moment itself.
    pub begin: i64,
    /// When the value was read, or since when nothing was known.
    pub at: i64,
    /// Until when nothing was heard; none for what was heard.
    pub until: Option<i64>,
    /// The last value; none where there was none.
    pub value: Option<i64>,
    /// The lowest.
    pub lowest: Option<i64>,
    /// The highest.
    pub highest: Option<i64>,
    /// What was known.
    pub knowledge: Knowledge,
    /// Whether something went wrong in it: not all of it could be read or was heard. Sleep is no trouble.
    pub trouble: bool,
    /// The column, which says what the numbers mean; none where nothing was heard.
    pub column: Option<Column>,
}

impl Point {
    /// Percent that is left, of a supply or of a part's life, rounded down; none where that is not known.
    pub fn percent(&self) -> Option<u8> {
        let column = self.column.as_ref()?;
        let (value, of) = (u32::try_from(self.value?).ok()?, column.of?);
        let left = match column.kind {
            SubjectKind::Supply => value,
            SubjectKind::Part => of.saturating_sub(value),
            SubjectKind::Temperature | SubjectKind::Counter => return None,
        };
        Share::new(left, of).map(Share::percent)
    }
}

/// Where something stood last.
#[derive(Debug, Clone, Copy)]
struct Stood {
    at: i64,
    within: u32,
}

impl Stood {
    fn is_missed_by(self, at: i64) -> bool {
        let allowed = match self.within {
            0 => UNSAID_MS,
            seconds => i64::from(seconds) * 1000 + LATE_MS,
        };
        at.saturating_sub(self.at) > allowed
    }
}

/// Tells rows of one resolution, from the earliest on.
#[derive(Debug)]
pub struct Teller {
    resolution: Resolution,
    /// Before it, nothing is told.
    from: i64,
    /// Only this.
    only: Option<Subject>,
    stood: BTreeMap<Subject, Stood>,
}

impl Teller {
    /// Of a time that begins at `from`.
    pub fn new(resolution: Resolution, from: i64, only: Option<Subject>) -> Self {
        Self { resolution, from, only, stood: BTreeMap::new() }
    }

    fn tells(&self, column: &Column) -> bool {
        self.only.as_ref().is_none_or(|only| column.is_of(only))
    }

    /// A row from before that time: only what follows is told.
    pub fn passed(&mut self, row: &Row) {
        let stood = Stood { at: row.last, within: row.within };
        let columns = row.cells.keys().filter(|column| self.tells(column));
        let subjects: Vec<Subject> = columns.map(Column::subject).collect();
        self.stood.extend(subjects.into_iter().map(|subject| (subject, stood)));
    }

    /// What a row tells, in the order of its subjects.
    pub fn tell(&mut self, row: &Row) -> Vec<Point> {
        let mut subjects: BTreeMap<Subject, Vec<(&Column, &Cell)>> = BTreeMap::new();
        for (column, cell) in row.cells.iter().filter(|(column, _)| self.tells(column)) {
            subjects.entry(column.subject()).or_default().push((column, cell));
        }
        let mut told = Vec::new();
        for (subject, mut cells) in subjects {
            told.extend(self.missing(&subject, row.first, row.begins_broken()));
            // Of one thing that was changed for another, in the order in which they were there.
            cells.sort_by_key(|(_, cell)| cell.known.map(|known| known.at));
            told.extend(cells.into_iter().map(|(column, cell)| self.point(row, column, *cell)));
            self.stood.insert(subject, Stood { at: row.last, within: row.within });
        }
        told
    }

    /// What is missing at the end, up to `until`.
    pub fn finish(&self, until: i64) -> Vec<Point> {
        let never = self.only.as_ref().filter(|only| !self.stood.contains_key(only));
        let all = self.stood.keys().chain(never);
        all.filter_map(|subject| self.missing(subject, until, false)).collect()
    }

    fn missing(&self, subject: &Subject, until: i64, broken: bool) -> Option<Point> {
        let since = match self.stood.get(subject) {
            Some(stood) if broken || stood.is_missed_by(until) => stood.at.max(self.from),
            Some(_) => return None,
            None => self.from,
        };
        (since < until).then(|| Point {
            subject: subject.clone(),
            begin: since,
            at: since,
            until: Some(until),
            value: None,
            lowest: None,
            highest: None,
            knowledge: Knowledge::NotHeard,
            trouble: true,
            column: None,
        })
    }

    fn point(&self, row: &Row, column: &Column, cell: Cell) -> Point {
        let trouble = cell.other & UNKNOWN != 0 || row.is_broken_within() || self.misses_hours(row);
        let knowledge = match cell.known {
            Some(_) if cell.other != 0 || row.is_broken_within() || self.misses_hours(row) => {
                Knowledge::Partly
            }
            Some(_) => Knowledge::Known,
            None if cell.other & UNKNOWN != 0 => Knowledge::Unknown,
            None if cell.other & SOME_REMAINS != 0 => Knowledge::SomeRemains,
            None if cell.other & HELD != 0 => Knowledge::Asleep,
            None => Knowledge::Unrestricted,
        };
        Point {
            subject: column.subject(),
            begin: self.resolution.bucket(row.first),
            at: cell.known.map_or(row.last, |known| known.at),
            until: None,
            value: cell.known.map(|known| known.last),
            lowest: cell.known.map(|known| known.low),
            highest: cell.known.map(|known| known.high),
            knowledge,
            trouble,
            column: Some(column.clone()),
        }
    }

    /// Whether there are more hours without a word between the first and the last of a day than the device said.
    fn misses_hours(&self, row: &Row) -> bool {
        if self.resolution != Resolution::Day || row.hours == 0 {
            return false;
        }
        let between = row.hours >> row.hours.trailing_zeros();
        let between = between | !(u32::MAX >> between.leading_zeros());
        let (mut longest, mut left) = (0_i64, !between);
        while left != 0 {
            // Each step takes an hour off every stretch.
            left &= left << 1;
            longest += 1;
        }
        Stood { at: 0, within: row.within }.is_missed_by(longest * HOUR_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{column, reports, rows};
    use super::*;
    use proptest::prelude::*;

    const BEGIN: i64 = 1_764_460_800_000;

    fn black(value: i64, at: i64) -> Row {
        let cells = [(column("black", Some(1000)), Cell::value(at, value))].into();
        Row::at(at, 900, false, cells)
    }

    fn told(rows: &[Row], until: i64) -> Vec<(Knowledge, i64, Option<i64>)> {
        let mut teller = Teller::new(Resolution::Raw, BEGIN, None);
        let mut points: Vec<Point> = rows.iter().flat_map(|row| teller.tell(row)).collect();
        points.extend(teller.finish(until));
        points.into_iter().map(|point| (point.knowledge, point.at - BEGIN, point.value)).collect()
    }

    #[test]
    fn a_time_in_which_nothing_was_heard_is_a_gap_and_what_was_unknown_is_no_number() {
        let minute = 60_000;
        let mut unknown = black(0, BEGIN + 20 * minute);
        unknown.cells.values_mut().for_each(|cell| *cell = Cell::other(UNKNOWN));
        let rows = [
            black(500, BEGIN + 5 * minute),
            unknown,
            black(490, BEGIN + 35 * minute),
            black(480, BEGIN + 90 * minute),
        ];
        assert_eq!(
            told(&rows, BEGIN + 100 * minute),
            [
                (Knowledge::NotHeard, 0, None),
                (Knowledge::Known, 5 * minute, Some(500)),
                (Knowledge::Unknown, 20 * minute, None),
                (Knowledge::Known, 35 * minute, Some(490)),
                (Knowledge::NotHeard, 35 * minute, None),
                (Knowledge::Known, 90 * minute, Some(480)),
            ]
        );
        assert_eq!(told(&rows, BEGIN + 200 * minute).last().unwrap().0, Knowledge::NotHeard, "up to the end");
    }

    #[test]
    fn an_agent_that_began_anew_leaves_a_gap_however_short() {
        let mut started = black(500, BEGIN + 2_000);
        started.broken = Some((started.first, started.first));
        let knowledge = |point: &(Knowledge, i64, Option<i64>)| point.0;
        let told = told(&[black(500, BEGIN), started], BEGIN + 3_000);
        assert_eq!(
            told.iter().map(knowledge).collect::<Vec<_>>(),
            [Knowledge::Known, Knowledge::NotHeard, Knowledge::Known]
        );
    }

    #[test]
    fn what_was_before_the_time_says_whether_it_begins_with_a_gap() {
        let mut teller = Teller::new(Resolution::Raw, BEGIN, None);
        teller.passed(&black(510, BEGIN - 600_000));
        let [point] = &teller.tell(&black(500, BEGIN + 60_000))[..] else { panic!("no gap") };
        assert_eq!((point.value, point.percent()), (Some(500), Some(50)));
    }

    #[test]
    fn a_day_of_which_hours_are_missing_is_known_in_part() {
        let day = |hours: &[i64]| {
            let reports: Vec<Row> = hours.iter().map(|hour| black(500, BEGIN + hour * HOUR_MS)).collect();
            let rows = rows(Resolution::Day, &reports);
            let mut teller = Teller::new(Resolution::Day, BEGIN, None);
            rows.rows.values().flat_map(|row| teller.tell(row)).last().unwrap().knowledge
        };
        assert_eq!(day(&[9, 10, 11]), Knowledge::Known);
        assert_eq!(day(&[23]), Knowledge::Known);
        assert_eq!(day(&[9, 11]), Knowledge::Partly);
        assert_eq!(day(&(0..24).collect::<Vec<_>>()), Knowledge::Known);
        assert_eq!(day(&[0, 23]), Knowledge::Partly);
    }

    proptest! {
        #[test]
        fn numbers_are_told_only_where_they_were_read(reports in reports()) {
            for resolution in Resolution::ALL {
                let mut teller = Teller::new(resolution, 0, None);
                let rows = rows(resolution, &reports);
                let mut before = i64::MIN;
                for row in rows.rows.values() {
                    for point in teller.tell(row) {
                        let has_number = point.value.is_some();
                        prop_assert_eq!(has_number, matches!(point.knowledge, Knowledge::Known | Knowledge::Partly));
                        prop_assert_eq!(has_number, point.lowest.is_some() && point.highest.is_some());
                        if let Some(value) = point.value {
                            let column = point.column.unwrap();
                            let read = Some(Cell::value(point.at, value));
                            let was_read = reports.iter().any(|one| one.cells.get(&column) == read.as_ref());
                            prop_assert!(was_read);
                        }
                        prop_assert_eq!(point.until.is_some(), point.knowledge == Knowledge::NotHeard);
                    }
                    prop_assert!(row.first > before);
                    before = row.first;
                }
            }
        }
    }
}
