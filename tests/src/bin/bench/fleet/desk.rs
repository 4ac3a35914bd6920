//! How long each page of the service centre takes the manager, with a past of a million alerts: one person asks for one page
//! after the other, while nothing else is asked.

use platen_tests::rigs::manager::task::now;
use tokio::time::Instant;

use super::{Looker, bearer};
use crate::Bench;
use crate::centre::{Centre, Engine, series};
use crate::machine::percentile;
use crate::table::Table;

/// Closed alerts of each device.
const CLOSED_ALERTS: u64 = 10;
/// They were closed over so long, until now.
const PAST_MS: i64 = 300 * 24 * 3_600 * 1_000;
/// How often each page is asked for; once more before, so that what is read first is read.
const ROUNDS: usize = 40;
/// The bar for a page, in milliseconds.
const LIMIT: f64 = 50.0;
/// The desk's pages. The device in them reports; `zoo` has only what was filled in.
const PAGES: &[&str] = &[
    "/now",
    "/now?urgency=warning",
    "/now/wall",
    "/",
    "/?worst=critical&view=table",
    "/devices/zoo",
    "/devices/busy-0",
    "/devices/busy-0/parts/alerts",
    "/devices/busy-0/history",
    "/devices/busy-0/report",
    "/day",
    "/meters",
    "/prints",
    "/customers",
    "/profiles",
    "/programs",
    "/rollouts",
    "/rollouts/new",
    "/views",
    "/bulk-commands",
    "/telling",
    "/telling/rules/new",
    "/people",
    "/enrolment-tokens",
    "/audit",
    "/account",
];

pub(super) fn measure(bench: &Bench, engine: Engine, centre: &Centre, devices: u64, table: &mut Table) {
    let closed = close_alerts(centre, devices);
    eprintln!("{}: every page, {devices} devices, {closed} closed alerts", engine.name());
    let bearer = bearer(&centre.manager);
    let mut looker = bench.runtime.block_on(Looker::open(bench, &centre.manager, &bearer));
    for path in PAGES {
        let (times, bytes) = bench.runtime.block_on(async {
            let mut bytes = looker.get(path).await.len();
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                let asked = Instant::now();
                bytes = looker.get(path).await.len();
                times.push(asked.elapsed());
            }
            (times, bytes)
        });
        let ms = |percent: f64| percentile(times.clone(), percent).as_secs_f64() * 1e3;
        let beside = format!("p50 {:.1} ms, {} KB", ms(50.0), bytes / 1024);
        table.at_most(
            format!("{}, {devices} devices, {closed} closed alerts, {path}, p95", engine.name()),
            ms(95.0),
            "ms",
            LIMIT,
            &beside,
        );
    }
}

/// Gives every device a past of alerts that are closed, as copies of one that is open; how many there are then.
fn close_alerts(centre: &Centre, devices: u64) -> i64 {
    let (store, now) = (&centre.store, now().as_millisecond());
    let first = store.count("SELECT max(key) FROM alerts") + 1;
    let device = store.count("SELECT min(device) FROM alerts");
    let rows = devices * CLOSED_ALERTS;
    let moment = format!("{now} - {PAST_MS} + n * {PAST_MS} / {rows}");
    let own = [
        ("key", format!("{first} + n")),
        ("device", format!("(SELECT min(key) FROM devices) + n % {devices}")),
        ("id", "'past-' || n".to_owned()),
        ("raised", format!("{moment} - 3600000")),
        ("cleared", moment),
        ("cleared_because", "'ended'".to_owned()),
    ];
    let (insert, select) = store.like("alerts", &own);
    let row = format!(", (SELECT * FROM alerts WHERE device = {device} ORDER BY key LIMIT 1) t");
    store.fill(&series((0, rows - 1), &insert, &select, &row));
    store.go_on("alerts");
    store.count("SELECT count(*) FROM alerts WHERE cleared IS NOT NULL")
}
