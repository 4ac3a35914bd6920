//! The meters of a month, by a billing clerk.

use platen_tests::rigs::browser::Browser;
use platen_tests::rigs::manager::month::month;
use platen_tests::rigs::manager::task::{OPERATOR, PASSWORD, TestManager};

#[tokio::test]
async fn a_months_meters_are_chosen_read_and_followed_to_what_is_missing() {
    let manager = TestManager::start().await;
    let month = month(&manager).await;
    let browser = Browser::start().await;
    let url = format!("https://localhost:{}", manager.operator.port());
    browser.sign_in(&url, OPERATOR, PASSWORD).await;
    browser.see("body[data-live=on]").await;
    browser.click(".places a[href='/meters']").await;
    browser.see("main.meters .empty").await;
    // Without a word about the month it is the last one that is over.
    let shown = browser.script("return document.getElementById('period').value;").await;
    assert_eq!(shown, month.period.as_str());
    browser.script(&format!("document.getElementById('customer').value = '{}';", month.nord)).await;
    browser.click("#show").await;
    browser.see("#completeness[data-complete=false]").await;
    browser.see("[data-meter=lobby] [data-counter='counter.impressions']").await;
    let missing = browser.text("[data-fact=missing]").await;
    assert!(missing.starts_with('2'), "{missing}");
    browser.click("[data-meter=lobby] a[href^='#evidence']").await;
    let evidence = browser.text("[data-evidence=lobby]").await;
    assert!(evidence.contains("nothing was heard of the device"), "{evidence}");
    super::rollouts::look(&browser, "meters").await;
    browser.click("[data-meter=lobby] [data-counter='counter.impressions'] a[href*='subject=']").await;
    browser.see("main.device h1").await;
    browser.close().await;
}
