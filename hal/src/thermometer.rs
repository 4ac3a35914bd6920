//! Temperature sensors: LM75 and its kin (among them the TMP105) by the driver `lm75`, TMP102 by the
//! driver `tmp1x2`.
//!
//! These chips have no checksum. A reading counts when a second one agrees with it, for a transfer
//! that was corrupted does not repeat itself, and when it is within what the chip can measure.

use embedded_hal::i2c::I2c;
use lm75::Lm75;
use serde::Deserialize;
use tmp1x2::Tmp1x2;

use crate::fault::{BusFault, ReadFault};

/// How far two readings in a row may be apart, in thousandths of a degree Celsius.
const AGREEMENT: i32 = 1_000;
/// How often a pair that agrees is sought.
const PAIRS: u32 = 3;
/// What both chips are specified for (NXP LM75B data sheet, section 1; TI TMP102, SBOS397,
/// section 6.3), in thousandths of a degree Celsius.
const RANGE: std::ops::RangeInclusive<i32> = -55_000..=125_000;

/// The registers have the same numbers in both chips (LM75B data sheet, table 7; TMP102, table 7). The
/// limit is 80 °C after power-on: 0x50 0x00.
const TEMPERATURE_REGISTER: u8 = 0;
const LIMIT_REGISTER: u8 = 3;

/// A sensor, by its register layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ThermometerChip {
    /// 9 bits, steps of 0.5 °C.
    #[serde(rename = "lm75")]
    Lm75,
    /// 12 bits, steps of 0.0625 °C.
    #[serde(rename = "tmp102")]
    Tmp102,
}

impl std::fmt::Display for ThermometerChip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lm75 => "lm75",
            Self::Tmp102 => "tmp102",
        })
    }
}

/// One sensor on a bus.
#[derive(Debug, Clone, Copy)]
pub struct Thermometer {
    /// Which chip.
    pub chip: ThermometerChip,
    /// Its 7-bit address: 0x48 to 0x4f, and to 0x4b for the TMP102.
    pub address: u8,
}

impl Thermometer {
    /// The temperature, in thousandths of a degree Celsius.
    pub fn read<I>(self, bus: &mut I) -> Result<i32, ReadFault>
    where
        I: I2c<Error = BusFault>,
    {
        let mut last = ReadFault::Bus(BusFault::ABSENT);
        for _ in 0..PAIRS {
            match self.read_pair(bus) {
                Ok(value) => return Ok(value),
                Err(ReadFault::Bus(fault)) if fault.is_of_the_bus() => return Err(fault.into()),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    fn read_pair<I>(self, bus: &mut I) -> Result<i32, ReadFault>
    where
        I: I2c<Error = BusFault>,
    {
        let (first, second) = (self.read_once(bus)?, self.read_once(bus)?);
        if (first - second).abs() > AGREEMENT {
            return Err(ReadFault::Damaged(format!(
                "two readings in a row differ, {first} and {second} thousandths of a degree"
            )));
        }
        if !RANGE.contains(&second) {
            return Err(ReadFault::Implausible(format!(
                "{second} thousandths of a degree Celsius is outside what the sensor can measure"
            )));
        }
        self.refuse_constant(bus)?;
        Ok(second)
    }

    /// A chip that answers with the same byte for everything gives a temperature too. Its limit register
    /// tells: no limit has two equal bytes that are those of the temperature as well.
    fn refuse_constant<I>(self, bus: &mut I) -> Result<(), ReadFault>
    where
        I: I2c<Error = BusFault>,
    {
        let (mut limit, mut temperature) = ([0; 2], [0; 2]);
        bus.write_read(self.address, &[LIMIT_REGISTER], &mut limit)?;
        if limit[0] == limit[1] {
            bus.write_read(self.address, &[TEMPERATURE_REGISTER], &mut temperature)?;
            if limit == temperature {
                return Err(ReadFault::Constant(limit[0]));
            }
        }
        Ok(())
    }

    fn read_once<I>(self, bus: &mut I) -> Result<i32, ReadFault>
    where
        I: I2c<Error = BusFault>,
    {
        let celsius = match self.chip {
            ThermometerChip::Lm75 => Lm75::new(bus, self.address).read_temperature().map_err(|e| match e {
                lm75::Error::I2C(fault) => ReadFault::Bus(fault),
                lm75::Error::InvalidInputData => ReadFault::Damaged("the driver refused the read".into()),
            }),
            ThermometerChip::Tmp102 => {
                let address =
                    tmp1x2::SlaveAddr::Alternative(self.address & 0b10 != 0, self.address & 0b01 != 0);
                Tmp1x2::new(bus, address).read_temperature().map_err(|e| match e {
                    tmp1x2::Error::I2C(fault) => ReadFault::Bus(fault),
                })
            }
        }?;
        // The registers hold at most 13 bits of a sixteenth of a degree, so this cannot overflow.
        #[allow(clippy::cast_possible_truncation)]
        Ok((celsius * 1000.0).round() as i32)
    }
}
