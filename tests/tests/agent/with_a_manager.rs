//! The agent against a manager that behaves, and one that does not.

use std::os::unix::fs::PermissionsExt as _;

use platen_agent::identity;
use platen_agent::run::RunError;
use platen_agent::status::{ContactState, Sort};
use platen_agent::tool::control::message::{Answer, Request};
use platen_agent::uplink::enroll::EnrollError;
use platen_protocol::device_to_manager::{OutcomeResult, ReadingsCause, Report, ReportBody};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::problem::ProblemKind;
use platen_simulator::SimCommand;
use platen_tests::rigs::agent::task::{Agent, Device};
use platen_tests::rigs::manager::scripted::{Manager, State};

fn press() -> SimCommand {
    SimCommand::Press { button: "service".into(), milliseconds: None }
}

fn open() -> SimCommand {
    SimCommand::Open { switch: "cover".into() }
}

fn close() -> SimCommand {
    SimCommand::Close { switch: "cover".into() }
}

fn command(id: &str, action: Action) -> Command {
    Command {
        id: id.parse().unwrap(),
        issued: "2026-05-31T00:00:00Z".parse().unwrap(),
        expires: "2026-06-02T00:00:00Z".parse().unwrap(),
        action,
        issued_by: None,
    }
}

async fn parked(manager: &Manager) {
    manager.until("the agent is parked", |state| (state.parked > 0).then_some(())).await;
}

async fn nothing_waits(agent: &Agent) {
    agent.until("everything is acknowledged", |status| (status.backlog == 0).then_some(())).await;
}

#[tokio::test]
async fn a_device_enrols_and_what_happens_reaches_the_manager_beside_the_parked_request() {
    let old_and_new: [&[&[u8]]; 3] = [&[b"h2", b"http/1.1"], &[b"http/1.1"], &[]];
    for protocols in old_and_new {
        let manager = Manager::speaking(protocols).await;
        let device = Device::enrolled(&manager).await;
        let agent = device.start();
        parked(&manager).await;
        let parked_before = manager.state.borrow().ever_parked;
        agent.act(&open());
        manager
            .until("the cover is open", |state| (!state.of_kind("alert_raised").is_empty()).then_some(()))
            .await;
        agent.act(&close());
        manager
            .until("the cover is closed", |state| (!state.of_kind("alert_cleared").is_empty()).then_some(()))
            .await;
        nothing_waits(&agent).await;
        let state = manager.state.borrow();
        assert_eq!(state.ever_parked, parked_before, "reports do not disturb the parked request");
        assert_eq!(state.of_kind("started").len(), 1);
        assert!(state.reports.values().all(|report| report.simulated));
        let alert = |report: &platen_protocol::device_to_manager::Report| match &report.body {
            ReportBody::AlertRaised { alert } => alert.id.clone(),
            ReportBody::AlertCleared { alert_id, .. } => alert_id.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(alert(state.of_kind("alert_raised")[0]), alert(state.of_kind("alert_cleared")[0]));
        assert_eq!(state.connections.len(), 3, "one to enrol, one to park on, one for all reports");
        assert!(state.connections.iter().all(|protocol| protocol.as_deref() != Some(b"h2")));
        drop(state);
        agent.stop().await.unwrap();
    }
}

#[tokio::test]
async fn an_agent_that_runs_finds_its_identity_by_itself() {
    let manager = Manager::start().await;
    let device = Device::with("allow_simulated = true");
    let agent = device.start();
    agent
        .until("it says that it is not enrolled", |status| {
            (status.contact.state == ContactState::NotEnrolled && status.readings.is_some()).then_some(())
        })
        .await;
    device.enroll(&manager, &manager.token()).await.unwrap();
    parked(&manager).await;
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn the_key_that_enrolment_stores_is_for_its_owner_alone() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let mode = std::fs::metadata(identity::file(device.state())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn of_enrolments_that_race_one_goes_on_and_the_others_leave_their_tokens_unused() {
    for _ in 0..50 {
        let manager = Manager::start().await;
        let device = Device::new();
        let token = manager.token();
        let enrol = || device.enroll(&manager, &token);
        let (a, b, c) = tokio::join!(enrol(), enrol(), enrol());
        let ended = [a, b, c];
        let busy = ended.iter().filter(|end| matches!(end, Err(EnrollError::Busy(_)))).count();
        assert!(ended.iter().any(Result::is_ok) && busy == 2, "{ended:?}");
        assert_eq!(manager.state.borrow().enrolled, 1, "a token was used for nothing");
        identity::load(device.state()).unwrap();
        assert_eq!(std::fs::read_dir(device.state()).unwrap().count(), 1, "nothing is left behind");
    }
}

#[tokio::test]
async fn where_no_identity_can_be_stored_the_token_is_not_used() {
    let manager = Manager::start().await;
    let device = Device::new();
    // A file stands where the state directory should be.
    std::fs::write(device.state(), "").unwrap();
    let refused = device.enroll(&manager, &manager.token()).await.unwrap_err();
    assert!(matches!(refused, EnrollError::Store(_)), "{refused}");
    assert_eq!(manager.state.borrow().enrolled, 0);
}

#[tokio::test]
async fn a_manager_with_another_ca_than_the_tokens_gets_neither_secret_nor_request() {
    let manager = Manager::start().await;
    let other = Manager::start().await;
    let device = Device::new();
    let refused = device.enroll(&other, &manager.token()).await.unwrap_err();
    assert!(matches!(refused, EnrollError::OtherManager { .. }), "{refused}");
    assert_eq!(other.state.borrow().enrolled, 0);
    assert!(!identity::file(device.state()).exists());
}

#[tokio::test]
async fn a_certificate_for_another_key_does_not_replace_an_identity_that_works() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let before = std::fs::read(identity::file(device.state())).unwrap();
    manager.state.send_modify(|state| state.swap_certificate = true);
    let refused = device.enroll(&manager, &manager.token()).await.unwrap_err();
    assert!(matches!(refused, EnrollError::Answer(_)), "{refused}");
    assert_eq!(std::fs::read(identity::file(device.state())).unwrap(), before);
}

#[tokio::test]
async fn a_manager_that_the_device_was_not_enrolled_with_is_not_trusted_and_the_status_says_so() {
    let manager = Manager::start().await;
    let other = Manager::start().await;
    let mut device = Device::enrolled(&manager).await;
    device.config.uplink.manager = Some(other.url().parse().unwrap());
    let agent = device.start();
    let trouble = agent.until("it says why", |status| status.contact.trouble.clone()).await;
    assert_eq!(trouble.sort, Sort::Untrusted, "{trouble:?}");
    assert!(trouble.remedy.contains("not the manager"), "{trouble:?}");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    for _ in 0..3 {
        parked(&manager).await;
        let before = manager.state.borrow().ever_parked;
        manager.cut();
        manager.until("it parks again", |state| (state.ever_parked > before).then_some(())).await;
    }
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_report_whose_acknowledgement_was_lost_is_sent_again_as_the_same_report() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    manager.state.send_modify(|state| state.cut_after_commit = 2);
    agent.act(&open());
    nothing_waits_after_alert(&manager, &agent).await;
    let state = manager.state.borrow();
    assert_eq!(state.of_kind("alert_raised").len(), 1, "repeats are the same report");
    assert!(state.times.values().any(|times| *times > 1), "it was sent again");
    drop(state);
    agent.stop().await.unwrap();
}

async fn nothing_waits_after_alert(manager: &Manager, agent: &Agent) {
    manager
        .until("the alert arrives", |state| (!state.of_kind("alert_raised").is_empty()).then_some(()))
        .await;
    nothing_waits(agent).await;
}

#[tokio::test]
async fn a_command_that_is_delivered_many_times_is_carried_out_once() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    // It stays in every reply, although its outcome has arrived.
    manager.state.send_modify(|state| state.commands.push(command("read-1", Action::ReadNow)));
    manager.until("its outcome arrives", |state| (!state.outcomes().is_empty()).then_some(())).await;
    agent.act(&open());
    agent.act(&close());
    manager
        .until("other reports arrive", |state| (!state.of_kind("alert_cleared").is_empty()).then_some(()))
        .await;
    manager.state.send_modify(|state| state.commands.clear());
    parked(&manager).await;
    let state = manager.state.borrow();
    let by_command = |report: &&&platen_protocol::device_to_manager::Report| matches!(&report.body, ReportBody::Readings(readings) if readings.cause == ReadingsCause::Command);
    assert_eq!(state.of_kind("readings").iter().filter(by_command).count(), 1);
    assert!(state.outcomes().iter().all(|outcome| outcome.result == OutcomeResult::Done));
    drop(state);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn that_somebody_is_on_the_way_is_said_by_lamp_and_buzzer_and_answered() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    let action = Action::TechnicianOnTheWay { service_call: None, technician: Some("tom".into()) };
    manager.state.send_modify(|state| state.commands = vec![command("coming", action)]);
    manager.until("its outcome arrives", |state| (!state.outcomes().is_empty()).then_some(())).await;
    assert_eq!(manager.state.borrow().outcomes()[0].result, OutcomeResult::Done);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_command_that_is_unknown_is_refused_and_one_that_is_too_old_is_not_tried() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    let mut old = command("old", Action::ReadNow);
    old.expires = "2026-05-31T12:00:00Z".parse().unwrap();
    manager.state.send_modify(|state| state.commands = vec![command("odd", Action::Unknown), old]);
    manager.until("both outcomes arrive", |state| (state.outcomes().len() >= 2).then_some(())).await;
    manager.state.send_modify(|state| state.commands.clear());
    let state = manager.state.borrow();
    for outcome in state.outcomes() {
        match outcome.command_id.as_str() {
            "odd" => assert!(matches!(outcome.result, OutcomeResult::Refused { .. })),
            _ => assert_eq!(outcome.result, OutcomeResult::Expired),
        }
    }
    drop(state);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn one_report_that_the_manager_will_never_take_does_not_hold_up_the_others() {
    let manager = Manager::start().await;
    manager.state.send_modify(|state| state.poison = Some("alert_raised"));
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    manager.until("it has begun", |state| state.of_kind("started").first().map(|_| ())).await;
    agent.act(&open());
    agent.act(&press());
    agent.act(&close());
    manager
        .until("the service call arrives", |state| (!state.of_kind("service_call").is_empty()).then_some(()))
        .await;
    manager
        .until("the end of the alert arrives", |state| state.of_kind("alert_cleared").first().map(|_| ()))
        .await;
    manager.until("the manager is told of the gap", |state| state.gaps.first().map(|_| ())).await;
    nothing_waits(&agent).await;
    let state = manager.state.borrow();
    assert_eq!(state.gaps.len(), 1);
    assert_eq!(state.of_kind("alert_cleared").len(), 1);
    drop(state);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_manager_that_knows_the_sequence_otherwise_gets_a_new_epoch() {
    let manager = Manager::start().await;
    manager.state.send_modify(|state| state.problems.push_back(ProblemKind::SequenceConflict));
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    manager.until("it begins anew", |state| (!state.of_kind("started").is_empty()).then_some(())).await;
    nothing_waits(&agent).await;
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_over_the_quota_waits_at_the_device_and_goes_when_there_is_room() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    nothing_waits(&agent).await;
    manager.state.send_modify(|state| state.problems.extend([ProblemKind::OverQuota; 2]));
    agent.act(&open());
    agent.until("the report waits", |status| (status.backlog > 0).then_some(())).await;
    agent.act(&close());
    manager.until("both are there", |state| (!state.of_kind("alert_cleared").is_empty()).then_some(())).await;
    nothing_waits(&agent).await;
    let state = manager.state.borrow();
    assert!(state.problems.is_empty() && state.gaps.is_empty(), "it was refused, and lost nothing");
    assert_eq!((state.of_kind("alert_raised").len(), state.epochs.len()), (1, 1));
    drop(state);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_restart_goes_on_with_the_same_epoch_and_repeats_no_alert() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    agent.act(&open());
    manager
        .until("the cover is open", |state| (!state.of_kind("alert_raised").is_empty()).then_some(()))
        .await;
    nothing_waits(&agent).await;
    agent.stop().await.unwrap();
    // The new simulated printer's cover is closed: the old alert ends.
    let agent = device.start();
    manager.until("the alert ends", |state| (!state.of_kind("alert_cleared").is_empty()).then_some(())).await;
    let state = manager.state.borrow();
    assert_eq!(state.epochs.len(), 1);
    assert_eq!(state.of_kind("alert_raised").len(), 1);
    assert!(state.gaps.is_empty());
    drop(state);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn what_waits_at_a_clean_stop_is_sent_before_the_end() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    let kept = agent.ask(Request::CallService { message: Some("it hums".into()) }).await;
    assert_eq!(kept, Answer::Kept);
    agent.stop().await.unwrap();
    assert_eq!(manager.state.borrow().of_kind("service_call").len(), 1);
    assert!(!device.config.control_socket.exists(), "the socket is gone");
}

#[tokio::test]
async fn a_corrupt_outbox_is_set_aside_and_the_agent_goes_on_in_a_new_epoch() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    parked(&manager).await;
    nothing_waits(&agent).await;
    agent.stop().await.unwrap();
    std::fs::write(device.state().join("outbox.sqlite"), "not a database, whatever its name says").unwrap();
    let agent = device.start();
    manager.until("a second epoch", |state| (state.epochs.len() == 2).then_some(())).await;
    assert!(device.state().join("outbox.sqlite.corrupt-1").exists());
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn one_press_is_one_call_and_the_lamp_is_on_until_the_manager_has_it() {
    let manager = Manager::start().await;
    let device = Device::with("allow_simulated = true");
    let agent = device.start();
    agent.until("the board was read", |status| status.readings.clone()).await;
    agent.act(&press());
    agent.until("the call waits", |status| status.outbox.service_call_waits.then_some(())).await;
    agent.until("the lamp is on", |_| agent.simulator.lamp().then_some(())).await;
    device.enroll(&manager, &manager.token()).await.unwrap();
    manager
        .until("the call arrives", |state| (!state.of_kind("service_call").is_empty()).then_some(()))
        .await;
    agent.until("the lamp is off", |_| (!agent.simulator.lamp()).then_some(())).await;
    assert_eq!(manager.state.borrow().of_kind("service_call").len(), 1);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_simulated_board_is_refused_unless_the_configuration_allows_it() {
    let device = Device::new();
    let refused = device.start().stop().await.unwrap_err();
    assert!(matches!(refused, RunError::Simulated { .. }));
    let words = refused.to_string();
    assert!(words.contains("allow_simulated = true") && words.contains("agent.toml"), "{words}");
}

#[tokio::test]
async fn a_message_above_the_limit_and_a_supply_that_is_not_there_are_refused_with_words() {
    let device = Device::with("allow_simulated = true");
    let agent = device.start();
    let long = agent.ask(Request::CallService { message: Some("x".repeat(501)) }).await;
    assert!(matches!(&long, Answer::Refused { reason } if reason.contains("500")), "{long:?}");
    let set = SimCommand::Set { supply: "blak".into(), percent: 4 };
    let unknown = agent.ask(Request::Sim { command: set }).await;
    assert!(matches!(&unknown, Answer::Refused { reason } if reason.contains("black")), "{unknown:?}");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_agent_on_the_same_files_is_refused() {
    let device = Device::with("allow_simulated = true");
    let first = device.start();
    first.until("the first one runs", |status| status.readings.clone()).await;
    let refused = device.start().stop().await.unwrap_err();
    assert!(refused.to_string().contains("another platen-agent"), "{refused}");
    first.stop().await.unwrap();
}

#[tokio::test]
async fn while_there_is_no_outbox_on_the_disk_the_agent_reports_from_memory_and_says_so() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    // Whatever is wrong with a disk: here something else is where the file has to be.
    std::fs::create_dir(device.state().join("outbox.sqlite")).unwrap();
    let agent = device.start();
    let raised = |state: &State| {
        let outbox = |report: &&Report| matches!(&report.body, ReportBody::AlertRaised { alert } if alert.subject == "outbox");
        state.reports.values().find(outbox).map(|_| ())
    };
    manager.until("the manager hears of it", raised).await;
    agent.act(&press());
    manager
        .until("a service call goes on", |state| (!state.of_kind("service_call").is_empty()).then_some(()))
        .await;
    let disk = agent.until("it says so", |status| status.outbox.disk.clone()).await;
    assert!(disk.what.contains("kept in memory"), "{disk:?}");
    assert!(disk.remedy.contains(&device.state().display().to_string()), "{disk:?}");
    agent.stop().await.unwrap();
}
