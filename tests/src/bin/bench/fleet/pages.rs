//! What a hundred open pages cost while a thousand devices change every second: each page shows fifty devices that change,
//! is told so, and asks for their rows, as the page's script does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::BodyExt as _;
use platen_tests::rigs::crowd::messages::template;
use platen_tests::rigs::pki::Identity;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::{Looker, bearer};
use crate::Bench;
use crate::centre::{Centre, Engine};
use crate::ingest::Reporter;
use crate::machine::cpu_nanoseconds;
use crate::table::Table;

const PAGES: usize = 100;
/// Devices on the screen of each.
const ON_SCREEN: usize = 50;
/// How long it is watched.
const WATCH: Duration = Duration::from_secs(15);
/// The devices begin, and pages open.
const SETTLE: Duration = Duration::from_secs(5);
/// A device reports so often.
const EVERY: Duration = Duration::from_secs(1);
/// A page asks for rows no sooner than this after it did so last.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) fn measure(
    bench: &Bench,
    engine: Engine,
    centre: &Centre,
    identities: &[Identity],
    table: &mut Table,
) {
    let name = engine.name();
    eprintln!("{name}: {} changes a second", identities.len());
    let bearer = bearer(&centre.manager);
    let (without, with, rows) = bench.runtime.block_on(async {
        let mut reporting = report(bench, centre, identities).await;
        tokio::time::sleep(SETTLE).await;
        let without = share(centre).await;
        eprintln!("{name}: {PAGES} pages follow them");
        let (mut pages, rows) = open(bench, centre, &bearer, identities).await;
        tokio::time::sleep(SETTLE).await;
        let before = rows.load(Ordering::Relaxed);
        let with = share(centre).await;
        let rows = rows.load(Ordering::Relaxed) - before;
        pages.shutdown().await;
        reporting.shutdown().await;
        (without, with, rows as f64 / WATCH.as_secs_f64())
    });
    table.show(format!("{name}, {} changes a second, no page", identities.len()), without, "% core", "");
    table.at_most(
        format!("{name}, {PAGES} pages that follow them"),
        with - without,
        "% core",
        50.0,
        &format!("{rows:.0} rows asked for a second"),
    );
}

/// How much of a processor the manager uses.
async fn share(centre: &Centre) -> f64 {
    let before = cpu_nanoseconds(centre.manager.id());
    tokio::time::sleep(WATCH).await;
    (cpu_nanoseconds(centre.manager.id()) - before) as f64 / WATCH.as_nanos() as f64 * 100.0
}

async fn report(bench: &Bench, centre: &Centre, identities: &[Identity]) -> JoinSet<()> {
    let bodies: Arc<[String]> = ["black", "cyan"].iter().map(|supply| template(&[supply])).collect();
    let mut tasks = JoinSet::new();
    let begin = Instant::now();
    for numbered in identities.iter().enumerate() {
        // The first has reported while the store was filled: it begins another life, as all do.
        let mut reporter = Reporter::open(bench, &centre.manager, numbered, 0).await;
        reporter.begin_epoch("changes");
        let bodies = Arc::clone(&bodies);
        let share = EVERY * u32::try_from(numbered.0).unwrap() / u32::try_from(identities.len()).unwrap();
        tasks.spawn(async move {
            sleep_until(begin + share).await;
            let mut turns = interval(EVERY);
            turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
            for turn in 0_usize.. {
                turns.tick().await;
                reporter.report(&bodies[turn % bodies.len()]).await;
            }
        });
    }
    tasks
}

async fn open(
    bench: &Bench,
    centre: &Centre,
    bearer: &str,
    identities: &[Identity],
) -> (JoinSet<()>, Arc<AtomicU64>) {
    let rows = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for number in 0..PAGES {
        let mut stream = Looker::open(bench, &centre.manager, bearer).await;
        let mut asking = Looker::open(bench, &centre.manager, bearer).await;
        // Not all look at the same.
        let place = number * ON_SCREEN / 2 % identities.len();
        let screen: BTreeSet<String> =
            identities.iter().cycle().skip(place).take(ON_SCREEN).map(|device| device.name.clone()).collect();
        let rows = Arc::clone(&rows);
        tasks.spawn(async move {
            let mut told = stream.begin("/live").await;
            let mut text = String::new();
            while let Some(Ok(frame)) = told.frame().await {
                let Ok(data) = frame.into_data() else { continue };
                text.push_str(&String::from_utf8_lossy(&data));
                let mut changed = BTreeSet::new();
                while let Some(end) = text.find('\n') {
                    let line: String = text.drain(..=end).collect();
                    changed.extend(line.strip_prefix("data:").into_iter().flat_map(|data| of(data, &screen)));
                }
                if !changed.is_empty() {
                    rows.fetch_add(changed.len() as u64, Ordering::Relaxed);
                    let names: Vec<String> = changed.into_iter().collect();
                    asking.get(&format!("/fleet/rows?view=table&rows={}", names.join(","))).await;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
    }
    (tasks, rows)
}

/// Which of these devices a message is about.
fn of(message: &str, screen: &BTreeSet<String>) -> Vec<String> {
    let message: Value = serde_json::from_str(message.trim()).unwrap_or_default();
    if message["all"] == true {
        return screen.iter().cloned().collect();
    }
    let devices = message["devices"].as_array().into_iter().flatten();
    devices.filter_map(Value::as_str).filter(|name| screen.contains(*name)).map(str::to_owned).collect()
}
