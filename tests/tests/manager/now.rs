//! What needs a person, over the API and on its page.

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::manager::client::{Answer, Client, request};
use platen_tests::rigs::manager::messages::{
    batch, cleared, condition, full_supply, order, service_call, started, toner_low,
};
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, TestManager, now};
use serde_json::{Value, json};

/// A device that reports these things.
async fn device(manager: &TestManager, name: &str, bodies: &[Value]) -> Client {
    let client = manager.enrol(name).await;
    let mut all = vec![started("MFP 450")];
    all.extend_from_slice(bodies);
    client.report(manager.device, &batch(1, &all)).await;
    client
}

/// Does something with an item, with a version or without.
async fn act(manager: &TestManager, what: &str, version: Option<&str>, body: &Value) -> Answer {
    let mut asked = request("POST", &format!("/api/v1/now/{what}"), body.to_string());
    let headers = asked.headers_mut();
    headers.insert("authorization", format!("Bearer {}", manager.bearer).parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    if let Some(version) = version {
        headers.insert("if-match", version.parse().unwrap());
    }
    let mut connection = Client::new(&manager.trusted, None).connect(manager.operator).await.unwrap();
    connection.send(asked).await.unwrap()
}

async fn items(manager: &TestManager, query: &str) -> Vec<Value> {
    manager.api(&format!("/api/v1/now{query}")).await["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_list_says_in_plain_words_what_where_since_when_why_who_can_fix_it_and_what_to_bring() {
    let manager = TestManager::start().await;
    let mut low = toner_low("a1");
    low["alert"]["supply"] = full_supply(4);
    device(&manager, "lobby", &[low, order("o1", 2), service_call("it <b>rattles</b>")]).await;
    device(&manager, "cellar", &[condition("a2", "jam", "mediaPath", "path")]).await;
    let listed = items(&manager, "").await;
    let what: Vec<&str> = listed.iter().map(|item| item["what"].as_str().unwrap()).collect();
    let expected = [
        "Paper jam",
        "Service call: “it <b>rattles</b>”",
        "Order: 2 × Black toner cartridge",
        "Black toner almost empty",
    ];
    assert_eq!(what, expected);
    let toner = &listed[3];
    assert_eq!((&toner["urgency"], &toner["training"]), (&json!("warning"), &json!("untrained")));
    assert_eq!(toner["bring"][0]["part_number"], "TK-8335K");
    let evidence = toner["evidence"].to_string();
    assert!(evidence.contains("4 %") && evidence.contains("set value 5 %"), "{evidence}");
    assert_eq!(toner["acts"], json!(["take", "comment", "snooze", "close"]));
    assert_eq!(listed[2]["bring"][0]["quantity"], 2);
    for (query, count) in [
        ("?urgency=stopped", 1),
        ("?training=fieldService", 1),
        ("?training=untrained", 2),
        ("?state=taken", 0),
        ("?mine=true", 0),
        ("?customer=7", 0),
    ] {
        assert_eq!(items(&manager, query).await.len(), count, "{query}");
    }
    let first = manager.api("/api/v1/now?limit=3").await;
    let rest = items(&manager, &format!("?cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!((rest.len(), &rest[0]), (1, toner));
    let counts = manager.api("/api/v1/now-counts").await;
    assert_eq!((&counts["waiting"], &counts["taken"]), (&json!(4), &json!(0)));
    assert_eq!(counts["customers"][0]["items"], 4);
    for wrong in ["?urgency=very", "?state=mine", "?customer=0", "?cursor=n1", "?limit=0", "?colour=red"] {
        let refused = manager.ask_api("GET", &format!("/api/v1/now{wrong}"), None).await;
        refused.problem(ProblemKind::InvalidRequest);
    }
}

#[tokio::test]
async fn an_item_is_acted_on_by_the_version_that_was_seen_and_the_second_is_told() {
    let manager = TestManager::start().await;
    let lobby = device(&manager, "lobby", &[toner_low("a1"), service_call("x")]).await;
    let listed = items(&manager, "").await;
    let (call, alert) = (&listed[0]["id"], &listed[1]["id"]);
    let take = format!("{alert}/take");
    let none = json!(null);
    act(&manager, &take, None, &none).await.problem(ProblemKind::VersionMissing);
    act(&manager, &take, Some("1"), &none).await.problem(ProblemKind::InvalidRequest);
    let taken = act(&manager, &take, Some("\"1\""), &none).await;
    assert_eq!((taken.status, &taken.headers["etag"]), (StatusCode::OK, &"\"2\"".parse().unwrap()));
    assert_eq!((&taken.json()["state"], &taken.json()["taken_by"]), (&json!("taken"), &json!(OPERATOR)));
    let told = act(&manager, &format!("{alert}/close"), Some("\"1\""), &none).await;
    let told = told.problem(ProblemKind::ChangedMeanwhile);
    assert!(told.contains(&format!("since you looked, {OPERATOR} took it")), "{told}");
    act(&manager, &take, Some("\"2\""), &none).await.problem(ProblemKind::StateConflict);
    let words = json!({"words": "the new cartridge is on its way"});
    assert_eq!(act(&manager, &format!("{alert}/comment"), None, &words).await.status, StatusCode::OK);
    let empty = json!({"words": " "});
    act(&manager, &format!("{alert}/comment"), None, &empty).await.problem(ProblemKind::InvalidRequest);
    let snooze = format!("{alert}/snooze");
    let until = |hours| json!({"until": now() + SignedDuration::from_hours(hours)});
    act(&manager, &snooze, Some("\"3\""), &until(-1)).await.problem(ProblemKind::InvalidRequest);
    assert_eq!(act(&manager, &snooze, Some("\"3\""), &until(2)).await.json()["state"], "snoozed");
    assert_eq!(items(&manager, "?state=snoozed").await.len(), 1);
    assert_eq!(
        act(&manager, &format!("{alert}/give-back"), Some("*"), &none).await.json()["state"],
        "waiting"
    );
    let closed = act(&manager, &format!("{alert}/close"), Some("\"5\""), &words).await.json();
    assert_eq!((&closed["state"], &closed["acts"]), (&json!("closed"), &json!(["give-back", "comment"])));
    let one = manager.api(&format!("/api/v1/now/{alert}")).await;
    let what: Vec<&str> =
        one["history"].as_array().unwrap().iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["closed", "given_back", "snoozed", "commented", "taken"]);
    assert_eq!(one["history"][0]["words"], words["words"]);
    assert_eq!(
        manager.api(&format!("/api/v1/now/{alert}/history?limit=2")).await["items"][1]["what"],
        "given_back"
    );

    // A call is handled by it; what the device ends is over.
    let handled = act(&manager, &format!("{call}/close"), Some("\"1\""), &none).await.json();
    assert_eq!(handled["state"], "over");
    assert_eq!(manager.api("/api/v1/service-calls").await["items"][0]["state"], "done");
    lobby.report(manager.device, &batch(4, &[cleared("a1")])).await;
    assert_eq!(manager.api(&format!("/api/v1/now/{alert}")).await["state"], "over");
    act(&manager, &take, Some("*"), &none).await.problem(ProblemKind::StateConflict);
    act(&manager, "999999/take", Some("*"), &none).await.problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn without_script_the_page_shows_the_list_and_its_forms_do_the_same() {
    let manager = TestManager::start().await;
    device(&manager, "lobby", &[toner_low("a1"), service_call("it <b>rattles</b>")]).await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = get(&mut browser, "/now", &cookie).await.text();
    assert!(
        page.contains("“it &#60;b&#62;rattles&#60;/b&#62;”") || page.contains("it &lt;b&gt;rattles"),
        "{page}"
    );
    let listed = items(&manager, "").await;
    let alert = listed[1]["id"].as_i64().unwrap();
    let form = "version=1&back=%2Fnow%3Fstate%3Dwaiting";
    let (path, to) = (format!("/now/{alert}/take"), format!("/now?state=waiting#item-{alert}"));
    let done = post_form(&mut browser, &path, form, Some(OWN), &cookie).await;
    assert_eq!((done.status, &done.headers["location"]), (StatusCode::SEE_OTHER, &to.parse().unwrap()));
    let page = get(&mut browser, "/now", &cookie).await.text();
    assert!(page.contains(&format!("data-taken-by=\"{OPERATOR}\"")), "{page}");
    let late = post_form(&mut browser, &path, form, Some(OWN), &cookie).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    assert!(late.text().contains(&format!("{OPERATOR} took it")), "{}", late.text());
    let elsewhere = post_form(&mut browser, &path, form, Some("https://evil.example"), &cookie).await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    let snooze = (format!("/now/{alert}/snooze"), "version=2&hours=4&line=1&back=%2Fnow");
    let asleep = post_form(&mut browser, &snooze.0, snooze.1, Some(OWN), &cookie).await;
    assert!(asleep.text().contains("data-state=\"snoozed\""), "{}", asleep.text());
    let history = get(&mut browser, &format!("/now/{alert}"), &cookie).await.text();
    assert!(history.contains("put it to sleep until"), "{history}");
    for page in ["/now/wall", "/now?state=mine", "/now?urgency=stopped"] {
        assert_eq!(get(&mut browser, page, &cookie).await.status, StatusCode::OK, "{page}");
    }
    assert_eq!(get(&mut browser, "/now?state=lost", &cookie).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get(&mut browser, "/now/999999", &cookie).await.status, StatusCode::NOT_FOUND);
}
