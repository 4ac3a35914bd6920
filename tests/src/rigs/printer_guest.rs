//! A controller of a printer: a guest with a real kernel, a disk that outlives power cuts, and the agent's package on it. The
//! printer is outside, in this process.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use platen_hal::config;
use platen_simulator::SimPrinter;
use serde_json::Value;
use tempfile::TempDir;

use super::debian::agent_package;
use super::manager::process::Manager;
use crate::guests::vhost::printer::PrinterDevices;
use crate::guests::{Disk, Guest, GuestFiles, HOST_ADDRESS};
use crate::hal_suite::{BUSES, Kernel, board_file};

/// The device's name at the manager.
pub const NAME: &str = "guest";
/// What an agent in an emulated machine gets until it is parked: it may just be starting.
const PARKED_WITHIN: Duration = Duration::from_secs(180);
const KERNEL: Kernel<'_> =
    Kernel { buses: ["/dev/i2c-0", "/dev/i2c-1"], behind: None, gpio: "/dev/gpiochip0" };

/// Everything that outlives a power cut.
pub struct PrinterGuest {
    files: GuestFiles,
    folder: TempDir,
    disk: Disk,
    /// The printer.
    pub printer: SimPrinter,
}

/// A guest that has power.
pub struct Powered {
    /// The guest.
    pub guest: Guest,
    // Ends after the guest.
    _devices: PrinterDevices,
    _sockets: TempDir,
}

impl PrinterGuest {
    /// With more lines for the simulated printer's board file; paths in it are those of [`Self::folder`].
    pub fn new(simulation: &str) -> Self {
        let files = GuestFiles::pc().unwrap();
        let folder = TempDir::new().unwrap();
        let disk = Disk::new(&files, folder.path()).unwrap();
        let board = format!("{}\n{simulation}", board_file(None));
        let simulated = config::parse(&board, &folder.path().join("board.toml")).unwrap();
        let printer = SimPrinter::new(&simulated).unwrap();
        Self { files, folder, disk, printer }
    }

    /// A folder of this machine.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it from its disk, and waits until its system is up.
    pub fn power_on(&self) -> Powered {
        let sockets = TempDir::new().unwrap();
        let devices = PrinterDevices::start(&self.printer, &BUSES, sockets.path()).unwrap();
        let mut options = devices.guest_options();
        options.disk = Some(self.disk.path());
        let guest = Guest::boot(&self.files, &options).unwrap();
        Powered { guest, _devices: devices, _sockets: sockets }
    }

    /// The package, its configuration (with more lines) and its identity, all forced to the disk as an installer would
    /// wait for.
    pub fn install(&self, guest: &Guest, manager: &Manager, agent_lines: &str) {
        guest.install(&agent_package()).unwrap();
        guest.check("systemctl stop platen-agent").unwrap();
        let agent = format!(
            "device = \"{NAME}\"\n{agent_lines}[uplink]\nmanager = \"https://{HOST_ADDRESS}:{}\"\n\
             [sample]\ninterval = \"500ms\"\n",
            manager.device_port()
        );
        for (file, text) in [("board.toml", board_file(Some(KERNEL))), ("agent.toml", agent)] {
            let from = self.folder().join("pushed");
            fs::write(&from, text).unwrap();
            guest.push_file(&from, &format!("/etc/platen/{file}")).unwrap();
        }
        let token = manager.token(&["--device", NAME]);
        guest
            .check(&format!(
                "chmod 644 /etc/platen/*.toml; echo {token} | platen-agent enroll --token-file -"
            ))
            .unwrap();
        guest.check("systemctl enable --now platen-agent && sync").unwrap();
    }
}

/// Waits until the agent has read its board and told the manager everything.
pub fn until_parked(guest: &Guest) {
    let begin = Instant::now();
    loop {
        let status = status(guest).unwrap_or_default();
        if status["contact"]["state"] == "parked" && status["backlog"] == 0 && status["readings"].is_object()
        {
            return;
        }
        assert!(begin.elapsed() < PARKED_WITHIN, "the agent does not park: {status}");
    }
}

/// What the agent says of itself, if it answers.
pub fn status(guest: &Guest) -> Option<Value> {
    let output = guest.run("platen status --json").ok()?;
    serde_json::from_str(&output.text).ok()
}
