//! What those are told who watch over the manager: load balancers, supervisors, Prometheus. And that each address of the
//! API says which methods and which bodies it takes.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Bytes;
use platen_manager::Listeners;
use platen_tests::rigs::manager::client::{Client, Connection, request};
use platen_tests::rigs::manager::messages::{batch, order, started, toner_low};
use platen_tests::rigs::manager::pages::browser;
use platen_tests::rigs::manager::read_config;
use platen_tests::rigs::manager::task::{TestManager, until};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

/// An answer over plain HTTP: the status, the head and the body.
struct Plain {
    status: u16,
    head: String,
    body: String,
}

async fn plain(address: SocketAddr, method: &str, path: &str) -> Plain {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let asked = format!("{method} {path} HTTP/1.1\r\nhost: monitor\r\nconnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Plain { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

async fn with_own_listener() -> TestManager {
    let free = "127.0.0.1:0".parse().unwrap();
    TestManager::start_configured(Arc::new(tempfile::tempdir().unwrap()), |config| {
        config.health.listen = Some(free);
    })
    .await
}

async fn without_token(manager: &TestManager, path: &str) -> (StatusCode, String) {
    let mut anyone = Client::new(&manager.trusted, None).connect(manager.operator).await.unwrap();
    let answer = anyone.send(request("GET", path, "")).await.unwrap();
    (answer.status, answer.text())
}

#[tokio::test]
async fn who_has_no_token_hears_whether_the_manager_lives_and_serves_and_nothing_else() {
    let manager = with_own_listener().await;
    let own = manager.health.unwrap();
    until(|| async { (plain(own, "GET", "/readyz").await.status == 200).then_some(()) }).await;
    for (path, body) in [("/healthz", "{\"status\":\"alive\"}"), ("/readyz", "{\"status\":\"ready\"}")] {
        assert_eq!(without_token(&manager, path).await, (StatusCode::OK, body.to_owned()));
        assert_eq!(plain(own, "GET", path).await.body, body);
        assert_eq!(plain(own, "HEAD", path).await.status, 200);
        let refused = plain(own, "POST", path).await;
        assert_eq!(refused.status, 405);
        assert!(refused.head.contains("allow: get,head"), "{}", refused.head);
    }
    assert_eq!(without_token(&manager, "/metrics").await.0, StatusCode::UNAUTHORIZED);
    for path in ["/api/v1/devices", "/", "/sign-in"] {
        assert_eq!(plain(own, "GET", path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_manager_that_cannot_store_or_is_to_end_lives_and_is_not_ready_and_says_why() {
    let mut manager = with_own_listener().await;
    let own = manager.health.unwrap();
    until(|| async { (plain(own, "GET", "/readyz").await.status == 200).then_some(()) }).await;
    let database =
        rusqlite::Connection::open(platen_manager::database_path(manager.directory.path())).unwrap();
    database.execute_batch("ALTER TABLE probe RENAME TO elsewhere").unwrap();
    let refused = until(|| async {
        let answer = plain(own, "GET", "/readyz").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert!(refused.body.contains("Nothing can be stored; the manager's log says why."), "{}", refused.body);
    assert!(refused.head.contains("application/problem+json"), "{}", refused.head);
    assert_eq!(plain(own, "GET", "/healthz").await.status, 200);
    database.execute_batch("ALTER TABLE elsewhere RENAME TO probe").unwrap();
    until(|| async { (plain(own, "GET", "/readyz").await.status == 200).then_some(()) }).await;

    // Somebody is still handing something in.
    let mut device = manager.enrol("lobby").await.connect(manager.device).await.unwrap();
    let (begun, has_begun) = oneshot::channel();
    let (rest, the_rest) = oneshot::channel();
    let text = batch(1, &[started("Demo C450")]).to_string();
    let (first, last) = (Bytes::from(text[..20].to_owned()), Bytes::from(text[20..].to_owned()));
    let sending = tokio::spawn(async move {
        device.post_in_two("/v1/reports", (first, begun), the_rest).await.unwrap().status
    });
    has_begun.await.unwrap();
    // A second request on another connection is answered, so the first has come.
    assert_eq!(plain(own, "GET", "/healthz").await.status, 200);
    manager.ask_to_stop();
    let refused = until(|| async {
        let answer = plain(own, "GET", "/readyz").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert!(refused.body.contains("The manager is shutting down."), "{}", refused.body);
    assert_eq!(plain(own, "GET", "/healthz").await.status, 200);
    rest.send(last).unwrap();
    sending.await.unwrap();
    manager.stopped().await;
}

#[tokio::test]
async fn a_manager_that_waits_for_its_database_lives_and_says_what_it_waits_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = read_config(folder.path(), "localhost");
    config.health.listen = Some("127.0.0.1:0".parse().unwrap());
    // Port 1 of this machine: nobody is there.
    let address = "postgresql://platen@127.0.0.1:1/platen";
    let files = platen_manager::store::PostgresFiles::default();
    config.postgres = platen_manager::store::PostgresConfig::parse(address, files).unwrap().into();
    let listeners = Listeners::bind(&config).await.unwrap();
    let own = listeners.health.as_ref().unwrap().local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(platen_manager::run(config, listeners, Arc::<Notify>::default(), async {
        // Its end is the word to stop.
        let _ = stopped.await;
    }));
    let waits = until(|| async {
        let answer = plain(own, "GET", "/readyz").await;
        (!answer.body.contains("is opening its database")).then_some(answer)
    })
    .await;
    assert_eq!(waits.status, 503);
    assert!(waits.body.contains("cannot be reached"), "{}", waits.body);
    assert!(!waits.body.contains("platen@") && !waits.body.contains("127.0.0.1"), "{}", waits.body);
    assert_eq!(plain(own, "GET", "/healthz").await.status, 200);
    assert_eq!(plain(own, "GET", "/metrics").await.status, 503);
    drop(stop);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn figures_say_what_devices_handed_in_and_what_is_open() {
    let manager = with_own_listener().await;
    let device = manager.enrol("lobby").await;
    let reports = [started("Demo C450"), toner_low("a1"), order("o1", 2)];
    device.report(manager.device, &batch(1, &reports)).await.acknowledged();
    Client::new(&manager.ca, None).report(manager.device, &batch(1, &[])).await;
    let answer = manager.ask_api("GET", "/metrics", None).await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for text in [answer.text(), plain(manager.health.unwrap(), "GET", "/metrics").await.body] {
        for line in [
            "platen_reports_accepted_total 3",
            "platen_batches_refused_total{reason=\"no-certificate\"} 1",
            "platen_batch_duration_seconds_count 1",
            "platen_open_alerts{class=\"warning\"} 1",
            "platen_open_alerts{class=\"critical\"} 0",
            "platen_open_orders 1",
            "platen_open_service_calls 0",
            "platen_devices{worst=\"order\"} 1",
            "platen_rollouts{state=\"running\"} 0",
            "platen_messages{state=\"dead\"} 0",
            "platen_store_up 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("platen_certificate_end_timestamp_seconds{certificate=\"ca_certificate\"}"));
    }
}

/// An address of the document with something in the place of each name.
fn filled(path: &str) -> String {
    let mut filled = String::new();
    for part in path.split('/').skip(1) {
        filled.push('/');
        filled.push_str(match part {
            "{act}" => "pause",
            part if part.starts_with('{') => "1",
            part => part,
        });
    }
    filled
}

async fn ask(
    connection: &mut Connection,
    bearer: &str,
    method: &str,
    path: &str,
    media_type: &str,
) -> (u16, Vec<String>) {
    let mut request = request(method, path, "x");
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {bearer}").parse().unwrap());
    headers.insert("content-type", media_type.parse().unwrap());
    let answer = connection.send(request).await.unwrap();
    let allowed = answer.headers.get("allow").map(|value| value.to_str().unwrap().to_owned());
    let allowed = allowed.iter().flat_map(|value| value.split(',')).map(|one| one.trim().to_owned());
    (answer.status.as_u16(), allowed.collect())
}

#[tokio::test]
async fn every_address_of_the_api_says_which_methods_and_bodies_it_takes() {
    const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let manager = TestManager::start().await;
    let document: Value = manager.api("/api/v1/openapi.json").await;
    let mut connection = browser(&manager).await;
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 50, "{} addresses", paths.len());
    for (path, operations) in paths {
        let known: Vec<&str> =
            METHODS.into_iter().filter(|method| operations.get(method.to_lowercase()).is_some()).collect();
        let mut expected: Vec<&str> = known.clone();
        if known.contains(&"GET") {
            expected.push("HEAD");
        }
        expected.sort_unstable();
        for method in METHODS.into_iter().filter(|method| !known.contains(method)) {
            let (status, mut allowed) =
                ask(&mut connection, &manager.bearer, method, &filled(path), "application/json").await;
            allowed.sort_unstable();
            assert_eq!((status, allowed.as_slice().join(",")), (405, expected.join(",")), "{method} {path}");
        }
        for method in
            known.into_iter().filter(|method| !operations[method.to_lowercase()]["requestBody"].is_null())
        {
            let (status, _) =
                ask(&mut connection, &manager.bearer, method, &filled(path), "text/plain").await;
            assert_eq!(status, 415, "{method} {path}");
        }
    }
}
