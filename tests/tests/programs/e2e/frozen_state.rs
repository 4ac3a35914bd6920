//! What earlier versions left behind, opened by the programs of today: `fixtures/` has it for each version, with what
//! those programs said of it.
//!
//! The programs run at the time at which the state was left (libfaketime), so that no certificate has ended and
//! nothing is too old to be kept, in whatever year this runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::api::{Operator, client};
use platen_tests::rigs::debian::root;
use platen_tests::rigs::manager::process::{Manager, PASSWORD, Stand};
use platen_tests::rigs::process::{run_ok, until};
use serde_json::Value;
use tempfile::TempDir;

const VERSION: &str = "0.1.0";
/// A minute after the state was left: 2026-11-29, 18:01 UTC.
const LEFT: u64 = 1_795_975_260;
/// What a device's entry says of this very moment, and not of what was kept.
const OF_THE_MOMENT: [&str; 5] = ["contact", "freshness", "identity", "watches", "worst"];
/// How a watch goes on is up to who is there now.
const OF_WATCHES: [&str; 3] = ["open", "ended", "overdue"];

/// What was left, unpacked.
struct Frozen {
    folder: TempDir,
    expected: Value,
}

impl Frozen {
    fn unpack() -> Self {
        let folder = TempDir::new().unwrap();
        for part in ["manager", "agents", "expected"] {
            let archive = fixtures().join(format!("{part}.tar.xz"));
            run_ok(Command::new("tar").arg("-C").arg(folder.path()).arg("-xf").arg(archive), "");
        }
        let expected =
            serde_json::from_slice(&fs::read(folder.path().join("expected.json")).unwrap()).unwrap();
        Self { folder, expected }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap().trim().to_owned()
    }

    /// A manager of today with the state of then.
    fn manager(&self) -> Manager {
        let stand = Stand { environment: then(), ..Stand::default() };
        let mut manager = Manager::prepared(stand, "");
        replace(&manager.state(), &self.file("manager"));
        manager.resume();
        manager
    }

    /// The operator of then, by the bearer token of then.
    fn operator(&self, manager: &Manager) -> Operator {
        Operator::new(&manager.ca(), manager.operator_url(), self.text("operator.token"))
    }

    /// An agent of today with the state of then.
    fn agent(&self, name: &str, manager: &Manager) -> Device {
        let environment = then();
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let board = self.text(&format!("{name}/board.toml"));
        let setup = Setup { board: &board, environment: &environment, ..Setup::default() };
        let mut device = Device::set_up(name, &manager.device_url(), setup);
        replace(&device.file("state"), &self.file(&format!("{name}/state")));
        device.start();
        device
    }
}

fn fixtures() -> PathBuf {
    root().join("tests/fixtures").join(VERSION)
}

/// The environment in which a program takes it for the time of then; its clock goes on from there.
fn then() -> Vec<(String, String)> {
    let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH);
    assert!(Path::new(&library).exists(), "install libfaketime");
    // The one place of a test that needs the true time: what must be taken from it.
    #[expect(clippy::disallowed_methods, reason = "the clock is what is moved")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let back = i64::try_from(LEFT).unwrap() - i64::try_from(now).unwrap();
    let pairs = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", &format!("{back:+}")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn replace(folder: &Path, by: &Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    run_ok(Command::new("cp").arg("-a").arg(by).arg(folder), "");
}

/// All items of a list, over its pages.
fn everything(operator: &Operator, list: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.json(&format!("/api/v1/{list}?limit=200{cursor}"));
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return items };
        cursor = format!("&cursor={next}");
    }
}

/// Whether a value has all that another has; more is fine.
fn covers(value: &Value, less: &Value) -> bool {
    match (value, less) {
        (Value::Object(value), Value::Object(less)) => {
            less.iter().all(|(key, less)| value.get(key).map_or(less.is_null(), |value| covers(value, less)))
        }
        (Value::Array(value), Value::Array(less)) => {
            value.len() == less.len() && value.iter().zip(less).all(|(value, less)| covers(value, less))
        }
        _ => value == less,
    }
}

/// What is frozen, with the names that states of orders and service calls have today.
fn of_today(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(of_today).collect(),
        Value::Object(fields) => {
            let renamed: &[(&str, &str)] = if fields.contains_key("message") {
                &[("new", "open"), ("handled", "done")]
            } else if fields.contains_key("quantity") {
                &[("new", "asked"), ("ordered", "approved")]
            } else {
                &[]
            };
            let mut fields: serde_json::Map<_, _> =
                fields.iter().map(|(key, value)| (key.clone(), of_today(value))).collect();
            if let Some(state) = fields.get_mut("state") {
                let name = renamed.iter().find(|(then, _)| state == then);
                *state = name.map_or_else(|| state.clone(), |(_, now)| Value::from(*now));
            }
            Value::Object(fields)
        }
        value => value.clone(),
    }
}

fn without(mut value: Value, keys: &[&str]) -> Value {
    value.as_object_mut().unwrap().retain(|key, _| !keys.contains(&key.as_str()));
    value
}

/// Each item of then is there.
fn assert_kept(operator: &Operator, list: &str, expected: &Value, ignored: &[&str]) {
    let now = everything(operator, list);
    let then = expected.as_array().unwrap();
    assert!(!then.is_empty(), "nothing of {list} was frozen");
    for item in then {
        let item = of_today(&without(item.clone(), ignored));
        assert!(now.iter().any(|now| covers(now, &item)), "{list}: lost\n{item}\nof\n{now:#?}");
    }
}

#[test]
fn everything_that_a_manager_of_then_held_is_shown_by_the_manager_of_today() {
    let frozen = Frozen::unpack();
    let manager = frozen.manager();
    let operator = frozen.operator(&manager);
    let expected = &frozen.expected;
    assert_kept(&operator, "devices", &expected["devices"], &OF_THE_MOMENT);
    assert_kept(&operator, "watches", &expected["watches"], &OF_WATCHES);
    for list in ["alerts", "orders", "service-calls", "replacements"] {
        assert_kept(&operator, list, &expected[list], &[]);
    }
    for device in ["lobby", "studio", "warehouse"] {
        let commands = &expected[format!("commands-{device}")];
        assert_kept(&operator, &format!("devices/{device}/commands"), commands, &[]);
    }
    let reports = everything(&operator, "reports");
    let reports: Vec<_> = reports
        .iter()
        .map(|report| (&report["device"], &report["epoch"], &report["sequence"], &report["body"]["kind"]))
        .collect();
    let then = expected["reports"].as_array().unwrap();
    let then: Vec<_> = then
        .iter()
        .map(|report| (&report["device"], &report["epoch"], &report["sequence"], &report["kind"]))
        .collect();
    assert_eq!(reports, then, "the reports, newest first");
    assert!(then.len() > 300, "a month");
}

#[test]
fn operators_of_then_sign_in_and_see_the_devices_on_the_pages() {
    let frozen = Frozen::unpack();
    let manager = frozen.manager();
    let client = client(&manager.ca(), None);
    let (base, password) = (manager.operator_url(), PASSWORD.replace(' ', "+"));
    for (name, password) in [("olga", password.as_str()), ("otto", "second+battery%2C+third+staple")] {
        let form = format!("name={name}&password={password}&next=%2F");
        let request = client.post(format!("{base}/sign-in")).config().max_redirects(0).build();
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").header("origin", &base);
        let answer = request.send(form).unwrap();
        assert_eq!(answer.status(), 303, "{name}");
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let page = |path: &str| {
            let mut answer = client.get(format!("{base}{path}")).header("cookie", &cookie).call().unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            answer.body_mut().read_to_string().unwrap()
        };
        let fleet = page("/");
        for device in ["lobby", "studio", "warehouse", "attic"] {
            assert!(fleet.contains(&format!("data-device=\"{device}\"")), "{device} is not in {fleet}");
        }
        let lobby = page("/devices/lobby");
        for piece in
            ["data-supply=\"magenta\"", "the day before the fair", "data-alert=\"markerTonerAlmostEmpty\""]
        {
            assert!(lobby.contains(piece), "{piece} is not in {lobby}");
        }
    }
}

#[test]
fn a_token_of_then_lets_in_one_device_and_a_used_one_none() {
    let frozen = Frozen::unpack();
    let manager = frozen.manager();
    let environment = then();
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let setup = Setup { environment: &environment, ..Setup::default() };
    let mut cellar = Device::set_up("cellar", &manager.device_url(), setup);
    let words = cellar.enroll_refused(&frozen.text("lobby.token"));
    assert!(words.contains("used"), "{words}");
    cellar.enroll(&frozen.text("unused.token"));
    cellar.start();
    cellar.until_parked();
}

#[test]
fn agents_of_then_go_on_in_their_epochs_and_send_what_waited() {
    let frozen = Frozen::unpack();
    let manager = frozen.manager();
    let operator = frozen.operator(&manager);
    let status = &frozen.expected["status-lobby"];
    assert!(status["backlog"].as_u64().unwrap() >= 4, "{status}");
    let mine =
        |item: &Value, device: &str, field: &str, text: &str| item["device"] == device && item[field] == text;
    let count = |list: &str, device: &str, field: &str, text: &str| {
        everything(&operator, list).iter().filter(|item| mine(item, device, field, text)).count()
    };
    assert_eq!(count("service-calls", "lobby", "message", "nobody answers"), 0);

    // One was ended as it should be, the other was killed six days before.
    let lobby = frozen.agent("lobby", &manager);
    let warehouse = frozen.agent("warehouse", &manager);
    for device in [&lobby, &warehouse] {
        device.until_parked();
    }
    assert_eq!(count("service-calls", "lobby", "message", "nobody answers"), 1);
    assert_eq!(count("orders", "lobby", "note", "while the service centre is away"), 1);
    assert_eq!(count("service-calls", "warehouse", "message", "it squeaks"), 1);

    let reports = everything(&operator, "reports");
    for device in ["lobby", "warehouse"] {
        let of = |reports: &[Value]| {
            let sequence = |report: &Value| {
                (report["epoch"].as_str().unwrap().to_owned(), report["sequence"].as_u64().unwrap())
            };
            let mut found: Vec<_> =
                reports.iter().filter(|report| report["device"] == device).map(sequence).collect();
            found.sort_unstable();
            found
        };
        let (then, now) = (of(frozen.expected["reports"].as_array().unwrap()), of(&reports));
        let epoch = &then[0].0;
        let expected: Vec<_> =
            (1..=u64::try_from(now.len()).unwrap()).map(|sequence| (epoch.clone(), sequence)).collect();
        assert_eq!(now, expected, "{device}: one epoch, every sequence once");
        assert!(now.len() >= then.len() + 3, "{device}: {} and {}", now.len(), then.len());
    }
    until("the command that waited is done", || {
        let commands = everything(&operator, "devices/warehouse/commands");
        (commands[0]["state"] == "done" && commands[1]["state"] == "expired").then_some(())
    });
    let set = &lobby.status()["settings"];
    let black =
        set.as_array().unwrap().iter().find(|setting| setting["name"] == "supply.black.set-percent").unwrap();
    assert_eq!(black["value"], 15, "what the manager has set holds: {set}");
}

/// What an upgrade of the package will find.
#[test]
fn the_package_of_then_is_what_an_upgrade_will_find() {
    let package = fixtures().join(format!("platen-agent_{VERSION}_amd64.deb"));
    let dpkg = |arguments: &[&str]| {
        run_ok(Command::new("dpkg-deb").args(&arguments[..1]).arg(&package).args(&arguments[1..]), "")
    };
    assert_eq!(dpkg(&["--field", "Package"]).trim(), "platen-agent");
    assert_eq!(dpkg(&["--field", "Version"]).trim(), VERSION);
    let folder = TempDir::new().unwrap();
    run_ok(Command::new("dpkg-deb").arg("--raw-extract").arg(&package).arg(folder.path()), "");
    let at = |name: &str| folder.path().join(name);
    let conffiles = fs::read_to_string(at("DEBIAN/conffiles")).unwrap();
    let mut conffiles: Vec<_> = conffiles.lines().collect();
    conffiles.sort_unstable();
    assert_eq!(
        conffiles,
        ["/etc/kernel/postinst.d/zz-platen-overlays", "/etc/platen/agent.toml", "/etc/platen/board.toml"]
    );
    for file in [
        "usr/sbin/platen-agent",
        "usr/bin/platen",
        "usr/lib/systemd/system/platen-agent.service",
        "DEBIAN/postinst",
    ] {
        assert!(at(file).is_file(), "{file}");
    }
    let unit = fs::read_to_string(at("usr/lib/systemd/system/platen-agent.service")).unwrap();
    assert!(
        unit.contains("StateDirectory=platen-agent"),
        "the state lies where an upgrade finds it:\n{unit}"
    );
}
