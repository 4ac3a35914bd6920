//! `make demo`, as a person starts it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use platen_tests::rigs::agent::process::tool;
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::process::{Running, run_ok, until};

/// How long a demo is there that nobody has ended: it outlives the test by no more, whatever becomes of both.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Two ports in a row that are free now. The demo's ports are fixed when it starts, so they cannot be 0.
fn two_free_ports() -> u16 {
    until("two ports in a row are free", || {
        let first = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        TcpListener::bind(("127.0.0.1", port.checked_add(1)?)).ok().map(|_| port)
    })
}

#[test]
fn the_demo_shows_three_printers_follows_one_and_ends_cleanly() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let port = two_free_ports();
    // Should this test be killed, `make` is told to end, and so is the demo (setpriv becomes `make`).
    let mut make = Command::new("setpriv");
    make.args(["--pdeathsig", "TERM", "make", "demo"])
        .current_dir(root)
        .env("PLATEN_DEMO_PORT", port.to_string());
    make.env("PLATEN_DEMO_SECONDS", LONGEST.as_secs().to_string());
    // As in a person's shell: what cargo tells a test of its own crate would have others built anew, by cargo's account of
    // what their build scripts read (ring's reads CARGO_MANIFEST_DIR).
    let of_this_crate =
        |name: &str| ["CARGO_MANIFEST", "CARGO_PKG_"].iter().any(|begin| name.starts_with(begin));
    for (name, _) in std::env::vars().filter(|(name, _)| of_this_crate(name)) {
        make.env_remove(name);
    }
    let mut demo = Running::start_group(&mut make, &folder.path().join("demo.log"));
    let at = |file: &str| root.join("demo").join(file);
    until("the demo is ready, or has ended", || (at("ready").exists() || !demo.is_running()).then_some(()));
    assert!(demo.is_running(), "{}", demo.log());
    let printed = until("it has said what to try", || Some(demo.log()).filter(|log| log.contains("Ctrl-C")));
    assert!(printed.contains(&format!("https://localhost:{port}/")), "{printed}");

    let ca = fs::read_to_string(at("ca.pem")).unwrap();
    let token = fs::read_to_string(at("operator.token")).unwrap();
    let operator = Operator::new(&ca, format!("https://localhost:{port}"), token.trim().to_owned());
    let devices = operator.json("/api/v1/devices");
    assert_eq!(devices["items"].as_array().unwrap().len(), 3, "{devices}");

    run_ok(tool(&at("lobby/control.sock")).args(["sim", "set", "black", "4"]), "");
    until("the API shows it", || {
        let lobby = operator.device("lobby");
        let black = lobby["supplies"].as_array()?.iter().find(|supply| supply["name"] == "black")?;
        (black["level"]["amount"] == 120).then_some(())
    });
    // `make` passes no signal on to its shell; a person's Ctrl-C reaches the whole group. The ids of the
    // programs that the demo started are in its file, and they must all be gone at the end.
    let children: Vec<String> = fs::read_to_string(at("pids")).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(children.len(), 4);
    let script = run_ok(Command::new("pgrep").args(["-P", &demo.id().to_string()]), "");
    run_ok(Command::new("kill").args(["-INT", script.trim()]), "");
    until("the demo has ended", || (!demo.is_running()).then_some(()));
    for child in children {
        assert!(!Path::new("/proc").join(&child).exists(), "{child} still runs: {}", demo.log());
    }
    assert!(!at("ready").exists());
}
