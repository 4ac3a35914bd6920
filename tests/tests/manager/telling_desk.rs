//! What operators write down about telling people, over the API and the pages.

use hyper::StatusCode;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};
use std::sync::Arc;

use platen_tests::rigs::hook::Hook;
use platen_tests::rigs::manager::client::Answer;
use platen_tests::rigs::manager::messages::{batch, service_call};
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{TestManager, until};

async fn ask(manager: &TestManager, method: &str, path: &str, body: &Value) -> Answer {
    manager.ask_api(method, &format!("/api/v1{path}"), Some(body)).await
}

async fn with_webhooks() -> TestManager {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    TestManager::start_configured(folder, |config| {
        config.webhooks.allow =
            toml::from_str::<platen_manager::deliver::Webhooks>("allow = [\"127.0.0.1\"]").unwrap().allow;
    })
    .await
}

#[tokio::test]
async fn a_rule_over_the_api_tells_what_happens_and_the_secret_is_shown_once() {
    let (manager, hook) = (with_webhooks().await, Hook::open().await);
    let device = manager.enrol("lobby").await;
    let form = json!({"name": "desk", "kind": "webhook", "address": hook.url()});
    let added = ask(&manager, "POST", "/channels", &form).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    let (channel, secret) = (added.json()["id"].as_i64().unwrap(), added.json()["secret"].clone());
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    let tested = ask(&manager, "POST", &format!("/channels/{channel}/test"), &Value::Null).await.json();
    assert_eq!((&tested["delivered"], hook.taken().len()), (&json!(true), 1));
    let rule = json!({"name": "all", "channel": channel, "gather_seconds": 0});
    let made = ask(&manager, "POST", "/notification-rules", &rule).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let rule = made.json()["id"].as_i64().unwrap();
    device.report(manager.device, &batch(1, &[service_call("streaks")])).await.acknowledged();
    until(|| async { (hook.taken().len() == 2).then_some(()) }).await;
    let message = until(|| async {
        let all = manager.api("/api/v1/messages?state=sent").await;
        (!all["items"][0].is_null()).then(|| all["items"][0].clone())
    })
    .await;
    assert_eq!(message["message"]["items"][0]["device"], "lobby");
    let id = message["id"].as_str().unwrap();
    let taken = ask(&manager, "POST", &format!("/messages/{id}/take"), &Value::Null).await.json();
    assert_eq!(taken["taken_by"], "anna");
    for path in ["/channels", "/notification-rules", "/messages", &format!("/channels/{channel}")] {
        let text = manager.api(&format!("/api/v1{path}")).await.to_string();
        assert!(!text.contains(secret.as_str().unwrap()), "{path}");
    }
    let used = ask(&manager, "DELETE", &format!("/channels/{channel}"), &Value::Null).await;
    assert!(used.problem(ProblemKind::StateConflict).contains("\"all\""));
    let removed = ask(&manager, "DELETE", &format!("/notification-rules/{rule}"), &Value::Null).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let removed = ask(&manager, "DELETE", &format!("/channels/{channel}"), &Value::Null).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_words() {
    let manager = TestManager::start().await;
    for (path, body, word) in [
        ("/channels", json!({"name": "x", "kind": "email", "address": "nobody"}), "no address"),
        ("/channels", json!({"name": "x", "kind": "webhook", "address": "ftp://x"}), "https://"),
        ("/channels", json!({"name": " ", "kind": "email", "address": "a@example.org"}), "must not be empty"),
        ("/notification-rules", json!({"name": "x", "channel": 1, "gather_seconds": 9999}), "gather_seconds"),
        ("/mutes", json!({"until": "2020-01-01T00:00:00Z", "device": "lobby"}), "in the future"),
        ("/mutes", json!({"until": "2020-01-01T00:00:00Z"}), "a device or a site"),
    ] {
        let refused = ask(&manager, "POST", path, &body).await.problem(ProblemKind::InvalidRequest);
        assert!(refused.contains(word), "{body}: {refused}");
    }
    let nowhere = json!({"name": "x", "channel": 7});
    let refused = ask(&manager, "POST", "/notification-rules", &nowhere).await;
    assert!(refused.problem(ProblemKind::NotFound).contains("channel 7"));
    ask(&manager, "POST", "/messages/none/take", &Value::Null).await.problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn all_of_it_is_done_on_the_page_as_well() {
    let (manager, hook) = (with_webhooks().await, Hook::open().await);
    manager.enrol("lobby").await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let url = hook.url().replace(':', "%3A").replace('/', "%2F");
    let form = format!("name=desk&kind=webhook&address={url}");
    let page = post_form(&mut browser, "/telling/channels", &form, Some(OWN), &cookie).await.text();
    assert!(page.contains("whsec_"), "{page}");
    let page = get(&mut browser, "/telling", &cookie).await.text();
    assert!(!page.contains("whsec_") && page.contains("desk"));
    let page = post_form(&mut browser, "/telling/channels/1/test", "", Some(OWN), &cookie).await.text();
    assert!(page.contains("data-delivered=\"true\""), "{page}");
    let form = "name=calls&channel=1&enabled=on&event_service_call=on&after=0&gather=0&pause=5&day_monday=on\
        &from=08%3A00&to=17%3A00&time_zone=Europe%2FBerlin&resolved=on&escalate_after=&escalate_to=";
    let saved = post_form(&mut browser, "/telling/rules", form, Some(OWN), &cookie).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
    let page = get(&mut browser, "/telling/rules/1", &cookie).await.text();
    for piece in [
        "value=\"calls\"",
        "name=\"event_service_call\" checked",
        "name=\"day_monday\" checked",
        "Europe/Berlin",
    ] {
        assert!(page.contains(piece), "{piece} is not in\n{page}");
    }
    let form = "device=lobby&site=&until=2999-01-01T00%3A00&note=";
    let refused = post_form(&mut browser, "/telling/mutes", form, Some(OWN), &cookie).await;
    assert!(refused.text().contains("within 92 days"));
}
