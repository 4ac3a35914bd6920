//! The operator's pages, in a real browser.

mod accessible;
mod device;
mod meters;
mod now;
mod openid;
mod rollouts;

use std::sync::Arc;

use jiff::SignedDuration;
use platen_manager::store::{Enrolment, Ingest, NewToken, Store};
use platen_protocol::device_to_manager::ReportBatch;
use platen_protocol::identity::DeviceId;
use platen_tests::rigs::agent::process::{BOARD, Device};
use platen_tests::rigs::browser::Browser;
use platen_tests::rigs::manager::messages::{batch, cleared, condition, started, utilisation};
use platen_tests::rigs::manager::process::{Manager, OPERATOR, PASSWORD};
use platen_tests::rigs::manager::task::{self, TestManager, now};
use tokio::task::JoinSet;

async fn signed_in(manager: &Manager) -> Browser {
    let browser = Browser::start().await;
    browser.sign_in(&manager.operator_url(), OPERATOR, PASSWORD).await;
    browser.see("body[data-live=on]").await;
    browser
}

#[tokio::test]
async fn the_page_follows_the_printer_without_reloading() {
    let manager = Manager::start();
    let device = Device::enrolled("lobby", &manager);
    let browser = signed_in(&manager).await;
    browser.see("[data-device=lobby]").await;
    browser.mark().await;
    device.platen(&["sim", "set", "black", "4"]);
    browser.see("[data-device=lobby] [data-supply=black][data-percent='4']").await;
    browser.see("[data-device=lobby] [data-alert=markerTonerAlmostEmpty]").await;
    device.platen(&["sim", "set", "black", "90"]);
    browser.see("[data-device=lobby] [data-supply=black][data-percent='90']").await;
    browser.see_no("[data-device=lobby] [data-alert=markerTonerAlmostEmpty]").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn an_unknown_level_is_no_number_and_a_simulated_printer_says_so() {
    let manager = Manager::start();
    let device = Device::enrolled("lobby", &manager);
    device.platen(&["sim", "fault", "cyan", "corrupt"]);
    let browser = signed_in(&manager).await;
    browser.see("[data-device=lobby] [data-supply=cyan][data-unknown]").await;
    let text = browser.text("[data-device=lobby] [data-supply=cyan]").await;
    assert!(text.to_lowercase().contains("unknown"), "{text}");
    assert!(!text.contains('%'), "an unknown level shown as a number: {text}");
    let card = browser.text("[data-device=lobby]").await;
    assert!(card.to_lowercase().contains("simulated"), "{card}");
    browser.close().await;
}

#[tokio::test]
async fn one_device_shows_everything_and_answers_read_now() {
    let manager = Manager::start();
    let device = Device::enrolled("lobby", &manager);
    let browser = signed_in(&manager).await;
    browser.open(&format!("{}/devices/lobby", manager.operator_url())).await;
    browser.see("body[data-live=on]").await;
    browser.mark().await;
    browser.reach("part-state").await;
    browser.see("[data-switch=cover][data-state=closed]").await;
    device.platen(&["sim", "open", "cover"]);
    browser.see("[data-switch=cover][data-state=open]").await;
    browser.see("[data-alert=coverOpen]").await;
    device.platen(&["sim", "close", "cover"]);
    browser.see("[data-switch=cover][data-state=closed]").await;
    device.platen(&["call-service", "it <b>rattles</b>"]);
    browser.see("[data-service-call]").await;
    let call = browser.text("[data-service-call]").await;
    assert!(call.contains("it <b>rattles</b>"), "shown as text, not as markup: {call}");
    browser.click("#read-now").await;
    browser.see("[data-command][data-state=done]").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn an_order_comes_up_on_both_pages_and_its_state_follows_the_buttons() {
    let manager = Manager::start();
    let device = Device::enrolled("lobby", &manager);
    let browser = signed_in(&manager).await;
    browser.see("[data-device=lobby]").await;
    browser.mark().await;
    device.platen(&["order", "black", "--quantity", "3", "--note", "for <b>both</b> floors"]);
    browser.see("[data-device=lobby][data-worst=order] [data-order][data-state=asked]").await;
    let line = browser.text("[data-device=lobby] [data-order]").await;
    assert_eq!(line, "Order: 3 × Black: “for <b>both</b> floors”");
    assert!(browser.is_marked().await, "the fleet was loaded again");

    browser.open(&format!("{}/devices/lobby", manager.operator_url())).await;
    browser.see("body[data-live=on]").await;
    browser.mark().await;
    device.platen(&["sim", "press", "order"]);
    let pressed = "#orders [data-order][data-quantity='1']";
    browser.see(&format!("{pressed}[data-state=asked]")).await;
    browser.see(&format!("{pressed} [data-part-number]")).await;
    browser.click(&format!("{pressed} button[value=approved]")).await;
    browser.see(&format!("{pressed}[data-state=approved]")).await;
    let told = browser.text(pressed).await;
    assert!(told.contains(&format!("approved by {OPERATOR}")) && told.contains("simulated"), "{told}");
    browser.see_no(&format!("{pressed} button[value=approved]")).await;
    browser.click(&format!("{pressed} button[value=delivered]")).await;
    browser.see(&format!("{pressed}[data-state=delivered]")).await;
    browser.see_no(&format!("{pressed} button")).await;
    browser.see("#orders [data-order][data-quantity='3'][data-state=asked]").await;
    device.platen(&["order", "black", "--quantity", "2", "--again"]);
    let doubled = "#orders [data-order][data-quantity='2']";
    browser.see(&format!("{doubled}[data-state=asked][data-duplicate-of]")).await;
    browser.click(&format!("{doubled} button[value=merge]")).await;
    browser.see(&format!("{doubled}[data-state=cancelled]")).await;
    assert!(browser.text(doubled).await.contains("Merged into order"), "it says into which");
    assert!(browser.is_marked().await, "the device was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn what_may_happen_is_apart_from_what_has_happened() {
    let manager = Manager::start();
    let device = Device::enrolled("lobby", &manager);
    let browser = signed_in(&manager).await;
    browser.mark().await;
    device.platen(&["sim", "fault", "engine", "counts-backwards"]);
    let coming = "[data-alert=configurationChange][data-forecast=true]";
    browser.see(&format!("[data-device=lobby][data-worst=forecast] {coming}")).await;
    assert!(browser.text(coming).await.starts_with("May happen: "));
    device.platen(&["sim", "switch", "jam", "on"]);
    let jam = "[data-alert=jam][data-forecast=false]";
    browser.see(&format!("[data-device=lobby][data-worst=critical] {jam}")).await;
    assert!(!browser.text(jam).await.contains("May happen"));
    assert!(browser.is_marked().await, "the fleet was loaded again");

    browser.open(&format!("{}/devices/lobby", manager.operator_url())).await;
    browser.see(&format!("#alerts .critical{jam}")).await;
    browser.see(&format!("#alerts .forecast{coming} [data-evidence]")).await;
    let told = browser.text(&format!("#alerts {coming}")).await;
    assert!(told.contains("may happen") && told.contains("expected"), "{told}");
    browser.reach("part-counters").await;
    browser.see("#counters [data-counter=impressions] [data-epoch='1']").await;
    browser.close().await;
}

#[tokio::test]
async fn counters_and_activity_follow_the_printer() {
    let manager = Manager::start();
    let every = "[utilisation]\ninterval = \"10s\"";
    let mut device = Device::with("lobby", &manager.device_url(), BOARD, every);
    device.enroll(&manager.token(&["--device", "lobby"]));
    device.start();
    device.until_parked();
    let browser = signed_in(&manager).await;
    browser.open(&format!("{}/devices/lobby", manager.operator_url())).await;
    browser.see("body[data-live=on]").await;
    browser.mark().await;
    browser.reach("part-state").await;
    browser.reach("part-counters").await;
    let counter = "[data-counter=impressions][data-value]";
    browser.see(counter).await;
    let value = browser
        .script("return Number(document.querySelector('[data-counter=impressions]').dataset.value);")
        .await;
    device.platen(&["sim", "print", "40"]);
    device.platen(&["report"]);
    browser.see(&format!("[data-counter=impressions][data-value='{}']", value.as_u64().unwrap() + 40)).await;
    browser.see("[data-counter=page-exits][data-value='40']").await;
    browser.reach("part-state").await;
    for state in ["idle", "printing", "sleeping", "error"] {
        browser.see(&format!("#activity [data-activity={state}][data-seconds]")).await;
    }
    browser.see("#activity [data-pages]").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn a_set_value_is_changed_on_the_page_and_a_wrong_one_is_refused_there() {
    let manager = Manager::start();
    let _device = Device::enrolled("lobby", &manager);
    let browser = signed_in(&manager).await;
    browser.open(&format!("{}/devices/lobby", manager.operator_url())).await;
    browser.see("body[data-live=on]").await;
    browser.mark().await;
    browser.reach("part-settings").await;
    let fill = async |value: u32| {
        browser
            .script(&format!(
                "document.querySelector('#setting-name').value = 'supply.black.set-percent';
                 document.querySelector('#setting-value').value = '{value}';"
            ))
            .await;
        browser.click("#setting-set").await;
    };
    fill(101).await;
    browser.see("#setting-refused:not([hidden])").await;
    let refused = browser.text("#setting-refused").await;
    assert!(refused.contains("between 0 and 100"), "{refused}");
    browser.see_no("[data-command]").await;
    fill(25).await;
    browser.see("[data-command][data-state=done]").await;
    browser.see_no("#setting-refused:not([hidden])").await;
    browser.see("[data-supply=black] .mark[x='25']").await;
    let told = browser.text("[data-set-values=black]").await;
    assert_eq!(told, "Set value 25 %");
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn a_wrong_password_lets_nobody_in() {
    let manager = Manager::start();
    let browser = Browser::start().await;
    browser.sign_in(&manager.operator_url(), OPERATOR, "guess").await;
    browser.see("#sign-in [role=alert]").await;
    browser.open(&manager.operator_url()).await;
    browser.see("#sign-in").await;
    browser.close().await;
}

#[tokio::test]
async fn a_telephone_needs_no_scrolling_sideways() {
    let manager = Manager::start();
    let _device = Device::enrolled("lobby", &manager);
    let browser = signed_in(&manager).await;
    let folder = tempfile::TempDir::new().unwrap();
    for path in ["/", "/devices/lobby"] {
        browser.open(&format!("{}{path}", manager.operator_url())).await;
        browser.picture(360, 740, true, &folder.path().join("phone.png")).await;
        let fits = browser
            .script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth;")
            .await;
        assert_eq!(fits, true, "{path} is wider than a telephone");
    }
    browser.close().await;
}

/// Lets a device in that has reported once, past the listeners.
pub(super) async fn add(store: Store, name: String) {
    let device: DeviceId = name.parse().unwrap();
    let expires = now() + SignedDuration::from_hours(1);
    let token = NewToken { hash: name.clone(), device: None, created: now(), expires };
    store.add_token(token).await.unwrap();
    let enrolment = Enrolment {
        token_hash: name,
        device: device.clone(),
        certificate_serial: "40aa".to_owned(),
        certificate_expires: now() + SignedDuration::from_hours(2_400),
        now: now(),
    };
    store.enrol(enrolment).await.unwrap().unwrap();
    let reports: ReportBatch =
        serde_json::from_value(batch(1, &[started("Copier 4000"), utilisation(60)])).unwrap();
    store.ingest(Ingest { device, batch: Arc::new(reports), received: now() }).await.unwrap().unwrap();
}

#[tokio::test]
async fn of_five_thousand_the_stopped_one_is_first_is_found_and_is_followed() {
    let manager = TestManager::start().await;
    let mut adding = JoinSet::new();
    for number in 0..5_000 {
        adding.spawn(add(manager.store.clone(), format!("printer-{number:04}")));
    }
    adding.join_all().await;
    let zoo = manager.enrol("zoo").await;
    let mut line = zoo.connect(manager.device).await.unwrap();
    let jam = |id: &str| condition(id, "jam", "mediaPath", "path");
    line.post("/v1/reports", &batch(1, &[started("Copier 4000"), jam("a1")])).await;

    let browser = Browser::start().await;
    let url = format!("https://localhost:{}", manager.operator.port());
    browser.sign_in(&url, task::OPERATOR, task::PASSWORD).await;
    browser.see("body[data-live=on]").await;
    browser.see("tbody > [data-row]:first-child[data-device=zoo][data-worst=critical]").await;
    let summary = browser.text("#summary").await;
    assert!(summary.contains("5\u{202f}001 devices") && summary.contains("1 stopped"), "{summary}");

    // More comes by scrolling.
    browser.see_no("tbody > [data-row]:nth-child(51)").await;
    browser.script("window.scrollTo(0, document.body.scrollHeight);").await;
    browser.see("tbody > [data-row]:nth-child(51)").await;

    // What is asked for stands in the address.
    browser
        .script(
            "document.getElementById('q').value = 'ZOO'; document.getElementById('filters').requestSubmit();",
        )
        .await;
    browser.see("#clear").await;
    browser.see("[data-device=zoo]").await;
    browser.see_no("[data-device=printer-0001]").await;
    assert_eq!(browser.script("return location.search;").await, "?q=ZOO");

    // It is followed in its place.
    browser.see("body[data-live=on]").await;
    browser.mark().await;
    line.post("/v1/reports", &batch(3, &[cleared("a1")])).await;
    browser.see("[data-device=zoo][data-worst=fine]").await;
    browser.see_no("#summary .critical").await;
    assert!(browser.is_marked().await, "the page was loaded again");

    // One that stops while others are on the screen is announced, and nothing moves.
    browser.open(&url).await;
    browser.see("tbody > [data-row]:first-child[data-device=printer-0000]").await;
    browser.see("body[data-live=on]").await;
    browser.mark().await;
    line.post("/v1/reports", &batch(4, &[jam("a2")])).await;
    browser.see("#news:not([hidden])").await;
    browser.see("#summary .critical").await;
    browser.see("tbody > [data-row]:first-child[data-device=printer-0000]").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.click("#news").await;
    browser.see("tbody > [data-row]:first-child[data-device=zoo]").await;
    browser.close().await;
}
