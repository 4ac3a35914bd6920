//! Simulations of agents and a manager by seed, and the way back of a fleet: shares of `make soak`.

use platen_tests::simulation::{recover, run};

/// Seeds that are run twice.
const TWICE: std::ops::Range<u64> = 1..25;

#[test]
fn a_seed_gives_the_same_run_to_the_byte() {
    for seed in TWICE {
        let (first, second) = (run(seed), run(seed));
        let mut lines = first.history.lines().zip(second.history.lines());
        if let Some((one, other)) = lines.find(|(one, other)| one != other) {
            panic!("seed {seed}: the histories part:\n{one}\n{other}");
        }
        assert!(first.history.len() > 1_000, "seed {seed}: nothing happened");
        assert_eq!(first.history, second.history, "seed {seed}: one history is longer");
    }
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
