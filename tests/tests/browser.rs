//! The operator's pages, in a real browser.

use platen_tests::browser::Browser;
use platen_tests::site::{Device, Manager, OPERATOR, PASSWORD};

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
