//! A printer that sleeps: what loses its power then is no fault.

use platen_agent::tool::control::message::{Answer, Request};
use platen_protocol::device_to_manager::{ReadingsReport, ReportBody};
use platen_protocol::readings::HeldKind;
use platen_simulator::{Fault, SimCommand};
use platen_tests::rigs::agent::task::{Agent, Device, next};
use platen_tests::rigs::manager::scripted::Manager;

const SLEEP: &str = "[[switch]]\nname = \"sleep\"\nmeaning = \"sleep\"\nline = 5\n";

/// A device whose cartridges lose their power in sleep; by its board file, or because nothing else is said.
async fn device(manager: &Manager, bus: &str, settle: &str) -> Device {
    let device =
        Device::with(&format!("allow_simulated = true\n[judge]\nsettle_after_sleep = \"{settle}\"\n"));
    let board = std::fs::read_to_string(&device.config.board).unwrap();
    let board = board.replacen("name = \"main\"\n", &format!("name = \"main\"\n{bus}\n"), 1);
    std::fs::write(&device.config.board, format!("{board}{SLEEP}")).unwrap();
    device.enroll(manager, &manager.token()).await.unwrap();
    device
}

fn sleep(agent: &Agent, active: bool) {
    agent.act(&SimCommand::Switch { switch: "sleep".into(), active });
}

fn fault(agent: &Agent, target: &str, fault: Fault) {
    agent.act(&SimCommand::Fault { target: target.into(), fault });
}

/// More samples than it takes to tell of a fault, each of them judged, and all that was told is with the manager.
async fn judged(agent: &Agent) {
    for _ in 0..4 {
        let mut answers = agent.converse(Request::Report).await;
        assert_eq!(next(&mut answers).await, Some(Answer::Kept));
        assert_eq!(next(&mut answers).await, Some(Answer::Acknowledged));
    }
}

async fn held(agent: &Agent, count: usize) {
    let all = |status: &platen_agent::status::StatusReport| {
        let held = &status.readings.as_ref()?.held;
        (held.iter().filter(|held| held.kind == HeldKind::Supply).count() == count).then_some(())
    };
    agent.until("the readings stand, or do not", all).await;
}

fn told(manager: &Manager, kind: &str) -> usize {
    manager.state.borrow().of_kind(kind).len()
}

#[tokio::test]
async fn chips_that_lose_their_power_in_sleep_are_no_alert_and_on_waking_nothing_was_reseated() {
    let manager = Manager::start().await;
    let device = device(&manager, "loses-power-in-sleep = true", "1min").await;
    let agent = device.start();
    agent.until("it was read", |status| status.readings.as_ref().map(|_| ())).await;
    sleep(&agent, true);
    held(&agent, 2).await;
    judged(&agent).await;
    let last = manager.state.borrow().of_kind("readings").last().map(|report| report.body.clone());
    let Some(ReportBody::Readings(ReadingsReport { readings, .. })) = last else { panic!("{last:?}") };
    assert!(readings.supplies.iter().all(|supply| supply.percent().is_some()), "the last reading stays");
    assert!(readings.held.iter().all(|held| held.age_seconds.is_some()), "{:?}", readings.held);
    sleep(&agent, false);
    held(&agent, 0).await;
    judged(&agent).await;
    assert_eq!((told(&manager, "alert_raised"), told(&manager, "replacement")), (0, 0));
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn faults_that_come_and_go_in_sleep_are_no_alert_and_one_that_stays_is_one_after_waking() {
    let manager = Manager::start().await;
    let device = device(&manager, "", "1s").await;
    let agent = device.start();
    agent.until("it was read", |status| status.readings.as_ref().map(|_| ())).await;
    sleep(&agent, true);
    for (target, what) in [("black", Fault::Absent), ("cyan", Fault::Absent), ("main", Fault::TimesOut)] {
        fault(&agent, target, what);
    }
    held(&agent, 2).await;
    judged(&agent).await;
    for target in ["main", "cyan"] {
        fault(&agent, target, Fault::None);
    }
    sleep(&agent, false);
    let alert = manager.until("black is told of", |state| {
        state.of_kind("alert_raised").first().map(|report| report.body.clone())
    });
    let ReportBody::AlertRaised { alert } = alert.await else { panic!() };
    assert_eq!(alert.subject, "black");
    held(&agent, 0).await;
    judged(&agent).await;
    sleep(&agent, true);
    held(&agent, 1).await;
    sleep(&agent, false);
    judged(&agent).await;
    assert_eq!(
        (told(&manager, "alert_raised"), told(&manager, "alert_cleared")),
        (1, 0),
        "exactly one event"
    );
    assert_eq!(told(&manager, "replacement"), 0);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_cartridge_that_was_replaced_while_the_printer_slept_is_told_after_waking() {
    let manager = Manager::start().await;
    let device = device(&manager, "loses-power-in-sleep = true", "1min").await;
    let agent = device.start();
    agent.until("it was read", |status| status.readings.as_ref().map(|_| ())).await;
    sleep(&agent, true);
    held(&agent, 2).await;
    // More than before is another cartridge, and whoever put it in has woken the printer.
    agent.act(&SimCommand::Set { supply: "black".into(), percent: 100 });
    manager.until("it is told", |state| (!state.of_kind("replacement").is_empty()).then_some(())).await;
    judged(&agent).await;
    let all = manager.state.borrow().of_kind("replacement").len();
    assert_eq!((all, told(&manager, "alert_raised")), (1, 0));
    agent.stop().await.unwrap();
}
