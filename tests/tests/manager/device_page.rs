//! A device's page: short, with what is open on it, and parts that have addresses of their own.

use hyper::StatusCode;
use platen_tests::rigs::manager::messages::{batch, full_supply, order, started, utilisation};
use platen_tests::rigs::manager::pages::{browser, get, sign_in};
use platen_tests::rigs::manager::task::TestManager;
use serde_json::json;

const PARTS: [&str; 14] = [
    "service-calls",
    "orders",
    "levels",
    "past-alerts",
    "replacements",
    "counters",
    "state",
    "commands",
    "programs",
    "contact",
    "details",
    "settings",
    "identity",
    "reports",
];

#[tokio::test]
async fn each_part_is_a_page_of_its_own_and_what_is_open_is_on_the_page_itself() {
    let manager = TestManager::start().await;
    let lobby = manager.enrol("lobby").await;
    lobby.report(manager.device, &batch(1, &[started("MFP 450"), utilisation(50)])).await.acknowledged();
    let mut visitor = browser(&manager).await;
    let cookie = sign_in(&mut visitor).await;
    let page = get(&mut visitor, "/devices/lobby", &cookie).await.text();
    for part in PARTS {
        assert!(
            page.contains(&format!("id=\"part-{part}\" data-loads>")),
            "{part} is not left out of {page}"
        );
        let path = format!("/devices/lobby/parts/{part}");
        assert!(page.contains(&format!("href=\"{path}\"")), "{part} is not linked in {page}");
        let alone = get(&mut visitor, &path, &cookie).await;
        assert_eq!(alone.status, StatusCode::OK, "{part}: {}", alone.text());
        let alone = alone.text();
        assert!(alone.contains(&format!("id=\"part-{part}\">")), "{part} is not whole in {alone}");
        assert!(alone.contains(&format!("<section id=\"{part}\"")), "{part} has no section in {alone}");
    }
    lobby.report(manager.device, &batch(3, &[order("o1", 2)])).await.acknowledged();
    let page = get(&mut visitor, "/devices/lobby", &cookie).await.text();
    assert!(page.contains("id=\"part-orders\">") && page.contains("data-order=\"1\""), "{page}");

    let missing = get(&mut visitor, "/devices/lobby/parts/toner", &cookie).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text().contains("There are: service-calls, orders"), "{}", missing.text());
    let nobody = get(&mut visitor, "/devices/nobody/parts/orders", &cookie).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_supply_says_when_it_ends_as_the_device_has_learnt_it() {
    let manager = TestManager::start().await;
    let lobby = manager.enrol("lobby").await;
    let mut body = utilisation(50);
    body["readings"]["supplies"] = json!([full_supply(50)]);
    lobby.report(manager.device, &batch(1, &[body])).await.acknowledged();
    let mut visitor = browser(&manager).await;
    let cookie = sign_in(&mut visitor).await;
    let page = get(&mut visitor, "/devices/lobby", &cookie).await.text();
    let (_, ends) = page.split_once("data-ends=\"device\"").unwrap();
    let (ends, _) = ends.split_once("</p>").unwrap();
    // The readings are of the 22nd: most likely 15 days, 12 at least, 19 at most.
    for day in ["2026-12-07T10:00:00Z", "2026-12-04T10:00:00Z", "2026-12-11T10:00:00Z"] {
        assert!(ends.contains(day), "{day} is not in {ends}");
    }
    let path =
        "/devices/lobby/history?subject=supply.black&from=2026-11-20T00:00:00Z&to=2026-11-25T00:00:00Z";
    let curve = get(&mut visitor, path, &cookie).await.text();
    assert!(curve.contains("(50 % left)"), "{curve}");
    for (query, why) in [
        ("subject=supply.black&days=0", "days must be between 1 and 3660"),
        ("subject=supply.black&from=2026-11-20T00:00:00Z&to=2026-11-19T00:00:00Z", "from must be before to"),
        ("subject=supply.black&days=3&from=2026-11-20T00:00:00Z", "either days, or from and to"),
    ] {
        let refused = get(&mut visitor, &format!("/devices/lobby/history?{query}"), &cookie).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(refused.text().contains(why), "{query}: {}", refused.text());
    }
    let file = get(&mut visitor, &path.replace("/history?", "/history.csv?"), &cookie).await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert!(file.text().starts_with("device,subject,begin,at,until,value"), "{}", file.text());
}
