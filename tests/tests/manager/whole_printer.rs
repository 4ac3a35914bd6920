//! What a printer with every kind of sensor tells, as operators and their programs see it.

use hyper::StatusCode;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::Client;
use platen_tests::rigs::manager::messages::{
    active, batch, condition, done, forecast, order, replaced, service_call, started, toner_low,
};
use platen_tests::rigs::manager::pages::{OWN, browser, device_page, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, TestManager};

/// A manager with one printer that has told everything there is to tell.
async fn furnished() -> (TestManager, Client) {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let bodies = [started("Colour MFP"), active(50), forecast("a1"), replaced(), order("o1", 2)];
    device.report(manager.device, &batch(1, &bodies)).await.acknowledged();
    (manager, device)
}

fn assert_holds(page: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(page.contains(piece), "{piece} is missing");
    }
}

#[tokio::test]
async fn the_api_tells_all_that_the_device_told() {
    let (manager, _device) = furnished().await;
    let view = manager.api("/api/v1/devices/lobby").await;
    let readings = platen_tests::rigs::manager::messages::full_readings(50);
    for list in ["counters", "buses"] {
        assert_eq!(view[list], readings[list], "{list}");
    }
    for list in ["temperatures", "switches"] {
        for (shown, read) in view[list].as_array().unwrap().iter().zip(readings[list].as_array().unwrap()) {
            for (key, value) in read.as_object().unwrap() {
                assert_eq!(&shown[key], value, "{list}: {key}");
            }
        }
    }
    let (fuser, switch, part) = (&view["temperatures"][0], &view["switches"][0], &view["parts"][0]);
    assert_eq!((&fuser["beyond"], &part["low"]), (&Value::Null, &json!(true)));
    assert_eq!((&switch["state"], &switch["needs_attention"]), (&json!("closed"), &json!(false)));
    let told = active(50)["activity"].clone();
    for (key, value) in told.as_object().unwrap() {
        assert_eq!(&view["activity"][key], value, "{key}");
    }
    assert!(view["activity"]["received"].is_string());
    let supply = &view["supplies"][0];
    assert_eq!((&supply["percent"], &supply["serial"]), (&json!(100), &json!("K-2")), "the replacement's");
    assert_eq!((&supply["low"], &supply["wrong"]), (&json!(false), &json!(false)));
    assert_eq!(supply["outlook"]["days"]["at_most"], 19);
    let alert = &view["alerts"][0];
    assert_eq!((&alert["forecast"], &alert["evidence"][0]["observed"]), (&json!(true), &json!(9)));
    assert_eq!(view["orders"][0]["order"], "o1");
    let replacement = manager.api("/api/v1/replacements?device=lobby").await["items"][0].clone();
    assert_eq!((&replacement["residue_percent"], &replacement["change"]), (&json!(3), &json!("replaced")));
}

/// The orders that are open, the newest first: name, and of which it is a duplicate.
async fn open_orders(manager: &TestManager) -> Vec<(String, Option<i64>)> {
    let list = manager.api("/api/v1/orders?open=true").await;
    let items = list["items"].as_array().unwrap();
    items.iter().map(|o| (o["order"].as_str().unwrap().to_owned(), o["duplicate_of"].as_i64())).collect()
}

async fn number_of(manager: &TestManager, name: &str) -> i64 {
    let list = manager.api("/api/v1/orders").await;
    let found = list["items"].as_array().unwrap().iter().find(|order| order["order"] == name).cloned();
    found.unwrap()["id"].as_i64().unwrap()
}

#[tokio::test]
async fn orders_of_one_supply_that_are_open_together_are_flagged_until_an_operator_merges_or_keeps_them() {
    let (manager, device) = furnished().await;
    let mut insisted = order("o3", 1);
    insisted["again"] = json!(true);
    let mut cyan = order("o4", 1);
    cyan["supply"]["name"] = json!("cyan");
    device.report(manager.device, &batch(6, &[order("o2", 1), insisted, cyan])).await.acknowledged();
    let first = number_of(&manager, "o1").await;
    let named = |name: &str, of| (name.to_owned(), of);
    let flagged = [named("o4", None), named("o3", Some(first)), named("o2", Some(first)), named("o1", None)];
    assert_eq!(open_orders(&manager).await, flagged);
    let act = async |order: i64, what: &str| {
        manager.ask_api("POST", &format!("/api/v1/orders/{order}/{what}"), None).await
    };
    act(first, "merge").await.problem(ProblemKind::StateConflict);
    act(999, "keep").await.problem(ProblemKind::NotFound);

    let (second, third) = (number_of(&manager, "o2").await, number_of(&manager, "o3").await);
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    let second_flag = format!("data-duplicate-of=\"{first}\"");
    assert_holds(&page, &[&second_flag, "Ordered twice", "ordered it again", "Keep both"]);
    assert_holds(&get(&mut browser, "/", &cookie).await.text(), &["(ordered twice)"]);
    let form = "what=merge&device=lobby";
    let answer =
        post_form(&mut browser, &format!("/orders/{second}/duplicate"), form, Some(OWN), &cookie).await;
    assert_eq!(answer.headers["location"], "/devices/lobby#orders");
    assert_eq!(act(third, "keep").await.status, StatusCode::NO_CONTENT);
    assert_eq!(open_orders(&manager).await, [named("o4", None), named("o3", None), named("o1", None)]);
    let closed = manager.api("/api/v1/orders?open=false").await["items"][0].clone();
    assert_eq!((&closed["state"], &closed["merged_into"]), (&json!("cancelled"), &json!(first)));
    assert_eq!((&closed["order"], &closed["changed_by"]), (&json!("o2"), &json!(OPERATOR)));
    let kept = manager.api("/api/v1/orders?open=true").await["items"][1].clone();
    assert_eq!((&kept["kept_by"], &kept["again"]), (&json!(OPERATOR), &json!(true)));
    act(second, "merge").await.problem(ProblemKind::StateConflict);
}

#[tokio::test]
async fn every_reply_names_what_is_open_and_a_waiting_device_hears_at_once_that_it_is_closed() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let named = json!({"kind": "service_call", "call_id": "call-1", "entered_by": "button", "message": null});
    let reply = device.report(manager.device, &batch(1, &[order("o1", 1), named, service_call("hm")])).await;
    assert_eq!(reply.json()["open"], json!({"service_calls": ["call-1"], "orders": ["o1"]}));
    let number = number_of(&manager, "o1").await;
    let mut connection = device.connect(manager.device).await.unwrap();
    let empty = batch(4, &[]);
    let (parked, ()) = tokio::join!(connection.park(&empty, 60), async {
        manager.until_parked("lobby").await;
        let path = format!("/api/v1/orders/{number}");
        manager.ask_api("POST", &path, Some(&json!({"state": "delivered"}))).await;
    });
    assert_eq!(parked.unwrap().json()["open"], json!({"service_calls": ["call-1"]}));
    // It is known to the next manager as well.
    let manager = manager.restart().await;
    let reply = device.report(manager.device, &empty).await;
    assert_eq!(reply.json()["open"], json!({"service_calls": ["call-1"]}));
}

#[tokio::test]
async fn a_call_that_is_repeated_is_one_call_with_its_count_and_blanks_are_no_message() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let call = |presses: Option<u32>| {
        let mut call =
            json!({"kind": "service_call", "call_id": "call-1", "entered_by": "button", "message": " "});
        if let Some(presses) = presses {
            call["presses"] = json!(presses);
            call["last_press_seconds_ago"] = json!(2);
        }
        call
    };
    let bodies = [call(None), call(Some(12)), call(Some(7))];
    device.report(manager.device, &batch(1, &bodies)).await.acknowledged();
    let list = manager.api("/api/v1/service-calls").await;
    let calls = list["items"].as_array().unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!((&calls[0]["presses"], &calls[0]["message"]), (&json!(12), &Value::Null));
    assert_eq!(calls[0]["last_press"], "2026-11-22T09:59:58Z");
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(&page, &["called 12 times, last", "Service requested"]);
    let none = device.report(manager.device, &batch(4, &[call(Some(0))])).await;
    assert!(none.problem(ProblemKind::InvalidReport).contains("presses"));
}

#[tokio::test]
async fn what_stands_while_a_printer_sleeps_is_shown_as_of_when_it_was_read_and_a_full_counter_in_all() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut asleep = active(50);
    let readings = &mut asleep["readings"];
    for switch in readings["switches"].as_array_mut().unwrap() {
        if switch["name"] == "sleep" {
            switch["active"]["value"] = json!(true);
        }
    }
    readings["held"] = json!([
        {"kind": "supply", "name": "black", "age_seconds": 7_200},
        {"kind": "temperature", "name": "fuser", "age_seconds": null},
        {"kind": "bus", "name": "main", "age_seconds": null}
    ]);
    let counter = &mut readings["counters"][0];
    counter["wraps"] = json!(1);
    let total = counter["value"]["value"].as_u64().unwrap() + (1 << 32);
    device.report(manager.device, &batch(1, &[started("Colour MFP"), asleep])).await.acknowledged();
    let view = manager.api("/api/v1/devices/lobby").await;
    assert_eq!((&view["held"][0]["name"], &view["held"][0]["asleep"]), (&json!("black"), &json!(true)));
    assert!(view["held"][0]["as_of"].is_string() && view["held"][1]["as_of"].is_null(), "{}", view["held"]);
    assert_eq!(view["supplies"][0]["percent"], 50, "the last reading stays");
    assert_eq!(view["counters"][0]["total"], total);
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(
        &page,
        &[
            "data-held=\"black\" data-asleep=\"true\">As of <time",
            "</time>, printer asleep</span>",
            "data-held=\"fuser\" data-asleep=\"true\">Not read: printer asleep",
            "data-bus=\"main\" data-state=\"asleep\"",
            "data-wraps=\"1\"",
            &format!("data-total=\"{total}\""),
        ],
    );
    assert!(get(&mut browser, "/", &cookie).await.text().contains("data-held=\"black\""));
    let mut absurd = active(50);
    absurd["readings"]["held"] = json!([{"kind": "supply", "name": "", "age_seconds": 1}]);
    device.report(manager.device, &batch(3, &[absurd])).await.problem(ProblemKind::InvalidReport);
}

#[tokio::test]
async fn an_order_goes_from_the_device_to_its_delivery() {
    let (manager, device) = furnished().await;
    assert_eq!(manager.api("/api/v1/devices/lobby").await["worst"], "order");
    let list = manager.api("/api/v1/orders?open=true&device=lobby").await;
    let item = &list["items"][0];
    for (key, value) in [
        ("order", json!("o1")),
        ("device", json!("lobby")),
        ("quantity", json!(2)),
        ("note", json!("two for the shelf")),
        ("entered_by", json!("command")),
        ("simulated", json!(true)),
        ("state", json!("asked")),
        ("open", json!(true)),
        ("changed_by", Value::Null),
    ] {
        assert_eq!(item[key], value, "{key}");
    }
    assert_eq!((&item["supply"]["percent"], &item["supply"]["part_number"]), (&json!(4), &json!("TK-8335K")));
    // Entered once, told twice: also when the outbox was lost between.
    let mut again = batch(1, &[order("o1", 2)]);
    again["epoch"] = json!("e2");
    device.report(manager.device, &again).await.acknowledged();
    assert_eq!(manager.api("/api/v1/orders").await["items"].as_array().unwrap().len(), 1);

    let path = format!("/api/v1/orders/{}", item["id"]);
    let answer = manager.ask_api("POST", &path, Some(&json!({"state": "ordered"}))).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(
        manager.api("/api/v1/devices/lobby").await["orders"][0]["state"],
        "approved",
        "by its old name as well"
    );
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let form = "state=delivered&device=lobby";
    let answer = post_form(&mut browser, &format!("/orders/{}", item["id"]), form, Some(OWN), &cookie).await;
    assert_eq!(answer.headers["location"], "/devices/lobby#orders");
    assert!(manager.api("/api/v1/orders?open=true").await["items"].as_array().unwrap().is_empty());
    let closed = manager.api("/api/v1/orders?open=false").await["items"][0].clone();
    assert_eq!((&closed["state"], &closed["changed_by"]), (&json!("delivered"), &json!(OPERATOR)));
    assert_eq!(manager.api("/api/v1/devices/lobby").await["worst"], "forecast");

    manager
        .ask_api("POST", "/api/v1/orders/999", Some(&json!({"state": "ordered"})))
        .await
        .problem(ProblemKind::NotFound);
    manager.ask_api("POST", &path, Some(&json!({"state": "eaten"}))).await.problem(ProblemKind::NotJson);
}

#[tokio::test]
async fn orders_are_paged_to_their_end() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let bodies: Vec<Value> = (1..=5).map(|number| order(&format!("o{number}"), number)).collect();
    device.report(manager.device, &batch(1, &bodies)).await.acknowledged();
    let first = manager.api("/api/v1/orders?limit=3").await;
    let next = first["next_cursor"].as_str().unwrap();
    let second = manager.api(&format!("/api/v1/orders?limit=3&cursor={next}")).await;
    let quantities: Vec<u64> = [&first, &second]
        .into_iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|item| item["quantity"].as_u64().unwrap())
        .collect();
    assert_eq!(quantities, [5, 4, 3, 2, 1]);
    assert!(second["next_cursor"].is_null());
}

#[tokio::test]
async fn the_page_of_a_device_shows_everything_by_its_marks() {
    let (manager, _device) = furnished().await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(
        &page,
        &[
            "data-worst=\"order\"",
            "data-order=\"1\" data-state=\"asked\" data-quantity=\"2\"",
            "data-part-number=\"TK-8335K\"",
            "Was at 4 % when ordered",
            "“two for the shelf”",
            "data-counter=\"impressions\" data-value=\"123456\"",
            "data-epoch=\"1\"",
            "data-counter=\"sheets\" data-state=\"unknown\"",
            "both copies of the counter are damaged",
            "data-activity=\"printing\" data-seconds=\"300\"",
            "data-pages-per-day",
            "data-bus=\"main\" data-state=\"working\"",
            "data-bus-errors=\"2\"",
            "data-bus=\"engine\" data-state=\"failing\"",
            "SDA is held low",
            "data-outlook=\"black\"",
            "about 1\u{202f}200 pages, 12 to 19 days",
            "Set value 5 %, 500 pages, 7 days",
            "data-part-number=\"FK-8500\"",
            "data-limits=\"fuser\"",
            "160.0 °C to 210.0 °C",
            "data-switch=\"path\" data-state=\"clear\"",
            "data-switch=\"tray-low\" data-state=\"low\"",
            "data-replacement=\"black\" data-change=\"replaced\" data-residue=\"3\"",
            "data-alert=\"jam\" data-open=\"true\" data-forecast=\"true\"",
            "may happen",
            "jams: 9 in the last 1000 pages, expected 2",
            "<option value=\"supply.black.set-pages\">",
            "<option value=\"part.fuser.set-percent\">",
            "data-report=\"5\" data-kind=\"order\"",
        ],
    );
    assert!(!page.contains("data-wrong"), "the right cartridge is in");
    let fleet = get(&mut browser, "/", &cookie).await.text();
    assert_holds(
        &fleet,
        &[
            "1 open order",
            "1 forecast",
            "data-order=\"1\"",
            "Order: 2 × Black",
            "May happen: Paper jam",
            "data-worst=\"order\"",
        ],
    );
    assert!(!fleet.contains("all fine"));
    assert!(!fleet.contains("1 stopped"), "a forecast stops nothing");
}

#[tokio::test]
async fn what_a_chip_cannot_tell_stays_a_word_on_every_page() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut body = active(50);
    let mut other = platen_tests::rigs::manager::messages::full_supply(50);
    other["name"] = json!("waste");
    other["index"] = json!(2);
    body["readings"]["supplies"][0]["level"] = json!({"state": "some_remains"});
    other["level"] = json!({"state": "unrestricted"});
    body["readings"]["supplies"].as_array_mut().unwrap().push(other);
    body["readings"]["supplies"][0]["colorant"] = json!("cyan");
    let mut ordered = order("o1", 1);
    ordered["supply"]["level"] = json!({"state": "some_remains"});
    device.report(manager.device, &batch(1, &[body, ordered])).await.acknowledged();
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(
        &page,
        &[
            "data-supply=\"black\" data-unknown=\"some remains\"",
            "data-supply=\"waste\" data-unknown=\"no restriction\"",
            "Was at some remains when ordered",
            "data-wrong=\"black\"",
            "a black toner cartridge belongs here",
        ],
    );
    assert!(!page.contains("data-supply=\"black\" data-percent"));
}

#[tokio::test]
async fn a_little_that_is_left_is_less_than_one_percent_on_every_page() {
    let (manager, device) = furnished().await;
    let mut body = active(50);
    let supplies = &mut body["readings"]["supplies"];
    supplies[0]["level"] = json!({"state": "known", "amount": 1});
    let mut empty = supplies[0].clone();
    (empty["name"], empty["index"]) = (json!("cyan"), json!(2));
    (empty["level"], empty["empty_at"]) = (json!({"state": "known", "amount": 8}), json!(8));
    supplies.as_array_mut().unwrap().push(empty);
    body["readings"]["parts"][0]["used"] = json!({"state": "known", "value": 199_999});
    body["readings"]["parts"][0]["rated_life"] = json!({"state": "known", "amount": 200_000});
    device.report(manager.device, &batch(6, &[body])).await.acknowledged();
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    for path in ["/", "/devices/lobby"] {
        let page = get(&mut browser, path, &cookie).await.text();
        assert_holds(&page, &["<span class=\"value\">&#60;1 %</span>", "<span class=\"value\">empty</span>"]);
        assert!(!page.contains("<span class=\"value\">0 %</span>"), "{path}");
    }
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(&page, &["&#60;1 % left", "Empty at 0.8 g"]);
    let told = manager.api("/api/v1/devices/lobby").await;
    let supplies = &told["supplies"];
    assert_eq!((&supplies[0]["level_words"], &supplies[0]["empty"]), (&json!("<1 %"), &json!(false)));
    assert_eq!((&supplies[1]["level_words"], &supplies[1]["empty"]), (&json!("empty"), &json!(true)));
    assert_eq!((&supplies[1]["empty_at"], &supplies[1]["low"]), (&json!(8), &json!(true)));
}

#[tokio::test]
async fn a_jam_is_on_the_page_until_it_is_cleared() {
    let (manager, device) = furnished().await;
    let jam = condition("a2", "jam", "mediaPath", "path");
    device.report(manager.device, &batch(6, &[jam])).await.acknowledged();
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(
        &page,
        &[
            "data-worst=\"critical\"",
            "data-switch=\"path\" data-state=\"jammed\" class=\"loud\"",
            "data-alert=\"jam\" data-open=\"true\" data-forecast=\"false\"",
            "location 3",
        ],
    );
    device
        .report(manager.device, &batch(7, &[platen_tests::rigs::manager::messages::cleared("a2")]))
        .await
        .acknowledged();
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(&page, &["data-switch=\"path\" data-state=\"clear\"", "data-worst=\"order\""]);
}

#[tokio::test]
async fn a_setting_is_given_on_the_page_and_its_outcome_is_shown_there() {
    let (manager, device) = furnished().await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let path = "/devices/lobby/settings";
    for form in [
        "change=set&name=supply.black.set-percent&value=20",
        "change=reset&name=supply.black.set-percent&value=",
        "change=reset_all&name=supply.black.set-percent&value=7",
    ] {
        let answer = post_form(&mut browser, path, form, Some(OWN), &cookie).await;
        assert_eq!(answer.headers["location"], "/devices/lobby#commands", "{form}");
    }
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(
        &page,
        &[
            "Set “Black: set value in percent” to 20",
            "Reset “Black: set value in percent”",
            "Reset all settings",
        ],
    );
    let list = manager.api("/api/v1/devices/lobby/commands").await;
    let first = list["items"][2]["id"].as_str().unwrap();
    device.report(manager.device, &batch(6, &[done(first)])).await.acknowledged();
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert_holds(&page, &[&format!("data-command=\"{first}\" data-state=\"done\"")]);
    for (form, said) in [
        ("change=set&name=supply.black.set-percent&value=101", "must be a whole number between 0 and 100"),
        ("change=set&name=supply.black.set-percent&value=", "Black: set value in percent: must be"),
        ("change=set&name=colour&value=1", "is not a setting"),
        ("change=paint&name=colour&value=1", "unknown variant"),
    ] {
        let answer = post_form(&mut browser, path, form, Some(OWN), &cookie).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{form}");
        assert_holds(&answer.text(), &["id=\"detail\"", said]);
    }
}

#[tokio::test]
async fn what_an_operator_must_hear_is_kept_as_a_notice_once() {
    let (manager, device) = furnished().await;
    device
        .report(manager.device, &batch(6, &[order("o1", 2), service_call("x"), toner_low("a9")]))
        .await
        .acknowledged();
    let path = platen_manager::database_path(manager.directory.path());
    let kinds: Vec<String> = {
        let database = rusqlite::Connection::open(path).unwrap();
        let mut statement = database.prepare("SELECT kind FROM notices ORDER BY key").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(kinds, ["alert_raised", "replacement", "order", "service_call", "alert_raised"]);
}
