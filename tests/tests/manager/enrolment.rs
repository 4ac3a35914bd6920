//! Enrolment tokens that are made at the desk, over the API and on their pages.

use hyper::StatusCode;
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::manager::messages::{batch, service_call, started};
use platen_tests::rigs::manager::pages::{OWN, browser, device_page, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, TestManager};
use serde_json::{Value, json};

#[tokio::test]
async fn another_controller_takes_the_place_of_one_and_its_history_goes_on() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    old.report(manager.device, &batch(1, &[started("MFP 450"), service_call("jams")])).await.acknowledged();
    let path = "/api/v1/devices/lobby/replace-controller";
    manager
        .ask_api("POST", "/api/v1/devices/cellar/replace-controller", Some(&json!({})))
        .await
        .problem(ProblemKind::NotFound);
    let wrong = json!({"valid_hours": 745});
    manager.ask_api("POST", path, Some(&wrong)).await.problem(ProblemKind::InvalidRequest);
    let made = manager.ask_api("POST", path, Some(&json!({"valid_hours": 2}))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    assert_eq!(
        (&made["tokens"][0]["device"], made["tokens"].as_array().unwrap().len()),
        (&json!("lobby"), 1)
    );
    // Until the new one comes, the old one is served.
    old.report(manager.device, &batch(3, &[])).await.acknowledged();
    let listed = manager.api("/api/v1/enrolment-tokens").await;
    let listed = &listed["items"][0];
    assert_eq!((&listed["device"], &listed["made_by"]), (&json!("lobby"), &json!(OPERATOR)));
    let new = manager.enrol_with("lobby", made["tokens"][0]["token"].as_str().unwrap()).await;
    let mut first = batch(1, &[started("MFP 450")]);
    first["epoch"] = json!("e2");
    new.report(manager.device, &first).await.acknowledged();
    let refused = old.report(manager.device, &batch(3, &[])).await;
    assert!(!refused.status.is_success(), "the old controller is out");
    assert_eq!(manager.api("/api/v1/service-calls").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(manager.api("/api/v1/reports?device=lobby").await["items"].as_array().unwrap().len(), 3);
    assert_eq!(manager.api("/api/v1/enrolment-tokens").await["items"], json!([]));
}

#[tokio::test]
async fn a_sheet_has_tokens_that_let_devices_in_once_and_can_be_taken_back() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let asked = |count: u32, devices: &[&str]| json!({"count": count, "devices": devices, "valid_hours": 24});
    let ask = async |body: Value| manager.ask_api("POST", "/api/v1/enrolment-tokens", Some(&body)).await;
    ask(asked(0, &[])).await.problem(ProblemKind::InvalidRequest);
    ask(asked(101, &[])).await.problem(ProblemKind::InvalidRequest);
    let known = ask(asked(1, &["cellar", "lobby"])).await.problem(ProblemKind::StateConflict);
    assert!(known.contains("lobby is enrolled already"), "{known}");
    assert_eq!(manager.api("/api/v1/enrolment-tokens").await["items"], json!([]), "all or none");
    let made = ask(asked(2, &["cellar"])).await.json();
    let tokens = made["tokens"].as_array().unwrap();
    assert_eq!(
        (tokens.len(), &tokens[0]["device"], &tokens[1]["device"]),
        (3, &json!("cellar"), &Value::Null)
    );
    manager.enrol_with("roof", tokens[1]["token"].as_str().unwrap()).await;
    let left = manager.api("/api/v1/enrolment-tokens").await["items"].clone();
    assert_eq!(left.as_array().unwrap().len(), 2);
    assert!(!left.to_string().contains("platen1-"), "no secret is told again");
    let id = left[0]["id"].as_str().unwrap();
    let back = manager.ask_api("DELETE", &format!("/api/v1/enrolment-tokens/{id}"), None).await;
    assert_eq!(back.status, StatusCode::NO_CONTENT);
    manager
        .ask_api("DELETE", &format!("/api/v1/enrolment-tokens/{id}"), None)
        .await
        .problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn the_sheet_is_a_page_with_codes_and_what_is_to_be_typed() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    assert!(get(&mut browser, "/enrol", &cookie).await.text().contains("id=\"make\""));
    let form = "count=2&devices=cellar&hours=24";
    let sheet = post_form(&mut browser, "/enrol", form, Some(OWN), &cookie).await;
    assert_eq!(
        (sheet.status, &sheet.headers["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    let sheet = sheet.text();
    assert_eq!((sheet.matches("<svg").count(), sheet.matches("platen1-").count()), (3, 3), "{sheet}");
    assert!(sheet.contains("sudo platen-agent enroll") && sheet.contains("--device cellar"));
    let wrong = post_form(&mut browser, "/enrol", "count=many&hours=24", Some(OWN), &cookie).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let one =
        post_form(&mut browser, "/devices/lobby/replace-controller", "hours=2", Some(OWN), &cookie).await;
    assert!(one.text().contains("Another controller for lobby"), "{}", one.text());
    let device = device_page(&mut browser, "lobby", &cookie).await;
    assert!(device.contains("A token for another controller was made"), "{device}");
    let left = get(&mut browser, "/enrolment-tokens", &cookie).await.text();
    assert_eq!(left.matches("/revoke\"").count(), 4, "{left}");
}
