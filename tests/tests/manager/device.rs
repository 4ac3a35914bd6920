//! What devices may and may not do, over real TLS.

use std::sync::Arc;

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_manager::store::Ingest;
use platen_protocol::limits::MAX_BODY_BYTES;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::{Client, csr, request};
use platen_tests::rigs::manager::messages::{
    active, batch, batch_of, cleared, done, order, replaced, report, service_call, started, toner_low,
    utilisation,
};
use platen_tests::rigs::manager::task::{self, OPERATOR, TestManager};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How many reports of the device are stored.
async fn stored(manager: &TestManager, device: &str) -> usize {
    manager.api(&format!("/api/v1/reports?device={device}")).await["items"].as_array().unwrap().len()
}

fn kind_of(problem: &Value) -> &str {
    problem["type"].as_str().unwrap().strip_prefix("urn:platen:problem:").unwrap()
}

#[tokio::test]
async fn an_enrolled_device_reports_and_is_acknowledged_on_both_versions_of_http() {
    let manager = TestManager::start().await;
    let secret = manager.token(None, HOUR).await;
    let (key, csr) = csr("lobby");
    let (_, reply) = manager.try_enrol(&secret, &csr).await;
    assert_eq!(reply["device_id"], "lobby");
    assert_eq!(reply["manager_ca"].as_str().unwrap(), manager.ca);
    let chain = reply["certificate_chain"].as_str().unwrap();
    for (sequence, protocol) in [(1, &b"h2"[..]), (2, b"http/1.1")] {
        let device = Client::with_protocols(&manager.ca, Some((chain, &key)), &[protocol]);
        let answer = device.report(manager.device, &batch(sequence, &[utilisation(50)])).await;
        assert_eq!(answer.acknowledged(), sequence);
    }
    assert_eq!(stored(&manager, "lobby").await, 2);
}

#[tokio::test]
async fn a_wrong_a_used_and_an_expired_token_are_each_named() {
    let manager = TestManager::start().await;
    let (_, request) = csr("lobby");
    let wrong = "00".repeat(16);
    assert_eq!(kind_of(&manager.try_enrol(&wrong, &request).await.1), "token-wrong");
    let expired = manager.token(None, -HOUR).await;
    assert_eq!(kind_of(&manager.try_enrol(&expired, &request).await.1), "token-expired");
    let good = manager.token(Some("lobby"), HOUR).await;
    assert_eq!(manager.try_enrol(&good, &request).await.0, StatusCode::OK);
    assert_eq!(kind_of(&manager.try_enrol(&good, &request).await.1), "token-used");
    assert_eq!(manager.api("/api/v1/devices").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_for_another_device_is_refused_and_leaves_the_token_usable() {
    let manager = TestManager::start().await;
    let token = manager.token(Some("lobby"), HOUR).await;
    let (status, problem) = manager.try_enrol(&token, &csr("cellar").1).await;
    assert_eq!((status.as_u16(), kind_of(&problem)), (403, "other-device"));
    let (status, problem) = manager.try_enrol(&token, "no request at all").await;
    assert_eq!((status.as_u16(), kind_of(&problem)), (400, "invalid-csr"));
    assert_eq!(manager.try_enrol(&token, &csr("lobby").1).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_token_for_anyone_does_not_take_over_a_known_device_and_one_for_it_does() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    let anyone = manager.token(None, HOUR).await;
    assert_eq!(kind_of(&manager.try_enrol(&anyone, &csr("lobby").1).await.1), "other-device");
    let mut open = old.connect(manager.device).await.unwrap();
    assert_eq!(open.post("/v1/reports", &batch(1, &[utilisation(50)])).await.acknowledged(), 1);
    let new = manager.enrol("lobby").await;
    // Also on the connection that was open before.
    let answer = open.post("/v1/reports", &batch(2, &[utilisation(1)])).await;
    assert!(answer.problem(ProblemKind::UnknownDevice).contains("another certificate"));
    assert_eq!(new.report(manager.device, &batch(2, &[utilisation(49)])).await.acknowledged(), 2);
    assert_eq!(manager.try_enrol(&anyone, &csr("cellar").1).await.0, StatusCode::OK, "it was not used up");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_told_to_enrol() {
    let manager = TestManager::start().await;
    let answer = Client::new(&manager.ca, None).report(manager.device, &batch(1, &[utilisation(50)])).await;
    assert!(answer.problem(ProblemKind::NoCertificate).contains("enrol"));
}

#[tokio::test]
async fn a_client_with_a_certificate_of_another_ca_gets_no_connection() {
    let (manager, other) = (TestManager::start().await, TestManager::start().await);
    manager.enrol("lobby").await;
    let secret = other.token(None, HOUR).await;
    let (key, csr) = csr("lobby");
    let (_, reply) = other.try_enrol(&secret, &csr).await;
    let stranger = Client::new(&manager.ca, Some((reply["certificate_chain"].as_str().unwrap(), &key)));
    // In TLS 1.3 the client hears of it with its first read.
    let heard = match stranger.connect(manager.device).await {
        Err(_) => true,
        Ok(mut connection) => {
            connection.send(request("POST", "/v1/reports", batch(1, &[]).to_string())).await.is_err()
        }
    };
    assert!(heard);
    assert_eq!(stored(&manager, "lobby").await, 0);
}

#[tokio::test]
async fn a_device_that_the_manager_does_not_know_is_told_so() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    // The certificate is good; the database is an older one, and what it forgot stands nowhere.
    let directory = manager.directory.clone();
    let mut manager = manager;
    manager.ask_to_stop();
    manager.stopped().await;
    manager.store.close().await;
    drop(manager);
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(directory.path().join(format!("manager.sqlite3{ending}")));
    }
    std::fs::remove_file(directory.path().join("manager.journal")).unwrap();
    let manager = TestManager::start_in(directory).await;
    let answer = device.report(manager.device, &batch(1, &[utilisation(50)])).await;
    assert!(answer.problem(ProblemKind::UnknownDevice).contains("is not known here"));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_by_its_header_and_by_its_count() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let large = "x".repeat(MAX_BODY_BYTES + 1);
    let mut connection = device.connect(manager.device).await.unwrap();
    let answer = connection.send(request("POST", "/v1/reports", large.clone())).await.unwrap();
    answer.problem(ProblemKind::BodyTooLarge);
    for path in ["/v1/reports", "/v1/enroll"] {
        let mut connection = device.connect(manager.device).await.unwrap();
        let piece = vec![b' '; 16 * 1024].into();
        let status = connection.stream(path, &piece, MAX_BODY_BYTES / (16 * 1024) + 1).await.unwrap();
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
    assert_eq!(stored(&manager, "lobby").await, 0);
}

#[tokio::test]
async fn what_is_not_a_batch_is_refused_with_its_place_or_its_version() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    let answer =
        connection.send(request("POST", "/v1/reports", "{\"version\": 1,\n nonsense")).await.unwrap();
    assert!(answer.problem(ProblemKind::NotJson).contains("line 2"));
    let mut later = batch(1, &[utilisation(50)]);
    later["version"] = json!(2);
    device.report(manager.device, &later).await.problem(ProblemKind::WrongVersion);
    let otherwise = json!({"version": 9, "items": []});
    device.report(manager.device, &otherwise).await.problem(ProblemKind::WrongVersion);
    assert_eq!(stored(&manager, "lobby").await, 0);
}

#[tokio::test]
async fn a_batch_with_one_value_that_cannot_be_true_is_refused_whole_and_by_name() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut above = utilisation(50);
    above["readings"]["supplies"][0]["level"]["amount"] = json!(1001);
    let mut absurd = utilisation(50);
    absurd["readings"]["supplies"][0]["set_percent"] = json!(101);
    let mut nameless = utilisation(50);
    nameless["readings"]["supplies"][0]["name"] = json!("");
    let mut nothing = replaced();
    (nothing["removed_supply"], nothing["fitted_supply"]) = (Value::Null, Value::Null);
    let mut overfull = active(50);
    overfull["activity"]["idle_seconds"] = json!(1400);
    for (body, said) in [
        (above, "report 2, supply black.level: 1001 is above the capacity of 1000"),
        (absurd, "report 2, supply black.set_percent: 101 is above 100"),
        (nameless, "report 2, supplies.name: is empty"),
        (service_call(&"x".repeat(501)), "report 2, message: has 501 characters"),
        (service_call("\u{7}"), "report 2, message: contains a control character (U+0007)"),
        (started(&"x".repeat(501)), "report 2, model: has 501 characters"),
        (order("o1", 100), "report 2, quantity: 100 is ordered; an order is for 1 to 99"),
        (nothing, "report 2, replacement: names neither a supply nor a part"),
        (overfull, "report 2, activity: its states are 1800 seconds together, and it is 900 long"),
    ] {
        let answer = device.report(manager.device, &batch(1, &[utilisation(50), body])).await;
        let detail = answer.problem(ProblemKind::InvalidReport);
        assert!(detail.starts_with(said), "{detail}");
    }
    assert_eq!(stored(&manager, "lobby").await, 0);
    assert!(manager.api("/api/v1/devices/lobby").await["freshness"].is_null());
}

#[tokio::test]
async fn sequences_that_go_backwards_and_batches_that_are_too_long_are_refused() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut backwards = batch(1, &[]);
    backwards["reports"] = json!([report(2, &utilisation(50)), report(1, &utilisation(50))]);
    device.report(manager.device, &backwards).await.problem(ProblemKind::SequenceBackwards);
    let long: Vec<Value> = (0..101).map(|_| service_call("x")).collect();
    device.report(manager.device, &batch(1, &long)).await.problem(ProblemKind::InvalidRequest);
    device
        .report(manager.device, &batch_of(5, 1, &[utilisation(50)]))
        .await
        .problem(ProblemKind::InvalidRequest);
    assert_eq!(stored(&manager, "lobby").await, 0);
}

#[tokio::test]
async fn a_repeat_has_no_second_effect_and_another_content_is_a_conflict() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let first = batch(1, &[service_call("help"), toner_low("a1")]);
    for _ in 0..3 {
        assert_eq!(device.report(manager.device, &first).await.acknowledged(), 2);
    }
    assert_eq!(stored(&manager, "lobby").await, 2);
    assert_eq!(manager.api("/api/v1/service-calls").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(manager.api("/api/v1/alerts").await["items"].as_array().unwrap().len(), 1);
    let other = batch(1, &[service_call("another"), toner_low("a1"), utilisation(40)]);
    let detail = device.report(manager.device, &other).await.problem(ProblemKind::SequenceConflict);
    assert!(detail.contains("sequence 1"), "{detail}");
    assert_eq!(stored(&manager, "lobby").await, 2, "nothing of it was stored");
}

#[tokio::test]
async fn a_hole_is_waited_for_and_a_loss_is_recorded() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    assert_eq!(device.report(manager.device, &batch(1, &[utilisation(50)])).await.acknowledged(), 1);
    assert_eq!(device.report(manager.device, &batch_of(2, 4, &[utilisation(48)])).await.acknowledged(), 1);
    assert_eq!(stored(&manager, "lobby").await, 1);
    assert_eq!(device.report(manager.device, &batch_of(4, 4, &[utilisation(48)])).await.acknowledged(), 4);
    let gaps =
        manager.store.gaps(&platen_manager::store::Scope::All, "lobby".parse().unwrap(), 10).await.unwrap();
    let spans: Vec<_> = gaps.iter().map(|gap| (gap.loss.first, gap.loss.last)).collect();
    assert_eq!(spans, [(2, Some(3))]);
    // What was discarded and comes after all changes nothing.
    assert_eq!(device.report(manager.device, &batch_of(3, 3, &[utilisation(1)])).await.acknowledged(), 4);
    assert_eq!(manager.api("/api/v1/devices/lobby").await["supplies"][0]["percent"], 48);
}

#[tokio::test]
async fn an_epoch_in_memory_that_another_one_follows_may_have_lost_something() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let in_epoch = |epoch: &str, in_memory: bool, mut batch: serde_json::Value| {
        batch["epoch"] = json!(epoch);
        batch["in_memory"] = json!(in_memory);
        batch
    };
    let gaps = async || manager.api("/api/v1/devices/lobby").await["gaps"].as_array().unwrap().clone();
    device
        .report(manager.device, &in_epoch("disk", false, batch(1, &[utilisation(50)])))
        .await
        .acknowledged();
    device
        .report(manager.device, &in_epoch("ram-1", true, batch(1, &[utilisation(49)])))
        .await
        .acknowledged();
    // It is brought to the disk after all: a parked request says so.
    device.report(manager.device, &in_epoch("ram-1", false, batch(2, &[]))).await.acknowledged();
    device
        .report(manager.device, &in_epoch("ram-2", true, batch(1, &[utilisation(48)])))
        .await
        .acknowledged();
    assert!(gaps().await.is_empty(), "{:?}", gaps().await);
    // A repeat of an epoch before it says nothing yet; something new does, once.
    device
        .report(manager.device, &in_epoch("disk", false, batch(1, &[utilisation(50)])))
        .await
        .acknowledged();
    assert!(gaps().await.is_empty());
    for _ in 0..2 {
        let news = in_epoch("disk", false, batch(1, &[utilisation(50), utilisation(47)]));
        assert_eq!(device.report(manager.device, &news).await.acknowledged(), 2);
    }
    let gaps = gaps().await;
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(
        (&gaps[0]["epoch"], &gaps[0]["first"], &gaps[0]["last"]),
        (&json!("ram-2"), &json!(2), &json!(null))
    );
    assert!(gaps[0]["words"].as_str().unwrap().contains("kept them in memory"), "{gaps:?}");
}

#[tokio::test]
async fn an_alert_changes_the_shown_level_and_ends_when_it_is_cleared() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    device.report(manager.device, &batch(1, &[started("Demo C450"), toner_low("a1")])).await.acknowledged();
    let view = manager.api("/api/v1/devices/lobby").await;
    assert_eq!((&view["worst"], &view["supplies"][0]["percent"]), (&json!("warning"), &json!(4)));
    assert_eq!(view["alerts"][0]["code"], "markerTonerAlmostEmpty");
    assert_eq!((&view["model"], &view["simulated"]), (&json!("Demo C450"), &json!(true)));
    device.report(manager.device, &batch(3, &[cleared("a1")])).await.acknowledged();
    let view = manager.api("/api/v1/devices/lobby").await;
    assert_eq!((&view["worst"], view["alerts"].as_array().unwrap().len()), (&json!("fine"), 0));
}

#[tokio::test]
async fn a_command_wakes_the_parked_device_and_ends_with_its_outcome() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    let idle = batch(1, &[]);
    let held = tokio::spawn(async move {
        let answer = connection.park(&idle, 240).await.unwrap();
        (connection, answer)
    });
    manager.until_parked("lobby").await;
    let command = manager.read_now("lobby").await;
    let (mut connection, answer) = held.await.unwrap();
    assert_eq!(answer.commands(), std::slice::from_ref(&command));

    // It parks again before the outcome is in: held, not sent round in circles.
    let held = tokio::spawn(async move { connection.park(&batch(1, &[]), 240).await });
    manager.until_parked("lobby").await;
    // A report beside it goes through at once, and hears of the command again.
    let beside = device.report(manager.device, &batch(1, &[utilisation(50)])).await;
    assert_eq!(beside.commands(), std::slice::from_ref(&command));
    let states = manager.api("/api/v1/devices/lobby/commands").await;
    assert_eq!(states["items"][0]["id"], command.as_str());
    let answer = device.report(manager.device, &batch(2, &[done(&command)])).await;
    assert!(answer.commands().is_empty());
    let list = manager.api("/api/v1/devices/lobby/commands").await;
    assert_eq!(list["items"][0]["state"], "done");
    assert!(!held.is_finished());
    held.abort();
}

#[tokio::test]
async fn a_command_is_over_also_when_its_outcome_comes_again_because_the_device_had_gone_when_it_was_kept() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let command = manager.read_now("lobby").await;
    let outcome = batch(1, &[done(&command)]);
    // It is committed, and nothing else that follows a commit was done.
    let committed = serde_json::from_value(outcome.clone()).unwrap();
    let committed =
        Ingest { device: "lobby".parse().unwrap(), batch: Arc::new(committed), received: task::now() };
    manager.store.ingest(committed).await.unwrap().unwrap();
    let again = device.report(manager.device, &outcome).await;
    // A device that is asked again after that tells the outcome a second time.
    assert_eq!((again.acknowledged(), again.commands().len()), (1, 0));
    assert!(device.report(manager.device, &batch(2, &[])).await.commands().is_empty());
}

#[tokio::test]
async fn a_setting_reaches_the_device_with_the_name_of_the_operator() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let action = json!({"kind": "set", "settings": {"supply.black.set-percent": 20}});
    let asked = json!({"action": action});
    let answer = manager.ask_api("POST", "/api/v1/devices/lobby/commands", Some(&asked)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let reset = json!({"action": {"kind": "reset", "settings": []}});
    manager.ask_api("POST", "/api/v1/devices/lobby/commands", Some(&reset)).await;
    let reply = device.report(manager.device, &batch(1, &[])).await.json();
    let commands = reply["commands"].as_array().unwrap();
    assert_eq!(commands.len(), 2);
    assert_eq!((&commands[0]["action"], &commands[0]["issued_by"]), (&action, &json!(OPERATOR)));
    assert_eq!(commands[1]["action"], reset["action"]);
    // The same after a restart, when it comes from the store.
    let manager = manager.restart().await;
    let reply = device.report(manager.device, &batch(1, &[])).await.json();
    assert_eq!(
        (&reply["commands"][0]["action"], &reply["commands"][0]["issued_by"]),
        (&action, &json!(OPERATOR))
    );
}

#[tokio::test]
async fn a_command_that_was_given_before_the_device_came_is_handed_over_at_once() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let command = manager.read_now("lobby").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    let answer = connection.park(&batch(1, &[]), 240).await.unwrap();
    assert_eq!(answer.commands(), std::slice::from_ref(&command));
    // Its delivery is noted behind the answer.
    platen_tests::rigs::manager::task::until(|| async {
        let list = manager.api("/api/v1/devices/lobby/commands").await;
        (list["items"][0]["state"] == "delivered").then_some(())
    })
    .await;
    // On a new connection it is handed over at once again.
    let mut other = device.connect(manager.device).await.unwrap();
    assert_eq!(other.park(&batch(1, &[]), 240).await.unwrap().commands(), [command]);
}

#[tokio::test]
async fn a_newer_parked_request_supersedes_the_older() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    let older = tokio::spawn(async move { connection.park(&batch(1, &[]), 240).await });
    manager.until_parked("lobby").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    let newer = tokio::spawn(async move { connection.park(&batch(1, &[]), 240).await });
    assert!(older.await.unwrap().unwrap().commands().is_empty(), "the older is answered at once");
    let command = manager.read_now("lobby").await;
    assert_eq!(newer.await.unwrap().unwrap().commands(), [command]);
}

#[tokio::test]
async fn a_wait_ends_by_itself_with_an_empty_reply() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    let answer = connection.park(&batch(1, &[]), 1).await.unwrap();
    assert_eq!((answer.acknowledged(), answer.commands().len()), (0, 0));
}

#[tokio::test]
async fn a_clean_stop_answers_parked_requests_at_once() {
    let mut manager = TestManager::start().await;
    let mut held = Vec::new();
    for (name, protocol) in [("one", &b"h2"[..]), ("two", b"http/1.1")] {
        let secret = manager.token(None, HOUR).await;
        let (key, csr) = csr(name);
        let (_, reply) = manager.try_enrol(&secret, &csr).await;
        let chain = reply["certificate_chain"].as_str().unwrap().to_owned();
        let device = Client::with_protocols(&manager.ca, Some((&chain, &key)), &[protocol]);
        let mut connection = device.connect(manager.device).await.unwrap();
        held.push(tokio::spawn(async move { connection.park(&batch(1, &[]), 240).await }));
        manager.until_parked(name).await;
    }
    manager.ask_to_stop();
    for one in held {
        assert_eq!(one.await.unwrap().unwrap().status, StatusCode::OK);
    }
    manager.stopped().await;
    // Contacts that were only in memory are kept.
    let one = manager.store.device("one".parse().unwrap()).await.unwrap().unwrap();
    assert!(one.last_contact.is_some());
}

#[tokio::test]
async fn a_restart_keeps_what_was_acknowledged_and_what_waits() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    device
        .report(manager.device, &batch(1, &[started("Demo"), toner_low("a1"), service_call("help")]))
        .await
        .acknowledged();
    let command = manager.read_now("lobby").await;
    let manager = manager.restart().await;
    let answer = device.report(manager.device, &batch_of(1, 4, &[])).await;
    assert_eq!((answer.acknowledged(), answer.commands()), (3, vec![command]));
    let view = manager.api("/api/v1/devices/lobby").await;
    assert_eq!((&view["worst"], &view["supplies"][0]["percent"]), (&json!("service_call"), &json!(4)));
    assert_eq!(view["contact"]["state"], "recent");
    assert_eq!(device.report(manager.device, &batch(4, &[utilisation(3)])).await.acknowledged(), 4);
}

#[tokio::test]
async fn other_addresses_and_methods_are_named() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    let answer = connection.send(request("POST", "/v1/other", "")).await.unwrap();
    answer.problem(ProblemKind::NotFound);
    let answer = connection.send(request("GET", "/v1/reports", "")).await.unwrap();
    answer.problem(ProblemKind::MethodNotAllowed);
    assert_eq!(answer.headers["allow"], "POST");
}

#[tokio::test]
async fn keys_and_the_database_are_their_owners_alone() {
    let manager = TestManager::start().await;
    for name in ["ca.key", "server.key", "manager.sqlite3", "manager.sqlite3-wal"] {
        assert_eq!(
            platen_tests::rigs::manager::task::mode(&manager.directory.path().join(name)),
            0o600,
            "{name}"
        );
    }
}

#[tokio::test]
async fn tokens_that_are_guessed_at_once_are_counted_before_they_are_looked_up() {
    let manager = TestManager::start().await;
    let request = csr("lobby").1;
    let wrong = "0".repeat(32);
    let answers = futures_util::future::join_all((0..60).map(|_| manager.try_enrol(&wrong, &request))).await;
    let of = |status| answers.iter().filter(|(found, _)| *found == status).count();
    assert_eq!((of(StatusCode::FORBIDDEN), of(StatusCode::TOO_MANY_REQUESTS)), (20, 40));
    // Who is let in does not use up what others of the same address may do.
    let manager = TestManager::start().await;
    for number in 0..30 {
        manager.enrol(&format!("device-{number}")).await;
    }
}
