//! The program, as an administrator runs it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};

use platen_protocol::enroll::Token;
use platen_tests::rigs::manager::process::{Manager, Stand};
use platen_tests::rigs::process::{self, program};

fn prepared() -> Manager {
    Manager::prepared(Stand::default(), "")
}

fn command(manager: &Manager, arguments: &[&str]) -> Command {
    let mut command = manager.command();
    command.args(arguments).env_remove("JOURNAL_STREAM");
    command
}

fn run(manager: &Manager, arguments: &[&str], input: &str) -> Output {
    process::run(&mut command(manager, arguments), input)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn a_wrong_configuration_is_refused_with_file_line_and_remedy() {
    let manager = prepared();
    std::fs::write(manager.config(), "device_listen = \"127.0.0.1:0\"\nlisten = 1\n").unwrap();
    let output = run(&manager, &["serve"], "");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("manager.toml:2: ") && said.contains("listen"), "{said}");
}

#[test]
fn a_token_is_printed_alone_and_is_one_that_devices_understand() {
    let manager = prepared();
    let output = run(&manager, &["token", "create", "--device", "lobby", "--valid", "90m"], "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).parse::<Token>().unwrap();
    assert!(text(&output.stderr).contains("lobby"));
    for wrong in [&["token", "create", "--valid", "0s"][..], &["token", "create", "--device", "../x"]] {
        assert!(!run(&manager, wrong, "").status.success(), "{wrong:?}");
    }
}

#[test]
fn an_operator_gets_a_password_and_a_token() {
    let manager = prepared();
    assert!(text(&run(&manager, &["operator", "token", "anna"], "").stderr).contains("no operator"));
    let short = run(&manager, &["operator", "add", "anna", "--password-stdin"], "short\n");
    assert!(text(&short.stderr).contains("too short"));
    let made = run(&manager, &["operator", "add", "anna"], "");
    assert!(made.status.success() && text(&made.stdout).len() >= 20);
    let given = run(&manager, &["operator", "add", "anna", "--password-stdin"], "long enough for all\n");
    assert!(given.status.success() && text(&given.stdout).is_empty());
    let token = run(&manager, &["operator", "token", "anna"], "");
    assert_eq!(text(&token.stdout).len(), 64);
    let list = run(&manager, &["device", "list", "--json"], "");
    assert_eq!(text(&list.stdout), "[]");
}

#[test]
fn operators_are_listed_changed_and_removed_and_one_administrator_stays() {
    let manager = prepared();
    for (arguments, said) in [
        (&["operator", "set", "ben", "--role", "viewer"][..], "operator list"),
        (&["operator", "reset", "ben"], "operator list"),
        (&["operator", "remove", "ben"], "operator list"),
        (&["operator", "add", "ben", "--role", "chief"], "technician"),
        (&["operator", "add", "ben", "--role", "viewer", "--customer", "Nord"], "no customer named"),
        (&["operator", "add", "ben", "--role", "viewer", "--site", "7"], "no site 7"),
    ] {
        let refused = run(&manager, arguments, "");
        assert!(
            !refused.status.success() && text(&refused.stderr).contains(said),
            "{arguments:?}: {refused:?}"
        );
    }
    assert!(run(&manager, &["operator", "add", "anna"], "").status.success());
    assert!(run(&manager, &["operator", "add", "ben", "--role", "viewer"], "").status.success());
    let listed = text(&run(&manager, &["operator", "list"], "").stdout);
    let roles: Vec<_> =
        listed.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(roles, [["anna", "administrator", "everything"], ["ben", "viewer", "everything"]]);
    let only_one = run(&manager, &["operator", "set", "anna", "--role", "viewer"], "");
    assert!(text(&only_one.stderr).contains("only administrator"), "{only_one:?}");
    let nothing = run(&manager, &["operator", "set", "ben"], "");
    assert!(text(&nothing.stderr).contains("nothing is to be set"));
    assert!(run(&manager, &["operator", "set", "ben", "--role", "administrator"], "").status.success());
    let made = run(&manager, &["operator", "reset", "ben"], "");
    assert!(made.status.success() && text(&made.stdout).len() >= 20);
    assert!(run(&manager, &["operator", "remove", "anna"], "").status.success());
    let list = run(&manager, &["operator", "list", "--json"], "");
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(
        (&list[0]["name"], &list[0]["role"], &list[1]),
        (&"ben".into(), &"administrator".into(), &serde_json::Value::Null)
    );
}

#[test]
fn it_serves_until_it_is_told_to_stop_and_then_ends_well() {
    let manager = prepared();
    let mut child = command(&manager, &["serve"]).stderr(Stdio::piped()).spawn().unwrap();
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
    let manager = prepared();
    let state = manager.state();
    // 64 descriptors: a few dozen connections, whatever the configuration says.
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --config \"$1\" serve"])
        .arg(program("platen-manager"))
        .arg(manager.config())
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

/// What no letter can be written to.
fn full() -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn a_secret_that_cannot_be_printed_is_an_error_that_says_what_was_made() {
    let site = crate::program_rig::Site::new();
    assert!(site.run(&["operator", "add", "anna"], "").status.success());
    for (arguments, said) in [
        (&["token", "create"][..], "the token was created but could not be shown"),
        (&["operator", "token", "anna"], "the token was created but could not be shown"),
        (&["operator", "add", "berta"], "the password was set but could not be shown"),
    ] {
        let output = site.command(arguments).stdin(Stdio::null()).stdout(full()).output().unwrap();
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains(said) && words.contains("No space left on device"), "{words}");
        assert_eq!(words.matches("No space left").count(), 1, "{words}");
        assert!(!words.contains("panicked"), "{words}");
    }
}

#[test]
fn nothing_is_lost_where_nobody_reads() {
    let site = crate::program_rig::Site::new();
    for arguments in [&["token", "create"][..], &["device", "revoke", "nobody"], &["device", "list"]] {
        let output = site.command(arguments).stdout(Stdio::piped()).stderr(full()).output().unwrap();
        assert_ne!(output.status.code(), Some(101), "{arguments:?} panicked");
    }
    // `device list | head -0`
    let mut child = site.command(&["device", "list"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
