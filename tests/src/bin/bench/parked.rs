//! What a parked device costs its server in memory, after one wake-up, and how long a storm of them takes until all are
//! parked: the manager beside mosquitto and nchan.

use std::time::Duration;

use platen_tests::rigs::pki::Identity;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::centre::Plan;
use crate::clients::{Crowd, Waker};
use crate::server::{Http, Kind, Server};
use crate::table::Table;
use crate::{Bench, centre};

/// A server gives memory back at its leisure after load.
const SETTLE: Duration = Duration::from_secs(3);
/// Who wakes them at once: the manager commits what several operators ask for as one group.
const WAKERS: usize = 8;
/// All are woken within this.
const WOKEN_WITHIN: Duration = Duration::from_secs(120);

struct Figures {
    bytes: f64,
    storm: Duration,
}

pub(crate) fn measure(bench: &Bench, table: &mut Table) {
    crate::keep_to_client_core();
    let count = bench.sizes.parked;
    let identities = bench.pki.identities("parked", 0, count + WAKERS);
    let mut ours = None;
    let of = |kind: Kind, table: &mut Table| -> Option<Figures> {
        if let Some(why) = kind.missing() {
            table.missing(why);
            return None;
        }
        eprintln!("{}: {count} devices are parked", kind.name());
        let figures = bench.runtime.block_on(park(bench, kind, &identities));
        table.show(format!("memory of a parked device, {}", kind.name()), figures.bytes, "bytes", "");
        table.show(
            format!("a storm until all are parked, {}", kind.name()),
            figures.storm.as_secs_f64(),
            "s",
            &format!("{count} devices"),
        );
        Some(figures)
    };
    for http in [Http::One, Http::Two] {
        let figures = of(Kind::Manager(http), table);
        if Kind::Manager(http) == Kind::OURS {
            ours = figures;
        }
    }
    let [mosquitto, nchan] = Kind::PEERS.map(|peer| of(peer, table));
    let Some(ours) = ours else { return };
    table.at_most(
        "memory of a parked device",
        ours.bytes,
        "bytes",
        12_000.0,
        &format!("{}; stretch 7,000", Kind::OURS.name()),
    );
    if let Some(peer) = mosquitto {
        table.at_most(
            "memory of a parked device, beside mosquitto",
            ours.bytes / peer.bytes,
            "times",
            0.6,
            "",
        );
        let times = ours.storm.as_secs_f64() / peer.storm.as_secs_f64();
        table.at_most("a storm until all are parked, beside mosquitto", times, "times", 0.3, "stretch 0.2");
    }
    if let Some(peer) = nchan {
        table.at_most("memory of a parked device, beside nchan", ours.bytes / peer.bytes, "times", 0.37, "");
        let times = ours.storm.as_secs_f64() / peer.storm.as_secs_f64();
        table.show("a storm until all are parked, beside nchan", times, "times", "");
    }
}

/// A server of one kind, which knows these devices.
pub(crate) fn start(bench: &Bench, kind: Kind, identities: &[Identity], in_memory: bool) -> Server {
    match kind {
        Kind::Manager(http) => {
            let plan = Plan { in_memory, ..Plan::default() };
            Server::of_manager(centre::start(&bench.pki, identities, plan).manager, http)
        }
        peer => Server::start_peer(peer, &bench.pki),
    }
}

/// The last [`WAKERS`] of the devices wake the others.
async fn park(bench: &Bench, kind: Kind, identities: &[Identity]) -> Figures {
    let server = start(bench, kind, identities, false);
    let (devices, wakers) = identities.split_at(identities.len() - WAKERS);
    let configs: Vec<_> =
        devices.iter().map(|device| bench.pki.device(device, kind.protocols(), 0)).collect();
    tokio::time::sleep(SETTLE).await;
    server.at_rest().await;
    let before = server.resident();
    let begin = Instant::now();
    let mut crowd = Crowd::park(&server, devices, &configs).await;
    let storm = server.at_rest().await - begin;
    let woken = tokio::time::timeout(WOKEN_WITHIN, wake_all(bench, &server, devices, wakers, &mut crowd));
    woken.await.expect("all are woken in time");
    server.at_rest().await;
    tokio::time::sleep(SETTLE).await;
    let after = server.resident();
    crowd.leave().await;
    Figures { bytes: (after - before) / devices.len() as f64, storm }
}

async fn wake_all(
    bench: &Bench,
    server: &Server,
    devices: &[Identity],
    wakers: &[Identity],
    crowd: &mut Crowd,
) {
    let mut tasks = JoinSet::new();
    for (share, own) in devices.chunks(devices.len().div_ceil(wakers.len())).zip(wakers) {
        let mut waker = Waker::open(server, &bench.pki, own).await;
        let names: Vec<String> = share.iter().map(|device| device.name.clone()).collect();
        tasks.spawn(async move {
            for name in names {
                waker.wake(&name).await;
            }
            // Until all are woken: it is no part of what is measured.
            waker
        });
    }
    let mut waiting = vec![true; devices.len()];
    while waiting.contains(&true) {
        let (number, _) = crowd.next_woken().await;
        waiting[number] = false;
    }
    while let Some(done) = tasks.join_next().await {
        drop(done.unwrap());
    }
}
