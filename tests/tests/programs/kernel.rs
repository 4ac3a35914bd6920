//! The real kernel: a Debian guest in which the package is installed and the agent reads chips by
//! `/dev/i2c-N` and lines by `/dev/gpiochipN`. The chips and lines are a simulated printer in this
//! process, behind virtio; the manager runs on the host; an operator looks on in Chromium.

mod firmware;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use platen_hal::config;
use platen_protocol::readings::Readings;
use platen_simulator::{SimCommand, SimPrinter};
use platen_tests::guests::vhost::printer::PrinterDevices;
use platen_tests::guests::{Guest, GuestFiles, HOST_ADDRESS};
use platen_tests::hal_suite::{self, BUSES, Kernel, MULTIPLEXER, Need, Rig, in_guest};
use platen_tests::rigs::browser::Browser;
use platen_tests::rigs::debian::agent_package;
use platen_tests::rigs::manager::process::{Manager, OPERATOR, PASSWORD};
use platen_tests::rigs::process::until;
use serde_json::Value;

const KERNEL: Kernel<'_> = Kernel {
    buses: ["/dev/i2c-0", "/dev/i2c-1"],
    behind: Some(["i2c-0-mux (chan_id 2)", "i2c-0-mux (chan_id 5)"]),
    gpio: "/dev/gpiochip0",
};

/// The guest and the printer at the other side of its buses.
struct Bench {
    guest: Guest,
    printer: SimPrinter,
    // Ends after the guest.
    _devices: PrinterDevices,
}

impl Bench {
    fn boot() -> Self {
        let files = GuestFiles::pc().unwrap();
        let simulated = config::parse(&hal_suite::board_file(None), Path::new("board.toml")).unwrap();
        let printer = SimPrinter::new(&simulated).unwrap();
        let sockets = tempfile::TempDir::new().unwrap();
        let devices = PrinterDevices::start(&printer, &BUSES, sockets.path()).unwrap();
        let guest = Guest::boot(&files, &devices.guest_options()).unwrap();
        // As the device tree of a board with a multiplexer would say: the kernel's own driver switches it.
        let adapter = "/sys/bus/i2c/devices/i2c-0/new_device";
        guest
            .check(&format!("modprobe i2c-mux-pca954x && echo pca9548 {MULTIPLEXER:#x} >{adapter}"))
            .unwrap();
        Self { guest, printer, _devices: devices }
    }

    /// Writes a file in the guest.
    fn write(&self, to: &str, text: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        self.guest.push_file(file.path(), to).unwrap();
        self.check(&format!("chmod 644 {to}"));
    }

    fn check(&self, command: &str) -> String {
        self.guest.check(command).unwrap()
    }
}

impl Rig for Bench {
    fn sample(&mut self) -> Readings {
        in_guest::read_board(&self.guest)
    }

    fn edges_during(&mut self, commands: &[SimCommand], expected: usize) -> Vec<(String, bool)> {
        let act = || commands.iter().for_each(|command| self.act(command));
        let edges = in_guest::edges(&self.guest, act, |seen| seen.len() >= expected);
        edges.into_iter().map(|edge| (edge.switch, edge.active)).collect()
    }

    fn act(&self, command: &SimCommand) {
        self.printer.apply(command).unwrap();
    }

    fn flash(&mut self, image: &[u8], version: &str) -> Result<(), String> {
        in_guest::flash(&self.guest, image, version)
    }

    fn firmware(&mut self) -> Option<String> {
        in_guest::firmware(&self.guest)
    }

    fn lacks(&self) -> &[(Need, &'static str)] {
        &[
            (Need::ErrorKinds, "virtio-i2c has one status for everything that goes wrong"),
            (
                Need::Outputs,
                "`platen-agent read` leaves the outputs alone; the service lamp is tested with the agent",
            ),
        ]
    }
}

/// Installs the package as an administrator would, and lays its configuration.
fn install(bench: &Bench, manager: &Manager) {
    // The package's own test has just built it; alone, this one builds it itself.
    let package = agent_package();
    println!("{}", bench.guest.install(&package).unwrap());
    // It runs at once, without a board and not enrolled, and says so.
    bench.check("systemctl is-active platen-agent");
    let status = bench.check("platen status");
    assert!(status.to_lowercase().contains("enrol"), "{status}");
    bench.check("systemctl stop platen-agent");
    bench.write("/etc/platen/board.toml", &hal_suite::board_file(Some(KERNEL)));
    let agent = format!(
        "device = \"guest\"\n[uplink]\nmanager = \"https://{HOST_ADDRESS}:{}\"\n[sample]\ninterval = \"500ms\"\n",
        manager.device_port()
    );
    bench.write("/etc/platen/agent.toml", &agent);
}

fn enrol_and_start(bench: &Bench, manager: &Manager) {
    let token = manager.token(&["--device", "guest"]);
    bench.check(&format!("echo {token} | platen-agent enroll --token-file -"));
    bench.check("systemctl start platen-agent || { journalctl --no-pager -u platen-agent; exit 1; }");
    until("the agent in the guest is parked", || {
        let status = bench.guest.run("platen status --json").ok()?;
        let status: Value = serde_json::from_str(&status.text).ok()?;
        (status["contact"]["state"] == "parked").then_some(())
    });
    let user = bench.check("ps -o user= -p $(systemctl show --value -p MainPID platen-agent)");
    assert_eq!(user.trim(), "platen-agent", "the service does not run as root");
    let mode = bench.check("stat -c '%a %U' /var/lib/platen-agent/identity.json /dev/i2c-0 /dev/gpiochip0");
    println!("{mode}");
    assert!(mode.contains("600 platen-agent"), "{mode}");
}

/// The lamp's blinks are 200 ms apart; a busy guest makes them longer.
const LONGER_THAN_BETWEEN_BLINKS: Duration = Duration::from_secs(2);

/// Twenty pages a second for a minute, and the kernel's edges of each: none may be lost.
const PAGES: u32 = 1_200;
const PAGES_A_MINUTE: u32 = 1_200;

fn every_page_is_counted(bench: &Bench) {
    let exits = || {
        let status: Value = serde_json::from_str(&bench.check("platen status --json")).unwrap();
        let counters = status["readings"]["counters"].as_array()?.clone();
        let exits = counters.iter().find(|counter| counter["kind"] == "page-exits")?;
        exits["value"]["value"].as_u64()
    };
    for colorant in ["black", "cyan", "magenta", "yellow", "hopper"] {
        bench.act(&SimCommand::Set { supply: colorant.into(), percent: 95 });
    }
    let before = until("the exit is counted", exits);
    let jobs = bench.printer.truth().jobs.len();
    bench.act(&SimCommand::Print { pages: PAGES, per_minute: Some(PAGES_A_MINUTE) });
    until_printed(bench, jobs);
    let counted = until("all pages are counted", || {
        exits().map(|pages| pages - before).filter(|pages| *pages >= u64::from(PAGES))
    });
    println!("{counted} of {PAGES} pages counted at {PAGES_A_MINUTE} a minute");
    assert_eq!(counted, u64::from(PAGES));
}

/// Waits until the printer has done one more job, by its own book: longer than `until` has patience.
fn until_printed(bench: &Bench, jobs: usize) {
    let limit = Instant::now() + 3 * Duration::from_secs(60);
    while bench.printer.truth().jobs.len() <= jobs {
        assert!(Instant::now() < limit, "the printer does not end its job");
        std::thread::sleep(Duration::from_secs(1));
    }
    let job = bench.printer.truth().jobs.pop().unwrap();
    assert_eq!(job.printed, PAGES, "{job:?}");
}

/// The lamp blinks when the manager has the service call, and is dark from then on: for longer than between blinks.
fn the_lamp_goes_dark(bench: &Bench) {
    let mut dark_since = Instant::now();
    until("the lamp is dark once the service call is acknowledged", || {
        if bench.printer.lamp() {
            dark_since = Instant::now();
        }
        (dark_since.elapsed() > LONGER_THAN_BETWEEN_BLINKS).then_some(())
    });
}

/// What the operator sees, in the browser, of what happens to the printer.
async fn operator_looks_on(bench: &Bench, manager: &Manager) {
    let browser = Browser::start().await;
    browser.sign_in(&manager.operator_url(), OPERATOR, PASSWORD).await;
    browser.see("body[data-live=on]").await;
    browser.see("[data-device=guest] [data-supply=black]").await;
    browser.mark().await;

    bench.act(&SimCommand::Set { supply: "black".into(), percent: 4 });
    browser.see("[data-device=guest] [data-supply=black][data-percent='4']").await;
    browser.see("[data-device=guest] [data-alert=markerTonerAlmostEmpty]").await;
    assert!(browser.is_marked().await, "the page was loaded again");

    browser.open(&format!("{}/devices/guest", manager.operator_url())).await;
    browser.see("body[data-live=on]").await;
    browser.mark().await;
    browser.reach("part-state").await;
    bench.act(&SimCommand::Press { button: "service".into(), milliseconds: None });
    browser.see("[data-service-call]").await;
    bench.act(&SimCommand::Open { switch: "cover".into() });
    browser.see("[data-switch=cover][data-state=open]").await;
    browser.see("[data-alert=coverOpen]").await;
    bench.act(&SimCommand::Close { switch: "cover".into() });
    browser.see("[data-switch=cover][data-state=closed]").await;
    browser.see_no("[data-alert=coverOpen]:not([data-cleared])").await;
    browser.click("#read-now").await;
    browser.see("[data-command][data-state=done]").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_light_on_a_real_kernel() {
    let begin = Instant::now();
    let step = |what: &str| println!("[{:>4} s] {what}", begin.elapsed().as_secs());
    let manager = Manager::start();
    step("the guest is built or found, and boots");
    let mut bench = tokio::task::block_in_place(Bench::boot);
    step("the package is installed");
    tokio::task::block_in_place(|| install(&bench, &manager));
    step("the HAL's suite runs on the kernel's devices");
    tokio::task::block_in_place(|| hal_suite::run(&mut bench));
    step("the agent enrols and starts");
    tokio::task::block_in_place(|| enrol_and_start(&bench, &manager));
    step("firmware of the engine is installed, cut off and taken up again");
    tokio::task::block_in_place(|| firmware::is_cut_off_and_taken_up_again(&bench));
    step("a minute of pages at twenty a second is counted");
    every_page_is_counted(&bench);
    step("the operator looks on");
    operator_looks_on(&bench, &manager).await;
    step("the service stops cleanly");
    tokio::task::block_in_place(|| {
        the_lamp_goes_dark(&bench);
        bench.check("systemctl stop platen-agent");
        let result = bench.check("systemctl show --value -p Result platen-agent");
        assert_eq!(result.trim(), "success");
        let journal = bench.check("journalctl --no-pager -u platen-agent -o cat");
        println!("{journal}");
        assert!(!journal.contains("panicked"));
        println!("{}", bench.guest.purge("platen-agent").unwrap());
        bench.check("! test -e /var/lib/platen-agent && ! test -e /var/lib/platen-install");
    });
    step("done");
}
