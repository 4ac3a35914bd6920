//! `make bench`: measures the programs beside others that do the like, in the same run, prints a table and writes
//! `target/bench/summary.json`. Goals are ratios within one run; what is absolute is a size.

// It is run by a developer who looks on: what cannot be measured ends a part, with its words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// Figures for people: seven digits are plenty.
#![allow(clippy::cast_precision_loss)]

mod agent;
mod centre;
mod clients;
mod drained;
mod edge;
mod fleet;
mod guest;
mod handshake;
mod ingest;
mod machine;
mod mqtt;
mod parked;
mod programs;
mod server;
mod soak;
mod store;
mod table;
mod wake;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tokio::runtime::Runtime;

use centre::Engine;
use machine::{bind, free};
use platen_tests::rigs::pki::Pki;
use server::CLIENT_CORE;
use table::Table;

/// A part: its name, whether it runs when none is named, what it measures, and how.
type Part = (&'static str, bool, &'static str, fn(&Bench, &mut Table));

const PARTS: &[Part] = &[
    (
        "parked",
        true,
        "memory of a parked device after one wake-up, and a storm of 10,000 until all are parked; mosquitto, nchan",
        parked::measure,
    ),
    ("drained", true, "memory that three storms of 5,000 leave behind; mosquitto, nchan", drained::measure),
    ("wake", true, "waking one of 2,000, p50 and p99; mosquitto, nchan", wake::measure),
    (
        "handshake",
        true,
        "processor time of 1,000 handshakes, full and resumed; nginx, mosquitto",
        handshake::measure,
    ),
    ("agent", true, "the idle agent: memory, processor, size; zabbix-agent, collectd", |_, table| {
        agent::measure(table);
    }),
    ("edge", true, "from an edge of a line to the operator's event", |_, table| edge::measure(table)),
    ("ingest", true, "durable reports, in groups and one a transaction", ingest::measure),
    (
        "fleet",
        true,
        "lists and pages of 10,000 and 100,000 devices while 1, 10 and 100 look; 100 pages and 1,000 changes a second",
        fleet::measure,
    ),
    (
        "programs",
        true,
        "a device that asks for a program and gets none; reports' waits while 1,000 devices fetch 20 MiB each",
        programs::measure,
    ),
    (
        "store",
        false,
        "durable reports on each engine, with 100,000 and 10,000,000 in the store, and while old ones are deleted",
        store::measure,
    ),
    (
        "soak",
        false,
        "15,000 parked devices a manager, 100,000 in the store, for an hour, while old reports are deleted",
        soak::measure,
    ),
];

/// Measures the programs beside others that do the like. Exit status 1 says that a goal is missed, or that a part broke.
#[derive(Debug, Parser)]
#[command(name = "bench", after_help = parts_help())]
struct Arguments {
    /// Parts to measure, and packages (*.deb) of agents to measure in the PC guest; all but `store` and `soak` unless some are named
    #[arg(value_name = "PART", value_parser = part)]
    parts: Vec<String>,
    /// Where the manager keeps everything, where a part can choose; both if it is not named
    #[arg(long, value_enum)]
    engine: Vec<Engine>,
    /// Every count times this: to try the benchmark itself. Nothing is asked of the figures then
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    #[command(flatten)]
    soak: soak::Settings,
    /// Plays devices for the part `soak`.
    #[arg(long, hide = true)]
    clients: Option<String>,
}

fn parts_help() -> String {
    let lines: Vec<String> = PARTS
        .iter()
        .map(|(name, usual, what, _)| {
            format!("  {name:<10} {what}{}", if *usual { "" } else { " (only when named)" })
        })
        .collect();
    format!("Parts:\n{}", lines.join("\n"))
}

fn part(text: &str) -> Result<String, String> {
    let known = PARTS.iter().any(|(name, ..)| *name == text) || is_package(text);
    let names: Vec<&str> = PARTS.iter().map(|(name, ..)| *name).collect();
    if known { Ok(text.to_owned()) } else { Err(format!("there are: {}", names.join(", "))) }
}

fn is_package(text: &str) -> bool {
    Path::new(text).extension().is_some_and(|kind| kind == "deb")
}

/// How many of each; the names of goals have these numbers.
#[derive(Default)]
pub(crate) struct Sizes {
    scale: f64,
    parked: usize,
    storm: usize,
    woken: usize,
    handshakes: usize,
    few_rows: u64,
    many_rows: u64,
    fleets: [u64; 2],
}

impl Sizes {
    fn scaled(scale: f64) -> Self {
        let sizes = Self { scale, ..Self::default() };
        let many = |count| sizes.of(count) as u64;
        Self {
            parked: sizes.of(10_000),
            storm: sizes.of(5_000),
            woken: sizes.of(2_000),
            handshakes: sizes.of(1_000),
            few_rows: many(100_000),
            many_rows: many(10_000_000),
            fleets: [many(10_000), many(100_000)],
            ..sizes
        }
    }

    /// A count at this scale.
    fn of(&self, count: usize) -> usize {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let scaled = (count as f64 * self.scale) as usize;
        scaled.max(1)
    }
}

/// What all parts share.
pub(crate) struct Bench {
    runtime: Runtime,
    pki: Pki,
    sizes: Sizes,
    engines: Vec<Engine>,
    soak: soak::Settings,
}

/// From now on this process, with what it starts, has one processor; [`server`]s are put on the other one.
fn keep_to_client_core() {
    bind(std::process::id(), CLIENT_CORE);
}

fn main() -> ExitCode {
    let Arguments { parts, engine, scale, soak, clients } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(order) = clients {
        runtime.block_on(soak::clients::play(serde_json::from_str(&order).unwrap()));
        return ExitCode::SUCCESS;
    }
    let engines = if engine.is_empty() { vec![Engine::Sqlite, Engine::Postgresql] } else { engine };
    let bench = Bench { runtime, pki: Pki::new(), sizes: Sizes::scaled(scale), engines, soak };
    #[allow(clippy::float_cmp)]
    let mut table = if scale == 1.0 { Table::default() } else { Table::asking_nothing() };
    let packages: Vec<PathBuf> = parts.iter().filter(|one| is_package(one)).map(PathBuf::from).collect();
    if !packages.is_empty() {
        run("guest", &mut table, |table| guest::measure(table, &packages));
    }
    for (name, usual, _, measure) in PARTS {
        let named = parts.iter().any(|one| one == name);
        if named || (parts.is_empty() && *usual) {
            run(name, &mut table, |table| measure(&bench, table));
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/bench");
    if table.finish(&folder.join("summary.json")) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures a part. One that breaks does not keep the others from being measured.
fn run(name: &str, table: &mut Table, measure: impl FnOnce(&mut Table)) {
    free(std::process::id());
    let begin = Instant::now();
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| measure(table))) {
        table.failed(name, &words(panic.as_ref()));
    }
    table.took(name, begin.elapsed());
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
