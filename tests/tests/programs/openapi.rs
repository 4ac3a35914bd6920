//! The `OpenAPI` document tells what the API does: a linter and a validator find nothing in it, and
//! schemathesis, which asks a real manager with data whatever the document allows and what it does not, finds
//! nothing that the API does otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use platen_tests::rigs::agent::process::Device;
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::debian::root;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::until;
use serde_json::{Value, json};

/// Requests that schemathesis makes up for each operation, beside those that it derives from the document.
const EXAMPLES: &str = "25";

/// What it must not ask for.
const OF_ITS_OWN_RIGHTS: [&str; 5] =
    ["setOperator", "removeOperator", "resetPassword", "revokeToken", "revokeMyToken"];

/// Where the tools are; installs them the first time.
fn tools() -> PathBuf {
    let output = Command::new(root().join("scripts/openapi/install.sh")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn finds_nothing(command: &mut Command) {
    let output = command.output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}\n{complained}");
}

fn written(document: &Value, folder: &Path) -> PathBuf {
    let file = folder.join("openapi.json");
    fs::write(&file, document.to_string()).unwrap();
    file
}

/// Takes `Idempotency-Key` out: the few keys that schemathesis makes up name different things again and again, and most of what
/// is posted would be refused for that alone. It has tests of its own.
fn without_keys(document: &mut Value) {
    for operations in document["paths"].as_object_mut().unwrap().values_mut() {
        let parameters = operations.pointer_mut("/post/parameters").and_then(Value::as_array_mut);
        if let Some(parameters) = parameters {
            parameters.retain(|parameter| parameter["name"] != "Idempotency-Key");
        }
    }
}

#[test]
fn a_linter_and_a_validator_find_nothing_in_the_document() {
    let tools = tools();
    let manager = Manager::start();
    let folder = tempfile::tempdir().unwrap();
    let document = written(&manager.operator().get("/api/v1/openapi.json").body, folder.path());
    finds_nothing(
        Command::new(tools.join("npm/node_modules/.bin/redocly"))
            .arg("lint")
            .arg(&document)
            .arg("--config")
            .arg(root().join("scripts/openapi/redocly.yaml"))
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
            .current_dir(folder.path()),
    );
    finds_nothing(Command::new(tools.join("venv/bin/openapi-spec-validator")).arg(&document));
}

/// A device with something of everything that the lists list.
fn with_data(manager: &Manager, operator: &Operator) -> Device {
    let device = Device::enrolled("lobby", manager);
    device.platen(&["sim", "set", "black", "4"]);
    device.platen(&["call-service", "streaks on every page"]);
    device.platen(&["order", "black", "--quantity", "2", "--note", "for the shelf"]);
    let command = json!({"action": {"kind": "read_now"}});
    assert_eq!(operator.post("/api/v1/devices/lobby/commands", &command).status, 202);
    for list in ["alerts", "orders", "service-calls", "reports", "devices/lobby/commands"] {
        until("the list has an item", || {
            let items = operator.get(&format!("/api/v1/{list}")).body["items"].as_array()?.len();
            (items > 0).then_some(())
        });
    }
    device
}

#[test]
fn the_api_does_what_the_document_says_whatever_is_asked() {
    let tools = tools();
    let manager = Manager::start();
    let operator = manager.operator();
    let _device = with_data(&manager, &operator);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, manager.ca()).unwrap();
    let mut document = operator.get("/api/v1/openapi.json").body;
    without_keys(&mut document);
    finds_nothing(
        Command::new(tools.join("venv/bin/st"))
            .arg("--config-file")
            .arg(root().join("scripts/openapi/schemathesis.toml"))
            .arg("run")
            .arg(written(&document, folder.path()))
            .args(["--url", operator.base()])
            .args(["--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"])
            .args(["--max-examples", EXAMPLES, "--seed", "1", "--no-color", "--warnings", "off"])
            // A stream without an end; it has tests of its own.
            .args(["--exclude-path", "/api/v1/events"])
            // By these it would take its own rights away: its token, or what it may do as soon as it has made another
            // administrator.
            .args(OF_ITS_OWN_RIGHTS.iter().flat_map(|id| ["--exclude-operation-id", id]))
            .args(["--header", &format!("Authorization: Bearer {}", operator.token())])
            .arg("--tls-verify")
            .arg(&ca)
            .current_dir(folder.path()),
    );
}
