//! `platen` as a program: what it prints, what it writes, how it ends.

use std::path::Path;
use std::process::Output;

use platen_agent::status::StatusReport;
use platen_hal::trace;
use platen_simulator::{Fault, SimCommand};
use platen_tests::rigs::agent::task::{Agent, Device};
use platen_tests::rigs::process::program;
use tokio::process::Command;

async fn platen(socket: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("platen"));
    command.arg("--socket").arg(socket).args(arguments).output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn started(device: &Device) -> Agent {
    let agent = device.start();
    agent.until("the board was read", |status| status.readings.is_some().then_some(())).await;
    agent
}

#[tokio::test]
async fn the_doctor_opens_the_board_itself_when_no_agent_answers_and_says_so() {
    let device = Device::new();
    let board = device.config.board.display().to_string();
    let done = platen(Path::new("/nonexistent/socket"), &["doctor", "--json", "--board", &board]).await;
    assert!(text(&done.stderr).contains("no agent answers"), "{done:?}");
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&report["asked"], &report["simulated"]), (&board.into(), &true.into()));
    assert!(report["findings"].is_array());
}

#[tokio::test]
async fn a_board_that_cannot_be_opened_is_a_finding_with_exit_code_1() {
    let device = Device::new();
    let file = device.folder.path().join("linux.toml");
    let text_of_it = "backend = \"linux\"\nmodel = \"M\"\n[[bus]]\nname = \"main\"\ndevice = \"/nonexistent/i2c-9\"\n\
                      [[supply]]\nname = \"black\"\nbus = \"main\"\nchip = \"24c02\"\naddress = 0x50\n";
    std::fs::write(&file, text_of_it).unwrap();
    let file = file.display().to_string();
    let done = platen(Path::new("/nonexistent/socket"), &["doctor", "--board", &file]).await;
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let shown = text(&done.stdout);
    assert!(shown.contains("FAILED") && shown.contains("/nonexistent/i2c-9"), "{shown}");

    let missing = ["doctor", "--board", "/nonexistent/board.toml"];
    let done = platen(Path::new("/nonexistent/socket"), &missing).await;
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let shown = text(&done.stdout);
    assert!(shown.contains("FAILED") && shown.contains("Connection to the manager"), "{shown}");
}

#[tokio::test]
async fn the_doctor_ends_with_1_and_names_the_chip_when_one_does_not_answer() {
    let device = Device::with("allow_simulated = true");
    let agent = started(&device).await;
    let well = platen(&agent.socket, &["doctor"]).await;
    assert_eq!(well.status.code(), Some(0), "{well:?}");
    agent.act(&SimCommand::Fault { target: "black".into(), fault: Fault::Absent });
    let ill = platen(&agent.socket, &["doctor"]).await;
    assert_eq!(ill.status.code(), Some(1), "{ill:?}");
    let shown = text(&ill.stdout);
    let line = shown.lines().find(|line| line.starts_with("FAILED")).unwrap();
    assert!(line.contains("black"), "{shown}");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_recording_is_a_file_of_lines_that_begins_with_the_board_and_is_not_written_over_another() {
    let device = Device::with("allow_simulated = true");
    let agent = started(&device).await;
    let file = device.folder.path().join("trace.jsonl").display().to_string();
    let done = platen(&agent.socket, &["record", &file, "--for", "1s"]).await;
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let written = std::fs::read_to_string(&file).unwrap();
    let trace = trace::read(&mut written.as_bytes()).unwrap();
    assert_eq!(trace.board, std::fs::read_to_string(&device.config.board).unwrap());
    assert!(!trace.entries.is_empty());
    let (said, lines) = (text(&done.stdout), trace.entries.len() + 1);
    assert!(said.starts_with(&format!("{lines} entries")) && said.contains("none was lost"), "{said}");
    let again = platen(&agent.socket, &["record", &file, "--for", "1s"]).await;
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn the_simulator_is_played_with_the_commands_that_are_promised() {
    let device = Device::with("allow_simulated = true");
    let agent = started(&device).await;
    for act in [
        "set black 4",
        "print 10",
        "open cover",
        "close cover",
        "press service",
        "press order",
        "fault black corrupt",
        "fault black none",
    ] {
        let words: Vec<_> = ["sim"].into_iter().chain(act.split(' ')).collect();
        let done = platen(&agent.socket, &words).await;
        assert_eq!(done.status.code(), Some(0), "{act}: {done:?}");
    }
    // The presses are judged by now, for the board was read after them.
    assert_eq!(platen(&agent.socket, &["report"]).await.status.code(), Some(0));
    let status = platen(&agent.socket, &["status", "--json"]).await;
    let status: StatusReport = serde_json::from_slice(&status.stdout).unwrap();
    assert!(!status.settings.is_empty());
    let shown = text(&platen(&agent.socket, &["status"]).await.stdout);
    for title in ["SIMULATED", "SUPPLIES", "SWITCHES", "SETTINGS", "REQUESTS", "[TN-210K]"] {
        assert!(shown.contains(title), "{title}: {shown}");
    }
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn an_order_without_a_manager_is_kept_and_says_so() {
    let device = Device::with("allow_simulated = true");
    let agent = started(&device).await;
    let order = ["order", "black", "--quantity", "2", "--note", "by Friday"];
    let done = platen(&agent.socket, &order).await;
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(text(&done.stdout).contains("The order is kept and will be sent"), "{done:?}");
    let shown = text(&platen(&agent.socket, &["status"]).await.stdout);
    assert!(shown.contains("2 x black [TN-210K] (\"by Friday\"): stored, waiting"), "{shown}");
    let refused = platen(&agent.socket, &["order", "blak"]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(text(&refused.stderr).contains("black, cyan"), "{refused:?}");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn an_order_that_is_made_already_says_when_and_how_and_has_an_exit_code_of_its_own() {
    let device = Device::with("allow_simulated = true");
    let agent = started(&device).await;
    let order = |more: &[&'static str]| [&["order", "black"], more].concat();
    assert_eq!(platen(&agent.socket, &order(&["--note", "by Friday"])).await.status.code(), Some(0));
    let refused = platen(&agent.socket, &order(&[])).await;
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
    let told = text(&refused.stderr);
    for words in ["black is already ordered: 1 x black", "by Friday", "by command", "waiting", "--again"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(platen(&agent.socket, &order(&["--again"])).await.status.code(), Some(0));
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_repeats_an_open_one_is_counted_and_an_empty_message_is_none() {
    let device = Device::with("allow_simulated = true");
    let agent = started(&device).await;
    assert_eq!(platen(&agent.socket, &["call-service", ""]).await.status.code(), Some(0));
    let again = platen(&agent.socket, &["call-service", "", " "]).await;
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert!(text(&again.stdout).contains("Service was already called on"), "{again:?}");
    let status = platen(&agent.socket, &["status", "--json"]).await;
    let status: StatusReport = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((status.asked.len(), status.asked[0].presses), (1, 2));
    let shown = text(&platen(&agent.socket, &["status"]).await.stdout);
    assert!(shown.contains("service, 2 times, last"), "{shown}");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn what_runs_is_shown_for_people_and_for_programs_and_a_check_says_where_to_look() {
    let device = Device::with("allow_simulated = true");
    let agent = started(&device).await;
    let shown = platen(&agent.socket, &["programs"]).await;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let shown = text(&shown.stdout);
    assert!(shown.starts_with("trust     none") && shown.contains("platen-agent"), "{shown}");
    let listed = platen(&agent.socket, &["programs", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["running"][0]["kind"], "agent-package");
    let checked = platen(&agent.socket, &["programs", "check"]).await;
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert!(text(&checked.stdout).contains("`platen programs`"), "{checked:?}");
    agent.stop().await.unwrap();
}
