//! Simulations of agents and a manager by seed, and the way back of a fleet: shares of `make soak`.

use std::ops::RangeInclusive;

use platen_tests::simulation::{Figures, recover, run};

/// Runs each seed once; none may end with something that must not be.
fn nothing_goes_wrong(seeds: RangeInclusive<u64>) {
    let mut figures = Figures::default();
    for seed in seeds {
        figures.add(seed, &run(seed));
    }
    println!("{figures}");
    assert!(figures.failed.is_empty(), "`simulate --seed N --seeds 1` shows what happened:\n{figures}");
}

#[test]
fn a_seed_gives_the_same_run_to_the_byte_and_nothing_goes_wrong_in_it() {
    for seed in 1..=24 {
        let (first, second) = (run(seed), run(seed));
        let mut lines = first.history.lines().zip(second.history.lines());
        if let Some((one, other)) = lines.find(|(one, other)| one != other) {
            panic!("seed {seed}: the histories part:\n{one}\n{other}");
        }
        assert!(first.history.len() > 1_000, "seed {seed}: nothing happened");
        assert_eq!(first.history, second.history, "seed {seed}: one history is longer");
        assert!(first.violations.is_empty(), "seed {seed}: {}", first.violations.join("\n"));
    }
}

#[test]
fn nothing_goes_wrong_with_seeds_25_to_100() {
    nothing_goes_wrong(25..=100);
}

#[test]
fn nothing_goes_wrong_with_seeds_101_to_200() {
    nothing_goes_wrong(101..=200);
}

#[test]
fn nothing_goes_wrong_with_seeds_201_to_300() {
    nothing_goes_wrong(201..=300);
}

#[test]
fn other_seeds_give_other_runs() {
    assert_ne!(run(1).history, run(2).history);
}

#[test]
fn a_fleet_that_comes_back_after_a_week_is_no_herd() {
    let curve = recover(50, 1);
    println!("{curve}");
    assert_eq!(curve.violations, [""; 0]);
    assert!(curve.lost > 0, "the outboxes were to be full");
    assert!(curve.most_dials <= curve.herd_bound(), "{} connections in one second", curve.most_dials);
}
