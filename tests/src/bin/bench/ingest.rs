//! Durable reports a second, [`CONNECTIONS`] connections, with reports of many devices committed in groups and with one
//! transaction a report.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use platen_tests::rigs::crowd::messages::{USUAL, batch, template};
use platen_tests::rigs::crowd::wire::Carried;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::pki::{Identity, SERVER_NAME};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::centre::{Centre, Plan};
use crate::clients;
use crate::machine::{bind, cpu_nanoseconds, family, middle};
use crate::server::SERVER_CORE;
use crate::table::Table;
use crate::{Bench, centre};

/// Devices that hand something in at once.
pub(crate) const CONNECTIONS: usize = 200;
/// How long reports are counted.
pub(crate) const WATCH: Duration = Duration::from_secs(5);
/// Measured so often, in turns: the disk of a shared machine is not the same from one moment to the next.
pub(crate) const ROUNDS: usize = 3;
/// What is measured is the store, and not how often one device may ask.
pub(crate) const LIMITS: &str = "[limits]\nrequests_per_minute = 1000000\nrequests_burst = 100000\n";

pub(crate) fn measure(bench: &Bench, table: &mut Table) {
    crate::keep_to_client_core();
    let identities = bench.pki.identities("handing", 0, CONNECTIONS);
    let (mut grouped, mut single) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        grouped.push(rate_with(bench, &identities, LIMITS));
        single.push(rate_with(bench, &identities, &format!("{LIMITS}[ingest]\ngroup = false\n")));
    }
    let (grouped, single) = (middle(grouped), middle(single));
    table.show("durable reports, in groups", grouped, "1/s", "manager on one core; stretch 55,000");
    table.show("durable reports, a transaction each", single, "1/s", "");
    table.at_least("groups beside a transaction a report", grouped / single, "times", 6.0, "goal 8");
}

fn rate_with(bench: &Bench, identities: &[Identity], lines: &str) -> f64 {
    eprintln!("ingest, {CONNECTIONS} connections, {} s {lines:?}", WATCH.as_secs());
    let centre = centre::start(&bench.pki, identities, Plan { lines, ..Plan::default() });
    bench.runtime.block_on(rate(bench, &centre, identities, &mut vec![0; identities.len()]))
}

/// A device that hands in a report after the other.
pub(crate) struct Reporter {
    sender: http1::SendRequest<Full<Bytes>>,
    number: usize,
    epoch: String,
    sequence: u64,
    _carried: Carried,
}

impl Reporter {
    /// One that is connected, and has handed in so many reports before.
    pub(crate) async fn open(
        bench: &Bench,
        manager: &Manager,
        (number, identity): (usize, &Identity),
        sequence: u64,
    ) -> Self {
        let config = bench.pki.device(identity, &[b"http/1.1"], 0);
        let (sender, carried) = clients::http(manager.device_port(), config).await;
        Self { sender, number, epoch: format!("epoch-{number}"), sequence, _carried: carried }
    }

    /// Begins another life of its outbox.
    pub(crate) fn begin_epoch(&mut self, word: &str) {
        (self.epoch, self.sequence) = (format!("{word}-{}", self.number), 0);
    }

    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// That of the report that it handed in last.
    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Hands in the next report, with this body, and must be told that it is kept.
    pub(crate) async fn report(&mut self, body: &str) {
        self.sequence += 1;
        let request = Request::post("/v1/reports")
            .header("host", SERVER_NAME)
            .header("content-type", "application/json")
            .body(Full::from(batch(&self.epoch, self.sequence, body)))
            .unwrap();
        self.sender.ready().await.unwrap();
        let answer = self.sender.send_request(request).await.unwrap();
        let status = answer.status();
        let reply = answer.into_body().collect().await.unwrap().to_bytes();
        let reply = String::from_utf8_lossy(&reply);
        let kept =
            format!("\"acknowledged\":{{\"epoch\":\"{}\",\"sequence\":{}}}", self.epoch, self.sequence);
        assert!(status.is_success() && reply.contains(&kept), "{status}: {reply}");
    }
}

/// Reports a second that a manager takes in on one processor. How many each device has handed in before goes on in
/// `sequences`.
pub(crate) async fn rate(
    bench: &Bench,
    centre: &Centre,
    identities: &[Identity],
    sequences: &mut [u64],
) -> f64 {
    let id = centre.manager.id();
    bind(id, SERVER_CORE);
    let mut reporters = Vec::new();
    for (numbered, sequence) in identities.iter().enumerate().zip(sequences.iter()) {
        reporters.push(Reporter::open(bench, &centre.manager, numbered, *sequence).await);
    }
    let body: Arc<str> = template(USUAL).into();
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for mut reporter in reporters {
        let body = Arc::clone(&body);
        tasks.spawn(async move {
            while begin.elapsed() < WATCH {
                reporter.report(&body).await;
            }
            (reporter.number, reporter.sequence)
        });
    }
    let used = || {
        let of_server = centre.store.server().map(family).into_iter().flatten().map(cpu_nanoseconds).sum();
        [cpu_nanoseconds(id), cpu_nanoseconds(std::process::id()), of_server]
    };
    let before: [u64; 3] = used();
    let mut reports: u64 = 0;
    while let Some(done) = tasks.join_next().await {
        let (number, sequence) = done.unwrap();
        reports += sequence - sequences[number];
        sequences[number] = sequence;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let after = used();
    let share = |place: usize| (after[place] - before[place]) as f64 / 1e7 / seconds;
    eprintln!(
        "  {reports} reports; manager {:.0} %, clients {:.0} % and database server {:.0} % of a core",
        share(0),
        share(1),
        share(2),
    );
    reports as f64 / seconds
}
