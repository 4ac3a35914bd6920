//! Customers' networks in network namespaces: a device reports from inside, and says in plain words what
//! hinders it. Needs root, for the namespaces.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::network::bed::{Bed, Families, GATE_OUTSIDE, HTTPS, INTERNET, Knows, MANAGER, SITE};
use platen_tests::rigs::network::firewall::Firewall;
use platen_tests::rigs::network::portal::Portal;
use platen_tests::rigs::network::traffic::{
    IMPATIENT, command_passes, everything_passes, failed_steps, impatient, nothing_lost_and_nothing_twice,
    order_passes, parked_requests_are_held, trouble,
};
use platen_tests::rigs::process::{Running, run, run_ok, until, until_within};

/// The wait of devices whose silence is to be found; the shortest that the agent takes from a person.
const WAIT: Duration = Duration::from_secs(10);

/// Until the manager calls a device silent: it gives one and a half waits, and a minute.
const MANAGERS_PATIENCE: Duration = Duration::from_secs(240);

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

#[test]
fn a_connection_that_the_firewall_forgot_is_found_within_one_and_a_half_waits_and_replaced() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let firewall = Firewall::only_https_out(&bed.gate);
    let manager = bed.manager();
    let operator = manager.operator();
    let uplink = format!("{IMPATIENT}\nwait = \"{}s\"\nreply_timeout = \"5s\"", WAIT.as_secs());
    let mut device = bed.device("lobby", &manager, &Setup { uplink: &uplink, ..Setup::default() });
    everything_passes(&mut device, &manager, &operator);
    let old = bed.flows(HTTPS);
    assert!(!old.is_empty(), "a parked device holds a connection");
    for port in &old {
        firewall.forget(*port);
    }
    let begin = Instant::now();
    until("the device lets go of the connection", || {
        bed.flows(HTTPS).iter().all(|port| !old.contains(port)).then_some(())
    });
    let found = begin.elapsed();
    let fresh = until("the device has another connection", || {
        Some(bed.flows(HTTPS)).filter(|ports| !ports.is_empty())
    });
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
fn a_firewall_that_forgets_idle_connections_is_learnt_and_then_never_met_again() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let firewall = Firewall::only_https_out(&bed.gate);
    firewall.forget_idle(Duration::from_secs(10));
    let manager = bed.manager();
    let operator = manager.operator();
    let uplink =
        format!("{IMPATIENT}\nwait = \"12s\"\nwait_least = \"2s\"\nping = \"10min\"\nreply_timeout = \"4s\"");
    let mut device = bed.device("lobby", &manager, &Setup { uplink: &uplink, ..Setup::default() });
    everything_passes(&mut device, &manager, &operator);
    let begin = Instant::now();
    let learnt = until("the silence is learnt", || {
        let contact = device.status()["contact"].clone();
        contact["cut_seconds"].is_u64().then_some(contact)
    });
    println!("forgotten after 10 s of silence: learnt after {:.1?}: {learnt}", begin.elapsed());
    device.until_parked();
    let before = bed.flows(HTTPS);
    let held = parked_requests_are_held(&device, 2);
    order_passes(&device, &operator);
    command_passes("lobby", &operator);
    device.until_parked();
    let stand = bed.flows(HTTPS);
    assert!(before.iter().all(|one| stand.contains(one)), "no reconnect: {before:?}, {stand:?}");
    println!("  then held for {held:.1?}");
    nothing_lost_and_nothing_twice(&operator, "lobby");
}

#[test]
fn a_line_that_goes_dead_is_silence_at_the_manager_and_what_happened_comes_when_it_is_back() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let firewall = Firewall::only_https_out(&bed.gate);
    let manager = bed.manager();
    let operator = manager.operator();
    let uplink = format!("{IMPATIENT}\nwait = \"2s\"\nreply_timeout = \"1s\"");
    let mut device = bed.device("lobby", &manager, &Setup { uplink: &uplink, ..Setup::default() });
    everything_passes(&mut device, &manager, &operator);
    firewall.cut();
    device.call_service("while the line was dead");
    let begin = Instant::now();
    let trouble = trouble(&device, "");
    println!(
        "a dead line: noticed after {:.1?}: {}; {}",
        begin.elapsed(),
        trouble["what"],
        trouble["remedy"]
    );
    assert!(device.status()["backlog"].as_u64().unwrap() >= 1, "what happens is kept");
    until_within(MANAGERS_PATIENCE, "the manager shows the device as silent", || {
        (operator.device("lobby")["contact"]["state"] == "silent").then_some(())
    });
    println!("  silent at the manager after {:.1?}", begin.elapsed());
    let calls =
        |operator: &Operator| operator.json("/api/v1/service-calls")["items"].as_array().map_or(0, Vec::len);
    assert_eq!(calls(&operator), 0);
    firewall.mend();
    let begin = Instant::now();
    device.until_parked();
    println!("  back after {:.1?}", begin.elapsed());
    assert_eq!(calls(&operator), 1);
    until("the manager shows the device as parked", || {
        (operator.device("lobby")["contact"]["state"] == "parked").then_some(())
    });
    nothing_lost_and_nothing_twice(&operator, "lobby");
}

#[test]
fn a_family_that_goes_nowhere_is_left_for_the_other_without_waiting() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let firewall = Firewall::only_https_out(&bed.gate);
    let manager = bed.manager();
    let operator = manager.operator();
    // The manager sees the gate's address for IPv4, and the device's own for IPv6.
    for (dead, name, remote) in [("ipv4", "lobby", SITE.v6), ("ipv6", "office", GATE_OUTSIDE.v4)] {
        firewall.cut_family(dead);
        let mut device = bed.device(name, &manager, &impatient());
        let carried = everything_passes(&mut device, &manager, &operator);
        println!("{dead} dropped in silence: {carried}");
        let seen = operator.device(name)["contact"]["remote"].as_str().unwrap().replace("::ffff:", "");
        assert_eq!(seen, remote);
        firewall.mend();
    }
}

#[test]
fn a_site_that_lets_nothing_out_is_told_which_step_fails() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let manager = bed.manager();
    let mut device = bed.device("lobby", &manager, &impatient());
    let firewall = Firewall::nothing_out(&bed.gate);
    let words = device.enroll_refused(&manager.token(&["--device", "lobby"]));
    println!("everything dropped: {}", words.trim());
    assert!(
        words.contains(&format!("firewall allows this device TCP outbound to {MANAGER}:{HTTPS}")),
        "{words}"
    );
    assert!(firewall.counter("refused_out").packets > 0);
    firewall.open();
    device.enroll(&manager.token(&["--device", "lobby"]));
    device.start();
    device.until_parked();
    let (failed, words) = failed_steps(&device);
    assert_eq!(failed, Vec::<String>::new(), "{words}");
    assert!(words.contains(MANAGER), "what must be allowed is said in any case: {words}");
    Firewall::nothing_out(&bed.gate);
    let (failed, words) = failed_steps(&device);
    println!("  doctor: {failed:?} {words}");
    assert_eq!(failed, ["TCP"]);
    assert!(words.contains("firewall") && words.contains(&format!("{MANAGER}, port {HTTPS}")), "{words}");
}

/// What a path behind a few tunnels carries; with headers, a segment of 536 bytes is a packet of 576.
const NARROW_MTU: u32 = 620;

#[test]
fn a_path_that_swallows_large_packets_in_silence_is_named_and_carries_everything_in_small_ones() {
    let bed = Bed::lay(Families::V4, Knows::TheManager);
    let mut manager = bed.manager();
    let operator = manager.operator();
    let firewall = Firewall::swallows_large_packets(&bed.gate, NARROW_MTU);
    // Who does nothing about it waits in vain.
    let url = format!("https://{MANAGER}/");
    let mut curl = bed.site.command("curl");
    let waits = run(curl.args(["-sk", "--max-time", "3", &url]), "");
    assert_eq!(waits.status.code(), Some(28), "a handshake in whole packets stalls");

    let mut device = bed.device("lobby", &manager, &impatient());
    let carried = everything_passes(&mut device, &manager, &operator);
    println!("path MTU {NARROW_MTU}, nobody says so: {carried}");
    assert!(firewall.counter("unsaid").packets > 0, "the gate would have said so");
    let contact = device.status()["contact"].clone();
    assert_eq!(contact["small_packets"], true, "{contact}");
    assert!(device.platen(&["status"]).contains("large packets seem not to get through (MTU)"));
    assert!(device.log().contains("large packets seem not to get through"), "{}", device.log());

    let output = run(device.tool().args(["doctor", "--json"]), "");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = report["way"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["subject"] == "packet size").unwrap();
    println!("  doctor: {step}");
    assert_eq!(step["verdict"], "doubtful");
    assert!(step["what"].as_str().unwrap().contains("path MTU"), "{step}");
    assert!(step["check"].as_str().unwrap().contains("fragmentation needed"), "{step}");
    let (failed, words) = failed_steps(&device);
    assert_eq!(failed, Vec::<String>::new(), "{words}");
    assert!(words.contains("Large packets vanish"), "{words}");

    nothing_lost_and_nothing_twice(&operator, "lobby");

    // It is remembered: the next connection begins in small packets, and finds nothing out again.
    let found = || device.log().matches("large packets seem not to get through").count();
    assert_eq!(found(), 1);
    manager.kill();
    println!("  without a manager: {}", trouble(&device, "")["what"]);
    manager.resume();
    device.until_parked();
    assert_eq!(found(), 1, "{}", device.log());
    assert_eq!(device.status()["contact"]["small_packets"], true);
}

#[test]
fn where_only_what_the_device_sends_is_swallowed_small_packets_are_found_to_help() {
    let bed = Bed::lay(Families::V4, Knows::TheManager);
    let manager = bed.manager();
    let operator = manager.operator();
    let firewall = Firewall::swallows_large_packets_out(&bed.gate, NARROW_MTU);
    // The manager's certificates arrive, and the device's own do not: it is its requests that stall.
    let uplink = format!("{IMPATIENT}\nreply_timeout = \"2s\"");
    let mut device = bed.device("lobby", &manager, &Setup { uplink: &uplink, ..Setup::default() });
    let carried = everything_passes(&mut device, &manager, &operator);
    println!("MTU {NARROW_MTU} out only, nobody says so: {carried}");
    assert!(firewall.counter("unsaid").packets > 0, "the gate would have said so");
    assert_eq!(device.status()["contact"]["small_packets"], true, "{}", device.log());
    let (failed, words) = failed_steps(&device);
    assert_eq!(failed, Vec::<String>::new(), "{words}");
}

#[test]
fn a_network_that_wants_a_login_first_is_named_and_once_it_lets_the_device_through_it_goes_on() {
    let bed = Bed::lay(Families::Both, Knows::TheManager);
    let manager = bed.manager();
    let operator = manager.operator();
    let mut device = bed.device("lobby", &manager, &impatient());
    device.enroll(&manager.token(&["--device", "lobby"]));
    let login =
        "HTTP/1.1 302 Found\r\nLocation: http://portal.hotel.example/login\r\nContent-Length: 0\r\n\r\n";
    let portal = Portal::open(Some(&bed.gate), "[::]:8080".parse().unwrap(), login);
    let firewall = Firewall::everything_to(&bed.gate, portal.address().port());
    let other = bed.device("office", &manager, &impatient());
    let words = other.enroll_refused(&manager.token(&["--device", "office"]));
    println!("a captive portal: {}", words.trim());
    assert!(words.contains("http://portal.hotel.example") && words.contains("without a login"), "{words}");
    device.start();
    let trouble = trouble(&device, "");
    println!("  status: {}; {}", trouble["what"], trouble["remedy"]);
    assert!(trouble["what"].as_str().unwrap().contains("captive portal"), "{trouble}");
    assert!(trouble["remedy"].as_str().unwrap().contains("without a login"), "{trouble}");
    assert!(device.log().contains("captive portal"), "{}", device.log());
    let (failed, words) = failed_steps(&device);
    println!("  doctor: {failed:?} {words}");
    assert_eq!(failed, ["TLS"]);
    assert!(words.contains("captive portal") && words.contains("without a login page"), "{words}");
    device.call_service("while the network wanted a login");
    firewall.open();
    device.until_parked();
    order_passes(&device, &operator);
    nothing_lost_and_nothing_twice(&operator, "lobby");
}
