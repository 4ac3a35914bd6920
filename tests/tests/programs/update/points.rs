//! Where the power is cut in an update.

/// How long after a step was reached.
#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    /// So many milliseconds.
    Milliseconds(u64),
    /// Such a part, in percent, of the time that the step took when nothing came between.
    Percent(u64),
}

/// A moment of an update.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) step: &'static str,
    pub(super) after: After,
}

const fn just(step: &'static str, milliseconds: u64) -> Point {
    Point { step, after: After::Milliseconds(milliseconds) }
}

const fn within(step: &'static str, percent: u64) -> Point {
    Point { step, after: After::Percent(percent) }
}

/// Spread over all steps; most are where dpkg is at work.
const POINTS: [Point; 20] = [
    just("fetching", 0),
    just("fetching", 200),
    just("ready", 0),
    just("staged", 0),
    just("verified", 0),
    just("verified", 300),
    within("installing", 5),
    within("installing", 20),
    within("installing", 35),
    within("installing", 50),
    within("installing", 65),
    within("installing", 85),
    just("installed", 0),
    just("confirming", 0),
    within("confirming", 60),
    just("committing", 0),
    just("ended", 0),
    within("going-back", 10),
    within("going-back", 40),
    within("going-back", 70),
];

impl Point {
    /// Whether it takes a version that has to be gone back from.
    pub(super) fn is_of_a_bad_version(self) -> bool {
        self.step == "going-back"
    }
}

/// So many points, spread over all of them.
pub(super) fn spread(count: usize) -> impl Iterator<Item = Point> {
    let all = POINTS.len();
    (1..=count).map(move |number| {
        let at = if count <= all { number * all / count } else { number };
        POINTS[(at + all - 1) % all]
    })
}

#[test]
fn the_points_of_a_short_run_are_spread_as_well() {
    let steps = |count| spread(count).map(|point| point.step).collect::<Vec<_>>();
    assert_eq!(steps(2), ["installing", "going-back"]);
    assert_eq!(steps(20), POINTS.map(|point| point.step));
    assert_eq!(steps(21)[20], "fetching");
}
