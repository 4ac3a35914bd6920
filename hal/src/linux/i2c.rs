//! `/dev/i2c-N` by combined transfers (`I2C_RDWR`).
//!
//! `linux_embedded_hal::I2cdev` is not used as it is, for two reasons: it drops the count of messages
//! that the kernel carried out (on virtio-i2c a missing chip is an ioctl that succeeds with a count
//! of 0), and it opens the device file again for each change of address. The bus type of the crate
//! that it stands on (i2cdev, which it re-exports) has neither fault.

use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use embedded_hal::i2c::{ErrorType, I2c, Operation};
use linux_embedded_hal::i2cdev::core::{I2CMessage, I2CTransfer};
use linux_embedded_hal::i2cdev::linux::{LinuxI2CBus, LinuxI2CError, LinuxI2CMessage};
use nix::errno::Errno;

use crate::board::BoardError;
use crate::bus::Adapter;
use crate::config::Bus;
use crate::fault::BusFault;
use crate::linux::adapter;

/// How many transfers may time out within the deadline of a bus, roughly: a chip is tried up to three
/// times, and one that holds its clock must not cost all others their turn.
const TIMEOUTS_A_DEADLINE: u32 = 16;
/// No transfer of ours lasts longer: 258 bytes at 100 kHz are 24 ms.
const LEAST_TIMEOUT: Duration = Duration::from_millis(50);
/// `I2C_TIMEOUT` counts in tens of milliseconds (Documentation/i2c/dev-interface.rst).
const TIMEOUT_UNIT: Duration = Duration::from_millis(10);

/// The drivers above try again themselves, and count it.
const RETRIES: i32 = 0;

mod ioctl {
    #![allow(
        unsafe_code,
        reason = "these requests of i2c-dev take a number, and i2cdev has no call for them"
    )]
    // include/uapi/linux/i2c-dev.h
    nix::ioctl_write_int_bad!(
        /// How often the adapter tries a transfer again that lost arbitration.
        retries,
        0x0701
    );
    nix::ioctl_write_int_bad!(
        /// How long the adapter waits for a transfer, in tens of milliseconds.
        timeout,
        0x0702
    );
}

/// One adapter of the kernel. It can be away, as a USB adapter that was pulled: then it is opened again when
/// its chips are read the next time.
pub(crate) struct KernelBus {
    name: String,
    device: Option<PathBuf>,
    adapter: Option<String>,
    timeout: Duration,
    open: Option<Open>,
    error: Option<io::Error>,
}

struct Open {
    bus: LinuxI2CBus,
    device: PathBuf,
}

impl KernelBus {
    /// The bus of an entry, not yet opened.
    pub(crate) fn new(bus: &Bus) -> Self {
        Self {
            name: bus.name.get_ref().clone(),
            device: bus.device.clone(),
            adapter: bus.adapter.as_ref().map(|name| name.get_ref().clone()),
            timeout: (bus.deadline() / TIMEOUTS_A_DEADLINE).max(LEAST_TIMEOUT),
            open: None,
            error: None,
        }
    }

    /// Why it could not be opened the last time, if it could not.
    pub(crate) fn take_error(&mut self) -> Option<BoardError> {
        let (name, device) = (self.name.clone(), self.device());
        self.error.take().map(|source| BoardError::Bus { name, device, source })
    }

    fn open(&self) -> io::Result<Open> {
        let device = match (&self.device, &self.adapter) {
            (Some(device), _) => device.clone(),
            (None, Some(name)) => adapter::device_of(Path::new(adapter::CLASS), name)?,
            (None, None) => PathBuf::new(),
        };
        let bus = LinuxI2CBus::new(&device)?;
        set_patience(bus.as_raw_fd(), self.timeout)?;
        Ok(Open { bus, device })
    }
}

/// Tells an adapter how long to wait for a transfer, so that none lasts longer than the bus's deadline.
fn set_patience(fd: RawFd, timeout: Duration) -> io::Result<()> {
    let tens = timeout.as_millis().div_ceil(TIMEOUT_UNIT.as_millis());
    #[allow(unsafe_code, reason = "both requests take a number by value and keep nothing")]
    unsafe {
        ioctl::timeout(fd, i32::try_from(tens).unwrap_or(i32::MAX))?;
        ioctl::retries(fd, RETRIES)?;
    }
    Ok(())
}

impl Adapter for KernelBus {
    fn device(&self) -> String {
        match (&self.open, &self.device, &self.adapter) {
            (Some(open), _, Some(name)) => format!("{name} = {}", open.device.display()),
            (_, Some(device), _) => device.display().to_string(),
            (_, _, Some(name)) => name.clone(),
            _ => "no device".to_owned(),
        }
    }

    fn begin(&mut self) -> Result<(), BusFault> {
        if self.open.is_some() {
            return Ok(());
        }
        match self.open() {
            Ok(open) => {
                self.open = Some(open);
                self.error = None;
                Ok(())
            }
            Err(error) => {
                let errno = error.raw_os_error().map_or(Errno::ENODEV, Errno::from_raw);
                self.error = Some(error);
                Err(BusFault::Gone(errno))
            }
        }
    }

    fn trouble(&self) -> Option<String> {
        self.error.as_ref().map(ToString::to_string)
    }

    fn give_up(&mut self) {
        // The kernel does not let go of an adapter that was pulled while its device file is open.
        self.open = None;
    }

    fn held_by(&self, address: u8) -> Option<String> {
        let device = self.open.as_ref()?.device.file_name()?.to_str()?.strip_prefix("i2c-")?.to_owned();
        let driver =
            std::fs::read_link(format!("/sys/bus/i2c/devices/{device}-{address:04x}/driver")).ok()?;
        Some(driver.file_name()?.to_string_lossy().into_owned())
    }
}

impl ErrorType for KernelBus {
    type Error = BusFault;
}

impl I2c for KernelBus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusFault> {
        let mut messages: Vec<LinuxI2CMessage<'_>> = operations
            .iter_mut()
            .map(|operation| match operation {
                Operation::Write(bytes) => LinuxI2CMessage::write(bytes),
                Operation::Read(buffer) => LinuxI2CMessage::read(buffer),
            })
            .map(|message| message.with_address(address.into()))
            .collect();
        let open = self.open.as_mut().ok_or(BusFault::Gone(Errno::ENODEV))?;
        let done = open.bus.transfer(&mut messages).map_err(|error| fault(&error))?;
        // A short count is how some adapters tell of a byte that was not acknowledged.
        if usize::try_from(done) == Ok(messages.len()) { Ok(()) } else { Err(BusFault::ABSENT) }
    }
}

fn fault(error: &LinuxI2CError) -> BusFault {
    let number = match error {
        LinuxI2CError::Errno(number) => *number,
        LinuxI2CError::Io(error) => error.raw_os_error().unwrap_or(0),
    };
    match Errno::from_raw(number) {
        errno @ (Errno::ENXIO | Errno::EREMOTEIO) => BusFault::NoAnswer(errno),
        errno @ Errno::ETIMEDOUT => BusFault::TimedOut(errno),
        errno @ Errno::EAGAIN => BusFault::ArbitrationLost(errno),
        // I2C_RDWR does not ask whether a driver has the address: only an adapter that finds its bus
        // occupied says this (fault-codes.rst, and drivers/hid/hid-cp2112.c of "bus not free").
        errno @ Errno::EBUSY => BusFault::Stuck(errno),
        errno @ (Errno::ENODEV | Errno::ESHUTDOWN | Errno::EBADF) => BusFault::Gone(errno),
        other => BusFault::Kernel(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_chip_is_the_same_on_every_adapter() {
        for errno in [Errno::ENXIO, Errno::EREMOTEIO] {
            assert_eq!(fault(&LinuxI2CError::Errno(errno as i32)), BusFault::NoAnswer(errno));
        }
        assert_eq!(
            fault(&LinuxI2CError::Io(std::io::Error::from_raw_os_error(Errno::ETIMEDOUT as i32))),
            BusFault::TimedOut(Errno::ETIMEDOUT)
        );
    }

    fn bus(entry: &str) -> KernelBus {
        let text = format!("backend = \"linux\"\nmodel = \"m\"\n[[bus]]\nname = \"main\"\n{entry}\n");
        KernelBus::new(&crate::config::parse(&text, Path::new("board.toml")).unwrap().buses[0])
    }

    #[test]
    fn a_bus_that_is_not_there_is_named_with_what_to_check() {
        let mut bus = bus("device = \"/dev/i2c-none\"");
        assert_eq!(bus.begin(), Err(BusFault::Gone(Errno::ENOENT)));
        let message = bus.take_error().unwrap().to_string();
        assert!(message.contains("/dev/i2c-none") && message.contains("is I2C enabled"), "{message}");
    }

    #[test]
    fn an_adapter_that_no_name_leads_to_is_gone() {
        let mut bus = bus("adapter = \"no such adapter\"");
        assert_eq!(bus.begin(), Err(BusFault::Gone(Errno::ENODEV)));
        let message = bus.take_error().unwrap().to_string();
        assert!(message.contains("no I2C adapter has the name \"no such adapter\""), "{message}");
    }

    #[test]
    fn a_transfer_without_an_adapter_is_a_fault_of_the_bus() {
        let fault = bus("device = \"/dev/i2c-none\"").write(0x50, &[0]).unwrap_err();
        assert_eq!(fault, BusFault::Gone(Errno::ENODEV));
    }
}
