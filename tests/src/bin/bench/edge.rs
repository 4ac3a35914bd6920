//! From an edge of a simulated line to the event at the operator's API, beside the sum of what cannot be
//! saved: the two fsyncs (outbox and store) and a round trip.

use std::time::{Duration, Instant};

use platen_tests::site::{Device, Manager};

use crate::machine::{fsync, median};
use crate::table::Table;

const EDGES: usize = 60;
const ROUND_TRIPS: usize = 200;
/// Between two edges: longer than the debounce of switches, so that each counts at once.
const PAUSE: Duration = Duration::from_millis(150);

pub(crate) fn measure(table: &mut Table) {
    eprintln!("edge to event, {EDGES} edges");
    let manager = Manager::start();
    let device = Device::enrolled("edge", &manager);
    let operator = manager.operator();
    let mut events = operator.events();
    let mut took = Vec::new();
    for edge in 0..EDGES {
        let (act, kind) = if edge % 2 == 0 { ("open", "alert_raised") } else { ("close", "alert_cleared") };
        std::thread::sleep(PAUSE);
        let begin = Instant::now();
        device.sim(act, "cover");
        events.find(|event| event["kind"] == kind).unwrap();
        took.push(begin.elapsed());
    }
    let disk = fsync(&manager.state());
    let trip = median(
        (0..ROUND_TRIPS)
            .map(|_| {
                let begin = Instant::now();
                operator.get("/api/v1/openapi-ping-that-is-not-there");
                begin.elapsed()
            })
            .collect(),
    );
    let floor = disk * 2 + trip;
    let took = median(took);
    let us = |duration: Duration| duration.as_secs_f64() * 1e6;
    table.show("one fsync", us(disk), "us", "this machine's disk");
    table.show("one round trip to the manager, TLS", us(trip), "us", "this machine's loopback");
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
        4.0,
        "goal 2, stretch 1.5",
    );
}
