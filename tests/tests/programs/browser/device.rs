//! A device's page by keyboard alone, while things happen: the focus, what is open and what is typed stay, what happened is
//! said, and what cannot be undone asks first.

use std::path::Path;

use jiff::SignedDuration;
use platen_tests::rigs::browser::Browser;
use platen_tests::rigs::manager::client::Client;
use platen_tests::rigs::manager::messages::{
    batch, full_readings, order, replaced, service_call, started, toner_low, utilisation,
};
use platen_tests::rigs::manager::task::{OPERATOR, PASSWORD, TestManager, now};
use serde_json::{Value, json};

use super::now::{focus, said};

/// The folder into which pictures of the pages go that somebody wants to look at.
const PICTURES: &str = "PLATEN_PICTURES";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

/// What the printer of these tests reads: so much black, and cyan of which only that there is some.
fn reads(percent: u32) -> Value {
    let mut readings = full_readings(percent);
    let black = &mut readings["supplies"][0];
    black.as_object_mut().unwrap().remove("outlook");
    let mut cyan = black.clone();
    (cyan["name"], cyan["index"], cyan["colorant"]) = (json!("cyan"), json!(2), json!("cyan"));
    (cyan["level"], cyan["expected"]["colorant"]) = (json!({"state": "some_remains"}), json!("cyan"));
    readings["supplies"].as_array_mut().unwrap().push(cyan);
    let mut body = utilisation(percent);
    body["readings"] = readings;
    body
}

/// A batch of reports that were taken six hours after each other, the last one so many hours ago.
fn taken(first: u64, bodies: &[Value], ago: i64) -> Value {
    let mut batch = batch(first, bodies);
    batch["next_within_seconds"] = json!(7 * 3_600);
    let reports = batch["reports"].as_array_mut().unwrap();
    for (left, report) in (0_i64..).zip(reports.iter_mut().rev()) {
        report["taken"]["wall"] = json!((now() - SignedDuration::from_hours(6 * left + ago)).to_string());
    }
    batch
}

/// Three weeks of a printer that uses its toner day by day, with everything that it can have.
pub(super) async fn with_history(manager: &TestManager) -> Client {
    let client = manager.enrol("lobby").await;
    let mut bodies = vec![started("MFP 450")];
    bodies.extend((0..80_u32).map(|step| reads(if step < 30 { 50 - step } else { 99 - step / 2 })));
    let first = u64::try_from(bodies.len()).unwrap() + 1;
    client.report(manager.device, &taken(1, &bodies, 6)).await;
    let more = [
        toner_low("a1"),
        service_call("it rattles"),
        service_call("it squeaks"),
        order("o1", 2),
        replaced(),
        reads(60),
    ];
    client.report(manager.device, &taken(first, &more, 0)).await;
    client
}

async fn look(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os(PICTURES) else { return };
    let at = |end: &str| Path::new(&folder).join(format!("{name}-{end}.png"));
    browser.picture(1440, 2600, false, &at("light")).await;
    browser.picture(1440, 2600, true, &at("dark")).await;
    browser.picture(360, 2600, false, &at("phone")).await;
    browser.show(1280, 900, false).await;
}

/// Scripts that say what a person would see.
const NAMES: &str =
    "return [...document.querySelectorAll('button, summary')].filter((one) => one.checkVisibility())
    .map((one) => (one.getAttribute('aria-label') ?? one.textContent).trim());";
const EVERY_PART: &str =
    "for (const part of document.querySelectorAll('.piece[data-loads]')) part.scrollIntoView();";

pub(super) async fn every_part(browser: &Browser) {
    loop {
        browser.script(EVERY_PART).await;
        let left = browser.script("return document.querySelectorAll('.piece[data-loads]').length;").await;
        if left == json!(0) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn focus_on(browser: &Browser, css: &str) {
    browser.script(&format!("document.querySelector('{css}').focus();")).await;
}

async fn report(manager: &TestManager, lobby: &Client, sequence: &mut u64, body: Value) {
    lobby.report(manager.device, &taken(*sequence, &[body], 0)).await;
    *sequence += 1;
}

#[tokio::test]
async fn by_keyboard_alone_a_device_is_worked_and_nothing_is_lost_when_something_happens() {
    let manager = TestManager::start().await;
    let lobby = with_history(&manager).await;
    let mut sequence = 88;
    let url = format!("https://localhost:{}", manager.operator.port());
    let browser = Browser::start().await;
    browser.sign_in(&url, OPERATOR, PASSWORD).await;
    browser.open(&format!("{url}/devices/lobby")).await;
    browser.see("body[data-live=on]").await;
    browser.mark().await;

    // The supply ends on a day that is worked out here, and where no level is known nothing is made up.
    browser.see("[data-supply=black] [data-ends=level] time[datetime]").await;
    browser.see("[data-supply=cyan][data-unknown='some remains'] pattern").await;
    browser.see_no("[data-supply=cyan] [data-ends]").await;
    look(&browser, "device").await;

    // Asked to read: it is said, and the focus stays.
    focus_on(&browser, "#read-now").await;
    browser.press(ENTER).await;
    said(&browser, "lobby is asked to read now").await;
    browser.see("#last-command[data-command]").await;
    assert_eq!(focus(&browser).await, "read-now");

    // Two calls have buttons of two names; who marks one as seen is still at that call.
    browser.reach("part-service-calls").await;
    focus_on(&browser, "#call-seen-1").await;
    browser.press(ENTER).await;
    browser.see("#call-1[data-state=seen]").await;
    said(&browser, "Mark as seen: call 1, it rattles").await;
    browser.see_no("#call-seen-1").await;
    assert_eq!(focus(&browser).await, "call-1");

    // What is open and typed stays, and so does the place on the page, while the printer tells more.
    every_part(&browser).await;
    let names: Vec<String> = serde_json::from_value(browser.script(NAMES).await).unwrap();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len(), "{names:?}");
    look(&browser, "device-whole").await;
    browser.click("#hold summary").await;
    browser.reach("part-settings").await;
    browser.type_into("#setting-value", "3").await;
    let at = browser.script("return scrollY;").await;
    report(&manager, &lobby, &mut sequence, reads(31)).await;
    browser.see("[data-supply=black][data-percent='31']").await;
    browser.type_into("#setting-value", "7").await;
    assert_eq!(browser.script("return document.getElementById('setting-value').value;").await, "37");
    assert_eq!(focus(&browser).await, "setting-value");
    assert_eq!(browser.script("return scrollY;").await, at);
    browser.see("#hold[open]").await;

    // What happens is said, without a look at the screen.
    let mut jam = toner_low("a2");
    (jam["alert"]["code"], jam["alert"]["severity"]) = (json!("jam"), json!("critical"));
    report(&manager, &lobby, &mut sequence, jam).await;
    said(&browser, "aper jam").await;

    // What cannot be undone asks first, and a second key does nothing.
    browser.reach("part-identity").await;
    focus_on(&browser, "#shut-out summary").await;
    browser.press(ENTER).await;
    browser.see("dialog.asking[open] #revoke").await;
    look(&browser, "asking").await;
    assert_eq!(focus(&browser).await, "asking-no");
    browser.press(ESCAPE).await;
    browser.see_no("dialog.asking").await;
    assert_eq!(browser.script("return document.activeElement.parentElement.id;").await, "shut-out");
    browser.see_no("[data-identity=shut_out]").await;
    browser.press(ENTER).await;
    browser.see("dialog.asking[open]").await;
    focus_on(&browser, "#revoke").await;
    browser.press(ENTER).await;
    browser.see("#identity-words[data-identity=shut_out]").await;
    browser.see_no("dialog.asking").await;
    said(&browser, "Yes, shut lobby out").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn a_curve_tells_what_happened_and_what_is_expected_and_goes_into_files() {
    let manager = TestManager::start().await;
    let _lobby = with_history(&manager).await;
    let url = format!("https://localhost:{}", manager.operator.port());
    let browser = Browser::start().await;
    browser.sign_in(&url, OPERATOR, PASSWORD).await;
    browser.open(&format!("{url}/devices/lobby/history?subject=supply.black&days=30")).await;
    browser.see("#ends[data-ends=level]").await;
    browser.see("#chart path.band").await;
    browser.see("#marks [data-mark=alert]").await;
    browser.see("#chart path.happened.alert").await;
    look(&browser, "history").await;
    // Nearer by a key, which is the link's, and by drawing over the curve.
    browser.press("+").await;
    browser.see("#chart").await;
    let begin = "const [svg, box] = [document.querySelector('#chart svg'), document.querySelector('#chart svg').getBoundingClientRect()];
        const at = (name, x) => svg.dispatchEvent(new PointerEvent(name, {clientX: box.left + box.width * x, clientY: box.top + 9, pointerId: 1, bubbles: true}));
        svg.setPointerCapture = () => {};
        at('pointerdown', 0.1); at('pointermove', 0.2); at('pointerup', 0.3);";
    while browser.script("return location.search.includes('days=15');").await != json!(true) {
        tokio::task::yield_now().await;
    }
    browser.see("#chart").await;
    browser.script(begin).await;
    while browser.script("return location.search.includes('to=');").await != json!(true) {
        tokio::task::yield_now().await;
    }
    browser.see_no("#chart path.band").await;
    let files = "const done = arguments[0];
        Promise.all(['as-csv', 'as-json'].map((id) => fetch(document.getElementById(id).href).then((answer) => answer.text()))).then(done);";
    let files: Vec<String> = serde_json::from_value(browser.script_later(files).await).unwrap();
    assert!(files[0].starts_with("device,subject,begin,at,"), "{}", files[0]);
    let rows = files[0].lines().count() - 1;
    let items: Value = serde_json::from_str(&files[1]).unwrap();
    assert_eq!(items["items"].as_array().unwrap().len(), rows, "{}", files[1]);
    browser.close().await;
}
