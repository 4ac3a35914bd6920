//! Each page, light, dark and on a telephone, without a finding of axe-core.

use std::fmt::Write as _;
use std::process::Command;

use platen_tests::rigs::browser::Browser;
use platen_tests::rigs::debian::root;
use platen_tests::rigs::manager::app::App;
use platen_tests::rigs::manager::task::{OPERATOR, PASSWORD, TestManager};
use serde_json::json;

use super::device::{every_part, with_history};

/// Where axe-core is; installs it the first time.
fn axe() -> String {
    let output = Command::new(root().join("scripts/axe/install.sh")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(String::from_utf8(output.stdout).unwrap().trim()).unwrap()
}

const RUN: &str = "const done = arguments[0];
    axe.run(document, { resultTypes: ['violations'] }).then(
        ({ violations }) => done(violations.map(({ id, nodes }) => ({
            id, nodes: nodes.map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary}`),
        }))),
        (error) => done([{ id: 'axe', nodes: [String(error)] }]),
    );";

const PAGES: [&str; 41] = [
    "/",
    "/?view=table",
    "/fleet/columns",
    "/views",
    "/bulk-commands",
    "/now",
    "/now/wall",
    "/now/1",
    "/devices/lobby",
    "/devices/lobby/parts/orders",
    "/devices/lobby/parts/reports",
    "/devices/lobby/history?subject=supply.black&days=30",
    "/devices/lobby/details",
    "/devices/lobby/report",
    "/day",
    "/enrol",
    "/enrolment-tokens",
    "/orders",
    "/orders/1",
    "/parts",
    "/parts/1",
    "/calls",
    "/calls/1",
    "/meters",
    "/customers",
    "/customers/1",
    "/profiles",
    "/profiles/1",
    "/programs",
    "/rollouts",
    "/rollouts/new",
    "/prints",
    "/prints/schedules",
    "/telling",
    "/telling/rules/new",
    "/people",
    "/people/anna",
    "/account",
    "/audit",
    "/restored",
    "/nowhere",
];

async fn findings(browser: &Browser, axe: &str, page: &str, all: &mut String) {
    browser.script(axe).await;
    for (look, width, dark) in [("light", 1_280, false), ("dark", 1_280, true), ("phone", 360, false)] {
        browser.show(width, 900, dark).await;
        let found = browser.script_later(RUN).await;
        for finding in found.as_array().unwrap() {
            let _ = writeln!(all, "{page}, {look}: {}", finding["id"]);
            for node in finding["nodes"].as_array().unwrap().iter().take(4) {
                let _ = writeln!(all, "    {}", node.as_str().unwrap().replace('\n', " "));
            }
        }
    }
}

#[tokio::test]
async fn no_page_keeps_anybody_from_using_it() {
    let axe = axe();
    let manager = TestManager::start().await;
    let _lobby = with_history(&manager).await;
    for (path, body) in [
        ("customers", json!({"name": "Nord AG"})),
        ("sites", json!({"customer": 1, "name": "Kiel"})),
        (
            "profiles",
            json!({"name": "Office", "settings": {"judge.part-percent": 5}, "groups": [{"kind": "tag", "name": "office"}]}),
        ),
        ("parts", json!({"number": "TN-450K", "name": "Toner, black"})),
        ("orders", json!({"device": "lobby", "supply": "black"})),
        ("service-calls", json!({"device": "lobby", "message": "it squeaks"})),
    ] {
        let made = manager.ask_api("POST", &format!("/api/v1/{path}"), Some(&body)).await;
        assert!(made.status.is_success(), "{path}: {}", made.text());
    }
    let browser = Browser::start().await;
    let url = format!("https://localhost:{}", manager.operator.port());
    let mut all = String::new();
    browser.open(&format!("{url}/sign-in")).await;
    findings(&browser, &axe, "/sign-in", &mut all).await;
    browser.sign_in(&url, OPERATOR, PASSWORD).await;
    browser.see("body[data-live=on]").await;
    for page in PAGES {
        browser.open(&format!("{url}{page}")).await;
        browser.see(if page == "/nowhere" { "main.problem" } else { "main:not(.problem)" }).await;
        if page == "/devices/lobby" {
            every_part(&browser).await;
        }
        findings(&browser, &axe, page, &mut all).await;
    }
    second_factor(&browser, &url, &axe, &mut all).await;
    browser.close().await;
    assert!(all.is_empty(), "{all}");
}

/// The pages on which a second factor is set up, and on which a code of it lets in.
async fn second_factor(browser: &Browser, url: &str, axe: &str, all: &mut String) {
    browser.open(&format!("{url}/account")).await;
    browser.type_into("#factor-begin", PASSWORD).await;
    browser.click("#begin-factor").await;
    browser.see("#qr svg").await;
    findings(browser, axe, "setting up a second factor", all).await;
    let app = App::new(&browser.text("#secret").await);
    browser.type_into("#code", &app.code(0)).await;
    browser.click("#confirm").await;
    browser.see("#recovery li:nth-child(10)").await;
    findings(browser, axe, "recovery codes", all).await;
    browser.script("document.querySelector('form[action=\"/sign-out\"]').requestSubmit()").await;
    browser.see("#sign-in").await;
    browser.type_into("[name=name]", OPERATOR).await;
    browser.type_into("[name=password]", PASSWORD).await;
    browser.click("#sign-in button").await;
    browser.see("#show-code").await;
    findings(browser, axe, "a code at signing in", all).await;
    // That of this step was used; the next one's is taken as well.
    browser.type_into("#code", &app.code(1)).await;
    browser.click("#show-code").await;
    browser.see("body[data-live=on]").await;
}
