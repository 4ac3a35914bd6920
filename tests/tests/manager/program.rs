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
fn tokens_and_sessions_are_listed_and_taken_back_at_the_command_line() {
    let manager = prepared();
    assert!(run(&manager, &["operator", "add", "anna"], "").status.success());
    assert!(run(&manager, &["token", "create", "--device", "lobby"], "").status.success());
    let made = ["operator", "token", "anna", "--label", "Grafana", "--role", "viewer", "--days", "30"];
    let secret = text(&run(&manager, &made, "").stdout);
    let listed = run(&manager, &["token", "list", "--json"], "");
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["enrolment"][0]["device"], "lobby");
    let api = &listed["api"][0];
    assert_eq!(
        (&api["name"], &api["role"], &api["operator"]),
        (&"Grafana".into(), &"viewer".into(), &"anna".into())
    );
    assert!(api["expires"].is_string() && api["used"].is_null(), "{api}");
    let words = text(&run(&manager, &["token", "list"], "").stdout);
    assert!(words.contains("Grafana") && words.contains("lobby") && !words.contains(&secret), "{words}");
    for token in [&listed["enrolment"][0], api] {
        let id = token["id"].as_str().unwrap();
        assert!(run(&manager, &["token", "revoke", id], "").status.success());
        let again = run(&manager, &["token", "revoke", id], "");
        assert!(text(&again.stderr).contains("token list"), "{again:?}");
    }
    let none = run(&manager, &["session", "list", "anna", "--json"], "");
    assert_eq!(text(&none.stdout), "[]");
    assert!(text(&run(&manager, &["session", "list", "ben"], "").stderr).contains("operator list"));
    assert!(
        text(&run(&manager, &["session", "end", "0123456789abcdef"], "").stderr).contains("session list")
    );
    let all = run(&manager, &["session", "end", "--all-of", "anna"], "");
    assert!(all.status.success() && text(&all.stderr).contains("0 sessions of anna"), "{all:?}");
    let chief = run(&manager, &["operator", "token", "anna", "--role", "chief"], "");
    assert!(text(&chief.stderr).contains("technician"), "{chief:?}");
}

#[test]
fn what_is_done_at_the_command_line_stands_in_the_audit_log_and_a_hole_in_it_shows() {
    let manager = prepared();
    let check = |arguments: &[&str]| run(&manager, &[&["audit", "check"], arguments].concat(), "");
    assert!(check(&[]).status.success(), "an empty one is whole");
    for name in ["anna", "ben", "carl"] {
        assert!(run(&manager, &["operator", "add", name], "").status.success());
    }
    let whole = check(&[]);
    assert!(whole.status.success() && text(&whole.stderr).contains("3 entries"), "{whole:?}");
    let last = text(&whole.stdout);
    let number = last.split_once(':').unwrap().0;
    assert!(check(&["--expect", &last]).status.success());
    let other = check(&["--expect", &format!("{number}:{}", "0".repeat(64))]);
    assert!(text(&other.stderr).contains("another hash"), "{other:?}");
    assert!(text(&check(&["--expect", "7"]).stderr).contains("64 digits"));
    let later = check(&["--expect", &format!("99:{}", "0".repeat(64))]);
    assert!(text(&later.stderr).contains("entry 99 is not there"), "{later:?}");
    let change = |statement: &str| {
        let stored = rusqlite::Connection::open(platen_manager::database_path(&manager.state())).unwrap();
        assert_eq!(stored.execute(statement, []).unwrap(), 1, "{statement}");
    };
    let stored = rusqlite::Connection::open(platen_manager::database_path(&manager.state())).unwrap();
    let entry: (String, String, String) = stored
        .query_row("SELECT operator, credential, act FROM audit WHERE number = 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    drop(stored);
    assert!(entry.0.ends_with("(command line)"), "{entry:?}");
    assert_eq!((entry.1.as_str(), entry.2.as_str()), ("command line", "platen-manager operator add"));
    change("UPDATE audit SET operator = 'olga' WHERE number = 2");
    let changed = check(&[]);
    assert!(
        !changed.status.success() && text(&changed.stderr).contains("entry 2 does not follow"),
        "{changed:?}"
    );
    change("DELETE FROM audit WHERE number = 2");
    assert!(text(&check(&[]).stderr).contains("entries 2 to 2 are missing"));
    change("DELETE FROM audit WHERE number = 3");
    let cut = check(&[]);
    assert!(text(&cut.stderr).contains("3 is remembered as the last"), "{cut:?}");
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

/// What a bundle holds, as text. Its files are small, and tar keeps them as they are.
fn bundle(file: &std::path::Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()
}

#[test]
fn a_support_bundle_has_what_helps_and_none_of_the_secrets_that_were_planted() {
    use std::os::unix::fs::PermissionsExt as _;
    let manager = prepared();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("mail-password"), "planted-one\n").unwrap();
    std::fs::set_permissions(at("mail-password"), std::fs::Permissions::from_mode(0o600)).unwrap();
    // A journal in which somebody logged more than is right.
    let log = "#!/bin/sh\necho 'mail: planted-one was refused'\necho 'Authorization: Bearer planted-two'\n\
        echo 'postgresql://platen:planted-three@db/platen'\necho 'the store is busy'\n";
    std::fs::write(at("journalctl"), log).unwrap();
    std::fs::set_permissions(at("journalctl"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mail = format!(
        "\n# planted-four\n[mail]\nserver = \"mail.example.org:587\"\nfrom = \"platen@example.org\"\nuser = \"platen\"\npassword_file = {:?}\n",
        at("mail-password")
    );
    let configuration = std::fs::read_to_string(manager.config()).unwrap() + &mail;
    std::fs::write(manager.config(), &configuration).unwrap();
    let token = text(&run(&manager, &["token", "create", "--device", "lobby"], "").stdout);
    let bundled = |name: &str| {
        let mut command = command(&manager, &["support-bundle", at(name).to_str().unwrap()]);
        process::run(command.env("PATH", &path), "")
    };
    let output = bundled("whole.tar");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("Read it before"), "{}", text(&output.stderr));
    let mode = std::fs::metadata(at("whole.tar")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let whole = bundle(&at("whole.tar"));
    for word in [
        "platen-support/log.txt",
        "the store is busy",
        "mail.example.org",
        "All is well.",
        "\"endings\"",
        "kernel ",
    ] {
        assert!(whole.contains(word), "{word} is missing: {whole}");
    }
    for secret in ["planted", "Bearer p", token.as_str(), "BEGIN"] {
        assert!(!whole.contains(secret), "{secret} is there: {whole}");
    }
    let again = bundled("whole.tar");
    assert!(
        !again.status.success() && text(&again.stderr).contains("not there yet"),
        "{}",
        text(&again.stderr)
    );

    // Where the manager does not start, it is wanted most.
    std::fs::write(manager.config(), configuration + "password = \"planted-five\"\n").unwrap();
    assert!(bundled("broken.tar").status.success());
    let broken = bundle(&at("broken.tar"));
    assert!(broken.contains("the configuration cannot be used") && !broken.contains("planted"), "{broken}");
}
