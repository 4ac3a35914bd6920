//! From an edge of a simulated line to the event at the operator's API, beside the sum of what cannot be
//! saved: the two fsyncs (outbox and store) and a round trip.

use std::time::{Duration, Instant};

use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::manager::process::Manager;

use crate::machine::{FsyncProbe, median};
use crate::table::Table;

const EDGES: usize = 60;
/// Between two edges: longer than the debounce of switches, so that each counts at once. The floor is
/// measured at the same pace, for a machine that has just slept answers later than one in a tight loop.
const PAUSE: Duration = Duration::from_millis(150);
/// Every second edge raises the same alert, which would otherwise soon be held for flapping.
const NO_FLAPPING: &str = "[judge]\nflap_limit = 60\n";

pub(crate) fn measure(table: &mut Table) {
    eprintln!("edge to event, {EDGES} edges");
    let manager = Manager::start();
    let setup = Setup { extra: NO_FLAPPING, ..Setup::default() };
    let device = Device::enrolled_by("edge", &manager, &manager.device_url(), setup);
    let operator = manager.operator();
    let mut events = operator.events();
    let mut probe = FsyncProbe::new(&manager.state());
    let (mut took, mut disk, mut trip) = (Vec::new(), Vec::new(), Vec::new());
    for edge in 0..EDGES {
        let (act, kind) = if edge % 2 == 0 { ("open", "alert_raised") } else { ("close", "alert_cleared") };
        std::thread::sleep(PAUSE);
        let begin = Instant::now();
        device.sim(act, "cover");
        events.find(|event| event["kind"] == kind).unwrap();
        took.push(begin.elapsed());
        std::thread::sleep(PAUSE);
        disk.push(probe.once());
        std::thread::sleep(PAUSE);
        let begin = Instant::now();
        operator.get("/no-such-page");
        trip.push(begin.elapsed());
    }
    let (took, disk, trip) = (median(took), median(disk), median(trip));
    let floor = disk * 2 + trip;
    let us = |duration: Duration| duration.as_secs_f64() * 1e6;
    table.show("one fsync", us(disk), "us", "this machine's disk, at the same pace");
    table.show(
        "one round trip to the manager, TLS",
        us(trip),
        "us",
        "this machine's loopback, at the same pace",
    );
    table.show(
        "edge to event, median",
        us(took),
        "us",
        "from the act at the control socket to the event read",
    );
    table.at_most(
        "edge to event, beside two fsyncs and a round trip",
        us(took) / us(floor),
        "times",
        2.5,
        "goal 2, stretch 1.5",
    );
}
