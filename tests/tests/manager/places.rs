//! What operators say about devices, over the API and the pages; devices that are retired and deleted.

use hyper::StatusCode;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::Answer;
use platen_tests::rigs::manager::messages::{batch, done, service_call, utilisation};
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{TestManager, until};

async fn ask(manager: &TestManager, method: &str, path: &str, body: &Value) -> Answer {
    manager.ask_api(method, &format!("/api/v1{path}"), Some(body)).await
}

async fn made(manager: &TestManager, path: &str, body: &Value) -> i64 {
    let answer = ask(manager, "POST", path, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["id"].as_i64().unwrap()
}

async fn patch(manager: &TestManager, device: &str, body: &Value) -> Answer {
    ask(manager, "PATCH", &format!("/devices/{device}/details"), body).await
}

#[tokio::test]
async fn a_device_has_a_customer_a_site_a_place_a_time_zone_tags_and_a_note() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let nord = made(&manager, "/customers", &json!({"name": "Nord AG", "note": "calls on Mondays"})).await;
    let kiel = json!({"customer": nord, "name": "Kiel", "address": "Am Kai 3", "time_zone": "europe/berlin"});
    let kiel = made(&manager, "/sites", &kiel).await;
    let all =
        json!({"site": kiel, "place": " 2nd floor ", "tags": ["VIP", "floor-2"], "note": "key at the desk"});
    let answer = patch(&manager, "lobby", &all).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let told = answer.json();
    assert_eq!((&told["customer"]["name"], &told["site"]["name"]), (&json!("Nord AG"), &json!("Kiel")));
    assert_eq!((&told["time_zone"], &told["own_time_zone"]), (&json!("Europe/Berlin"), &Value::Null));
    assert_eq!((&told["place"], &told["tags"]), (&json!("2nd floor"), &json!(["floor-2", "vip"])));
    let less = patch(&manager, "lobby", &json!({"place": null, "remove_tags": ["vip"]})).await.json();
    assert_eq!(
        (&less["place"], &less["tags"], &less["note"]),
        (&Value::Null, &json!(["floor-2"]), &json!("key at the desk"))
    );
    assert_eq!(manager.api("/api/v1/devices/lobby").await["details"], less);
    let sites = manager.api(&format!("/api/v1/sites?customer={nord}")).await;
    assert_eq!((&sites["items"][0]["devices"], &sites["next_cursor"]), (&json!(1), &Value::Null));
    let in_use = ask(&manager, "DELETE", &format!("/sites/{kiel}"), &Value::Null).await;
    assert!(in_use.problem(ProblemKind::StateConflict).contains("1 devices"));
}

#[tokio::test]
async fn what_cannot_be_said_is_refused_with_the_reason_and_changes_nothing() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let long = "x".repeat(301);
    for (body, word) in [
        (json!({"time_zone": "Berlin"}), "IANA"),
        (json!({"time_zone": "+02:00"}), "IANA"),
        (json!({"tags": ["two words"]}), "cannot be a tag"),
        (json!({"tags": ["%_'\"\\"]}), "cannot be a tag"),
        (json!({"place": long}), "at most 300"),
        (json!({"place": "a\u{0}b"}), "control character"),
        (json!({"site": 7}), "no site 7"),
        (json!({"customer": -1}), "no customer -1"),
        (json!({"profile": 7}), "no profile 7"),
        (json!({}), "nothing is to be changed"),
    ] {
        let refused = patch(&manager, "lobby", &body).await.problem(ProblemKind::InvalidRequest);
        assert!(refused.contains(word), "{body}: {refused}");
    }
    patch(&manager, "lobby", &json!({"colour": "red"})).await.problem(ProblemKind::NotJson);
    patch(&manager, "nobody", &json!({"place": "x"})).await.problem(ProblemKind::NotFound);
    let details = manager.api("/api/v1/devices/lobby/details").await;
    assert_eq!((&details["changed"], &details["tags"]), (&Value::Null, &json!([])));
    ask(&manager, "POST", "/customers", &json!({"name": " "})).await.problem(ProblemKind::InvalidRequest);
    made(&manager, "/customers", &json!({"name": "%_'\"\\"})).await;
    let again = ask(&manager, "POST", "/customers", &json!({"name": "%_'\"\\"})).await;
    again.problem(ProblemKind::StateConflict);
    ask(&manager, "PUT", "/customers/99", &json!({"name": "x"})).await.problem(ProblemKind::NotFound);
    let cursor = manager.ask_api("GET", "/api/v1/customers?cursor=dlobby", None).await;
    cursor.problem(ProblemKind::InvalidRequest);
}

#[tokio::test]
async fn many_devices_are_changed_by_name_or_by_what_they_have_in_common() {
    let manager = TestManager::start().await;
    for name in ["a", "b", "c"] {
        manager.enrol(name).await;
    }
    let many = json!({"devices": ["a", "b", "nobody"], "change": {"add_tags": ["vip"]}});
    let changed = ask(&manager, "POST", "/device-changes", &many).await.json();
    assert_eq!((&changed["changed"], &changed["not_changed"][0]["device"]), (&json!(2), &json!("nobody")));
    let those = json!({"those": {"tag": "vip"}, "change": {"note": "by the window"}});
    let changed = ask(&manager, "POST", "/device-changes", &those).await.json();
    assert_eq!((&changed["changed"], &changed["next_cursor"]), (&json!(2), &Value::Null));
    assert_eq!(manager.api("/api/v1/devices/c/details").await["note"], Value::Null);
    let neither = ask(&manager, "POST", "/device-changes", &json!({"change": {"note": "x"}})).await;
    assert!(neither.problem(ProblemKind::InvalidRequest).contains("which devices"));
}

#[tokio::test]
async fn a_profile_goes_to_the_devices_of_its_groups_and_its_progress_is_shown() {
    let manager = TestManager::start().await;
    let lobby = manager.enrol("lobby").await;
    lobby.report(manager.device, &batch(1, &[utilisation(50)])).await;
    let settings = json!({"supply.black.set-percent": 15, "supply.cyan.set-percent": 15});
    let profile =
        json!({"name": "Office", "settings": settings, "groups": [{"kind": "tag", "name": "Office"}]});
    let profile = made(&manager, "/profiles", &profile).await;
    let of = |progress: &Value| {
        ["devices", "accepted", "waiting", "refused"].map(|name| progress[name].as_u64().unwrap())
    };
    let progress = async || of(&manager.api(&format!("/api/v1/profiles/{profile}")).await["progress"]);
    assert_eq!(progress().await, [0, 0, 0, 0]);
    patch(&manager, "lobby", &json!({"tags": ["office"]})).await;
    let commands = until(|| async {
        let commands = manager.api("/api/v1/devices/lobby/commands").await["items"].clone();
        (!commands.as_array().unwrap().is_empty()).then_some(commands)
    })
    .await;
    assert_eq!(commands[0]["action"]["settings"], json!({"supply.black.set-percent": 15}), "it has no cyan");
    assert_eq!(progress().await, [1, 0, 1, 0]);
    let reply = lobby.report(manager.device, &batch(2, &[utilisation(50)])).await;
    let id = reply.commands()[0].clone();
    lobby.report(manager.device, &batch(3, &[done(&id)])).await;
    assert_eq!(progress().await, [1, 1, 0, 0]);
    let details = manager.api("/api/v1/devices/lobby/details").await;
    assert_eq!(
        (&details["profile"]["name"], &details["profile"]["state"]),
        (&json!("Office"), &json!("done"))
    );
    for (body, word) in [
        (json!({"name": "x", "settings": {"colour": 1}}), "is not a setting"),
        (json!({"name": "x", "settings": {"judge.part-percent": 101}}), "between 0 and 100"),
        (json!({"name": "x", "settings": {}}), "at least one setting"),
    ] {
        let refused = ask(&manager, "POST", "/profiles", &body).await.problem(ProblemKind::InvalidRequest);
        assert!(refused.contains(word), "{refused}");
    }
    let removed = ask(&manager, "DELETE", &format!("/profiles/{profile}"), &Value::Null).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    until(|| async {
        let commands = manager.api("/api/v1/devices/lobby/commands").await["items"].clone();
        (commands[0]["action"]["kind"] == "reset").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_retired_device_is_told_at_once_and_refused_once_it_has_answered() {
    let manager = TestManager::start().await;
    let lobby = manager.enrol("lobby").await;
    lobby.report(manager.device, &batch(1, &[utilisation(50)])).await;
    let parked = {
        let lobby = lobby.clone();
        let to = manager.device;
        tokio::spawn(async move { lobby.connect(to).await.unwrap().park(&batch(2, &[]), 60).await.unwrap() })
    };
    manager.until_parked("lobby").await;
    let body = json!({"action": {"kind": "retire"}});
    let refused = ask(&manager, "POST", "/devices/lobby/commands", &body).await;
    assert!(refused.problem(ProblemKind::InvalidRequest).contains("/retire"));
    let retired = ask(&manager, "POST", "/devices/lobby/retire", &Value::Null).await.json();
    assert_eq!(retired["retired"]["by"], "anna");
    let reply = parked.await.unwrap().json();
    assert_eq!(reply["commands"][0]["action"], json!({"kind": "retire"}));
    let id = reply["commands"][0]["id"].as_str().unwrap().to_owned();
    let answer = lobby.report(manager.device, &batch(2, &[done(&id)])).await;
    assert_eq!(answer.acknowledged(), 2, "so that it can remove its key");
    let refused = lobby.report(manager.device, &batch(3, &[utilisation(50)])).await;
    assert!(refused.problem(ProblemKind::DeviceRevoked).contains("retired at the service centre"));
    let manager = manager.restart().await;
    let refused = lobby.report(manager.device, &batch(3, &[utilisation(50)])).await;
    refused.problem(ProblemKind::DeviceRevoked);
    let device = manager.api("/api/v1/devices/lobby").await;
    assert_eq!(
        (&device["details"]["retired"]["state"], &device["identity"]["state"]),
        (&json!("done"), &json!("retired"))
    );
    let again = manager.enrol("lobby").await;
    assert_eq!(again.report(manager.device, &batch(3, &[utilisation(50)])).await.acknowledged(), 3);
    assert_eq!(manager.api("/api/v1/devices/lobby/details").await["retired"], Value::Null);
}

#[tokio::test]
async fn an_agent_that_does_not_know_how_to_retire_is_refused_all_the_same() {
    let manager = TestManager::start().await;
    let lobby = manager.enrol("lobby").await;
    ask(&manager, "POST", "/devices/lobby/retire", &Value::Null).await;
    let id = lobby.report(manager.device, &batch(1, &[utilisation(50)])).await.commands()[0].clone();
    let mut refused = done(&id);
    refused["result"] =
        json!({"state": "refused", "reason": "version 0.1.0 of the agent knows no such command"});
    lobby.report(manager.device, &batch(2, &[refused])).await;
    lobby.report(manager.device, &batch(3, &[utilisation(50)])).await.problem(ProblemKind::DeviceRevoked);
    let retired = manager.api("/api/v1/devices/lobby/details").await["retired"].clone();
    assert!(retired["words"].as_str().unwrap().contains("does not know how"), "{retired}");
}

#[tokio::test]
async fn a_device_is_deleted_for_good_only_out_of_service_and_by_its_name() {
    let manager = TestManager::start().await;
    let lobby = manager.enrol("lobby").await;
    lobby.report(manager.device, &batch(1, &[utilisation(50), service_call("ask for Mr Smith")])).await;
    let delete = async |confirm: &str| {
        manager.ask_api("DELETE", &format!("/api/v1/devices/lobby?confirm={confirm}"), None).await
    };
    assert!(delete("lobby").await.problem(ProblemKind::StateConflict).contains("retire it first"));
    ask(&manager, "POST", "/devices/lobby/revoke", &Value::Null).await;
    assert!(delete("cellar").await.problem(ProblemKind::StateConflict).contains("repeat its name"));
    assert_eq!(delete("lobby").await.status, StatusCode::ACCEPTED);
    manager.ask_api("GET", "/api/v1/devices/lobby", None).await.problem(ProblemKind::NotFound);
    until(|| async {
        let calls = manager.api("/api/v1/service-calls").await;
        calls["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    until(|| async {
        let refused = lobby.report(manager.device, &batch(3, &[utilisation(50)])).await.json();
        (refused["type"] == "urn:platen:problem:unknown-device").then_some(())
    })
    .await;
    assert!(manager.store.rows_of_nobody().await.unwrap().is_empty());
    let manager = manager.restart().await;
    lobby.report(manager.device, &batch(3, &[utilisation(50)])).await.problem(ProblemKind::UnknownDevice);
}

#[tokio::test]
async fn all_of_it_can_be_done_on_pages_without_script() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let mut page = browser(&manager).await;
    let cookie = sign_in(&mut page).await;
    let foreign =
        post_form(&mut page, "/customers", "name=Evil", Some("https://evil.example"), &cookie).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let mut post = async |path: &str, form: &str| {
        let answer = post_form(&mut page, path, form, Some(OWN), &cookie).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.text());
        answer.headers["location"].to_str().unwrap().to_owned()
    };
    assert_eq!(post("/customers", "name=Nord+AG&note=").await, "/customers/1");
    assert_eq!(
        post("/sites", "customer=1&name=Kiel&address=&time_zone=Europe%2FBerlin").await,
        "/customers/1#site-1"
    );
    let profile = "name=Office&settings=judge.part-percent+%3D+5&tags=office&groups=site%3A1&note=";
    assert_eq!(post("/profiles", profile).await, "/profiles/1");
    let details = "where=site%3A1&place=2nd+floor&time_zone=&tags=office+vip&profile=&note=Key+at+the+desk";
    assert_eq!(post("/devices/lobby/details", details).await, "/devices/lobby#details");
    assert_eq!(post("/devices/lobby/retire", "").await, "/devices/lobby#details");
    let mut page = browser(&manager).await;
    for (path, words) in [
        ("/customers", ["Nord AG", "Add a customer"]),
        ("/customers/1", ["Kiel", "Europe/Berlin"]),
        ("/profiles", ["Office", "no device has it"]),
        ("/profiles/1", ["judge.part-percent = 5", "Kiel"]),
        ("/devices/lobby/details", ["2nd floor", "office vip"]),
        ("/devices/lobby", ["Retired", "Delete this device for good"]),
    ] {
        let shown = get(&mut page, path, &cookie).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}: {}", shown.text());
        for word in words {
            assert!(shown.text().contains(word), "{path}: {word} is missing in {}", shown.text());
        }
    }
    let deleted = post_form(&mut page, "/devices/lobby/delete", "confirm=lobby", Some(OWN), &cookie).await;
    assert_eq!((deleted.status, deleted.headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/"));
}
