//! The agent asks for programs, fetches what the answer carries, whatever happens on the way, and hands it over.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use platen_agent::status::programs::ProgramsReport;
use platen_agent::tool::control::message::{Answer, Request};
use platen_protocol::device_to_manager::ReportBody;
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::problem::ProblemKind;
use platen_protocol::programs::{AskCause, AttemptOutcome, ProgramReport, ProgramStep};
use platen_simulator::SimCommand;
use platen_tests::rigs::agent::task::{Agent, Device};
use platen_tests::rigs::disk::{Volume, mounts_of_its_own};
use platen_tests::rigs::manager::carried::{Fault, Offer};
use platen_tests::rigs::manager::scripted::{Manager, State};

use ProgramStep::{Confirming, Fetching, GoingBack, Installing, Kept, Ready, Refused, RolledBack};

const MIB: usize = 1024 * 1024;

/// An enrolled device on which somebody has planted a root of trust.
async fn device(manager: &Manager) -> Device {
    let mut device = Device::enrolled(manager).await;
    let install = device.folder.path().join("platen-install");
    fs::create_dir(&install).unwrap();
    device.config.programs.root = device.folder.path().join("root.json");
    device.config.programs.install_state = install;
    device.config.programs.keep_free = 0;
    let root = r#"{"signatures":[],"signed":{"_type":"root","version":1}}"#;
    fs::write(&device.config.programs.root, root).unwrap();
    device
}

fn offer(manager: &Manager, offer: &Offer) {
    manager.state.send_modify(|state| state.programs.offer = Some(offer.clone()));
}

async fn check(agent: &Agent) {
    let answer = agent.ask(Request::CheckPrograms).await;
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
}

fn told(state: &State) -> Vec<ProgramReport> {
    let body = |report: &&platen_protocol::device_to_manager::Report| match &report.body {
        ReportBody::Program { program } => program.clone(),
        other => panic!("{other:?}"),
    };
    state.of_kind("program").iter().map(body).collect()
}

fn steps(state: &State) -> Vec<ProgramStep> {
    told(state).iter().map(|report| report.step).collect()
}

async fn until_told(manager: &Manager, step: ProgramStep) -> ProgramReport {
    let what = format!("{step:?} is told");
    let last = |state: &State| told(state).into_iter().rfind(|report| report.step == step);
    manager.until(&what, last).await
}

fn spool(device: &Device) -> PathBuf {
    device.state().join("programs")
}

/// What lies ready is what was offered, byte by byte, and nothing of the transfer is left.
fn lies_ready(device: &Device, offered: &Offer) {
    let ready = spool(device).join("ready");
    let metadata = usize::try_from(offered.metadata_length).unwrap();
    assert_eq!(fs::read(ready.join("metadata.json")).unwrap(), offered.body[..metadata]);
    assert_eq!(fs::read(ready.join("program")).unwrap(), offered.body[metadata..]);
    let request: serde_json::Value =
        serde_json::from_slice(&fs::read(ready.join("request.json")).unwrap()).unwrap();
    assert_eq!(request["attempt"], *offered.attempt);
    nothing_is_fetched(device);
}

fn nothing_is_fetched(device: &Device) {
    for name in ["fetching", "progress.json"] {
        assert!(!spool(device).join(name).exists(), "{name}");
    }
}

async fn programs(agent: &Agent) -> ProgramsReport {
    match agent.ask(Request::Programs).await {
        Answer::Programs(report) => *report,
        other => panic!("{other:?}"),
    }
}

async fn until_shown<T>(agent: &Agent, what: &str, holds: impl Fn(&ProgramsReport) -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = holds(&programs(agent).await) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Never twice a byte that has arrived: each piece begins where the one before ended.
fn never_from_zero_again(state: &State) {
    let firsts: Vec<u64> = state.programs.asked.iter().map(|asked| asked.range.unwrap().first).collect();
    assert!(firsts.is_sorted(), "{firsts:?}");
    let begun = firsts.iter().position(|first| *first > 0).unwrap_or(firsts.len());
    assert!(state.programs.asked[begun..].iter().all(|asked| asked.if_range.is_some()));
}

#[tokio::test]
async fn a_program_is_asked_for_when_a_command_says_so_and_lies_ready_piece_by_piece() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    let offered = Offer::new(1, 20_000, 3 * MIB);
    offer(&manager, &offered);
    let command = Command {
        id: "look".parse().unwrap(),
        issued: "2026-05-31T00:00:00Z".parse().unwrap(),
        expires: "2026-06-02T00:00:00Z".parse().unwrap(),
        action: Action::CheckPrograms,
        issued_by: None,
    };
    manager.state.send_modify(|state| state.commands.push(command));
    let agent = device.start();
    let ready = until_told(&manager, Ready).await;
    lies_ready(&device, &offered);
    assert_eq!(ready.attempt_id.as_str(), "try-1");
    assert_eq!(ready.program.unwrap().to_string(), offered.program);
    let shown = until_shown(&agent, "it waits", |shown| shown.ready.clone()).await;
    assert_eq!(shown, offered.program);
    {
        let state = manager.state.borrow();
        assert_eq!(steps(&state), [Fetching, Ready]);
        assert_eq!(state.programs.asked.len(), 4, "a small one, and three of 1 MiB at the most");
        never_from_zero_again(&state);
        let first = &state.programs.asked[0].request;
        assert_eq!((first.cause, first.hardware.model.as_str()), (AskCause::Command, "Test Printer"));
        assert_eq!(first.running[0].name.as_str(), "platen-agent");
        assert_eq!(first.trusted.unwrap().root, 1);
        assert!(first.free_bytes > 0 && first.tried.is_empty());
    }
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_hint_in_a_reply_has_the_manager_asked_now() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    manager.state.send_modify(|state| state.programs.hint = true);
    let agent = device.start();
    manager.until("it is asked", |state| (!state.programs.asked.is_empty()).then_some(())).await;
    manager.state.send_modify(|state| state.programs.hint = false);
    assert!(programs(&agent).await.fetching.is_none());
    assert!(manager.state.borrow().of_kind("program").is_empty());
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_cut_at_each_tenth_goes_on_where_it_was() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    let offered = Offer::new(1, 20_000, 900_000);
    offer(&manager, &offered);
    let tenth = offered.body.len() / 10;
    manager.state.send_modify(|state| state.programs.faults.extend((0..9).map(|_| Fault::Cut(tenth))));
    let agent = device.start();
    check(&agent).await;
    until_told(&manager, Ready).await;
    lies_ready(&device, &offered);
    {
        let state = manager.state.borrow();
        never_from_zero_again(&state);
        assert!(state.programs.asked.len() >= 10, "{}", state.programs.asked.len());
        let last = state.programs.asked.last().unwrap().range.unwrap().first;
        assert!(last > tenth as u64, "what came of a piece that was cut counts: {last}");
        assert_eq!(steps(&state), [Fetching, Ready]);
    }
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_lies_about_its_part_or_its_length_has_no_effect() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    let offered = Offer::new(1, 20_000, 3 * MIB);
    offer(&manager, &offered);
    let lies = [None, Some(Fault::OtherPart), Some(Fault::Longer), Some(Fault::Shorter)];
    manager.state.send_modify(|state| {
        for lie in lies {
            state.programs.faults.push_back(lie.unwrap_or(Fault::Cut(400_000)));
        }
        state.programs.faults.push_back(Fault::Problem(ProblemKind::Unavailable));
    });
    let agent = device.start();
    check(&agent).await;
    until_told(&manager, Ready).await;
    lies_ready(&device, &offered);
    never_from_zero_again(&manager.state.borrow());
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_lets_little_through_at_once_is_asked_for_little() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    let offered = Offer::new(1, 20_000, MIB);
    offer(&manager, &offered);
    let most = 100_000;
    manager.state.send_modify(|state| state.programs.always = Some(Fault::TooLargeForProxy(most)));
    let agent = device.start();
    check(&agent).await;
    until_told(&manager, Ready).await;
    lies_ready(&device, &offered);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_cuts_every_body_costs_nothing_that_has_come() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    let offered = Offer::new(1, 20_000, MIB);
    offer(&manager, &offered);
    manager.state.send_modify(|state| state.programs.always = Some(Fault::Cut(90_000)));
    let agent = device.start();
    check(&agent).await;
    until_told(&manager, Ready).await;
    lies_ready(&device, &offered);
    never_from_zero_again(&manager.state.borrow());
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn another_program_in_the_middle_of_a_transfer_begins_anew() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    offer(&manager, &Offer::new(1, 20_000, 8 * MIB));
    manager.state.send_modify(|state| state.programs.always = Some(Fault::Crawl(20_000)));
    let agent = device.start();
    check(&agent).await;
    until_shown(&agent, "some of it is here", |shown| shown.fetching.clone()).await;
    let other = Offer::new(2, 10_000, MIB);
    manager.state.send_modify(|state| {
        state.programs.offer = Some(other.clone());
        state.programs.always = None;
        state.generation += 1;
    });
    let ready = until_told(&manager, Ready).await;
    assert_eq!(ready.attempt_id.as_str(), "try-2");
    lies_ready(&device, &other);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_part_of_another_body_is_not_mixed_in() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    let offered = Offer::new(1, 20_000, 2 * MIB);
    offer(&manager, &offered);
    manager.state.send_modify(|state| {
        state.programs.faults.extend([Fault::Cut(300_000), Fault::OtherBody]);
    });
    let agent = device.start();
    check(&agent).await;
    until_told(&manager, Ready).await;
    lies_ready(&device, &offered);
    never_from_zero_again(&manager.state.borrow());
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_report_goes_out_while_a_transfer_crawls_and_a_new_agent_goes_on_with_it() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    let offered = Offer::new(1, 20_000, 4 * MIB);
    offer(&manager, &offered);
    manager.state.send_modify(|state| state.programs.always = Some(Fault::Crawl(16_000)));
    let agent = device.start();
    check(&agent).await;
    until_told(&manager, Fetching).await;
    agent.act(&SimCommand::Open { switch: "cover".into() });
    manager
        .until("the cover is open", |state| (!state.of_kind("alert_raised").is_empty()).then_some(()))
        .await;
    let bytes = until_shown(&agent, "it is not whole", |shown| shown.fetching.clone()).await.bytes;
    assert!(bytes < offered.body.len() as u64);
    agent.stop().await.unwrap();
    manager.state.send_modify(|state| state.programs.always = None);
    let asked = manager.state.borrow().programs.asked.len();
    // Nobody says that it is to ask: what was begun goes on by itself.
    let agent = device.start();
    until_told(&manager, Ready).await;
    lies_ready(&device, &offered);
    {
        let state = manager.state.borrow();
        let again = &state.programs.asked[asked];
        assert!(again.range.unwrap().first > 0 && again.if_range.as_deref() == Some(&*offered.etag));
        assert_eq!(steps(&state), [Fetching, Ready], "each is told once");
    }
    agent.stop().await.unwrap();
}

/// What is never fetched: why, in a report, and nothing is left behind.
async fn refused(offered: Offer, change: impl FnOnce(&mut Device)) -> String {
    let manager = Manager::start().await;
    let mut device = device(&manager).await;
    change(&mut device);
    offer(&manager, &offered);
    let agent = device.start();
    check(&agent).await;
    let told = until_told(&manager, Refused).await;
    nothing_is_fetched(&device);
    assert!(!spool(&device).join("ready").exists());
    assert_eq!(steps(&manager.state.borrow()), [Refused]);
    let shown = until_shown(&agent, "it was tried", |shown| shown.tried.last().cloned()).await;
    assert_eq!((shown.outcome, &shown.reason), (AttemptOutcome::Refused, &told.reason));
    agent.stop().await.unwrap();
    told.reason.unwrap()
}

#[tokio::test]
async fn metadata_of_a_hundred_megabytes_are_refused_before_they_come() {
    let mut offered = Offer::new(1, 10, 100);
    offered.metadata_length = 100_000_000;
    let why = refused(offered, |_| {}).await;
    assert!(why.contains("trust metadata have 100000000 bytes"), "{why}");
}

#[tokio::test]
async fn a_program_that_is_larger_than_the_disk_is_refused_before_its_first_byte() {
    let why = refused(Offer::new(1, 10, MIB), |device| device.config.programs.keep_free = 1 << 40).await;
    assert!(why.contains("it needs") && why.contains("stay free"), "{why}");
}

#[tokio::test]
async fn without_a_root_of_trust_nothing_is_fetched() {
    let why = refused(Offer::new(1, 10, MIB), |device| {
        fs::remove_file(&device.config.programs.root).unwrap();
    })
    .await;
    assert!(why.contains("root of trust"), "{why}");
}

#[tokio::test]
async fn a_manager_that_knows_of_no_programs_is_not_asked_again_before_the_next_time() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    manager.state.send_modify(|state| state.programs.is_unknown = true);
    let agent = device.start();
    check(&agent).await;
    let trouble = until_shown(&agent, "it says why", |shown| shown.trouble.clone()).await;
    assert!(trouble.contains("404"), "{trouble}");
    let next =
        until_shown(&agent, "the next time is known", |shown| shown.next_seconds.filter(|next| *next > 0));
    next.await;
    agent.stop().await.unwrap();
}

fn write_record(device: &Device, name: &str, content: &str) {
    let folder = &device.config.programs.install_state;
    let new = folder.join("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, folder.join(name)).unwrap();
}

fn under_way(device: &Device, step: &str) {
    let version = env!("CARGO_PKG_VERSION");
    let attempt = format!(
        r#"{{"attempt":"try-1","name":"platen-agent","version":"{version}",
        "program":{{"kind":"agent-package","name":"platen-agent","version":"{version}","sha256":"","length":1,"confirm_within":600}},
        "began":"2026-11-30T09:00:00Z","position":{{"step":"{step}","runs":1,"starts":1}}}}"#
    );
    write_record(device, "attempt.json", &attempt);
}

fn has_ended(device: &Device, outcome: &str, reason: &str) {
    let ended = format!(
        r#"{{"attempts":[{{"attempt":"try-1","kind":"agent-package","name":"platen-agent","version":"0.2.0",
        "outcome":"{outcome}","reason":"{reason}","ended":"2026-11-30T09:10:00Z","synchronised":true}}]}}"#
    );
    write_record(device, "history.json", &ended);
    fs::remove_file(device.config.programs.install_state.join("attempt.json")).unwrap();
}

async fn until_there(file: &Path) {
    let wait = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap();
}

#[tokio::test]
async fn what_platen_install_does_is_told_step_by_step_and_confirmed_by_the_agent_that_runs_then() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    let offered = Offer::new(1, 10, 1000);
    offer(&manager, &offered);
    let agent = device.start();
    check(&agent).await;
    until_told(&manager, Ready).await;
    under_way(&device, "installing");
    fs::remove_dir_all(spool(&device).join("ready")).unwrap();
    until_told(&manager, Installing).await;
    let confirmed = spool(&device).join("confirmed.json");
    assert!(!confirmed.exists(), "nobody waits for it yet");
    // The package stops the old agent, and starts the new one.
    agent.stop().await.unwrap();
    under_way(&device, "confirming");
    let agent = device.start();
    until_there(&confirmed).await;
    agent.until("the lamp flashes", |_| agent.simulator.lamp().then_some(())).await;
    let says: serde_json::Value = serde_json::from_slice(&fs::read(&confirmed).unwrap()).unwrap();
    assert_eq!(says["attempt"], "try-1");
    assert_eq!(says["agent_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&says["sensors_read"], &says["acknowledged"]), (&true.into(), &true.into()));
    has_ended(&device, "kept", "");
    until_told(&manager, Kept).await;
    assert_eq!(steps(&manager.state.borrow()), [Ready, Installing, Confirming, Kept]);
    let shown = until_shown(&agent, "it was kept", |shown| shown.tried.last().cloned()).await;
    assert_eq!(shown.outcome, AttemptOutcome::Kept);
    assert!(!confirmed.exists(), "it is of that attempt alone");
    agent.stop().await.unwrap();
    // Another start tells nothing of it again.
    let agent = device.start();
    until_shown(&agent, "it is read again", |shown| (!shown.running.is_empty()).then_some(())).await;
    agent.until("all is acknowledged", |status| (status.backlog == 0).then_some(())).await;
    agent.stop().await.unwrap();
    assert_eq!(steps(&manager.state.borrow()), [Ready, Installing, Confirming, Kept]);
}

#[tokio::test]
async fn a_version_that_does_not_reach_the_manager_confirms_nothing_and_why_it_went_back_is_told_later() {
    let manager = Manager::start().await;
    let device = device(&manager).await;
    manager.state.send_modify(|state| state.refuses = Some(ProblemKind::Unavailable));
    under_way(&device, "confirming");
    let agent = device.start();
    agent.until("the sensors are read", |status| status.readings.clone()).await;
    until_shown(&agent, "it sees the attempt", |shown| shown.attempt.clone()).await;
    under_way(&device, "going-back");
    until_shown(&agent, "it goes back", |shown| {
        shown.attempt.as_ref().is_some_and(|attempt| attempt.step == GoingBack).then_some(())
    })
    .await;
    assert!(!spool(&device).join("confirmed.json").exists());
    has_ended(&device, "rolled-back", "nobody confirmed it");
    manager.state.send_modify(|state| state.refuses = None);
    let told = until_told(&manager, RolledBack).await;
    assert_eq!(told.reason.as_deref(), Some("nobody confirmed it"));
    assert_eq!(told.running_version.unwrap().as_str(), env!("CARGO_PKG_VERSION"));
    agent.stop().await.unwrap();
}

/// Needs root, for a file system of its own.
#[tokio::test]
async fn a_disk_that_fills_up_in_the_middle_ends_the_transfer_and_leaves_nothing() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    // Before there is any thread, for each has the mounts of the one that made it.
    mounts_of_its_own();
    let manager = Manager::start().await;
    let device = device(&manager).await;
    fs::create_dir(spool(&device)).unwrap();
    let volume = Volume::over(&spool(&device));
    let offered = Offer::new(1, 20_000, 8 * MIB);
    offer(&manager, &offered);
    manager.state.send_modify(|state| state.programs.always = Some(Fault::Crawl(20_000)));
    let agent = device.start();
    check(&agent).await;
    until_shown(&agent, "some of it is here", |shown| shown.fetching.clone()).await;
    volume.fill();
    manager.state.send_modify(|state| state.programs.always = None);
    let told = until_told(&manager, Refused).await;
    assert!(told.reason.unwrap().contains("the disk of this device"));
    nothing_is_fetched(&device);
    agent.stop().await.unwrap();
    drop(volume);
}
