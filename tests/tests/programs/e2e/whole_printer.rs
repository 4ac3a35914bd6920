//! Every kind of thing that a printer has, from the board to the operator's API and back: agent and manager
//! as processes, over real TLS and SQLite.

use platen_tests::rigs::agent::process::{BOARD, Device};
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::manager::process::{Manager, OPERATOR};
use platen_tests::rigs::process::{run, until};
use serde_json::{Value, json};

/// The device of every test here.
const LOBBY: &str = "lobby";

/// A site with one printer of `lobby.toml`; `extra` is for the agent's configuration.
fn site(extra: &str) -> (Manager, Operator, Device) {
    let manager = Manager::start();
    let operator = manager.operator();
    let mut device = Device::with(LOBBY, &manager.device_url(), BOARD, extra);
    device.enroll(&manager.token(&["--device", LOBBY]));
    device.start();
    device.until_parked();
    (manager, operator, device)
}

fn items(operator: &Operator, path: &str) -> Vec<Value> {
    operator.json(path)["items"].as_array().unwrap().clone()
}

/// The entry of a list whose `key` is `value`, or null.
fn of(list: &Value, key: &str, value: &str) -> Value {
    let found = list.as_array().unwrap().iter().find(|item| item[key] == value);
    found.cloned().unwrap_or(Value::Null)
}

fn open_alerts(operator: &Operator) -> Vec<Value> {
    operator.device(LOBBY)["alerts"].as_array().unwrap().clone()
}

/// Waits until exactly one alert is open, takes some more samples, and it is still the only one.
fn the_alert(operator: &Operator, device: &Device, what: &str) -> Value {
    until(what, || (!open_alerts(operator).is_empty()).then_some(()));
    // As many as the debounce needs to find something else, and one more.
    for _ in 0..3 {
        device.platen(&["report"]);
    }
    device.until_parked();
    let open = open_alerts(operator);
    assert_eq!(open.len(), 1, "{what}: {open:#?}");
    open[0].clone()
}

fn until_no_alert(operator: &Operator, what: &str) {
    until(what, || open_alerts(operator).is_empty().then_some(()));
}

/// Everything that came from the simulated board says so.
fn assert_marked(operator: &Operator) {
    assert_eq!(operator.device(LOBBY)["simulated"], true);
    for list in ["alerts", "orders", "replacements", "service-calls"] {
        for item in items(operator, &format!("/api/v1/{list}?limit=200")) {
            assert_eq!(item["simulated"], true, "{list}: {item}");
        }
    }
}

/// One thing that happens to a printer, the alert that tells of it, and how it is mended.
struct Case {
    what: &'static str,
    breaks: &'static [&'static [&'static str]],
    mends: &'static [&'static [&'static str]],
    /// Code, severity, group and subject.
    alert: [&'static str; 4],
}

fn each_is_one_alert_that_ends(cases: &[Case]) {
    let (_manager, operator, device) = site("");
    let play = |acts: &[&[&str]]| {
        for act in acts {
            device.platen(&[&["sim"], *act].concat());
        }
    };
    for case in cases {
        play(case.breaks);
        let alert = the_alert(&operator, &device, case.what);
        let told = ["code", "severity", "group", "subject"].map(|key| alert[key].as_str().unwrap());
        assert_eq!(told, case.alert, "{}: {alert}", case.what);
        assert_eq!(alert["forecast"], Value::Null, "{}: it has happened", case.what);
        play(case.mends);
        until_no_alert(&operator, &format!("{} is over", case.what));
    }
    device.until_parked();
    let all = items(&operator, &format!("/api/v1/alerts?device={LOBBY}&limit=200"));
    let codes: Vec<&Value> = all.iter().rev().map(|alert| &alert["code"]).collect();
    let expected: Vec<&str> = cases.iter().map(|case| case.alert[0]).collect();
    assert_eq!(codes, expected, "one alert for each, in their order");
    assert!(all.iter().all(|alert| alert["cleared_because"].is_string()), "each says why it ended: {all:#?}");
    assert_marked(&operator);
}

#[test]
fn each_switch_is_one_alert_and_it_ends() {
    each_is_one_alert_that_ends(&[
        Case {
            what: "a jam",
            breaks: &[&["switch", "jam", "on"]],
            mends: &[&["switch", "jam", "off"]],
            alert: ["jam", "critical", "mediaPath", "jam"],
        },
        Case {
            what: "an open interlock",
            breaks: &[&["open", "interlock"]],
            mends: &[&["close", "interlock"]],
            alert: ["interlockOpen", "critical", "cover", "interlock"],
        },
        Case {
            what: "little paper",
            breaks: &[&["switch", "paper-low", "on"]],
            mends: &[&["switch", "paper-low", "off"]],
            alert: ["inputMediaSupplyLow", "warning", "input", "paper-low"],
        },
        Case {
            what: "no paper",
            breaks: &[&["switch", "paper-empty", "on"]],
            mends: &[&["switch", "paper-empty", "off"]],
            alert: ["inputMediaSupplyEmpty", "critical", "input", "paper-empty"],
        },
        Case {
            what: "a full waste box",
            breaks: &[&["switch", "waste-full", "on"]],
            mends: &[&["switch", "waste-full", "off"]],
            alert: ["markerWasteTonerReceptacleFull", "critical", "markerSupplies", "waste"],
        },
        Case {
            what: "a waste box that is out",
            breaks: &[&["switch", "waste-present", "off"]],
            mends: &[&["switch", "waste-present", "on"]],
            alert: ["subunitMissing", "critical", "markerSupplies", "waste"],
        },
        Case {
            what: "lines that are gone",
            breaks: &[&["fault", "gpio", "lines-gone"]],
            mends: &[&["fault", "gpio", "none"]],
            alert: ["subunitMissing", "warning", "generalPrinter", "lines"],
        },
    ]);
}

#[test]
fn each_failure_of_heat_and_its_sensors_is_one_alert_and_it_ends() {
    each_is_one_alert_that_ends(&[
        Case {
            what: "a fuser whose heater stays on",
            // Near its limit already, for a runaway from 180 °C takes half a minute.
            breaks: &[&["heat", "fuser-heat", "215"], &["fault", "fuser-heat", "overheats"]],
            mends: &[&["fault", "fuser-heat", "none"], &["heat", "fuser-heat", "180"]],
            alert: ["markerFuserOverTemperature", "critical", "marker", "fuser-heat"],
        },
        Case {
            what: "a thermistor that is cut",
            breaks: &[&["fault", "fuser-heat", "open-circuit"]],
            mends: &[&["fault", "fuser-heat", "none"]],
            alert: ["markerFuserThermistorFailure", "critical", "marker", "fuser-heat"],
        },
        Case {
            what: "a thermometer that is gone",
            breaks: &[&["fault", "cabinet", "absent"]],
            mends: &[&["fault", "cabinet", "none"]],
            alert: ["subunitMissing", "warning", "generalPrinter", "cabinet"],
        },
        Case {
            what: "the bus of all sensors",
            breaks: &[&["fault", "sensors", "times-out"]],
            mends: &[&["fault", "sensors", "none"]],
            alert: ["subunitRecoverableFailure", "warning", "generalPrinter", "sensors"],
        },
    ]);
}

#[test]
fn each_failure_of_a_cartridge_the_counters_or_their_bus_is_one_alert_and_it_ends() {
    each_is_one_alert_that_ends(&[
        Case {
            what: "a cartridge that is out",
            breaks: &[&["fault", "cyan", "absent"]],
            mends: &[&["fault", "cyan", "none"]],
            alert: ["subunitMissing", "critical", "markerSupplies", "cyan"],
        },
        Case {
            what: "a wrong cartridge",
            breaks: &[&["fault", "cyan", "wrong-type"]],
            mends: &[&["fault", "cyan", "none"]],
            alert: ["subunitRecoverableFailure", "critical", "markerSupplies", "cyan"],
        },
        Case {
            what: "an empty cartridge",
            breaks: &[&["set", "yellow", "0"]],
            mends: &[&["set", "yellow", "100"]],
            alert: ["markerTonerEmpty", "critical", "markerSupplies", "yellow"],
        },
        Case {
            what: "a counter store that is gone",
            breaks: &[&["fault", "engine", "absent"]],
            mends: &[&["fault", "engine", "none"]],
            alert: ["subunitMissing", "warning", "generalPrinter", "engine"],
        },
        Case {
            what: "the bus of all cartridges",
            breaks: &[&["fault", "cartridges", "arbitration-lost"]],
            mends: &[&["fault", "cartridges", "none"]],
            alert: ["subunitRecoverableFailure", "warning", "generalPrinter", "cartridges"],
        },
    ]);
}

#[test]
fn a_double_press_is_one_order_and_the_manager_confirms_each() {
    let (_manager, operator, device) = site("[judge]\norder_window = \"60s\"");
    device.platen(&["sim", "set", "magenta", "30"]);
    until("the level is known", || {
        let magenta = of(&operator.device(LOBBY)["supplies"], "name", "magenta");
        (magenta["percent"] == 30).then_some(())
    });
    device.platen(&["sim", "press", "order"]);
    let first = until("the order arrives", || items(&operator, "/api/v1/orders").first().cloned());
    assert_eq!((&first["supply"]["name"], &first["supply"]["percent"]), (&json!("magenta"), &json!(30)));
    assert_eq!(first["supply"]["part_number"], "TN-450M");
    assert_eq!((&first["quantity"], &first["entered_by"]), (&json!(1), &json!("button")));
    assert_eq!((&first["state"], &first["device"]), (&json!("asked"), &json!(LOBBY)));

    device.platen(&["sim", "press", "order", "--milliseconds", "1000"]);
    // The board is read, and what happened until then is judged.
    device.platen(&["report"]);
    // What is entered later arrives later: a second order of the button would be there before it.
    device.platen(&["order", "cyan", "--quantity", "2", "--note", "for the fair"]);
    let orders = until("the order of the command arrives", || {
        let orders = items(&operator, "/api/v1/orders");
        orders.iter().any(|order| order["entered_by"] == "command").then_some(orders)
    });
    assert_eq!(orders.len(), 2, "{orders:#?}");
    let by_command = &orders[0];
    assert_eq!((&by_command["supply"]["name"], &by_command["quantity"]), (&json!("cyan"), &json!(2)));
    assert_eq!(by_command["note"], "for the fair");

    let asked = until("both are shown as acknowledged", || {
        let asked = device.status()["asked"].as_array()?.clone();
        asked.iter().all(|wish| wish["fate"]["state"] == "acknowledged").then_some(asked)
    });
    let told: Vec<[&Value; 3]> =
        asked.iter().map(|wish| ["kind", "supply", "quantity"].map(|key| &wish[key])).collect();
    let (order, magenta, cyan) = (json!("order"), json!("magenta"), json!("cyan"));
    assert_eq!(told, [[&order, &magenta, &json!(1)], [&order, &cyan, &json!(2)]]);
    assert_eq!([&asked[0]["id"], &asked[1]["id"]], [&first["order"], &by_command["order"]]);

    let table = device.platen(&["status"]);
    assert!(table.contains("for the fair"), "{table}");
    let refused = run(device.tool().args(["order", "blak"]), "");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("black, cyan"), "{refused:?}");
    assert_marked(&operator);
}

/// Gives a command and waits for its end.
fn outcome(operator: &Operator, action: &Value) -> Value {
    let commands = format!("/api/v1/devices/{LOBBY}/commands");
    let sent = operator.post(&commands, &json!({"action": action}));
    assert_eq!(sent.status, 202, "{sent:?}");
    until("the command has an outcome", || {
        let command = of(&operator.json(&commands)["items"], "id", sent.body["id"].as_str()?);
        command["finished"].is_string().then_some(command)
    })
}

#[test]
fn an_operator_sets_when_toner_is_low_and_takes_it_back() {
    let (_manager, operator, device) = site("");
    let key = "supply.black.set-percent";
    let setting = || of(&device.status()["settings"], "name", key);
    assert_eq!(
        (setting()["value"].clone(), setting()["set_by"].clone()),
        (json!(10), json!({"source": "board.toml"}))
    );
    device.platen(&["sim", "set", "black", "50"]);
    until("half full, and that is fine", || {
        let black = of(&operator.device(LOBBY)["supplies"], "name", "black");
        (black["percent"] == 50 && black["low"] == false).then_some(())
    });
    assert!(open_alerts(&operator).is_empty());

    let done = outcome(&operator, &json!({"kind": "set", "settings": {key: 60}}));
    assert_eq!((&done["state"], &done["reason"]), (&json!("done"), &Value::Null), "{done}");
    let set = setting();
    assert_eq!((&set["value"], &set["unit"]), (&json!(60), &json!("%")));
    assert_eq!((&set["set_by"]["source"], &set["set_by"]["operator"]), (&json!("manager"), &json!(OPERATOR)));
    assert_eq!(set["set_by"]["command"], done["id"]);
    let alert = the_alert(&operator, &device, "50 % is low now");
    assert_eq!((&alert["code"], &alert["subject"]), (&json!("markerTonerAlmostEmpty"), &json!("black")));
    assert_eq!(alert["supply"]["set_percent"], 60);

    // Between the set value and the set value with its hysteresis, nothing changes, however often it is looked at.
    let done = outcome(&operator, &json!({"kind": "set", "settings": {key: 48}}));
    assert_eq!(done["state"], "done", "{done}");
    let stands = the_alert(&operator, &device, "50 % is not enough yet");
    assert!(alert["id"].is_string(), "{alert}");
    assert_eq!(stands["id"], alert["id"]);

    let done = outcome(&operator, &json!({"kind": "reset", "settings": [key]}));
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(setting()["set_by"]["source"], "board.toml");
    until_no_alert(&operator, "50 % is enough again");
}

#[test]
fn a_setting_for_what_the_printer_does_not_have_is_refused_with_what_it_has() {
    let (_manager, operator, device) = site("");
    let before = device.status()["settings"].clone();
    let wanted = json!({"supply.black.set-percent": 33, "supply.green.set-percent": 20});
    let refused = outcome(&operator, &json!({"kind": "set", "settings": wanted}));
    assert_eq!(refused["state"], "refused", "{refused}");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("green") && reason.contains("black, cyan, magenta, yellow, waste"), "{reason}");
    assert_eq!(device.status()["settings"], before, "all of a command or nothing of it");
}

#[test]
fn a_cartridge_that_is_replaced_is_listed_with_what_was_left_in_it() {
    let (_manager, operator, device) = site("");
    device.platen(&["sim", "set", "black", "7"]);
    until("it is low", || {
        let black = of(&operator.device(LOBBY)["supplies"], "name", "black");
        (black["percent"] == 7 && !open_alerts(&operator).is_empty()).then_some(())
    });
    device.platen(&["sim", "replace", "black"]);
    let listed = until("the replacement is listed", || {
        items(&operator, &format!("/api/v1/replacements?device={LOBBY}")).first().cloned()
    });
    assert_eq!((&listed["subject"], &listed["change"]), (&json!("black"), &json!("replaced")));
    assert_eq!(listed["residue_percent"], 7, "{listed}");
    let (removed, fitted) = (&listed["removed_supply"]["serial"], &listed["fitted_supply"]["serial"]);
    assert_eq!(removed, "SIM-BLACK");
    assert!(fitted.is_string() && fitted != removed, "{listed}");
    until_no_alert(&operator, "nothing is low, missing or open any more");
    let black = of(&operator.device(LOBBY)["supplies"], "name", "black");
    assert_eq!((&black["percent"], &black["serial"]), (&json!(100), fitted));

    device.platen(&["sim", "reseat", "cyan"]);
    let reseated = until("the cartridge that was only looked at is listed", || {
        let all = items(&operator, "/api/v1/replacements");
        all.iter().find(|item| item["subject"] == "cyan").cloned()
    });
    assert_eq!(reseated["change"], "reseated");
    assert_eq!(reseated["removed_supply"]["serial"], reseated["fitted_supply"]["serial"]);
    assert_marked(&operator);
}

fn counter(operator: &Operator, kind: &str) -> Option<(u64, u64)> {
    let reading = of(&operator.device(LOBBY)["counters"], "kind", kind);
    Some((reading["value"]["value"].as_u64()?, reading["epoch"].as_u64().unwrap_or(0)))
}

#[test]
fn pages_are_counted_and_the_time_of_printing_is_told() {
    let (_manager, operator, device) = site("[utilisation]\ninterval = \"10s\"");
    let before = ["impressions", "page-exits"].map(|kind| counter(&operator, kind).unwrap());
    let sheets = counter(&operator, "sheets").unwrap().0;
    // Twenty pages a second, for six seconds.
    device.platen(&["sim", "print", "120", "--per-minute", "1200"]);
    until("every page is counted", || {
        let now = ["impressions", "page-exits"].map(|kind| counter(&operator, kind).unwrap());
        (now == before.map(|(value, epoch)| (value + 120, epoch))).then_some(())
    });
    // Some sheets have two printed sides.
    let of_paper = counter(&operator, "sheets").unwrap().0 - sheets;
    assert!((60..=120).contains(&of_paper), "{of_paper} sheets");
    let told = until("the reports tell of all pages", || {
        let reports = items(&operator, &format!("/api/v1/reports?device={LOBBY}&limit=200"));
        let told: Vec<Value> = reports
            .iter()
            .filter(|report| report["body"]["kind"] == "utilisation")
            .map(|report| report["body"]["activity"].clone())
            .collect();
        let pages: u64 = told.iter().map(|activity| activity["pages"].as_u64().unwrap()).sum();
        (pages >= 120).then_some(told)
    });
    let sum = |key: &str| told.iter().map(|activity| activity[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("pages"), 120);
    assert!((1..=10).contains(&sum("printing_seconds")), "{told:#?}");
    assert_eq!(
        sum("seconds"),
        ["idle_seconds", "printing_seconds", "sleeping_seconds", "error_seconds"]
            .map(sum)
            .iter()
            .sum::<u64>()
    );
    let shown = operator.device(LOBBY)["activity"].clone();
    assert!(shown["received"].is_string(), "{shown}");
    for (list, names) in [("temperatures", ["cabinet", "fuser-heat"]), ("buses", ["cartridges", "sensors"])] {
        for name in names {
            assert_ne!(of(&shown[list], "name", name), Value::Null, "{name} in {list}: {shown}");
        }
    }
    assert_eq!(of(&shown["buses"], "name", "sensors")["failed_transfers"], 0);
    // Of each 120 pages some wear went to every part.
    let drum = of(&operator.device(LOBBY)["parts"], "name", "drum");
    assert!(drum["used"]["value"].as_u64().unwrap() >= 120, "{drum}");
}

#[test]
fn a_counter_that_goes_backwards_is_a_forecast_with_its_evidence() {
    let (_manager, operator, device) = site("");
    let before = counter(&operator, "impressions").unwrap().0;
    device.platen(&["sim", "print", "2000"]);
    // A fall within the same sample would only look like fewer pages.
    let (high, epoch) = until("the pages are counted", || {
        counter(&operator, "impressions").filter(|(value, _)| *value == before + 2_000)
    });
    assert!(open_alerts(&operator).is_empty());
    device.platen(&["sim", "fault", "engine", "counts-backwards"]);
    let alert = the_alert(&operator, &device, "the fall is told");
    assert_eq!((&alert["code"], &alert["group"]), (&json!("configurationChange"), &json!("generalPrinter")));
    assert_eq!((&alert["forecast"], &alert["severity"]), (&json!(true), &json!("warning")));
    let evidence = of(&alert["evidence"], "measure", "impressions counter");
    assert_eq!((&evidence["observed"], &evidence["expected"]), (&json!(high - 1_000), &json!(high)));
    assert_eq!(evidence["unit"], "impressions");
    assert_eq!(counter(&operator, "impressions"), Some((high - 1_000, epoch + 1)), "a new epoch");
    assert_eq!(operator.device(LOBBY)["worst"], "forecast");
    assert_marked(&operator);
}

#[test]
fn the_doctor_names_the_chip_that_is_absent_and_where_it_should_be() {
    let (_manager, operator, device) = site("");
    let well = device.platen(&["doctor"]);
    assert!(well.contains("SIMULATED") && well.contains(" 0 failed"), "{well}");
    device.platen(&["sim", "fault", "cyan", "absent"]);
    let output = run(device.tool().args(["doctor", "--json"]), "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["asked"], &report["simulated"]), (&json!("agent"), &json!(true)));
    let failed: Vec<&Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["verdict"] == "failed")
        .collect();
    assert_eq!(failed.len(), 1, "{report:#}");
    assert_eq!(failed[0]["subject"], "cyan");
    let place = failed[0]["place"].as_str().unwrap();
    assert!(place.contains("cartridges") && place.contains("0x51"), "{place}");
    assert!(failed[0]["check"].is_string(), "{report:#}");
    // To look does not disturb: what stands in the API is the cartridge that is out, and nothing else.
    let alert = the_alert(&operator, &device, "the cartridge is missing");
    assert_eq!((&alert["code"], &alert["subject"]), (&json!("subunitMissing"), &json!("cyan")));
}
