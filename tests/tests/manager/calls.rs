//! Service calls, over the API and on their pages.

use hyper::StatusCode;
use platen_manager::rights::Role;
use platen_manager::secret::fingerprint;
use platen_manager::store::{NewOperator, Scope};
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::manager::client::{Answer, Client, Connection, request};
use platen_tests::rigs::manager::messages::{active, batch, done as carried_out, service_call, started};
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, TestManager, now};
use serde_json::{Value, json};

/// A device that reports these things.
async fn device(manager: &TestManager, name: &str, bodies: &[Value]) -> Client {
    let client = manager.enrol(name).await;
    let mut all = vec![started("MFP 450")];
    all.extend_from_slice(bodies);
    client.report(manager.device, &batch(1, &all)).await.acknowledged();
    client
}

/// A token of a new operator.
async fn operator(manager: &TestManager, name: &str, role: Role) -> String {
    let new = NewOperator { name: name.into(), password_hash: "none".into(), role, scope: Scope::All };
    manager.store.add_operator(new, now()).await.unwrap().unwrap();
    let token = format!("token-of-{name}");
    let hash = fingerprint(token.as_bytes());
    assert!(manager.store.add_operator_token(hash, name.to_owned(), now()).await.unwrap());
    token
}

/// Asks as somebody, with a version or without.
async fn ask(
    manager: &TestManager,
    token: &str,
    asked: (&str, &str),
    version: Option<&str>,
    body: &Value,
) -> Answer {
    let mut asked = request(asked.0, &format!("/api/v1/{}", asked.1), body.to_string());
    let headers = asked.headers_mut();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    if let Some(version) = version {
        headers.insert("if-match", version.parse().unwrap());
    }
    let mut connection = Client::new(&manager.trusted, None).connect(manager.operator).await.unwrap();
    connection.send(asked).await.unwrap()
}

#[tokio::test]
async fn a_call_is_moved_on_by_who_may_and_the_device_hears_of_it() {
    let manager = TestManager::start().await;
    let mut called = service_call("it <b>rattles</b>");
    called["call_id"] = json!("call-1");
    let lobby = device(&manager, "lobby", &[active(37), called]).await;
    let (tom, dora) = (
        operator(&manager, "tom", Role::Technician).await,
        operator(&manager, "dora", Role::Dispatcher).await,
    );
    let id = manager.api("/api/v1/service-calls").await["items"][0]["id"].clone();
    let path = |act: &str| format!("service-calls/{id}{act}");
    let whole = manager.api(&format!("/api/v1/service-calls/{id}")).await;
    assert_eq!((&whole["state"], &whole["version"]), (&json!("open"), &json!(1)));
    assert_eq!(whole["snapshot"]["readings"]["supplies"][0]["level"]["amount"], 370);
    assert_eq!(whole["history"][0]["what"], "opened");

    // Whom it goes to is for dispatchers.
    let send = json!({"state": "dispatched", "technician": "dora", "words": "bring the belt"});
    let mv = path("/move");
    ask(&manager, &tom, ("POST", &mv), Some("\"1\""), &send).await.problem(ProblemKind::RightMissing);
    let cancel = json!({"state": "cancelled"});
    ask(&manager, &tom, ("POST", &mv), Some("\"1\""), &cancel).await.problem(ProblemKind::RightMissing);
    let send = json!({"state": "dispatched", "technician": "tom", "words": "bring the belt"});
    ask(&manager, &dora, ("POST", &mv), None, &send).await.problem(ProblemKind::VersionMissing);
    let moved = ask(&manager, &dora, ("POST", &mv), Some("\"1\""), &send).await;
    assert_eq!(
        (moved.status, &moved.headers["etag"]),
        (StatusCode::OK, &"\"2\"".parse().unwrap()),
        "{}",
        moved.text()
    );
    assert_eq!((&moved.json()["state"], &moved.json()["technician"]), (&json!("dispatched"), &json!("tom")));
    let late = ask(&manager, &tom, ("POST", &mv), Some("\"1\""), &json!({"state": "seen"})).await;
    let late = late.problem(ProblemKind::ChangedMeanwhile);
    assert!(
        late.contains("since you looked, dora set it to “Dispatched”, by tom: “bring the belt”"),
        "{late}"
    );
    let nobody = json!({"state": "dispatched", "technician": "nobody"});
    ask(&manager, &dora, ("POST", &mv), Some("*"), &nobody).await.problem(ProblemKind::InvalidRequest);

    // The device is told, and answers.
    let going =
        ask(&manager, &tom, ("POST", &mv), Some("\"2\""), &json!({"state": "on_the_way"})).await.json();
    assert_eq!(going["signal"]["state"], "waiting");
    let reply = lobby.report(manager.device, &batch(4, &[])).await.json();
    let command = &reply["commands"][0];
    let action = json!({"kind": "technician_on_the_way", "service_call": "call-1", "technician": "tom"});
    assert_eq!((&command["action"], &command["issued_by"]), (&action, &json!("tom")));
    let standing = json!([{"service_call": "call-1", "state": "on_the_way", "technician": "tom"}]);
    assert_eq!(reply["open"]["standings"], standing);
    lobby
        .report(manager.device, &batch(4, &[carried_out(command["id"].as_str().unwrap())]))
        .await
        .acknowledged();
    assert_eq!(manager.api(&format!("/api/v1/service-calls/{id}")).await["signal"]["state"], "done");
    let by_hand = json!({"action": action});
    let refused = manager.ask_api("POST", "/api/v1/devices/lobby/commands", Some(&by_hand)).await;
    assert!(refused.problem(ProblemKind::InvalidRequest).contains("/move"));

    let ticket = ask(&manager, &dora, ("PUT", &path("/ticket")), None, &json!({"ticket": "INC-7"})).await;
    assert_eq!(ticket.json()["ticket"], "INC-7");
    let comment = ask(&manager, &tom, ("POST", &path("/comment")), None, &json!({"words": "worn"})).await;
    assert_eq!(comment.status, StatusCode::OK);
    let done = json!({
        "state": "done", "words": "changed the belt", "parts": [{"part": "BT-450", "quantity": 1}]
    });
    let done = ask(&manager, &tom, ("POST", &mv), Some("*"), &done).await.json();
    assert_eq!((&done["state"], &done["parts"][0]["part"]), (&json!("done"), &json!("BT-450")));
    let history = manager.api(&format!("/api/v1/service-calls/{id}/history?limit=2")).await;
    assert_eq!((&history["items"][0]["state"], history["next_cursor"].is_string()), (&json!("done"), true));
    assert_eq!(manager.api("/api/v1/service-calls?open=true").await["items"], json!([]));
    assert_eq!(manager.api("/api/v1/devices/lobby").await["worst"], "fine");
}

#[tokio::test]
async fn agreements_make_times_due_and_calls_are_opened_at_the_desk() {
    let manager = TestManager::start().await;
    device(&manager, "lobby", &[]).await;
    let bearer = manager.bearer.clone();
    let put = async |customer: i64, body: Value| {
        ask(&manager, &bearer, ("PUT", &format!("service-agreements/{customer}")), None, &body).await
    };
    let office = json!({"days": ["monday", "tuesday"], "from": "08:00", "to": "17:00"});
    for (wrong, why) in [
        (json!({"answer_minutes": 0}), "between 1 and 80640"),
        (json!({"time_zone": "Berlin"}), "Europe/Berlin"),
        (json!({"hours": [{"from": "8", "to": "17:00"}]}), "such as 22:00"),
        (json!({"holidays": ["2026-02-30"]}), ""),
        (json!({"colour": "red"}), ""),
    ] {
        let refused = put(0, wrong.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    put(99, json!({"answer_minutes": 30})).await.problem(ProblemKind::NotFound);
    let agreed = json!({"answer_minutes": 30, "hours": [office], "holidays": ["2026-12-25"]});
    assert_eq!(put(0, agreed).await.status, StatusCode::NO_CONTENT);
    let listed = manager.api("/api/v1/service-agreements").await;
    assert_eq!((&listed[0]["customer"], &listed[0]["holidays"][0]), (&json!(0), &json!("2026-12-25")));
    let around_the_clock = json!({"answer_minutes": 30, "repair_minutes": 60});
    assert_eq!(put(0, around_the_clock).await.status, StatusCode::NO_CONTENT);
    let new = json!({"device": "lobby", "message": "they phoned"});
    let opened = manager.ask_api("POST", "/api/v1/service-calls", Some(&new)).await;
    assert_eq!(opened.status, StatusCode::CREATED);
    let opened = opened.json();
    assert_eq!((&opened["opened_by"], &opened["entered_by"]), (&json!(OPERATOR), &Value::Null));
    assert_eq!((&opened["answer"]["kept"], &opened["overdue"]), (&json!("running"), &json!(false)));
    let id = &opened["id"];
    let seen = json!({"state": "seen"});
    manager.ask_api("POST", &format!("/api/v1/service-calls/{id}"), Some(&seen)).await;
    let counts = manager.api("/api/v1/service-call-counts").await;
    assert_eq!((&counts["seen"], &counts["overdue"]), (&json!(1), &json!(0)));
    let times = manager.api("/api/v1/service-call-times").await;
    assert_eq!((&times[0]["calls"], &times[0]["answer"]["met"]), (&json!(1), &json!(1)));
    let backwards = "/api/v1/service-call-times?since=2026-12-02T00:00:00Z&until=2026-12-01T00:00:00Z";
    manager.ask_api("GET", backwards, None).await.problem(ProblemKind::InvalidRequest);
    let unknown = json!({"device": "cellar", "message": "x"});
    manager.ask_api("POST", "/api/v1/service-calls", Some(&unknown)).await.problem(ProblemKind::NotFound);
    let nothing = json!({"device": "lobby"});
    manager
        .ask_api("POST", "/api/v1/service-calls", Some(&nothing))
        .await
        .problem(ProblemKind::InvalidRequest);
    let gone = ask(&manager, &bearer, ("DELETE", "service-agreements/0"), None, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn without_script_a_call_is_dealt_with_on_its_page() {
    let manager = TestManager::start().await;
    device(&manager, "lobby", &[active(37), service_call("it <b>rattles</b>")]).await;
    operator(&manager, "tom", Role::Technician).await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let id = manager.api("/api/v1/service-calls").await["items"][0]["id"].as_i64().unwrap();
    let list = get(&mut browser, "/calls", &cookie).await.text();
    assert!(list.contains(&format!("href=\"/calls/{id}\"")) && !list.contains("<b>rattles"), "{list}");
    let page = get(&mut browser, &format!("/calls/{id}"), &cookie).await.text();
    assert!(page.contains("data-state=\"open\"") && page.contains("37 %"), "{page}");
    let post = async |browser: &mut Connection, act: &str, form: &str| {
        post_form(browser, &format!("/calls/{id}/{act}"), form, Some(OWN), &cookie).await
    };
    let sent = post(&mut browser, "dispatch", "version=1&technician=tom&words=bring+it").await;
    assert_eq!(
        (sent.status, &sent.headers["location"]),
        (StatusCode::SEE_OTHER, &format!("/calls/{id}").parse().unwrap())
    );
    let late = post(&mut browser, "take", "version=1").await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    assert!(late.text().contains("set it to “Dispatched”, by tom"), "{}", late.text());
    let nobody = post(&mut browser, "dispatch", "version=2&technician=").await;
    assert_eq!(nobody.status, StatusCode::BAD_REQUEST);
    assert_eq!(post(&mut browser, "on-the-way", "version=2").await.status, StatusCode::SEE_OTHER);
    let page = get(&mut browser, &format!("/calls/{id}"), &cookie).await.text();
    assert!(page.contains("data-told=\"waiting\"") && page.contains("id=\"technician\">tom<"), "{page}");
    let done = post(&mut browser, "done", "version=3&words=changed&parts=2+x+BT-450%0D%0Aroller").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let page = get(&mut browser, &format!("/calls/{id}"), &cookie).await.text();
    assert!(page.contains("2 × BT-450") && page.contains("1 × roller"), "{page}");
    let opened = post_form(&mut browser, "/calls", "device=lobby&message=again", Some(OWN), &cookie).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER);
    for path in
        ["/calls?state=mine", "/calls?state=overdue", "/calls?state=closed", "/calls?device=lobby&state=open"]
    {
        assert_eq!(get(&mut browser, path, &cookie).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(get(&mut browser, "/calls?state=lost", &cookie).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get(&mut browser, "/calls/999999", &cookie).await.status, StatusCode::NOT_FOUND);
    let device = get(&mut browser, "/devices/lobby", &cookie).await.text();
    assert!(device.contains(&format!("href=\"/calls/{id}\"")), "its calls lead to their pages");
}
