//! Months, gaps, replaced stores and changes of customers; and that nothing is counted twice or falls between.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::history::points::{Knowledge, Point};
use crate::history::rows::Column;
use crate::history::{HOUR_MS, Subject, SubjectKind};

const BEGIN: i64 = 1_790_812_800_000; // 2026-10-01T00:00:00Z

fn subject(name: &str) -> Subject {
    Subject { kind: SubjectKind::Counter, name: name.into() }
}

fn point(name: &str, hour: i64, knowledge: Knowledge) -> Point {
    let at = BEGIN + hour * HOUR_MS;
    let column = Column { kind: SubjectKind::Counter, name: name.into(), unit: 7, of: None, epoch: 0 };
    Point {
        subject: subject(name),
        begin: at,
        at,
        until: None,
        value: None,
        lowest: None,
        highest: None,
        knowledge,
        trouble: false,
        column: Some(column),
    }
}

fn known_of(name: &str, hour: i64, value: i64, epoch: u32) -> Point {
    let mut point = point(name, hour, Knowledge::Known);
    point.value = Some(value);
    point.column.as_mut().unwrap().epoch = epoch;
    point
}

fn known(hour: i64, value: i64) -> Point {
    known_of("impressions", hour, value, 0)
}

fn gap(from: i64, until: i64) -> Point {
    let mut point = point("impressions", from, Knowledge::NotHeard);
    point.until = Some(BEGIN + until * HOUR_MS);
    point.column = None;
    point
}

fn window(from: i64, until: i64) -> Window {
    Window { from: BEGIN + from * HOUR_MS, until: BEGIN + until * HOUR_MS }
}

/// What is counted, and what each line says.
fn told(points: &[Point], hours: (i64, i64)) -> Account {
    account(points, &resets([points]), window(hours.0, hours.1), BEGIN + 1_000_000 * HOUR_MS)
}

fn kinds(account: &Account) -> Vec<(Kind, u64, bool)> {
    account.lines.iter().map(|line| (line.kind, line.count, line.estimate)).collect()
}

#[test]
fn a_month_that_was_read_all_the_while_is_one_line_from_the_last_readings_before_its_ends() {
    let points = [known(-1, 100), known(5, 130), known(9, 150), known(11, 170)];
    let account = told(&points, (0, 10));
    assert_eq!(kinds(&account), [(Kind::Counted, 50, false)]);
    let (begin, end) = (account.begin.unwrap(), account.end.unwrap());
    assert_eq!((begin.value, begin.at, end.value, end.at), (100, BEGIN - HOUR_MS, 150, BEGIN + 9 * HOUR_MS));
    assert_eq!(account.count, 50);
    // What was printed over the end is the next month's.
    assert_eq!(told(&points, (10, 20)).count, 20);
}

#[test]
fn a_silence_within_the_month_is_a_line_and_what_the_counter_counted_meanwhile_is_exact() {
    let points = [known(0, 100), known(2, 110), gap(2, 8), known(8, 160), known(10, 170)];
    let account = told(&points, (0, 10));
    let expected = [(Kind::Counted, 10, false), (Kind::Missing, 50, false), (Kind::Counted, 10, false)];
    assert_eq!(kinds(&account), expected);
    assert_eq!(account.lines[1].reasons, BTreeSet::from([Reason::NotHeard]));
    assert!(!account.is_estimate());
}

#[test]
fn a_silence_over_the_end_of_the_month_is_cut_there_by_an_estimate() {
    let points = [known(0, 100), gap(0, 10), known(10, 200), known(12, 230)];
    let (first, second) = (told(&points, (0, 4)), told(&points, (4, 12)));
    assert_eq!(kinds(&first), [(Kind::Missing, 40, true)]);
    assert_eq!(kinds(&second), [(Kind::Missing, 60, true), (Kind::Counted, 30, false)]);
    let end = first.end.unwrap();
    assert_eq!((end.value, end.estimate, end.at), (140, true, BEGIN + 4 * HOUR_MS));
    assert_eq!(second.begin, first.end);
    assert!(first.lines[0].reasons.contains(&Reason::Interpolated));
}

#[test]
fn where_nothing_was_printed_in_the_silence_the_value_is_known() {
    let points = [known(0, 100), gap(0, 10), known(10, 100)];
    let account = told(&points, (0, 4));
    assert_eq!(kinds(&account), [(Kind::Missing, 0, false)]);
    assert_eq!(account.end.unwrap().value, 100);
}

#[test]
fn an_unreadable_store_is_a_line_with_that_reason_and_sleep_is_none() {
    let unknown = point("impressions", 4, Knowledge::Unknown);
    let points =
        [known(0, 1), unknown, known(8, 3), point("impressions", 9, Knowledge::Asleep), known(10, 3)];
    let account = told(&points, (0, 10));
    assert_eq!(kinds(&account), [(Kind::Missing, 2, false), (Kind::Counted, 0, false)]);
    assert_eq!(account.lines[0].reasons, BTreeSet::from([Reason::Unreadable]));
}

#[test]
fn a_replaced_store_begins_a_new_count_for_all_counters_of_the_device() {
    let sheets =
        [known_of("sheets", 0, 50, 0), known_of("sheets", 5, 5_000, 0), known_of("sheets", 9, 5_010, 0)];
    let impressions = [known(0, 100), known_of("impressions", 5, 7, 1), known_of("impressions", 9, 27, 1)];
    let points = impressions.into_iter().chain(sheets).collect();
    let statement = statement(points, window(0, 9), BEGIN + 9 * HOUR_MS);
    let of = |name: &str| statement.counters.iter().find(|one| one.counter == name).unwrap().account.clone();
    assert_eq!(kinds(&of("impressions")), [(Kind::NewCount, 0, false), (Kind::Counted, 20, false)]);
    assert_eq!(kinds(&of("sheets")), [(Kind::NewCount, 0, false), (Kind::Counted, 10, false)]);
    assert_eq!(of("impressions").lines[0].reasons, BTreeSet::from([Reason::NewCount]));
    assert_eq!(totals([&statement]).iter().map(|one| one.count).collect::<Vec<_>>(), [20, 10]);
    assert!(!statement.is_complete());
}

#[test]
fn before_the_first_and_behind_the_last_reading_nothing_is_counted_and_that_is_said() {
    let points = [gap(-100, 3), known(3, 100), known(5, 120), gap(5, 10)];
    let account = told(&points, (0, 10));
    let expected = [(Kind::NotKnown, 0, false), (Kind::Counted, 20, false), (Kind::NotKnown, 0, false)];
    assert_eq!(kinds(&account), expected);
    assert_eq!((account.begin, account.end.unwrap().value), (None, 120));
    assert_eq!((account.lines[0].from, account.lines[2].until), (BEGIN, BEGIN + 10 * HOUR_MS));
    let never = told(&[gap(0, 10)], (0, 10));
    assert_eq!(kinds(&never), [(Kind::NotKnown, 0, false)]);
    assert_eq!((never.begin, never.end), (None, None));
}

#[test]
fn a_month_that_is_not_over_ends_with_the_last_reading() {
    let points = [known(0, 100), known(5, 120)];
    let now = BEGIN + 5 * HOUR_MS + 60_000;
    let account = account(&points, &[], window(0, 700), now);
    assert_eq!((kinds(&account), account.end.unwrap().value), (vec![(Kind::Counted, 20, false)], 120));
}

#[test]
fn a_boundary_within_an_hour_that_is_kept_no_more_finely_is_an_estimate() {
    let mut last = known(6, 160);
    // The hour from 5 to 6: its last value was read at 6, and what was before it is not kept.
    last.begin = BEGIN + 5 * HOUR_MS;
    let half_past = Window { from: BEGIN, until: BEGIN + 5 * HOUR_MS + HOUR_MS / 2 };
    let points = [known(0, 100), known(5, 140), last];
    let account = account(&points, &[], half_past, BEGIN + 100 * HOUR_MS);
    assert_eq!(kinds(&account), [(Kind::Counted, 40, false), (Kind::Counted, 10, true)]);
    assert!(account.end.unwrap().estimate);
}

#[test]
fn pages_at_the_exit_are_not_billed_and_counters_have_words_and_an_order() {
    let points = vec![
        known_of("duplex-sheets", 0, 1, 0),
        known_of("page-exits", 0, 1, 0),
        known_of("sheets", 0, 1, 0),
        known_of("impressions", 0, 1, 0),
        known_of("iso_a4_210x297mm.monochrome", 0, 1, 0),
    ];
    let statement = statement(points, window(0, 1), BEGIN + HOUR_MS);
    let names: Vec<String> = statement.counters.iter().map(|one| words(&one.counter)).collect();
    assert_eq!(names, ["Impressions", "Sheets", "Sheets, both sides", "A4, monochrome"]);
}

/// What happens between two readings.
#[derive(Debug, Clone)]
enum Between {
    Nothing,
    Silence,
    Unread,
    Sleep,
    NewStore(i64),
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        5 => Just(Between::Nothing),
        2 => Just(Between::Silence),
        1 => Just(Between::Unread),
        1 => Just(Between::Sleep),
        1 => (0_i64..50_000).prop_map(Between::NewStore),
    ]
}

/// A counter's history, and how much it counted from reading to reading within its counts.
fn history() -> impl Strategy<Value = (Vec<Point>, u64)> {
    let step = (1_i64..60, 0_i64..2_000, between(), any::<bool>());
    (0_i64..1 << 40, proptest::collection::vec(step, 0..25)).prop_map(|(begin, steps)| {
        let (mut hour, mut value, mut epoch, mut counted) = (0, begin, 0, 0);
        let mut points = vec![known(0, value)];
        for (hours, pages, between, coarse) in steps {
            let from = hour;
            hour += hours + 1;
            let mut rises = pages;
            match between {
                Between::Nothing => {}
                Between::Silence => points.push(gap(from, hour)),
                Between::Unread => points.push(point("impressions", from + 1, Knowledge::Unknown)),
                Between::Sleep => points.push(point("impressions", from + 1, Knowledge::Asleep)),
                Between::NewStore(at) => {
                    (value, epoch, rises) = (at, epoch + 1, 0);
                }
            }
            value += rises;
            counted += u64::try_from(rises).unwrap();
            let mut point = known_of("impressions", hour, value, epoch);
            if coarse {
                point.begin -= HOUR_MS;
            }
            points.push(point);
        }
        (points, counted)
    })
}

proptest! {
    /// However a time is cut into months and customers, and whatever is missing of it: the lines of each piece add up to
    /// it, what one piece ends with the next begins with, and all pieces together are what the counter counted.
    #[test]
    fn the_sum_of_all_lines_is_what_the_counter_counted(
        (points, counted) in history(),
        cuts in proptest::collection::btree_set(-30_i64..1_600, 1..8),
        minutes in 0_i64..60,
    ) {
        let resets = resets([points.as_slice()]);
        let last = points.iter().map(|point| point.at).max().unwrap();
        let now = last + 1;
        let mut at: Vec<i64> = cuts.iter().map(|hour| BEGIN + hour * HOUR_MS + minutes * 60_000).collect();
        // From before the first reading to behind the last.
        at.insert(0, BEGIN - 100 * HOUR_MS);
        at.push(last.max(*at.last().unwrap()) + HOUR_MS);
        let pieces: Vec<(Window, Account)> = at
            .windows(2)
            .map(|pair| Window { from: pair[0], until: pair[1] })
            .map(|window| (window, account(&points, &resets, window, now)))
            .collect();
        let sum: u64 = pieces.iter().map(|(_, account)| account.count).sum();
        prop_assert_eq!(sum, counted, "nothing twice, and nothing falls between");
        for (window, account) in &pieces {
            prop_assert_eq!(account.lines.iter().map(|line| line.count).sum::<u64>(), account.count);
            if let (Some(begin), Some(end)) = (account.begin, account.end)
                && account.lines.iter().all(|line| line.kind != Kind::NewCount)
            {
                prop_assert_eq!(end.value - begin.value, account.count, "the counter's difference");
            }
            // The lines have no hole.
            let (mut reached, upto) = (window.from, window.until.min(last));
            for line in &account.lines {
                prop_assert_eq!(line.from, reached);
                prop_assert!(line.until > line.from);
                prop_assert!(!line.estimate || line.reasons.contains(&Reason::Interpolated));
                prop_assert_eq!(line.reasons.is_empty(), line.kind == Kind::Counted && !line.estimate);
                if line.kind != Kind::NewCount && line.kind != Kind::NotKnown {
                    prop_assert_eq!(line.end.unwrap() - line.begin.unwrap(), line.count);
                }
                reached = line.until;
            }
            prop_assert!(reached >= upto || window.from >= last);
        }
        for pair in pieces.windows(2) {
            prop_assert_eq!(pair[0].1.end, pair[1].1.begin, "what one ends with the next begins with");
        }
    }
}
