//! Requests that are parked over HTTP/1.1, of which the manager keeps nothing but the stream: whatever the device or
//! the manager does meanwhile, they are answered as if HTTP had never left.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use platen_manager::device::PAUSE_SECONDS;
use platen_manager::limits::Limits;
use platen_protocol::problem::ProblemKind;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use platen_tests::rigs::manager::client::{Client, LIMIT};
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::manager::task::{TestManager, until};

const HTTP_1: &[&[u8]] = &[b"http/1.1"];
/// Devices that are parked at once.
const MANY: usize = 60;

/// A connection on which the test writes every byte itself.
struct Raw(TlsStream<TcpStream>);

/// An answer as it came.
#[derive(Debug)]
struct Told {
    /// With the numbers that differ from one answer to the next left out.
    head: String,
    body: Value,
}

fn request(body: &Value, fields: &str) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST /v1/reports HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{fields}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn parking() -> Vec<u8> {
    request(&batch(1, &[]), "prefer: wait=240\r\n")
}

fn report(sequence: u64) -> Vec<u8> {
    request(&batch(sequence, &[utilisation(50)]), "")
}

impl Raw {
    async fn open(client: &Client, manager: &TestManager) -> Self {
        Self(client.shake_hands(manager.device).await.unwrap())
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next answer; no byte beyond it.
    async fn hear(&mut self) -> Told {
        let answer = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut body).await.unwrap();
            let body = serde_json::from_slice(&body).unwrap();
            let head = head
                .lines()
                .map(|line| if line.starts_with("date: ") { "date: …" } else { line })
                .map(|line| if line.starts_with("content-length: ") { "content-length: …" } else { line })
                .collect::<Vec<_>>()
                .join("\n");
            Told { head, body }
        };
        tokio::time::timeout(LIMIT, answer).await.unwrap()
    }

    /// Until the manager has ended the connection; what it said before.
    async fn end(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        tokio::time::timeout(LIMIT, self.0.read_to_end(&mut rest)).await.unwrap().map(|_| rest)
    }
}

impl Told {
    fn acknowledged(&self) -> u64 {
        assert!(self.head.starts_with("HTTP/1.1 200 OK"), "{self:?}");
        self.body["acknowledged"]["sequence"].as_u64().unwrap()
    }

    fn commands(&self) -> usize {
        self.body["commands"].as_array().unwrap().len()
    }
}

async fn parked(name: &str) -> (TestManager, Client, Raw) {
    let manager = TestManager::start().await;
    let (client, raw) = park_at(&manager, name).await;
    (manager, client, raw)
}

async fn park_at(manager: &TestManager, name: &str) -> (Client, Raw) {
    let client = manager.enrol_speaking(name, HTTP_1).await;
    let mut raw = Raw::open(&client, manager).await;
    raw.say(&parking()).await;
    manager.until_parked(name).await;
    (client, raw)
}

async fn until_not_parked(manager: &TestManager, device: &str) {
    until(|| async {
        let view = manager.api(&format!("/api/v1/devices/{device}")).await;
        (view["contact"]["state"] != "parked").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_parked_device_is_woken_again_and_again_on_one_connection_and_reports_on_it_between() {
    let (manager, _client, mut raw) = parked("lobby").await;
    for round in 1..=4 {
        manager.read_now("lobby").await;
        assert_eq!(raw.hear().await.commands(), round);
        raw.say(&report(round as u64)).await;
        assert_eq!(raw.hear().await.acknowledged(), round as u64);
        raw.say(&request(&batch(round as u64 + 1, &[]), "prefer: wait=240\r\n")).await;
        manager.until_parked("lobby").await;
    }
}

#[tokio::test]
async fn the_answer_to_a_parked_request_is_that_to_any_other_to_the_byte() {
    let (manager, _client, mut raw) = parked("lobby").await;
    manager.read_now("lobby").await;
    let woken = raw.hear().await;
    raw.say(&request(&batch(1, &[]), "")).await;
    let at_once = raw.hear().await;
    assert_eq!(woken.head, at_once.head);
    assert_eq!(
        woken.head,
        "HTTP/1.1 200 OK\ncontent-type: application/json\ncache-control: no-store\ncontent-length: …\ndate: …\n"
    );
    let same = |told: &Told| {
        (told.body["version"].clone(), told.body["commands"].clone(), told.body["open"].clone())
    };
    assert_eq!(same(&woken), same(&at_once));
}

#[tokio::test]
async fn a_wait_that_is_over_is_answered_and_the_connection_is_served_on() {
    let manager = TestManager::start().await;
    let client = manager.enrol_speaking("lobby", HTTP_1).await;
    let mut raw = Raw::open(&client, &manager).await;
    for _ in 0..2 {
        raw.say(&request(&batch(1, &[]), "prefer: wait=1\r\n")).await;
        assert_eq!(raw.hear().await.acknowledged(), 0);
    }
    raw.say(&report(1)).await;
    assert_eq!(raw.hear().await.acknowledged(), 1);
}

#[tokio::test]
async fn a_device_that_says_more_on_its_parked_connection_is_answered_at_once_and_then_heard() {
    let (manager, _client, mut raw) = parked("lobby").await;
    raw.say(&report(1)).await;
    assert_eq!(raw.hear().await.acknowledged(), 0, "the parked request, which ends");
    assert_eq!(raw.hear().await.acknowledged(), 1, "what was said");

    // In pieces, the first of which is one byte.
    raw.say(&request(&batch(2, &[]), "prefer: wait=240\r\n")).await;
    manager.until_parked("lobby").await;
    let more = report(2);
    raw.say(&more[..1]).await;
    assert_eq!(raw.hear().await.acknowledged(), 1);
    raw.say(&more[1..100]).await;
    raw.say(&more[100..]).await;
    assert_eq!(raw.hear().await.acknowledged(), 2);

    // All at once, before the first is parked, and larger than what is read at once.
    let last = batch(3, &[utilisation(50), utilisation(49), utilisation(48), utilisation(47)]);
    let all = [request(&batch(3, &[]), "prefer: wait=240\r\n"), request(&last, ""), parking()].concat();
    raw.say(&all).await;
    assert_eq!(raw.hear().await.acknowledged(), 2);
    assert_eq!(raw.hear().await.acknowledged(), 6);
    manager.until_parked("lobby").await;
}

#[tokio::test]
async fn a_device_that_goes_away_while_it_is_parked_is_noticed_however_it_goes() {
    let (manager, client, raw) = parked("lobby").await;
    drop(raw);
    until_not_parked(&manager, "lobby").await;

    // With a farewell by TLS, and its side of TCP still open.
    let mut raw = Raw::open(&client, &manager).await;
    raw.say(&parking()).await;
    manager.until_parked("lobby").await;
    raw.0.get_mut().1.send_close_notify();
    raw.0.flush().await.unwrap();
    until_not_parked(&manager, "lobby").await;
    assert_eq!(raw.end().await.unwrap_or_default(), b"");

    // By a reset.
    let mut raw = Raw::open(&client, &manager).await;
    raw.say(&parking()).await;
    manager.until_parked("lobby").await;
    raw.0.get_ref().0.set_zero_linger().unwrap();
    drop(raw);
    until_not_parked(&manager, "lobby").await;

    // And by what is no TLS.
    let mut raw = Raw::open(&client, &manager).await;
    raw.say(&parking()).await;
    manager.until_parked("lobby").await;
    raw.0.get_mut().0.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    until_not_parked(&manager, "lobby").await;
}

#[tokio::test]
async fn a_manager_that_stops_says_so_with_the_last_answer_on_the_connection() {
    let (mut manager, _client, mut raw) = parked("lobby").await;
    manager.ask_to_stop();
    let told = raw.hear().await;
    assert_eq!(told.body["pause_seconds"], PAUSE_SECONDS);
    assert_eq!(
        told.head,
        "HTTP/1.1 200 OK\ncontent-type: application/json\ncache-control: no-store\nconnection: close\ncontent-length: …\ndate: …\n"
    );
    assert_eq!(raw.end().await.unwrap_or_default(), b"");
    manager.stopped().await;
}

#[tokio::test]
async fn what_a_client_asks_for_out_of_the_ordinary_holds_while_it_is_parked() {
    let manager = TestManager::start().await;
    for (number, field, last) in
        [(1, "connection: close\r\n", true), (2, "connection: keep-alive\r\n", false)]
    {
        let name = format!("device-{number}");
        let client = manager.enrol_speaking(&name, HTTP_1).await;
        let mut raw = Raw::open(&client, &manager).await;
        raw.say(&request(&batch(1, &[]), &format!("prefer: wait=240\r\n{field}"))).await;
        manager.until_parked(&name).await;
        manager.read_now(&name).await;
        let told = raw.hear().await;
        assert_eq!((told.commands(), told.head.contains("connection: close")), (1, last), "{told:?}");
        if last {
            assert_eq!(raw.end().await.unwrap_or_default(), b"");
        } else {
            raw.say(&report(1)).await;
            assert_eq!(raw.hear().await.acknowledged(), 1);
        }
    }
    // One that waits to be asked for its body.
    let client = manager.enrol_speaking("device-3", HTTP_1).await;
    let mut raw = Raw::open(&client, &manager).await;
    let whole = request(&batch(1, &[]), "prefer: wait=240\r\nexpect: 100-continue\r\n");
    let head = whole.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    raw.say(&whole[..head]).await;
    let mut told = [0; 25];
    raw.0.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    raw.say(&whole[head..]).await;
    manager.until_parked("device-3").await;
    manager.read_now("device-3").await;
    assert_eq!(raw.hear().await.commands(), 1);
}

#[tokio::test]
async fn a_device_that_is_shut_out_while_it_is_parked_hears_it_at_once() {
    let (manager, _client, mut raw) = parked("lobby").await;
    let revoked = manager.ask_api("POST", "/api/v1/devices/lobby/revoke", None).await;
    assert!(revoked.status.is_success(), "{}", revoked.text());
    let told = raw.hear().await;
    assert!(told.head.starts_with("HTTP/1.1 403 "), "{told:?}");
    assert_eq!(told.body["type"], "urn:platen:problem:device-revoked");
}

#[tokio::test]
async fn a_newer_wait_elsewhere_ends_the_older_and_both_connections_stand() {
    let (manager, client, mut older) = parked("lobby").await;
    let mut newer = Raw::open(&client, &manager).await;
    newer.say(&parking()).await;
    assert_eq!(older.hear().await.acknowledged(), 0);
    manager.until_parked("lobby").await;
    older.say(&report(1)).await;
    assert_eq!(older.hear().await.acknowledged(), 1);
    manager.read_now("lobby").await;
    assert_eq!(newer.hear().await.commands(), 1);
}

#[tokio::test]
async fn the_oldest_connection_of_a_device_is_answered_and_ended_though_it_is_parked() {
    let limits = Limits { connections_per_device: 2, ..Limits::default() };
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let manager = TestManager::start_configured(folder, |config| config.limits = limits).await;
    let (client, mut oldest) = park_at(&manager, "lobby").await;
    let mut others = Vec::new();
    for sequence in 1..=2 {
        let mut raw = Raw::open(&client, &manager).await;
        raw.say(&report(sequence)).await;
        assert_eq!(raw.hear().await.acknowledged(), sequence);
        others.push(raw);
    }
    let told = oldest.hear().await;
    assert!(told.head.contains("connection: close"), "{told:?}");
    assert_eq!(oldest.end().await.unwrap_or_default(), b"");
    for (raw, sequence) in others.iter_mut().zip(3..) {
        raw.say(&report(sequence)).await;
        assert_eq!(raw.hear().await.acknowledged(), sequence);
    }
}

#[tokio::test]
async fn a_place_among_the_connections_is_held_while_parked_and_given_back() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let limits = Limits { connections: 1, ..Limits::default() };
    let manager = TestManager::start_configured(folder, |config| config.limits = limits).await;
    let client = manager.enrol_speaking("lobby", HTTP_1).await;
    // The connection of the enrolment may take a moment to be gone.
    let raw = until(|| async {
        let mut raw = Raw::open(&client, &manager).await;
        raw.say(&report(1)).await;
        raw.hear().await.head.starts_with("HTTP/1.1 200").then_some(raw)
    })
    .await;
    let mut raw = raw;
    raw.say(&request(&batch(2, &[]), "prefer: wait=240\r\n")).await;
    manager.until_parked("lobby").await;
    client.report(manager.device, &batch(2, &[])).await.problem(ProblemKind::Unavailable);
    drop(raw);
    until(|| async {
        let answer = client.report(manager.device, &batch(2, &[])).await;
        (answer.status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_are_parked_are_all_woken_and_park_again() {
    let manager = TestManager::start().await;
    let mut devices = JoinSet::new();
    for number in 0..MANY {
        let (client, address) = (manager.enrol_speaking(&format!("d{number}"), HTTP_1).await, manager.device);
        devices.spawn(async move {
            let mut connection = client.connect(address).await.unwrap();
            for round in 1..=2 {
                let answer = connection.park(&batch(1, &[]), 240).await.unwrap();
                assert_eq!(answer.commands().len(), round);
            }
        });
    }
    for _ in 0..2 {
        until(|| async {
            let devices = manager.api("/api/v1/devices?limit=100").await;
            let is_parked = |device: &&Value| device["contact"]["state"] == "parked";
            (devices["items"].as_array().unwrap().iter().filter(is_parked).count() == MANY).then_some(())
        })
        .await;
        for number in 0..MANY {
            manager.read_now(&format!("d{number}")).await;
        }
    }
    let all = async { while devices.join_next().await.is_some_and(|ended| ended.is_ok()) {} };
    tokio::time::timeout(LIMIT + Duration::from_secs(30), all).await.unwrap();
    assert!(devices.is_empty());
}
