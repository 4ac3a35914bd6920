//! What a person at the device does and sees: orders, calls, what is wrong, what was said on the buses.

use std::collections::BTreeMap;

use platen_agent::judge::STORM_PRESSES;
use platen_agent::request::{Asked, Fate, Wish};
use platen_agent::tool::control::message::{Answer, Request};
use platen_hal::Verdict;
use platen_hal::trace::TraceEntry;
use platen_protocol::device_to_manager::{EnteredBy, Order, OutcomeResult, ReadingsCause, ReportBody};
use platen_protocol::identity::{OrderId, ServiceCallId};
use platen_protocol::manager_to_device::{Action, Command, OpenRequests};
use platen_simulator::{Fault, SimCommand};
use platen_tests::rigs::agent::task::{Agent, Device, next};
use platen_tests::rigs::manager::scripted::Manager;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

fn press(button: &str, milliseconds: Option<u32>) -> SimCommand {
    SimCommand::Press { button: button.into(), milliseconds }
}

/// So long that a press is seen by a sample where its edge is too soon after the one before it.
const UNHURRIED: Option<u32> = Some(400);

fn order(supply: &str, quantity: u16, note: Option<&str>) -> Request {
    Request::Order { supply: supply.into(), quantity, note: note.map(ToOwned::to_owned), again: false }
}

fn orders(manager: &Manager) -> Vec<Order> {
    let state = manager.state.borrow();
    let body = |report: &&platen_protocol::device_to_manager::Report| match &report.body {
        ReportBody::Order(order) => order.clone(),
        other => panic!("{other:?}"),
    };
    state.of_kind("order").iter().map(body).collect()
}

async fn read_once(agent: &Agent) {
    agent.until("the board was read", |status| status.readings.is_some().then_some(())).await;
}

async fn asked(agent: &Agent, what: &str, holds: impl Fn(&Asked) -> bool) -> Asked {
    agent.until(what, |status| status.asked.iter().find(|asked| holds(asked)).cloned()).await
}

fn acknowledged(asked: &Asked) -> bool {
    matches!(asked.fate, Fate::Acknowledged { .. })
}

async fn status_json(agent: &Agent) -> Value {
    let Answer::Status(status) = agent.ask(Request::Status).await else { panic!() };
    serde_json::to_value(status).unwrap()
}

/// Sends a command and waits for how it ended.
async fn outcome(manager: &Manager, id: &str, action: Action) -> OutcomeResult {
    let command = Command {
        id: id.parse().unwrap(),
        issued: "2026-05-31T00:00:00Z".parse().unwrap(),
        expires: "2026-06-02T00:00:00Z".parse().unwrap(),
        action,
        issued_by: Some("anna".into()),
    };
    manager.state.send_modify(|state| state.commands.push(command));
    let result = manager
        .until("its outcome arrives", |state| {
            let outcomes = state.outcomes();
            outcomes.iter().find(|outcome| outcome.command_id.as_str() == id).map(|o| o.result.clone())
        })
        .await;
    manager.state.send_modify(|state| state.commands.clear());
    result
}

fn set(pairs: &[(&str, u32)]) -> Action {
    let settings: BTreeMap<_, _> = pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Action::Set { settings }
}

fn setting<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    status["settings"].as_array()?.iter().find(|setting| setting["name"] == name)
}

#[tokio::test]
async fn an_order_by_command_is_kept_confirmed_and_shown() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    let mut answers = agent.converse(order("black", 2, Some("by Friday"))).await;
    assert_eq!(next(&mut answers).await, Some(Answer::Kept));
    assert_eq!(next(&mut answers).await, Some(Answer::Acknowledged));
    let sent = orders(&manager);
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].supply.name.as_str(), sent[0].quantity), ("black", 2));
    assert_eq!((sent[0].note.as_deref(), sent[0].entered_by), (Some("by Friday"), EnteredBy::Command));
    let shown = asked(&agent, "it is shown as acknowledged", acknowledged).await;
    assert!(matches!(&shown.what, Wish::Order { id, supply, .. } if *id == sent[0].id && supply == "black"));
    agent.stop().await.unwrap();
    let agent = device.start();
    let later = asked(&agent, "it is shown after a restart", acknowledged).await;
    assert_eq!(later.what, shown.what);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn an_order_that_cannot_be_is_refused_with_what_can_be() {
    let device = Device::with("allow_simulated = true");
    let agent = device.start();
    for (request, words) in [
        (order("blak", 1, None), "black, cyan"),
        (order("black", 0, None), "1 to 99"),
        (order("black", 1, Some(&"x".repeat(501))), "500"),
    ] {
        let answer = agent.ask(request).await;
        assert!(matches!(&answer, Answer::Refused { reason } if reason.contains(words)), "{answer:?}");
    }
    assert!(status_json(&agent).await["asked"].as_array().unwrap().is_empty());
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_double_press_of_the_order_button_is_one_order_for_the_lowest_supply() {
    let manager = Manager::start().await;
    let device = Device::with("allow_simulated = true");
    let agent = device.start();
    agent.act(&SimCommand::Set { supply: "cyan".into(), percent: 3 });
    agent
        .until("the level was read", |status| {
            let cyan = &status.readings.as_ref()?.supplies[1];
            (cyan.percent() == Some(3)).then_some(())
        })
        .await;
    agent.act(&press("order", None));
    agent.act(&press("order", None));
    agent.until("the order waits", |status| status.outbox.order_waits.then_some(())).await;
    agent.until("the lamp is on", |_| agent.simulator.lamp().then_some(())).await;
    device.enroll(&manager, &manager.token()).await.unwrap();
    let shown = asked(&agent, "it is shown as acknowledged", acknowledged).await;
    assert!(matches!(&shown.what, Wish::Order { supply, quantity: 1, .. } if supply == "cyan"), "{shown:?}");
    assert_eq!(shown.entered_by, EnteredBy::Button);
    agent.until("the lamp is off", |_| (!agent.simulator.lamp()).then_some(())).await;
    assert_eq!(orders(&manager).len(), 1);
    agent.stop().await.unwrap();
}

/// What the manager says is open from now on.
fn open_now(manager: &Manager, calls: &[ServiceCallId], orders: &[OrderId]) {
    let open =
        OpenRequests { service_calls: calls.to_vec(), orders: orders.to_vec(), ..OpenRequests::default() };
    manager.state.send_modify(|state| state.open = Some(open));
}

#[tokio::test]
async fn what_is_ordered_already_is_ordered_again_on_purpose_or_when_the_first_order_is_closed() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    assert_eq!(agent.ask(order("black", 1, Some("by Friday"))).await, Answer::Kept);
    manager.until("the order arrives", |state| (!state.of_kind("order").is_empty()).then_some(())).await;
    let first = orders(&manager).remove(0);
    open_now(&manager, &[], std::slice::from_ref(&first.id));
    asked(&agent, "the manager has it", acknowledged).await;

    let Answer::Already { asked: told } = agent.ask(order("black", 2, None)).await else { panic!() };
    assert!(matches!(&told.what, Wish::Order { id, .. } if *id == first.id), "{told:?}");
    assert_eq!(agent.ask(order("cyan", 1, None)).await, Answer::Kept, "another supply is another want");
    let again = Request::Order { supply: "black".into(), quantity: 2, note: None, again: true };
    assert_eq!(agent.ask(again).await, Answer::Kept);
    manager.until("three orders are there", |state| (state.of_kind("order").len() == 3).then_some(())).await;
    let told: Vec<(String, bool)> =
        orders(&manager).into_iter().map(|order| (order.supply.name, order.again)).collect();
    assert_eq!(told, [("black".into(), false), ("cyan".into(), false), ("black".into(), true)]);

    // An operator has found all of them delivered.
    agent.until("all is acknowledged", |status| status.asked.iter().all(acknowledged).then_some(())).await;
    open_now(&manager, &[], &[]);
    agent.until("nothing is open", |status| (!status.asked.iter().any(Asked::is_open)).then_some(())).await;
    let again = Request::Order { supply: "black".into(), quantity: 1, note: None, again: true };
    assert_eq!(agent.ask(again).await, Answer::Kept);
    manager.until("the order arrives", |state| (state.of_kind("order").len() == 4).then_some(())).await;
    assert!(!orders(&manager)[3].again, "nothing was ordered any more");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn the_order_button_orders_once_and_once_more_when_it_is_held_after_that_was_said() {
    let mut device = Device::with("allow_simulated = true");
    device.config.judge.long_press = std::time::Duration::from_secs(1);
    device.config.judge.order_window = std::time::Duration::ZERO;
    let agent = device.start();
    read_once(&agent).await;
    let count = |status: &platen_agent::status::StatusReport| status.asked.len();
    agent.act(&press("order", UNHURRIED));
    agent.until("it is ordered", |status| (count(status) == 1).then_some(())).await;
    agent.act(&press("order", UNHURRIED));
    // The board is read, so that what happened before is judged.
    assert_eq!(agent.ask(Request::Report).await, Answer::Kept);
    assert_eq!(status_json(&agent).await["asked"].as_array().unwrap().len(), 1);
    agent.act(&press("order", Some(1_500)));
    agent.until("it is ordered again", |status| (count(status) == 2).then_some(())).await;
    agent.act(&press("order", Some(1_500)));
    assert_eq!(agent.ask(Request::Report).await, Answer::Kept);
    assert_eq!(
        status_json(&agent).await["asked"].as_array().unwrap().len(),
        2,
        "nothing was refused before it"
    );
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn forty_presses_of_the_service_button_are_one_call_that_counts_them_and_one_alert_about_the_line() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    read_once(&agent).await;
    agent.act(&press("service", UNHURRIED));
    let call = manager
        .until("the call arrives", |state| match &state.of_kind("service_call").first()?.body {
            ReportBody::ServiceCall(call) => Some(call.clone()),
            _ => None,
        })
        .await;
    open_now(&manager, call.call_id.as_slice(), &[]);
    for presses in 2..=u32::try_from(STORM_PRESSES).unwrap() {
        agent.act(&press("service", UNHURRIED));
        let counted = |status: &platen_agent::status::StatusReport| {
            (status.asked.first()?.presses == presses).then_some(())
        };
        agent.until("the press is counted", counted).await;
    }
    for _ in STORM_PRESSES..40 {
        agent.act(&press("service", UNHURRIED));
    }
    let storm = agent
        .until("the storm is told", |status| {
            status.alerts.iter().find(|alert| alert.subject == "service").cloned()
        })
        .await;
    assert!(storm.description.contains("30 times within 60 s"), "{storm:?}");
    let told = manager
        .until("the count arrives", |state| {
            state.of_kind("service_call").iter().find_map(|report| match &report.body {
                ReportBody::ServiceCall(told) if told.presses >= Some(30) => Some(told.clone()),
                _ => None,
            })
        })
        .await;
    assert_eq!((told.call_id, told.presses), (call.call_id, Some(30)));
    let reports = manager.state.borrow().of_kind("service_call").len();
    assert!(reports <= 6, "a press is no report of its own: {reports}");
    assert_eq!(status_json(&agent).await["asked"].as_array().unwrap().len(), 1);

    // A person's words are another call, and none at all are the one that is open.
    let counted = agent.ask(Request::CallService { message: Some(" ".into()) }).await;
    assert!(matches!(&counted, Answer::Already { asked } if asked.presses == 30), "{counted:?}");
    assert_eq!(agent.ask(Request::CallService { message: Some("smoke!".into()) }).await, Answer::Kept);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_press_of_the_service_button_reports_the_readings_and_calls_nobody() {
    let manager = Manager::start().await;
    let mut device = Device::enrolled(&manager).await;
    device.config.judge.long_press = std::time::Duration::from_millis(500);
    let agent = device.start();
    read_once(&agent).await;
    agent.act(&press("service", Some(1_000)));
    manager
        .until("the readings arrive", |state| {
            let by_person = |report: &&platen_protocol::device_to_manager::Report| {
                matches!(&report.body, ReportBody::Readings(readings) if readings.cause == ReadingsCause::Person)
            };
            state.of_kind("readings").iter().any(by_person).then_some(())
        })
        .await;
    assert!(manager.state.borrow().of_kind("service_call").is_empty());
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn what_the_manager_sets_applies_at_once_survives_a_restart_and_is_taken_back() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    read_once(&agent).await;
    agent.act(&SimCommand::Set { supply: "black".into(), percent: 40 });
    let wanted = set(&[("supply.black.set-percent", 50), ("utilisation.interval-seconds", 10)]);
    assert_eq!(outcome(&manager, "set-1", wanted).await, OutcomeResult::Done);
    manager
        .until("the threshold applies", |state| (!state.of_kind("alert_raised").is_empty()).then_some(()))
        .await;
    manager
        .until("the interval applies", |state| (!state.of_kind("utilisation").is_empty()).then_some(()))
        .await;
    let activity = agent.until("the activity is shown", |status| status.activity.clone()).await;
    let parts =
        [activity.idle_seconds, activity.printing_seconds, activity.sleeping_seconds, activity.error_seconds];
    assert_eq!(parts.iter().sum::<u64>(), activity.seconds);
    agent.stop().await.unwrap();

    let agent = device.start();
    let status = status_json(&agent).await;
    let shown = setting(&status, "supply.black.set-percent").unwrap();
    assert_eq!((&shown["value"], &shown["unit"]), (&Value::from(50), &Value::from("%")));
    assert_eq!(shown["set_by"]["source"], "manager");
    assert_eq!(shown["set_by"]["operator"], "anna");
    assert_eq!(shown["set_by"]["command"], "set-1");
    assert_eq!(setting(&status, "judge.part-percent").unwrap()["set_by"]["source"], "default");
    assert_eq!(setting(&status, "sample.interval-seconds").unwrap()["set_by"]["source"], "agent.toml");

    let reset = Action::Reset { settings: vec!["supply.black.set-percent".into()] };
    assert_eq!(outcome(&manager, "reset-1", reset).await, OutcomeResult::Done);
    let status = status_json(&agent).await;
    assert_eq!(setting(&status, "supply.black.set-percent").unwrap()["set_by"]["source"], "default");
    assert_eq!(setting(&status, "utilisation.interval-seconds").unwrap()["set_by"]["source"], "manager");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn settings_of_which_one_cannot_be_are_all_refused_with_the_reason() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let agent = device.start();
    for (id, name, value, words) in [
        ("a", "supply.blak.set-percent", 5, "black, cyan"),
        ("b", "judge.hysteresis-percent", 99, "between 0 and 50"),
        ("c", "judge.colour", 1, "judge.part-percent"),
    ] {
        let wanted = set(&[("supply.black.set-percent", 50), (name, value)]);
        let refused = outcome(&manager, id, wanted).await;
        assert!(
            matches!(&refused, OutcomeResult::Refused { reason } if reason.contains(words)),
            "{refused:?}"
        );
    }
    let status = status_json(&agent).await;
    assert_eq!(setting(&status, "supply.black.set-percent").unwrap()["set_by"]["source"], "default");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn the_doctor_names_a_chip_that_does_not_answer() {
    let device = Device::with("allow_simulated = true");
    let agent = device.start();
    read_once(&agent).await;
    agent.act(&SimCommand::Fault { target: "black".into(), fault: Fault::Absent });
    let Answer::Findings { simulated, findings, .. } = agent.ask(Request::Doctor).await else { panic!() };
    assert!(simulated);
    let failed: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Failed).collect();
    assert_eq!(failed.len(), 1, "{findings:?}");
    assert_eq!(failed[0].subject, "black");
    assert!(failed[0].what.contains("ENXIO"), "{failed:?}");
    agent.act(&SimCommand::Fault { target: "black".into(), fault: Fault::None });
    let Answer::Findings { findings, .. } = agent.ask(Request::Doctor).await else { panic!() };
    assert!(findings.iter().all(|finding| finding.verdict != Verdict::Failed), "{findings:?}");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_recording_begins_with_the_board_file_and_ends_cleanly_when_the_asker_closes_its_side() {
    let device = Device::with("allow_simulated = true");
    let agent = device.start();
    read_once(&agent).await;
    let mut answers = agent.converse(Request::Record).await;
    let Some(Answer::Trace { entry: TraceEntry::Begin { version, board } }) = next(&mut answers).await else {
        panic!("a recording begins with the board");
    };
    assert_eq!((version, board), (1, std::fs::read_to_string(&device.config.board).unwrap()));
    assert!(matches!(next(&mut answers).await, Some(Answer::Trace { .. })), "something is said");
    let second = agent.ask(Request::Record).await;
    assert!(matches!(&second, Answer::Refused { reason } if reason.contains("another")), "{second:?}");
    answers.get_mut().shutdown().await.unwrap();
    let end = loop {
        match next(&mut answers).await {
            Some(Answer::Trace { .. }) => {}
            other => break other,
        }
    };
    assert!(matches!(&end, Some(Answer::Done { what }) if what.contains("entries")), "{end:?}");
    assert_eq!(next(&mut answers).await, None);
    drop(answers);
    let again = agent.ask(Request::Record).await;
    assert!(matches!(again, Answer::Trace { .. }), "{again:?}");
    agent.stop().await.unwrap();
}
