//! Several managers on one database: a device may wait at one of them and an operator sit at another, and when one fails
//! the others go on.

use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::centre::{Centre, Plan};
use platen_tests::rigs::crowd::messages::batch_of;
use platen_tests::rigs::crowd::wire::Connection;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::pki::Pki;
use platen_tests::rigs::process::until;
use serde_json::{Value, json};

pub(super) fn read_now(operator: &Operator, device: &str) -> String {
    let path = format!("/api/v1/devices/{device}/commands");
    let sent = operator.post(&path, &json!({"action": {"kind": "read_now"}}));
    assert_eq!(sent.status, 202, "{sent:?}");
    sent.body["id"].as_str().unwrap().to_owned()
}

fn state_of(operator: &Operator, device: &str, command: &str) -> Value {
    let commands = operator.json(&format!("/api/v1/devices/{device}/commands"));
    let found = commands["items"].as_array().unwrap().iter().find(|one| one["id"] == command);
    found.map_or(Value::Null, |one| one["state"].clone())
}

pub(super) fn until_done(operator: &Operator, device: &str, command: &str) {
    until(&format!("{device} has answered"), || {
        (state_of(operator, device, command) == "done").then_some(())
    });
}

#[test]
fn a_command_reaches_a_device_that_waits_at_another_manager_and_a_killed_manager_is_replaced_by_the_others() {
    let mut centre = Centre::start(3);
    let url = centre.device_url();
    let names = ["attic", "cellar", "hall", "lobby"];
    let devices: Vec<Device> = names
        .iter()
        .map(|name| Device::enrolled_by(name, &centre.managers[0], &url, Setup::default()))
        .collect();
    let operators: Vec<Operator> = centre.managers.iter().map(Manager::operator).collect();
    // Whoever asks, wherever the device waits.
    for operator in &operators {
        for name in names {
            let command = read_now(operator, name);
            until_done(operator, name, &command);
        }
    }
    // An order that is entered at the device is seen everywhere, and closed at any of them.
    devices[3].platen(&["order", "black"]);
    let order = until("the order is everywhere", || {
        let seen: Vec<Value> =
            operators.iter().map(|one| one.json("/api/v1/orders")["items"][0]["id"].clone()).collect();
        seen.iter().all(|id| !id.is_null() && *id == seen[0]).then(|| seen[0].clone())
    });
    assert!(order.is_string() || order.is_number(), "{order}");
    // One fails.
    centre.kill(1);
    let left = [&operators[0], &operators[2]];
    for operator in left {
        for name in names {
            let command = read_now(operator, name);
            until_done(operator, name, &command);
        }
    }
    // Nothing was lost, and each device is watched over by one that is left.
    for name in names {
        let shown = left[0].device(name);
        assert_eq!(shown["gaps"].as_array().unwrap().len(), 0, "{shown}");
        assert_ne!(shown["contact"]["state"], "silent", "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_was_answered_elsewhere_is_not_handed_over_by_a_manager_that_has_not_heard_of_it() {
    let pki = Pki::new();
    let identities = pki.identities("light", 0, 1);
    let plan = Plan { managers: 1, lines: "", standby: false, fleet: Some((&pki, &identities)) };
    let centre = Centre::start_with(plan);
    let operator = centre.managers[0].operator();
    let answered = read_now(&operator, "light-0");
    let open = read_now(&operator, "light-0");
    // What another manager commits, and its word has not come yet.
    centre.ask(&format!("UPDATE commands SET state = 'done', finished = issued WHERE id = '{answered}'"));
    let config = pki.device(&identities[0], &[b"http/1.1"], 0);
    let mut device = Connection::open(centre.device_port(), 0, config).await.unwrap();
    let nothing = batch_of("light-0", 1, std::iter::empty());
    let reply = device.hand_in(nothing, None).await.unwrap();
    let ids: Vec<&Value> = reply["commands"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [&Value::from(open)]);
}
