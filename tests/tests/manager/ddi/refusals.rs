//! Who is not let in, and what is not taken.

use hyper::StatusCode;
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::manager::client::Client;
use platen_tests::rigs::manager::messages::{batch, started};
use platen_tests::rigs::manager::task::TestManager;
use serde_json::json;

use super::{Ddi, house, token};

#[tokio::test]
async fn who_is_not_let_in_hears_the_same_whether_there_is_such_a_device_or_not() {
    let house = house().await;
    let manager = &house.manager;
    let lobby = Ddi::new(manager, "lobby").await;
    let others = token(manager, "cellar").await;
    let wrong = "ab".repeat(32);
    let mut heard = Vec::new();
    for device in ["lobby", "nobody"] {
        for authorization in [
            None,
            Some(format!("TargetToken {wrong}")),
            Some(format!("TargetToken {others}")),
            Some(format!("GatewayToken {others}")),
            Some("TargetToken ".to_owned()),
        ] {
            let answer = Ddi::with(manager, device, authorization).send("GET", "", None).await;
            heard.push(answer.problem(ProblemKind::NotSignedIn));
        }
    }
    let tenant = lobby.send_with("GET", "/other/controller/v1/lobby", None, &[]).await;
    heard.push(tenant.problem(ProblemKind::NotSignedIn));
    let no_device = lobby.send_with("GET", "/default/controller/v1/", None, &[]).await;
    heard.push(no_device.problem(ProblemKind::NotSignedIn));
    heard.dedup();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(lobby.send("GET", "", None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_was_revoked_lets_nobody_in_and_neither_does_one_of_a_device_that_is_shut_out() {
    let house = house().await;
    let manager = &house.manager;
    let lobby = Ddi::new(manager, "lobby").await;
    let listed = manager.api("/api/v1/devices/lobby/ddi").await;
    assert_eq!(listed["tokens"][0]["created_by"], "anna");
    assert!(listed["tokens"][0].get("token").is_none() && !listed.to_string().contains("hash"));
    let address = format!("/api/v1/devices/lobby/ddi/tokens/{}", listed["tokens"][0]["id"]);
    assert_eq!(manager.ask_api("DELETE", &address, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(manager.ask_api("DELETE", &address, None).await.status, StatusCode::NOT_FOUND);
    lobby.send("GET", "", None).await.problem(ProblemKind::NotSignedIn);

    let again = Ddi::new(manager, "lobby").await;
    again.poll().await;
    let revoked = manager.ask_api("POST", "/api/v1/devices/lobby/revoke", None).await;
    assert_eq!(revoked.status, StatusCode::OK);
    again.send("GET", "", None).await.problem(ProblemKind::NotSignedIn);
    let answer = manager.ask_api("POST", "/api/v1/devices/lobby/ddi/tokens", None).await;
    answer.problem(ProblemKind::StateConflict);
}

#[tokio::test]
async fn a_device_has_no_more_tokens_than_it_may() {
    let house = house().await;
    for _ in 0..5 {
        token(&house.manager, "lobby").await;
    }
    let answer = house.manager.ask_api("POST", "/api/v1/devices/lobby/ddi/tokens", None).await;
    assert!(answer.problem(ProblemKind::StateConflict).contains("5 tokens already"));
}

#[tokio::test]
async fn a_certificate_lets_in_for_its_own_device_unless_an_agent_reports_for_that() {
    let house = house().await;
    let manager = &house.manager;
    let shows = |client: Client, device: &str| Ddi { client, ..Ddi::with(manager, device, None) };
    let lobby = shows(manager.enrol("lobby").await, "lobby");
    lobby.poll().await;
    let other = shows(manager.enrol("cellar").await, "lobby");
    other.send("GET", "", None).await.problem(ProblemKind::NotSignedIn);
    lobby.client.report(manager.device, &batch(1, &[started("MFP 450")])).await;
    lobby.send("GET", "", None).await.problem(ProblemKind::NotSignedIn);
    token(manager, "lobby").await;
    lobby.poll().await;
}

#[tokio::test]
async fn who_guesses_tokens_has_to_wait_and_its_neighbours_have_not() {
    let house = house().await;
    let manager = &house.manager;
    let lobby = Ddi::new(manager, "lobby").await;
    let guesses = Ddi::with(manager, "cellar", Some("TargetToken guess".to_owned()));
    for _ in 0..20 {
        guesses.send("GET", "", None).await.problem(ProblemKind::NotSignedIn);
    }
    guesses.send("GET", "", None).await.problem(ProblemKind::TooMany);
    lobby.poll().await;
}

#[tokio::test]
async fn a_device_that_asks_too_often_is_told_to_come_later() {
    let directory = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let manager = TestManager::start_configured(directory, |config| {
        config.ddi.enabled = true;
        config.limits.requests_per_minute = 1;
        config.limits.requests_burst = 2;
    });
    let manager = manager.await;
    let lobby = Ddi::new(&manager, "lobby").await;
    lobby.poll().await;
    lobby.poll().await;
    let answer = lobby.send("GET", "", None).await;
    answer.problem(ProblemKind::TooMany);
    assert!(answer.retry_after() > 0);
}

#[tokio::test]
async fn what_is_no_message_of_the_ddi_is_refused_by_name() {
    let house = house().await;
    let lobby = Ddi::new(&house.manager, "lobby").await;
    let method = lobby.send("DELETE", "", None).await;
    method.problem(ProblemKind::MethodNotAllowed);
    assert_eq!(method.headers["allow"], "GET");
    lobby.send("GET", "/installedBase/7", None).await.problem(ProblemKind::NotFound);
    for beyond in ["/deploymentBase/7", "/deploymentBase/4294967296", "/cancelAction/7", "/deploymentBase/x"]
    {
        lobby.send("GET", beyond, None).await.problem(ProblemKind::NotFound);
    }
    lobby.send("GET", "/softwaremodules/7/artifacts/a.swu", None).await.problem(ProblemKind::NotFound);
    let feedback = "/deploymentBase/7/feedback";
    let nothing = lobby.send("POST", feedback, Some(&json!({"status": {"execution": "closed"}}))).await;
    nothing.problem(ProblemKind::NotFound);
    let word = lobby.send("POST", feedback, Some(&json!({"status": {"execution": "done"}}))).await;
    assert!(word.problem(ProblemKind::InvalidRequest).contains("\"done\""));
    let other = json!({"id": 8, "status": {"execution": "closed"}});
    let other = lobby.send("POST", feedback, Some(&other)).await;
    assert!(other.problem(ProblemKind::InvalidRequest).contains("id is 8"));
    lobby.send("POST", feedback, Some(&json!([1]))).await.problem(ProblemKind::NotJson);
    let long = json!({"status": {"execution": "closed", "details": ["x".repeat(300_000)]}});
    lobby.send("POST", feedback, Some(&long)).await.problem(ProblemKind::BodyTooLarge);
    let many: serde_json::Map<_, _> = (0..101).map(|number| (format!("a{number}"), json!("x"))).collect();
    let many = lobby.send("PUT", "/configData", Some(&json!({"data": many}))).await;
    assert!(many.problem(ProblemKind::InvalidRequest).contains("101 attributes"));
}

#[tokio::test]
async fn a_program_for_other_printers_is_not_shown_and_says_why() {
    let mut house = house().await;
    let bytes = b"for others";
    let mut program = platen_tests::rigs::maker::Maker::program("engine-firmware", "2.0", bytes);
    program.hardware = vec!["MFP 900".to_owned()];
    let targets = Some(house.maker.sign(&[program], &[]));
    let files = vec![house.file(bytes)];
    let brought =
        platen_manager::programs::publish::Brought { roots: vec![house.maker.root.clone()], targets, files };
    house.publish(brought).await.unwrap();
    let lobby = Ddi::new(&house.manager, "lobby").await;
    house.offer("2.0", &["lobby"]).await;
    let waits = platen_tests::rigs::manager::task::until(|| async {
        assert!(lobby.poll().await["_links"].get("deploymentBase").is_none());
        let offers = house.manager.api("/api/v1/programs/engine-firmware/2.0/offers").await;
        offers["items"][0]["waits"].as_str().map(str::to_owned)
    });
    assert!(waits.await.contains("has not said what it is"));
    let told = json!({"data": {"model": "MFP 900"}});
    assert_eq!(lobby.send("PUT", "/configData", Some(&told)).await.status, StatusCode::OK);
    lobby.until_link("deploymentBase").await;
}

#[tokio::test]
async fn without_the_setting_there_is_no_such_api() {
    let manager = TestManager::start().await;
    let lobby = Ddi::new(&manager, "lobby").await;
    lobby.send("GET", "", None).await.problem(ProblemKind::NotFound);
}
