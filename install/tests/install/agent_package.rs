//! The agent's package, by the real dpkg on a root of its own. dpkg wants root; where a test does not run as root it says
//! so and tests nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use platen_install::records::Outcome;
use platen_install::state::InstallerStep;
use tempfile::TempDir;

use crate::escape::until;
use crate::machine::{Machine, OWN};
use crate::maker;

const PACKAGE: &str = "platen-agent";
/// Configuration as version 1 ships it.
const SHIPPED: &str = "interval = 60\n";

/// A package to be built.
struct Package {
    version: &'static str,
    configuration: &'static str,
    scripts: Vec<(&'static str, String)>,
}

impl Package {
    fn of(version: &'static str) -> Self {
        Self { version, configuration: SHIPPED, scripts: Vec::new() }
    }

    fn build(&self, folder: &Path) -> PathBuf {
        let tree = folder.join(format!("tree-{}", self.version));
        for path in ["DEBIAN", "usr/sbin", "usr/share/platen", "etc/platen"] {
            std::fs::create_dir_all(tree.join(path)).unwrap();
        }
        let control = format!(
            "Package: {PACKAGE}\nVersion: {}\nArchitecture: all\nMaintainer: nobody <nobody@platen.invalid>\n\
             Description: a test\n of several lines\n",
            self.version
        );
        std::fs::write(tree.join("DEBIAN/control"), control).unwrap();
        std::fs::write(tree.join("DEBIAN/conffiles"), "/etc/platen/agent.toml\n").unwrap();
        std::fs::write(tree.join("etc/platen/agent.toml"), self.configuration).unwrap();
        std::fs::write(tree.join("usr/share/platen/README"), "words").unwrap();
        let program = tree.join("usr/sbin/platen-agent");
        std::fs::write(&program, format!("agent {}\n", self.version)).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let link = tree.join("usr/sbin/platen-link");
        std::os::unix::fs::symlink("platen-agent", link).unwrap();
        let sums = "cd \"$1\" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums";
        assert!(Command::new("sh").args(["-c", sums, "sh"]).arg(&tree).status().unwrap().success());
        for (name, text) in &self.scripts {
            let path = tree.join("DEBIAN").join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let file = folder.join(format!("{}.deb", self.version));
        let mut build = Command::new("dpkg-deb");
        build.args(["-Zgzip", "--root-owner-group", "--build"]).arg(&tree).arg(&file);
        succeeded(build.output().unwrap());
        file
    }
}

fn succeeded(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A machine on which version 1 is installed.
struct Rig {
    machine: Machine,
    packages: TempDir,
}

impl Rig {
    /// None where this may not be tested.
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("not run: dpkg installs for root only");
            return None;
        }
        let rig = Self { machine: Machine::new(), packages: tempfile::tempdir().unwrap() };
        for path in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "usr", "tmp"] {
            std::fs::create_dir_all(rig.place(path)).unwrap();
        }
        std::fs::write(rig.place("var/lib/dpkg/status"), "").unwrap();
        std::fs::write(rig.place("var/lib/dpkg/available"), "").unwrap();
        let first = Package::of("1.0").build(rig.packages.path());
        succeeded(rig.dpkg().arg("--install").arg(first).output().unwrap());
        Some(rig)
    }

    fn place(&self, path: &str) -> PathBuf {
        self.machine.folder.path().join(path)
    }

    fn dpkg(&self) -> Command {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", self.machine.folder.path().display()));
        // Not into the machine's own log.
        command.args(["--force-script-chrootless", "--log=/dev/null"]);
        command
    }

    fn status(&self) -> String {
        let admin = format!("--admindir={}", self.place("var/lib/dpkg").display());
        let format = "--showformat=${Version} ${db:Status-Status}";
        succeeded(Command::new("dpkg-query").args([&admin, "--show", format, PACKAGE]).output().unwrap())
    }

    fn program(&self) -> String {
        std::fs::read_to_string(self.place("usr/sbin/platen-agent")).unwrap()
    }

    fn configuration(&self) -> PathBuf {
        self.place("etc/platen/agent.toml")
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.machine.directories.kept("agent-package").join(name)
    }

    fn offer(&self, attempt: &str, file: &Path, version: &str) {
        let bytes = std::fs::read(file).unwrap();
        self.machine.offer(attempt, &maker::program("agent-package", PACKAGE, version, &bytes), &bytes);
    }

    /// One step, as the machine runs it.
    fn step(&self, step: InstallerStep, file: &Path, version: &str, run: u32) -> (i32, String) {
        let output = self.step_command(step, file, version, run).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), words)
    }

    fn step_command(&self, step: InstallerStep, file: &Path, version: &str, run: u32) -> Command {
        let work = self.machine.directories.work();
        for folder in [&work, &self.machine.directories.kept("agent-package")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let mut command = Command::new(OWN);
        command
            .args(["installer", "agent-package", step.word()])
            .env("PLATEN_PROGRAM", file)
            .env("PLATEN_NAME", PACKAGE)
            .env("PLATEN_VERSION", version)
            .env("PLATEN_KEPT", self.machine.directories.kept("agent-package"))
            .env("PLATEN_WORK", work)
            .env("PLATEN_RUN", run.to_string())
            .env("PLATEN_DPKG_ROOT", self.machine.folder.path());
        command
    }

    fn confirm(&self, attempt: &str, version: &str) {
        let said = serde_json::json!({
            "attempt": attempt, "agent_version": version, "sensors_read": true, "acknowledged": true,
        });
        std::fs::write(self.machine.directories.spool.join("confirmed.json"), said.to_string()).unwrap();
    }
}

#[test]
fn a_new_version_is_installed_and_kept_and_the_next_one_goes_back_to_it() {
    let Some(rig) = Rig::new() else { return };
    let mut second = Package::of("2.0");
    second.scripts = vec![("postinst", String::new())];
    let second = second.build(rig.packages.path());
    rig.offer("7", &second, "2.0");
    // The agent of this test confirms once the new version is there.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until(|| rig.machine.attempt().is_some_and(|attempt| attempt.waiting.is_some()));
            rig.confirm("7", "2.0");
        });
        rig.machine.run();
    });
    assert_eq!(rig.machine.ended().outcome, Outcome::Kept, "{:?}", rig.machine.ended());
    assert_eq!((rig.status().as_str(), rig.program().as_str()), ("2.0 installed", "agent 2.0\n"));
    assert!(rig.kept("current.deb").exists() && !rig.kept("before.deb").exists());
    assert!(!rig.machine.directories.runner().exists());

    let mut third = Package::of("3.0");
    third.scripts = vec![("postinst", "exit 1".to_owned())];
    let third = third.build(rig.packages.path());
    rig.offer("8", &third, "3.0");
    rig.machine.run();
    let ended = rig.machine.history().pop().unwrap();
    assert_eq!(ended.outcome, Outcome::RolledBack, "{ended:?}");
    assert!(ended.reason.contains("dpkg --install"), "{}", ended.reason);
    assert_eq!((rig.status().as_str(), rig.program().as_str()), ("2.0 installed", "agent 2.0\n"));
}

#[test]
fn what_is_installed_is_packed_again_as_it_was() {
    let Some(rig) = Rig::new() else { return };
    let second = Package::of("2.0").build(rig.packages.path());
    let (code, words) = rig.step(InstallerStep::Check, &second, "2.0", 1);
    assert_eq!(code, 0, "{words}");
    let before = rig.kept("before.deb");
    let contents = |file: &Path| {
        let listed = succeeded(Command::new("dpkg-deb").arg("--contents").arg(file).output().unwrap());
        let mut lines: Vec<_> = listed
            .lines()
            .map(|line| {
                let mut words = line.split_whitespace();
                let (mode, owner, size) =
                    (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
                let path: Vec<_> = words.skip(2).collect();
                // A folder has no size of its own.
                let size = if mode.starts_with('d') { "0" } else { size };
                format!("{mode} {owner} {size} {}", path.join(" "))
            })
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(contents(&before), contents(&rig.packages.path().join("1.0.deb")));
    let field = |file: &Path| {
        let fields = succeeded(Command::new("dpkg-deb").arg("--field").arg(file).output().unwrap());
        let mut lines: Vec<_> = fields.lines().map(str::to_owned).collect();
        // dpkg keeps them in an order of its own.
        lines.sort();
        lines
    };
    assert_eq!(field(&before), field(&rig.packages.path().join("1.0.deb")));
    // Again costs nothing, and changes nothing.
    let made = std::fs::metadata(&before).unwrap().modified().unwrap();
    assert_eq!(rig.step(InstallerStep::Check, &second, "2.0", 2).0, 0);
    assert_eq!(std::fs::metadata(&before).unwrap().modified().unwrap(), made);
}

#[test]
fn what_a_person_configured_outlives_the_way_there_and_back_and_the_next_version() {
    let Some(rig) = Rig::new() else { return };
    std::fs::write(rig.configuration(), "interval = 5\n").unwrap();
    let mut second = Package::of("2.0");
    second.configuration = "interval = 61\n";
    let second = second.build(rig.packages.path());
    for step in [InstallerStep::Check, InstallerStep::Install, InstallerStep::Verify] {
        let (code, words) = rig.step(step, &second, "2.0", 1);
        assert_eq!(code, 0, "{step:?}: {words}");
    }
    assert_eq!(rig.status(), "2.0 installed");
    let kept = || std::fs::read_to_string(rig.configuration()).unwrap();
    assert_eq!(kept(), "interval = 5\n");
    let (code, words) = rig.step(InstallerStep::Rollback, &second, "2.0", 1);
    assert_eq!(code, 0, "{words}");
    assert_eq!((rig.status().as_str(), kept().as_str()), ("1.0 installed", "interval = 5\n"));
    // dpkg still knows that a person changed it: a later version does not replace it.
    let mut third = Package::of("3.0");
    third.configuration = "interval = 62\n";
    let third = third.build(rig.packages.path());
    assert_eq!(rig.step(InstallerStep::Check, &third, "3.0", 1).0, 0);
    assert_eq!(rig.step(InstallerStep::Install, &third, "3.0", 1).0, 0);
    assert_eq!((rig.status().as_str(), kept().as_str()), ("3.0 installed", "interval = 5\n"));
}

#[test]
fn configuration_that_nobody_touched_goes_back_with_the_version() {
    let Some(rig) = Rig::new() else { return };
    let mut second = Package::of("2.0");
    second.configuration = "interval = 61\n";
    let second = second.build(rig.packages.path());
    for step in [InstallerStep::Check, InstallerStep::Install] {
        assert_eq!(rig.step(step, &second, "2.0", 1).0, 0);
    }
    assert_eq!(std::fs::read_to_string(rig.configuration()).unwrap(), "interval = 61\n");
    assert_eq!(rig.step(InstallerStep::Rollback, &second, "2.0", 1).0, 0);
    assert_eq!(std::fs::read_to_string(rig.configuration()).unwrap(), SHIPPED);
}

#[test]
fn what_is_no_package_of_the_agent_for_this_machine_is_refused() {
    let Some(rig) = Rig::new() else { return };
    let second = Package::of("2.0").build(rig.packages.path());
    let refused = |file: &Path, version: &str| {
        let (code, words) = rig.step(InstallerStep::Check, file, version, 1);
        assert_eq!(code, 10, "{words}");
        words
    };
    assert!(refused(&second, "2.1").contains("the package is 2.0, and 2.1 was signed"));
    let nonsense = rig.packages.path().join("nonsense.deb");
    std::fs::write(&nonsense, "nonsense").unwrap();
    refused(&nonsense, "2.0");
    let output = rig
        .step_command(InstallerStep::Check, &second, "2.0", 1)
        .env("PLATEN_REPLACES", "1.5")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(10));
    assert!(String::from_utf8_lossy(&output.stderr).contains("over 1.5 or later only, and 1.0 is here"));
    let output = rig
        .step_command(InstallerStep::Check, &second, "2.0", 1)
        .env("PLATEN_NAME", "bash")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(10));
    assert!(!rig.kept("before.deb").exists(), "nothing was packed for what is refused");
}

#[test]
fn while_another_package_manager_is_at_work_it_is_tried_later() {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    let Some(rig) = Rig::new() else { return };
    let second = Package::of("2.0").build(rig.packages.path());
    let lock = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(rig.place("var/lib/dpkg/lock-frontend"))
        .unwrap();
    let whole = libc::flock {
        l_type: i16::try_from(libc::F_WRLCK).unwrap(),
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&lock, FcntlArg::F_SETLK(&whole)).unwrap();
    let (code, words) = rig.step(InstallerStep::Check, &second, "2.0", 1);
    assert_eq!((code, words.as_str()), (11, "another package manager is at work\n"));
    drop(lock);
    assert_eq!(rig.step(InstallerStep::Check, &second, "2.0", 1).0, 0);
}

/// Kills dpkg while a maintainer script of the new version runs.
fn killed_in(script: &'static str) -> Option<(Rig, PathBuf)> {
    let rig = Rig::new()?;
    let mark = rig.place("tmp/mark");
    let mut second = Package::of("2.0");
    // It hangs once.
    let pid = rig.place("tmp/pid");
    let (m, p) = (mark.display(), pid.display());
    let hang = format!("if [ ! -e '{m}' ]; then echo $$ >'{p}'; touch '{m}'; exec sleep 1000; fi");
    second.scripts = vec![(script, hang)];
    let second = second.build(rig.packages.path());
    assert_eq!(rig.step(InstallerStep::Check, &second, "2.0", 1).0, 0);
    let mut dpkg =
        rig.dpkg().arg("--install").arg(&second).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until(|| mark.exists());
    dpkg.kill().unwrap();
    dpkg.wait().unwrap();
    // What the script began would go with the machine.
    let script = std::fs::read_to_string(pid).unwrap();
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(script.trim().parse().unwrap()),
        nix::sys::signal::Signal::SIGKILL,
    );
    Some((rig, second))
}

#[test]
fn dpkg_that_was_killed_before_it_unpacked_is_mended_by_installing_again() {
    let Some((rig, second)) = killed_in("preinst") else { return };
    assert_ne!(rig.status(), "1.0 installed");
    let (code, words) = rig.step(InstallerStep::Install, &second, "2.0", 2);
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("dpkg was interrupted"), "{words}");
    assert_eq!(rig.step(InstallerStep::Verify, &second, "2.0", 1).0, 0);
    assert_eq!((rig.status().as_str(), rig.program().as_str()), ("2.0 installed", "agent 2.0\n"));
}

#[test]
fn dpkg_that_was_killed_while_it_configured_is_mended_by_installing_again() {
    let Some((rig, second)) = killed_in("postinst") else { return };
    assert_eq!(rig.status(), "2.0 half-configured");
    let (code, words) = rig.step(InstallerStep::Verify, &second, "2.0", 1);
    assert!(code == 1 && words.contains("half-configured"), "{code} {words}");
    let (code, words) = rig.step(InstallerStep::Install, &second, "2.0", 2);
    assert_eq!(code, 0, "{words}");
    assert_eq!(rig.step(InstallerStep::Verify, &second, "2.0", 1).0, 0);
}

#[test]
fn dpkg_that_was_killed_is_gone_back_from_too() {
    for script in ["preinst", "postinst"] {
        let Some((rig, second)) = killed_in(script) else { return };
        let (code, words) = rig.step(InstallerStep::Rollback, &second, "2.0", 1);
        assert_eq!(code, 0, "{script}: {words}");
        assert_eq!(
            (rig.status().as_str(), rig.program().as_str()),
            ("1.0 installed", "agent 1.0\n"),
            "{script}"
        );
    }
}

#[test]
fn a_version_that_does_not_let_itself_be_removed_is_gone_back_from_at_the_second_try() {
    let Some(rig) = Rig::new() else { return };
    let mut second = Package::of("2.0");
    second.scripts = vec![("prerm", "exit 1".to_owned())];
    let second = second.build(rig.packages.path());
    for step in [InstallerStep::Check, InstallerStep::Install] {
        assert_eq!(rig.step(step, &second, "2.0", 1).0, 0);
    }
    // Version 1 has no script that could take its place (`failed-upgrade`).
    let first = rig.step(InstallerStep::Rollback, &second, "2.0", 1);
    let (code, words) = rig.step(InstallerStep::Rollback, &second, "2.0", 2);
    assert_eq!(code, 0, "{first:?} {words}");
    assert_eq!(rig.status(), "1.0 installed");
}

#[test]
fn files_that_are_not_as_they_were_packed_do_not_verify() {
    let Some(rig) = Rig::new() else { return };
    let second = Package::of("2.0").build(rig.packages.path());
    for step in [InstallerStep::Check, InstallerStep::Install, InstallerStep::Verify] {
        assert_eq!(rig.step(step, &second, "2.0", 1).0, 0, "{step:?}");
    }
    std::fs::write(rig.place("usr/sbin/platen-agent"), "half").unwrap();
    let (code, words) = rig.step(InstallerStep::Verify, &second, "2.0", 1);
    assert!(code == 1 && words.contains("/usr/sbin/platen-agent"), "{code} {words}");
    assert_eq!(rig.step(InstallerStep::Rollback, &second, "2.0", 1).0, 0);
    assert_eq!(rig.program(), "agent 1.0\n");
}
