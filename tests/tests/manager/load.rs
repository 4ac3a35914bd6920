//! The manager under load: it drains, it turns away what is too much with a time to come again, and slow
//! or dead peers cost it nothing for long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use platen_manager::config::Config;
use platen_manager::device::PAUSE_SECONDS;
use platen_manager::limits::Limits;
use platen_manager::listen::Timeouts;
use platen_protocol::problem::ProblemKind;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::client::TlsStream;

use platen_tests::rigs::manager::client::{Answer, Client, Connection, LIMIT};
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::manager::task::{TestManager, until};

/// Devices that are parked while the manager stops.
const PARKED: usize = 200;

async fn limited(limits: Limits) -> TestManager {
    configured(|config| config.limits = limits).await
}

async fn configured(change: impl FnOnce(&mut Config)) -> TestManager {
    TestManager::start_configured(Arc::new(tempfile::tempdir().unwrap()), change).await
}

async fn until_parked(manager: &TestManager, count: usize) {
    until(|| async {
        let devices = manager.api("/api/v1/devices?limit=200").await;
        let parked = |device: &&Value| device["contact"]["state"] == "parked";
        (devices["items"].as_array().unwrap().iter().filter(parked).count() == count).then_some(())
    })
    .await;
}

/// A report in two halves.
fn halves() -> (Bytes, Bytes) {
    let text = Bytes::from(batch(1, &[utilisation(50)]).to_string());
    (text.slice(..text.len() / 2), text.slice(text.len() / 2..))
}

/// A report over HTTP/2 of which the manager has the first half: it has answered what was asked after it.
async fn half_over_http2(
    client: &Client,
    manager: &TestManager,
) -> (oneshot::Sender<Bytes>, JoinHandle<Answer>) {
    let mut connection = client.speaking(b"h2").connect(manager.device).await.unwrap();
    let Connection::H2(sender) = &connection else { panic!("not HTTP/2") };
    let mut beside = Connection::H2(sender.clone());
    let ((begin, has_begun), (go, gone)) = (oneshot::channel(), oneshot::channel());
    let answer = tokio::spawn(async move {
        connection.post_in_two("/v1/reports", (halves().0, begin), gone).await.unwrap()
    });
    has_begun.await.unwrap();
    assert_eq!(beside.post("/v1/reports", &batch(1, &[])).await.status, StatusCode::OK);
    (go, answer)
}

/// A report over HTTP/1.1 of which the manager has the first half: it has asked for the rest.
async fn half_over_http1(client: &Client, manager: &TestManager) -> TlsStream<TcpStream> {
    let mut stream = client.speaking(b"http/1.1").shake_hands(manager.device).await.unwrap();
    let (first, rest) = halves();
    let length = first.len() + rest.len();
    let head = format!(
        "POST /v1/reports HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = Vec::new();
    while !told.ends_with(b"\r\n\r\n") {
        told.push(stream.read_u8().await.unwrap());
    }
    assert!(told.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&told));
    stream.write_all(&first).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_that_stops_answers_every_parked_device_with_a_pause_and_finishes_what_is_under_way() {
    let mut manager = TestManager::start().await;
    let mut clients = Vec::new();
    for number in 0..PARKED {
        let protocol: &[u8] = if number % 2 == 0 { b"h2" } else { b"http/1.1" };
        clients.push(manager.enrol_speaking(&format!("device-{number}"), &[protocol]).await);
    }
    let mut answers = JoinSet::new();
    for client in clients {
        let address = manager.device;
        answers.spawn(async move {
            let mut connection = client.connect(address).await.unwrap();
            connection.park(&batch(1, &[]), 240).await.unwrap()
        });
    }
    let (go, over_http2) = half_over_http2(&manager.enrol("half-h2").await, &manager).await;
    let mut over_http1 = half_over_http1(&manager.enrol("half-h1").await, &manager).await;
    until_parked(&manager, PARKED).await;
    manager.ask_to_stop();

    let (mut answered, mut told_to_close) = (0, 0);
    while let Some(answer) = tokio::time::timeout(LIMIT, answers.join_next()).await.unwrap() {
        let answer = answer.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json()["pause_seconds"], PAUSE_SECONDS);
        told_to_close += usize::from(answer.headers.get("connection").is_some_and(|value| value == "close"));
        answered += 1;
    }
    assert_eq!(
        (answered, told_to_close),
        (PARKED, PARKED / 2),
        "each of them, and over HTTP/1.1 with the end"
    );
    println!("{answered} of {PARKED} parked devices answered with a pause of {PAUSE_SECONDS} s");
    let refused = until(|| async { TcpStream::connect(manager.device).await.err() }).await;
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    go.send(halves().1).unwrap();
    let answer = tokio::time::timeout(LIMIT, over_http2).await.unwrap().unwrap();
    assert_eq!((answer.acknowledged(), &answer.json()["pause_seconds"]), (1, &Value::from(PAUSE_SECONDS)));
    over_http1.write_all(&halves().1).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LIMIT, over_http1.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.contains("connection: close") && answer.contains("\"sequence\":1"), "{answer}");
    manager.stopped().await;
    let manager = manager.start_again().await;
    for device in ["half-h2", "half-h1"] {
        let reports = manager.api(&format!("/api/v1/reports?device={device}")).await;
        assert_eq!(reports["items"].as_array().unwrap().len(), 1, "what was acknowledged is there");
    }
}

#[tokio::test]
async fn a_device_that_asks_too_often_is_told_when_to_come_again_and_the_others_are_served() {
    let limits =
        Limits { requests_per_minute: 1, requests_burst: 3, retry_after_seconds: 7, ..Limits::default() };
    let manager = limited(limits).await;
    let (eager, calm) = (manager.enrol("eager").await, manager.enrol("calm").await);
    let mut connection = eager.connect(manager.device).await.unwrap();
    for sequence in 1..=3 {
        assert_eq!(
            connection.post("/v1/reports", &batch(sequence, &[utilisation(50)])).await.acknowledged(),
            sequence
        );
    }
    for _ in 0..5 {
        let answer = connection.post("/v1/reports", &batch(4, &[utilisation(50)])).await;
        assert!(answer.problem(ProblemKind::TooMany).contains("eager"));
        assert!((7..=21).contains(&answer.retry_after()), "{}", answer.retry_after());
    }
    // Another connection does not help.
    eager.report(manager.device, &batch(4, &[utilisation(50)])).await.problem(ProblemKind::TooMany);
    assert_eq!(calm.report(manager.device, &batch(1, &[utilisation(50)])).await.acknowledged(), 1);
    let health = manager.api("/api/v1/health").await;
    assert_eq!(health["turned_away"]["requests_per_minute"], 6);
}

#[tokio::test]
async fn a_device_has_so_many_connections_and_its_oldest_makes_room_for_one_more() {
    let manager = limited(Limits { connections_per_device: 2, ..Limits::default() }).await;
    let (greedy, other) = (manager.enrol("greedy").await, manager.enrol("other").await);
    let mut held = Vec::new();
    for sequence in 1..=2 {
        let mut connection = greedy.connect(manager.device).await.unwrap();
        let answer = connection.post("/v1/reports", &batch(sequence, &[utilisation(50)])).await;
        assert_eq!(answer.acknowledged(), sequence);
        held.push(connection);
    }
    let mut other = other.connect(manager.device).await.unwrap();
    assert_eq!(other.post("/v1/reports", &batch(1, &[utilisation(50)])).await.acknowledged(), 1);
    let mut third = greedy.connect(manager.device).await.unwrap();
    let answer = third.post("/v1/reports", &batch(3, &[utilisation(50)])).await;
    assert_eq!(answer.acknowledged(), 3, "who comes is not kept out by what a network may have swallowed");
    until(|| async { held[0].is_closed().then_some(()) }).await;
    assert!(!held[1].is_closed());
    assert_eq!(held[1].post("/v1/reports", &batch(4, &[utilisation(50)])).await.acknowledged(), 4);
    assert_eq!(other.post("/v1/reports", &batch(2, &[utilisation(50)])).await.acknowledged(), 2);
    let health = manager.api("/api/v1/health").await;
    assert_eq!(health["turned_away"]["connections_per_device"], 1);
}

#[tokio::test]
async fn who_finds_no_room_is_told_so_over_tls_on_both_versions_of_http_and_is_served_later() {
    let manager = limited(Limits { connections: 2, ..Limits::default() }).await;
    let client = manager.enrol("late").await;
    let held = [client.connect(manager.device).await.unwrap(), client.connect(manager.device).await.unwrap()];
    for protocol in [&b"h2"[..], b"http/1.1"] {
        let late = client.speaking(protocol);
        let mut connection = late.connect(manager.device).await.unwrap();
        let answer = connection.post("/v1/reports", &batch(1, &[utilisation(50)])).await;
        assert!(answer.problem(ProblemKind::Unavailable).contains("no connections to spare"));
        assert!((20..=60).contains(&answer.retry_after()));
        // And that is the end of it.
        until(|| async { connection.is_closed().then_some(()) }).await;
    }
    drop(held);
    until(|| async {
        let answer = client.report(manager.device, &batch(1, &[utilisation(50)])).await;
        (answer.status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_site_with_too_many_connections_does_not_keep_another_out() {
    let manager = limited(Limits { connections_per_address: 1, ..Limits::default() }).await;
    let client = manager.enrol("lobby").await;
    // The connection of the enrolment may take a moment to be gone.
    let held = until(|| async {
        let mut connection = client.connect(manager.device).await.unwrap();
        let answer = connection.post("/v1/reports", &batch(1, &[utilisation(50)])).await;
        (answer.status == StatusCode::OK).then_some(connection)
    })
    .await;
    let answer = client.report(manager.device, &batch(2, &[])).await;
    assert!(answer.problem(ProblemKind::Unavailable).contains("connections_per_address"));
    let elsewhere = "127.0.0.2:0".parse().unwrap();
    let mut other = client.connect_from(elsewhere, manager.device).await.unwrap();
    assert_eq!(other.post("/v1/reports", &batch(2, &[])).await.status, StatusCode::OK);
    drop(held);
}

#[tokio::test]
async fn bodies_that_come_in_at_once_share_a_memory_with_an_end() {
    let manager = limited(Limits { body_memory_mib: 1, ..Limits::default() }).await;
    let large = Bytes::from(vec![b' '; 250 * 1024]);
    let (mut ends, mut answers) = (Vec::new(), Vec::new());
    for number in 0..4 {
        let client = manager.enrol(&format!("slow-{number}")).await;
        let (go, gone) = oneshot::channel();
        let (large, address) = (large.clone(), manager.device);
        answers.push(tokio::spawn(async move {
            let mut connection = client.connect(address).await.unwrap();
            let (begin, _begun) = oneshot::channel();
            connection.post_in_two("/v1/reports", (large, begin), gone).await.unwrap()
        }));
        ends.push(go);
    }
    let client = manager.enrol("quick").await;
    let text = batch(1, &[utilisation(50)]).to_string();
    let padded = || {
        let mut body = vec![b' '; 200 * 1024];
        body.extend_from_slice(text.as_bytes());
        body
    };
    let answer = until(|| async {
        let mut connection = client.connect(manager.device).await.unwrap();
        let answer = connection
            .send(platen_tests::rigs::manager::client::request("POST", "/v1/reports", padded()))
            .await
            .unwrap();
        (answer.status != StatusCode::OK).then_some(answer)
    })
    .await;
    assert!(answer.problem(ProblemKind::Unavailable).contains("too many reports"));
    assert!(answer.retry_after() >= 20);
    for go in ends {
        go.send(Bytes::from(text.clone())).unwrap();
    }
    for answer in answers {
        assert_eq!(tokio::time::timeout(LIMIT, answer).await.unwrap().unwrap().acknowledged(), 1);
    }
    let mut connection = client.connect(manager.device).await.unwrap();
    let answer = connection
        .send(platen_tests::rigs::manager::client::request("POST", "/v1/reports", padded()))
        .await
        .unwrap();
    assert_eq!(answer.acknowledged(), 1, "the memory came back");
}

const SHORT: Duration = Duration::from_millis(300);

/// Until the other side has ended the connection, however it does so.
async fn until_ended(stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection was not ended");
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_let_go_at_every_stage() {
    // TCP and no TLS.
    let timeouts = Timeouts { handshake: SHORT, ..Timeouts::default() };
    let manager = configured(|config| config.timeouts = timeouts).await;
    until_ended(&mut TcpStream::connect(manager.device).await.unwrap()).await;
    // TLS and no request, by either version; a header that never ends.
    let timeouts = Timeouts { idle: SHORT, close: SHORT, ..Timeouts::default() };
    let manager = configured(|config| config.timeouts = timeouts).await;
    let told: BTreeMap<&[u8], &[u8]> =
        [(&b"h2"[..], &b""[..]), (b"http/1.1", b"POST /v1/reports HTTP/1.1\r\nhost: localhost\r\nx-slow: ")]
            .into();
    for (protocol, begun) in told {
        for said in [&b""[..], begun] {
            let client = Client::with_protocols(&manager.ca, None, &[protocol]);
            let mut stream = client.shake_hands(manager.device).await.unwrap();
            stream.write_all(said).await.unwrap();
            until_ended(&mut stream).await;
        }
    }
    // The preface of HTTP/2 and its settings, and then no request.
    let client = Client::with_protocols(&manager.ca, None, &[b"h2"]);
    let mut stream = client.shake_hands(manager.device).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    until_ended(&mut stream).await;
}

/// The client's first words of HTTP/2: RFC 9113, 3.4, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn an_http2_peer_that_answers_no_ping_is_found_though_tcp_holds() {
    let ping_every = Duration::from_millis(200);
    let timeouts = Timeouts { ping_every, pong: ping_every, ..Timeouts::default() };
    let manager = configured(|config| config.timeouts = timeouts).await;
    let client = Client::with_protocols(&manager.ca, None, &[b"h2"]);
    let mut stream = client.shake_hands(manager.device).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    until_ended(&mut stream).await;
    // And one that does answer stays: it is parked over many pings.
    let timeouts = Timeouts { ping_every, ..Timeouts::default() };
    let manager = configured(|config| config.timeouts = timeouts).await;
    let device = manager.enrol("lobby").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    let answer = connection.park(&batch(1, &[]), 2).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn who_asks_and_never_reads_the_answers_is_let_go() {
    let timeouts = Timeouts { unread: Duration::from_secs(1), ..Timeouts::default() };
    let manager = configured(|config| config.timeouts = timeouts).await;
    let client = Client::with_protocols(&manager.ca, None, &[b"http/1.1"]);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(manager.device).await.unwrap();
    let mut stream = client.shake_hands_on(stream).await.unwrap();
    let requests = b"POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".repeat(100);
    let asked = async { while stream.write_all(&requests).await.is_ok() {} };
    tokio::time::timeout(LIMIT, asked).await.expect("it was served without end");
    assert_eq!(
        manager
            .enrol("lobby")
            .await
            .report(manager.device, &batch(1, &[utilisation(50)]))
            .await
            .acknowledged(),
        1
    );
}
