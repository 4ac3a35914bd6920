//! Simulations of agents and a manager: `simulate --seeds 10000`. Prints the figures, and fails if one seed ended with
//! something that must not be; `simulate --seed N --seeds 1` shows that run, step by step. `simulate --fleet 500` lets a
//! fleet come back after a week, and prints how.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Parser;
use platen_tests::simulation::{Figures, recover, run as simulate};

/// Simulates agents and a manager while everything goes wrong, and checks that nothing is lost or done twice.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ends after so many seeds that failed.
    #[arg(long, default_value_t = 10)]
    most_failures: usize,
    /// In place of seeds: how many devices come back after a week.
    #[arg(long)]
    fleet: Option<u32>,
    /// Runs each seed twice, and takes it for a failure when the histories differ.
    #[arg(long)]
    twice: bool,
    /// Prints the history also of a seed that did not fail.
    #[arg(long)]
    history: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let begun = Instant::now();
    if let Some(fleet) = arguments.fleet {
        let curve = recover(fleet, arguments.seed);
        println!("{curve}{:.0} s", begun.elapsed().as_secs_f64());
        let well = curve.violations.is_empty() && curve.most_dials <= curve.herd_bound();
        return if well { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let next = AtomicU64::new(0);
    let sum = Mutex::new(Figures::default());
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.seeds {
                        break;
                    }
                    let seed = arguments.seed + number;
                    let mut run = simulate(seed);
                    if arguments.twice && run.history != simulate(seed).history {
                        run.violations.push("a second run has another history".to_owned());
                    }
                    if arguments.seeds == 1 && (arguments.history || !run.violations.is_empty()) {
                        print!("{}", run.history);
                    }
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.add(seed, &run);
                    if sum.failed.len() >= arguments.most_failures {
                        break;
                    }
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{sum}");
    println!("{:.0} s", begun.elapsed().as_secs_f64());
    if sum.failed.is_empty() && sum.seeds == arguments.seeds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
