//! What one counter counted in one stretch of time, line by line.
//!
//! Between each two readings lies a step: what the counter rose, or that it began a new count. A stretch of time cuts
//! the steps at its two ends; what [`Step::at`] says of a moment is the same for the stretch that ends there and for the
//! one that begins there.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::history::points::{Knowledge, Point};

/// A stretch of time, its end not included; in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From this moment on.
    pub from: i64,
    /// Up to this one.
    pub until: i64,
}

/// Why something is not known of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing was heard of the device, its agent did not run, or reports were lost.
    NotHeard,
    /// The counter could not be read.
    Unreadable,
    /// Nothing, or not all, of an hour or a day that is no longer kept more finely.
    InPart,
    /// The counter was set back, or its store replaced: a new count begins.
    NewCount,
    /// There is no reading before.
    NoReadingBefore,
    /// There is no reading after, yet.
    NoReadingAfter,
    /// The month or the customer changed while nothing was known; the value at that moment is worked out.
    Interpolated,
}

impl Reason {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotHeard => "nothing was heard of the device, its agent did not run, or reports were lost",
            Self::Unreadable => "the counter could not be read",
            Self::InPart => "a part of an hour or a day is not known, and is no longer kept more finely",
            Self::NewCount => "the counter was set back or its store replaced: a new count begins",
            Self::NoReadingBefore => "there is no reading before",
            Self::NoReadingAfter => "there is no reading after it yet",
            Self::Interpolated => "worked out from the readings before and after: an estimate",
        }
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Read all the while.
    Counted,
    /// A stretch of which something is missing. The counter itself went on: what it counted is counted.
    Missing,
    /// The counter began a new count: what was printed between the two readings is not known, and is not counted.
    NewCount,
    /// A stretch before the first or behind the last reading: nothing of it is counted.
    NotKnown,
}

/// A stretch of one counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub kind: Kind,
    /// From when on, in milliseconds.
    pub from: i64,
    /// Up to when.
    pub until: i64,
    /// The value at its beginning; none where that is of no count of this line.
    pub begin: Option<u64>,
    /// The value at its end.
    pub end: Option<u64>,
    /// What is counted.
    pub count: u64,
    /// Whether one of the two values was worked out.
    pub estimate: bool,
    /// Why, of a line that is not simply counted.
    pub reasons: BTreeSet<Reason>,
}

/// A value at an end of the stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// The value.
    pub value: u64,
    /// When it was read; of an estimate, the boundary.
    pub at: i64,
    /// Whether it was worked out.
    pub estimate: bool,
}

/// What a counter counted in a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The value at the beginning.
    pub begin: Option<Boundary>,
    /// The value at the end; while the stretch is not over, the last.
    pub end: Option<Boundary>,
    /// What is counted: the sum of the lines.
    pub count: u64,
    /// Without a hole from the beginning to the end, or to the last reading of a stretch that is not over.
    pub lines: Vec<Line>,
}

impl Account {
    /// Whether something of it was worked out.
    pub fn is_estimate(&self) -> bool {
        self.lines.iter().any(|line| line.estimate)
    }

    /// Lines of which something is not known.
    pub fn missing(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.kind != Kind::Counted)
    }
}

/// A reading.
#[derive(Debug, Clone, Copy)]
struct Read {
    at: i64,
    /// The beginning of its hour or day, where it is kept no more finely.
    begin: i64,
    value: u64,
    epoch: u32,
}

/// From one reading to the next.
#[derive(Debug)]
struct Step {
    before: Read,
    after: Read,
    /// Whether the counter went on.
    counts: bool,
    reasons: BTreeSet<Reason>,
}

impl Step {
    fn rise(&self) -> u64 {
        if self.counts { self.after.value.saturating_sub(self.before.value) } else { 0 }
    }

    /// The value at a moment within it, and whether it is worked out. Without a gap it is the last reading before.
    fn at(&self, moment: i64) -> (u64, bool) {
        let Self { before, after, .. } = self;
        if moment >= after.at {
            return (after.value, false);
        }
        let rise = self.rise();
        let is_within_coarse = moment > after.begin;
        if moment <= before.at || rise == 0 || (self.reasons.is_empty() && !is_within_coarse) {
            return (before.value, false);
        }
        // Both are positive, and the quotient is below the rise.
        let (passed, length) = (moment.abs_diff(before.at), after.at.abs_diff(before.at).max(1));
        let share = u128::from(rise) * u128::from(passed) / u128::from(length);
        (before.value.saturating_add(u64::try_from(share).unwrap_or(rise)), true)
    }
}

/// Times within which a counter of a device began a new count: all counters are in one store, so none of them counts
/// through that.
pub fn resets<'a>(counters: impl IntoIterator<Item = &'a [Point]>) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    for points in counters {
        let read: Vec<Read> = points.iter().filter_map(read).collect();
        for pair in read.windows(2) {
            if let [before, after] = pair
                && (before.epoch != after.epoch || after.value < before.value)
            {
                found.push((before.at, after.at));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn read(point: &Point) -> Option<Read> {
    let value = u64::try_from(point.value?).ok()?;
    let epoch = point.column.as_ref().map_or(0, |column| column.epoch);
    Some(Read { at: point.at, begin: point.begin, value, epoch })
}

fn reason(point: &Point) -> Option<Reason> {
    match point.knowledge {
        Knowledge::NotHeard => Some(Reason::NotHeard),
        Knowledge::Unknown => Some(Reason::Unreadable),
        Knowledge::Partly if point.trouble => Some(Reason::InPart),
        // Asleep, it prints nothing.
        _ => None,
    }
}

struct Steps {
    first: Option<Read>,
    all: Vec<Step>,
    /// What is wrong behind the last reading.
    behind: BTreeSet<Reason>,
}

fn steps(points: &[Point], resets: &[(i64, i64)]) -> Steps {
    let (mut first, mut last, mut all) = (None, None::<Read>, Vec::new());
    let mut reasons = BTreeSet::new();
    for point in points {
        reasons.extend(reason(point));
        let Some(after) = read(point) else { continue };
        match last {
            // What comes twice, or is not later, says nothing new.
            Some(before) if after.at <= before.at => continue,
            Some(before) => {
                let is_reset = |(from, until): &(i64, i64)| before.at < *until && after.at > *from;
                let counts = before.epoch == after.epoch
                    && before.value <= after.value
                    && !resets.iter().any(is_reset);
                all.push(Step { before, after, counts, reasons: std::mem::take(&mut reasons) });
            }
            None => {
                first = Some(after);
                reasons.clear();
            }
        }
        last = Some(after);
    }
    Steps { first, all, behind: reasons }
}

/// What a counter counted in a stretch of time, of points of its history: those in that time, and on both sides up to
/// the nearest reading. `resets` are those of all counters of the device.
pub fn account(points: &[Point], resets: &[(i64, i64)], window: Window, now: i64) -> Account {
    let Steps { first, all: steps, behind } = steps(points, resets);
    let Window { from, until } = window;
    let last = steps.last().map(|step| step.after).or(first);
    let mut lines: Vec<Line> = Vec::new();
    if let Some(first) = first.filter(|first| first.at > from) {
        let reasons = [Reason::NoReadingBefore].into();
        lines.push(not_known(from, first.at.min(until), None, reasons));
    }
    for step in steps.iter().filter(|step| step.before.at < until && step.after.at > from) {
        add(&mut lines, part(step, window));
    }
    let end = until.min(now);
    match last {
        Some(last) if last.at < end && !behind.is_empty() => {
            let mut reasons = behind;
            reasons.insert(Reason::NoReadingAfter);
            lines.push(not_known(last.at.max(from), end, Some(last.value), reasons));
        }
        None if from < end => {
            let mut reasons = behind;
            reasons.extend([Reason::NoReadingBefore, Reason::NoReadingAfter]);
            lines.push(not_known(from, end, None, reasons));
        }
        _ => {}
    }
    Account {
        begin: boundary(first, &steps, from),
        end: boundary(first, &steps, until),
        count: lines.iter().map(|line| line.count).fold(0, u64::saturating_add),
        lines,
    }
}

fn not_known(from: i64, until: i64, value: Option<u64>, reasons: BTreeSet<Reason>) -> Line {
    Line { kind: Kind::NotKnown, from, until, begin: value, end: None, count: 0, estimate: false, reasons }
}

/// The value at an end of the stretch; none before the first reading.
fn boundary(first: Option<Read>, steps: &[Step], moment: i64) -> Option<Boundary> {
    let first = first.filter(|first| first.at <= moment)?;
    let whole = |read: Read| Boundary { value: read.value, at: read.at, estimate: false };
    let within = steps.iter().find(|step| step.before.at <= moment && moment < step.after.at);
    let Some(step) = within else {
        return Some(whole(steps.last().map_or(first, |step| step.after)));
    };
    match step.at(moment) {
        (value, true) => Some(Boundary { value, at: moment, estimate: true }),
        (_, false) => Some(whole(step.before)),
    }
}

/// What of a step lies within a stretch of time.
fn part(step: &Step, window: Window) -> Line {
    let (from, until) = (step.before.at.max(window.from), step.after.at.min(window.until));
    let mut reasons = step.reasons.clone();
    if !step.counts {
        reasons.insert(Reason::NewCount);
        // Each of the two values is of the stretch in which it was read.
        let begin = (step.before.at >= window.from).then_some(step.before.value);
        let end = (step.after.at <= window.until).then_some(step.after.value);
        return Line { kind: Kind::NewCount, from, until, begin, end, count: 0, estimate: false, reasons };
    }
    let ((begin, one), (end, other)) = (step.at(from), step.at(until));
    let estimate = one || other;
    let kind = if reasons.is_empty() { Kind::Counted } else { Kind::Missing };
    if estimate {
        reasons.insert(Reason::Interpolated);
    }
    let count = end.saturating_sub(begin);
    Line { kind, from, until, begin: Some(begin), end: Some(end), count, estimate, reasons }
}

/// What was read all the while is one line.
fn add(lines: &mut Vec<Line>, line: Line) {
    let plain = |line: &Line| line.kind == Kind::Counted && !line.estimate;
    match lines.last_mut() {
        Some(last) if plain(last) && plain(&line) && last.until == line.from && last.end == line.begin => {
            last.until = line.until;
            last.end = line.end;
            last.count = last.count.saturating_add(line.count);
        }
        _ => lines.push(line),
    }
}
