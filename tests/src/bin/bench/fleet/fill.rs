//! A fleet in a store, by SQL: devices of several models and places, with levels, and with alerts, calls and orders at
//! some of them. Each row is a copy of one that the manager wrote itself.

use platen_tests::rigs::manager::messages::{
    condition, order, service_call, started, toner_low, utilisation,
};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::manager::task::now;
use platen_tests::rigs::pki::Identity;

use crate::Bench;
use crate::centre::{Centre, Engine, Plan, series};
use crate::ingest::{LIMITS, Reporter};

/// Devices that really report; they are stopped by an alert, so that they are the first of the fleet's page.
pub(crate) const REPORTING: usize = 1_000;
/// Of so many of the others, one has what is said.
const CRITICAL: u64 = 100;
const WARNING: u64 = 25;
const CALL: u64 = 200;
const ORDER: u64 = 50;
const AWAY: u64 = 33;
const MODELS: u64 = 12;
const VERSIONS: u64 = 4;
const STREETS: u64 = 500;
/// How long those that are away were not there.
const AWAY_MS: i64 = 40 * 3_600 * 1_000;
/// The device that is looked for by name.
pub(crate) const NEEDLE: &str = "zoo";

/// What of the manager's own rows is copied for others.
struct Template {
    device: i64,
    epoch: i64,
}

/// A manager with so many devices in all, and those of them that really report.
pub(crate) fn fleet(bench: &Bench, engine: Engine, devices: u64) -> (Centre, Vec<Identity>) {
    let count = REPORTING.min(usize::try_from(devices).unwrap() / 10).max(1);
    let identities = bench.pki.identities("busy", 0, count);
    let lines = format!("{LIMITS}[watches]\noverdue_after_hours = 8760\n");
    let plan = Plan { engine, lines: &lines, ..Plan::default() };
    let mut centre = Centre::prepared(&bench.pki, &identities, plan);
    centre.serve();
    bench.runtime.block_on(report_everything(bench, &centre.manager, &identities[0]));
    assert!(centre.manager.stop(), "the manager ends cleanly");
    fill(&centre, devices - count as u64, count as u64);
    centre.serve();
    (centre, identities)
}

/// A device reports whatever is copied for others; the newest is its readings.
pub(crate) async fn report_everything(bench: &Bench, manager: &Manager, device: &Identity) {
    let mut reporter = Reporter::open(bench, manager, (0, device), 0).await;
    let bodies = [
        started("Colour MFP C450"),
        condition("jam", "jam", "mediaPath", "path"),
        toner_low("low"),
        service_call("the paper is damp"),
        order("order", 1),
        utilisation(40),
    ];
    for body in bodies {
        reporter.report(&body.to_string()).await;
    }
}

/// Fills a store that has what [`report_everything`] reports, of the first device; so many others have rows of their own,
/// and `reporting` report by themselves.
pub(crate) fn fill(centre: &Centre, others: u64, reporting: u64) {
    let store = &centre.store;
    let number = |sql: &str| store.count(sql);
    let next = |table: &str| number(&format!("SELECT max(key) FROM {table}")) + 1;
    let template = Template {
        device: number("SELECT key FROM devices WHERE id = 'busy-0'"),
        epoch: number("SELECT max(key) FROM epochs"),
    };
    let Template { device, epoch } = template;
    let row_of =
        |table: &str| format!(", (SELECT * FROM {table} WHERE device = {device} ORDER BY key LIMIT 1) t");
    let text = |text: &str| format!("'{text}'");
    let at = |key: i64| format!("{key} + n");
    // Who reports: stopped as well, so that its changes are on the screen of who looks at the worst.
    let (insert, select) = store.like("alerts", &[("key", at(next("alerts"))), ("device", at(device))]);
    if reporting > 1 {
        store.fill(&series((1, reporting - 1), &insert, &select, &row_of("alerts")));
        store.go_on("alerts");
    }

    let first = next("devices");
    let name = format!("CASE WHEN n = {others} / 2 THEN '{NEEDLE}' ELSE 'printer-' || n END");
    let mut own = vec![
        ("key", at(first)),
        ("id", name),
        ("certificate_serial", "'none-' || n".to_owned()),
        ("model", format!("'Colour MFP C' || (400 + n % {MODELS})")),
        ("agent_version", format!("'0.' || (n % {VERSIONS}) || '.0'")),
    ];
    if store.columns("devices").iter().any(|column| column == "place") {
        own.push(("place", format!("'Street ' || (n % {STREETS}) || ', floor ' || (n % 7)")));
    }
    let (insert, select) = store.like("devices", &own);
    store.fill(&series(
        (0, others - 1),
        &insert,
        &select,
        &format!(", (SELECT * FROM devices WHERE key = {device}) t"),
    ));
    store.go_on("devices");

    let (first_epoch, first_report) = (next("epochs"), next("reports"));
    let (insert, select) = store.like(
        "epochs",
        &[
            ("key", at(first_epoch)),
            ("device", at(first)),
            ("acknowledged", "1".to_owned()),
            ("last", at(first_report)),
        ],
    );
    store.fill(&series(
        (0, others - 1),
        &insert,
        &select,
        &format!(", (SELECT * FROM epochs WHERE key = {epoch}) t"),
    ));
    store.go_on("epochs");

    let reports = |kind: &str, key: i64, count: u64, one_of: u64| {
        let own = [
            ("key", at(key)),
            ("device", format!("{first} + n * {one_of}")),
            ("epoch", format!("{first_epoch} + n * {one_of}")),
            ("sequence", "1".to_owned()),
            ("previous", "NULL".to_owned()),
        ];
        let (insert, select) = store.like("reports", &own);
        let row =
            format!(", (SELECT * FROM reports WHERE device = {device} AND kind = {} LIMIT 1) t", text(kind));
        store.fill(&series((0, count - 1), &insert, &select, &row));
        store.go_on("reports");
    };
    reports("utilisation", first_report, others, 1);
    let (insert, select) = store.like("latest", &[("device", at(first)), ("report", at(first_report))]);
    let latest = format!(", (SELECT * FROM latest WHERE device = {device}) t");
    // The activity is that of the same report, if one is told at all.
    let select = select.replace("t.activity", "NULL").replace("t.merged", "NULL");
    store.fill(&series((0, others - 1), &insert, &select, &latest));

    // One of so many has an open alert, a call, an order.
    for (id, one_of) in [("jam", CRITICAL), ("low", WARNING)] {
        let count = others.div_ceil(one_of);
        let own = [("key", at(next("alerts"))), ("device", format!("{first} + n * {one_of}"))];
        let (insert, select) = store.like("alerts", &own);
        let row = format!(", (SELECT * FROM alerts WHERE device = {device} AND id = '{id}') t");
        store.fill(&series((0, count - 1), &insert, &select, &row));
        store.go_on("alerts");
    }
    for (table, kind, one_of) in [("service_calls", "service_call", CALL), ("orders", "order", ORDER)] {
        let (count, key) = (others.div_ceil(one_of), next("reports"));
        reports(kind, key, count, one_of);
        let own =
            [("key", at(next(table))), ("device", format!("{first} + n * {one_of}")), ("report", at(key))];
        let (insert, select) = store.like(table, &own);
        store.fill(&series((0, count - 1), &insert, &select, &row_of(table)));
        store.go_on(table);
    }
    levels(centre, first);
}

/// Levels as readings leave them, and when each was there.
fn levels(centre: &Centre, first: i64) {
    let (store, now) = (&centre.store, now().as_millisecond());
    if store.has("states") {
        centre.work_out_states();
        store.fill(&format!(
            "UPDATE states SET worst = -1, lowest = device * 37 % 101, serials = 'K-' || device, last_contact = \
             CASE WHEN device % {AWAY} = 0 THEN {now} - {AWAY_MS} ELSE {now} END WHERE device >= {first}; \
             UPDATE states SET worst = -1 WHERE device < {first}; \
             UPDATE states SET low = 1 WHERE lowest <= 5"
        ));
    } else {
        store.fill(&format!("UPDATE devices SET last_contact = {now} WHERE key >= {first}"));
    }
}
