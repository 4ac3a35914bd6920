//! A manager behind a load balancer, which says by the PROXY protocol for whom each connection is: that address counts, and
//! whoever is no balancer has no say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_manager::limits::Limits;
use platen_manager::listen::Timeouts;
use platen_protocol::problem::ProblemKind;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use platen_tests::rigs::manager::client::{Client, Connection, LIMIT, csr};
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::manager::pages::{browser, device_page, sign_in};
use platen_tests::rigs::manager::task::{TestManager, until};

/// Where the balancer stands. Everybody else here comes from 127.0.0.1.
const BALANCER: &str = "127.0.0.9";
/// A health check: version 2, LOCAL.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// A manager behind that balancer.
async fn behind_a_balancer(limits: Limits, timeouts: Timeouts) -> TestManager {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    TestManager::start_configured(folder, |config| {
        config.balancers = serde_json::from_value(json!([format!("{BALANCER}/32")])).unwrap();
        (config.limits, config.timeouts) = (limits, timeouts);
    })
    .await
}

/// Version 1, for a device at such an address.
fn version_1(device: &str) -> Vec<u8> {
    format!("PROXY TCP4 {device} 127.0.0.1 4711 8443\r\n").into_bytes()
}

/// Version 2, for a device at such an address, with something more that a balancer may add.
fn version_2(device: [u8; 4]) -> Vec<u8> {
    let unique = b"\x05\0\x03abc";
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x12"[..], &device, &[127, 0, 0, 1], &[18, 103, 32, 251], unique]
        .concat()
}

/// A connection of the balancer, which begins with these bytes.
async fn passed_on(manager: &TestManager, begin: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{BALANCER}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(manager.device).await.unwrap();
    stream.write_all(begin).await.unwrap();
    stream
}

/// A client's connection through the balancer.
async fn through(client: &Client, manager: &TestManager, header: &[u8]) -> Connection {
    client.connect_on(passed_on(manager, header).await).await.unwrap()
}

/// Reports once; whether that was taken.
async fn report(connection: &mut Connection) -> StatusCode {
    connection.post("/v1/reports", &batch(1, &[utilisation(50)])).await.status
}

/// From where operators see the device come.
async fn seen(manager: &TestManager) -> String {
    let device = manager.api("/api/v1/devices/lobby").await;
    device["contact"]["remote"].as_str().unwrap().to_owned()
}

async fn refused_introductions(manager: &TestManager) -> u64 {
    manager.api("/api/v1/health").await["turned_away"]["proxy_header"].as_u64().unwrap()
}

async fn until_ended(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // However it ends: with an end of the stream or a reset.
    let ended = tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection was not ended");
}

#[tokio::test]
async fn operators_see_the_address_that_the_balancer_names_by_either_version_and_in_whatever_pieces() {
    let manager = behind_a_balancer(Limits::default(), Timeouts::default()).await;
    let lobby = manager.enrol("lobby").await;
    assert_eq!(report(&mut lobby.connect(manager.device).await.unwrap()).await, StatusCode::OK);
    assert_eq!(seen(&manager).await, "127.0.0.1", "who comes directly is seen as always");
    for protocol in [&b"h2"[..], b"http/1.1"] {
        let lobby = lobby.speaking(protocol);
        let headers = [(version_1("192.0.2.1"), "192.0.2.1"), (version_2([198, 51, 100, 7]), "198.51.100.7")];
        for (header, address) in headers {
            assert_eq!(report(&mut through(&lobby, &manager, &header).await).await, StatusCode::OK);
            assert_eq!(seen(&manager).await, address);
        }
        let mut stream = passed_on(&manager, b"").await;
        stream.set_nodelay(true).unwrap();
        for byte in version_2([203, 0, 113, 5]) {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut connection = lobby.connect_on(stream).await.unwrap();
        assert_eq!(report(&mut connection).await, StatusCode::OK);
        assert_eq!(seen(&manager).await, "203.0.113.5");
    }
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert!(page.contains("203.0.113.5"), "{page}");
    assert_eq!(refused_introductions(&manager).await, 0);
}

#[tokio::test]
async fn a_balancer_that_does_not_say_for_whom_is_refused_and_counted_and_a_stranger_who_says_so_is_not_believed()
 {
    let manager = behind_a_balancer(Limits::default(), Timeouts::default()).await;
    let lobby = manager.enrol("lobby").await;
    // TLS at once, nothing of the kind, something of the kind, and the beginning only.
    assert!(lobby.connect_on(passed_on(&manager, b"").await).await.is_err());
    let begun = version_1("192.0.2.1")[..20].to_vec();
    for begin in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), version_1("localhost"), begun] {
        let mut stream = passed_on(&manager, &begin).await;
        stream.shutdown().await.unwrap();
        until_ended(&mut stream).await;
    }
    assert_eq!(refused_introductions(&manager).await, 4);
    // Who only looks whether somebody is there is no trouble.
    drop(passed_on(&manager, b"").await);
    drop(passed_on(&manager, LOCAL).await);
    // A stranger.
    let mut stream = TcpStream::connect(manager.device).await.unwrap();
    stream.write_all(&version_1("192.0.2.1")).await.unwrap();
    assert!(lobby.connect_on(stream).await.is_err());
    assert_eq!(report(&mut lobby.connect(manager.device).await.unwrap()).await, StatusCode::OK);
    assert_eq!((seen(&manager).await.as_str(), refused_introductions(&manager).await), ("127.0.0.1", 4));
}

#[tokio::test]
async fn places_are_counted_for_the_address_that_is_named_and_the_balancers_own_have_no_such_limit() {
    let limits = Limits { connections_per_address: 1, ..Limits::default() };
    let manager = behind_a_balancer(limits, Timeouts::default()).await;
    let lobby = manager.enrol("lobby").await;
    let mut held = through(&lobby, &manager, &version_1("192.0.2.1")).await;
    assert_eq!(report(&mut held).await, StatusCode::OK);
    let mut second = through(&lobby, &manager, &version_2([192, 0, 2, 1])).await;
    let answer = second.post("/v1/reports", &batch(1, &[])).await;
    assert!(answer.problem(ProblemKind::Unavailable).contains("connections_per_address"));
    let mut other = through(&lobby, &manager, &version_2([192, 0, 2, 2])).await;
    assert_eq!(report(&mut other).await, StatusCode::OK);
    let unknown = b"PROXY UNKNOWN\r\n";
    let mut own = Vec::new();
    for header in [LOCAL, unknown, LOCAL, unknown] {
        let mut connection = through(&lobby, &manager, header).await;
        assert_eq!(report(&mut connection).await, StatusCode::OK);
        own.push(connection);
    }
    assert_eq!(seen(&manager).await, BALANCER);
    let health = manager.api("/api/v1/health").await;
    assert_eq!(health["turned_away"]["connections_per_address"], 1);
    // The place is free again when its connection has ended.
    drop(held);
    until(|| async {
        let mut connection = through(&lobby, &manager, &version_1("192.0.2.1")).await;
        (report(&mut connection).await == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_has_not_said_for_whom_it_is_has_a_place_among_all_for_as_long_as_a_handshake_may_take() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let timeouts = Timeouts { handshake: Duration::from_secs(5), ..Timeouts::default() };
    let manager = behind_a_balancer(limits, timeouts).await;
    let lobby = manager.enrol("lobby").await;
    let silent = Mutex::new(Vec::new());
    // The connection of the enrolment may take a moment to be gone.
    let answer = until(|| async {
        let some = [passed_on(&manager, b"").await, passed_on(&manager, b"PROXY").await];
        silent.lock().unwrap().extend(some);
        let mut connection = through(&lobby, &manager, &version_1("192.0.2.1")).await;
        let answer = connection.post("/v1/reports", &batch(1, &[])).await;
        (answer.status == StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
    })
    .await;
    assert!(answer.problem(ProblemKind::Unavailable).contains("no connections to spare"));
    for stream in &mut silent.into_inner().unwrap() {
        until_ended(stream).await;
    }
    until(|| async {
        let mut connection = through(&lobby, &manager, &version_1("192.0.2.1")).await;
        (report(&mut connection).await == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn enrolments_that_fail_are_counted_for_the_address_that_is_named() {
    let manager = behind_a_balancer(Limits::default(), Timeouts::default()).await;
    let nobody = Client::new(&manager.ca, None);
    let (_, csr) = csr("lobby");
    let enrol = async |header: &[u8], secret: &str| {
        let body = json!({"version": 1, "secret": secret, "csr": csr});
        through(&nobody, &manager, header).await.post("/v1/enroll", &body).await.status
    };
    let guesser = version_1("192.0.2.1");
    let mut failed = 0;
    while enrol(&guesser, "guessed").await != StatusCode::TOO_MANY_REQUESTS {
        failed += 1;
        assert!(failed < 100, "nobody slows it down");
    }
    let secret = manager.token(Some("lobby"), SignedDuration::from_hours(1)).await;
    assert_eq!(enrol(&guesser, &secret).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(enrol(&version_1("192.0.2.2"), &secret).await, StatusCode::OK);
}
