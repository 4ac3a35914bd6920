//! The Debian packages: built as `make deb` builds it, and looked into.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use platen_tests::rigs::debian::{agent_package, root};
use platen_tests::rigs::maker::Maker;
use platen_tests::rigs::manager::task::now;
use platen_tests::rigs::process::run_ok;
use platen_trust::PrivateKey as _;
use platen_trust::sign::SigningKey;
use tempfile::TempDir;

fn dpkg(arguments: &[&str], package: &Path) -> String {
    run_ok(Command::new("dpkg-deb").args(arguments).arg(package), "")
}

#[test]
fn the_package_has_everything_in_its_place_and_nothing_of_the_build_machine() {
    let package = agent_package();
    let files = dpkg(&["--contents"], &package);
    for path in [
        "./usr/sbin/platen-agent",
        "./usr/bin/platen",
        "./usr/sbin/platen-install",
        "./usr/lib/platen/installers/engine-firmware",
        "./usr/lib/platen/installers/board-file",
        "./usr/lib/platen/installers/agent-config",
        "./etc/platen/programs/",
        "./usr/lib/systemd/system/platen-install.service",
        "./usr/lib/systemd/system/platen-install.path",
        "./usr/share/man/man8/platen-install.8.gz",
        "./etc/platen/agent.toml",
        "./etc/platen/board.toml",
        "./usr/lib/systemd/system/platen-agent.service",
        "./usr/lib/sysusers.d/platen-agent.conf",
        "./usr/lib/udev/rules.d/60-platen-agent.rules",
        "./usr/lib/modules-load.d/platen-agent.conf",
        "./usr/share/platen/overlays/platen-pi3.dtbo",
        "./usr/share/platen/overlays/platen-pi3-plus.dtbo",
        "./usr/share/platen/overlays/platen-pi4.dtbo",
        "./usr/share/platen/overlays/platen-pi5.dtbo",
        "./usr/share/platen/overlays/platen-pi5-mainline.dtbo",
        "./usr/share/platen/overlays/platen-mux.dtbo",
        "./usr/share/platen/overlays/platen-reserve.dtbo",
        "./usr/share/platen/boards/colour-mfp.toml",
        "./usr/share/platen/boards/mono-desktop.toml",
        "./usr/lib/platen/install-overlays",
        "./etc/kernel/postinst.d/zz-platen-overlays",
        "./usr/share/man/man8/platen-agent.8.gz",
        "./usr/share/man/man1/platen.1.gz",
        "./usr/share/doc/platen-agent/copyright",
    ] {
        assert!(files.lines().any(|line| line.ends_with(path)), "{path} is missing in:\n{files}");
    }
    let folder = extract(&package);
    let conffiles = std::fs::read_to_string(folder.path().join("DEBIAN/conffiles")).unwrap();
    let mut conffiles: Vec<_> = conffiles.lines().collect();
    conffiles.sort_unstable();
    let expected =
        ["/etc/kernel/postinst.d/zz-platen-overlays", "/etc/platen/agent.toml", "/etc/platen/board.toml"];
    assert_eq!(conffiles, expected);
    let binary = std::fs::read(folder.path().join("usr/sbin/platen-agent")).unwrap();
    let here = root().to_str().unwrap().to_owned();
    let found = binary.windows(here.len()).any(|window| window == here.as_bytes());
    assert!(!found, "the binary names the folder that it was built in");
    println!("platen-agent: {} bytes, package: {} bytes", binary.len(), package.metadata().unwrap().len());

    believes_no_clock_that_is_behind_its_changelog(&folder.path().join("usr/sbin/platen-install"));

    let sim = beside(&package, "platen-sim_");
    let with = extract(&sim);
    let sim_agent = with.path().join("usr/lib/platen/platen-agent-sim");
    assert!(with.path().join("usr/bin/platen-sim").is_file() && sim_agent.is_file());
    println!("platen-agent-sim: {} bytes", sim_agent.metadata().unwrap().len());
    refuses_a_simulated_board(&folder.path().join("usr/sbin/platen-agent"));
    reads_a_simulated_board(&sim_agent);

    let lintian = run_ok(
        Command::new("lintian")
            .args(["--allow-root", "--fail-on=error,warning", "--tag-display-limit=0"])
            .args([&package, &sim]),
        "",
    );
    println!("{lintian}");
}

fn extract(package: &Path) -> TempDir {
    let folder = TempDir::new().unwrap();
    run_ok(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(folder.path()), "");
    folder
}

/// Another package that was built with this one: the rest of their names is the same.
fn beside(package: &Path, name: &str) -> PathBuf {
    let of_agent = package.file_name().unwrap().to_str().unwrap();
    package.with_file_name(of_agent.replace("platen-agent_", name))
}

/// `read` on a simulated board of one switch.
fn read_simulated(agent: &Path) -> (Output, TempDir) {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let board = "backend = \"simulated\"\nmodel = \"m\"\n[[switch]]\nname = \"cover\"\nmeaning = \"cover\"\nline = 0\n";
    std::fs::write(at("board.toml"), board).unwrap();
    let config = format!(
        "device = \"desk\"\nboard = '{}'\nstate_directory = '{}'\n",
        at("board.toml").display(),
        at("state").display()
    );
    std::fs::write(at("agent.toml"), config).unwrap();
    let output = Command::new(agent).arg("--config").arg(at("agent.toml")).args(["read", "--json"]).output();
    (output.unwrap(), folder)
}

fn believes_no_clock_that_is_behind_its_changelog(install: &Path) {
    let machine = TempDir::new().unwrap();
    let maker = Maker::new(SigningKey::generate().unwrap().public(), now());
    std::fs::create_dir_all(machine.path().join("etc/platen/programs")).unwrap();
    std::fs::write(machine.path().join("etc/platen/programs/root.json"), &maker.root).unwrap();
    let shown =
        run_ok(Command::new(install).arg("--root").arg(machine.path()).args(["status", "--json"]), "");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let known: jiff::Timestamp = shown["trust"]["not_before"].as_str().unwrap().parse().unwrap();
    let changelog = root().join("packaging/debian/changelog");
    let mut parse = Command::new("dpkg-parsechangelog");
    let dated = run_ok(parse.arg("-l").arg(changelog).args(["--show-field", "Timestamp"]), "");
    assert_eq!(known.as_second().to_string(), dated.trim());
}

fn refuses_a_simulated_board(agent: &Path) {
    let (output, _folder) = read_simulated(agent);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("platen-sim") && said.contains("backend = \"linux\""), "{said}");
}

fn reads_a_simulated_board(agent: &Path) {
    let (output, _folder) = read_simulated(agent);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("\"simulated\": true"), "{output:?}");
}
