//! What a thousand handshakes cost a server in processor time: with full ones, and with devices that come back and resume.

use futures_util::{StreamExt as _, stream};

use crate::clients;
use crate::server::Kind;
use crate::table::Table;
use crate::{Bench, parked};

/// Under way at once.
const AT_ONCE: usize = 32;
/// The figures are of so many.
const THOUSAND: f64 = 1_000.0;
/// Sessions that a device remembers.
const SESSIONS: usize = 4;

struct Figures {
    full: f64,
    resumed: f64,
    /// How many were resumed of those that tried, from 0 to 1.
    share: f64,
}

pub(crate) fn measure(bench: &Bench, table: &mut Table) {
    crate::keep_to_client_core();
    let mut ours: Option<Figures> = None;
    for kind in [Kind::OURS, Kind::Nchan, Kind::Mosquitto] {
        if let Some(why) = kind.missing() {
            table.missing(why);
            continue;
        }
        eprintln!("{}: {} handshakes, full and resumed", kind.name(), bench.sizes.handshakes);
        let figures = bench.runtime.block_on(shake(bench, kind));
        let name = if kind == Kind::Nchan { "nginx" } else { kind.name() };
        table.show(format!("1,000 full handshakes, {name}"), figures.full, "CPU s", "");
        let beside = format!("{:.0} % of those who came back were resumed", figures.share * 100.0);
        table.show(format!("1,000 handshakes of who comes back, {name}"), figures.resumed, "CPU s", &beside);
        match (kind, &ours) {
            (Kind::Manager(_), _) => ours = Some(figures),
            (Kind::Nchan, Some(ours)) => {
                let (full, resumed) = (ours.full / figures.full, ours.resumed / figures.resumed);
                table.at_most("full handshakes, beside nginx", full, "times", 0.4, "stretch 0.3");
                // A manager remembers few sessions on purpose: docs/scale.md.
                table.show("handshakes of who comes back, beside nginx", resumed, "times", "");
            }
            (_, Some(ours)) => {
                table.show("full handshakes, beside mosquitto", ours.full / figures.full, "times", "");
                let resumed = ours.resumed / figures.resumed;
                table.show("handshakes of who comes back, beside mosquitto", resumed, "times", "");
            }
            _ => {}
        }
    }
}

async fn shake(bench: &Bench, kind: Kind) -> Figures {
    let identities = bench.pki.identities("shaking", 0, bench.sizes.handshakes);
    let server = parked::start(bench, kind, &identities, false);
    let configs: Vec<_> =
        identities.iter().map(|device| bench.pki.device(device, kind.protocols(), SESSIONS)).collect();
    // Each comes once, and then each comes back, as after a restart: a server that remembers few does not know it any more.
    let mut rounds = [(0.0, 0.0); 2];
    for round in &mut rounds {
        server.at_rest().await;
        let before = server.cpu();
        let all = stream::iter(configs.iter().enumerate())
            .map(|(number, config)| clients::handshake(server.port, number, config.clone()))
            .buffer_unordered(AT_ONCE);
        let resumed = all.filter(|resumed| std::future::ready(*resumed)).count().await;
        server.at_rest().await;
        let seconds = (server.cpu() - before) as f64 / 1e9;
        *round = (seconds * THOUSAND / configs.len() as f64, resumed as f64 / configs.len() as f64);
    }
    let [(full, none), (resumed, share)] = rounds;
    assert!(none == 0.0, "nothing can be resumed the first time");
    Figures { full, resumed, share }
}
