//! What can be asked of a fleet, and how long the answer takes while operators look: lists of the API and the fleet's page,
//! with searches, filters and orders, at 10,000 and 100,000 devices on both engines; and what open pages cost that follow
//! a thousand changes a second; and how long every page takes beside a past of a million alerts.

mod desk;
pub(crate) mod fill;
mod pages;

use std::collections::BTreeMap;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use platen_tests::rigs::crowd::wire::Carried;
use platen_tests::rigs::manager::process::{Manager, OPERATOR};
use platen_tests::rigs::pki::SERVER_NAME;
use platen_tests::rigs::process::run_ok;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::Bench;
use crate::centre::{Centre, Engine};
use crate::clients;
use crate::machine::percentile;
use crate::table::Table;

/// How many look at once, and how often each asks.
const OPERATORS: [(usize, Duration); 3] =
    [(1, Duration::from_millis(50)), (10, Duration::from_millis(200)), (100, Duration::from_secs(2))];
/// How long they look.
const LOOK: Duration = Duration::from_secs(8);
/// What a search of a person, a filter or an order asks of the API.
const LISTS: &[&str] = &[
    "",
    "worst=critical",
    "worst=warning&sort=-name",
    "q=zoo",
    "q=street+77+floor",
    "q=k-12345",
    "q=%25_%27%22%5C",
    "supply=10&sort=supply",
    "state=away",
    "state=overdue&sort=last_contact",
    "silent_since=2026-01-01T00:00:00Z",
    "model=Colour+MFP+C405&sort=name",
    "agent_version=0.1.0&sort=-supply",
    "tag=ground-floor",
    "sort=place",
    "sort=model",
];
/// What needs a person, of the API and as pages.
const NOW: &[&str] = &[
    "api/v1/now?limit=50",
    "api/v1/now?limit=50&training=fieldService",
    "api/v1/now?limit=50&state=taken",
    "api/v1/now-counts",
    "/now",
    "/now?urgency=warning",
    "/now/wall",
];
/// The same of the page.
const PAGES: &[&str] =
    &["", "q=zoo", "worst=service_call", "supply=5&sort=supply&view=table", "sort=last_contact&view=cards"];

pub(crate) fn measure(bench: &Bench, table: &mut Table) {
    for engine in bench.engines.iter().copied() {
        if let Some(why) = engine.missing() {
            table.missing(why);
            continue;
        }
        let sizes = bench.sizes.fleets;
        for (devices, limit) in sizes.into_iter().zip([20.0, 50.0]) {
            eprintln!("{}: filling a fleet of {devices}", engine.name());
            let (centre, identities) = fill::fleet(bench, engine, devices);
            if !centre.store.has("states") {
                table.missing("this version cannot be asked for a part of its fleet");
                return;
            }
            look(bench, engine, &centre, devices, limit, table);
            if devices == sizes[1] {
                desk::measure(bench, engine, &centre, devices, table);
                pages::measure(bench, engine, &centre, &identities, table);
            }
        }
    }
}

fn look(bench: &Bench, engine: Engine, centre: &Centre, devices: u64, limit: f64, table: &mut Table) {
    let bearer = bearer(&centre.manager);
    for (operators, every) in OPERATORS {
        eprintln!("{}: {operators} look at {devices} devices", engine.name());
        let answers = bench.runtime.block_on(ask(bench, &centre.manager, &bearer, operators, every));
        for (what, is_page) in [("list", false), ("page", true)] {
            let some = answers.iter().filter(|(query, _)| query.starts_with('/') == is_page);
            let ms =
                |times: &[Duration], percent: f64| percentile(times.to_vec(), percent).as_secs_f64() * 1e3;
            let slowest = some.clone().max_by_key(|(_, times)| percentile((*times).clone(), 50.0));
            let (query, times) = slowest.unwrap();
            let beside = format!("slowest: {query:?}, p50 {:.1} ms", ms(times, 50.0));
            let all: Vec<Duration> = some.flat_map(|(_, times)| times.clone()).collect();
            let name = format!("fleet of {devices}, {}, {what}, {operators} looking", engine.name());
            table.show(format!("{name}, p50"), ms(&all, 50.0), "ms", &format!("{} answers", all.len()));
            table.at_most(format!("{name}, p99"), ms(&all, 99.0), "ms", limit, &beside);
        }
    }
}

/// Who may look.
pub(crate) fn bearer(manager: &Manager) -> String {
    format!("Bearer {}", run_ok(manager.command().args(["operator", "token", OPERATOR]), "").trim())
}

/// An operator's connection.
pub(crate) struct Looker {
    sender: http1::SendRequest<Full<Bytes>>,
    bearer: String,
    _carried: Carried,
}

impl Looker {
    pub(crate) async fn open(bench: &Bench, manager: &Manager, bearer: &str) -> Self {
        let (sender, carried) = clients::http(manager.operator_port(), bench.pki.operator()).await;
        Self { sender, bearer: bearer.to_owned(), _carried: carried }
    }

    /// Asks for a path; the answer's body is yet to come.
    pub(crate) async fn begin(&mut self, path: &str) -> hyper::body::Incoming {
        let request = Request::get(path)
            .header("host", SERVER_NAME)
            .header("authorization", self.bearer.as_str())
            .body(Full::default())
            .unwrap();
        self.sender.ready().await.unwrap();
        let answer = self.sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.into_body()
    }

    /// Asks for a path; the whole answer.
    pub(crate) async fn get(&mut self, path: &str) -> Bytes {
        self.begin(path).await.collect().await.unwrap().to_bytes()
    }
}

/// How long each answer took, by what was asked.
async fn ask(
    bench: &Bench,
    manager: &Manager,
    bearer: &str,
    operators: usize,
    every: Duration,
) -> BTreeMap<String, Vec<Duration>> {
    let paths: Vec<String> = LISTS
        .iter()
        .map(|query| format!("api/v1/devices?limit=50&{query}"))
        .chain(["api/v1/device-counts".to_owned()])
        .chain(PAGES.iter().map(|query| format!("/?{query}")))
        .chain(NOW.iter().map(ToString::to_string))
        .collect();
    let mut tasks = JoinSet::new();
    let begin = Instant::now();
    for number in 0..operators {
        let mut looker = Looker::open(bench, manager, bearer).await;
        let paths = paths.clone();
        // They do not look in step.
        let share = u32::try_from(number).unwrap() * every / u32::try_from(operators).unwrap();
        tasks.spawn(async move {
            let mut answers = Vec::new();
            let mut turns = interval_at(begin + every + share, every);
            turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
            // Each begins somewhere else.
            let mut place = number * 7;
            while begin.elapsed() < LOOK {
                turns.tick().await;
                let path = &paths[place % paths.len()];
                place += 1;
                let asked = Instant::now();
                let whole = format!("/{}", path.trim_start_matches('/'));
                looker.get(&whole).await;
                answers.push((path.clone(), asked.elapsed()));
            }
            answers
        });
    }
    let mut all: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        for (path, took) in done.unwrap() {
            all.entry(path).or_default().push(took);
        }
    }
    all
}
