//! The program, as an administrator runs it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers stand outside #[test], and a test may panic"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use platen_protocol::enroll::Token;

struct Site {
    directory: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { directory: tempfile::tempdir().unwrap() };
        site.write(&format!(
            "device_listen = \"127.0.0.1:0\"\noperator_listen = \"127.0.0.1:0\"\nstate_directory = \"{}\"\nnames = [\"localhost\"]\n",
            site.directory.path().join("state").display()
        ));
        site
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("manager.toml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platen-manager"));
        command.arg("--config").arg(self.file()).args(arguments).env_remove("JOURNAL_STREAM");
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn a_wrong_configuration_is_refused_with_file_line_and_remedy() {
    let site = Site::new();
    site.write("device_listen = \"127.0.0.1:0\"\nlisten = 1\n");
    let output = site.run(&["serve"], "");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("manager.toml:2: ") && said.contains("listen"), "{said}");
}

#[test]
fn a_token_is_printed_alone_and_is_one_that_devices_understand() {
    let site = Site::new();
    let output = site.run(&["token", "create", "--device", "lobby", "--valid", "90m"], "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).parse::<Token>().unwrap();
    assert!(text(&output.stderr).contains("lobby"));
    for wrong in [&["token", "create", "--valid", "0s"][..], &["token", "create", "--device", "../x"]] {
        assert!(!site.run(wrong, "").status.success(), "{wrong:?}");
    }
}

#[test]
fn an_operator_gets_a_password_and_a_token() {
    let site = Site::new();
    assert!(text(&site.run(&["operator", "token", "anna"], "").stderr).contains("no operator"));
    let short = site.run(&["operator", "add", "anna", "--password-stdin"], "short\n");
    assert!(text(&short.stderr).contains("too short"));
    let made = site.run(&["operator", "add", "anna"], "");
    assert!(made.status.success() && text(&made.stdout).len() >= 20);
    let given = site.run(&["operator", "add", "anna", "--password-stdin"], "long enough for all\n");
    assert!(given.status.success() && text(&given.stdout).is_empty());
    let token = site.run(&["operator", "token", "anna"], "");
    assert_eq!(text(&token.stdout).len(), 64);
    let list = site.run(&["device", "list", "--json"], "");
    assert_eq!(text(&list.stdout), "[]");
}

#[test]
fn it_serves_until_it_is_told_to_stop_and_then_ends_well() {
    let site = Site::new();
    let mut child = site.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let listening = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("listening")));
    assert!(listening.is_some());
    let told = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(told.success());
    assert!(child.wait().unwrap().success());
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("stopped"))));
}

#[test]
fn it_goes_on_accepting_after_its_file_descriptors_ran_out() {
    let site = Site::new();
    let state = site.directory.path().join("state");
    // 64 descriptors: a few dozen connections, whatever the configuration says.
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --config \"$1\" serve"])
        .arg(env!("CARGO_BIN_EXE_platen-manager"))
        .arg(site.file())
        .env_remove("JOURNAL_STREAM")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut find = |what: &str| lines.find_map(|line| line.ok().filter(|line| line.contains(what)));
    assert!(find("raise LimitNOFILE").is_some(), "it says that there is room for fewer connections");
    let listening = find("listening").unwrap();
    let port = |listener: &str| -> u16 {
        let after = listing(&listening, &format!("{listener}=Some(127.0.0.1:"));
        after.split_once(')').unwrap().0.parse().unwrap()
    };
    let (devices, operators) = (port("devices"), port("operators"));
    // Operators have no limit below the descriptors, so theirs run out.
    let held: Vec<_> =
        (0..70).map(|_| std::net::TcpStream::connect(("127.0.0.1", operators)).unwrap()).collect();
    assert!(find("connections cannot be accepted").is_some());
    drop(held);
    assert!(find("connections can be accepted again").is_some());
    let ca = std::fs::read(state.join("ca.pem")).unwrap();
    assert!(!ca.is_empty());
    // A TLS alert, or whatever it says to nonsense: it is there.
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", devices)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    assert!(std::io::Read::read_to_end(&mut stream, &mut answer).is_ok() && !answer.is_empty());
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

fn listing<'a>(line: &'a str, before: &str) -> &'a str {
    line.split_once(before).unwrap().1
}
