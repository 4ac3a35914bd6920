//! `platen-manager program`, as a maker and an administrator run it: keys and signatures offline, then published.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use platen_tests::rigs::process::{self, program};

use crate::program_rig::{Site, text};

/// A maker's folder, away from any manager.
pub(super) struct Desk(tempfile::TempDir);

impl Desk {
    pub(super) fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::write(desk.file("passphrase"), "a passphrase of a maker\n").unwrap();
        desk
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// In the folder, and without a configuration.
    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("platen-manager"));
        command.arg("program").args(arguments).current_dir(self.0.path());
        // Where tokens of SoftHSM are, for those tests that have any.
        command.env("SOFTHSM2_CONF", self.file("softhsm2.conf"));
        process::run(command.env_remove("JOURNAL_STREAM"), "")
    }

    pub(super) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    pub(super) fn refuse(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = text(&output.stderr);
        assert!(!output.status.success() && !said.contains("panicked"), "{arguments:?}: {said}");
        said
    }

    pub(super) fn key(&self, name: &str) {
        self.succeed(&["key", name, "--passphrase-file", "passphrase"]);
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }
}

pub(super) fn at(site: &Site, arguments: &[&str]) -> (bool, String) {
    let arguments = [&["program"], arguments].concat();
    let output = site.run(&arguments, "");
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    (output.status.success(), said)
}

fn mode(path: &Path) -> u32 {
    platen_tests::rigs::manager::task::mode(path)
}

#[test]
fn a_maker_signs_a_first_program_and_revokes_it() {
    let (desk, site) = (Desk::new(), Site::new());
    for name in ["root.key", "targets.key"] {
        desk.key(name);
        assert_eq!(mode(&desk.file(name)), 0o600);
        assert!(std::fs::read_to_string(desk.file(name)).unwrap().contains("ENCRYPTED PRIVATE KEY"));
    }
    let (success, said) = at(&site, &["key", "--online", &desk.path("online.pub")]);
    assert!(success, "{said}");
    assert_eq!(mode(&site.state().join("programs/online.key")), 0o600);
    let said = desk.succeed(&[
        "root",
        "root.json",
        "--root-key",
        "root.key.pub",
        "--targets-key",
        "targets.key.pub",
        "--online-key",
        "online.pub",
        "--key",
        "root.key",
        "--passphrase-file",
        "passphrase",
    ]);
    assert!(said.contains("as many keys as it needs"), "{said}");
    std::fs::write(desk.file("engine.bin"), b"an engine's firmware").unwrap();
    let said = desk.succeed(&[
        "sign",
        "targets-1.json",
        "--first",
        "--add",
        "engine.bin",
        "--name",
        "engine-firmware",
        "--version",
        "2.0",
        "--kind",
        "engine-firmware",
        "--hardware",
        "MFP 450",
        "--key",
        "targets.key",
        "--passphrase-file",
        "passphrase",
    ]);
    assert!(said.contains("program engine-firmware/2.0: 20 bytes"), "{said}");
    let (success, said) =
        at(&site, &["publish", "--root", &desk.path("root.json"), "--targets", &desk.path("targets-1.json")]);
    assert!(!success && said.contains("the file of engine-firmware/2.0 is missing"), "{said}");
    let (success, said) = at(
        &site,
        &[
            "publish",
            "--root",
            &desk.path("root.json"),
            "--targets",
            &desk.path("targets-1.json"),
            "--file",
            &desk.path("engine.bin"),
        ],
    );
    assert!(success && said.contains("engine-firmware 2.0 is published"), "{said}");
    let (_, said) = at(&site, &["list"]);
    assert!(said.contains("engine-firmware") && said.contains("timestamp"), "{said}");
    let (_, said) = at(&site, &["list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(listed["programs"][0]["hardware"][0], "MFP 450");
    // Revoked by a targets file without it.
    let (success, said) =
        at(&site, &["revoke", "engine-firmware/2.0", "--targets", &desk.path("targets-1.json")]);
    assert!(!success && said.contains("still names engine-firmware/2.0"), "{said}");
    desk.succeed(&[
        "sign",
        "targets-2.json",
        "--after",
        "targets-1.json",
        "--remove",
        "engine-firmware/2.0",
        "--key",
        "targets.key",
        "--passphrase-file",
        "passphrase",
    ]);
    let (success, said) =
        at(&site, &["revoke", "engine-firmware/2.0", "--targets", &desk.path("targets-2.json")]);
    assert!(success && said.contains("engine-firmware 2.0 is revoked"), "{said}");
    let (success, said) =
        at(&site, &["revoke", "engine-firmware/2.0", "--targets", &desk.path("targets-2.json")]);
    assert!(!success && said.contains("revoked already"), "{said}");
    // An older file brings nothing back.
    let (success, said) = at(&site, &["publish", "--targets", &desk.path("targets-1.json")]);
    assert!(!success && said.contains("devices would refuse this"), "{said}");
}

#[test]
fn two_holders_sign_a_root_one_after_the_other() {
    let desk = Desk::new();
    for name in ["a", "b", "targets", "online"] {
        desk.key(name);
    }
    let said = desk.succeed(&[
        "root",
        "root.json",
        "--root-key",
        "a.pub",
        "--root-key",
        "b.pub",
        "--root-threshold",
        "2",
        "--targets-key",
        "targets.pub",
        "--online-key",
        "online.pub",
        "--key",
        "a",
        "--passphrase-file",
        "passphrase",
    ]);
    assert!(said.contains("needs more signatures"), "{said}");
    let said = desk.succeed(&["sign", "root.json", "--key", "b", "--passphrase-file", "passphrase"]);
    assert!(said.contains("root.json now: 2."), "{said}");
    let said = desk.succeed(&[
        "root",
        "root-2.json",
        "--after",
        "root.json",
        "--root-key",
        "a.pub",
        "--targets-key",
        "targets.pub",
        "--online-key",
        "online.pub",
        "--key",
        "a",
        "--key",
        "b",
        "--passphrase-file",
        "passphrase",
    ]);
    assert!(said.contains("root 2") && said.contains("as many keys as it needs"), "{said}");
}

#[test]
fn what_a_maker_does_wrong_is_named() {
    let desk = Desk::new();
    desk.key("root.key");
    assert!(desk.refuse(&["key", "root.key", "--passphrase-file", "passphrase"]).contains("exists"));
    std::fs::write(desk.file("short"), "short\n").unwrap();
    assert!(desk.refuse(&["key", "other", "--passphrase-file", "short"]).contains("at least 12"));
    assert!(!desk.file("other").exists());
    assert!(desk.refuse(&["key", "other"]).contains("--passphrase-file"), "nobody is at a terminal");
    std::fs::write(desk.file("wrong"), "another passphrase\n").unwrap();
    let root = [
        "root",
        "root.json",
        "--root-key",
        "root.key.pub",
        "--targets-key",
        "root.key.pub",
        "--online-key",
        "root.key.pub",
        "--key",
        "root.key",
        "--passphrase-file",
    ];
    assert!(desk.refuse(&[&root[..], &["passphrase"]].concat()).contains("which the manager holds"));
    desk.key("online");
    let root = [
        "root",
        "root.json",
        "--root-key",
        "root.key.pub",
        "--targets-key",
        "root.key.pub",
        "--online-key",
        "online.pub",
        "--key",
        "root.key",
        "--passphrase-file",
    ];
    assert!(desk.refuse(&[&root[..], &["wrong"]].concat()).contains("passphrase does not open"));
    assert!(!desk.file("root.json").exists());
    let said = desk.refuse(&[
        "sign",
        "t.json",
        "--remove",
        "a/1",
        "--key",
        "root.key",
        "--passphrase-file",
        "passphrase",
    ]);
    assert!(said.contains("--after"), "{said}");
    let gone = desk.refuse(&[
        "sign",
        "t.json",
        "--first",
        "--remove",
        "a/1",
        "--key",
        "root.key",
        "--passphrase-file",
        "passphrase",
    ]);
    assert!(gone.contains("it is not there"), "{gone}");
}
