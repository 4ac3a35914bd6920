//! The agent of a package in the PC guest: the board is the kernel's own I2C and GPIO behind virtio, as no simulator in
//! the agent's process could be. Several packages can be measured, each in a guest of its own, one after the other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use platen_hal::config;
use platen_simulator::SimPrinter;
use platen_tests::guests::vhost::printer::PrinterDevices;
use platen_tests::guests::{Guest, GuestFiles, HOST_ADDRESS};
use platen_tests::hal_suite::{self, BUSES, Kernel, MULTIPLEXER};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::until;
use serde_json::Value;

use crate::table::Table;

const KERNEL: Kernel<'_> = Kernel {
    buses: ["/dev/i2c-0", "/dev/i2c-1"],
    behind: Some(["i2c-0-mux (chan_id 2)", "i2c-0-mux (chan_id 5)"]),
    gpio: "/dev/gpiochip0",
};
/// After this the start is over: everything has been read and reported once.
const SETTLE: Duration = Duration::from_secs(30);
/// How long it is watched.
const WATCH: Duration = Duration::from_secs(120);
const MB: f64 = 1_000_000.0;
/// What the kernel knows of the service's process, a line each: PSS and RSS in kB, processor time of all its threads in
/// nanoseconds, the size of its program in bytes.
const FIGURES: &str = "pid=$(systemctl show --value -p MainPID platen-agent)
    awk '/^(Pss|Rss):/ {print $2}' /proc/$pid/smaps_rollup | sort -n
    cat /proc/$pid/task/*/schedstat | awk '{sum += $1} END {print sum}'
    stat -L -c %s /proc/$pid/exe";

pub(crate) fn measure(table: &mut Table, packages: &[PathBuf]) {
    for package in packages {
        let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
        eprintln!("the agent of {name} in a guest, for {} s", WATCH.as_secs());
        let [pss, rss, cpu, size] = figures(package);
        let minutes = WATCH.as_secs_f64() / 60.0;
        let beside = format!("{}; emulated processor: compare with another package only", package.display());
        table.show("agent in the guest, PSS", pss / MB, "MB", &beside);
        table.show("agent in the guest, RSS", rss / MB, "MB", &beside);
        table.show("agent in the guest, CPU", cpu / 1e6 / minutes, "ms/min", &beside);
        table.show("agent in the package, stripped", size / MB, "MB", &beside);
    }
}

/// PSS, RSS and program in bytes, and nanoseconds of processor time while it was watched.
fn figures(package: &Path) -> [f64; 4] {
    let simulated = config::parse(&hal_suite::board_file(None), Path::new("board.toml")).unwrap();
    let printer = SimPrinter::new(&simulated).unwrap();
    let sockets = tempfile::TempDir::new().unwrap();
    let devices = PrinterDevices::start(&printer, &BUSES, sockets.path()).unwrap();
    let guest = Guest::boot(&GuestFiles::pc().unwrap(), &devices.guest_options()).unwrap();
    let check = |command: &str| guest.check(command).unwrap();
    check(&format!(
        "modprobe i2c-mux-pca954x && echo pca9548 {MULTIPLEXER:#x} >/sys/bus/i2c/devices/i2c-0/new_device"
    ));
    guest.install(package).unwrap();
    check("systemctl stop platen-agent");
    let manager = Manager::start();
    let agent = format!(
        "device = \"guest\"\n[uplink]\nmanager = \"https://{HOST_ADDRESS}:{}\"\n",
        manager.device_port()
    );
    for (name, text) in [("board.toml", hal_suite::board_file(Some(KERNEL))), ("agent.toml", agent)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        guest.push_file(file.path(), &format!("/etc/platen/{name}")).unwrap();
        check(&format!("chmod 644 /etc/platen/{name}"));
    }
    let token = manager.token(&["--device", "guest"]);
    check(&format!("echo {token} | platen-agent enroll --token-file -"));
    check("systemctl start platen-agent");
    until("the agent in the guest is parked", || {
        let status: Value = serde_json::from_str(&guest.run("platen status --json").ok()?.text).ok()?;
        (status["contact"]["state"] == "parked").then_some(())
    });
    std::thread::sleep(SETTLE);
    let look = || -> Vec<f64> { check(FIGURES).lines().map(|line| line.trim().parse().unwrap()).collect() };
    let before = look();
    std::thread::sleep(WATCH);
    let after = look();
    let [pss, rss, _, size] = after[..] else { panic!("{after:?}") };
    [pss * 1024.0, rss * 1024.0, after[2] - before[2], size]
}
