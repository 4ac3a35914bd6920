//! python-tuf, the reference implementation, and we take and refuse the same: what it signs here, and what we sign there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests end the test, with its words"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use platen_trust::sign::{Draft, KeySet, Roles, SigningKey, online, programs, roles};
use platen_trust::{Content, Distrust, Document, KnownTime, PrivateKey as _, Program, Trusted};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// What it printed.
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{complained}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a script with python-tuf, which is installed the first time.
fn python(script: &str, folder: &Path) -> String {
    let tools = succeeds(&mut Command::new(here().join("install.sh")));
    succeeds(Command::new(Path::new(tools.trim()).join("bin/python")).arg(here().join(script)).arg(folder))
}

fn first_of_june() -> KnownTime {
    KnownTime::synchronised("2026-06-01T00:00:00Z".parse().unwrap())
}

fn outcome(case: &Path) -> Result<Trusted, Distrust> {
    let read = |name| fs::read(case.join(name)).unwrap();
    let mut device = Trusted::start(&read("root.json"))?;
    if case.join("before.json").exists() {
        device = device.bring_up(&Document::parse(&read("before.json"))?, first_of_june()).unwrap();
    }
    let taken = device.bring_up(&Document::parse(&read("document.json"))?, first_of_june())?;
    for path in taken.paths(first_of_june())? {
        taken.program(path, first_of_june())?.verify_file(&mut &b"the program"[..]).unwrap();
    }
    Ok(taken)
}

#[test]
fn what_python_tuf_signs_is_taken_and_refused_as_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    python("make.py", folder.path());
    let mut cases: Vec<_> = folder.path().read_dir().unwrap().map(|case| case.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 25, "{cases:?}");
    let mut wrong = Vec::new();
    for case in cases {
        let expected = fs::read_to_string(case.join("expect")).unwrap();
        let found = match outcome(&case) {
            Ok(_) => "taken".to_owned(),
            Err(refused) => format!("{refused:?}: {refused}"),
        };
        if !found.starts_with(&expected) {
            wrong.push(format!("{}: {expected}, and not {found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn set(keys: &[SigningKey], threshold: u32) -> KeySet {
    KeySet { keys: keys.iter().map(|key| key.public().clone()).collect(), threshold }
}

fn signed(mut draft: Draft, keys: &[&SigningKey]) -> Vec<u8> {
    for key in keys {
        draft.sign(*key).unwrap();
    }
    draft.to_bytes().unwrap()
}

#[test]
fn what_we_sign_is_taken_by_python_tuf() {
    // It takes the time of this machine, so this is good for long.
    let until: Timestamp = "2200-01-01T00:00:00Z".parse().unwrap();
    let [old, new] = [0, 1].map(|_| [0, 1, 2].map(|_| SigningKey::generate().unwrap()));
    let [targets, snapshot, timestamp] = [0, 1, 2].map(|_| SigningKey::generate().unwrap());
    let roles = |root: &[SigningKey]| Roles {
        root: set(root, 2),
        targets: set(std::slice::from_ref(&targets), 1),
        snapshot: set(std::slice::from_ref(&snapshot), 1),
        timestamp: set(std::slice::from_ref(&timestamp), 1),
    };
    let first = roles::first_root(&roles(&old), until).unwrap();
    let next = roles::next_root(&first, &roles(&new), until).unwrap();
    let program = Program {
        kind: "agent-package".into(),
        name: "platen-agent".into(),
        version: "1.2.0~rc1".into(),
        hardware: vec!["Bürodrucker „7“".into(), r#"a "quoted" \ name"#.into()],
        content: Content::of(&mut &b"the program"[..]).unwrap(),
        free: 1,
        confirm_within: Duration::from_secs(60),
        replaces: None,
    };
    let drafted = programs::change(None, &[program], &[], until).unwrap();
    let targets_file = signed(drafted, &[&targets]);
    let snapshot_file = online::snapshot(None, &targets_file, until, &[&snapshot]).unwrap();
    let timestamp_file = online::timestamp(None, &snapshot_file, until, &[&timestamp]).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("root.1.json", &signed(first, &[&old[0], &old[1]]));
    write("root.2.json", &signed(next, &[&old[1], &old[2], &new[0], &new[2]]));
    write("targets.json", &targets_file);
    write("snapshot.json", &snapshot_file);
    write("timestamp.json", &timestamp_file);
    let printed = python("verify.py", folder.path());
    assert_eq!(
        printed.trim(),
        "platen-agent/1.2.0~rc1 11 50fda23bf0a5115d4f893dc10d122c10a4705f47688f5620e80611c092d4053e agent-package"
    );
}
