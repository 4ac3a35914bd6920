//! Sites whose only way out is a proxy: Debian's squid at the gate. Needs root, for the namespaces.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::network::bed::{Bed, Families, INTERNET, Knows, MANAGER};
use platen_tests::rigs::network::firewall::Firewall;
use platen_tests::rigs::network::squid::{self, Authentication, PASSWORD, Policy, Squid, USER};
use platen_tests::rigs::network::traffic::{
    IMPATIENT, command_passes, everything_passes, failed_steps, impatient, nothing_lost_and_nothing_twice,
    order_passes, parked_requests_are_held, trouble,
};
use platen_tests::rigs::process::{run, until_within};
use tempfile::TempDir;

/// A site that reaches the gate alone, whose proxy has a policy.
fn site(policy: Policy) -> (Bed, Manager, Squid) {
    let bed = Bed::lay(Families::Both, Knows::OnlyTheGate);
    Firewall::nothing_out(&bed.gate);
    let manager = bed.manager();
    let squid = Squid::start(&bed.gate, policy, &manager.ca());
    (bed, manager, squid)
}

/// What curl at the site is told by the proxy, as an HTTP status, for a tunnel to a port of the manager.
fn tunnel(bed: &Bed, proxy: &str, port: u16) -> String {
    let mut curl = bed.site.command("curl");
    curl.args(["-sk", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_connect}", "-x", proxy]);
    let output = run(curl.arg(format!("https://{MANAGER}:{port}/")), "");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_site_has_no_way_out_and_no_names_but_its_proxy() {
    let (bed, _manager, _squid) = site(Policy { authentication: Authentication::Basic, ..Policy::default() });
    assert!(!run(bed.site.command("getent").args(["hosts", MANAGER]), "").status.success(), "no names");
    for address in [INTERNET.v4.to_owned(), format!("[{}]", INTERNET.v6)] {
        let mut curl = bed.site.command("curl");
        let direct = run(curl.args(["-sk", "--max-time", "2"]).arg(format!("https://{address}/")), "");
        assert!(!direct.status.success(), "no direct way");
    }
    for proxy in Squid::urls() {
        let with = |user: &str| proxy.replace("http://", &format!("http://{user}@"));
        // As in a URL, where @, : and / have a meaning of their own.
        let escaped = PASSWORD.replace('@', "%40").replace(':', "%3A").replace('/', "%2F");
        assert_eq!(tunnel(&bed, &with(&format!("{USER}:{escaped}")), 443), "200");
        assert_eq!(tunnel(&bed, &with(&format!("{USER}:wrong")), 443), "407");
        assert_eq!(tunnel(&bed, &proxy, 443), "407");
        assert_eq!(tunnel(&bed, &with(&format!("{USER}:{escaped}")), 8443), "403");
    }
}

/// A password that the proxy does not know.
const WRONG: &str = "xyzzy-7731";
/// So many parked requests are to be held to their end.
const HELD: usize = 3;
/// Two of the longest waits of this test.
const LEARNING: Duration = Duration::from_secs(120);

/// Lines for `[uplink]` of a device that goes by a proxy.
fn by(proxy: &str) -> String {
    format!("{IMPATIENT}\nproxy = {proxy:?}\n")
}

/// The same with a name, and the password in a file of this folder.
fn as_user(proxy: &str, folder: &TempDir, password: &str) -> String {
    let file = folder.path().join("password");
    fs::write(&file, format!("{password}\n")).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    format!("{}proxy_user = {USER:?}\nproxy_password_file = \"{}\"\n", by(proxy), file.display())
}

#[test]
fn a_proxy_that_wants_a_password_carries_everything_by_ipv4_and_by_ipv6() {
    let policy = Policy { authentication: Authentication::Basic, ..Policy::default() };
    let (bed, manager, squid) = site(policy);
    let operator = manager.operator();
    let folder = TempDir::new().unwrap();
    for (name, proxy) in ["lobby", "office"].into_iter().zip(Squid::urls()) {
        let uplink = as_user(&proxy, &folder, PASSWORD);
        let mut device = bed.device(name, &manager, &Setup { uplink: &uplink, ..Setup::default() });
        let carried = everything_passes(&mut device, &manager, &operator);
        println!("by {proxy} with Basic: {carried}");
        let contact = device.status()["contact"].clone();
        assert_eq!(contact["protocol"], "HTTP/1.1", "{contact}");
        assert!(contact["proxy"].as_str().unwrap().contains("3128"), "{contact}");
        let told = format!("{contact}{}{}", device.platen(&["status"]), device.log());
        assert!(!told.contains(PASSWORD), "a password is nowhere shown");
    }
    let log = squid.access_log();
    let denied = log.lines().filter(|line| line.contains("TCP_DENIED/407")).count();
    println!("  {} tunnels ended, {denied} asked for a password first", log.lines().count() - denied);
}

#[test]
fn a_proxy_of_the_environment_is_used_and_its_exceptions_are_not() {
    let (bed, manager, _squid) = site(Policy::default());
    let operator = manager.operator();
    let [proxy, _] = Squid::urls();
    let environment = [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", "10.0.0.0/8,.other.example")];
    let setup = Setup { environment: &environment, ..impatient() };
    let mut device = bed.device("lobby", &manager, &setup);
    println!("by HTTPS_PROXY: {}", everything_passes(&mut device, &manager, &operator));

    let environment = [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", ".service.example")];
    let device = bed.device("office", &manager, &Setup { environment: &environment, ..impatient() });
    let words = device.enroll_refused(&manager.token(&["--device", "office"]));
    println!("by NO_PROXY: {}", words.trim());
    assert!(words.contains(MANAGER) && words.contains("name"), "{words}");
}

#[test]
fn what_the_proxy_wants_is_told_in_plain_words_and_once_it_has_it_the_device_goes_on_by_itself() {
    let policy = Policy { authentication: Authentication::Basic, ..Policy::default() };
    let (bed, manager, _squid) = site(policy);
    let operator = manager.operator();
    let [proxy, _] = Squid::urls();
    let folder = TempDir::new().unwrap();

    let nobody = by(&proxy);
    let nobody = bed.device("office", &manager, &Setup { uplink: &nobody, ..Setup::default() });
    let words = nobody.enroll_refused(&manager.token(&["--device", "office"]));
    println!("no password: {}", words.trim());
    assert!(words.contains("requires a user name and a password") && words.contains("proxy_user"), "{words}");

    let uplink = as_user(&proxy, &folder, PASSWORD);
    let mut device = bed.device("lobby", &manager, &Setup { uplink: &uplink, ..Setup::default() });
    everything_passes(&mut device, &manager, &operator);
    assert!(device.stop());
    as_user(&proxy, &folder, WRONG);
    device.start();
    let trouble = trouble(&device, "");
    println!("wrong password: {}; {}", trouble["what"], trouble["remedy"]);
    assert_eq!(trouble["sort"], "refused");
    let what = trouble["what"].as_str().unwrap();
    assert!(what.contains("does not accept the user name and password"), "{what}");
    let (failed, words) = failed_steps(&device);
    println!("  doctor: {failed:?} {words}");
    assert_eq!(failed, ["proxy"]);
    let table = device.platen(&["status"]);
    assert!(table.contains("does not accept the user name and password"), "{table}");
    assert!(
        !format!("{trouble}{words}{table}{}", device.log()).contains(WRONG),
        "a password is nowhere shown"
    );

    device.call_service("before the password was right");
    as_user(&proxy, &folder, PASSWORD);
    device.until_parked();
    let calls = operator.json("/api/v1/service-calls")["items"].as_array().unwrap().len();
    assert_eq!(calls, 1);
    nothing_lost_and_nothing_twice(&operator, "lobby");
}

#[test]
fn a_scheme_that_the_agent_cannot_do_is_named_with_the_one_that_it_can() {
    let policy = Policy { authentication: Authentication::Negotiate, ..Policy::default() };
    let (bed, manager, _squid) = site(policy);
    let folder = TempDir::new().unwrap();
    let uplink = as_user(&Squid::urls()[0], &folder, PASSWORD);
    let device = bed.device("lobby", &manager, &Setup { uplink: &uplink, ..Setup::default() });
    let words = device.enroll_refused(&manager.token(&["--device", "lobby"]));
    println!("Negotiate only: {}", words.trim());
    assert!(words.contains("Negotiate") && words.contains("Basic"), "{words}");
}

#[test]
fn a_port_that_the_proxy_does_not_allow_is_told_as_the_proxys_word() {
    let (bed, manager, _squid) = site(Policy::default());
    let uplink = by(&Squid::urls()[0]);
    let setup = Setup { place: bed.site.place(), uplink: &uplink, ..Setup::default() };
    let device = Device::set_up("lobby", &format!("https://{MANAGER}:8443"), setup);
    let words = device.enroll_refused(&manager.token(&["--device", "lobby"]));
    println!("port 8443: {}", words.trim());
    assert!(words.contains("403") && words.contains("CONNECT"), "{words}");
    assert!(words.contains(&format!("{MANAGER}:8443")), "what to allow stands there: {words}");
}

#[test]
fn a_device_that_was_not_told_of_the_proxy_says_which_step_fails() {
    let (bed, manager, _squid) = site(Policy::default());
    let device = bed.device("lobby", &manager, &impatient());
    let words = device.enroll_refused(&manager.token(&["--device", "lobby"]));
    println!("no proxy set: {}", words.trim());
    assert!(words.contains(MANAGER) && words.contains("proxy"), "{words}");
}

#[test]
fn a_proxy_that_cuts_idle_requests_is_learnt_by_one_cut_and_then_never_met_again() {
    // The real limit in the full run; the same in small otherwise.
    let full = std::env::var_os("PLATEN_NETWORK_FULL").is_some();
    let (limit, waits) = if full {
        (30, "ping = \"10min\"")
    } else {
        (8, "wait = \"12s\"\nwait_least = \"2s\"\nping = \"10min\"\nreply_timeout = \"4s\"")
    };
    let idle_limit = Some(Duration::from_secs(limit));
    let (bed, manager, squid) = site(Policy { idle_limit, ..Policy::default() });
    let operator = manager.operator();
    let uplink = format!("{}{waits}\n", by(&Squid::urls()[0]));
    let mut device = bed.device("lobby", &manager, &Setup { uplink: &uplink, ..Setup::default() });
    everything_passes(&mut device, &manager, &operator);
    let begin = Instant::now();
    let learnt = until_within(LEARNING, "the cut is learnt", || {
        let contact = device.status()["contact"].clone();
        contact["cut_seconds"].is_u64().then_some(contact)
    });
    println!("cut after {limit} s of silence: learnt after {:.1?}: {learnt}", begin.elapsed());
    device.until_parked();
    let wait = device.status()["contact"]["wait_seconds"].as_u64().unwrap();
    assert!(wait < limit && wait >= limit / 2, "below the cut, and not far below: {wait}");

    // From now on: request after request is held to its end, on one connection.
    let connections = || connections(&bed);
    let before = connections();
    let held = parked_requests_are_held(&device, HELD);
    assert_eq!(connections(), before, "no reconnect");
    let ended = squid.access_log().lines().count();
    println!("  then held for {held:.1?} with a wait of {wait} s; {ended} tunnels ended in all");
    order_passes(&device, &operator);
    command_passes("lobby", &operator);
    let stand = connections();
    assert!(before.iter().all(|one| stand.contains(one)), "the parked request stays: {before:?}, {stand:?}");
    device.until_parked();
    nothing_lost_and_nothing_twice(&operator, "lobby");
}

/// The device's own ports of its connections to the proxy.
fn connections(bed: &Bed) -> Vec<u16> {
    let mut ports = bed.flows(squid::PORT);
    ports.sort_unstable();
    ports
}
