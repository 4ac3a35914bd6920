//! What a server keeps of its memory when three storms of devices have come and gone.

use std::time::Duration;

use crate::clients::Crowd;
use crate::server::Kind;
use crate::table::Table;
use crate::{Bench, parked};

const STORMS: usize = 3;
/// How long it may take to give memory back.
const SETTLE: Duration = Duration::from_secs(5);
const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn measure(bench: &Bench, table: &mut Table) {
    crate::keep_to_client_core();
    let mut ours = 0.0;
    for kind in [Kind::OURS, Kind::Mosquitto, Kind::Nchan] {
        if let Some(why) = kind.missing() {
            table.missing(why);
            continue;
        }
        eprintln!("{}: {STORMS} storms of {} devices", kind.name(), bench.sizes.storm);
        let left = bench.runtime.block_on(left(bench, kind)) / MIB;
        let name = format!("RSS after {STORMS} storms, drained, {}", kind.name());
        if kind == Kind::OURS {
            ours = left;
            table.at_most(name, left, "MiB", 25.0, "");
        } else {
            table.show(name, left, "MiB", "");
            table.show(
                format!("RSS after {STORMS} storms, beside {}", kind.name()),
                ours / left,
                "times",
                "",
            );
        }
    }
}

async fn left(bench: &Bench, kind: Kind) -> f64 {
    let identities = bench.pki.identities("storm", 0, bench.sizes.storm);
    let server = parked::start(bench, kind, &identities, false);
    let configs: Vec<_> =
        identities.iter().map(|device| bench.pki.device(device, kind.protocols(), 0)).collect();
    for _ in 0..STORMS {
        let crowd = Crowd::park(&server, &identities, &configs).await;
        server.at_rest().await;
        crowd.leave().await;
        server.at_rest().await;
    }
    tokio::time::sleep(SETTLE).await;
    server.resident()
}
