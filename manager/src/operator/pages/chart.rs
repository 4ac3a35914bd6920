//! A line over time, as the numbers of an SVG. What was not known is a gap in it, and what stood still while the printer
//! slept is dashed. Pure.

use std::fmt::Write as _;

use crate::history::SubjectKind;
use crate::history::points::{Knowledge, Point};

/// The width of the drawing, in units of its own.
const WIDTH: f64 = 600.0;
/// Its height.
const HEIGHT: f64 = 100.0;

/// A part of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What to draw.
    pub(super) path: String,
    /// Whether it only joins what was read before and after the printer slept.
    pub(super) dashed: bool,
}

/// A time of which nothing is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gap {
    pub(super) x: f64,
    pub(super) width: f64,
}

/// The drawing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Chart {
    pub(super) lines: Vec<Line>,
    pub(super) gaps: Vec<Gap>,
}

/// What is drawn: from when to when, and between which values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) from: i64,
    /// Up to when something can be known; the rest is what is expected.
    pub(super) until: i64,
    pub(super) to: i64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// To a tenth: a finer place is not seen.
fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

impl Frame {
    #[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
    pub(super) fn x(&self, at: i64) -> f64 {
        let passed = at.saturating_sub(self.from) as f64 / self.to.saturating_sub(self.from).max(1) as f64;
        tenth(passed.clamp(0.0, 1.0) * WIDTH)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        let height = (self.high - self.low).max(f64::MIN_POSITIVE);
        tenth((1.0 - ((value - self.low) / height).clamp(0.0, 1.0)) * HEIGHT)
    }
}

/// A chart in the making.
struct Pen {
    frame: Frame,
    chart: Chart,
    line: Vec<(f64, f64)>,
    /// The last place before the printer fell asleep.
    slept: Option<(f64, f64)>,
    /// Since when nothing is known.
    unknown: Option<f64>,
}

impl Pen {
    fn lift(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let mut path = String::new();
        for (index, (x, y)) in self.line.iter().enumerate() {
            // Writing to a text cannot fail.
            let _ = write!(path, "{}{x} {y}", if index == 0 { "M" } else { "L" });
        }
        if self.line.len() == 1 {
            path.push_str("h.1");
        }
        self.chart.lines.push(Line { path, dashed: false });
        self.line.clear();
    }

    fn gap(&mut self, from: f64, to: f64) {
        if to > from {
            self.chart.gaps.push(Gap { x: from, width: tenth(to - from) });
        }
    }

    fn point(&mut self, at: i64, value: f64) {
        let (x, y) = (self.frame.x(at), self.frame.y(value));
        if let Some(since) = self.unknown.take() {
            self.gap(since, x);
        }
        if let Some((slept_x, slept_y)) = self.slept.take() {
            let path = format!("M{slept_x} {slept_y}L{x} {y}");
            self.chart.lines.push(Line { path, dashed: true });
        }
        self.line.push((x, y));
    }

    fn sleep(&mut self, at: i64) {
        if self.slept.is_none() && self.unknown.is_none() {
            self.slept = self.line.last().copied();
            if self.slept.is_none() {
                // It was not known before either.
                self.unknown = Some(self.frame.x(at));
            }
        }
        self.lift();
    }

    fn lose(&mut self, at: i64) {
        let x = self.frame.x(at);
        self.lift();
        self.slept = None;
        self.unknown.get_or_insert(x);
    }
}

/// Percent that is left, not rounded.
#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
pub(super) fn share(point: &Point) -> Option<f64> {
    let of = f64::from(point.column.as_ref()?.of.filter(|of| *of > 0)?);
    let used = point.value? as f64 / of * 100.0;
    Some(if point.subject.kind == SubjectKind::Part { 100.0 - used } else { used })
}

/// Draws one subject; `value` says how high a point with a number is.
pub(super) fn draw<'a>(
    points: impl IntoIterator<Item = &'a Point>,
    frame: Frame,
    value: impl Fn(&Point) -> Option<f64>,
) -> Chart {
    let mut pen = Pen { frame, chart: Chart::default(), line: Vec::new(), slept: None, unknown: None };
    for point in points {
        match (value(point), point.knowledge) {
            (Some(value), _) => pen.point(point.at, value),
            (None, Knowledge::Asleep) => pen.sleep(point.at),
            (None, Knowledge::NotHeard) => {
                pen.lose(point.at);
                if let (Some(since), Some(until)) = (pen.unknown.take(), point.until) {
                    let until = frame.x(until);
                    pen.gap(since, until);
                }
            }
            (None, _) => pen.lose(point.at),
        }
    }
    if let Some(since) = pen.unknown.take() {
        pen.gap(since, frame.x(frame.until));
    }
    pen.lift();
    pen.chart
}

/// What is expected: a band that widens, and the line in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// The band, from hardly earlier to hardly later.
    pub(super) band: String,
    /// The best guess.
    pub(super) line: String,
}

/// Draws how something falls from what it is at `frame.until` to the lowest value: hardly before `early`, probably at
/// `likely`, and hardly after `late`, which need not be in sight.
pub(super) fn expect(frame: Frame, value: f64, (early, likely): (i64, i64), late: Option<i64>) -> Expected {
    #[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
    let at_edge = |end: i64| {
        let share =
            frame.to.saturating_sub(frame.until) as f64 / end.saturating_sub(frame.until).max(1) as f64;
        (WIDTH, frame.y(value - (value - frame.low) * share))
    };
    // Where a line that ends then leaves the drawing.
    let end = |at: i64| if at <= frame.to { (frame.x(at), HEIGHT) } else { at_edge(at) };
    let begin = (frame.x(frame.until), frame.y(value));
    let (early_at, likely_at) = (end(early), end(likely));
    let late_at = late.map_or((WIDTH, begin.1), end);
    let mut corners = vec![begin, early_at];
    if early_at.1 >= HEIGHT && late_at.1 < HEIGHT {
        corners.push((WIDTH, HEIGHT));
    }
    corners.push(late_at);
    let path = |places: &[(f64, f64)]| {
        let steps = places
            .iter()
            .enumerate()
            .map(|(index, (x, y))| format!("{}{x} {y}", if index == 0 { "M" } else { "L" }));
        steps.collect::<String>()
    };
    Expected { band: format!("{}Z", path(&corners)), line: path(&[begin, likely_at]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Subject;

    fn point(at: i64, value: Option<i64>, knowledge: Knowledge) -> Point {
        Point {
            subject: Subject { kind: SubjectKind::Supply, name: "black".into() },
            begin: at,
            at,
            until: (knowledge == Knowledge::NotHeard).then_some(at + 20),
            value,
            lowest: value,
            highest: value,
            knowledge,
            trouble: false,
            column: None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn chart(points: &[Point]) -> Chart {
        let frame = Frame { from: 0, until: 100, to: 100, low: 0.0, high: 100.0 };
        draw(points, frame, |point| point.value.map(|value| value as f64))
    }

    #[test]
    fn a_gap_breaks_the_line_and_sleep_only_dashes_it() {
        let known = |at, value| point(at, Some(value), Knowledge::Known);
        let drawn = chart(&[
            known(0, 100),
            known(10, 90),
            point(10, None, Knowledge::NotHeard),
            known(30, 80),
            point(40, None, Knowledge::Asleep),
            known(60, 70),
            point(70, None, Knowledge::Unknown),
            known(80, 60),
        ]);
        let paths: Vec<(&str, bool)> =
            drawn.lines.iter().map(|line| (line.path.as_str(), line.dashed)).collect();
        assert_eq!(
            paths,
            [
                ("M0 0L60 10", false),
                ("M180 20h.1", false),
                ("M180 20L360 30", true),
                ("M360 30h.1", false),
                ("M480 40h.1", false),
            ]
        );
        assert_eq!(drawn.gaps, [Gap { x: 60.0, width: 120.0 }, Gap { x: 420.0, width: 60.0 }]);
    }

    #[test]
    fn what_is_unknown_up_to_the_end_is_a_gap_up_to_the_end() {
        let drawn = chart(&[point(50, None, Knowledge::Unknown)]);
        assert_eq!(drawn, Chart { lines: vec![], gaps: vec![Gap { x: 300.0, width: 300.0 }] });
        assert_eq!(chart(&[]), Chart::default());
    }

    #[test]
    fn what_is_expected_is_a_band_that_widens_and_is_cut_off_at_the_edge() {
        let frame = Frame { from: 0, until: 100, to: 200, low: 0.0, high: 100.0 };
        let drawn = expect(frame, 50.0, (150, 180), Some(200));
        assert_eq!(
            (drawn.band.as_str(), drawn.line.as_str()),
            ("M300 50L450 100L600 100Z", "M300 50L540 100")
        );
        let beyond = expect(frame, 50.0, (150, 300), Some(400));
        assert_eq!(beyond.band, "M300 50L450 100L600 100L600 66.7Z");
        assert_eq!(beyond.line, "M300 50L600 75");
        let never = expect(frame, 50.0, (300, 400), None);
        assert_eq!(never.band, "M300 50L600 75L600 50Z");
    }

    #[test]
    fn what_is_not_known_ends_where_what_is_expected_begins() {
        let frame = Frame { from: 0, until: 50, to: 100, low: 0.0, high: 100.0 };
        let drawn = draw(&[point(25, None, Knowledge::Unknown)], frame, |_| None);
        assert_eq!(drawn.gaps, [Gap { x: 150.0, width: 150.0 }]);
    }
}
