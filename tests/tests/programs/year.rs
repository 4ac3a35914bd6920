//! Four printers live 120 days each, with everything that breaks in them: a share of `make soak`.

use platen_tests::year::live;

const DAYS: u32 = 120;

fn each_alert_has_its_cause_and_each_cause_its_alert(seed: u64) {
    let figures = live(seed, DAYS);
    println!("{figures}");
    assert!(figures.mistakes.is_empty(), "seed {seed}: {}", figures.mistakes.join("\n"));
    assert!(figures.episodes.values().any(|(injected, _)| *injected > 0), "seed {seed}: nothing broke");
}

#[test]
fn the_alerts_of_the_first_printer_are_those_that_have_a_cause() {
    each_alert_has_its_cause_and_each_cause_its_alert(1);
}

#[test]
fn the_alerts_of_the_second_printer_are_those_that_have_a_cause() {
    each_alert_has_its_cause_and_each_cause_its_alert(2);
}

#[test]
fn the_alerts_of_the_third_printer_are_those_that_have_a_cause() {
    each_alert_has_its_cause_and_each_cause_its_alert(3);
}

#[test]
fn the_alerts_of_the_fourth_printer_are_those_that_have_a_cause() {
    each_alert_has_its_cause_and_each_cause_its_alert(4);
}
