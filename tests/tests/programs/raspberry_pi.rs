//! A Raspberry Pi 3 with Debian's arm64 kernel: the cross-built package, the project's overlay, the BCM2837's
//! own I2C controller and GPIO, and a manager on the host that it reports to by USB network and TLS.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use platen_hal::record::{COPY_BYTES, CartridgeRecord};
use platen_protocol::readings::Readings;
use platen_protocol::supply::{Level, SupplyType, SupplyUnit};
use platen_protocol::unknown::UnknownReason;
use platen_simulator::SimCommand;
use platen_tests::guests::raspberry_pi::{Chip, RaspberryPi, RaspberryPiOptions};
use platen_tests::guests::{GuestFiles, HOST_ADDRESS};
use platen_tests::hal_suite::{self, Need, Rig, in_guest};
use platen_tests::rigs::debian::{agent_package_for, root};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::{run_ok, until};

const ARCHITECTURE: &str = "arm64";
/// The overlay of `dts/` for this board.
const OVERLAY: &str = "platen-pi3.dtbo";
/// The line that this overlay names `PLATEN_COVER`: GPIO 5, pin 29 of the header.
const COVER_LINE: u32 = 5;
const CAPACITY: u32 = 3000;
const USED: u32 = 1740;
/// As the suite expects it of a cartridge for cyan.
const SERIAL: &str = "SIM-CYAN";
/// Bytes of a 24C256.
const EEPROM_BYTES: usize = 32 * 1024;
/// How many of them one transfer writes here: with the address no more than QEMU's BCM2835 takes at once, whose FIFO
/// has 16 bytes and which never asks for more.
const PAGE_BYTES: usize = 8;

/// Nothing is at 0x51: a cartridge that has been pulled out.
const BOARD: &str = r#"
backend = "linux"
model = "Pi printer"
[[bus]]
name = "main"
device = "/dev/i2c-1"
[[supply]]
name = "cyan"
bus = "main"
chip = "24c256"
address = 0x50
[[supply]]
name = "black"
bus = "main"
chip = "24c256"
address = 0x51
[[temperature]]
name = "ambient"
bus = "main"
chip = "lm75"
address = 0x49
[[switch]]
name = "cover"
meaning = "cover"
gpio = "/dev/gpiochip0"
line = "PLATEN_COVER"
active = "low"
"#;

/// The contents of a cartridge's memory: both copies of its record, the second one newer.
fn cartridge(used: u32) -> Vec<u8> {
    let record = |generation, used| CartridgeRecord {
        generation,
        supply_type: SupplyType::TonerCartridge,
        unit: SupplyUnit::TenthsOfGrams,
        colorant: Some("cyan"),
        capacity: CAPACITY,
        used,
        serial: SERIAL.to_owned(),
    };
    let mut memory = vec![0xff; EEPROM_BYTES];
    memory[..COPY_BYTES].copy_from_slice(&record(1, used.saturating_sub(1)).encode().unwrap());
    memory[COPY_BYTES..2 * COPY_BYTES].copy_from_slice(&record(2, used).encode().unwrap());
    memory
}

fn boot(folder: &Path) -> RaspberryPi {
    let files = GuestFiles::raspberry_pi().unwrap();
    run_ok(Command::new(root().join("scripts/overlays.sh")).arg(folder), "");
    let contents = folder.join("cyan.bin");
    fs::write(&contents, cartridge(USED)).unwrap();
    let options = RaspberryPiOptions {
        overlays: vec![folder.join(OVERLAY)],
        chips: vec![
            Chip::Eeprom { address: 0x50, contents },
            Chip::Thermometer { name: "ambient".into(), address: 0x49 },
        ],
        knows_the_time: true,
    };
    RaspberryPi::boot(&files, &options).unwrap()
}

/// Writes a file in the guest.
fn write(pi: &RaspberryPi, to: &str, text: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    pi.push_file(file.path(), to).unwrap();
    pi.check(&format!("chmod 644 {to}")).unwrap();
}

fn install(pi: &RaspberryPi, package: &Path, manager: &Manager) {
    println!("{}", pi.install(package).unwrap());
    pi.check("systemctl stop platen-agent").unwrap();
    write(pi, "/etc/platen/board.toml", BOARD);
    let agent = format!(
        "device = \"pi\"\n[uplink]\nmanager = \"https://{HOST_ADDRESS}:{}\"\n[sample]\ninterval = \"1s\"\n",
        manager.device_port()
    );
    write(pi, "/etc/platen/agent.toml", &agent);
}

fn read(pi: &RaspberryPi) -> Readings {
    in_guest::read_board(pi)
}

fn level<'a>(readings: &'a Readings, name: &str) -> &'a Level {
    &readings.supplies.iter().find(|supply| supply.name == name).unwrap().level
}

/// The suite's rig: QEMU's own chips. What the simulated printer does elsewhere is done to them by writing the
/// memory through the bus, by the monitor, and by the level of a pin.
struct Pi<'a>(&'a RaspberryPi);

impl Rig for Pi<'_> {
    fn sample(&mut self) -> Readings {
        read(self.0)
    }

    fn edges_during(&mut self, _commands: &[SimCommand], _expected: usize) -> Vec<(String, bool)> {
        unreachable!("no edges here: `lacks` says so")
    }

    fn act(&self, command: &SimCommand) {
        match command {
            SimCommand::Set { supply, percent } if supply == "cyan" => {
                set_cyan(self.0, CAPACITY - CAPACITY * u32::from(*percent) / 100);
            }
            SimCommand::Heat { sensor, millidegrees_celsius } => {
                self.0.set_temperature(sensor, *millidegrees_celsius).unwrap();
            }
            // A switch to ground with a pull-up: closed cover, high line.
            SimCommand::Open { .. } => self.0.set_line(COVER_LINE, false).unwrap(),
            SimCommand::Close { .. } => self.0.set_line(COVER_LINE, true).unwrap(),
            other => panic!("{other:?} cannot be done to QEMU's chips, and no case may ask for it here"),
        }
    }

    fn lacks(&self) -> &[(Need, &'static str)] {
        const PRINTER: &str = "its chips are QEMU's, which neither print nor break";
        &[
            (Need::Printer, PRINTER),
            (Need::ErrorKinds, PRINTER),
            (Need::Edges, "QEMU's BCM2835 raises no edges"),
            (Need::Converter, "QEMU has no ADS1115"),
            (Need::Multiplexer, "nothing is behind one here"),
            (Need::ShortAddresses, "QEMU's EEPROM misreads 8-bit addresses"),
            (Need::Engine, "QEMU has no engine"),
            (Need::Outputs, "`platen-agent read` leaves the outputs alone"),
        ]
    }
}

/// Writes both copies of the record into the memory, through the bus and by its pages, as an engine would.
fn set_cyan(pi: &RaspberryPi, used: u32) {
    let mut script = String::new();
    for (page, bytes) in (0..).step_by(PAGE_BYTES).zip(cartridge(used)[..2 * COPY_BYTES].chunks(PAGE_BYTES)) {
        let data: Vec<_> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
        let length = data.len() + 2;
        let _ =
            writeln!(script, "i2ctransfer -y 1 w{length}@0x50 0x00 {page:#04x} {} || exit 1", data.join(" "));
    }
    pi.check(&script).unwrap();
}

fn the_board_is_read(pi: &RaspberryPi) {
    hal_suite::run(&mut Pi(pi));
    match level(&read(pi), "black") {
        Level::Unknown { cause } => assert_eq!(cause.reason, UnknownReason::NoAnswer, "{cause}"),
        other => panic!("there is no chip, and it reads {other:?}"),
    }
    set_cyan(pi, USED);
}

fn the_service_reports(pi: &RaspberryPi, manager: &Manager) {
    let token = manager.token(&["--device", "pi"]);
    pi.check(&format!("echo {token} | platen-agent enroll --token-file -")).unwrap();
    pi.check("systemctl start platen-agent || { journalctl --no-pager -u platen-agent; exit 1; }").unwrap();
    let user = pi.check("ps -o user= -p $(systemctl show --value -p MainPID platen-agent)").unwrap();
    assert_eq!(user.trim(), "platen-agent", "the service does not run as root");
    let operator = manager.operator();
    let supply = |name: &str| {
        let device = operator.device("pi");
        device["supplies"].as_array()?.iter().find(|supply| supply["name"] == name).cloned()
    };
    let cyan = until("the manager knows the cyan cartridge", || supply("cyan"));
    assert_eq!(cyan["level"]["amount"], CAPACITY - USED, "{cyan}");
    assert_eq!(cyan["serial"], SERIAL, "{cyan}");
    let black = supply("black").unwrap();
    assert_eq!(black["level"]["state"], "unknown", "{black}");
    // Without edges, the sample by interval finds it.
    pi.set_line(COVER_LINE, false).unwrap();
    until("the manager knows that the cover is open", || {
        let device = operator.device("pi");
        device["alerts"].as_array()?.iter().find(|alert| alert["code"] == "coverOpen").map(|_| ())
    });
}

#[test]
fn a_raspberry_pi_reads_its_chips_and_reports() {
    let begin = Instant::now();
    let step = |what: &str| println!("[{:>4} s] {what}", begin.elapsed().as_secs());
    let manager = Manager::start();
    let folder = tempfile::TempDir::new().unwrap();
    // First: a guest that waits takes a processor that the compiler needs.
    step("the package is built or found");
    let package = agent_package_for(ARCHITECTURE);
    step("the guest is built or found, and boots");
    let pi = boot(folder.path());
    step("the package is installed");
    install(&pi, &package, &manager);
    step("the board is read");
    the_board_is_read(&pi);
    step("the agent enrols, starts and reports");
    the_service_reports(&pi, &manager);
    step("the service stops cleanly");
    pi.check("systemctl stop platen-agent").unwrap();
    let result = pi.check("systemctl show --value -p Result platen-agent").unwrap();
    assert_eq!(result.trim(), "success");
    let journal = pi.check("journalctl --no-pager -u platen-agent -o cat").unwrap();
    println!("{journal}");
    assert!(!journal.contains("panicked"));
    step("done");
}
