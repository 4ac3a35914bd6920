//! The memory of a cartridge, a part or the engine: 24Cxx EEPROMs, and FRAMs that speak like them, by the
//! driver `eeprom24x`. A cartridge or part has the record of [`crate::record`] in its first 128 bytes, the
//! engine the counter store of [`crate::counters`] in its first 256.

use std::time::Duration;

use eeprom24x::{Eeprom24x, Eeprom24xTrait, SlaveAddr};
use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;
use serde::Deserialize;

use crate::billing::{self, BillingError, BillingRecord};
use crate::copies::COPIES;
use crate::counters::{self, CounterError, CounterStore, Widths};
use crate::fault::{BusFault, ReadFault};
use crate::record::{self, CartridgeRecord, RecordError};

/// How often a read is tried before its failure counts. One read can meet a write cycle of the chip
/// (it does not answer meanwhile) or a disturbed transfer; three in a row are no accident.
const READ_ATTEMPTS: u32 = 3;
/// The write cycle of a 24Cxx lasts at most this long (Microchip 24LC02B data sheet DS20001709,
/// table 1-2, parameter 16: TWC, 5 ms).
pub const WRITE_CYCLE: Duration = Duration::from_millis(5);

/// A memory, by the name of its kind.
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
    /// FRAM, 8 KiB, 16-bit addressed (Infineon FM24CL64B data sheet 001-84458).
    #[serde(rename = "fm24cl64b")]
    Fm24cl64b,
    /// FRAM, 32 KiB, 16-bit addressed (Fujitsu MB85RC256V data sheet DS501-00017).
    #[serde(rename = "mb85rc256v")]
    Mb85rc256v,
}

impl MemoryChip {
    /// Bytes that it holds.
    pub const fn bytes(self) -> usize {
        match self {
            Self::C01 => 128,
            Self::C02 => 256,
            Self::C32 => 4096,
            Self::C64 | Self::Fm24cl64b => 8192,
            Self::C256 | Self::Mb85rc256v => 32_768,
        }
    }

    /// Bytes that one write may touch before the address wraps, as the driver knows them; an FRAM has no
    /// pages, and its address wraps at its end.
    pub const fn page_bytes(self) -> usize {
        match self {
            Self::C01 | Self::C02 => 8,
            Self::C32 | Self::C64 => 32,
            Self::C256 => 64,
            Self::Fm24cl64b | Self::Mb85rc256v => self.bytes(),
        }
    }

    /// Bytes of the address within the chip.
    pub const fn address_bytes(self) -> usize {
        match self {
            Self::C01 | Self::C02 => 1,
            Self::C32 | Self::C64 | Self::C256 | Self::Fm24cl64b | Self::Mb85rc256v => 2,
        }
    }

    /// Its name in a board file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::C01 => "24c01",
            Self::C02 => "24c02",
            Self::C32 => "24c32",
            Self::C64 => "24c64",
            Self::C256 => "24c256",
            Self::Fm24cl64b => "fm24cl64b",
            Self::Mb85rc256v => "mb85rc256v",
        }
    }

    /// How long it does not answer after a write: an FRAM has no such time.
    pub const fn write_cycle(self) -> Duration {
        match self {
            Self::Fm24cl64b | Self::Mb85rc256v => Duration::ZERO,
            _ => WRITE_CYCLE,
        }
    }
}

impl std::fmt::Display for MemoryChip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What stands behind a counter store: nothing, a record, or one that cannot be read.
pub type Billing = Option<Result<BillingRecord, BillingError>>;

/// One memory on a bus.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Which chip.
    pub chip: MemoryChip,
    /// Its 7-bit address, 0x50 to 0x57.
    pub address: u8,
}

impl Memory {
    /// Reads the newest whole cartridge record. A damaged copy is read again before it counts as damaged,
    /// for the damage may have happened on the bus.
    pub fn read<I, D>(self, bus: &mut I, delay: &mut D) -> Result<CartridgeRecord, ReadFault>
    where
        I: I2c<Error = BusFault>,
        D: DelayNs + ?Sized,
    {
        self.patiently(delay, || {
            let mut bytes = [0; record::COPY_BYTES * COPIES];
            self.with_driver(bus, |driver| driver.read_data(0, &mut bytes))?;
            let found = record::newest(&bytes)?;
            Ok((found.record, found.other_damaged))
        })
    }

    /// Reads the newest whole counter store, as patiently as [`Self::read`], and the billing record behind it where the
    /// store says that there is one. Its counters count so far.
    pub fn read_counters<I, D>(
        self,
        bus: &mut I,
        delay: &mut D,
        widths: &Widths,
    ) -> Result<(CounterStore, Billing), ReadFault>
    where
        I: I2c<Error = BusFault>,
        D: DelayNs + ?Sized,
    {
        self.patiently(delay, || {
            let mut bytes = [0; counters::COPY_BYTES * COPIES];
            self.with_driver(bus, |driver| driver.read_data(0, &mut bytes))?;
            let found = counters::newest(&bytes, widths)?;
            let billing = self.read_billing(bus, &found.store)?;
            // The engine may have written between the two.
            let again = found.other_damaged || matches!(billing, Some(Err(_)));
            Ok(((found.store, billing), again))
        })
    }

    /// What cannot be read of the billing record is not the store's fault: that has been read.
    fn read_billing<I>(self, bus: &mut I, store: &CounterStore) -> Result<Billing, ReadFault>
    where
        I: I2c<Error = BusFault>,
    {
        let needs = usize::try_from(billing::FIRST_BYTE).unwrap_or(usize::MAX) + billing::COPY_BYTES * COPIES;
        match store.billing {
            0 => return Ok(None),
            billing::VERSION if self.chip.bytes() < needs => {
                return Ok(Some(Err(BillingError::TooSmall(self.chip.bytes()))));
            }
            billing::VERSION => {}
            other => return Ok(Some(Err(BillingError::WrongVersion(other)))),
        }
        let mut bytes = [0; billing::COPY_BYTES * COPIES];
        self.with_driver(bus, |driver| driver.read_data(billing::FIRST_BYTE, &mut bytes))?;
        Ok(Some(billing::of_generation(&bytes, store.generation)))
    }

    /// Reads until both copies are whole, at most [`READ_ATTEMPTS`] times. A bus that is broken is not
    /// tried again: its adapter has waited long enough.
    fn patiently<T, D: DelayNs + ?Sized>(
        self,
        delay: &mut D,
        mut read: impl FnMut() -> Result<(T, bool), ReadFault>,
    ) -> Result<T, ReadFault> {
        let mut last = read();
        for _ in 1..READ_ATTEMPTS {
            if matches!(
                &last,
                Ok((_, false)) | Err(ReadFault::Bus(BusFault::Gone(_) | BusFault::Stuck(_) | BusFault::Busy))
            ) {
                break;
            }
            delay.delay_us(u32::try_from(self.chip.write_cycle().as_micros()).unwrap_or(u32::MAX));
            last = read();
        }
        last.map(|(value, _)| value)
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
            MemoryChip::C64 | MemoryChip::Fm24cl64b => act(&mut Eeprom24x::new_24x64(bus, address)),
            MemoryChip::C256 | MemoryChip::Mb85rc256v => act(&mut Eeprom24x::new_24x256(bus, address)),
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
            RecordError::Constant(byte) => Self::Constant(byte),
            RecordError::AbsurdCapacity(_) => Self::Implausible(error.to_string()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

impl From<CounterError> for ReadFault {
    fn from(error: CounterError) -> Self {
        match error {
            CounterError::Constant(byte) => Self::Constant(byte),
            CounterError::WrongSum { .. }
            | CounterError::BeyondWidth { .. }
            | CounterError::AbsurdLife(_) => Self::Implausible(error.to_string()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}
