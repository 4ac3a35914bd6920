//! `/dev/i2c-N` by combined transfers (`I2C_RDWR`).
//!
//! `linux_embedded_hal::I2cdev` is not used as it is, for two reasons: it drops the count of messages
//! that the kernel carried out (on virtio-i2c a missing chip is an ioctl that succeeds with a count
//! of 0), and it opens the device file again for each change of address. The bus type of the crate
//! that it stands on (i2cdev, which it re-exports) has neither fault.

use std::path::Path;

use embedded_hal::i2c::{ErrorType, I2c, Operation};
use linux_embedded_hal::i2cdev::core::{I2CMessage, I2CTransfer};
use linux_embedded_hal::i2cdev::linux::{LinuxI2CBus, LinuxI2CError, LinuxI2CMessage};
use nix::errno::Errno;

use crate::board::BoardError;
use crate::chips::NamedBus;
use crate::config::BoardConfig;
use crate::fault::BusFault;

/// One adapter of the kernel.
pub(crate) struct KernelBus(LinuxI2CBus);

/// Opens the buses of a board file.
pub(crate) fn open_buses(config: &BoardConfig) -> Result<Vec<NamedBus<KernelBus>>, BoardError> {
    let open = |bus: &crate::config::Bus| {
        let device = bus.device.as_deref().unwrap_or(Path::new(""));
        let name = bus.name.get_ref().clone();
        match LinuxI2CBus::new(device) {
            Ok(adapter) => Ok(NamedBus { name, bus: KernelBus(adapter) }),
            Err(error) => {
                Err(BoardError::Bus { name, device: device.display().to_string(), source: error.into() })
            }
        }
    };
    config.buses.iter().map(open).collect()
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
        let done = self.0.transfer(&mut messages).map_err(|error| fault(&error))?;
        // A short count is how some adapters tell of a byte that was not acknowledged.
        if usize::try_from(done) == Ok(messages.len()) { Ok(()) } else { Err(BusFault::NoAnswer) }
    }
}

fn fault(error: &LinuxI2CError) -> BusFault {
    let number = match error {
        LinuxI2CError::Errno(number) => *number,
        LinuxI2CError::Io(error) => error.raw_os_error().unwrap_or(0),
    };
    match Errno::from_raw(number) {
        Errno::ENXIO | Errno::EREMOTEIO | Errno::ENODEV => BusFault::NoAnswer,
        Errno::ETIMEDOUT => BusFault::TimedOut,
        Errno::EAGAIN => BusFault::ArbitrationLost,
        Errno::EBUSY => BusFault::Held,
        other => BusFault::Kernel(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_chip_is_the_same_on_every_adapter() {
        for errno in [Errno::ENXIO, Errno::EREMOTEIO] {
            assert_eq!(fault(&LinuxI2CError::Errno(errno as i32)), BusFault::NoAnswer);
        }
        assert_eq!(
            fault(&LinuxI2CError::Io(std::io::Error::from_raw_os_error(Errno::ETIMEDOUT as i32))),
            BusFault::TimedOut
        );
    }

    #[test]
    fn a_bus_that_is_not_there_is_named_with_what_to_check() {
        let text =
            "backend = \"linux\"\nmodel = \"m\"\n[[bus]]\nname = \"main\"\ndevice = \"/dev/i2c-none\"\n";
        let config = crate::config::parse(text, Path::new("board.toml")).unwrap();
        let message = open_buses(&config).err().unwrap().to_string();
        assert!(message.contains("/dev/i2c-none") && message.contains("is I2C enabled"), "{message}");
    }
}
