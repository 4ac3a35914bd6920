//! What operators and their programs see and may do, over real TLS.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::{Bytes, Incoming};
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::{Answer, Connection, LIMIT, request};
use platen_tests::rigs::manager::messages::{
    active, batch, forecast, order, replaced, report, service_call, started, toner_low, utilisation,
};
use platen_tests::rigs::manager::pages::{OWN, browser, device_page, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, PASSWORD, TestManager};

#[tokio::test]
async fn an_operator_signs_in_sees_the_fleet_and_signs_out() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    device.report(manager.device, &batch(1, &[started("Demo C450"), toner_low("a1")])).await.acknowledged();
    let mut browser = browser(&manager).await;
    let asked = get(&mut browser, "/", "").await;
    assert_eq!(
        (asked.status, &asked.headers["location"]),
        (StatusCode::SEE_OTHER, &"/sign-in?next=/".parse().unwrap())
    );
    let cookie = sign_in(&mut browser).await;
    let page = get(&mut browser, "/", &cookie).await.text();
    for piece in [
        "data-device=\"lobby\"",
        "data-supply=\"black\" data-percent=\"4\"",
        "data-alert=\"markerTonerAlmostEmpty\"",
        "simulated",
        "1 needs toner",
        "data-live=\"off\"",
    ] {
        assert!(page.contains(piece), "{piece} is missing");
    }
    let page = device_page(&mut browser, "lobby", &cookie).await;
    for piece in ["data-switch=\"cover\" data-state=\"closed\"", "id=\"read-now\"", "data-report=\"1\""] {
        assert!(page.contains(piece), "{piece} is missing");
    }
    let out = post_form(&mut browser, "/sign-out", "", Some(OWN), &cookie).await;
    assert_eq!(out.headers["location"], "/sign-in");
    assert_eq!(get(&mut browser, "/", &cookie).await.status, StatusCode::SEE_OTHER, "the session is over");
}

#[tokio::test]
async fn a_wrong_password_an_unknown_name_and_a_made_up_session_get_nothing() {
    let manager = TestManager::start().await;
    let mut browser = browser(&manager).await;
    for form in ["name=anna&password=wrong", "name=nobody&password=wrong", "name=%3Cb%3E&password=x"] {
        let answer = post_form(&mut browser, "/sign-in", form, Some(OWN), "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.headers.get("set-cookie").is_none());
        assert!(answer.text().contains("name or password is wrong") && !answer.text().contains("<b>"));
    }
    let cookie = format!("__Host-platen={}", "ab".repeat(32));
    assert_eq!(get(&mut browser, "/", &cookie).await.status, StatusCode::SEE_OTHER);
    get(&mut browser, "/api/v1/devices", &cookie).await.problem(ProblemKind::NotSignedIn);
}

#[tokio::test]
async fn passwords_that_are_guessed_at_once_are_counted_before_they_are_checked() {
    let manager = TestManager::start().await;
    let browsers = futures_util::future::join_all((0..60).map(|_| browser(&manager))).await;
    let guesses = browsers.into_iter().map(|mut browser| async move {
        post_form(&mut browser, "/sign-in", "name=anna&password=wrong", Some(OWN), "").await
    });
    let answers = futures_util::future::join_all(guesses).await;
    let of = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((of(StatusCode::UNAUTHORIZED), of(StatusCode::TOO_MANY_REQUESTS)), (10, 50));
    let late = answers.iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).unwrap();
    assert!(late.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn who_guesses_passwords_must_wait() {
    let manager = TestManager::start().await;
    let mut browser = browser(&manager).await;
    let form = "name=anna&password=wrong";
    let mut last = StatusCode::OK;
    for _ in 0..12 {
        last = post_form(&mut browser, "/sign-in", form, Some(OWN), "").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let right = format!("name={OPERATOR}&password={PASSWORD}");
    let answer = post_form(&mut browser, "/sign-in", &right, Some(OWN), "").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "even the right one");
}

/// A manager that trusts the proxies at the test's own address.
async fn behind_a_proxy() -> TestManager {
    TestManager::start_configured(Arc::new(tempfile::tempdir().unwrap()), |config| {
        config.operators = toml::from_str("trusted_proxies = [\"127.0.0.1\"]").unwrap();
    })
    .await
}

/// Signs in as `anna` through a proxy that writes these lines of its header.
async fn sign_in_from(browser: &mut Connection, password: &str, lines: &[&str]) -> Answer {
    let mut asked = request("POST", "/sign-in", format!("name={OPERATOR}&password={password}"));
    let headers = asked.headers_mut();
    headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    headers.insert("origin", OWN.parse().unwrap());
    for line in lines {
        headers.append("x-forwarded-for", line.parse().unwrap());
    }
    browser.send(asked).await.unwrap()
}

#[tokio::test]
async fn behind_a_trusted_proxy_who_fails_waits_alone_and_is_told_how_long() {
    let manager = behind_a_proxy().await;
    let mut browser = browser(&manager).await;
    for _ in 0..10 {
        let answer = sign_in_from(&mut browser, "wrong", &["192.0.2.1"]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    for lines in [&["192.0.2.1"][..], &["192.0.2.9, 192.0.2.1"], &["192.0.2.9", "192.0.2.1"]] {
        let answer = sign_in_from(&mut browser, PASSWORD, lines).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{lines:?}");
        assert!((1..=60).contains(&answer.retry_after()), "{lines:?}");
    }
    let elsewhere = sign_in_from(&mut browser, PASSWORD, &["192.0.2.2"]).await;
    assert_eq!(elsewhere.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn behind_a_trusted_proxy_a_network_of_ipv6_is_one_client() {
    let manager = behind_a_proxy().await;
    let mut browser = browser(&manager).await;
    for number in 1..=10 {
        let line = format!("2001:db8::{number}");
        let answer = sign_in_from(&mut browser, "wrong", &[&line]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let same = sign_in_from(&mut browser, PASSWORD, &["[2001:db8::ffff:1]:4711"]).await;
    assert_eq!(same.status, StatusCode::TOO_MANY_REQUESTS);
    let other = sign_in_from(&mut browser, PASSWORD, &["2001:db8:0:1::1"]).await;
    assert_eq!(other.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_is_no_trusted_proxy_cannot_pretend_to_be_many() {
    let manager = TestManager::start().await;
    let mut browser = browser(&manager).await;
    for number in 1..=10 {
        let line = format!("192.0.2.{number}");
        sign_in_from(&mut browser, "wrong", &[&line]).await;
    }
    let answer = sign_in_from(&mut browser, PASSWORD, &["192.0.2.99"]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn another_site_cannot_act_in_an_operators_name() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    for origin in [Some("https://evil.example"), Some("null"), None] {
        for (path, form) in [
            ("/devices/lobby/read-now", ""),
            ("/devices/lobby/settings", "change=reset_all&name=x"),
            ("/orders/1", "state=cancelled&device=lobby"),
        ] {
            let answer = post_form(&mut browser, path, form, origin, &cookie).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?} {path}");
        }
        let mut asked =
            request("POST", "/api/v1/devices/lobby/commands", r#"{"action":{"kind":"read_now"}}"#);
        asked.headers_mut().insert("content-type", "application/json".parse().unwrap());
        asked.headers_mut().insert("cookie", cookie.parse().unwrap());
        if let Some(origin) = origin {
            asked.headers_mut().insert("origin", origin.parse().unwrap());
        }
        browser.send(asked).await.unwrap().problem(ProblemKind::OtherOrigin);
    }
    let commands = manager.api("/api/v1/devices/lobby/commands").await;
    assert!(commands["items"].as_array().unwrap().is_empty());
    let own = post_form(&mut browser, "/devices/lobby/read-now", "", Some(OWN), &cookie).await;
    assert_eq!(own.headers["location"], "/devices/lobby#commands");
    assert_eq!(manager.api("/api/v1/devices/lobby/commands").await["items"][0]["issued_by"], OPERATOR);
}

#[tokio::test]
async fn what_devices_write_is_text_on_every_page() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let evil = "<script>alert(1)</script>\"'";
    let mut alert = toner_low("a1");
    alert["alert"]["description"] = json!(evil);
    alert["alert"]["subject"] = json!(evil);
    let mut readings = utilisation(50);
    let supply = &mut readings["readings"]["supplies"][0];
    supply["name"] = json!(evil);
    supply["serial"] = json!(evil);
    supply["level"] = json!({"state": "unknown", "cause": {"reason": "no_answer", "detail": evil}});
    let mut order = order("o1", 1);
    order["note"] = json!(evil);
    order["supply"]["part_number"] = json!(evil);
    let mut replaced = replaced();
    replaced["subject"] = json!(evil);
    let mut forecast = forecast("a2");
    forecast["alert"]["evidence"][0]["measure"] = json!(evil);
    let mut active = active(50);
    active["readings"]["buses"][1]["failing"]["detail"] = json!(evil);
    active["readings"]["counters"][1]["value"]["cause"]["detail"] = json!(evil);
    let bodies = [active, started(evil), readings, alert, service_call(evil), order, replaced, forecast];
    device.report(manager.device, &batch(1, &bodies)).await.acknowledged();
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    for path in ["/", "/devices/lobby"] {
        let page = get(&mut browser, path, &cookie).await.text();
        assert!(!page.contains("<script>alert"), "{path}");
        assert!(page.contains("&#60;script&#62;alert(1)"), "{path} shows it as text");
        assert!(page.contains("data-unknown=\"unknown\"") && !page.contains("data-percent=\"0\""), "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_its_security_headers_and_assets_may_be_kept() {
    let manager = TestManager::start().await;
    let mut browser = browser(&manager).await;
    for path in ["/sign-in", "/nowhere", "/api/v1/devices", "/api/v1/openapi.json"] {
        let answer = get(&mut browser, path, "").await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
    }
    let page = get(&mut browser, "/sign-in", "").await.text();
    assert!(!page.contains("style=") && !page.contains("<style") && !page.contains("onclick"));
    let (_, rest) = page.split_once("href=\"/assets/style-").unwrap();
    let name = rest.split_once('"').unwrap().0;
    let style = get(&mut browser, &format!("/assets/style-{name}"), "").await;
    assert_eq!(style.status, StatusCode::OK);
    assert!(style.headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(get(&mut browser, "/assets/../ca.key", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_page_that_is_not_there_is_a_page_and_in_the_api_a_problem() {
    let manager = TestManager::start().await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    for path in ["/nowhere", "/devices/none", "/devices/..%2Fx"] {
        let answer = get(&mut browser, path, &cookie).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().starts_with("<!doctype html>"), "{path}");
    }
    for path in ["/api/v1/nowhere", "/api/v1/devices/none", "/api/v1/devices/none/commands"] {
        manager.ask_api("GET", path, None).await.problem(ProblemKind::NotFound);
    }
    manager.ask_api("DELETE", "/api/v1/devices", None).await.problem(ProblemKind::MethodNotAllowed);
    assert_eq!(
        get(&mut browser, "/devices/lobby/read-now", &cookie).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn a_program_without_a_good_token_is_refused() {
    let manager = TestManager::start().await;
    let mut program = browser(&manager).await;
    let answer = program.send(request("GET", "/api/v1/devices", "")).await.unwrap();
    answer.problem(ProblemKind::NotSignedIn);
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    let mut asked = request("GET", "/api/v1/events", "");
    asked.headers_mut().insert("authorization", "Bearer 0000".parse().unwrap());
    program.send(asked).await.unwrap().problem(ProblemKind::NotSignedIn);
}

#[tokio::test]
async fn wrong_requests_to_the_api_say_what_is_wrong() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    for (path, said) in [
        ("/api/v1/devices?cursor=nonsense", "does not belong to this list"),
        ("/api/v1/reports?cursor=dlobby", "does not belong to this list"),
        ("/api/v1/devices?cursor=r5", "does not belong to this list"),
        ("/api/v1/orders?limit=0", "between 1 and 200"),
        ("/api/v1/orders?state=eaten", "state"),
        ("/api/v1/replacements?open=true", "open"),
        ("/api/v1/alerts?limit=0", "between 1 and 200"),
        ("/api/v1/alerts?limit=201", "between 1 and 200"),
        ("/api/v1/alerts?colour=red", "colour"),
        ("/api/v1/alerts?device=..%2Fetc", "identifier"),
    ] {
        let detail = manager.ask_api("GET", path, None).await.problem(ProblemKind::InvalidRequest);
        assert!(detail.contains(said), "{path}: {detail}");
    }
    let commands = "/api/v1/devices/lobby/commands";
    let unknown = json!({"action": {"kind": "self_destruct"}});
    manager.ask_api("POST", commands, Some(&unknown)).await.problem(ProblemKind::InvalidRequest);
    for (action, said) in [
        (json!({"kind": "set", "settings": {}}), "at least one setting"),
        (json!({"kind": "set", "settings": {"supply.black.set-percent": 101}}), "must be between 0 and 100"),
        (
            json!({"kind": "set", "settings": {"colour": 1}}),
            "is not a setting; the settings are sample.interval-seconds",
        ),
        (json!({"kind": "reset", "settings": ["supply.Black.set-days"]}), "is not a setting"),
    ] {
        let refused = manager.ask_api("POST", commands, Some(&json!({"action": action}))).await;
        let detail = refused.problem(ProblemKind::InvalidRequest);
        assert!(detail.contains(said), "{detail}");
    }
    let text = json!({"action": {"kind": "set", "settings": {"supply.black.set-percent": "20"}}});
    manager.ask_api("POST", commands, Some(&text)).await.problem(ProblemKind::NotJson);
    assert!(manager.api(commands).await["items"].as_array().unwrap().is_empty(), "nothing was kept");
    manager.ask_api("POST", commands, Some(&json!({"act": 1}))).await.problem(ProblemKind::NotJson);
    let large = json!({"action": "x".repeat(100_000)});
    manager.ask_api("POST", commands, Some(&large)).await.problem(ProblemKind::BodyTooLarge);
}

#[tokio::test]
async fn lists_are_paged_to_their_end_without_a_repeat() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let bodies: Vec<Value> = (0..7).map(|number| service_call(&number.to_string())).collect();
    device.report(manager.device, &batch(1, &bodies)).await.acknowledged();
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = manager.api(&format!("/api/v1/reports?limit=3{cursor}")).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["sequence"].as_u64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_service_call_is_seen_and_handled() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    device.report(manager.device, &batch(1, &[service_call("jams")])).await.acknowledged();
    assert_eq!(manager.api("/api/v1/devices/lobby").await["worst"], "service_call");
    let id = manager.api("/api/v1/service-calls?open=true").await["items"][0]["id"].clone();
    let path = format!("/api/v1/service-calls/{id}");
    let answer = manager.ask_api("POST", &path, Some(&json!({"state": "seen"}))).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let form = "state=handled&device=lobby";
    let answer = post_form(&mut browser, &format!("/service-calls/{id}"), form, Some(OWN), &cookie).await;
    assert_eq!(answer.headers["location"], "/devices/lobby#service-calls");
    assert_eq!(manager.api("/api/v1/devices/lobby").await["worst"], "fine");
    assert_eq!(manager.api("/api/v1/service-calls").await["items"][0]["changed_by"], OPERATOR);
    manager
        .ask_api("POST", "/api/v1/service-calls/999", Some(&json!({"state": "seen"})))
        .await
        .problem(ProblemKind::NotFound);
}

/// A listener to events.
struct Listener {
    body: Incoming,
    text: String,
}

impl Listener {
    async fn open(manager: &TestManager, last: Option<&str>) -> Self {
        let mut connection = browser(manager).await;
        let mut asked = request("GET", "/api/v1/events", Bytes::new());
        asked.headers_mut().insert("authorization", format!("Bearer {}", manager.bearer).parse().unwrap());
        if let Some(last) = last {
            asked.headers_mut().insert("last-event-id", last.parse().unwrap());
        }
        let response = connection.open(asked).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        // No proxy is to hold it back, keep it or make something else of it.
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
        // The connection lives as long as its stream.
        tokio::spawn(async move {
            let _kept = connection;
            std::future::pending::<()>().await;
        });
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event that is no comment: its name and its data.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    block.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned())
                };
                let found = field("data:")
                    .map(|data| (field("event:").unwrap_or_default(), serde_json::from_str(&data).unwrap()));
                let rest = rest.to_owned();
                self.text = rest;
                if found.is_some() {
                    return found;
                }
            }
            let frame = tokio::time::timeout(LIMIT, self.body.frame()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
    }
}

#[tokio::test]
async fn events_tell_everything_and_a_listener_that_comes_back_misses_nothing() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut listener = Listener::open(&manager, None).await;
    device.report(manager.device, &batch(1, &[started("Demo"), toner_low("a1")])).await.acknowledged();
    let mut ids = Vec::new();
    for (kind, sequence) in [("contact", Value::Null), ("started", json!(1)), ("alert_raised", json!(2))] {
        let (_, event) = listener.next().await.unwrap();
        assert_eq!(
            (&event["kind"], &event["sequence"], &event["device"]),
            (&json!(kind), &sequence, &json!("lobby"))
        );
        ids.push(event["id"].as_str().unwrap().to_owned());
        if kind == "alert_raised" {
            assert_eq!(event["alert"]["supply"]["level"]["amount"], 40);
            assert_eq!((&event["simulated"], &event["taken"]["boot_id"]), (&json!(true), &json!("boot")));
        }
    }
    drop(listener);
    device.report(manager.device, &batch(3, &[service_call("help")])).await.acknowledged();
    let mut again = Listener::open(&manager, Some(&ids[1])).await;
    assert_eq!(again.next().await.unwrap().1["kind"], "alert_raised");
    let (_, call) = again.next().await.unwrap();
    assert_eq!((&call["kind"], &call["service_call"]["message"]), (&json!("service_call"), &json!("help")));

    let mut lost = Listener::open(&manager, Some("another-run-5")).await;
    assert_eq!(lost.next().await.unwrap().0, "resync");
}

#[tokio::test]
async fn what_a_device_discarded_is_shown_with_its_counts_and_its_reason() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    device.report(manager.device, &batch(1, &[])).await.acknowledged();
    let mut listener = Listener::open(&manager, None).await;
    let mut told = batch(1, &[utilisation(50), utilisation(40)]);
    told["reports"][1]["sequence"] = json!(14);
    told["lost"] = json!([
        {"first": 2, "last": 13, "kinds": {"utilisation": 12}, "reason": "outbox_full"},
        {"first": 15, "last": 15, "kinds": {"order": 1}, "reason": "refused"},
    ]);
    for _ in 0..2 {
        assert_eq!(device.report(manager.device, &told).await.acknowledged(), 15);
    }
    let gaps = manager.api("/api/v1/devices/lobby").await["gaps"].clone();
    let words: Vec<_> = gaps.as_array().unwrap().iter().map(|gap| gap["words"].as_str().unwrap()).collect();
    let full = "12 utilisation reports were discarded because the outbox was full";
    let refused = "1 order was discarded because this manager refused it";
    assert_eq!(words, [refused, full]);
    assert_eq!((&gaps[1]["kinds"], &gaps[1]["last"]), (&json!({"utilisation": 12}), &json!(13)));
    let (_, event) = listener.next().await.unwrap();
    assert_eq!((&event["kind"], &event["gap"]), (&json!("gap"), &json!([2, 15])));
    assert_eq!(event["words"], json!(format!("{full}; {refused}")));
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert!(page.contains(full) && page.contains("data-gap=\"2-13\""), "{page}");
    let mut wrong = batch(16, &[utilisation(30)]);
    wrong["lost"] = json!([{"first": 16, "last": 17, "kinds": {"order": 2}, "reason": "refused"}]);
    let detail = device.report(manager.device, &wrong).await.problem(ProblemKind::InvalidRequest);
    assert!(detail.contains("sequence 16 is in the batch and in the lost run 16 to 17"), "{detail}");
}

#[tokio::test]
async fn events_follow_a_command_through_its_states() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    device.report(manager.device, &batch(1, &[])).await.acknowledged();
    let mut listener = Listener::open(&manager, None).await;
    let command = manager.read_now("lobby").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    connection.park(&batch(1, &[]), 60).await.unwrap().commands();
    for state in ["waiting", "delivered"] {
        let (_, event) = listener.next().await.unwrap();
        assert_eq!((&event["command"], &event["command_state"]), (&json!(command), &json!(state)));
    }
    device
        .report(manager.device, &batch(1, &[platen_tests::rigs::manager::messages::done(&command)]))
        .await
        .acknowledged();
    assert_eq!(listener.next().await.unwrap().1["command_state"], "done");
    assert_eq!(listener.next().await.unwrap().1["outcome"]["result"]["state"], "done");
}

#[tokio::test]
async fn a_clean_stop_ends_the_stream_of_events() {
    let mut manager = TestManager::start().await;
    let mut listener = Listener::open(&manager, None).await;
    manager.ask_to_stop();
    assert!(listener.next().await.is_none());
    manager.stopped().await;
}

#[tokio::test]
async fn the_openapi_document_can_be_read_by_anyone() {
    let manager = TestManager::start().await;
    let answer = browser(&manager).await.send(request("GET", "/api/v1/openapi.json", "")).await.unwrap();
    assert!(answer.json()["paths"]["/api/v1/devices/{id}/commands"]["post"].is_object());
}

#[tokio::test]
async fn a_report_in_the_api_is_what_the_device_sent() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let sent = batch(1, &[toner_low("a1")]);
    device.report(manager.device, &sent).await.acknowledged();
    let item = manager.api("/api/v1/reports").await["items"][0].clone();
    let whole = report(1, &toner_low("a1"));
    for key in ["sequence", "taken", "simulated", "body"] {
        assert_eq!(item[key], whole[key], "{key}");
    }
    assert_eq!((&item["device"], &item["epoch"]), (&json!("lobby"), &json!("e1")));
}
