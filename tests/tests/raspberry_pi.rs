//! A Raspberry Pi 3 with Debian's arm64 kernel: the cross-built package, the project's overlay, the BCM2837's
//! own I2C controller and GPIO, and a manager on the host that it reports to by USB network and TLS.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Helpers of tests end the test, with its words.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use platen_hal::record::{COPY_BYTES, CartridgeRecord};
use platen_protocol::readings::Readings;
use platen_protocol::supply::{Capacity, Level, SupplyType, SupplyUnit};
use platen_protocol::unknown::UnknownReason;
use platen_tests::debian::{agent_package_for, build_agent_package_for, root};
use platen_tests::guest::raspberry_pi::{Chip, RaspberryPi, RaspberryPiOptions};
use platen_tests::guest::{GuestFiles, HOST_ADDRESS};
use platen_tests::process::{run_ok, until};
use platen_tests::site::Manager;
use serde_json::Value;

const ARCHITECTURE: &str = "arm64";
/// The overlay of `dts/` for this board.
const OVERLAY: &str = "platen-pi3.dtbo";
/// The line that this overlay names `PLATEN_COVER`: GPIO 5, pin 29 of the header.
const COVER_LINE: u32 = 5;
const CAPACITY: u32 = 3000;
const USED: u32 = 1740;
const SERIAL: &str = "PI-CYAN-0001";
/// Bytes of a 24C256.
const EEPROM_BYTES: usize = 32 * 1024;
/// dpkg unpacks and starts a service on an emulated processor.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

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
fn cartridge() -> Vec<u8> {
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
    memory[..COPY_BYTES].copy_from_slice(&record(1, USED - 1).encode().unwrap());
    memory[COPY_BYTES..2 * COPY_BYTES].copy_from_slice(&record(2, USED).encode().unwrap());
    memory
}

fn boot(folder: &Path) -> RaspberryPi {
    let files = GuestFiles::build_raspberry_pi(&root().join("target/guest-arm64")).unwrap();
    run_ok(Command::new(root().join("scripts/overlays.sh")).arg(folder), "");
    let contents = folder.join("cyan.bin");
    fs::write(&contents, cartridge()).unwrap();
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

fn install(pi: &RaspberryPi, manager: &Manager) {
    let package = agent_package_for(ARCHITECTURE).unwrap_or_else(|| build_agent_package_for(ARCHITECTURE));
    pi.push_file(&package, "/root/platen-agent.deb").unwrap();
    println!("{}", pi.check_within("dpkg -i /root/platen-agent.deb", INSTALL_LIMIT).unwrap());
    pi.check("systemctl stop platen-agent").unwrap();
    write(pi, "/etc/platen/board.toml", BOARD);
    let agent = format!(
        "device = \"pi\"\n[uplink]\nmanager = \"https://{HOST_ADDRESS}:{}\"\n[sample]\ninterval = \"1s\"\n",
        manager.device_port()
    );
    write(pi, "/etc/platen/agent.toml", &agent);
}

fn read(pi: &RaspberryPi) -> Readings {
    let text = pi.check("platen-agent read --json").unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(value["simulated"], false, "the kernel's devices are not simulated ones");
    serde_json::from_value(value["readings"].take()).unwrap()
}

fn level<'a>(readings: &'a Readings, name: &str) -> &'a Level {
    &readings.supplies.iter().find(|supply| supply.name == name).unwrap().level
}

fn cover(pi: &RaspberryPi) -> Option<bool> {
    read(pi).switches[0].active.known().copied()
}

fn the_board_is_read(pi: &RaspberryPi) {
    let readings = read(pi);
    let cyan = &readings.supplies[0];
    assert_eq!(cyan.level, Level::Known { amount: CAPACITY - USED });
    assert_eq!(cyan.capacity, Capacity::Known { amount: CAPACITY });
    assert_eq!(cyan.serial.as_deref(), Some(SERIAL));
    match level(&readings, "black") {
        Level::Unknown { cause } => assert_eq!(cause.reason, UnknownReason::NoAnswer, "{cause}"),
        other => panic!("there is no chip, and it reads {other:?}"),
    }
    for millidegrees in [-10_500, 42_500] {
        pi.set_temperature("ambient", millidegrees).unwrap();
        assert_eq!(read(pi).temperatures[0].millidegrees_celsius.known(), Some(&millidegrees));
    }
    for open in [false, true, false] {
        // A switch to ground with a pull-up: closed cover, high line.
        pi.set_line(COVER_LINE, !open).unwrap();
        assert_eq!(cover(pi), Some(open));
    }
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
    step("the guest is built or found, and boots");
    let pi = boot(folder.path());
    step("the package is installed");
    install(&pi, &manager);
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
