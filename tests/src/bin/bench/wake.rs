//! How long it takes to wake one of many parked devices: from the operator's request, or the publisher's, until it is at
//! the device.
//!
//! The manager commits a command before it wakes its device, which the peers do not. So it is compared with its files in
//! memory, where a commit costs no disk, and shown with them on this disk as well.

use std::time::Duration;

use tokio::time::Instant;

use crate::clients::{Crowd, Waker};
use crate::machine::percentile;
use crate::server::Kind;
use crate::table::Table;
use crate::{Bench, parked};

/// One wake-up takes less than this.
const WITHIN: Duration = Duration::from_secs(10);

pub(crate) fn measure(bench: &Bench, table: &mut Table) {
    crate::keep_to_client_core();
    let name = |kind: Kind| kind.name();
    let mut ours = None;
    let runs = [
        (Kind::OURS, true, "files in memory, as the peers keep theirs"),
        (Kind::OURS, false, "a command committed to this disk first"),
        (Kind::Mosquitto, false, "QoS 0"),
        (Kind::Nchan, false, ""),
    ];
    for (kind, in_memory, beside) in runs {
        if let Some(why) = kind.missing() {
            table.missing(why);
            continue;
        }
        eprintln!("{}: waking each of {}", name(kind), bench.sizes.woken);
        let took = bench.runtime.block_on(wake(bench, kind, in_memory));
        let disk = if kind == Kind::OURS && !in_memory { ", disk" } else { "" };
        let us = |percent: f64| percentile(took.clone(), percent).as_secs_f64() * 1e6;
        let (p50, p99) = (us(50.0), us(99.0));
        table.show(format!("waking one, p50, {}{disk}", name(kind)), p50, "us", beside);
        table.show(format!("waking one, p99, {}{disk}", name(kind)), p99, "us", beside);
        match (kind, ours) {
            (Kind::Manager(_), _) if in_memory => ours = Some((p50, p99)),
            (Kind::Mosquitto, Some((our_p50, our_p99))) => {
                table.at_most(
                    "waking one, p50, beside mosquitto",
                    our_p50 / p50,
                    "times",
                    1.0,
                    "stretch 0.8",
                );
                table.at_most(
                    "waking one, p99, beside mosquitto",
                    our_p99 / p99,
                    "times",
                    1.0,
                    "stretch 0.8",
                );
            }
            (Kind::Nchan, Some((our_p50, our_p99))) => {
                table.show("waking one, p50, beside nchan", our_p50 / p50, "times", "");
                table.show("waking one, p99, beside nchan", our_p99 / p99, "times", "");
            }
            _ => {}
        }
    }
}

async fn wake(bench: &Bench, kind: Kind, in_memory: bool) -> Vec<Duration> {
    let identities = bench.pki.identities("woken", 0, bench.sizes.woken + 1);
    let server = parked::start(bench, kind, &identities, in_memory);
    let (own, devices) = identities.split_last().unwrap();
    let configs: Vec<_> =
        devices.iter().map(|device| bench.pki.device(device, kind.protocols(), 0)).collect();
    let mut waker = Waker::open(&server, &bench.pki, own).await;
    let mut crowd = Crowd::park(&server, devices, &configs).await;
    server.at_rest().await;
    let mut took = Vec::new();
    // One far from the one before it: by a step that shares no factor with a round number.
    let step = 7_919;
    for turn in 0..devices.len() {
        let number = turn * step % devices.len();
        let begin = Instant::now();
        let woken = tokio::time::timeout(WITHIN, async {
            let ((), woken) = tokio::join!(waker.wake(&devices[number].name), crowd.next_woken());
            woken
        });
        let (which, at) = woken.await.expect("it is woken in time");
        assert_eq!(which, number, "the right one is woken");
        took.push(at - begin);
    }
    crowd.leave().await;
    took
}
