//! `make bench store`: how many reports a manager takes in on one processor, durably and with rules and rows, on each
//! engine; with few rows and with many in the store, filled by SQL; and how long a report waits while old ones are deleted.

use std::sync::Arc;
use std::time::Duration;

use platen_manager::history::DAY_MS;
use platen_tests::rigs::crowd::messages::{SMALL, USUAL, template};
use platen_tests::rigs::manager::task::now;
use platen_tests::rigs::pki::Identity;
use platen_tests::rigs::process::until_within;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Bench;
use crate::centre::{Centre, Engine, Plan, series};
use crate::ingest::{CONNECTIONS, LIMITS, ROUNDS, Reporter, rate};
use crate::machine::{bind, middle, percentile};
use crate::server::SERVER_CORE;
use crate::table::Table;

/// Reports of each device that the store is filled with, when it is full.
const REPORTS_OF_A_DEVICE: u64 = 2_000;
/// The reports that a store is filled with came in over so long, until now: nothing of that is deleted unless it is
/// asked for.
const FILLED_MS: i64 = 25 * DAY_MS;
/// Rows of one statement that fills.
const ROWS_AT_ONCE: u64 = 1_000_000;
/// Reports are deleted after a day.
pub(crate) const DELETING: &str = "[retention.reports]\nreadings_days = 1\n";
/// The manager lets itself some time until it begins to delete.
const DELETES_WITHIN: Duration = Duration::from_secs(300);
/// How long the waits of reports are looked at.
pub(crate) const WAITS: Duration = Duration::from_secs(20);
/// Devices that report meanwhile, and how often each: a manager that is far from its limit.
pub(crate) const WAITING: usize = 50;
const EVERY: Duration = Duration::from_millis(50);

pub(crate) fn measure(bench: &Bench, table: &mut Table) {
    crate::keep_to_client_core();
    for engine in bench.engines.iter().copied() {
        if let Some(why) = engine.missing() {
            table.missing(why);
            continue;
        }
        measure_one(bench, engine, table);
    }
}

/// A store that was filled, and the devices that report to it.
struct Filled {
    centre: Centre,
    sequences: Vec<u64>,
    rows: u64,
}

fn measure_one(bench: &Bench, engine: Engine, table: &mut Table) {
    let name = engine.name();
    let reporters = bench.pki.identities("handing", 0, CONNECTIONS);
    let (few, many) = (bench.sizes.few_rows, bench.sizes.many_rows);
    let mut stores = [few, many].map(|rows| Filled::new(bench, engine, &reporters, rows));
    let mut rates = [Vec::new(), Vec::new()];
    // In turns: the disk of a shared machine is not the same from one moment to the next.
    for _ in 0..ROUNDS {
        for (filled, rates) in stores.iter_mut().zip(&mut rates) {
            eprintln!("{name}, {} rows: {CONNECTIONS} connections", filled.rows);
            let rate = rate(bench, &filled.centre, &reporters, &mut filled.sequences);
            rates.push(bench.runtime.block_on(rate));
        }
    }
    let [at_few, at_many] = rates.map(middle);
    let (limit, goal) = match engine {
        Engine::Sqlite => (31_000.0, "goal 45,000; manager on one core"),
        Engine::Postgresql => (30_000.0, "manager on one core, the server wherever there is room"),
    };
    table.at_least(format!("durable reports, {name}, {few} rows"), at_few, "1/s", limit, goal);
    table.show(format!("durable reports, {name}, {many} rows"), at_many, "1/s", "");
    table.at_least(format!("{name}, {many} rows beside {few}"), at_many / at_few, "times", 0.9, "");
    let [_, full] = stores;
    waits(bench, full, &reporters, name, table);
}

impl Filled {
    fn new(bench: &Bench, engine: Engine, reporters: &[Identity], rows: u64) -> Self {
        eprintln!("{}: filling a store with {rows} reports", engine.name());
        let devices = bench.sizes.many_rows / REPORTS_OF_A_DEVICE;
        let filled = bench.pki.identities("filled", 0, usize::try_from(devices).unwrap());
        let mut centre =
            Centre::prepared(&bench.pki, reporters, Plan { engine, lines: LIMITS, ..Plan::default() });
        centre.let_in(&filled);
        centre.serve();
        // One as the manager keeps it; the store is filled with its like.
        let mut first = bench.runtime.block_on(Reporter::open(bench, &centre.manager, (0, &reporters[0]), 0));
        bench.runtime.block_on(first.report(&template(SMALL)));
        drop(first);
        assert!(centre.manager.stop(), "the manager ends cleanly");
        fill_reports(&centre, "filled-0", devices, (rows / devices * devices, FILLED_MS));
        centre.serve();
        let mut sequences = vec![0; reporters.len()];
        sequences[0] = 1;
        Self { centre, sequences, rows }
    }
}

/// Fills a store with so many reports of so many devices from one on, which take turns: copies of the newest readings
/// that are there, which came in over so many milliseconds until now.
pub(crate) fn fill_reports(centre: &Centre, first: &str, devices: u64, (rows, over): (u64, i64)) {
    let store = &centre.store;
    let number = |sql: &str| store.count(sql);
    let device = number(&format!("SELECT key FROM devices WHERE id = '{first}'"));
    let before = number("SELECT max(key) FROM reports");
    let end = now().as_millisecond();
    let first_epoch = number("SELECT max(key) FROM epochs") + 1;
    let sequence = rows / devices;
    let (insert, select) = store.like(
        "epochs",
        &[
            ("key", format!("{first_epoch} + n")),
            ("device", format!("{device} + n")),
            ("epoch", "'filled'".to_owned()),
            ("acknowledged", sequence.to_string()),
            // Kept with its newest report, which follows.
            ("last", format!("{before} + 1 + n + {}", rows - devices)),
        ],
    );
    store.fill(&series((0, devices - 1), &insert, &select, ", (SELECT * FROM epochs LIMIT 1) t"));
    store.go_on("epochs");
    let received = format!("{} + n * {over} / {rows}", end - over);
    let (insert, select) = store.like(
        "reports",
        &[
            ("key", format!("{before} + 1 + n")),
            ("device", format!("{device} + n % {devices}")),
            ("epoch", format!("{first_epoch} + n % {devices}")),
            ("sequence", format!("n / {devices} + 1")),
            ("received", received.clone()),
            ("dated", received),
            ("previous", format!("CASE WHEN n >= {devices} THEN {before} + 1 + n - {devices} END")),
        ],
    );
    let from = ", (SELECT * FROM reports WHERE kind = 'utilisation' ORDER BY key DESC LIMIT 1) t";
    for first in (0..rows).step_by(usize::try_from(ROWS_AT_ONCE).unwrap()) {
        let last = (first + ROWS_AT_ONCE).min(rows) - 1;
        store.fill(&series((first, last), &insert, &select, from));
    }
    store.go_on("reports");
    // What was there before came in before: reports are deleted in the order in which they came.
    let oldest = end - over;
    store.fill(&format!("UPDATE reports SET received = {oldest}, dated = {oldest} WHERE key <= {before}"));
    count_as_gathered(centre);
}

/// Takes the values of all reports for gathered, while the manager does not run: that comes before they are deleted, and
/// would take longer than is measured.
fn count_as_gathered(centre: &Centre) {
    let (store, now) = (&centre.store, now().as_millisecond());
    if store.has("retention_marks") {
        store.fill(&format!(
            "INSERT INTO history_marks (epoch, sealed, counted) SELECT key, last, acknowledged FROM epochs WHERE last IS NOT NULL \
             ON CONFLICT (epoch) DO UPDATE SET sealed = excluded.sealed, counted = excluded.counted; \
             INSERT INTO retention_marks (name, key, at) SELECT 'histories', max(key), {now} FROM reports \
             WHERE true ON CONFLICT (name) DO UPDATE SET key = excluded.key, at = excluded.at"
        ));
    }
}

/// How long reports wait until they are kept, without and while old ones are deleted.
fn waits(bench: &Bench, filled: Filled, reporters: &[Identity], name: &str, table: &mut Table) {
    let Filled { mut centre, mut sequences, .. } = filled;
    if !centre.store.has("retention_marks") {
        table.missing("this version deletes no reports");
        return;
    }
    assert!(centre.manager.stop(), "the manager ends cleanly");
    count_as_gathered(&centre);
    centre.set_lines(&format!("{LIMITS}{DELETING}"));
    centre.manager.resume();
    let reporters = &reporters[..WAITING];
    // Those at the end, that others than the reporter's first.
    let oldest = || centre.store.count("SELECT min(key) FROM reports WHERE key > 1");
    let before = oldest();
    eprintln!("{name}: waits of {WAITING} devices, nothing is deleted");
    let mut without = bench.runtime.block_on(waits_of(bench, &centre, reporters, &mut sequences));
    assert_eq!(before, oldest(), "nothing is deleted yet");
    until_within(DELETES_WITHIN, "the manager deletes", || (oldest() > before).then_some(()));
    eprintln!("{name}: waits of {WAITING} devices, while old reports are deleted");
    let begun = oldest();
    let mut with = bench.runtime.block_on(waits_of(bench, &centre, reporters, &mut sequences));
    let deleted = oldest() - begun;
    let p99 = |waits: &mut Vec<Duration>| percentile(std::mem::take(waits), 99.0).as_secs_f64() * 1e3;
    let (without, with) = (p99(&mut without), p99(&mut with));
    table.show(format!("a report's wait, p99, {name}"), without, "ms", "");
    let beside = format!("{deleted} rows deleted in {} s meanwhile", WAITS.as_secs());
    table.show(format!("a report's wait, p99, {name}, while deleting"), with, "ms", &beside);
    table.at_most(
        format!("{name}, p99 while deleting beside without"),
        with / without,
        "times",
        1.5,
        &beside,
    );
}

/// What each of their reports waited until it was kept.
pub(crate) async fn waits_of(
    bench: &Bench,
    centre: &Centre,
    identities: &[Identity],
    sequences: &mut [u64],
) -> Vec<Duration> {
    bind(centre.manager.id(), SERVER_CORE);
    let body: Arc<str> = template(USUAL).into();
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for (numbered, sequence) in identities.iter().enumerate().zip(sequences.iter()) {
        let mut reporter = Reporter::open(bench, &centre.manager, numbered, *sequence).await;
        let body = Arc::clone(&body);
        tasks.spawn(async move {
            let mut waits = Vec::new();
            let mut turns = interval(EVERY);
            turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
            while begin.elapsed() < WAITS {
                turns.tick().await;
                let asked = Instant::now();
                reporter.report(&body).await;
                waits.push(asked.elapsed());
            }
            (reporter.number(), reporter.sequence(), waits)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (number, sequence, waits) = done.unwrap();
        sequences[number] = sequence;
        all.extend(waits);
    }
    all
}
