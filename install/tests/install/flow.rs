//! Attempts from the spool to their end.

use std::os::unix::fs::PermissionsExt as _;

use platen_install::records::{Outcome, Step};
use platen_install::run::Ran;

use crate::machine::{KIND, Machine};
use crate::maker::{self, Maker};

#[test]
fn what_is_signed_installed_and_confirmed_is_kept() {
    let machine = Machine::new();
    machine.installer(&machine.confirming("7"));
    machine.offer_firmware("7");
    assert_eq!(machine.run(), Ran::Done);
    assert_eq!(machine.steps(), ["check 1", "install 1", "verify 1", "commit 1"]);
    let ended = machine.ended();
    assert_eq!((ended.outcome, ended.reason.as_str()), (Outcome::Kept, "the agent has confirmed it"));
    assert_eq!(ended.kind.as_deref(), Some(KIND));
    assert_eq!(machine.installed().programs["engine"].version, "2.0");
    assert!(machine.attempt().is_none());
    assert!(!machine.directories.spool.join("ready").exists());
    assert!(!machine.directories.staged().join("program").exists(), "no space is used any more");
}

#[test]
fn an_installer_is_told_what_the_contract_says() {
    let machine = Machine::new();
    let told = machine.folder.path().join("told");
    machine.installer(&format!("env >'{}'; cat \"$PLATEN_PROGRAM\" >>'{0}'; exit 10", told.display()));
    machine.offer_firmware("7");
    machine.run();
    let told = std::fs::read_to_string(told).unwrap();
    let state = machine.directories.state.display();
    for line in [
        "PLATEN_NAME=engine".to_owned(),
        "PLATEN_VERSION=2.0".to_owned(),
        "PLATEN_ATTEMPT=7".to_owned(),
        "PLATEN_RUN=1".to_owned(),
        "PLATEN_REPLACES=".to_owned(),
        format!("PLATEN_KEPT={state}/kept/engine-firmware"),
        format!("PLATEN_WORK={state}/work"),
        "LC_ALL=C.UTF-8".to_owned(),
        "firmware".to_owned(),
    ] {
        assert!(told.lines().any(|found| found == line), "{line} is not in {told}");
    }
    assert!(!told.contains("CARGO"), "nothing of the environment comes through: {told}");
}

#[test]
fn an_installer_that_refuses_changes_nothing_and_its_last_line_is_the_reason() {
    let machine = Machine::new();
    machine.installer("echo first >&2; echo 'the engine is too old' >&2; exit 10");
    machine.offer_firmware("7");
    assert_eq!(machine.run(), Ran::Done);
    assert_eq!(machine.steps(), ["check 1"]);
    let ended = machine.ended();
    assert_eq!(ended.outcome, Outcome::Refused);
    let reason = "the installer engine-firmware, at check, refused it: the engine is too old";
    assert_eq!(ended.reason, reason);
    assert!(ended.output.unwrap().contains("first"));
}

#[test]
fn what_fails_is_gone_back_from() {
    let machine = Machine::new();
    machine.installer("[ $1 != install ] || { echo 'the flash is worn' >&2; exit 4; }");
    machine.offer_firmware("7");
    machine.run();
    assert_eq!(machine.steps(), ["check 1", "install 1", "rollback 1"]);
    let ended = machine.ended();
    assert_eq!(ended.outcome, Outcome::RolledBack);
    assert_eq!(
        ended.reason,
        "the installer engine-firmware, at install, failed (exit code 4): the flash is worn"
    );
    assert!(machine.installed().programs.is_empty());
}

#[test]
fn an_installer_that_lies_about_its_success_is_found_out_by_verify() {
    let machine = Machine::new();
    machine.installer("[ $1 != verify ] || { echo 'the engine says 1.0' >&2; exit 1; }");
    machine.offer_firmware("7");
    machine.run();
    assert_eq!(machine.steps(), ["check 1", "install 1", "verify 1", "rollback 1"]);
    assert_eq!(machine.ended().outcome, Outcome::RolledBack);
}

#[test]
fn what_can_be_done_later_is_tried_again_and_not_for_ever() {
    let machine = Machine::new();
    let soon = machine.confirming("7");
    machine.installer(&format!("{soon}\n[ $1 != check ] || [ $PLATEN_RUN = 3 ] || exit 11"));
    machine.offer_firmware("7");
    machine.run();
    assert_eq!(machine.steps()[..4], ["check 1", "check 2", "check 3", "install 1"]);
    assert_eq!(machine.ended().outcome, Outcome::Kept);

    let machine = Machine::new();
    machine.installer("exit 11");
    machine.offer_firmware("7");
    machine.run();
    assert_eq!(machine.steps().len(), 30);
    assert_eq!(machine.ended().outcome, Outcome::Refused);
}

#[test]
fn going_back_that_does_not_work_is_tried_three_times_and_says_so() {
    let machine = Machine::new();
    machine.installer("case $1 in install|rollback) echo \"no $1\" >&2; exit 1;; esac");
    machine.offer_firmware("7");
    assert_eq!(machine.run(), Ran::Failed);
    assert_eq!(machine.steps(), ["check 1", "install 1", "rollback 1", "rollback 2", "rollback 3"]);
    let ended = machine.ended();
    assert_eq!(ended.outcome, Outcome::Failed);
    assert!(ended.reason.contains("no install; going back did not work either: "), "{}", ended.reason);
    assert!(ended.reason.ends_with("no rollback"), "{}", ended.reason);
}

#[test]
fn without_a_confirmation_it_goes_back() {
    let machine = Machine::new();
    machine.installer("");
    machine.offer_firmware("7");
    machine.stop.now();
    assert_eq!(machine.run(), Ran::UnderWay);
    // It was told to end after each step; the next starts go on, until it waits.
    for _ in 0..4 {
        assert_eq!(machine.run(), Ran::UnderWay);
    }
    let mut attempt = machine.attempt().unwrap();
    assert_eq!(attempt.position.step, Step::Confirming);
    // The time is over, and it was not confirmed.
    attempt.waiting.as_mut().unwrap().before_ms = 600_000;
    let path = machine.directories.record("attempt.json");
    std::fs::write(path, serde_json::to_vec(&attempt).unwrap()).unwrap();
    let machine = Machine { stop: platen_install::stop::Stop::default(), ..machine };
    assert_eq!(machine.run(), Ran::Done);
    let ended = machine.ended();
    assert_eq!(ended.outcome, Outcome::RolledBack);
    assert_eq!(ended.reason, "not confirmed within 600 s: the agent has said nothing");
    assert_eq!(machine.steps().last().unwrap(), "rollback 1");
}

#[test]
fn a_confirmation_of_an_earlier_attempt_confirms_nothing() {
    let machine = Machine::new();
    machine.installer(&machine.confirming("6"));
    std::fs::write(machine.directories.spool.join("confirmed.json"), "{}").unwrap();
    machine.offer_firmware("7");
    machine.stop.now();
    for _ in 0..5 {
        assert_eq!(machine.run(), Ran::UnderWay);
    }
    assert_eq!(machine.attempt().unwrap().position.step, Step::Confirming);
}

#[test]
fn what_nobody_signed_is_refused_and_never_run() {
    let machine = Machine::new();
    machine.installer("");
    let program = maker::program(KIND, "engine", "2.0", b"firmware");
    // By another maker.
    machine.offer_as("1", &program, b"firmware", &Maker::new().document(&program));
    machine.run();
    // Other bytes of the same length.
    machine.offer("2", &program, b"FIRMWARE");
    machine.run();
    // Cut off.
    machine.offer("3", &program, b"firm");
    machine.run();
    // No metadata at all.
    machine.offer_as("4", &program, b"firmware", b"{}");
    machine.run();
    // For other hardware.
    let mut other = maker::program(KIND, "engine", "2.0", b"firmware");
    other.hardware = vec!["Aria 9".to_owned()];
    let other_machine = Machine::new();
    other_machine.installer("");
    other_machine.offer("5", &other, b"firmware");
    other_machine.run();
    assert!(other_machine.ended().reason.contains("Aria 9"), "{:?}", other_machine.ended());
    assert!(machine.steps().is_empty() && other_machine.steps().is_empty());
    let history = machine.history();
    assert_eq!(history.len(), 4);
    assert!(history.iter().all(|ended| ended.outcome == Outcome::Refused), "{history:?}");
    assert!(history[1].reason.contains("another one"), "{}", history[1].reason);
    assert!(history[2].reason.contains("4 bytes and 8 were signed"), "{}", history[2].reason);
}

#[test]
fn without_a_root_nothing_is_installed_and_the_reason_says_what_to_do() {
    let machine = Machine::new();
    machine.installer("");
    std::fs::remove_file(&machine.directories.root).unwrap();
    machine.offer_firmware("7");
    machine.run();
    assert!(machine.ended().reason.contains("platen-install trust FILE"), "{}", machine.ended().reason);
}

#[test]
fn what_is_spoilt_after_it_was_verified_is_not_installed() {
    let machine = Machine::new();
    machine.installer("[ $1 != check ] || echo spoilt >\"$PLATEN_PROGRAM\"");
    machine.offer_firmware("7");
    machine.run();
    assert_eq!(machine.steps(), ["check 1", "rollback 1"]);
    assert_eq!(machine.ended().reason, "the staged program is not what was verified");
}

#[test]
fn an_installer_that_is_missing_or_anybodys_is_not_run() {
    let machine = Machine::new();
    machine.offer_firmware("1");
    machine.run();
    assert!(machine.ended().reason.contains("no installer"), "{}", machine.ended().reason);
    let path = machine.directories.installers.join(KIND);
    for (attempt, mode, words) in [("2", 0o777, "by others"), ("3", 0o644, "cannot be run")] {
        machine.installer("");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        machine.offer_firmware(attempt);
        machine.run();
        let ended = machine.history().pop().unwrap();
        assert_eq!(ended.outcome, Outcome::Refused);
        assert!(ended.reason.contains(words), "{}", ended.reason);
    }
    assert!(machine.steps().is_empty());
}

#[test]
fn an_attempt_that_ended_is_not_begun_again_and_nonsense_in_the_spool_does_not_stay() {
    let machine = Machine::new();
    machine.installer("exit 10");
    machine.offer_firmware("7");
    machine.run();
    machine.offer_firmware("7");
    machine.run();
    assert_eq!(machine.steps(), ["check 1"]);
    let ready = machine.directories.spool.join("ready");
    for request in ["", "{}", r#"{"attempt":"../x","name":"a","version":"1"}"#] {
        std::fs::create_dir_all(ready.join("deep/deeper")).unwrap();
        std::fs::write(ready.join("request.json"), request).unwrap();
        machine.run();
        assert!(!ready.exists(), "{request}");
    }
    let last = machine.history().pop().unwrap();
    assert_eq!(last.attempt, "unknown");
    assert!(last.reason.contains("../x"), "{}", last.reason);
}

#[test]
fn status_tells_what_happened() {
    let machine = Machine::new();
    machine.installer(&machine.confirming("7"));
    machine.offer_firmware("7");
    machine.run();
    let status = |more: &[&str]| {
        let root = machine.folder.path();
        let output = std::process::Command::new(crate::machine::OWN)
            .arg("--root")
            .arg(root)
            .arg("status")
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let words = status(&[]);
    assert!(words.contains("Trusts root 1 ("), "{words}");
    assert!(words.contains("Nothing is under way\nInstalled: engine 2.0 (engine-firmware)"), "{words}");
    assert!(words.contains("engine 2.0: kept: the agent has confirmed it"), "{words}");
    let json: serde_json::Value = serde_json::from_str(&status(&["--json"])).unwrap();
    assert_eq!(json["history"]["attempts"][0]["outcome"], "kept");
    assert_eq!(json["installed"]["programs"]["engine"]["attempt"], "7");
}

#[test]
fn a_root_is_planted_only_by_its_fingerprint_and_not_over_another() {
    let machine = Machine::new();
    let other = Maker::new();
    let file = machine.folder.path().join("root.json");
    std::fs::write(&file, &other.root).unwrap();
    let trust = |more: &[&str]| {
        let output = std::process::Command::new(crate::machine::OWN)
            .arg("--root")
            .arg(machine.folder.path())
            .arg("trust")
            .arg(&file)
            .args(more)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (done, words) = trust(&[]);
    assert!(!done && words.contains("SHA-256 of the file: ") && words.contains("--fingerprint"), "{words}");
    assert!(words.contains("root: 1 of 1 keys have to sign"), "{words}");
    let fingerprint = platen_trust::Trusted::start(&other.root).unwrap().fingerprint();
    assert!(!trust(&["--fingerprint", "00"]).0);
    let (done, words) = trust(&["--fingerprint", &fingerprint]);
    assert!(!done && words.contains("another root is trusted already"), "{words}");
    assert_eq!(std::fs::read(&machine.directories.root).unwrap(), machine.maker.root);
    let (done, words) = trust(&["--fingerprint", &fingerprint, "--replace"]);
    assert!(done, "{words}");
    assert_eq!(std::fs::read(&machine.directories.root).unwrap(), other.root);
}

#[test]
fn what_is_trusted_and_what_happened_is_for_everybody_to_read_and_nothing_else_is() {
    let machine = Machine::new();
    machine.installer(&machine.confirming("7"));
    machine.offer_firmware("7");
    let mut command = std::process::Command::new("sh");
    let run =
        format!("umask 077; exec '{}' --root '{}' run", crate::machine::OWN, machine.folder.path().display());
    assert!(command.args(["-c", &run]).status().unwrap().success());
    assert_eq!(machine.ended().outcome, Outcome::Kept);
    let mode = |name: &str| {
        let about = std::fs::metadata(machine.directories.state.join(name)).unwrap();
        about.permissions().mode() & 0o777
    };
    for (name, expected) in [
        (".", 0o755),
        ("trust", 0o755),
        ("trust/trusted.json", 0o644),
        ("history.json", 0o644),
        ("installed.json", 0o644),
        ("kept", 0o700),
        ("staged", 0o700),
        ("work", 0o700),
    ] {
        assert_eq!(mode(name), expected, "{name}");
    }
    // Planting another root leaves it so.
    let (other, file) = (Maker::new(), machine.folder.path().join("root.json"));
    std::fs::write(&file, &other.root).unwrap();
    let fingerprint = platen_trust::Trusted::start(&other.root).unwrap().fingerprint();
    let mut trust = std::process::Command::new(crate::machine::OWN);
    trust.arg("--root").arg(machine.folder.path()).arg("trust").arg(&file);
    assert!(trust.args(["--fingerprint", &fingerprint, "--replace"]).status().unwrap().success());
    assert_eq!(mode("trust"), 0o755);
    assert!(
        !machine.directories.trust().join("trusted.json").exists(),
        "what was learnt of the other is forgotten"
    );
}

#[test]
fn what_was_learnt_is_never_forgotten_by_damage_alone() {
    let machine = Machine::new();
    machine.installer(&machine.confirming("1"));
    let bytes = b"firmware";
    let program = maker::program(KIND, "engine", "2.0", bytes);
    let old = machine.maker.document(&program);
    machine.offer("1", &program, bytes);
    machine.run();
    let (file, copy) = ("trusted.json", "trusted.copy.json");
    let damage = |name: &str| std::fs::write(machine.directories.trust().join(name), "{").unwrap();
    // One of two is damaged: what was there before still counts.
    damage(file);
    machine.offer_as("2", &program, bytes, &old);
    machine.run();
    let reason = machine.history().pop().unwrap().reason;
    assert!(reason.contains("older metadata is not taken"), "{reason}");
    // Both are: nobody can say what was there before, so nothing is taken until a person has decided.
    damage(file);
    damage(copy);
    machine.offer_as("3", &program, bytes, &old);
    machine.run();
    let reason = machine.history().pop().unwrap().reason;
    assert!(reason.contains("`platen-install trust ") && reason.contains("damaged"), "{reason}");
    let own = |more: &[&str]| {
        let mut command = std::process::Command::new(crate::machine::OWN);
        command.arg("--root").arg(machine.folder.path()).args(more);
        command.output().unwrap()
    };
    let status = String::from_utf8(own(&["status"]).stdout).unwrap();
    assert!(status.contains("Nothing is installed: ") && status.contains("engine 2.0: kept"), "{status}");
    let root = machine.directories.root.to_str().unwrap();
    let fingerprint = platen_trust::Trusted::start(&machine.maker.root).unwrap().fingerprint();
    let planted = own(&["trust", root, "--fingerprint", &fingerprint]);
    assert!(planted.status.success(), "{planted:?}");
    machine.installer(&machine.confirming("4"));
    machine.offer("4", &program, bytes);
    machine.run();
    assert_eq!(machine.history().pop().unwrap().outcome, Outcome::Kept);
}

#[test]
fn a_clock_that_is_behind_the_day_on_which_this_was_built_is_not_believed() {
    use platen_install::verify::{Verifier as _, by_trust};

    let machine = Machine::new();
    platen_install::run::prepare(&machine.directories).unwrap();
    let program = maker::program(KIND, "engine", "2.0", b"firmware");
    let metadata = machine.maker.document(&program);
    // What is signed here is good until the end of 2099. Nothing vouches for this machine's clock, or it is earlier.
    let mut built_later = by_trust(&machine.directories).not_before("2100-06-01T00:00:00Z".parse().unwrap());
    let refused = built_later.describe(&metadata, "engine", "2.0").unwrap_err();
    assert!(refused.to_string().contains("has expired"), "{refused}");
    let mut built_before = by_trust(&machine.directories).not_before("2026-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(built_before.describe(&metadata, "engine", "2.0").unwrap().version, "2.0");
}
