//! Certificates over 400 days, by the programs as they are shipped: their clocks are moved (libfaketime) while a
//! device is connected, reconnects and is joined by others, and the files of operators are renewed meanwhile.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::authority::OperatorTls;
use platen_tests::rigs::manager::process::{Manager, OPERATOR, Stand};
use platen_tests::rigs::network::traffic::{IMPATIENT, nothing_lost_and_nothing_twice};
use platen_tests::rigs::process::{run, run_ok, until};
use platen_tests::rigs::proxy::faults::FaultProxy;
use serde_json::{Value, json};
use tempfile::TempDir;

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The clock goes on in steps of so many days.
const STEP: i32 = 10;
/// The day on which two thirds of a device's first certificate are over.
const RENEWAL_DUE: i32 = 250;
/// A year of requests comes within seconds.
const LIMITS: &str = "[limits]\nrequests_per_minute = 1000000\nrequests_burst = 100000\n";

#[expect(clippy::disallowed_methods, reason = "the clock is what is moved")]
fn real_now() -> Timestamp {
    Timestamp::now()
}

/// The clock of programs that run.
struct MovedClock {
    folder: TempDir,
    begin: Timestamp,
}

impl MovedClock {
    fn new() -> Self {
        let clock = Self { folder: TempDir::new().unwrap(), begin: real_now() };
        clock.set(0);
        clock
    }

    /// So many days later than it is.
    fn set(&self, days: i32) {
        let beside = self.folder.path().join("new");
        fs::write(&beside, format!("+{}\n", (DAY * days).as_secs())).unwrap();
        fs::rename(beside, self.folder.path().join("offset")).unwrap();
    }

    fn after(&self, days: i32) -> Timestamp {
        self.begin + DAY * days
    }

    /// The environment of a program that goes by it.
    fn environment(&self) -> Vec<(String, String)> {
        let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH);
        assert!(Path::new(&library).exists(), "install libfaketime");
        let offset = self.folder.path().join("offset").display().to_string();
        let pairs = [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", offset.as_str()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }
}

fn hang_up(manager: &Manager) {
    kill(Pid::from_raw(manager.id().try_into().unwrap()), Signal::SIGHUP).unwrap();
}

/// An operator asks a device to read its board, and hears that it has; by then the manager knows it to be there on
/// the day that it is.
fn ask(device: &Device, operator: &Operator, day: Timestamp) {
    let commands = format!("/api/v1/devices/{}/commands", device.name());
    let answer = operator.post(&commands, &json!({"action": {"kind": "read_now"}}));
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.body["id"].clone();
    until(&format!("{} has read its board", device.name()), || {
        let all = operator.json(&commands);
        all["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == id && one["state"] == "done")
            .map(drop)
    });
    let seen: Timestamp =
        operator.device(device.name())["contact"]["last_contact"].as_str().unwrap().parse().unwrap();
    assert!(seen >= day, "{} was there at {seen}, and it is {day}", device.name());
}

fn ending<'a>(endings: &'a Value, what: &str) -> &'a Value {
    let endings = endings["endings"].as_array().unwrap();
    endings.iter().find(|ending| ending["what"] == what).unwrap()
}

/// Of the certificate for operators, once the manager says that.
fn until_operators(operator: &Operator, manager: &Manager, state: &str) -> Value {
    until(&format!("the certificate for operators: {state}"), || {
        hang_up(manager);
        let health = operator.json("/api/v1/health");
        let ending = ending(&health, "operator_certificate");
        (ending["state"] == state).then(|| ending.clone())
    })
}

fn operator_of(manager: &Manager, tls: &OperatorTls) -> Operator {
    let token = run_ok(manager.command().args(["operator", "token", OPERATOR]), "");
    Operator::new(&tls.authority.pem, manager.operator_url(), token.trim().to_owned())
}

#[test]
fn a_device_works_enrols_and_reconnects_for_400_days_while_every_certificate_is_renewed() {
    let (clock, folder) = (MovedClock::new(), TempDir::new().unwrap());
    let tls = OperatorTls::new(folder.path());
    tls.renew(clock.begin, clock.after(90));
    let mut operators_end = 90;
    let environment = clock.environment();
    let manager = Manager::start_at(
        Stand { environment: environment.clone(), ..Stand::default() },
        &format!("{}{LIMITS}", tls.lines()),
    );
    let operator = operator_of(&manager, &tls);
    // Nothing of all that follows ends this stream.
    let mut events = operator.events();
    let proxy = FaultProxy::before(&manager);
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let setup = Setup { uplink: IMPATIENT, environment: &environment, ..Setup::default() };
    let mut lobby = Device::enrolled_by("lobby", &manager, &proxy.url(), setup.clone());
    // Its connection stands until it renews its own certificate.
    let mut steady = Device::enrolled_by("steady", &manager, &manager.device_url(), setup.clone());
    let (first, first_own) =
        (steady.identity(), fs::read_to_string(manager.state().join("server.pem")).unwrap());

    for (step, day) in (0..).zip((STEP..=400).step_by(STEP.try_into().unwrap())) {
        clock.set(day);
        if operators_end - day < 30 {
            operators_end = day + 90;
            tls.renew(clock.begin, clock.after(operators_end));
            hang_up(&manager);
            until_operators(&operator, &manager, "good");
        }
        if day == RENEWAL_DUE {
            // It looks every hour whether a renewal is due, and the whole year does not take that long.
            assert!(steady.stop());
            steady.start();
            until("it renews its certificate", || (steady.identity() != first).then_some(()));
            steady.until_parked();
        }
        ask(&steady, &operator, clock.after(day));
        match step % 3 {
            0 => {
                let connections = proxy.figures().connections;
                lobby.kill();
                lobby.start();
                until("it has come again", || (proxy.figures().connections > connections).then_some(()));
            }
            1 => {
                assert!(lobby.stop());
                lobby.start();
            }
            _ => {}
        }
        lobby.until_parked();
        ask(&lobby, &operator, clock.after(day));
        if day % 100 == 0 {
            drop(Device::enrolled_by(&format!("room-{day}"), &manager, &manager.device_url(), setup.clone()));
        }
        hang_up(&manager);
        until("the manager's own certificate is good", || {
            let health = operator.json("/api/v1/health");
            let own = ending(&health, "manager_certificate");
            (own["words"].is_null() && own["days_left"].as_i64().unwrap() >= 30).then_some(())
        });
    }

    assert_ne!(fs::read_to_string(manager.state().join("server.pem")).unwrap(), first_own);
    for device in ["lobby", "steady"] {
        assert_eq!(operator.device(device)["identity"]["state"], "good", "{device}");
        nothing_lost_and_nothing_twice(&operator, device);
    }
    let log = manager.log();
    assert!(log.contains("made a certificate for the listeners"), "{log}");
    assert!(!log.lines().any(|line| line.contains("certificate") && line.contains(" ended ")), "{log}");
    // The stream has gone on: what is told now is still heard.
    let mut heard = 0;
    clock.set(operators_end - 6);
    hang_up(&manager);
    let told = until_operators(&operator, &manager, "within_7_days");
    for event in events.by_ref() {
        heard += 1;
        if event["kind"] == "ending" && event["words"].as_str().unwrap().contains("ends in 5 days") {
            break;
        }
    }
    println!("{heard} events on one stream; at last: {}", told["words"]);
}

#[test]
fn what_ends_is_told_in_time_by_the_log_the_api_and_the_command_line_and_a_renewal_needs_no_restart() {
    let (clock, folder) = (MovedClock::new(), TempDir::new().unwrap());
    let tls = OperatorTls::new(folder.path());
    tls.renew(clock.begin, clock.after(90));
    let stand = Stand { environment: clock.environment(), ..Stand::default() };
    let manager = Manager::start_at(stand, &tls.lines());
    let operator = operator_of(&manager, &tls);
    let token = manager.token(&["--device", "attic", "--valid", "744h"]);
    let status = run_ok(manager.command().arg("status"), "");
    for line in [
        "CA certificate",
        "manager's certificate",
        "operators' certificate",
        "CN=printers.example.org",
        "enrolment token",
        "attic",
        "API token",
        OPERATOR,
        "Devices' certificates: 0 good",
    ] {
        assert!(status.contains(line), "{line} is not in\n{status}");
    }
    assert!(
        !token.split('-').skip(1).any(|secret| status.contains(secret)),
        "a secret is shown nowhere:\n{status}"
    );
    for (day, state, words) in [
        (61, "within_30_days", "ends in 28 days"),
        (84, "within_7_days", "ends in 5 days"),
        (89, "within_1_day", "ends in 23 hours"),
        (91, "ended", "ended 24 hours ago"),
    ] {
        clock.set(day);
        until_operators(&operator, &manager, state);
        until(words, || manager.log().contains(words).then_some(()));
        assert_eq!(manager.log().matches(words).count(), 1, "told once:\n{}", manager.log());
        let status: Value =
            serde_json::from_str(&run_ok(manager.command().args(["status", "--json"]), "")).unwrap();
        assert_eq!(ending(&status, "operator_certificate")["state"], state, "{status}");
    }
    let status = run_ok(manager.command().arg("status"), "");
    assert!(status.contains("ended 24 hours ago") && status.contains("browsers refuse it"), "{status}");

    tls.renew(clock.begin, clock.after(181));
    let now = until_operators(&operator, &manager, "good");
    assert_eq!(now["days_left"], 89, "{now}");
    let (certificate, _) = tls.authority.issue(clock.begin, clock.after(300));
    fs::write(&tls.files.certificate, certificate).unwrap();
    let words = run(manager.command().arg("status"), "");
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("is not that of the certificate"), "{words}");
    hang_up(&manager);
    until("the log says that it is not used", || {
        manager.log().contains("is not used: the key").then_some(())
    });
    assert_eq!(operator.get("/api/v1/health").status, 200, "the old one is shown");
}
