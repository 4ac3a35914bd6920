//! A site whose proxy opens TLS: Debian's squid with ssl-bump and a CA of its own. What a proxy can do to
//! messages is tested in `inspected`; here a real one reads them. Needs root, for the namespaces.

use std::fs;

use platen_tests::rigs::agent::process::Setup;
use platen_tests::rigs::network::bed::{Bed, Families, HTTPS, Knows, MANAGER};
use platen_tests::rigs::network::firewall::Firewall;
use platen_tests::rigs::network::squid::{INSPECTING_CA, INSPECTING_ORGANISATION, Policy, Squid};
use platen_tests::rigs::network::traffic::{
    IMPATIENT, command_passes, failed_steps, nothing_lost_and_nothing_twice, order_passes, reports, trouble,
};
use platen_tests::rigs::process::until;

#[test]
fn a_proxy_that_opens_tls_is_named_and_refused_and_with_consent_carries_what_it_cannot_alter() {
    let bed = Bed::lay(Families::Both, Knows::OnlyTheGate);
    Firewall::nothing_out(&bed.gate);
    let manager = bed.manager();
    let operator = manager.operator();
    let uplink = format!("{IMPATIENT}\nproxy = {:?}\n", Squid::urls()[0]);
    let setup = Setup { uplink: &uplink, ..Setup::default() };
    let mut device = bed.device("lobby", &manager, &setup);
    // As the words of a refusal advise: the manager's address is exempt while a device is enrolled.
    let exempt = Squid::start(&bed.gate, Policy::default(), &manager.ca());
    device.enroll(&manager.token(&["--device", "lobby"]));
    drop(exempt);
    let squid = Squid::start(&bed.gate, Policy { inspects: true, ..Policy::default() }, &manager.ca());

    // Without consent: neither a token nor a report.
    let other = bed.device("office", &manager, &setup);
    let token = manager.token(&["--device", "office"]);
    let words = other.enroll_refused(&token);
    println!("enrolment: {}", words.trim());
    assert!(words.contains(INSPECTING_CA) && words.contains(INSPECTING_ORGANISATION), "{words}");
    assert!(words.contains("cannot be enrolled through TLS inspection"), "{words}");
    device.start();
    let trouble = trouble(&device, "");
    println!("without consent: {}; {}", trouble["what"], trouble["remedy"]);
    assert_eq!(trouble["sort"], "untrusted");
    assert!(trouble["what"].as_str().unwrap().contains(INSPECTING_CA), "{trouble}");
    let remedy = trouble["remedy"].as_str().unwrap();
    assert!(remedy.contains(&format!("exempt {MANAGER}:{HTTPS} from TLS inspection")), "{remedy}");
    assert!(remedy.contains("inspecting_ca"), "{remedy}");
    assert!(device.log().contains(INSPECTING_CA), "{}", device.log());
    assert!(device.platen(&["status"]).contains(INSPECTING_CA), "who it is stands on the screen");
    let (failed, words) = failed_steps(&device);
    println!("  doctor: {failed:?} {words}");
    assert_eq!(failed, ["TLS"]);
    assert!(words.contains(INSPECTING_CA), "{words}");
    device.call_service("while nobody could be trusted");
    assert!(device.status()["backlog"].as_u64().unwrap() >= 1, "what happens is kept");
    assert!(!squid.access_log().contains("/v1/"), "the proxy has read nothing:\n{}", squid.access_log());
    assert!(reports(&operator, "lobby").is_empty());

    // With the customer's consent.
    assert!(device.stop());
    let file = device.file("agent.toml");
    let consent = format!("[uplink]\ninspecting_ca = \"{}\"\n", squid.ca_file().display());
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("[uplink]\n", &consent)).unwrap();
    device.start();
    device.until_parked();
    until("the call is there", || {
        let calls = operator.json("/api/v1/service-calls")["items"].as_array()?.len();
        (calls == 1).then_some(())
    });
    let (order, command) = (order_passes(&device, &operator), command_passes("lobby", &operator));
    device.until_parked();
    let contact = device.status()["contact"].clone();
    println!("with consent: an order in {order:.1?}, a command in {command:.1?}; {contact}");
    assert_eq!(contact["protocol"], "HTTP/1.1", "ALPN was stripped: {contact}");
    let log = squid.access_log();
    let read = format!("POST https://{MANAGER}/v1/reports");
    assert!(log.contains(&read), "the proxy does read what passes:\n{log}");
    println!("  the proxy read {} requests", log.matches(&read).count());
    nothing_lost_and_nothing_twice(&operator, "lobby");

    // The proxy never saw the token: it is as good as new.
    drop(squid);
    let _exempt = Squid::start(&bed.gate, Policy::default(), &manager.ca());
    other.enroll(&token);
}
