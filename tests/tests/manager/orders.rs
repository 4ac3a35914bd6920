//! Orders, parts and shelves over the API and on their pages.

use hyper::StatusCode;
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::manager::client::{Answer, Client, request};
use platen_tests::rigs::manager::messages::{
    active, batch, order, replaced, started, toner_low, utilisation,
};
use platen_tests::rigs::manager::pages::{OWN, browser, device_page, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, TestManager};
use serde_json::{Value, json};

/// A device that reports these things.
async fn device(manager: &TestManager, name: &str, bodies: &[Value]) -> Client {
    let client = manager.enrol(name).await;
    let mut all = vec![started("MFP 450"), utilisation(50)];
    all.extend_from_slice(bodies);
    client.report(manager.device, &batch(1, &all)).await.acknowledged();
    client
}

/// Asks something of the API, with a version.
async fn ask(manager: &TestManager, method: &str, path: &str, version: &str, body: &Value) -> Answer {
    let mut asked = request(method, path, body.to_string());
    let headers = asked.headers_mut();
    headers.insert("authorization", format!("Bearer {}", manager.bearer).parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert("if-match", version.parse().unwrap());
    let mut connection = Client::new(&manager.trusted, None).connect(manager.operator).await.unwrap();
    connection.send(asked).await.unwrap()
}

fn assert_holds(page: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(page.contains(piece), "{piece} is missing in {page}");
    }
}

#[tokio::test]
async fn an_order_is_made_moved_on_with_its_version_and_keeps_its_history() {
    let manager = TestManager::start().await;
    let lobby = device(&manager, "lobby", &[]).await;
    let new = json!({"device": "lobby", "supply": "black", "quantity": 2, "note": "for the fair"});
    let made = manager.ask_api("POST", "/api/v1/orders", Some(&new)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let (path, etag) = (made.headers["location"].clone(), made.headers["etag"].clone());
    let (path, etag) = (path.to_str().unwrap(), etag.to_str().unwrap());
    let view = made.json();
    assert_eq!((&view["state"], &view["entered_by"]), (&json!("asked"), &json!("operator")));
    assert_eq!((&view["order"], &view["version"]), (&Value::Null, &json!(1)));
    let again = manager.ask_api("POST", "/api/v1/orders", Some(&new)).await;
    assert!(again.problem(ProblemKind::StateConflict).contains("asked for already"));
    let bad = async |body: Value| manager.ask_api("POST", "/api/v1/orders", Some(&body)).await;
    let none = bad(json!({"device": "lobby", "supply": "cyan"})).await;
    assert!(none.problem(ProblemKind::InvalidRequest).contains("it has black"));
    let many = bad(json!({"device": "lobby", "supply": "black", "quantity": 100})).await;
    assert!(many.problem(ProblemKind::InvalidRequest).contains("1 and 99"));
    bad(json!({"device": "nobody", "supply": "black"})).await.problem(ProblemKind::NotFound);

    let shipped = json!({"state": "shipped", "carrier": "DHL", "tracking": "JJD01"});
    let moved = ask(&manager, "POST", path, etag, &shipped).await;
    assert_eq!((moved.status, moved.headers["etag"].to_str().unwrap()), (StatusCode::NO_CONTENT, "\"2\""));
    let late = ask(&manager, "POST", path, etag, &json!({"state": "cancelled"})).await;
    let told = late.problem(ProblemKind::ChangedMeanwhile);
    assert!(told.contains("shipped now") && told.contains(OPERATOR) && told.contains("JJD01"), "{told}");
    ask(&manager, "POST", path, "2", &shipped).await.problem(ProblemKind::InvalidRequest);
    let proposed = ask(&manager, "POST", path, "*", &json!({"state": "proposed"})).await;
    assert!(proposed.problem(ProblemKind::InvalidRequest).contains("only the rule proposes"));

    let one = manager.api(path).await;
    assert_eq!((&one["tracking"], &one["open"]), (&json!("JJD01"), &json!(true)));
    let history: Vec<_> = one["history"].as_array().unwrap().iter().map(|act| act["what"].clone()).collect();
    assert_eq!(history, ["shipped", "asked"]);
    assert_eq!(manager.api(&format!("{path}/history?limit=1")).await["items"][0]["words"], "DHL JJD01");
    // The machine says that it is in.
    lobby.report(manager.device, &batch(3, &[replaced()])).await.acknowledged();
    let one = manager.api(path).await;
    assert_eq!((&one["state"], &one["fitted_serial"]), (&json!("delivered"), &json!("K-2")));
    for (query, count) in
        [("state=delivered", 1), ("open=true", 0), ("text=jjd01", 1), ("text=cyan", 0), ("customer=7", 0)]
    {
        let found = manager.api(&format!("/api/v1/orders?{query}")).await;
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn the_rule_is_told_and_set() {
    let manager = TestManager::start().await;
    assert_eq!(manager.api("/api/v1/order-rules").await, json!({"proposes": "on", "customers": []}));
    let off = Some(json!({"proposes": "off"}));
    let set = manager.ask_api("PUT", "/api/v1/order-rules", off.as_ref()).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT);
    manager.ask_api("PUT", "/api/v1/order-rules/7", off.as_ref()).await.problem(ProblemKind::NotFound);
    device(&manager, "lobby", &[toner_low("a1")]).await;
    assert_eq!(manager.api("/api/v1/orders").await["items"], json!([]));
}

#[tokio::test]
async fn the_pages_show_what_is_open_and_do_what_is_to_be_done() {
    let manager = TestManager::start().await;
    device(&manager, "lobby", &[active(50), toner_low("a1")]).await;
    device(&manager, "cellar", &[order("o1", 2)]).await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = get(&mut browser, "/orders", &cookie).await.text();
    assert_holds(
        &page,
        &[
            "data-order=\"1\" data-state=\"proposed\"",
            "data-order=\"2\" data-state=\"asked\"",
            "By its set value",
            "TK-8335K",
        ],
    );
    let found = get(&mut browser, "/orders?state=asked&text=tk-8335&customer=", &cookie).await.text();
    assert!(found.contains("data-order=\"2\"") && !found.contains("data-order=\"1\""), "{found}");
    assert_eq!(get(&mut browser, "/orders?state=eaten", &cookie).await.status, StatusCode::BAD_REQUEST);
    let one = get(&mut browser, "/orders/2", &cookie).await.text();
    assert_holds(
        &one,
        &["Order 2: 2 × Black", "“two for the shelf”", "id=\"approve\"", "data-act=\"asked\""],
    );
    let form = "state=shipped&version=1&carrier=DHL&tracking=JJD01";
    let answer = post_form(&mut browser, "/orders/2", form, Some(OWN), &cookie).await;
    assert_eq!(answer.headers["location"], "/orders/2");
    let late =
        post_form(&mut browser, "/orders/2", "state=cancelled&version=1&reason=x", Some(OWN), &cookie).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    assert_holds(&late.text(), &["has changed since you looked at it", "JJD01"]);
    let one = get(&mut browser, "/orders/2", &cookie).await.text();
    assert_holds(&one, &["id=\"tracking\">JJD01<", "data-act=\"shipped\""]);
    let form = "device=lobby&supply=black&quantity=1";
    let taken = post_form(&mut browser, "/orders", form, Some(OWN), &cookie).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "one is proposed");
    let rule = post_form(&mut browser, "/orders/rule", "customer=&proposes=off", Some(OWN), &cookie).await;
    assert_eq!(rule.headers["location"], "/orders#rule");
    assert_holds(&get(&mut browser, "/orders", &cookie).await.text(), &["When orders are proposed: never"]);
    let csv = manager.ask_api("GET", "/api/v1/orders.csv?open=true", None).await;
    assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    let text = csv.text();
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows[0].starts_with("id,state,device,") && rows.len() == 3, "{text}");
    assert!(rows[1].starts_with("2,shipped,cellar,") && rows[1].contains("JJD01"), "{text}");
    let first = manager.ask_api("GET", "/api/v1/orders.csv?limit=1", None).await;
    let next = first.headers["platen-next-cursor"].to_str().unwrap();
    let rest = manager.ask_api("GET", &format!("/api/v1/orders.csv?limit=1&cursor={next}"), None).await;
    assert!(
        rest.text().contains("\r\n1,proposed,lobby,") && !rest.headers.contains_key("platen-next-cursor")
    );
}

#[tokio::test]
async fn parts_have_prices_and_shelves_and_what_was_left_in_a_cartridge_is_money() {
    let manager = TestManager::start().await;
    let lobby = device(&manager, "lobby", &[order("o1", 2)]).await;
    let part = json!({"number": "TK-8335K", "name": "Black toner", "price": {"amount": "89.9", "currency": "EUR"}, "yields": 25000});
    let made = manager.ask_api("POST", "/api/v1/parts", Some(&part)).await;
    assert_eq!(
        (made.status, &made.json()["price"]),
        (StatusCode::CREATED, &json!({"amount": "89.90", "currency": "EUR"}))
    );
    manager.ask_api("POST", "/api/v1/parts", Some(&part)).await.problem(ProblemKind::StateConflict);
    let mut bad = part.clone();
    bad["price"]["amount"] = json!("1.234");
    let why = manager.ask_api("POST", "/api/v1/parts", Some(&bad)).await.problem(ProblemKind::InvalidRequest);
    assert!(why.contains("89.90"), "{why}");
    let set = ask(&manager, "PUT", "/api/v1/parts/1", "\"7\"", &part).await;
    set.problem(ProblemKind::ChangedMeanwhile);
    let place = json!({"part": "TK-8335K", "pieces": 3, "reorder_at": 2});
    let placed = manager.ask_api("POST", "/api/v1/stock", Some(&place)).await;
    assert_eq!((placed.status, &placed.json()["site"]), (StatusCode::CREATED, &Value::Null));
    ask(&manager, "POST", "/api/v1/orders/1", "\"1\"", &json!({"state": "approved"})).await;
    let below = manager.api("/api/v1/stock?below=true").await["items"][0].clone();
    assert_eq!((&below["pieces"], &below["below"]), (&json!(1), &json!(true)));
    let moves = manager.api("/api/v1/stock/1/history").await["items"][0].clone();
    assert_eq!((&moves["more"], &moves["order"], &moves["who"]), (&json!(-2), &json!(1), &json!(OPERATOR)));
    let put = Some(json!({"pieces": 10, "words": "delivery 17"}));
    let full = manager.ask_api("POST", "/api/v1/stock/1/put", put.as_ref()).await.json();
    assert_eq!((&full["pieces"], &full["below"]), (&json!(11), &json!(false)));
    assert_eq!(manager.api("/api/v1/orders/1").await["price"]["amount"], "89.90");

    lobby.report(manager.device, &batch(4, &[replaced()])).await.acknowledged();
    let out = manager.api("/api/v1/replacements").await["items"][0].clone();
    assert_eq!(out["residue_value"], json!({"amount": "2.70", "currency": "EUR"}), "3 % of it was left");
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(&page, &["data-residue-value=\"2.70\"", "worth 2.70 EUR"]);
    let parts = get(&mut browser, "/parts", &cookie).await.text();
    assert_holds(&parts, &["data-part=\"TK-8335K\"", "89.90 EUR", "id=\"add\""]);
    let form = "number=TK-8335C&name=Cyan&amount=&currency=&yields=";
    let added = post_form(&mut browser, "/parts", form, Some(OWN), &cookie).await;
    assert_eq!(added.headers["location"], "/parts/2");
    let there =
        post_form(&mut browser, "/parts/2/places", "site=&pieces=1&reorder_at=4", Some(OWN), &cookie).await;
    assert_eq!(there.headers["location"], "/parts/2#place-2");
    let counted = "pieces=2&reorder_at=4&version=1&words=";
    post_form(&mut browser, "/parts/2/places/2", counted, Some(OWN), &cookie).await;
    let again = post_form(&mut browser, "/parts/2/places/2", counted, Some(OWN), &cookie).await;
    assert_eq!(again.status, StatusCode::PRECONDITION_FAILED);
    assert_holds(
        &get(&mut browser, "/parts", &cookie).await.text(),
        &["data-below=\"TK-8335C\"", "2 of at least 4"],
    );
    assert_holds(&get(&mut browser, "/parts/2", &cookie).await.text(), &["data-pieces=\"2\"", "below 4"]);
    assert_holds(&get(&mut browser, "/orders/1", &cookie).await.text(), &["179.80 EUR (89.90 EUR a piece)"]);
    let form = "number=TK-8335C&name=Cyan&amount=70&currency=EUR&yields=&version=1";
    assert_eq!(
        post_form(&mut browser, "/parts/2", form, Some(OWN), &cookie).await.status,
        StatusCode::SEE_OTHER
    );
    post_form(&mut browser, "/parts/2/places/2", "pieces=0&reorder_at=0&version=2", Some(OWN), &cookie).await;
    let gone = post_form(&mut browser, "/parts/2/remove", "", Some(OWN), &cookie).await;
    assert_eq!(gone.headers["location"], "/parts");
}
