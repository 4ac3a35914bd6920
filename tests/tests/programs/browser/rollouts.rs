//! A rollout, from the page on which it is planned to its end, with devices that say how it goes there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hyper::StatusCode;
use platen_manager::programs::Programs;
use platen_manager::programs::online::OnlineKey;
use platen_manager::programs::publish::Brought;
use platen_protocol::path;
use platen_tests::rigs::browser::Browser;
use platen_tests::rigs::maker::Maker;
use platen_tests::rigs::manager::client::{Client, request};
use platen_tests::rigs::manager::messages::{batch, report, started, utilisation};
use platen_tests::rigs::manager::task::{OPERATOR, PASSWORD, TestManager, now, until};
use platen_trust::sign::key::public_from_pem;
use serde_json::{Value, json};

const PROGRAM: &[u8] = b"an engine's firmware";
/// The folder into which pictures of the pages go that somebody wants to look at.
const PICTURES: &str = "PLATEN_PICTURES";

/// A manager that has a program for devices.
async fn manager() -> TestManager {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let manager = TestManager::start_configured(directory, |config| {
        // Devices of this test ask until something has come about.
        config.limits.program_requests_per_minute = 100_000;
        config.limits.requests_per_minute = 100_000;
    });
    let manager = manager.await;
    let state = manager.directory.path();
    let programs = Programs::new(manager.store.clone(), state);
    programs.files().make_folder().unwrap();
    let online = OnlineKey::load_or_make(state).unwrap().public_pem().unwrap();
    let mut maker = Maker::new(&public_from_pem(&online).unwrap(), now());
    let targets = maker.sign(&[Maker::program("engine", "2.0", PROGRAM)], &[]);
    let file = state.join("engine.bin");
    std::fs::write(&file, PROGRAM).unwrap();
    let brought = Brought { roots: vec![maker.root.clone()], targets: Some(targets), files: vec![file] };
    programs.publish(state, &brought, "anna", now()).await.unwrap();
    manager
}

/// Devices that ask and report as agents do.
struct Devices {
    address: SocketAddr,
    clients: BTreeMap<&'static str, (Client, u64)>,
}

const NAMES: [&str; 6] = ["attic", "cellar", "hall", "kitchen", "lobby", "office"];

impl Devices {
    async fn enrolled(manager: &TestManager) -> Self {
        let mut devices = Self { address: manager.device, clients: BTreeMap::new() };
        for name in NAMES {
            let client = manager.enrol(name).await;
            client.report(manager.device, &batch(1, &[started("MFP 450")])).await;
            devices.clients.insert(name, (client, 1));
            // It says what it is, by which it is found fit.
            devices.ask(name).await;
        }
        devices
    }

    /// Asks; the attempt of what it is given, if anything.
    async fn ask(&self, name: &str) -> Option<String> {
        let body = json!({
            "version": 1, "cause": "interval",
            "hardware": {"model": "MFP 450", "board": "Raspberry Pi 4", "architecture": "arm64"},
            "running": [{"kind": "engine-firmware", "name": "engine", "version": "1.0"}],
            "free_bytes": 100_000_000,
            "trusted": {"root": 1, "timestamp": 0, "snapshot": 0, "targets": 0},
            "sent": {"boot_id": "b1", "monotonic_ms": 1000, "wall": "2026-11-30T09:00:00Z", "clock": "synchronised"}
        });
        let request = request("POST", path::PROGRAMS, body.to_string());
        let (client, _) = &self.clients[name];
        let answer = client.connect(self.address).await.unwrap().send(request).await.unwrap();
        if answer.status == StatusCode::NO_CONTENT {
            return None;
        }
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        Some(answer.headers.get("platen-attempt").unwrap().to_str().unwrap().to_owned())
    }

    /// Asks until it is given something.
    async fn until_given(&self, name: &str) -> String {
        until(|| self.ask(name)).await
    }

    async fn send(&mut self, name: &str, body: &Value) {
        let (client, last) = self.clients.get_mut(name).unwrap();
        *last += 1;
        let report = report(*last, body);
        let told = json!({"version": 1, "epoch": "e1", "oldest_sequence": *last, "reports": [report]});
        assert_eq!(client.report(self.address, &told).await.acknowledged(), *last);
    }

    async fn tell(&mut self, name: &str, attempt: &str, step: &str, reason: Option<&str>) {
        let program = json!({"attempt_id": attempt, "step": step, "reason": reason});
        self.send(name, &json!({"kind": "program", "program": program})).await;
    }

    /// Has taken it, and is heard of until the rollout has seen that.
    async fn keep(&mut self, name: &str, manager: &TestManager, rollout: &str) {
        let attempt = self.until_given(name).await;
        self.tell(name, &attempt, "kept", None).await;
        let address = format!("/api/v1/rollouts/{rollout}/devices");
        loop {
            self.send(name, &utilisation(60)).await;
            let listed = manager.api(&address).await;
            let lines = listed["items"].as_array().unwrap();
            if lines.iter().any(|line| line["device"] == name && line["state"] == "kept") {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Pictures of a page, for a large screen and a telephone; that nothing sticks out on the latter.
pub(super) async fn look(browser: &Browser, name: &str) {
    let spare = tempfile::tempdir().unwrap();
    let folder = std::env::var_os(PICTURES).map_or_else(|| spare.path().to_owned(), Into::into);
    let at = |end: &str| Path::new(&folder).join(format!("{name}-{end}.png"));
    browser.picture(1280, 1000, false, &at("desk")).await;
    browser.picture(360, 1400, true, &at("phone")).await;
    let fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth;";
    assert_eq!(browser.script(fits).await, true, "{name} is wider than a telephone");
    browser.picture(1280, 1000, false, &at("desk")).await;
}

async fn fill(browser: &Browser, fields: &[(&str, &str)]) {
    for (id, value) in fields {
        browser.script(&format!("document.getElementById('{id}').value = '{value}';")).await;
    }
}

#[tokio::test]
async fn a_rollout_is_started_watched_halted_lifted_and_finished_from_its_page() {
    let manager = manager().await;
    let mut devices = Devices::enrolled(&manager).await;
    let browser = Browser::start().await;
    let url = format!("https://localhost:{}", manager.operator.port());
    browser.sign_in(&url, OPERATOR, PASSWORD).await;
    browser.see("body[data-live=on]").await;
    browser.open(&format!("{url}/rollouts")).await;
    browser.see("main .empty").await;

    // What makes no sense is said where it was typed, and what was typed stays.
    browser.open(&format!("{url}/programs/engine/2.0")).await;
    browser.click("#roll-out").await;
    browser.see("#program").await;
    fill(&browser, &[("waves", "2, many")]).await;
    look(&browser, "new").await;
    browser.click("#preview").await;
    browser.see("#refused").await;
    assert!(browser.text("#refused").await.contains("\"many\""));
    assert_eq!(browser.script("return document.getElementById('waves').value;").await, "2, many");

    browser
        .script(
            "document.getElementById('named').open = true; document.getElementById('limits').open = true;",
        )
        .await;
    let names = NAMES.join(" ");
    let plan =
        [("waves", "2"), ("pause", "0 s"), ("enough", "100"), ("halt-failures", "1"), ("silent", "1 s")];
    fill(&browser, &plan).await;
    fill(&browser, &[("devices", &names), ("note", "the new toner"), ("halt-percent", "")]).await;
    browser.click("#preview").await;
    browser.see("#waves [data-wave='1'][data-devices='2']").await;
    browser.see("#waves [data-wave='2'][data-devices='4']").await;
    look(&browser, "preview").await;
    browser.click("#start").await;
    browser.see("main[data-state=running]").await;
    browser.see("body[data-live=on]").await;
    browser.mark().await;
    let rollout = browser.script("return document.querySelector('main').dataset.rollout;").await;
    let rollout = rollout.as_str().unwrap().to_owned();

    // The first wave: one keeps it, one does not, and the rollout halts.
    browser.see("#lines [data-device=attic][data-state=offered]").await;
    browser.see("#lines [data-device=hall][data-state=waiting]").await;
    devices.keep("attic", &manager, &rollout).await;
    browser.see("#lines [data-device=attic][data-state=kept]").await;
    let attempt = devices.until_given("cellar").await;
    devices.tell("cellar", &attempt, "installing", None).await;
    browser.see("#lines [data-device=cellar][data-state=under_way]").await;
    look(&browser, "running").await;
    devices.tell("cellar", &attempt, "rolled_back", Some("the engine did not answer")).await;
    browser.see("main[data-state=halted] #halted").await;
    browser.see("#counts [data-count=failed][data-devices='1']").await;
    let line = browser.text("#lines [data-device=cellar]").await;
    assert!(line.contains("the engine did not answer"), "{line}");
    look(&browser, "halted").await;
    assert!(browser.is_marked().await, "the page was loaded again");

    // It goes on when a person says why.
    browser.click("#ask-lift > summary").await;
    fill(&browser, &[("note-lift", "that engine was broken before")]).await;
    look(&browser, "lifting").await;
    browser.click("#lift").await;
    browser.see("main[data-state=running]").await;
    browser.see("#lines [data-device=hall][data-state=offered]").await;
    browser.see("body[data-live=on]").await;
    devices.keep("hall", &manager, &rollout).await;

    // A person halts it, and lifts that too.
    browser.click("#ask-halt > summary").await;
    fill(&browser, &[("note-halt", "wait for the technician")]).await;
    browser.click("#halt").await;
    browser.see("main[data-state=halted]").await;
    browser.click("#ask-lift > summary").await;
    fill(&browser, &[("note-lift", "she was there")]).await;
    browser.click("#lift").await;
    browser.see("main[data-state=running]").await;

    // One is left out, the others keep it, and then it is finished.
    browser.see("body[data-live=on]").await;
    browser.click("#skip-office").await;
    browser.see("#lines [data-device=office][data-state=skipped]").await;
    for name in ["kitchen", "lobby"] {
        devices.keep(name, &manager, &rollout).await;
    }
    browser.see("main[data-state=finished]").await;
    browser.see("#percent[data-percent='100']").await;
    browser.see("#log [data-what=lifted]").await;
    let log = browser.text("#log").await;
    assert!(log.contains(&format!("{OPERATOR} lifted the halt: that engine was broken before")), "{log}");
    look(&browser, "finished").await;
    assert!(browser.is_marked().await, "the page was loaded again");

    // Which devices failed is an address of its own.
    browser.open(&format!("{url}/rollouts/{rollout}?state=failed")).await;
    browser.see("#lines [data-device=cellar]").await;
    browser.see_no("#lines [data-device=attic]").await;
    browser.open(&format!("{url}/rollouts")).await;
    browser.see(&format!("#rollouts [data-rollout={rollout}][data-state=finished]")).await;
    look(&browser, "list").await;
    browser.close().await;
}
