//! Keys of makers in tokens (PKCS#11), with Debian's `SoftHSM`, which is a token in files.

use std::path::Path;
use std::process::Command;

use crate::maker::{Desk, at};
use crate::program_rig::Site;

/// Where Debian puts it.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "1234";
const OFFICER_PIN: &str = "87654321";

/// A maker's folder with a token in it, which is called `Maker`, and its PIN in the file `pin`.
fn desk() -> Desk {
    assert!(Path::new(MODULE).exists(), "SoftHSM is missing (PLATEN_SKIP=tokens): apt-get install softhsm2");
    let desk = Desk::new();
    std::fs::create_dir(desk.file("tokens")).unwrap();
    let settings = format!("directories.tokendir = {}\n", desk.path("tokens"));
    std::fs::write(desk.file("softhsm2.conf"), settings).unwrap();
    std::fs::write(desk.file("pin"), format!("{PIN}\n")).unwrap();
    add_token(&desk, "Maker");
    desk
}

fn softhsm(desk: &Desk, arguments: &[&str]) {
    let mut command = Command::new("softhsm2-util");
    command.args(arguments).env("SOFTHSM2_CONF", desk.file("softhsm2.conf"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

fn add_token(desk: &Desk, label: &str) {
    let pins = ["--so-pin", OFFICER_PIN, "--pin", PIN];
    softhsm(desk, &[&["--init-token", "--free", "--label", label], &pins[..]].concat());
}

const REACHED: [&str; 4] = ["--pkcs11-module", MODULE, "--pin-file", "pin"];
const ROOT: &str = "pkcs11:token=Maker;object=root";
const TARGETS: &str = "pkcs11:token=Maker;object=targets";

fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &REACHED].concat()
}

#[test]
fn a_maker_signs_with_keys_that_never_leave_their_token() {
    let (desk, site) = (desk(), Site::new());
    let said = desk.succeed(&with(&["key", ROOT, "--public", "root.pub"]));
    assert!(said.contains("was made in the token"), "{said}");
    desk.succeed(&with(&["key", TARGETS, "--public", "targets.pub"]));
    // The same key again, and not another one of the same name.
    let said = desk.succeed(&with(&["key", ROOT, "--public", "again.pub"]));
    assert!(said.contains("was in the token already"), "{said}");
    let read = |name| std::fs::read_to_string(desk.file(name)).unwrap();
    assert_eq!(read("root.pub"), read("again.pub"));
    assert_ne!(read("root.pub"), read("targets.pub"));

    // A root of two holders: the one has a token, the other a file.
    desk.key("second");
    assert!(at(&site, &["key", "--online", &desk.path("online.pub")]).0);
    let said = desk.succeed(&with(&[
        "root",
        "root.json",
        "--root-key",
        "root.pub",
        "--root-key",
        "second.pub",
        "--root-threshold",
        "2",
        "--targets-key",
        "targets.pub",
        "--online-key",
        "online.pub",
        "--key",
        ROOT,
        "--key",
        "second",
        "--passphrase-file",
        "passphrase",
    ]));
    assert!(said.contains("as many keys as it needs"), "{said}");

    // Module and PIN by the name of the key alone. What was signed is verified as devices do.
    std::fs::write(desk.file("engine.bin"), b"an engine's firmware").unwrap();
    let named = format!("{TARGETS}?module-path={MODULE}&pin-source=file:{}", desk.path("pin"));
    let program =
        ["--add", "engine.bin", "--name", "engine", "--version", "2.0", "--kind", "engine-firmware"];
    desk.succeed(&[&["sign", "targets.json", "--first", "--key", &named], &program[..]].concat());
    let (root, targets, file) = (desk.path("root.json"), desk.path("targets.json"), desk.path("engine.bin"));
    let (success, said) = at(&site, &["publish", "--root", &root, "--targets", &targets, "--file", &file]);
    assert!(success && said.contains("engine 2.0 is published"), "{said}");
}

#[test]
fn what_is_in_the_way_of_a_key_in_a_token_is_named() {
    let desk = desk();
    desk.succeed(&with(&["key", ROOT, "--public", "root.pub"]));
    std::fs::write(desk.file("wrong"), "4321\n").unwrap();
    std::fs::write(desk.file("no-module"), "no library").unwrap();
    let key = |key: &str, more: &[&str]| {
        desk.refuse(&[&["sign", "t.json", "--first", "--key", key], more].concat())
    };

    let said = key(ROOT, &[]);
    assert!(said.contains("--pkcs11-module"), "{said}");
    let said = key(ROOT, &["--pkcs11-module", "/nowhere.so"]);
    assert!(said.contains("/nowhere.so: there is no such module") && said.contains("softhsm2"), "{said}");
    let said = key(ROOT, &["--pkcs11-module", "./no-module"]);
    assert!(said.contains("no-module: this is no module for PKCS#11"), "{said}");
    let said = key("pkcs11:token=Mayker;object=root", &REACHED);
    assert!(said.contains("there is no such token") && said.contains("sees: Maker"), "{said}");
    let said = key("pkcs11:token=Maker;object=route", &REACHED);
    assert!(said.contains("there is no such key; the token has: root"), "{said}");
    let said = key(ROOT, &["--pkcs11-module", MODULE, "--pin-file", "wrong"]);
    assert!(said.contains("the token Maker: the PIN is wrong"), "{said}");
    let said = key(ROOT, &["--pkcs11-module", MODULE]);
    assert!(
        said.contains("PIN of the token Maker") && said.contains("--pin-file"),
        "nobody is there: {said}"
    );
    let said = key("pkcs11:token=Maker;object=root?pin-value=1234", &REACHED);
    assert!(said.contains("--pin-file or pin-source"), "{said}");
    let said = desk.refuse(&with(&["key", ROOT]));
    assert!(said.contains("--public FILE"), "{said}");
    let said = desk.refuse(&with(&["key", ROOT, "--public", "root.pub"]));
    assert!(said.contains("exists"), "{said}");

    // A key of another kind, and two tokens of which either may be meant.
    let made = ["genpkey", "-algorithm", "RSA", "-out"];
    let made = Command::new("openssl").args(made).arg(desk.file("rsa.pem")).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let import = ["--import", &desk.path("rsa.pem"), "--token", "Maker", "--label", "rsa", "--id", "0a"];
    softhsm(&desk, &[&import[..], &["--pin", PIN]].concat());
    let said = key("pkcs11:token=Maker;object=rsa", &REACHED);
    assert!(said.contains("Ed25519"), "{said}");
    add_token(&desk, "Other");
    let said = key("pkcs11:object=root", &REACHED);
    assert!(said.contains("several tokens") && said.contains("Maker") && said.contains("Other"), "{said}");
    assert!(!desk.file("t.json").exists(), "nothing was written");
}
