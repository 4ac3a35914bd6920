//! Customers' networks in network namespaces: a device reports from inside, and says in plain words what
//! hinders it. Needs root, for the namespaces.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Helpers of tests end the test, with its words.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use platen_tests::network::bed::{Bed, Families, HTTPS, INTERNET, Knows, SITE};
use platen_tests::network::firewall::Firewall;
use platen_tests::network::traffic::{
    command_passes, everything_passes, nothing_lost_and_nothing_twice, order_passes,
};
use platen_tests::process::{Running, run, run_ok, until};
use platen_tests::site::{Device, Setup};
use serde_json::Value;

/// The wait of devices whose silence is to be found; the shortest that the agent takes from a person.
const WAIT: Duration = Duration::from_secs(10);

/// A failure is tried again soon, so that a test does not wait for it.
const IMPATIENT: &str = "backoff_first = \"100ms\"\nbackoff_limit = \"1s\"\nconnect_timeout = \"2s\"";

/// The names of namespaces that a process made.
fn namespaces_of(process: u32) -> Vec<String> {
    let listing = run_ok(Command::new("ip").args(["netns", "list"]), "");
    let ours = format!("platen-test-{process}-");
    let names = listing.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| name.starts_with(&ours)).map(str::to_owned).collect()
}

#[test]
fn a_bed_goes_with_its_test_and_one_that_was_left_behind_goes_with_the_next() {
    let me = std::process::id();
    let panicked = std::panic::catch_unwind(|| {
        let bed = Bed::lay(Families::Both, Knows::TheManager);
        let left = Running::start(bed.site.command("sleep").arg("600"), Path::new("/dev/null"));
        assert_eq!(namespaces_of(me).len(), 3);
        // Not ended by us: what still runs in a namespace goes with it.
        std::mem::forget(left);
        panic!("as a test that fails");
    });
    assert!(panicked.is_err());
    assert_eq!(namespaces_of(me), Vec::<String>::new());

    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let left = format!("platen-test-{}-0-site", gone.id());
    run_ok(Command::new("ip").args(["netns", "add", &left]), "");
    drop(Bed::lay(Families::V4, Knows::OnlyTheGate));
    assert_eq!(namespaces_of(gone.id()), Vec::<String>::new());
}

fn impatient() -> Setup<'static> {
    Setup { uplink: IMPATIENT, ..Setup::default() }
}

/// Connections of the device that are established: its own ports.
fn flows(bed: &Bed) -> Vec<u16> {
    let filter = format!("dport = :{HTTPS}");
    let listing = run_ok(bed.site.command("ss").args(["-Htn", "state", "established", &filter]), "");
    let port = |line: &str| line.split_whitespace().nth(2)?.rsplit_once(':')?.1.parse().ok();
    listing.lines().filter_map(port).collect()
}

#[test]
fn a_firewall_that_lets_out_only_https_carries_everything_and_sees_nobody_call_the_device() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let firewall = Firewall::only_https_out(&bed.gate);
    let at_device = Firewall::counting(&bed.site);
    let manager = bed.manager();
    let operator = manager.operator();
    let mut device = bed.device("lobby", &manager, &impatient());
    let carried = everything_passes(&mut device, &manager, &operator);
    let counters = firewall.counters();
    println!("nftables, TCP 443 out only: {carried}");
    println!(
        "  {} connections out; {} bytes out, {} back; {} packets that wanted out otherwise, {} that wanted in",
        counters["out_new"].packets,
        counters["out"].bytes,
        counters["answers"].bytes,
        counters["refused_out"].packets,
        counters["refused_in"].packets,
    );
    assert_eq!(counters["refused_out"].packets, 0, "the device tried nothing but what it may");
    assert_eq!(counters["refused_in"].packets, 0, "nobody called");
    assert_eq!(at_device.counter("inbound").packets, 0, "nobody called");

    // Had anybody called, it would have been seen: at the firewall, and without it at the device.
    let call = |address: &str| {
        let port = format!("/dev/tcp/{address}/22");
        run(Command::new("timeout").args(["1", "bash", "-c", &format!(": < {port}")]), "");
    };
    call(SITE.v6);
    assert!(firewall.counter("refused_in").packets > 0, "a call from outside is counted");
    firewall.open();
    call(SITE.v6);
    assert!(at_device.counter("inbound").packets > 0, "a call that gets through is counted at the device");
}

#[test]
fn a_site_with_ipv6_alone_is_a_site_like_any_other() {
    let bed = Bed::lay(Families::V6, Knows::TheManager);
    let firewall = Firewall::only_https_out(&bed.gate);
    let manager = bed.manager();
    let operator = manager.operator();
    let mut device = bed.device("lobby", &manager, &impatient());
    let carried = everything_passes(&mut device, &manager, &operator);
    println!("IPv6 only, by name: {carried}; {} connections out", firewall.counter("out_new").packets);
    assert_eq!(operator.device("lobby")["contact"]["remote"], SITE.v6);

    // By number as well, as where no name is known.
    let url = format!("https://[{}]:{HTTPS}", INTERNET.v6);
    let setup = Setup { place: bed.site.place(), ..impatient() };
    let mut office = Device::set_up("office", &url, setup);
    let carried = everything_passes(&mut office, &manager, &operator);
    println!("IPv6 only, by number: {carried}");
}

/// Until the device says that it has no contact: what it says, and after how long.
fn trouble(device: &Device) -> (Value, Duration) {
    let begin = Instant::now();
    let trouble = until("the device has noticed", || {
        let trouble = device.status()["contact"]["trouble"].clone();
        trouble.is_object().then_some(trouble)
    });
    (trouble, begin.elapsed())
}

#[test]
fn a_connection_that_the_firewall_forgot_is_found_within_one_and_a_half_waits_and_replaced() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let firewall = Firewall::only_https_out(&bed.gate);
    let manager = bed.manager();
    let operator = manager.operator();
    let uplink = format!("{IMPATIENT}\nwait = \"{}s\"\nreply_timeout = \"5s\"", WAIT.as_secs());
    let mut device = bed.device("lobby", &manager, &Setup { uplink: &uplink, ..Setup::default() });
    everything_passes(&mut device, &manager, &operator);
    let old = flows(&bed);
    assert!(!old.is_empty(), "a parked device holds a connection");
    for port in &old {
        firewall.forget(*port);
    }
    let begin = Instant::now();
    let fresh = until("the device has another connection", || {
        let fresh: Vec<u16> = flows(&bed).into_iter().filter(|port| !old.contains(port)).collect();
        (!fresh.is_empty()).then_some(fresh)
    });
    let found = begin.elapsed();
    println!(
        "a forgotten connection: found after {found:.1?} with a wait of {WAIT:?}; {old:?} then {fresh:?}"
    );
    assert!(found <= WAIT * 3 / 2 + Duration::from_secs(1), "silence is found within 1.5 waits: {found:?}");
    device.until_parked();
    order_passes(&device, &operator);
    command_passes("lobby", &operator);
    nothing_lost_and_nothing_twice(&operator, "lobby");
}

#[test]
fn a_line_that_goes_dead_keeps_what_happens_and_brings_it_when_it_comes_back() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let firewall = Firewall::only_https_out(&bed.gate);
    let manager = bed.manager();
    let operator = manager.operator();
    let uplink = format!("{IMPATIENT}\nwait = \"{}s\"\nreply_timeout = \"5s\"", WAIT.as_secs());
    let mut device = bed.device("lobby", &manager, &Setup { uplink: &uplink, ..Setup::default() });
    everything_passes(&mut device, &manager, &operator);
    firewall.cut();
    device.call_service("while the line was dead");
    let (trouble, noticed) = trouble(&device);
    println!("a dead line: noticed after {noticed:.1?}: {}; {}", trouble["what"], trouble["remedy"]);
    assert!(device.status()["backlog"].as_u64().unwrap() >= 1, "what happens is kept");
    let calls = |operator: &platen_tests::api::Operator| {
        operator.json("/api/v1/service-calls")["items"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(calls(&operator), 0);
    firewall.mend();
    let begin = Instant::now();
    device.until_parked();
    println!("  back after {:.1?}", begin.elapsed());
    assert_eq!(calls(&operator), 1);
    nothing_lost_and_nothing_twice(&operator, "lobby");
}

#[test]
fn a_site_that_lets_nothing_out_is_told_which_step_fails() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let manager = bed.manager();
    let device = bed.device("lobby", &manager, &impatient());
    let firewall = Firewall::nothing_out(&bed.gate);
    let words = device.enroll_refused(&manager.token(&["--device", "lobby"]));
    println!("everything dropped: {}", words.trim());
    assert!(
        words.contains("manager.service.example:443") || words.contains("https://manager.service.example")
    );
    assert!(words.contains("firewall"), "{words}");
    assert!(firewall.counter("refused_out").packets > 0);
    firewall.open();
    device.enroll(&manager.token(&["--device", "lobby"]));
}
