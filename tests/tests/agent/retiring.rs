//! A device that the service centre takes out of service: it says so, and then removes its key and certificates.

use std::path::PathBuf;

use platen_agent::identity::{IdentityError, load, retired};
use platen_agent::status::ContactState;
use platen_protocol::device_to_manager::OutcomeResult;
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::agent::task::{Agent, Device};
use platen_tests::rigs::manager::scripted::Manager;

fn retire() -> Command {
    Command {
        id: "retire-1".parse().unwrap(),
        issued: "2026-05-31T00:00:00Z".parse().unwrap(),
        expires: "2026-08-31T00:00:00Z".parse().unwrap(),
        action: Action::Retire,
        issued_by: Some("anna".into()),
    }
}

async fn parked(manager: &Manager) {
    manager.until("the agent is parked", |state| (state.parked > 0).then_some(())).await;
}

async fn is_wiped(agent: &Agent, device: &Device) {
    let gone = |status: &platen_agent::status::StatusReport| {
        let by = status.retired.as_ref()?.by.clone();
        (status.contact.state == ContactState::NotEnrolled).then_some(by)
    };
    let by = agent.until("it is retired, and its key is gone", gone).await;
    assert_eq!(by.as_deref(), Some("anna"), "the person at the device is told who decided it");
    assert!(matches!(load(device.state()), Err(IdentityError::NotEnrolled)));
    let left: Vec<PathBuf> = std::fs::read_dir(device.state())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("identity"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_device_that_retires_says_so_removes_its_key_and_can_be_enrolled_again() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    manager.state.send_modify(|state| state.commands.push(retire()));
    let ended = |state: &platen_tests::rigs::manager::scripted::State| {
        state
            .outcomes()
            .iter()
            .find(|one| one.command_id.as_str() == "retire-1")
            .map(|one| one.result.clone())
    };
    let result = manager.until("the manager is told", ended).await;
    assert_eq!(result, OutcomeResult::Done);
    is_wiped(&agent, &device).await;
    agent.stop().await.unwrap();
    let agent = device.start();
    is_wiped(&agent, &device).await;
    manager.state.send_modify(|state| state.commands.clear());
    device.enroll(&manager, &manager.token()).await.unwrap();
    assert_eq!(retired::marked(device.state()), None);
    parked(&manager).await;
    agent.until("nothing says that it is retired", |status| status.retired.is_none().then_some(())).await;
    load(device.state()).unwrap();
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn where_the_answer_to_the_outcome_is_lost_the_refusal_of_the_manager_is_enough() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    agent.until("everything is acknowledged", |status| (status.backlog == 0).then_some(())).await;
    manager.state.send_modify(|state| {
        state.cut_after_commit = 1;
        state.commands.push(retire());
    });
    manager.until("the manager is told", |state| (!state.outcomes().is_empty()).then_some(())).await;
    manager.state.send_modify(|state| state.refuses = Some(ProblemKind::DeviceRevoked));
    is_wiped(&agent, &device).await;
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_device_that_is_refused_and_was_not_told_to_retire_keeps_its_key() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    manager.state.send_modify(|state| state.refuses = Some(ProblemKind::DeviceRevoked));
    manager.cut();
    agent
        .until("it is refused", |status| {
            status
                .contact
                .trouble
                .as_ref()
                .filter(|trouble| trouble.remedy.contains("shut this device out"))
                .map(drop)
        })
        .await;
    load(device.state()).unwrap();
    agent.stop().await.unwrap();
}
