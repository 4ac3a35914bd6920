//! The figures of the manager as Debian's Prometheus reads them: `promtool` finds nothing in the text, and everything that
//! the dashboard of docs/grafana-dashboard.json asks has an answer.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use platen_tests::rigs::agent::process::Device;
use platen_tests::rigs::api::{client, post};
use platen_tests::rigs::debian::root;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::{Running, run, run_ok, until};
use serde_json::Value;

/// Where the manager's own listener is.
fn health(manager: &Manager) -> String {
    let log = manager.log();
    let after = log.split_once("health=Some(").unwrap().1;
    after.split_once(')').unwrap().0.to_owned()
}

fn get(url: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let Ok(mut answer) = agent.get(url).call() else { return (0, String::new()) };
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

/// A Prometheus that asks a manager each second, and its address.
fn prometheus(folder: &Path, manager: &str) -> (Running, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = folder.join("prometheus.yml");
    let scrape = format!(
        "scrape_configs:\n  - job_name: platen\n    scrape_interval: 1s\n    static_configs:\n      - targets: [\"{manager}\"]\n"
    );
    fs::write(&config, scrape).unwrap();
    let process = Running::start(
        Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}")),
        &folder.join("prometheus.log"),
    );
    let address = format!("http://127.0.0.1:{port}");
    until("Prometheus is ready", || (get(&format!("{address}/-/ready")).0 == 200).then_some(()));
    (process, address)
}

/// Every expression of the dashboard, with the title of its panel.
fn expressions() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("docs/grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels
        .flat_map(|panel| {
            let title = panel["title"].as_str().unwrap();
            let targets = panel["targets"].as_array().unwrap().iter();
            targets.map(|target| (title.to_owned(), target["expr"].as_str().unwrap().to_owned()))
        })
        .collect()
}

#[test]
fn promtool_finds_nothing_and_every_panel_of_the_dashboard_has_an_answer() {
    let manager = Manager::start_with("[health]\nlisten = \"127.0.0.1:0\"\n");
    let folder = tempfile::tempdir().unwrap();
    run_ok(manager.command().args(["backup", &folder.path().join("backup.tar").display().to_string()]), "");
    let _device = Device::enrolled("lobby", &manager);
    let url = format!("{}/v1/reports", manager.device_url());
    assert_eq!(post(&client(&manager.ca(), None), &url, &[], b"{}").status, 403, "it has no certificate");
    let own = health(&manager);
    let text = get(&format!("http://{own}/metrics")).1;
    let checked = run(Command::new("promtool").args(["check", "metrics"]), &text);
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success() && said.is_empty(), "{}\n{text}", String::from_utf8_lossy(&said));

    let (mut prometheus, address) = prometheus(folder.path(), &own);
    let expressions = expressions();
    assert!(expressions.len() >= 15, "{} expressions", expressions.len());
    for (title, expression) in expressions {
        let asked: String = url::form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        until(&format!("{title}: {expression} has an answer"), || {
            let (status, answer) = get(&format!("{address}/api/v1/query?query={asked}"));
            assert_eq!(status, 200, "{title}: {expression}: {answer}");
            let answer: Value = serde_json::from_str(&answer).unwrap();
            (!answer["data"]["result"].as_array().unwrap().is_empty()).then_some(())
        });
    }
    assert!(prometheus.stop());
}
