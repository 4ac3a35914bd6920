//! Batches that can be true, and each way in which one cannot.

use platen_protocol::alert::{AlertCode, Evidence};
use platen_protocol::device_to_manager::{
    Activity, EnteredBy, Lost, LostReason, Order, Replacement, ReportBody, ServiceCall, Utilisation,
};
use platen_protocol::limits::{MAX_LOST_PER_BATCH, MAX_MESSAGE_CHARS, MAX_ORDER_QUANTITY};
use platen_protocol::readings::{BillingReading, BusReading, CounterKind, Estimate, Reading};
use platen_protocol::supply::{Level, SupplyUnit};
use proptest::prelude::*;

use super::*;
use crate::sample;

fn refusal(batch: &ReportBatch) -> Problem {
    validate(batch).unwrap_err()
}

#[test]
fn an_ordinary_batch_is_accepted() {
    assert_eq!(
        validate(&sample::batch(1, vec![sample::utilisation(1, 50), sample::utilisation(2, 49)])),
        Ok(())
    );
    assert_eq!(validate(&sample::batch(1, vec![])), Ok(()));
}

#[test]
fn a_level_above_the_capacity_is_refused_by_sequence_and_supply() {
    let mut report = sample::utilisation(7, 50);
    let ReportBody::Utilisation(utilisation) = &mut report.body else { unreachable!() };
    utilisation.readings.supplies[0].level = Level::Known { amount: 999_999 };
    let problem = refusal(&sample::batch(7, vec![report]));
    assert_eq!(problem.kind, ProblemKind::InvalidReport);
    assert!(problem.detail.starts_with("report 7, supply black.level: 999999"), "{}", problem.detail);
}

#[test]
fn a_set_value_above_a_hundred_is_refused() {
    let mut report = sample::utilisation(1, 50);
    let ReportBody::Utilisation(utilisation) = &mut report.body else { unreachable!() };
    utilisation.readings.supplies[0].set_percent = 101;
    assert!(refusal(&sample::batch(1, vec![report])).detail.contains("set_percent"));
}

#[test]
fn a_message_that_is_too_long_is_refused() {
    let message = Some("x".repeat(MAX_MESSAGE_CHARS + 1));
    let body = ReportBody::ServiceCall(ServiceCall {
        call_id: None,
        entered_by: EnteredBy::Command,
        message,
        presses: None,
        last_press_seconds_ago: None,
    });
    let problem = refusal(&sample::batch(1, vec![sample::report(1, body)]));
    assert!(problem.detail.contains("message: has 501 characters"), "{}", problem.detail);
}

#[test]
fn sequences_that_do_not_rise_are_refused() {
    let batch = sample::batch(1, vec![sample::utilisation(2, 50), sample::utilisation(2, 50)]);
    assert_eq!(refusal(&batch).kind, ProblemKind::SequenceBackwards);
}

#[test]
fn an_oldest_above_the_first_report_is_refused() {
    let batch = sample::batch(3, vec![sample::utilisation(2, 50)]);
    assert_eq!(refusal(&batch).kind, ProblemKind::InvalidRequest);
    assert_eq!(refusal(&sample::batch(0, vec![])).kind, ProblemKind::InvalidRequest);
    assert_eq!(refusal(&sample::batch(u64::MAX, vec![])).kind, ProblemKind::InvalidRequest);
}

#[test]
fn two_supplies_of_one_name_are_refused() {
    let mut report = sample::utilisation(1, 50);
    let ReportBody::Utilisation(utilisation) = &mut report.body else { unreachable!() };
    let twin = utilisation.readings.supplies[0].clone();
    utilisation.readings.supplies.push(twin);
    assert!(refusal(&sample::batch(1, vec![report])).detail.contains("twice"));
}

#[test]
fn too_many_reports_and_another_version_are_refused() {
    let reports = (1..=101).map(|sequence| sample::utilisation(sequence, 50)).collect();
    assert_eq!(refusal(&sample::batch(1, reports)).kind, ProblemKind::InvalidRequest);
    let mut batch = sample::batch(1, vec![]);
    batch.version = 2;
    assert_eq!(refusal(&batch).kind, ProblemKind::WrongVersion);
}

/// The refusal of a report of the full utilisation after one change to it.
fn refused_utilisation(change: impl FnOnce(&mut Utilisation)) -> String {
    let mut report = sample::full_utilisation(1, 50);
    let ReportBody::Utilisation(utilisation) = &mut report.body else { unreachable!() };
    change(utilisation);
    refusal(&sample::batch(1, vec![report])).detail
}

fn one(body: ReportBody) -> ReportBatch {
    sample::batch(1, vec![sample::report(1, body)])
}

#[test]
fn everything_that_a_printer_can_tell_is_accepted() {
    let mut alert = sample::alert("a", AlertCode::Jam, "path");
    alert.forecast = true;
    alert.evidence = vec![Evidence {
        measure: "jams".into(),
        unit: "in the last 1000 pages".into(),
        observed: 9,
        expected: Some(2),
    }];
    let reports = vec![
        sample::full_utilisation(1, 50),
        sample::report(2, ReportBody::Order(sample::order("o1", 1))),
        sample::report(3, ReportBody::Order(sample::order("o2", MAX_ORDER_QUANTITY))),
        sample::report(4, ReportBody::Replacement(Box::new(sample::replacement()))),
        sample::report(5, ReportBody::AlertRaised { alert }),
    ];
    assert_eq!(validate(&sample::batch(1, reports)), Ok(()));
}

#[test]
fn what_released_programs_send_is_accepted() {
    for frozen in [
        include_str!("../../../../protocol/frozen/v1/report-batch.json"),
        include_str!("../../../../protocol/frozen/v1/report-batch-empty.json"),
        include_str!("../../../../protocol/frozen/v1/report-batch-printer.json"),
        include_str!("../../../../protocol/frozen/v1/report-batch-billing.json"),
    ] {
        let batch: ReportBatch = serde_json::from_str(frozen).unwrap();
        assert_eq!(validate(&batch), Ok(()));
    }
}

fn billed(name: &str, value: u64) -> BillingReading {
    let (unit, value) = (SupplyUnit::Impressions, Reading::Known { value });
    BillingReading { name: name.into(), unit, value, epoch: 0, wraps: 0 }
}

#[test]
fn readings_that_cannot_be_are_refused_by_their_place() {
    for (detail, said) in [
        (
            refused_utilisation(|one| one.readings.counters.push(sample::counter(CounterKind::FullColor, 1))),
            "report 1, counters[2]: appears twice",
        ),
        (
            refused_utilisation(|one| {
                one.readings.counters = vec![sample::counter(CounterKind::Sheets, MAX_COUNT + 1)];
            }),
            "report 1, counters[0]: 9007199254740992 is above",
        ),
        (
            refused_utilisation(|one| one.readings.billing = vec![billed("duplex-sheets", 1); 2]),
            "report 1, billing: \"duplex-sheets\" appears twice",
        ),
        (
            refused_utilisation(|one| one.readings.billing = vec![billed("", 1)]),
            "report 1, billing.name: is empty",
        ),
        (
            refused_utilisation(|one| one.readings.billing = vec![billed("folded", MAX_COUNT + 1)]),
            "report 1, billing.folded: 9007199254740992 is above",
        ),
        (
            refused_utilisation(|one| {
                one.readings.billing = (0..=64).map(|number| billed(&format!("n{number}"), 1)).collect();
            }),
            "report 1, billing: holds 65; at most 64",
        ),
        (
            refused_utilisation(|one| {
                let bus = |number| BusReading { name: format!("bus{number}"), failing: None };
                one.readings.buses = (0..=MAX_BUSES).map(bus).collect();
            }),
            "report 1, buses: holds 33; at most 32",
        ),
        (
            refused_utilisation(|one| one.readings.temperatures[0].over = Some(100_000)),
            "report 1, temperatures.fuser: 160000 as the lower limit is above 100000",
        ),
        (
            refused_utilisation(|one| one.readings.temperatures[0].under = Some(-300_000)),
            "report 1, temperatures.fuser: -300000 thousandths",
        ),
        (
            refused_utilisation(|one| one.readings.parts[0].set_percent = Some(101)),
            "report 1, part fuser.set_percent: 101 is above 100",
        ),
        (
            refused_utilisation(|one| one.readings.supplies[0].part_number = Some("x".repeat(65))),
            "report 1, supply black.part_number: has 65 characters",
        ),
    ] {
        assert!(detail.starts_with(said), "{detail}");
    }
}

#[test]
fn an_activity_whose_states_do_not_fit_into_it_is_refused() {
    let of = |change: fn(&mut Activity)| refused_utilisation(|one| change(one.activity.as_mut().unwrap()));
    assert!(of(|activity| activity.idle_seconds = 900).contains("activity: its states are 1300 seconds"));
    assert!(of(|activity| activity.error_seconds = u64::MAX).contains("activity: its states"));
    assert!(of(|activity| activity.temperatures[0].lowest = 190_001).contains("is above the highest"));
    assert!(of(|activity| activity.buses.push(activity.buses[0].clone())).contains("appears twice"));
}

#[test]
fn an_order_for_none_or_for_too_many_or_with_a_long_note_is_refused() {
    for quantity in [0, MAX_ORDER_QUANTITY + 1] {
        let detail = refusal(&one(ReportBody::Order(sample::order("o", quantity)))).detail;
        assert!(detail.contains("quantity") && detail.contains("1 to 99"), "{detail}");
    }
    let note = Some("x".repeat(MAX_MESSAGE_CHARS + 1));
    let order = Order { note, ..sample::order("o", 1) };
    assert!(refusal(&one(ReportBody::Order(order))).detail.contains("note: has 501 characters"));
}

#[test]
fn a_replacement_of_nothing_is_refused() {
    let nothing = Replacement { removed_supply: None, fitted_supply: None, ..sample::replacement() };
    let detail = refusal(&one(ReportBody::Replacement(Box::new(nothing)))).detail;
    assert!(detail.contains("neither a supply nor a part"), "{detail}");
    let mut unnamed = sample::replacement();
    unnamed.subject.clear();
    let detail = refusal(&one(ReportBody::Replacement(Box::new(unnamed)))).detail;
    assert!(detail.contains("subject: is empty"), "{detail}");
}

#[test]
fn an_alert_with_more_evidence_than_anyone_reads_is_refused() {
    let evidence = Evidence { measure: "jams".into(), unit: String::new(), observed: 1, expected: None };
    let mut alert = sample::toner_low("a", 4);
    alert.evidence = vec![evidence.clone(); MAX_EVIDENCE + 1];
    let detail = refusal(&one(ReportBody::AlertRaised { alert: alert.clone() })).detail;
    assert!(detail.contains("alert.evidence: holds 17; at most 16"), "{detail}");
    alert.evidence = vec![Evidence { measure: "x".repeat(MAX_MEASURE_CHARS + 1), ..evidence }];
    assert!(refusal(&one(ReportBody::AlertRaised { alert })).detail.contains("alert.evidence.measure"));
}

fn lost(first: u64, last: u64, count: u64) -> Lost {
    Lost { first, last, kinds: [("readings".to_owned(), count)].into(), reason: LostReason::OutboxFull }
}

fn losing(lost: Vec<Lost>) -> ReportBatch {
    ReportBatch { lost, ..sample::batch(1, vec![sample::full_utilisation(5, 50)]) }
}

#[test]
fn losses_that_cannot_be_true_are_refused() {
    for (runs, why) in [
        (vec![lost(3, 2, 0)], "the lost run 3 to 2"),
        (vec![lost(0, 2, 3)], "the lost run 0 to 2"),
        (vec![lost(6, 7, 2), lost(7, 8, 2)], "follows 7"),
        (vec![lost(4, 6, 3)], "sequence 5 is in the batch and in the lost run 4 to 6"),
        (vec![lost(1, 3, 2)], "do not add up"),
        (vec![lost(1, MAX_SEQUENCE + 1, MAX_SEQUENCE + 1)], "end at"),
        (vec![Lost { kinds: [(String::new(), 1)].into(), ..lost(1, 1, 1) }], "each with 1 to"),
        ((0..=MAX_LOST_PER_BATCH as u64).map(|n| lost(6 + n, 6 + n, 1)).collect(), "101 runs"),
    ] {
        let detail = refusal(&losing(runs)).detail;
        assert!(detail.contains(why), "{detail}");
    }
    let overflow = Lost { kinds: [("a".to_owned(), u64::MAX), ("b".to_owned(), 2)].into(), ..lost(1, 1, 1) };
    assert!(refusal(&losing(vec![overflow])).detail.contains("do not add up"));
    validate(&losing(vec![lost(1, 4, 4), lost(6, 6, 1)])).unwrap();
}

proptest! {
    #[test]
    fn an_order_is_accepted_exactly_within_its_bounds(quantity: u16, note in ".{0,510}") {
        let plain = note.chars().all(|c| !c.is_control() || c == '\n' || c == '\t');
        let good = (1..=MAX_ORDER_QUANTITY).contains(&quantity)
            && note.chars().count() <= MAX_MESSAGE_CHARS
            && plain;
        let order = Order { note: Some(note), ..sample::order("o", quantity) };
        prop_assert_eq!(validate(&one(ReportBody::Order(order))).is_ok(), good);
    }

    #[test]
    fn an_estimate_is_accepted_exactly_when_its_guess_is_within_its_band(
        at_least in 0_u32..50, likely in 0_u32..50, at_most in 0_u32..50,
    ) {
        let good = at_least <= likely && likely <= at_most;
        let mut order = sample::order("o", 1);
        order.supply.outlook.as_mut().unwrap().days = Some(Estimate { likely, at_least, at_most });
        prop_assert_eq!(validate(&one(ReportBody::Order(order))).is_ok(), good);
    }

    #[test]
    fn an_activity_is_accepted_exactly_when_its_states_fit_into_it(
        seconds in 0_u64..1000, states in prop::array::uniform4(0_u64..400),
    ) {
        let mut report = sample::full_utilisation(1, 50);
        let ReportBody::Utilisation(Utilisation { activity: Some(activity), .. }) = &mut report.body else {
            unreachable!()
        };
        activity.seconds = seconds;
        let [idle, printing, sleeping, error] = states;
        (activity.idle_seconds, activity.printing_seconds) = (idle, printing);
        (activity.sleeping_seconds, activity.error_seconds) = (sleeping, error);
        // Each of the four may have been rounded up.
        let good = states.iter().sum::<u64>() <= seconds + 4;
        prop_assert_eq!(validate(&sample::batch(1, vec![report])).is_ok(), good);
    }

    #[test]
    fn a_level_is_accepted_exactly_when_it_is_not_above_the_capacity(amount in 0_u32..2000) {
        let mut report = sample::full_utilisation(1, 50);
        let ReportBody::Utilisation(utilisation) = &mut report.body else { unreachable!() };
        utilisation.readings.supplies[0].level = Level::Known { amount };
        prop_assert_eq!(validate(&sample::batch(1, vec![report])).is_ok(), amount <= 1000);
    }
}
