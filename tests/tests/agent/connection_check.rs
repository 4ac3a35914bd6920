//! `platen doctor` checks the connection to the manager: each step, failing for real.

use std::sync::Arc;
use std::time::Duration;

use platen_agent::clock::Clock;
use platen_agent::tool::control::message::{Answer, Request};
use platen_agent::uplink::examine::{ConnectionCheck, Examiner};
use platen_hal::Verdict;
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::agent::task::Device;
use platen_tests::rigs::manager::scripted::Manager;
use platen_tests::rigs::network::portal::Portal;
use platen_tests::rigs::proxy::faults::FaultProxy;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

async fn check_connection(device: &Device) -> ConnectionCheck {
    let clock = Arc::new(Clock::new());
    clock.learn("2026-11-25T00:00:00Z".parse().unwrap());
    Examiner::new(device.config.uplink.clone(), device.state().to_owned(), clock).check().await
}

/// The steps that were taken, and the words of the one that failed.
fn taken(check: &ConnectionCheck) -> (Vec<&str>, String) {
    let steps = check.steps.iter().map(|step| step.finding.subject.as_str()).collect();
    let failed = check.steps.iter().filter(|step| step.finding.verdict == Verdict::Failed);
    let words = failed
        .map(|step| format!("{}: {}; {:?}", step.finding.subject, step.finding.what, step.finding.check));
    (steps, words.collect::<Vec<_>>().join("\n"))
}

async fn at(address: &str) -> (Device, Manager) {
    let manager = Manager::start().await;
    let mut device = Device::enrolled(&manager).await;
    device.config.uplink.manager = Some(address.parse().unwrap());
    device.config.uplink.connect_timeout = Duration::from_millis(500);
    (device, manager)
}

#[tokio::test]
async fn where_everything_is_well_each_step_says_what_it_found_and_the_session_is_not_disturbed() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    manager.until("it is parked", |state| (state.parked > 0).then_some(())).await;
    let (before, epochs) = (manager.state.borrow().ever_parked, manager.state.borrow().epochs.clone());
    let Answer::Findings { connection, .. } = agent.ask(Request::Doctor).await else { panic!() };
    let (steps, failed) = taken(&connection);
    assert_eq!(steps, ["name", "TCP", "TLS", "HTTP", "clock", "certificate", "manager"], "{connection:?}");
    assert_eq!(failed, "");
    assert!(connection.steps.iter().any(|step| step.took_ms.is_some()));
    assert_eq!((manager.state.borrow().ever_parked, &manager.state.borrow().epochs), (before, &epochs));
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_name_that_does_not_resolve_ends_the_walk_at_the_name() {
    let (device, _manager) = at("https://no-such-host.invalid:8443").await;
    let check = check_connection(&device).await;
    let (steps, failed) = taken(&check);
    assert_eq!(steps, ["name", "clock", "certificate"]);
    assert!(failed.contains("no-such-host.invalid") && failed.contains("name server"), "{failed}");
    assert!(check.tell.iter().any(|line| line.contains("no-such-host.invalid, port 8443")), "{check:?}");
}

/// The administrator of the customer's network is told in the remedy itself.
fn what_the_firewall_must_allow(failed: &str, address: &str) {
    for words in ["firewall", &format!("TCP outbound to {address}"), "without TLS inspection"] {
        assert!(failed.contains(words), "{words}: {failed}");
    }
}

/// A port that nobody else can take, and at which nobody listens yet.
fn port_of_our_own() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

#[tokio::test]
async fn a_closed_port_ends_the_walk_at_tcp() {
    let socket = port_of_our_own();
    let closed = socket.local_addr().unwrap();
    let (device, _manager) = at(&format!("https://{closed}")).await;
    let check = check_connection(&device).await;
    let (steps, failed) = taken(&check);
    assert_eq!(steps, ["name", "TCP", "clock", "certificate"]);
    assert!(failed.contains("refused"), "{failed}");
    what_the_firewall_must_allow(&failed, &closed.to_string());
}

#[tokio::test]
async fn a_port_that_swallows_ends_the_walk_at_tcp_within_the_limit() {
    let full = port_of_our_own().listen(0).unwrap();
    let _queued = TcpStream::connect(full.local_addr().unwrap()).await.unwrap();
    let (device, _manager) = at(&format!("https://{}", full.local_addr().unwrap())).await;
    let check = check_connection(&device).await;
    let (steps, failed) = taken(&check);
    assert_eq!(steps, ["name", "TCP", "clock", "certificate"]);
    assert!(failed.contains("nothing answers on that port"), "{failed}");
    what_the_firewall_must_allow(&failed, &full.local_addr().unwrap().to_string());
}

#[tokio::test]
async fn a_port_that_takes_connections_and_says_nothing_ends_the_walk_at_tls() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (device, _manager) = at(&format!("https://{}", silent.local_addr().unwrap())).await;
    let check = check_connection(&device).await;
    let (steps, failed) = taken(&check);
    assert_eq!(steps, ["name", "TCP", "TLS", "clock", "certificate"]);
    assert!(failed.contains("nothing answers TLS, even in small packets"), "{failed}");
    assert!(failed.contains("MTU") && failed.contains("port for devices"), "{failed}");
}

/// What the walk says of a server that answers like this in the manager's place, and what the administrator hears.
async fn answered(answer: &str) -> (String, String) {
    let portal = Portal::open(None, "127.0.0.1:0".parse().unwrap(), answer);
    let (device, _manager) = at(&format!("https://{}", portal.address())).await;
    let check = check_connection(&device).await;
    let (steps, failed) = taken(&check);
    assert_eq!(steps, ["name", "TCP", "TLS", "clock", "certificate"], "{answer}: {failed}");
    (failed, check.tell.join("\n"))
}

#[tokio::test]
async fn a_login_page_in_the_managers_place_ends_the_walk_at_tls_and_is_named_with_what_to_do() {
    for (answer, words) in [
        (
            "HTTP/1.1 511 Network Authentication Required\r\n\r\n<html>",
            "wants a login before it lets anything out",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://portal.hotel.example/login?mac=1\r\n\r\n",
            "http://portal.hotel.example",
        ),
        ("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Welcome</html>", "shows a web page"),
        ("<!DOCTYPE html><html>Welcome</html>", "shows a web page"),
    ] {
        let (failed, tell) = answered(answer).await;
        assert!(failed.contains(words) && failed.contains("captive portal"), "{answer}: {failed}");
        assert!(failed.contains("without a login"), "{answer}: {failed}");
        assert!(!failed.contains("mac=1"), "who asked is not repeated: {failed}");
        assert!(tell.contains("without a login page"), "{answer}: {tell}");
    }
}

#[tokio::test]
async fn a_server_without_tls_on_that_port_is_named_by_what_it_speaks() {
    let (failed, _) = answered("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
    assert!(
        failed.contains("plain HTTP (it answered 400)") && failed.contains("port for devices"),
        "{failed}"
    );
    let (failed, _) = answered("SSH-2.0-OpenSSH_9.2\r\n").await;
    assert!(failed.contains("begins with \"SSH-2.0-OpenSSH_9.2\""), "{failed}");
}

#[tokio::test]
async fn a_proxy_that_says_yes_and_shows_a_page_is_named_as_a_login_page() {
    let proxy =
        FaultProxy::saying("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");
    let (mut device, _manager) = at("https://manager.invalid:8443").await;
    device.config.uplink.proxy = Some(proxy.http_url().parse().unwrap());
    let check = check_connection(&device).await;
    let (steps, failed) = taken(&check);
    assert_eq!(steps, ["name", "TCP", "proxy", "TLS", "clock", "certificate"]);
    assert!(failed.contains("captive portal") && failed.contains(&proxy.http_url()), "{failed}");
}

#[tokio::test]
async fn a_login_page_stands_in_the_status_with_what_to_do_and_the_device_goes_on_when_it_is_gone() {
    let manager = Manager::start().await;
    let proxy = FaultProxy::http();
    let mut device = Device::enrolled(&manager).await;
    device.config.uplink.proxy = Some(proxy.http_url().parse().unwrap());
    proxy.says(Some("HTTP/1.1 511 Network Authentication Required\r\n\r\n"));
    let agent = device.start();
    let trouble = agent.until("the trouble is told", |status| status.contact.trouble.clone()).await;
    assert!(trouble.what.contains("511") && trouble.what.contains("captive portal"), "{}", trouble.what);
    assert!(trouble.remedy.contains("without a login"), "{}", trouble.remedy);
    proxy.says(None);
    manager.until("it is parked", |state| (state.parked > 0).then_some(())).await;
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_stranger_ends_the_walk_at_tls_and_is_named() {
    let other = Manager::start().await;
    let (device, _manager) = at(&other.url()).await;
    let check = check_connection(&device).await;
    let (steps, failed) = taken(&check);
    assert_eq!(steps, ["name", "TCP", "TLS", "clock", "certificate"]);
    assert!(
        failed.starts_with("TLS: ") && failed.contains("not the one that this device was enrolled with"),
        "{failed}"
    );
}

#[tokio::test]
async fn a_manager_whose_certificate_has_ended_ends_the_walk_at_tls() {
    let manager = Manager::start().await;
    let mut device = Device::enrolled(&manager).await;
    let ended = manager.twin(2001, 2002).await;
    device.config.uplink.manager = Some(ended.url().parse().unwrap());
    let check = check_connection(&device).await;
    let (steps, failed) = taken(&check);
    assert_eq!(steps, ["name", "TCP", "TLS", "clock", "certificate"]);
    assert!(failed.contains("certificate has expired"), "{failed}");
}

#[tokio::test]
async fn a_proxy_that_refuses_ends_the_walk_at_the_proxy_and_one_that_is_silent_too() {
    let proxy = FaultProxy::saying("HTTP/1.1 403 Forbidden\r\n\r\n");
    let (mut device, manager) = at("https://manager.invalid:8443").await;
    device.config.uplink.proxy = Some(proxy.http_url().parse().unwrap());
    let found = check_connection(&device).await;
    let (steps, failed) = taken(&found);
    assert_eq!(steps, ["name", "TCP", "proxy", "clock", "certificate"]);
    assert!(failed.contains("403") && failed.contains("allow CONNECT to manager.invalid:8443"), "{failed}");
    assert!(found.tell.iter().any(|line| line.contains("CONNECT to manager.invalid:8443")), "{found:?}");
    proxy.says(Some(""));
    let found = check_connection(&device).await;
    let (_, failed) = taken(&found);
    assert!(failed.contains("the proxy does not answer") && failed.contains(&proxy.http_url()), "{failed}");
    assert!(failed.contains("check `proxy` in agent.toml"), "{failed}");
    // And one that lets pass is a step like the others.
    proxy.says(None);
    device.config.uplink.manager = Some(manager.url().parse().unwrap());
    let found = check_connection(&device).await;
    let (steps, failed) = taken(&found);
    assert_eq!(steps, ["name", "TCP", "proxy", "TLS", "HTTP", "clock", "certificate", "manager"]);
    assert_eq!(failed, "");
}

#[tokio::test]
async fn a_manager_that_says_no_ends_the_walk_at_the_manager_with_its_reason() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    for (kind, words) in [(ProblemKind::UnknownDevice, "enrol"), (ProblemKind::Unavailable, "service centre")]
    {
        manager.state.send_modify(|state| state.refuses = Some(kind));
        let check = check_connection(&device).await;
        let (steps, failed) = taken(&check);
        assert_eq!(steps.last(), Some(&"manager"));
        assert!(failed.starts_with("manager: ") && failed.contains(words), "{failed}");
        assert!(failed.contains(&kind.status().to_string()), "{failed}");
    }
}

#[tokio::test]
async fn a_device_that_is_not_enrolled_can_walk_as_far_as_the_port() {
    let manager = Manager::start().await;
    let mut device = Device::new();
    assert_eq!(taken(&check_connection(&device).await), (vec!["manager"], String::new()));
    device.config.uplink.manager = Some(manager.url().parse().unwrap());
    assert_eq!(
        taken(&check_connection(&device).await),
        (vec!["name", "TCP", "clock", "certificate"], String::new())
    );
}

#[tokio::test]
async fn a_report_goes_out_while_the_manager_asks_idle_devices_to_stay_away() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    manager.until("it is parked", |state| (state.parked > 0).then_some(())).await;
    manager.state.send_modify(|state| state.pause_seconds = Some(600));
    manager.until("the parked request is answered", |state| (state.parked == 0).then_some(())).await;
    manager.cut();
    agent.act(&platen_simulator::SimCommand::Open { switch: "cover".into() });
    manager.until("the report arrives", |state| state.of_kind("alert_raised").first().map(|_| ())).await;
    agent.stop().await.unwrap();
}
