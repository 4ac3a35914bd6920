//! A Raspberry Pi 3 as a guest: Debian's arm64 kernel, the BCM2837's own I2C controller and GPIO, and the
//! device tree of Debian's kernel package with the project's overlays on it.
//!
//! QEMU's own chips are on its second I2C controller, `/dev/i2c-1` at pins 3 and 5 of the header.
//!
//! ```text
//! this process                                      QEMU                       guest
//! Guest::run      -- port.sock ------------------- PL011 ------------------- guest-shell (tests/guest/overlay)
//! Guest::push_file ------------------------------- USB network ------------- /dev/tcp
//! set_temperature -- monitor.sock ---------------- tmp105 ------------------ /dev/i2c-1
//! set_line        -- test.sock ------------------- GPSET0, GPCLR0 ---------- /dev/gpiochip0
//! ```

use std::ffi::OsString;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde_json::json;

use super::command_line::{BARE, CommandLine, KERNEL_ARGUMENTS};
use super::monitor::{Monitor, TestPort};
use super::{Carrier, Guest, GuestError, GuestFiles, Machine, built, guest_folder};

/// From QEMU's start to a system that is up. An idle machine takes about 40 s; a busy one several times that.
pub const BOOT_LIMIT: Duration = Duration::from_secs(480);
/// The bus of the header, as the guest names it.
pub const BUS: &str = "/dev/i2c-1";
/// The GPIO chip of the header, as the guest names it.
pub const GPIO: &str = "/dev/gpiochip0";
/// The memory of an EEPROM has to be whole blocks of a disk, of so many bytes.
pub const BLOCK_BYTES: usize = 512;

/// The registers that set and clear a line of the first bank (BCM2835 ARM Peripherals, section 6.1), where the
/// BCM2837 has them. Written from outside the guest, they are the level that an input reads.
const GPSET0: u64 = 0x3f20_001c;
const GPCLR0: u64 = 0x3f20_0028;
/// Lines in that bank.
const BANK_LINES: u32 = 32;

/// What the guest is made of.
#[derive(Debug, Clone)]
pub struct RaspberryPiFiles {
    common: GuestFiles,
    device_tree: PathBuf,
}

impl GuestFiles {
    /// As [`Self::pc`], for a Raspberry Pi.
    pub fn raspberry_pi() -> Result<RaspberryPiFiles, GuestError> {
        let folder = built("raspberry-pi")?;
        Ok(RaspberryPiFiles { common: Self::in_folder(&folder), device_tree: folder.join("board.dtb") })
    }
}

/// A chip on [`BUS`].
#[derive(Debug, Clone)]
pub enum Chip {
    /// A memory with addresses of 16 bits (QEMU misreads those with 8).
    Eeprom {
        /// Its place on the bus.
        address: u8,
        /// Its contents, a multiple of [`BLOCK_BYTES`]. What the guest writes is not kept.
        contents: PathBuf,
    },
    /// A TMP105.
    Thermometer {
        /// What [`RaspberryPi::set_temperature`] calls it.
        name: String,
        /// Its place on the bus.
        address: u8,
    },
}

/// What may differ between Raspberry Pis.
#[derive(Debug, Clone, Default)]
pub struct RaspberryPiOptions {
    /// Compiled overlays, put on the device tree in this order.
    pub overlays: Vec<PathBuf>,
    /// What is on the bus.
    pub chips: Vec<Chip>,
    /// A Raspberry Pi has no clock that runs without power: it believes that it is the day on which its systemd was
    /// built, unless it is told the time.
    pub knows_the_time: bool,
}

/// A running Raspberry Pi; everything of [`Guest`] is done with it as well.
pub struct RaspberryPi {
    monitor: Mutex<Monitor>,
    test_port: Mutex<TestPort>,
    guest: Guest,
}

impl Deref for RaspberryPi {
    type Target = Guest;

    fn deref(&self) -> &Guest {
        &self.guest
    }
}

impl RaspberryPi {
    /// Starts one and waits until its system is up, with no unit failed.
    pub fn boot(files: &RaspberryPiFiles, options: &RaspberryPiOptions) -> Result<Self, GuestError> {
        let machine =
            Machine { program: "qemu-system-aarch64", carrier: Carrier::Tcp, boot_limit: BOOT_LIMIT };
        let folder = guest_folder()?;
        apply_overlays(&files.device_tree, &options.overlays, &folder.path().join("board.dtb"))?;
        let arguments = arguments(&files.common, options, folder.path())?;
        let guest = Guest::start(&machine, arguments, folder)?;
        Ok(Self {
            monitor: Mutex::new(Monitor::connect(&guest.folder.path().join("monitor.sock"))?),
            test_port: Mutex::new(TestPort::connect(&guest.folder.path().join("test.sock"))?),
            guest,
        })
    }

    /// Heats or cools a thermometer, to thousandths of a degree Celsius.
    pub fn set_temperature(&self, name: &str, millidegrees: i32) -> Result<(), GuestError> {
        let property = json!({
            "path": format!("/machine/peripheral/{name}"), "property": "temperature", "value": millidegrees
        });
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner).execute("qom-set", &property)
    }

    /// Puts a level on a line of [`GPIO`], 0 to 31. No edge comes of it: QEMU's GPIO has no interrupt.
    pub fn set_line(&self, line: u32, high: bool) -> Result<(), GuestError> {
        assert!(line < BANK_LINES, "line {line} is not in the first bank");
        let register = if high { GPSET0 } else { GPCLR0 };
        self.test_port.lock().unwrap_or_else(PoisonError::into_inner).write(register, 1 << line)
    }
}

fn apply_overlays(tree: &Path, overlays: &[PathBuf], to: &Path) -> Result<(), GuestError> {
    let output = Command::new("fdtoverlay")
        .arg("-i")
        .arg(tree)
        .arg("-o")
        .arg(to)
        .args(overlays)
        .output()
        .map_err(|source| GuestError::System { what: "fdtoverlay cannot be run", source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(GuestError::Overlay { messages: String::from_utf8_lossy(&output.stderr).into_owned() })
}

/// QEMU's command line; `folder` holds the guest's sockets, logs and device tree.
fn arguments(
    files: &GuestFiles,
    options: &RaspberryPiOptions,
    folder: &Path,
) -> Result<Vec<OsString>, GuestError> {
    let mut kernel = format!("console=ttyS1,115200 root=/dev/mmcblk0 {KERNEL_ARGUMENTS}");
    if options.knows_the_time {
        kernel.push_str(&clock_argument()?);
    }
    let mut line = CommandLine::default()
        .words(BARE)
        // Processors and memory of this machine are fixed.
        .words("-machine raspi3b -accel tcg,thread=multi")
        .option("-kernel", &files.kernel)
        .option("-initrd", &files.initrd)
        .option("-dtb", folder.join("board.dtb"))
        .option("-append", kernel)
        .path_option("-drive", "if=sd,format=raw,snapshot=on,file=", &files.root)
        .words("-netdev user,id=net -device usb-net,netdev=net")
        // The first serial port is the PL011, the second the mini UART.
        .path_option("-chardev", "socket,id=port,path=", &folder.join("port.sock"))
        .path_option("-chardev", "file,id=console,path=", &folder.join("console.log"))
        .words("-serial chardev:port -serial chardev:console")
        .path_option("-chardev", "socket,id=monitor,server=on,wait=off,path=", &folder.join("monitor.sock"))
        .words("-mon chardev=monitor,mode=control")
        .path_option("-chardev", "socket,id=test,server=on,wait=off,path=", &folder.join("test.sock"))
        .words("-qtest chardev:test");
    for (number, chip) in options.chips.iter().enumerate() {
        line = with_chip(line, number, chip)?;
    }
    Ok(line.finish())
}

fn with_chip(line: CommandLine, number: usize, chip: &Chip) -> Result<CommandLine, GuestError> {
    match chip {
        Chip::Eeprom { address, contents } => {
            let size = contents
                .metadata()
                .map_err(|source| GuestError::System {
                    what: "the contents of an EEPROM cannot be read",
                    source,
                })?
                .len();
            let device = format!(
                "at24c-eeprom,bus=i2c-bus.1,address={address:#x},rom-size={size},address-size=2,drive=rom{number}"
            );
            Ok(line
                .path_option(
                    "-drive",
                    &format!("if=none,format=raw,snapshot=on,id=rom{number},file="),
                    contents,
                )
                .option("-device", device))
        }
        Chip::Thermometer { name, address } => {
            Ok(line.option("-device", format!("tmp105,id={name},bus=i2c-bus.1,address={address:#x}")))
        }
    }
}

/// Tells systemd the time of this machine.
fn clock_argument() -> Result<String, GuestError> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME)
        .map_err(|errno| GuestError::System { what: "the clock cannot be read", source: errno.into() })?;
    Ok(format!(" systemd.clock_usec={}", Duration::from(now).as_micros()))
}
