//! Simulated years, with what goes wrong in them: `year --printers 200 --days 365`. Prints the figures, and
//! fails if an alert had no cause or a cause no alert.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Parser;
use platen_tests::year::{Figures, live};

/// Lives simulated years on simulated printers and checks every alert.
#[derive(Parser)]
struct Arguments {
    /// How many printers; each is a seed.
    #[arg(long, default_value_t = 200)]
    printers: u64,
    /// How many days each lives.
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// The first seed: a mistake names its seed, and `--seed N --printers 1` shows it again.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let next = AtomicU64::new(0);
    let sum = Mutex::new(Figures::default());
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.printers {
                        break;
                    }
                    let figures = live(arguments.seed + number, arguments.days);
                    if let Ok(mut sum) = sum.lock() {
                        sum.add(figures);
                    }
                }
            });
        }
    });
    let Ok(sum) = sum.into_inner() else {
        eprintln!("a printer's thread panicked: see above");
        return ExitCode::FAILURE;
    };
    println!("{sum}");
    if sum.mistakes.is_empty() && u64::from(sum.printers) == arguments.printers {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
