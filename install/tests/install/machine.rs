//! A machine: a root of its own, with a spool, installers, and records.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::unistd::geteuid;
use platen_install::attempt::Book;
use platen_install::directories::Directories;
use platen_install::drive::Driver;
use platen_install::installer::{self, Installers};
use platen_install::records::{Attempt, Confirmed, Ended, History, Installed};
use platen_install::run::{Ran, prepare, run};
use platen_install::state::InstallerStep;
use platen_install::stop::Stop;
use platen_install::verify;
use platen_trust::Program;
use tempfile::TempDir;

use crate::maker::{self, Maker};

/// The program itself.
pub(crate) const OWN: &str = env!("CARGO_BIN_EXE_platen-install");
/// The kind whose installer is a script of the test.
pub(crate) const KIND: &str = "engine-firmware";

pub(crate) struct Machine {
    pub(crate) folder: TempDir,
    pub(crate) directories: Directories,
    pub(crate) maker: Maker,
    pub(crate) stop: Stop,
    pub(crate) limit: fn(InstallerStep) -> Duration,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directories = Directories::under(folder.path());
        let maker = Maker::new();
        for path in [&directories.spool, &directories.installers, &directories.root.parent().unwrap().into()]
        {
            std::fs::create_dir_all(path).unwrap();
        }
        std::fs::write(&directories.root, &maker.root).unwrap();
        Self { folder, directories, maker, stop: Stop::default(), limit: installer::limit }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What the script was told, in order.
    pub(crate) fn steps(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Installs an installer that writes down its steps and then does what the test says.
    pub(crate) fn installer(&self, does: &str) {
        let text = format!("#!/bin/sh\necho \"$1 $PLATEN_RUN\" >>'{}'\n{does}\n", self.log().display());
        let path = self.directories.installers.join(KIND);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lines for an installer's script by which the agent confirms.
    pub(crate) fn confirming(&self, attempt: &str) -> String {
        let confirmed = Confirmed {
            attempt: attempt.to_owned(),
            agent_version: "1.0".to_owned(),
            sensors_read: true,
            acknowledged: true,
        };
        let (text, to) =
            (serde_json::to_string(&confirmed).unwrap(), self.directories.spool.join("confirmed.json"));
        format!("[ $1 != verify ] || echo '{text}' >'{}'", to.display())
    }

    /// Puts a program into the spool, as the agent does.
    pub(crate) fn offer(&self, attempt: &str, program: &Program, bytes: &[u8]) {
        self.offer_as(attempt, program, bytes, &self.maker.document(program));
    }

    pub(crate) fn offer_as(&self, attempt: &str, program: &Program, bytes: &[u8], metadata: &[u8]) {
        let fetching = self.directories.spool.join("fetching");
        std::fs::create_dir_all(&fetching).unwrap();
        let request =
            serde_json::json!({"attempt": attempt, "name": program.name, "version": program.version});
        std::fs::write(fetching.join("request.json"), request.to_string()).unwrap();
        std::fs::write(fetching.join("metadata.json"), metadata).unwrap();
        std::fs::write(fetching.join("program"), bytes).unwrap();
        std::fs::rename(fetching, self.directories.spool.join("ready")).unwrap();
    }

    /// Offers the firmware of the tests.
    pub(crate) fn offer_firmware(&self, attempt: &str) {
        let bytes = b"firmware";
        self.offer(attempt, &maker::program(KIND, "engine", "2.0", bytes), bytes);
    }

    /// What the service manager starts, without the pauses between tries.
    pub(crate) fn run(&self) -> Ran {
        prepare(&self.directories).unwrap();
        let book = Book::open(&self.directories).unwrap();
        let mut verifier = verify::by_trust(&self.directories);
        let installers = Installers {
            own: OWN.into(),
            limit: self.limit,
            dpkg_root: Some(self.folder.path().to_owned()),
            ..Installers::of(&self.directories)
        };
        let mut driver = Driver {
            directories: &self.directories,
            book: &book,
            verifier: &mut verifier,
            installers: &installers,
            hardware: &["Aria 4".to_owned()],
            agent: geteuid().as_raw(),
            pause: |_| Duration::ZERO,
            stop: &self.stop,
        };
        run(&mut driver).unwrap()
    }

    /// The same, as a program of its own.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(OWN);
        command.arg("--root").arg(self.folder.path()).arg("run");
        command
    }

    pub(crate) fn attempt(&self) -> Option<Attempt> {
        read(&self.directories.record("attempt.json"))
    }

    pub(crate) fn history(&self) -> Vec<Ended> {
        read::<History>(&self.directories.record("history.json")).unwrap_or_default().attempts
    }

    /// The only attempt that has ended.
    pub(crate) fn ended(&self) -> Ended {
        let mut history = self.history();
        assert_eq!(history.len(), 1, "{history:?}");
        history.remove(0)
    }

    pub(crate) fn installed(&self) -> Installed {
        read(&self.directories.record("installed.json")).unwrap_or_default()
    }
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let text = std::fs::read(path).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}
