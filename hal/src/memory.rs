//! The memory of a cartridge or a part: 24Cxx EEPROMs by the driver `eeprom24x`, with the record of
//! [`crate::record`] in their first 128 bytes.

use std::thread;
use std::time::Duration;

use eeprom24x::{Eeprom24x, Eeprom24xTrait, SlaveAddr};
use embedded_hal::i2c::I2c;
use serde::Deserialize;

use crate::fault::{BusFault, ReadFault};
use crate::record::{self, COPIES, COPY_BYTES, CartridgeRecord, Found, RecordError};

/// How often a read is tried before its failure counts. One read can meet a write cycle of the chip
/// (it does not answer meanwhile) or a disturbed transfer; three in a row are no accident.
const READ_ATTEMPTS: u32 = 3;
/// The write cycle of a 24Cxx lasts at most this long (Microchip 24LC02B data sheet DS20001709,
/// table 1-2, parameter 16: TWC, 5 ms).
pub const WRITE_CYCLE: Duration = Duration::from_millis(5);

/// A 24Cxx, by its size in kilobits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum MemoryChip {
    /// 128 bytes, 8-bit addressed.
    #[serde(rename = "24c01")]
    C01,
    /// 256 bytes, 8-bit addressed.
    #[serde(rename = "24c02")]
    C02,
    /// 4 KiB, 16-bit addressed.
    #[serde(rename = "24c32")]
    C32,
    /// 8 KiB, 16-bit addressed.
    #[serde(rename = "24c64")]
    C64,
    /// 32 KiB, 16-bit addressed.
    #[serde(rename = "24c256")]
    C256,
}

impl MemoryChip {
    /// Bytes that it holds.
    pub const fn bytes(self) -> usize {
        match self {
            Self::C01 => 128,
            Self::C02 => 256,
            Self::C32 => 4096,
            Self::C64 => 8192,
            Self::C256 => 32_768,
        }
    }

    /// Bytes that one write may touch before the address wraps, as the driver knows them.
    pub const fn page_bytes(self) -> usize {
        match self {
            Self::C01 | Self::C02 => 8,
            Self::C32 | Self::C64 => 32,
            Self::C256 => 64,
        }
    }

    /// Bytes of the address within the chip.
    pub const fn address_bytes(self) -> usize {
        match self {
            Self::C01 | Self::C02 => 1,
            Self::C32 | Self::C64 | Self::C256 => 2,
        }
    }
}

/// One memory on a bus.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Which chip.
    pub chip: MemoryChip,
    /// Its 7-bit address, 0x50 to 0x57.
    pub address: u8,
}

impl Memory {
    /// Reads the newest whole record. A damaged copy is read again before it counts as damaged, for
    /// the damage may have happened on the bus.
    pub fn read<I>(self, bus: &mut I) -> Result<CartridgeRecord, ReadFault>
    where
        I: I2c<Error = BusFault>,
    {
        let mut last = self.read_once(bus);
        for _ in 1..READ_ATTEMPTS {
            if matches!(&last, Ok(found) if !found.other_damaged) {
                break;
            }
            thread::sleep(WRITE_CYCLE);
            last = self.read_once(bus);
        }
        last.map(|found| found.record)
    }

    fn read_once<I>(self, bus: &mut I) -> Result<Found, ReadFault>
    where
        I: I2c<Error = BusFault>,
    {
        let mut bytes = [0; COPY_BYTES * COPIES];
        self.with_driver(bus, |driver| driver.read_data(0, &mut bytes))?;
        record::newest(&bytes).map_err(ReadFault::from)
    }

    /// Hands the driver of this chip to `act`.
    fn with_driver<I, T>(
        self,
        bus: &mut I,
        act: impl FnOnce(&mut dyn Eeprom24xTrait<Error = BusFault>) -> Result<T, eeprom24x::Error<BusFault>>,
    ) -> Result<T, ReadFault>
    where
        I: I2c<Error = BusFault>,
    {
        let address = SlaveAddr::Alternative(
            self.address & 0b100 != 0,
            self.address & 0b010 != 0,
            self.address & 0b001 != 0,
        );
        match self.chip {
            MemoryChip::C01 => act(&mut Eeprom24x::new_24x01(bus, address)),
            MemoryChip::C02 => act(&mut Eeprom24x::new_24x02(bus, address)),
            MemoryChip::C32 => act(&mut Eeprom24x::new_24x32(bus, address)),
            MemoryChip::C64 => act(&mut Eeprom24x::new_24x64(bus, address)),
            MemoryChip::C256 => act(&mut Eeprom24x::new_24x256(bus, address)),
        }
        .map_err(|error| match error {
            eeprom24x::Error::I2C(fault) => ReadFault::Bus(fault),
            other => ReadFault::Damaged(format!("the driver refused the address: {other:?}")),
        })
    }
}

impl From<RecordError> for ReadFault {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::AbsurdCapacity(_) => Self::Implausible(error.to_string()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}
